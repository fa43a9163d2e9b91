-- The queue of a session (queue.c; api/08 section 8.3, BR-114 to BR-119). Locks: the session, then the order.

-- name: queue_show
-- $1 session, $2 the caller's doctor row, $3 his roles, $4 zone, $5 today. Administrators see all.
with line as (
    select q.place, q.number, o.is_calling, gh_queue_patient(o, q.number, $4::text, $5::date) as doc
      from gh_queue($1::bigint) q join registration_orders o on o.id = q.id
), seen as (
    select q.place, gh_queue_patient(o, q.number, $4, $5) - '{isCall,priority}'::text[]
                    || jsonb_build_object('completedTime', o.visit_times) as doc
      from gh_queue_seen($1) q join registration_orders o on o.id = q.id
), waiting as (
    select o.id, row_number() over (order by o.id) as place, o.created_at, o.patient_id
      from registration_orders o where o.schedule_id = $1 and o.status = 'waitlist'
), counts as (
    select (select count(*) from line) as confirmed, (select count(*) from waiting) as waitlist, (select count(*) from seen) as completed,
           (select count(*) from line l where not l.is_calling) as waiting,
           (select count(*) from line l where (l.doc->>'passCount')::int > 0) as passed
)
select case when s.id is null then 'QUEUE_SCHEDULE_NOT_FOUND'
            when $3::int & 33 = 0 and s.doctor_id is distinct from $2::bigint then 'QUEUE_READ_FORBIDDEN' end as error,
       json_build_object('id', $1::text) as params,
       json_build_object(
           'stats', json_build_object('totalSlots', c.confirmed + c.waitlist + c.completed, 'confirmedCount', c.confirmed,
                                      'waitlistCount', c.waitlist, 'completedCount', c.completed, 'waitingCount', c.waiting,
                                      'passedCount', c.passed),
           'scheduleInfo', json_build_object('scheduleId', s.id, 'doctorId', s.doctor_id, 'date', s.date, 'timeSection', s.time_section),
           'currentPatient', (select l.doc from line l where l.is_calling),
           'nextPatient', (select jsonb_build_object('orderId', l.doc->'orderId', 'patientId', l.doc->'patientId', 'patientName',
                                      l.doc->'patientName', 'queueNumber', l.number, 'status', l.doc->'status', 'passCount', l.doc->'passCount')
                             from line l where not l.is_calling order by l.place limit 1),
           'queue', (select coalesce(jsonb_agg(l.doc order by l.place), '[]') from line l where not l.is_calling),
           'waitlist', (select coalesce(json_agg(json_build_object(
                                  'orderId', w.id, 'patientId', w.patient_id, 'patientName', p.name, 'status', 'waitlist',
                                  'createTime', gh_dts_text(w.created_at, $4), 'waitlistPosition', w.place) order by w.place), '[]')
                          from waiting w join patients p on p.id = w.patient_id),
           'completedQueue', (select coalesce(jsonb_agg(d.doc order by d.place), '[]') from seen d))::text as body
  from counts c
  left join schedules s on s.id = $1 and s.deleted_at is null;

-- name: queue_lock
-- $1 session, null: of order $2
select s.id, s.doctor_id from schedules s
 where s.id = coalesce($1::bigint, (select o.schedule_id from registration_orders o where o.id = $2::bigint)) and s.deleted_at is null
   for update;

-- name: queue_seen_now
-- Whose patient is being seen in session $1
select o.id from registration_orders o where o.schedule_id = $1::bigint and o.is_calling;

-- name: queue_order
-- Order $1, locked, with the limits of passing over (BR-119) and the switch of R-100
select o.schedule_id, o.status, o.is_calling, o.pass_count, o.checked_in_at is not null,
       (extract(epoch from o.starts_at) * 1000000)::bigint, o.patient_id, p.name, o.reason,
       (select max((c.config_value #>> '{}')::int) from system_config c
         where c.config_key = 'consultation.max_pass_count' and c.is_active and c.config_value #>> '{}' ~ '^([1-9]|10)$'
           and c.scope_type = 'DOCTOR' and c.scope_id = o.doctor_id),
       (select max((c.config_value #>> '{}')::int) from system_config c
         where c.config_key = 'consultation.max_pass_count' and c.is_active and c.config_value #>> '{}' ~ '^([1-9]|10)$'
           and c.scope_type = 'GLOBAL'),
       exists (select from system_config c
                where c.config_key = 'appointment.enforce_start_before_complete' and c.scope_type = 'GLOBAL' and c.is_active
                  and c.config_value = 'true')
  from registration_orders o
  join patients p on p.id = o.patient_id
 where o.id = $1::bigint and o.status <> 'waitlist'
   for update of o;

-- name: queue_call
-- The head of the queue of session $1 is called, but not order $2; $3 now
update registration_orders o set is_calling = true, call_time = $3::timestamptz, version = o.version + 1, updated_at = $3
 where o.id = (select q.id from gh_queue($1::bigint) q where q.id <> $2::bigint order by q.place limit 1)
   and o.status = 'confirmed' and not exists (select from registration_orders x where x.schedule_id = $1 and x.is_calling);

-- name: queue_called
-- Who is being seen in session $1; $2 zone, $3 today
select gh_queue_patient(o, q.number, $2::text, $3::date)::text
  from gh_queue($1::bigint) q join registration_orders o on o.id = q.id
 where o.is_calling;

-- name: queue_pass
-- Order $1 goes to the end; $2 now
update registration_orders o
   set pass_count = o.pass_count + 1, priority = o.priority + 1000, is_calling = false, version = o.version + 1,
       updated_at = $2::timestamptz
 where o.id = $1::bigint;

-- name: queue_completed
-- Order $1 among those seen in session $2; $3 zone, $4 today; and its record
select gh_queue_patient(o, q.number, $3::text, $4::date)::text, r.id
  from gh_queue_seen($2::bigint) q
  join registration_orders o on o.id = q.id
  left join medical_records r on r.appointment_id = o.id and r.status <> 'VOIDED'
 where o.id = $1::bigint;

-- name: record_fill
-- What was found: record $1, $2 its sealed body, $3 diagnosis or null, $4 account that signs, $5 now
with filled as (
    update medical_records r
       set body_enc = $2::bytea, signed_by = $4::bigint, signed_at = $5::timestamptz, version = r.version + 1, updated_at = $5
     where r.id = $1::bigint
 returning r.id
)
insert into diagnoses (record_id, description, kind, created_at)
select f.id, $3::text, 'primary', $5 from filled f where $3 is not null
    on conflict (record_id) where kind = 'primary' do update set description = excluded.description;
