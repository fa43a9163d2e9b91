-- Patients read (api/22: PA-01, PA-04, PA-06, PA-09, PA-11, PA-12; api/30: HB-02, HB-03). Row scope is here: scopes are bits of
-- GH_SCOPE_* that the operation's permission gives the caller. A medical profile is shown to the patient, and to whom record:read
-- lets; each look at one by anybody else is an entry of the audit log (R-124).

-- name: v1_patient
-- PA-01, PA-06. $1 patient, null: one's own; $2 scopes, $3 caller, $4 his patient row, $5 doctor row, $6 department, $7 role bits,
-- $8 include, $9 fields, $10 zone, $11 today
with asked as (
    select string_to_array(replace($9::text, ' ', ''), ',') as fields, gh_acts_for($5::bigint, $6::bigint, $7::int) as doctors,
           gh_scopes_of($3::bigint, 'record:read') as records, gh_scopes_of($3, 'patient:manage') & 1 = 1 as manages
), found as (
    select p, a.fields, coalesce(p.id = $4::bigint, false) as own, a.manages,
           coalesce('medical_profile' = $8::text
                    or exists (select from unnest(a.fields) f where split_part(f, '.', 1) = 'medical_profile'), false) as wanted,
           case when $1::bigint is null and p.id is null then 'PROFILE_NOT_FOUND'
                else gh_patient_reach(p, $2::int, $4, a.doctors, $11::date) end as error,
           case when a.records = 0 and p.id is distinct from $4 then 'FORBIDDEN'
                else gh_patient_reach(p, a.records, $4, a.doctors, $11) end as profile_error
      from asked a
      left join patients p on p.id = coalesce($1::bigint, $4::bigint) and p.deleted_at is null
)
select coalesce(f.error, case when f.wanted then f.profile_error end) as error,
       gh_pick(gh_v1_patient(f.p, f.own or f.manages, case when f.wanted then true end, $10::text, $11), f.fields)::text as body,
       json_build_object('ETag', format('"patient-%s-%s"', (f.p).id, (f.p).version)) as headers,
       case when f.wanted and not f.own and f.error is null and f.profile_error is null
            then json_build_object('action', 'medical_profile.read', 'entity', 'medical_profile', 'entity_id', (f.p).id,
                                   'patient_id', (f.p).id) end as audit
  from found f

-- name: v1_patients
-- PA-04. $1 the query as an object, $2 role bits, $3 scopes, $4 caller, $5 his patient row, $6 doctor row, $7 department, $8 zone,
-- $9 today; of the query: $10 genders, $11 states, $12 doctors who are assigned, $13 and $14 birth dates from and to, $15 blind index of
-- a national id, $16 phone number, $17 words. Filters name their parameters themselves, so that a plan made for the values at hand
-- drops the ones that were not given. Deleted patients are for ADMIN and superusers.
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields,
           coalesce(($1::jsonb->>'include_deleted')::boolean, false) as deleted,
           gh_acts_for($6::bigint, $7::bigint, $2::int) as doctors, gh_scopes_of($4::bigint, 'record:read') as records,
           gh_scopes_of($4, 'patient:manage') & 1 = 1 as manages
), found as materialized (
    select p.id
      from (select id, gender, status, date_of_birth, national_id_bidx from patients where deleted_at is null and $3::int & 1 = 1
             union all
            select id, gender, status, date_of_birth, national_id_bidx from patients
             where deleted_at is not null and $2 & 33 <> 0 and ($1::jsonb->>'include_deleted')::boolean
             union all
            select m.*
              from (select gh_patients_of(gh_acts_for($6, $7, $2), $9::date) as id union select $5::bigint) g
             cross join lateral (select id, gender, status, date_of_birth, national_id_bidx
                                   from patients p where p.id = g.id and p.deleted_at is null offset 0) m
             where $3 & 1 = 0) p
     where true
       and ($10::text[] is null
            or p.gender = any (array(select case g when 'M' then 'male' when 'F' then 'female' else g end from unnest($10) g)))
       and ($11::text[] is null or case p.status when 'INACTIVE' then 'ACTIVE' else p.status end = any ($11))
       and ($12::bigint[] is null or p.id = any (array(select gh_patients_of($12, $9))))
       and ($13::date is null or p.date_of_birth >= $13)
       and ($14::date is null or p.date_of_birth <= $14)
       and ($15::bytea is null or p.national_id_bidx = $15)
       and ($16::text is null
            or p.id = any (array(
                        select n.id from patients n
                         where n.phone = regexp_replace($16, '[ -]', '', 'g') and n.deleted_at is null
                         union all
                        select n.id from users u join patients n on n.user_id = u.id
                         where u.phonenumber = regexp_replace($16, '[ -]', '', 'g') and n.phone is null)))
       and (coalesce($17::text, '') = ''
            or p.id = any (array(
                        select n.id from patients n
                         where gh_name_parts(coalesce(n.full_name, n.name), false) @> gh_name_parts($17, true)
                           and coalesce(n.full_name, n.name) ilike '%' || regexp_replace($17, '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select n.id from patients n where n.mrn ilike '%' || regexp_replace($17, '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select n.id from patients n where n.phone ilike '%' || regexp_replace($17, '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select n.id from users u join patients n on n.user_id = u.id
                         where u.phonenumber ilike '%' || regexp_replace($17, '([\\%_])', '\\\1', 'g') || '%'
                           and n.phone is null)))
), page as (
    select x.id, row_number() over () as place
      from (select f.id
              from asked a
              join found f on true
              left join lateral (select * from patients p where p.id = f.id and a.sort is not null offset 0) p on true
             order by case when a.sort[1] not like '-%' then gh_patient_order(a.sort[1], p) end,
                      case when a.sort[1] like '-%' then gh_patient_order(substr(a.sort[1], 2), p) end desc nulls last,
                      case when a.sort[2] not like '-%' then gh_patient_order(a.sort[2], p) end,
                      case when a.sort[2] like '-%' then gh_patient_order(substr(a.sort[2], 2), p) end desc nulls last,
                      case when a.sort[3] not like '-%' then gh_patient_order(a.sort[3], p) end,
                      case when a.sort[3] like '-%' then gh_patient_order(substr(a.sort[3], 2), p) end desc nulls last,
                      case when a.sort[4] not like '-%' then gh_patient_order(a.sort[4], p) end,
                      case when a.sort[4] like '-%' then gh_patient_order(substr(a.sort[4], 2), p) end desc nulls last,
                      f.id
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
), shown as (
    select g.place, p::patients as p, p.id = $5 is true as own, w.wanted,
           p.id = $5 is true or a.records & 1 = 1 or (a.records & 4 = 4 and gh_assigned(p, a.doctors, $9)) as may
      from asked a
     cross join lateral (select coalesce($1::jsonb->>'include' = 'medical_profile'
                                         or exists (select from unnest(a.fields) f where split_part(f, '.', 1) = 'medical_profile'),
                                         false) as wanted) w
      join page g on true
     cross join lateral (select t.* from patients t where t.id = g.id offset 0) p
)
select case when a.deleted and $2 & 33 = 0 then 'FORBIDDEN'
            when a.records = 0 and ($1::jsonb->>'include' = 'medical_profile'
                                    or exists (select from unnest(a.fields) f where split_part(f, '.', 1) = 'medical_profile'))
                then 'FORBIDDEN' end as error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_patient(s.p, s.own or a.manages, case when s.wanted then s.may end,
                                                                    $8::text, $9), a.fields) order by s.place)
                                from shown s), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers,
       (select json_agg(json_build_object('action', 'medical_profile.read', 'entity', 'medical_profile', 'entity_id', (s.p).id,
                                          'patient_id', (s.p).id) order by s.place)
          from shown s where s.wanted and s.may and not s.own) as audit
  from asked a
 cross join (select count(*) as total from found) t

-- name: v1_medical_profile
-- PA-09. $1 patient, null: one's own; $2 scopes, $3 his patient row, $4 doctor row, $5 department, $6 role bits, $7 zone, $8 today
select case when $1::bigint is null and p.id is null then 'PROFILE_NOT_FOUND'
            else gh_patient_reach(p, $2::int, $3::bigint, gh_acts_for($4::bigint, $5::bigint, $6::int), $8::date) end as error,
       gh_v1_profile(p.id, $7::text)::text as body,
       case when p.id is distinct from $3
            then json_build_object('action', 'medical_profile.read', 'entity', 'medical_profile', 'entity_id', p.id,
                                   'patient_id', p.id) end as audit
  from (select) one
  left join patients p on p.id = coalesce($1::bigint, $3::bigint) and p.deleted_at is null

-- name: v1_timeline
-- PA-11. $1 patient, null: one's own; $2 scopes, $3 caller, $4 his patient row, $5 doctor row, $6 department, $7 role bits, $8 the query
-- as an object, $9 zone, $10 today. Kinds that have a table: appointments as AP-02 shows them, bills as billing:read lets.
with asked as (
    select coalesce($8::jsonb, '{}') as query, coalesce(($8::jsonb->>'page')::int, 1) as page,
           coalesce(($8::jsonb->>'per_page')::int, ($8::jsonb->>'limit')::int, ($8::jsonb->>'page_size')::int, 20) as size,
           string_to_array(replace($8::jsonb->>'fields', ' ', ''), ',') as fields, gh_json_texts($8::jsonb->'kind') as kinds,
           gh_moment($8::jsonb->>'from', $9::text, false) as since, gh_moment($8::jsonb->>'to', $9, true) as until,
           coalesce($8::jsonb->>'sort', '-at') = '-at' as newest, gh_scopes_of($3::bigint, 'appointment:read') as visits,
           gh_scopes_of($3, 'billing:read') as bills
), who as (
    select p.id, coalesce(p.id = $4::bigint, false) as own,
           case when $1::bigint is null and p.id is null then 'PROFILE_NOT_FOUND'
                else gh_patient_reach(p, $2::int, $4, gh_acts_for($5::bigint, $6::bigint, $7::int), $10::date) end as error
      from (select) one
      left join patients p on p.id = coalesce($1::bigint, $4::bigint) and p.deleted_at is null
), found as materialized (
    select e.*
      from who w
     cross join asked a
     cross join lateral (
           select o.starts_at as at, 'appointment' as kind, o.id, concat_ws(', ', 'Visit', m.name) as title,
                  gh_shown_status(o.status) as status
             from registration_orders o
             join doctors d on d.id = o.doctor_id
             left join minor_departments m on m.id = d.dept_id
            where o.patient_id = w.id and o.status <> 'waitlist'
              and (w.own or a.visits & 1 = 1 or (a.visits & 2 = 2 and d.dept_id = $6) or (a.visits & 8 = 8 and o.doctor_id = $5))
           union all
           select coalesce(b.issued_at, b.created_at), 'bill', b.id, 'Bill ' || b.bill_no, b.status
             from bills b
            where b.patient_id = w.id and (w.own or a.bills & 1 = 1)) e
     where w.error is null and (a.kinds is null or e.kind = any (a.kinds)) and (a.since is null or e.at >= a.since)
       and (a.until is null or e.at <= a.until)
), page as (
    select f.*, row_number() over () as place
      from (select f.* from asked a join found f on true
             order by case when a.newest then f.at end desc, case when not a.newest then f.at end, f.kind,
                      case when a.newest then -f.id else f.id end
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) f
)
select w.error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(json_build_object('at', gh_ts_text(p.at, $9), 'kind', p.kind, 'id', p.id,
                                                                        'title', p.title, 'status', p.status), a.fields)
                                              order by p.place) from page p), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join who w
 cross join (select count(*) as total from found) t

-- name: v1_assignments
-- PA-12. $1 patient, $2 scopes, $3 his patient row, $4 doctor row, $5 department, $6 role bits, $7 today
select gh_patient_reach(p, $2::int, $3::bigint, gh_acts_for($4::bigint, $5::bigint, $6::int), $7::date) as error,
       (select coalesce(json_agg(gh_v1_assignment(a) order by a.id), '[]') from care_assignments a where a.patient_id = p.id)::text
           as body
  from (select) one
  left join patients p on p.id = $1::bigint and p.deleted_at is null

-- name: hb_patients
-- HB-02. $1 the query as an object, $2 scopes, $3 caller or null (heartbeat.open_access), $4 his patient row, $5 doctor row,
-- $6 department, $7 role bits, $8 zone, $9 today
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'skip')::int, 0) as skip,
           coalesce(($1::jsonb->>'limit')::int, 1000) as size
), found as materialized (
    select id from patients where deleted_at is null and ($3::bigint is null or $2::int & 1 = 1)
     union all
    select p.id
      from (select gh_patients_of(gh_acts_for($5::bigint, $6::bigint, $7::int), $9::date) as id where $2 & 4 = 4
             union select $4::bigint) g
      join patients p on p.id = g.id and p.deleted_at is null
     where $3 is not null and $2 & 1 = 0
)
select coalesce((select json_agg(gh_hb_patient(p, $8::text) order by p.id)
                   from (select id from found order by id limit a.size offset a.skip) f
                   join patients p on p.id = f.id), '[]')::text as body,
       gh_skip_headers(a.query, a.skip, a.size, (select count(*) from found)) as headers
  from asked a

-- name: hb_patient
-- HB-03. $1 patient, $2 scopes, $3 caller or null (heartbeat.open_access), $4 his patient row, $5 doctor row, $6 department,
-- $7 role bits, $8 zone, $9 today
select case when p.id is null then 'PATIENT_NOT_FOUND'
            when $3::bigint is not null
                then gh_patient_reach(p, $2::int, $4::bigint, gh_acts_for($5::bigint, $6::bigint, $7::int), $9::date) end as error,
       gh_hb_patient(p, $8::text)::text as body
  from (select) one
  left join patients p on p.id = $1::bigint and p.deleted_at is null
