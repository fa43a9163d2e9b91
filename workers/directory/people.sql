-- People as the office and doctors look them up (api/02 section 2.6).

-- name: find_patients
-- $1 part of the name, $2 part of the phone number, $3 patient: null or blank when not asked. $4 today. The eldest first, at most
-- 10000. A branch whose question was not asked is never run. Identity numbers leave masked (BR-112).
with hit as materialized (
    select p.id
      from patients p
     where p.deleted_at is null and ($3::bigint is null or p.id = $3) and coalesce(btrim($2::text), '') = ''
       and (coalesce(btrim($1::text), '') = ''
            or gh_name_parts(coalesce(p.full_name, p.name), false) @> gh_name_parts(btrim($1), true)
               and coalesce(p.full_name, p.name) ilike '%' || regexp_replace(btrim($1::text), '([\\%_])', '\\\1', 'g') || '%')
    union all
    select p.id
      from patients p
     where p.deleted_at is null and ($3::bigint is null or p.id = $3) and btrim($2::text) <> ''
       and p.phone ilike '%' || regexp_replace(btrim($2::text), '([\\%_])', '\\\1', 'g') || '%'
       and (coalesce(btrim($1::text), '') = ''
            or gh_name_parts(coalesce(p.full_name, p.name), false) @> gh_name_parts(btrim($1), true)
               and coalesce(p.full_name, p.name) ilike '%' || regexp_replace(btrim($1::text), '([\\%_])', '\\\1', 'g') || '%')
    union all
    select p.id
      from users u
      join patients p on p.user_id = u.id and p.phone is null
     where p.deleted_at is null and ($3::bigint is null or p.id = $3) and btrim($2::text) <> ''
       and u.phonenumber ilike '%' || regexp_replace(btrim($2::text), '([\\%_])', '\\\1', 'g') || '%'
       and (coalesce(btrim($1::text), '') = ''
            or gh_name_parts(coalesce(p.full_name, p.name), false) @> gh_name_parts(btrim($1), true)
               and coalesce(p.full_name, p.name) ilike '%' || regexp_replace(btrim($1::text), '([\\%_])', '\\\1', 'g') || '%')
)
select json_build_object('patients', coalesce(json_agg(json_build_object(
           'patient_id', p.id, 'name', coalesce(p.full_name, p.name), 'phone', x.phone, 'phone_number', x.phone,
           'gender', case p.gender when 'male' then '男' when 'female' then '女' else '未知' end,
           'age', extract(year from age($4::date, p.date_of_birth))::int, 'identifier', p.identifier,
           'idCard', gh_sealed('card', 'patients.national_id_enc', p.id, p.national_id_enc)) order by p.id), '[]'))::text as body
  from (select id from hit order by id limit 10000) h
  join patients p on p.id = h.id
  left join users u on u.id = p.user_id
 cross join lateral (select coalesce(p.phone, u.phonenumber) as phone) x
