-- The life of an appointment (lib/domain/order_states.h): the second line behind its steps, and what AP-05 to AP-13 show.

-- As in 0003, and: only a confirmed order is checked in, and what is over stays where it was.
create or replace function gh_order_step() returns trigger language plpgsql as $$
declare
    broken text;
begin
    if new.status <> old.status and not (old.status || '>' || new.status = any (array[
            'pending>confirmed', 'pending>cancelled', 'pending>timeout',
            'confirmed>completed', 'confirmed>cancelled', 'confirmed>no_show',
            'waitlist>pending', 'waitlist>confirmed', 'waitlist>cancelled'])) then
        broken := 'registration_orders_step_ck';
    elsif new.checked_in_at is distinct from old.checked_in_at and (old.status <> 'confirmed' or new.status <> 'confirmed') then
        broken := 'registration_orders_arrival_ck';
    elsif old.status in ('completed', 'cancelled', 'timeout', 'no_show')
          and (new.schedule_id, new.slot_no, new.starts_at, new.ends_at, new.patient_id, new.doctor_id)
              is distinct from (old.schedule_id, old.slot_no, old.starts_at, old.ends_at, old.patient_id, old.doctor_id) then
        broken := 'registration_orders_final_ck';
    end if;
    if broken is not null then
        raise exception 'order %: % > % is not a step', old.id, old.status, new.status
            using errcode = 'check_violation', table = 'registration_orders', constraint = broken;
    end if;
    return new;
end $$;
drop trigger registration_orders_step on registration_orders;
create trigger registration_orders_step before update on registration_orders
    for each row when ((new.status, new.checked_in_at, new.schedule_id, new.slot_no, new.starts_at, new.ends_at, new.patient_id, new.doctor_id)
                       is distinct from
                       (old.status, old.checked_in_at, old.schedule_id, old.slot_no, old.starts_at, old.ends_at, old.patient_id, old.doctor_id))
    execute function gh_order_step();
alter table registration_orders add constraint registration_orders_arrived_ck
    check (checked_in_at is null or status in ('confirmed', 'completed', 'cancelled', 'no_show'));

-- May somebody see an appointment (appointment:read of api/20 section 6)? scopes: GH_SCOPE_*; the ids of the caller's patient row,
-- doctor row and department, null or 0 when he has none. An own patient is oneself or a relative.
create function gh_may_see_order(b v_bookings, scopes int, own_patient bigint, own_doctor bigint, own_dept bigint)
returns boolean language sql stable as $$
    select ((scopes & 1 = 1)
            or (scopes & 2 = 2 and b.dept_id = nullif(own_dept, 0))
            or (scopes & 8 = 8 and (b.patient_id = nullif(own_patient, 0) or b.doctor_id = nullif(own_doctor, 0)
                or exists (select from patient_relations r where r.user_patient_id = nullif(own_patient, 0)
                              and r.related_patient_id = b.patient_id)))) is true
$$;

-- A value of an appointment's history in the words of api/24.
create function gh_history_value(v jsonb) returns jsonb language sql immutable as $$
    select case when v is null then null
                else jsonb_strip_nulls(v
                     || case when v ? 'status' then jsonb_build_object('status', gh_shown_status(v->>'status'), 'fhir_status',
                                 case when v ? 'checked_in_at' then 'arrived' else gh_fhir_status(v->>'status', null) end) else '{}' end
                     || case when v ? 'payment_status' then jsonb_build_object('payment_status', gh_shown_payment(v->>'payment_status'))
                             else '{}' end) end
$$;

-- WAIVED: there was never anything to pay. Otherwise as before.
create function gh_shown_payment(payment_status text, price numeric) returns text language sql immutable as $$
    select case when price = 0 then 'WAIVED' else gh_shown_payment(payment_status) end
$$;
create or replace view v_bookings as
    select o.*, gh_shown_status(o.status) as shown_status, gh_fhir_status(o.status, o.checked_in_at) as fhir_status,
           s.starts_at as session_starts_at,
           p.name as patient_name, p.first_name as patient_first_name, p.last_name as patient_last_name,
           p.gender as patient_gender, p.user_id as patient_user_id, coalesce(p.phone, pu.phonenumber) as patient_phone,
           d.name as doctor_name, d.title as doctor_title, d.specialty as doctor_specialty, d.user_id as doctor_user_id,
           m.id as dept_id, m.name as dept_name, c.id as clinic_id, c.name as clinic_name,
           h.id as area_id, h.name as area_name, h.destination as area_address, b.id as bill_id,
           gh_shown_payment(o.payment_status, o.price) as shown_payment
      from registration_orders o
      join schedules s on s.id = o.schedule_id
      join patients p on p.id = o.patient_id
      left join users pu on pu.id = p.user_id
      join doctors d on d.id = o.doctor_id
      left join minor_departments m on m.id = d.dept_id
      left join clinics c on c.id = s.clinic_id
      left join hospital_areas h on h.id = c.area_id
      left join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED';
