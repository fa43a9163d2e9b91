-- Reading operations: one statement each, one row: body, and as wanted error, headers. Row scope is here (decisions 3):
-- scopes are the bits of GH_SCOPE_* that the caller's permission gives; 0 in an id of the caller means he has none.

-- name: code_list
-- Own ($1: the caller's patient row) or initiated ($2: the caller) orders, newest first (BR-93, BR-94).
-- $3 the caller's patient row, $4 status, $5 page, $6 page size, $7 zone, $8 now.
with found as (
    select o.id, o.created_at
      from registration_orders o
     where o.patient_id = nullif($1::bigint, 0) and $2::bigint is null
       and ($4::text is null or $4::text not in ('confirmed', 'finished', 'completed', 'cancelled', 'pending')
            or o.status = case $4::text when 'finished' then 'completed' else $4::text end)
    union all
    select o.id, o.created_at
      from registration_orders o
     where o.initiator_user_id = $2::bigint
       and ($4::text is null or $4::text not in ('confirmed', 'finished', 'completed', 'cancelled', 'pending')
            or o.status = case $4::text when 'finished' then 'completed' else $4::text end)
), page as (
    select f.id from found f order by f.created_at desc, f.id desc
     limit $6::int offset ($5::bigint - 1) * $6::int
)
select case when coalesce($3::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING' end as error,
       json_build_object('total', (select count(*) from found), 'page', $5::int, 'pageSize', $6::int,
           'list', coalesce((select json_agg(gh_code_appointment(b, $7::text, $8::timestamptz)
                                             order by b.created_at desc, b.id desc)
                               from page p
                              cross join lateral (select v.* from v_bookings v where v.id = p.id offset 0) b), '[]')) as body;

-- name: code_get
-- $1 order, $2 caller, $3 his patient row, $4 zone, $5 now (BR-95).
select case when coalesce($3::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING'
            when b.id is null then 'APPOINTMENT_NOT_FOUND'
            when $2::bigint is distinct from b.patient_user_id and $2::bigint is distinct from b.user_id
                 and $2::bigint is distinct from b.initiator_user_id then 'APPOINTMENT_READ_FORBIDDEN' end as error,
       gh_code_appointment_detail(b, $4::text, $5::timestamptz) as body
  from (select) x
  left join v_bookings b on b.id = $1::bigint;

-- name: v1_list
-- AP-02, AP-03, AP-04. $1 the query as an object, $2 scopes (null: AP-03, AP-04: own rows of the role in question),
-- $3 the caller's patient row, $4 whose relatives count as own, $5 his doctor row, $6 his department, $7 now, $8 zone,
-- $9 currency, $10 PA-15: the patient whose appointments these are, else null, $11 today. Who sees everything gets what `way` finds by an
-- index: appointments of patients, doctors, sessions (by their doctors), departments, of a time, or a page off the index of ids; what
-- asks for none of these reads all. A branch that is not the way is never run. `offset 0` keeps the planner from joining all rows before
-- it knows which ones are on the page.
with asked as materialized (
    select coalesce($1::jsonb, '{}') as query,
           coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           gh_json_texts($1::jsonb->'status') as statuses, gh_json_texts($1::jsonb->'fhir_status') as fhir,
           gh_json_texts($1::jsonb->'doctor_id')::bigint[] as doctors,
           case when $10::bigint is not null then array[$10] else gh_json_texts($1::jsonb->'patient_id')::bigint[] end as patients,
           gh_json_texts($1::jsonb->'dept_id')::bigint[] as depts,
           gh_json_texts($1::jsonb->'schedule_id')::bigint[] as sessions,
           gh_json_texts($1::jsonb->'payment_status') as payments, gh_json_texts($1::jsonb->'channel') as channels,
           gh_moment($1::jsonb->>'start_time_from', $8::text, false) as since,
           gh_moment($1::jsonb->>'start_time_to', $8::text, true) as until,
           ($1::jsonb->>'date')::date as day, coalesce(($1::jsonb->>'upcoming')::boolean, false) as upcoming,
           lower($1::jsonb->>'q') as words, string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields,
           coalesce($2::int, 8) & 3 = 0 and coalesce($5::bigint, 0) = 0 as own_list
), mode as materialized (
    select a.*,
           -- a session that begins late goes on after midnight: its places lie within two days of its date
           greatest(coalesce(a.since, '-infinity'), coalesce(a.day::timestamp at time zone $8::text, '-infinity')) as first,
           least(coalesce(a.until, 'infinity'), coalesce((a.day + 2)::timestamp at time zone $8::text, 'infinity')) as last,
           case when $2::int & 1 = 1 is not true then 'own'
                when a.patients is not null then 'patients'
                when a.doctors is not null then 'doctors'
                when a.sessions is not null then 'sessions'
                when a.depts is not null then 'depts'
                when a.since is not null or a.until is not null or a.day is not null then 'time'
                when coalesce(a.statuses, a.fhir, a.payments, a.channels) is null and a.words is null and not a.upcoming
                     and (a.sort is null or a.sort = '{id}' or a.sort = '{-id}') then 'page'
                else 'all' end as way
      from asked a
), visible as (
    select o.* from registration_orders o
     where (select way from mode) = 'patients' and o.patient_id = any ((select patients from mode)::bigint[])
    union all
    select o.* from registration_orders o
     where (select way from mode) = 'doctors' and o.doctor_id = any ((select doctors from mode)::bigint[])
    union all
    select o.*
      from (select distinct s.doctor_id from schedules s
             where (select way from mode) = 'sessions' and s.id = any ((select sessions from mode)::bigint[])) d
     cross join lateral (select x.* from registration_orders x where x.doctor_id = d.doctor_id offset 0) o
    union all
    select o.*
      from (select d.id from doctors d where (select way from mode) = 'depts' and d.dept_id = any ((select depts from mode)::bigint[])) d
     cross join lateral (select x.* from registration_orders x where x.doctor_id = d.id offset 0) o
    union all
    select o.* from registration_orders o
     where (select way from mode) = 'time'
       and o.status = any ('{pending,confirmed,completed,cancelled,timeout,no_show}')
       and o.starts_at >= (select first from mode) and o.starts_at <= (select last from mode)
    union all
    select o.* from registration_orders o
     where (select way from mode) = 'all'
    union all
    select o.*
      from (select x.id
              from (select nullif($3::bigint, 0) as id
                    union
                    select r.related_patient_id from patient_relations r
                     where r.user_patient_id = nullif($4::bigint, 0)) w
              join registration_orders x on x.patient_id = w.id
             where coalesce($2::int, 8) & 9 = 8
            union
            select x.id from registration_orders x
             where x.doctor_id = nullif($5::bigint, 0) and coalesce($2::int, 8) & 9 = 8
            union
            select x.id from doctors d join registration_orders x on x.doctor_id = d.id
             where d.dept_id = nullif($6::bigint, 0) and $2::int & 3 = 2) own
     cross join lateral (select x.* from registration_orders x where x.id = own.id offset 0) o
), found as materialized (
    select o.id, o.starts_at, o.created_at, gh_shown_status(o.status) as shown_status
      from mode a
      join visible o on true
     where o.status <> 'waitlist'
       and (a.statuses is null or gh_shown_status(o.status) = any (a.statuses))
       and (a.fhir is null or gh_fhir_status(o.status, o.checked_in_at) = any (a.fhir))
       and (a.doctors is null or o.doctor_id = any (a.doctors))
       and (a.patients is null or o.patient_id = any (a.patients))
       and (a.depts is null or o.doctor_id = any (array(select d.id from doctors d where d.dept_id = any ((select depts from mode)::bigint[]))))
       and (a.sessions is null or o.schedule_id = any (a.sessions))
       and (a.payments is null or gh_shown_payment(o.payment_status, o.price) = any (a.payments))
       and (a.channels is null or o.channel = any (a.channels))
       and (a.since is null or o.starts_at >= a.since)
       and (a.until is null or o.starts_at <= a.until)
       and (a.day is null or o.slot_date = a.day)
       and (not a.upcoming or (o.status in ('pending', 'confirmed') and o.starts_at > $7::timestamptz))
       and (a.words is null or a.own_list or strpos(lower('A' || o.order_no), a.words) > 0
            or exists (select from patients p left join users u on u.id = p.user_id
                        where p.id = o.patient_id and (strpos(lower(p.name), a.words) > 0
                              or strpos(coalesce(p.phone, u.phonenumber, ''), a.words) > 0)))
), page as (
    select x.id, row_number() over () as place
      from (select f.id
              from mode a
              join found f on true
             order by gh_booking_order(a.sort[1], f.id, f.starts_at, f.created_at, f.shown_status),
                      gh_booking_order(a.sort[2], f.id, f.starts_at, f.created_at, f.shown_status),
                      gh_booking_order(a.sort[3], f.id, f.starts_at, f.created_at, f.shown_status),
                      gh_booking_order(a.sort[4], f.id, f.starts_at, f.created_at, f.shown_status),
                      case when a.sort is null then -f.id else f.id end
             limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) x
    union all
    select y.id, row_number() over ()
      from (select * from (select o.id from registration_orders o
                            where (select way = 'page' and sort is distinct from '{id}' from mode) and o.status <> 'waitlist'
                            order by o.id desc limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) down
            union all
            select * from (select o.id from registration_orders o
                            where (select way = 'page' and sort = '{id}' from mode) and o.status <> 'waitlist'
                            order by o.id limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) up) y
)
select case when $2::int is null and coalesce($3::bigint, 0) = 0 and coalesce($5::bigint, 0) = 0
            then 'PROFILE_NOT_FOUND'
            when $10 is not null then (
                select case when p.id is null then 'NOT_FOUND'
                            when $2 & 3 = 0 and not (coalesce(p.id = $3::bigint, false) or gh_assigned(p, array[$5::bigint], $11::date)
                                 or exists (select from patient_relations r
                                             where r.user_patient_id = $4 and r.related_patient_id = p.id)) then 'NOT_OWNER' end
                  from (select) x left join patients p on p.id = $10 and p.deleted_at is null) end as error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(case when a.own_list then gh_without(x.doc, 'patient') else x.doc end,
                                                      a.fields) order by p.place)
                                from page p
                               cross join lateral (select gh_v1_appointment(b, $8::text, $9::text) as doc
                                                     from v_bookings b where b.id = p.id offset 0) x), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size) as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from mode a
 cross join (select (select count(*) from found)
                    + (select count(*) from registration_orders o where (select way from mode) = 'page' and o.status <> 'waitlist') as total) t;

-- name: v1_get
-- $1 order, $2 scopes, $3 the caller's patient row, $4 his doctor row, $5 his department, $6 zone, $7 currency.
select case when b.id is null or b.status = 'waitlist' then 'NOT_FOUND'
            when not gh_may_see_order(b, $2::int, $3::bigint, $4::bigint, $5::bigint) then 'NOT_OWNER' end as error,
       gh_v1_appointment(b, $6::text, $7::text) as body,
       case when b.id is not null
            then json_build_object('ETag', format('"appointment-%s-%s"', b.id, b.version)) end as headers
  from (select) x
  left join v_bookings b on b.id = $1::bigint;

-- name: hb_list
-- by_doctor ($1 doctor, $2 null) and by_patient ($1 null, $2 patient), by time (R-223). $3 the query as an object,
-- $4 scopes (0 and no caller: open access), $5 caller, $6 his patient row, $7 his doctor row, $8 his department, $9 zone, $10 today.
with may as (
    select case
        when $1::bigint is not null and not exists (select from doctors d where d.id = $1::bigint and d.deleted_at is null)
        then 'DOCTOR_NOT_FOUND'
        when $2::bigint is not null and not exists (select from patients p where p.id = $2::bigint and p.deleted_at is null)
        then 'PATIENT_NOT_FOUND'
        when ($4::int & 1 = 1) or coalesce($5::bigint, 0) = 0 then null
        when $1::bigint is not null and $4::int & 2 = 2
             and exists (select from doctors d where d.id = $1::bigint and d.dept_id = nullif($8::bigint, 0)) then null
        when $1::bigint is not null and $4::int & 8 = 8 and $1::bigint = nullif($7::bigint, 0) then null
        when $2::bigint is not null and $4::int & 8 = 8
             and ($2::bigint = nullif($6::bigint, 0)
                  or exists (select from patient_relations r where r.user_patient_id = nullif($6::bigint, 0)
                                and r.related_patient_id = $2::bigint)) then null
        when $2::bigint is not null and $4::int & 12 <> 0
             and exists (select from patients p
                          where p.id = $2::bigint and gh_assigned(p, array[nullif($7::bigint, 0)], $10::date)) then null
        else 'NOT_OWNER' end as error
), found as (
    select o.id, o.starts_at, o.status
      from registration_orders o
     where o.doctor_id = $1::bigint and (select error from may) is null
       and o.status <> 'waitlist' and not o.hb_hidden
    union all
    select o.id, o.starts_at, o.status
      from registration_orders o
     where o.patient_id = $2::bigint and (select error from may) is null
       and o.status <> 'waitlist' and not o.hb_hidden
), shown as (
    select f.id, f.starts_at
      from found f
     where $3::jsonb->>'status' is null or gh_shown_status(f.status) = $3::jsonb->>'status'
), asked as (
    select coalesce(($3::jsonb->>'skip')::int, 0) as skip, coalesce(($3::jsonb->>'limit')::int, 1000) as size,
           coalesce(($3::jsonb->>'expand')::boolean, false) as expand
)
select (select error from may) as error,
       coalesce((select json_agg(x.doc order by p.starts_at, p.id)
                   from (select s.* from shown s order by s.starts_at, s.id limit a.size offset a.skip) p
                  cross join lateral (select gh_hb_appointment(b, $9::text, a.expand) as doc
                                        from v_bookings b where b.id = p.id offset 0) x), '[]') as body,
       case when (select error from may) is null
            then gh_skip_headers(coalesce($3::jsonb, '{}'), a.skip, a.size, (select count(*) from shown)) end as headers
  from asked a;

-- name: hb_get
-- $1 order, $2 scopes, $3 caller, $4 his patient row, $5 his doctor row, $6 his department, $7 expand, $8 zone.
select case when b.id is null or b.status = 'waitlist' or b.hb_hidden then 'APPOINTMENT_NOT_FOUND'
            when coalesce($3::bigint, 0) <> 0 and not gh_may_see_order(b, $2::int, $4::bigint, $5::bigint, $6::bigint)
            then 'NOT_OWNER' end as error,
       gh_hb_appointment(b, $8::text, coalesce($7::boolean, false)) as body
  from (select) x
  left join v_bookings b on b.id = $1::bigint;
