-- tests/bench/peer.sql - the other side of the booking bench (decisions 29): one booking per transaction by one function.
--
-- The same migrated tables with all their constraints and triggers, the same checks in the same order as the booking pool
-- (workers/booking/booking.sql, lib/domain/book_rules.c), the same rows written (order, bill, item, history, counter, job
-- record with the reply) and the same v1 reply made. Refusals raise, so that pgbench counts them as failed. Settings are read
-- as the pool reads them, the lowest free place is found by index where the session was never cancelled in (the usual case).

-- The n-th booking of a run is that of patient bench_patients[n]; all in order of account.
create table bench_patients (n int primary key, user_id bigint not null, patient_id bigint not null, phone text not null);
create table bench_schedules (n int primary key, schedule_id bigint not null);
create sequence bench_turn minvalue 0 cache 1;

create function bench_book(in_schedule bigint, in_user bigint, in_now timestamptz) returns text language plpgsql as $$
declare
    me     record;
    s      record;
    rules  jsonb;
    rates  jsonb;
    today  date := (in_now at time zone 'Asia/Shanghai')::date;
    place  int;
    cap    int;
    at     timestamptz;
    upto   timestamptz;
    rate   numeric;
    due    numeric(12,2);
    oid    bigint;
    bid    bigint;
    number text;
    job    uuid;
    reply  text;
    ts     constant text := 'YYYY-MM-DD"T"HH24:MI:SS+08:00';
begin
    -- who asks: account, roles, permission, own patient, ban (R-91, R-92)
    select u.id, u.full_name, p.id as patient_id, p.name, coalesce(p.phone, u.phonenumber) as phone, p.patient_type,
           exists (select from user_roles ur join role_permissions rp on rp.role_code = ur.role_code
                    where ur.user_id = u.id and rp.permission_code = 'appointment:book') as may,
           exists (select from user_bans b where b.user_id = u.id and b.is_active and b.ban_type in ('register', 'all')
                      and (b.ban_until is null or b.ban_until > in_now)) as banned
      into me
      from users u join patients p on p.user_id = u.id and p.deleted_at is null
     where u.id = in_user and u.is_active and not u.is_deleted;
    if not found or not me.may then raise exception 'FORBIDDEN'; end if;
    if me.banned then raise exception 'BOOKING_SUSPENDED'; end if;

    -- the session, locked, with what the reply needs
    select x.*, d.name as doctor, d.title, d.dept_id, m.name as dept, c.name as clinic into s
      from schedules x
      join doctors d on d.id = x.doctor_id
      join minor_departments m on m.id = d.dept_id
      left join clinics c on c.id = x.clinic_id
     where x.id = in_schedule for update of x;
    if not found then raise exception 'SCHEDULE_NOT_FOUND'; end if;
    if not s.is_latest or s.status <> '正常' then raise exception 'SESSION_SUSPENDED'; end if;
    perform pg_advisory_xact_lock(7205759403792793600 + me.patient_id);

    select c.config_value into rules from system_config c
     where c.config_key = 'registration' and c.is_active
       and (c.scope_type = 'GLOBAL' or (c.scope_type = 'DOCTOR' and c.scope_id = s.doctor_id))
     order by c.scope_type = 'GLOBAL' limit 1;
    select c.config_value into rates from system_config c
     where c.config_key = 'patientIdentityDiscounts' and c.scope_type = 'GLOBAL' and c.is_active;

    if s.date > today + (rules->>'advanceBookingDays')::int then raise exception 'BEYOND_BOOKING_WINDOW'; end if;
    if s.date = today and (in_now at time zone 'Asia/Shanghai')::time >= (rules->>'sameDayDeadline')::time then
        raise exception 'SAME_DAY_CLOSED';
    end if;

    -- a place (R-82)
    if s.remaining_slots <= 0 then raise exception 'SLOT_FULL'; end if;
    place := s.total_slots - s.remaining_slots + 1;
    if exists (select from registration_orders o where o.schedule_id = s.id and o.slot_no = place
                  and o.status in ('pending', 'confirmed', 'completed', 'no_show')) then
        select min(k) into place from generate_series(1, s.total_slots) k
         where not exists (select from registration_orders o where o.schedule_id = s.id and o.slot_no = k
                              and o.status in ('pending', 'confirmed', 'completed', 'no_show'));
    end if;
    cap := greatest(1, floor(extract(epoch from s.ends_at - s.starts_at) / 60 / s.slot_minutes)::int);
    at := s.starts_at + make_interval(mins => (least(place, cap) - 1) * s.slot_minutes);
    upto := least(at + make_interval(mins => s.slot_minutes), s.ends_at);
    if at <= in_now then raise exception 'APPOINTMENT_IN_PAST'; end if;

    -- what the patient has (R-88, R-89, BR-75, BR-78)
    if exists (select from registration_orders o where o.patient_id = me.patient_id and o.schedule_id = s.id
                  and o.status in ('pending', 'confirmed')) then raise exception 'DUPLICATE_BOOKING'; end if;
    if exists (select from registration_orders o where o.patient_id = me.patient_id and o.status in ('pending', 'confirmed')
                  and o.starts_at < upto and o.ends_at > at) then raise exception 'PATIENT_CONFLICT'; end if;
    if (select count(*) from registration_orders o where o.patient_id = me.patient_id and o.status in ('pending', 'confirmed')
           and o.slot_date >= today - (rules->>'appointmentPeriodDays')::int)
       >= (rules->>'maxAppointmentsPerPeriod')::int then raise exception 'BOOKING_LIMIT'; end if;
    if (select count(*) from registration_orders o where o.patient_id = me.patient_id and o.status = 'no_show'
           and o.starts_at >= in_now - interval '90 days') >= (rules->>'noShowLimit')::int then
        raise exception 'BOOKING_SUSPENDED';
    end if;

    -- price (BR-36) and rows
    rate := coalesce((rates->>me.patient_type)::numeric, 1);
    due := round(s.price * rate, 2);
    insert into registration_orders (order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no,
           slot_date, time_section, slot_type, starts_at, ends_at, list_price, discount_rate, price, status, payment_status,
           channel, visit_type, created_at, updated_at)
    values (to_char(today, 'YYYYMMDD') || lpad((nextval('order_no_seq') * 68718953 % 100000000)::text, 8, '0'), me.patient_id,
            in_user, in_user, s.doctor_id, s.id, place, s.date, s.time_section, s.slot_type, at, upto, s.price, rate, due,
            'confirmed', 'pending', 'v1', 'in_person', in_now, in_now)
    returning id, order_no into oid, number;
    insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, discount, total, currency, status, due_date,
           issued_at, created_at, updated_at)
    values ('B' || lpad(nextval('bill_no_seq')::text, 12, '0'), me.patient_id, oid, 'REGISTRATION', s.price, s.price - due, due,
            'CNY', 'ISSUED', today + 30, in_now, in_now, in_now)
    returning id into bid;
    insert into bill_items (bill_id, description, code, unit_price, discount, line_total)
    values (bid, '挂号费', 'REGISTRATION', s.price, s.price - due, due);
    insert into appointment_history (order_id, at, by_user, action, to_value)
    values (oid, in_now, in_user, 'booked',
            jsonb_build_object('schedule_id', s.id, 'slot_no', place, 'status', 'confirmed'));
    update schedules set remaining_slots = remaining_slots - 1, version = version + 1, updated_at = in_now where id = s.id;

    reply := json_build_object('id', oid, 'code', 'A' || number, 'patient_id', me.patient_id, 'doctor_id', s.doctor_id,
        'doctor', json_build_object('id', s.doctor_id, 'name', s.doctor, 'title', s.title),
        'department', json_build_object('id', s.dept_id, 'name', s.dept), 'clinic', json_build_object('id', s.clinic_id,
        'name', s.clinic), 'schedule_id', s.id, 'slot_no', place, 'start_time', to_char(at at time zone 'Asia/Shanghai', ts),
        'end_time', to_char(upto at time zone 'Asia/Shanghai', ts), 'slot_type', 'NORMAL', 'status', 'SCHEDULED',
        'fhir_status', 'booked', 'visit_type', 'in_person', 'reason', null, 'notes', null, 'fee', due, 'currency', 'CNY',
        'bill_id', bid, 'payment_status', 'UNPAID', 'cancel_reason', null, 'cancelled_by', null, 'cancelled_at', null,
        'reschedule_count', 0, 'previous_start_time', null, 'channel', 'v1',
        'created_by', json_build_object('id', in_user, 'full_name', me.full_name),
        'created_at', to_char(in_now at time zone 'Asia/Shanghai', ts),
        'updated_at', to_char(in_now at time zone 'Asia/Shanghai', ts))::text;
    job := overlay(overlay(gen_random_uuid()::text placing substr(gh_uuid7_floor(in_now)::text, 1, 13) from 1)
                   placing '7' from 15)::uuid;
    insert into job_done (id, op, status, body) values (job, 'booking.v1_book_appointment', 201, reply);
    return reply;
end $$;

-- Turn n of a hot run: every booking another patient. Turn n of a spread run: patients in order, ten rounds, each booking of a
-- patient on another day or part of the day.
create function bench_hot(in_schedule bigint) returns text language sql as $$
    select bench_book(in_schedule, p.user_id, clock_timestamp()) from bench_patients p
     where p.n = (select nextval('bench_turn') % (select max(n) + 1 from bench_patients))
$$;
create function bench_spread() returns text language plpgsql as $$
declare
    turn     int := nextval('bench_turn');
    people   int := (select max(b.n) + 1 from bench_patients b);
    sessions int := (select max(b.n) + 1 from bench_schedules b);
begin
    return bench_book((select b.schedule_id from bench_schedules b
                        where b.n = (turn % people)::bigint * 7919 % (sessions - 10) + turn / people % 10),
                      (select b.user_id from bench_patients b where b.n = turn % people), clock_timestamp());
end $$;
