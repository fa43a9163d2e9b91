-- People as the office and doctors look them up (api/02 section 2.6).

-- name: find_patients
-- $1 part of the name, $2 part of the phone number, $3 patient: null or blank when not asked. $4 today. The eldest first, at most
-- 10000. `sealed` is the identity number as it lies there.
with hit as materialized (
    select p.id
      from patients p
     where p.deleted_at is null and ($3::bigint is null or p.id = $3) and coalesce(btrim($2::text), '') = ''
       and (coalesce(btrim($1::text), '') = '' or p.name ilike '%' || regexp_replace(btrim($1::text), '([\\%_])', '\\\1', 'g') || '%')
    union all
    select p.id
      from patients p
     where p.deleted_at is null and ($3::bigint is null or p.id = $3) and btrim($2::text) <> ''
       and p.phone ilike '%' || regexp_replace(btrim($2::text), '([\\%_])', '\\\1', 'g') || '%'
       and (coalesce(btrim($1::text), '') = '' or p.name ilike '%' || regexp_replace(btrim($1::text), '([\\%_])', '\\\1', 'g') || '%')
    union all
    select p.id
      from users u
      join patients p on p.user_id = u.id and p.phone is null
     where p.deleted_at is null and ($3::bigint is null or p.id = $3) and btrim($2::text) <> ''
       and u.phonenumber ilike '%' || regexp_replace(btrim($2::text), '([\\%_])', '\\\1', 'g') || '%'
       and (coalesce(btrim($1::text), '') = '' or p.name ilike '%' || regexp_replace(btrim($1::text), '([\\%_])', '\\\1', 'g') || '%')
)
select p.id, p.name, coalesce(p.phone, u.phonenumber) as phone,
       case p.gender when 'male' then '男' when 'female' then '女' else '未知' end as gender,
       extract(year from age($4::date, p.date_of_birth))::int as age, p.identifier, encode(p.national_id_enc, 'hex') as sealed
  from (select id from hit order by id limit 10000) h
  join patients p on p.id = h.id
  left join users u on u.id = p.user_id
 order by p.id
