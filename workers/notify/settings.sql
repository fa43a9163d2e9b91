-- What doctors want to be told (api/08 section 8.8). Who has chosen nothing is told everything.

-- name: doctor_settings
-- $1 doctor
select gh_doctor_settings(s)::text as body
  from (select) x left join doctor_notification_settings s on s.doctor_id = $1::bigint;

-- name: doctor_settings_set
-- $1 doctor, $2 body, $3 now. Absent members keep their value.
with put as (
    insert into doctor_notification_settings as s
           (doctor_id, schedule_change, leave_approval, system_announcement, patient_appointment, created_at, updated_at)
    select $1::bigint, coalesce(($2::jsonb->>'schedule_change')::boolean, true), coalesce(($2::jsonb->>'leave_approval')::boolean, true),
           coalesce(($2::jsonb->>'system_announcement')::boolean, true),
           coalesce(($2::jsonb->>'patient_appointment')::boolean, true), $3::timestamptz, $3
        on conflict (doctor_id) do update
       set schedule_change = coalesce(($2::jsonb->>'schedule_change')::boolean, s.schedule_change),
           leave_approval = coalesce(($2::jsonb->>'leave_approval')::boolean, s.leave_approval),
           system_announcement = coalesce(($2::jsonb->>'system_announcement')::boolean, s.system_announcement),
           patient_appointment = coalesce(($2::jsonb->>'patient_appointment')::boolean, s.patient_appointment),
           version = s.version + 1, updated_at = $3
 returning s.*
)
select gh_doctor_settings(p)::text as body from put p;
