-- Quotes (quote.c): what a patient would pay for a place of a session.

-- name: quote_facts
-- One row a job: $1 sessions, $2 patients or null for the caller's own, $3 callers. What each level of the ladder says for the slot type
-- of the session (BR-31), the patient's type, and whose the patient is (BR-72).
select s.id, s.slot_type, s.price,
       case s.slot_type when '专家' then d.expert when '特需' then d.special else d.normal end,
       case s.slot_type when '专家' then c.expert when '特需' then c.special else c.normal end,
       case s.slot_type when '专家' then m.expert when '特需' then m.special else m.normal end,
       case s.slot_type when '专家' then g.expert when '特需' then g.special else g.normal end,
       own.id, p.id, p.patient_type,
       p.id is not null and p.id is distinct from own.id and exists (
           select from patient_relations r where r.user_patient_id = own.id and r.related_patient_id = p.id) as related,
       p.id is not null and p.id is distinct from own.id and exists (
           select from doctors x
            where x.user_id = t.user_id and x.deleted_at is null
              and (p.primary_doctor_id = x.id
                   or exists (select from registration_orders o where o.patient_id = p.id and o.doctor_id = x.id
                                 and o.status in ('pending', 'confirmed', 'completed', 'no_show')))) as assigned
  from unnest($1::bigint[], $2::bigint[], $3::bigint[]) with ordinality as t (schedule_id, patient_id, user_id, n)
  left join schedules s on s.id = t.schedule_id and s.is_latest
  left join doctors k on k.id = s.doctor_id
  left join v_list_prices d on d.scope_type = 'DOCTOR' and d.scope_id = s.doctor_id
  left join v_list_prices c on c.scope_type = 'CLINIC' and c.scope_id = s.clinic_id
  left join v_list_prices m on m.scope_type = 'MINOR_DEPT' and m.scope_id = k.dept_id
  left join v_list_prices g on g.scope_type = 'GLOBAL' and g.scope_id = 0
  left join patients own on own.user_id = t.user_id and own.deleted_at is null
  left join patients p on p.id = coalesce(t.patient_id, own.id) and p.deleted_at is null
 order by t.n

-- name: quote_rates
-- Identity rates in ten-thousandths, as BR-37 mends them
select round((r ->> '学生')::numeric * 10000)::int, round((r ->> '教师')::numeric * 10000)::int,
       round((r ->> '职工')::numeric * 10000)::int, round((r ->> '校外')::numeric * 10000)::int
  from gh_identity_rates((select config_value from v_global_config where config_key = 'patientIdentityDiscounts')) r
