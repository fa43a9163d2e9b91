-- Bills, payments and refunds as they are read (api/26). R-127: a patient sees the bills of the own patient row, and those of
-- appointments that he placed for somebody; R-12: another's is NOT_OWNER.

-- name: v1_bill_payments
-- PY-02. $1 bill, $2 scopes, $3 who asks, $4 his patient row, $5 zone
select case when not gh_bill_seen(b, $2::int, $3::bigint, $4::bigint) then 'NOT_OWNER' end as error,
       (select coalesce(json_agg(gh_v1_payment(p, $5::text) order by p.id), '[]') from payments p where p.bill_id = b.id)::text as body
  from bills b
 where b.id = $1::bigint;

-- name: v1_payment
-- PY-04. $1 payment, $2 scopes, $3 who asks, $4 his patient row, $5 zone, $6 fields
select case when not gh_bill_seen(b, $2::int, $3::bigint, $4::bigint) then 'NOT_OWNER' end as error,
       gh_pick(gh_v1_payment(p, $5::text), string_to_array(replace($6::text, ' ', ''), ','))::text as body
  from payments p
  join bills b on b.id = p.bill_id
 where p.id = $1::bigint;

-- name: v1_payment_refunds
-- PY-08. As v1_bill_payments, $1 payment
select case when not gh_bill_seen(b, $2::int, $3::bigint, $4::bigint) then 'NOT_OWNER' end as error,
       (select coalesce(json_agg(gh_v1_refund(r, $5::text) order by r.id), '[]') from refunds r where r.payment_id = p.id)::text as body
  from payments p
  join bills b on b.id = p.bill_id
 where p.id = $1::bigint;

-- name: v1_payments
-- PY-03. $1 the query as an object, $2 zone
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           gh_json_texts($1::jsonb->'status') as states, gh_json_texts($1::jsonb->'method') as methods,
           gh_json_texts($1::jsonb->'provider') as providers, lower($1::jsonb->>'q') as words,
           gh_moment($1::jsonb->>'created_at_from', $2::text, false) as since,
           gh_moment($1::jsonb->>'created_at_to', $2::text, true) as until,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), found as materialized (
    select p.id, p.created_at
      from asked a
      join payments p on (a.states is null or p.status = any (a.states)) and (a.methods is null or p.method = any (a.methods))
                     and (a.providers is null or p.provider = any (a.providers))
                     and p.created_at >= coalesce(a.since, '-infinity') and p.created_at <= coalesce(a.until, 'infinity')
                     and (a.words is null or strpos(lower(p.payment_no), a.words) > 0
                          or strpos(lower(coalesce(p.provider_ref, '')), a.words) > 0)
), page as (
    select x.id, row_number() over () as place
      from (select f.id from asked a join found f on true
             order by gh_payment_order(a.sort[1], f.id, f.created_at), gh_payment_order(a.sort[2], f.id, f.created_at),
                      case when a.sort is null then -f.id else f.id end
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_payment(p, $2), a.fields) order by x.place)
                                from page x join payments p on p.id = x.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join (select count(*) as total from found) t;

-- name: v1_bills
-- BI-01, BI-03, BI-04. $1 the query as an object, $2 whose bills (null: all, which only `all` may ask), $3 scopes (null: BI-03; only `all`
-- sees drafts), $4 his patient row, $5 today, $6 zone. Each branch of `visible` has its index.
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           gh_json_texts(replace(($1::jsonb->'status')::text, '"PENDING"', '"ISSUED"')::jsonb) as states,
           gh_json_texts($1::jsonb->'kind') as kinds, gh_json_texts($1::jsonb->'appointment_id')::bigint[] as appointments,
           gh_json_texts($1::jsonb->'patient_id')::bigint[] as patients, ($1::jsonb->>'overdue')::boolean as overdue,
           ($1::jsonb->>'total_from')::numeric as least, ($1::jsonb->>'total_to')::numeric as most, lower($1::jsonb->>'q') as words,
           gh_moment($1::jsonb->>'created_at_from', $6::text, false) as since,
           gh_moment($1::jsonb->>'created_at_to', $6::text, true) as until,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), visible as (
    select b.* from bills b where b.patient_id = $2::bigint
    union all
    select b.* from bills b
     where $2 is null and $3::int & 1 = 1 and b.appointment_id = any (gh_json_texts($1::jsonb->'appointment_id')::bigint[])
    union all
    select b.* from bills b
     where $2 is null and $3 & 1 = 1 and gh_json_texts($1::jsonb->'appointment_id') is null
       and b.patient_id = any (gh_json_texts($1::jsonb->'patient_id')::bigint[])
    union all
    select b.* from bills b
     where $2 is null and $3 & 1 = 1 and gh_json_texts($1::jsonb->'appointment_id') is null
       and gh_json_texts($1::jsonb->'patient_id') is null
       and b.created_at >= coalesce(gh_moment($1::jsonb->>'created_at_from', $6::text, false), '-infinity')
       and b.created_at <= coalesce(gh_moment($1::jsonb->>'created_at_to', $6, true), 'infinity')
), found as materialized (
    select b.id, (select array_agg(gh_bill_order(k.key, b) order by k.n) from unnest(a.sort) with ordinality as k (key, n)) as keys
      from asked a
      join visible b on true
     where (a.states is null or b.status = any (a.states)) and (a.kinds is null or b.kind = any (a.kinds))
       and (coalesce($3::int, 0) & 1 = 1 or b.status <> 'DRAFT')
       and (a.appointments is null or b.appointment_id = any (a.appointments))
       and (a.patients is null or b.patient_id = any (a.patients))
       and (a.overdue is null or gh_bill_overdue(b, $5::date) = a.overdue)
       and (a.least is null or b.total >= a.least) and (a.most is null or b.total <= a.most)
       and (a.since is null or b.created_at >= a.since) and (a.until is null or b.created_at <= a.until)
       and (a.words is null or strpos(lower(b.bill_no), a.words) > 0 or strpos(lower(coalesce(b.notes, '')), a.words) > 0
            or exists (select from patients p where p.id = b.patient_id
                          and strpos(lower(coalesce(p.full_name, p.name)), a.words) > 0))
), page as (
    select x.id, row_number() over () as place
      from (select f.id from asked a join found f on true
             order by f.keys, case when a.sort is null then -f.id else f.id end
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select case when $3 is null and coalesce($4::bigint, 0) = 0 then 'PROFILE_NOT_FOUND'
            when $2 is null and $3 is null then 'PROFILE_NOT_FOUND'
            when $2 is not null and not exists (select from patients p where p.id = $2 and p.deleted_at is null) then 'NOT_FOUND'
            when $2 is not null and $3 & 1 = 0 and $2 is distinct from $4 then 'NOT_OWNER' end as error,
       (json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_bill(b, $5, $6), a.fields) order by x.place)
                                from page x join bills b on b.id = x.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::jsonb
        || case when $2 is not null and $3 is not null then jsonb_build_object('summary', (
               select jsonb_build_object('billed', coalesce(sum(b.total), 0.00), 'paid', coalesce(sum(b.paid_amount), 0.00),
                                         'refunded', coalesce(sum(b.refunded_amount), 0.00),
                                         'insurance', coalesce(sum(b.insurance_amount), 0.00),
                                         'balance', coalesce(sum(gh_bill_balance(b)), 0.00))
                 from bills b where b.patient_id = $2 and b.status not in ('DRAFT', 'CANCELLED'))) else '{}' end)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join (select count(*) as total from found) t;

-- name: v1_bill
-- BI-05. $1 bill, $2 scopes, $3 who asks, $4 his patient row, $5 today, $6 zone, $7 fields
select case when not gh_bill_seen(b, $2::int, $3::bigint, $4::bigint) then 'NOT_OWNER' end as error,
       gh_pick((gh_v1_bill(b, $5::date, $6::text)::jsonb || jsonb_build_object(
           'payments', (select coalesce(json_agg(gh_v1_payment(p, $6) order by p.id), '[]') from payments p where p.bill_id = b.id),
           'refunds', (select coalesce(json_agg(gh_v1_refund(r, $6) order by r.id), '[]')
                         from payments p join refunds r on r.payment_id = p.id where p.bill_id = b.id),
           'claims', '[]'::jsonb))::json, string_to_array(replace($7::text, ' ', ''), ','))::text as body,
       json_build_object('ETag', format('"bill-%s-%s"', b.id, b.version)) as headers
  from bills b
 where b.id = $1::bigint;
