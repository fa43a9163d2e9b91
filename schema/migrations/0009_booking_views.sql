-- What booking reads and renders: an order with everything its payloads show, as rows and as the JSON of each surface.
-- Workers render the answer of a booking themselves (lib/base/json.h); tests hold both against each other.

-- An instant as RFC 3339 in the zone tz: 2026-03-09T08:15:30+08:00 (api/20 section 8).
create function gh_ts_text(at timestamptz, tz text) returns text language sql stable as $$
    select to_char(at at time zone tz, 'YYYY-MM-DD"T"HH24:MI:SS')
        || case when (at at time zone tz) < (at at time zone 'UTC') then '-' else '+' end
        || to_char(greatest(at at time zone tz, at at time zone 'UTC') - least(at at time zone tz, at at time zone 'UTC'),
                   'HH24:MI')
$$;

-- An instant as 2026-03-09 08:15:30 in the zone tz (api/00 section 0.1, dts).
create function gh_dts_text(at timestamptz, tz text) returns text language sql stable as $$
    select to_char(at at time zone tz, 'YYYY-MM-DD HH24:MI:SS')
$$;

-- A whole number in a member of a settings object; null when it is absent or something else.
create function gh_setting_int(setting jsonb, member text) returns int language sql immutable as $$
    select case when setting->>member ~ '^-?[0-9]{1,9}$' then (setting->>member)::int end
$$;

-- A clock time HH:MM in a member of a settings object, as minutes of the day; null as above.
create function gh_setting_minutes(setting jsonb, member text) returns int language sql immutable as $$
    select case when setting->>member ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
                then substr(setting->>member, 1, 2)::int * 60 + substr(setting->>member, 4, 2)::int end
$$;

-- A rate in a member of a settings object, in ten-thousandths; null as above. Rounded, as the price is (BR-36).
create function gh_setting_rate(setting jsonb, member text) returns int language sql immutable as $$
    select case when setting->>member ~ '^[0-9]{1,3}([.][0-9]{1,12})?$' then round((setting->>member)::numeric * 10000)::int end
$$;

-- Hours before the start until which an order of this doctor can be cancelled (BR-85): the doctor's own entry as a whole,
-- else the global one; what is absent or outside BR-67 is 2.
create function gh_cancel_hours(of_doctor_id bigint) returns int language sql stable as $$
    select coalesce((select case when gh_setting_int(c.config_value, 'cancelHoursBefore') between 1 and 72
                                 then gh_setting_int(c.config_value, 'cancelHoursBefore') end
                       from system_config c
                      where c.config_key = 'registration' and c.is_active
                        and (c.scope_type = 'GLOBAL' or (c.scope_type = 'DOCTOR' and c.scope_id = of_doctor_id))
                      order by c.scope_type = 'DOCTOR' desc limit 1), 2)
$$;

-- Words of api/24 for what is stored.
create function gh_shown_status(status text) returns text language sql immutable as $$
    select case status when 'pending' then 'SCHEDULED' when 'confirmed' then 'SCHEDULED' when 'completed' then 'COMPLETED'
                       else 'CANCELLED' end
$$;
create function gh_fhir_status(status text, checked_in_at timestamptz) returns text language sql immutable as $$
    select case status when 'pending' then 'pending' when 'completed' then 'fulfilled' when 'no_show' then 'noshow'
                       when 'confirmed' then case when checked_in_at is null then 'booked' else 'arrived' end
                       when 'waitlist' then 'waitlist' else 'cancelled' end
$$;
create function gh_shown_payment(payment_status text) returns text language sql immutable as $$
    select case when payment_status in ('paid', 'refunded') then upper(payment_status) else 'UNPAID' end
$$;

-- The value by which a list of appointments is ordered for one key of `sort` (api/20 section 7): `start_time`, `-id`, ...
create function gh_booking_order(key text, id bigint, starts_at timestamptz, created_at timestamptz, shown_status text)
returns numeric language sql stable as $$
    select case key when 'id' then id when '-id' then -id
                    when 'start_time' then extract(epoch from starts_at) when '-start_time' then -extract(epoch from starts_at)
                    when 'created_at' then extract(epoch from created_at) when '-created_at' then -extract(epoch from created_at)
                    when 'status' then strpos('CANCELLED COMPLETED SCHEDULED', shown_status)
                    when '-status' then -strpos('CANCELLED COMPLETED SCHEDULED', shown_status) end
$$;

-- View: v_bookings - an order with its patient, doctor, session, place in the house and living registration bill.
-- Departments are the doctor's; a session made without a clinic has neither clinic nor area.
create view v_bookings as
    select o.*, gh_shown_status(o.status) as shown_status, gh_fhir_status(o.status, o.checked_in_at) as fhir_status,
           s.starts_at as session_starts_at,
           p.name as patient_name, p.first_name as patient_first_name, p.last_name as patient_last_name,
           p.gender as patient_gender, p.user_id as patient_user_id, coalesce(p.phone, pu.phonenumber) as patient_phone,
           d.name as doctor_name, d.title as doctor_title, d.specialty as doctor_specialty, d.user_id as doctor_user_id,
           m.id as dept_id, m.name as dept_name, c.id as clinic_id, c.name as clinic_name,
           h.id as area_id, h.name as area_name, h.destination as area_address, b.id as bill_id,
           gh_shown_payment(o.payment_status) as shown_payment
      from registration_orders o
      join schedules s on s.id = o.schedule_id
      join patients p on p.id = o.patient_id
      left join users pu on pu.id = p.user_id
      join doctors d on d.id = o.doctor_id
      join minor_departments m on m.id = d.dept_id
      left join clinics c on c.id = s.clinic_id
      left join hospital_areas h on h.id = c.area_id
      left join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED';

-- The name of a person in two parts, for surfaces that want them: given as stored, else the whole name as the first part.
create function gh_person_json(id bigint, name text, surname text) returns json language sql immutable as $$
    select json_build_object('id', id, 'name', name, 'surname', surname)
$$;

create function gh_slot_type_v1(slot_type text) returns text language sql immutable as $$
    select case slot_type when '普通' then 'NORMAL' when '专家' then 'EXPERT' when '特需' then 'SPECIAL' end
$$;

-- Appointment of api/24. Lists of a patient's own leave out `patient`: gh_without().
create function gh_v1_appointment(b v_bookings, tz text, currency text) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'code', 'A' || b.order_no, 'patient_id', b.patient_id,
        'patient', json_build_object('id', b.patient_id, 'full_name', b.patient_name, 'phone', b.patient_phone),
        'doctor_id', b.doctor_id,
        'doctor', json_build_object('id', b.doctor_id, 'name', b.doctor_name, 'title', b.doctor_title),
        'department', json_build_object('id', b.dept_id, 'name', b.dept_name),
        'clinic', case when b.clinic_id is not null then json_build_object('id', b.clinic_id, 'name', b.clinic_name) end,
        'schedule_id', b.schedule_id, 'slot_no', b.slot_no,
        'start_time', gh_ts_text(b.starts_at, tz), 'end_time', gh_ts_text(b.ends_at, tz),
        'slot_type', gh_slot_type_v1(b.slot_type), 'status', b.shown_status, 'fhir_status', b.fhir_status,
        'visit_type', b.visit_type, 'reason', b.reason, 'notes', b.notes, 'fee', b.price, 'currency', currency,
        'bill_id', b.bill_id, 'payment_status', b.shown_payment, 'cancel_reason', b.cancel_reason,
        'cancelled_by', b.cancelled_by, 'cancelled_at', gh_ts_text(b.cancelled_at, tz),
        'reschedule_count', b.reschedule_count, 'previous_start_time', gh_ts_text(b.previous_starts_at, tz),
        'channel', b.channel, 'created_by', b.initiator_user_id,
        'created_at', gh_ts_text(b.created_at, tz), 'updated_at', gh_ts_text(b.updated_at, tz))
$$;

-- An object without one of its members.
create function gh_without(doc json, member text) returns json language sql immutable as $$
    select json_object_agg(m.key, m.value) from json_each(doc) m where m.key <> member
$$;

-- HbAppointment of api/30; both ends of the relation with expand.
create function gh_hb_appointment(b v_bookings, tz text, expand boolean) returns json language sql stable as $$
    select case when expand then json_build_object(
        'id', b.id, 'patient_id', b.patient_id, 'doctor_id', b.doctor_id, 'date_time', gh_ts_text(b.starts_at, tz),
        'end_time', gh_ts_text(b.ends_at, tz), 'status', b.shown_status, 'description', b.reason,
        'created_at', gh_ts_text(b.created_at, tz),
        'patient', gh_person_json(b.patient_id, coalesce(b.patient_first_name, b.patient_name), b.patient_last_name),
        'doctor', gh_person_json(b.doctor_id, b.doctor_name, null))
    else json_build_object(
        'id', b.id, 'patient_id', b.patient_id, 'doctor_id', b.doctor_id, 'date_time', gh_ts_text(b.starts_at, tz),
        'end_time', gh_ts_text(b.ends_at, tz), 'status', b.shown_status, 'description', b.reason,
        'created_at', gh_ts_text(b.created_at, tz)) end
$$;

-- Appointment of api/07 section 7.2, as lists show it (BR-93).
create function gh_code_appointment(b v_bookings, tz text, at_now timestamptz) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'orderNo', b.order_no, 'hospitalId', b.area_id, 'hospitalName', coalesce(b.area_name, ''),
        'departmentId', b.dept_id, 'departmentName', b.dept_name, 'doctorName', b.doctor_name,
        'doctorTitle', coalesce(b.doctor_title, ''), 'scheduleId', b.schedule_id, 'appointmentDate', b.slot_date,
        'appointmentTime', b.time_section, 'patientName', b.patient_name, 'patientId', b.patient_id, 'queueNumber', null,
        'price', b.price, 'status', b.status, 'paymentStatus', b.payment_status,
        'canCancel', b.status in ('pending', 'confirmed')
                     and at_now < b.session_starts_at - make_interval(hours => gh_cancel_hours(b.doctor_id)),
        'canReschedule', b.status in ('pending', 'confirmed') and at_now < b.starts_at,
        'sourceType', case b.source_type when 'waitlist' then 'waitlist' else 'normal' end,
        'createdAt', gh_dts_text(b.created_at, tz),
        'isWaitlist', b.status = 'waitlist', 'sourceWaitlistId', case b.source_type when 'waitlist' then b.id end)
$$;

-- Detail of api/07 section 7.2.
create function gh_code_appointment_detail(b v_bookings, tz text, at_now timestamptz) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'orderNo', b.order_no, 'hospitalId', b.area_id, 'hospitalName', coalesce(b.area_name, ''),
        'hospitalAddress', b.area_address, 'departmentId', b.dept_id, 'departmentName', b.dept_name,
        'doctorId', b.doctor_id, 'doctorName', b.doctor_name, 'doctorTitle', coalesce(b.doctor_title, ''),
        'doctorSpecialty', b.doctor_specialty, 'scheduleId', b.schedule_id, 'appointmentDate', b.slot_date,
        'appointmentTime', b.time_section, 'slotType', b.slot_type, 'patientId', b.patient_id,
        'patientName', b.patient_name,
        'patientGender', case b.patient_gender when 'male' then '男' when 'female' then '女' else '未知' end,
        'patientPhone', null, 'symptoms', b.reason, 'price', b.price, 'status', b.status,
        'paymentStatus', b.payment_status, 'sourceType', case b.source_type when 'waitlist' then 'waitlist' else 'normal' end,
        'canCancel', b.status in ('pending', 'confirmed')
                     and at_now < b.session_starts_at - make_interval(hours => gh_cancel_hours(b.doctor_id)),
        'createdAt', gh_dts_text(b.created_at, tz), 'paidAt', gh_dts_text(b.payment_time, tz),
        'cancelledAt', gh_dts_text(b.cancelled_at, tz))
$$;

-- Keep the named members of an object (`fields` of api/20 section 7): `id` always, `doctor.name` reaches into one level.
create function gh_pick(doc json, fields text[]) returns json language sql immutable as $$
    select case when fields is null then doc else (
        select json_object_agg(m.key,
                   case when m.key = 'id' or m.key = any (fields) or json_typeof(m.value) <> 'object' then m.value
                        else (select json_object_agg(n.key, n.value) from json_each(m.value) n
                               where n.key = 'id' or m.key || '.' || n.key = any (fields)) end)
          from json_each(doc) m
         where m.key = 'id' or m.key = any (fields)
            or exists (select from unnest(fields) f where split_part(f, '.', 1) = m.key and strpos(f, '.') > 0)) end
$$;

-- The texts of a JSON list (or of one value); null when there is none: a filter that was not given.
create function gh_json_texts(list jsonb) returns text[] language sql immutable as $$
    select case when list is null or jsonb_typeof(list) = 'null' then null
                when jsonb_typeof(list) = 'array' then array(select jsonb_array_elements_text(list))
                else array[list #>> '{}'] end
$$;

-- A moment of a filter: RFC 3339 with or without offset (then in the zone tz), or a bare date: its first moment, or with
-- whole_day its last.
create function gh_moment(moment text, tz text, whole_day boolean) returns timestamptz language sql stable as $$
    select case when moment ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
                then case when whole_day then (moment::date + 1)::timestamp at time zone tz - interval '1 microsecond'
                          else moment::date::timestamp at time zone tz end
                when moment ~ '(Z|[+-][0-9]{2}:?[0-9]{2})$' and moment ~ '[T ]' then moment::timestamptz
                else moment::timestamp at time zone tz end
$$;

-- Percent-encoding of RFC 3986 for a value in a query.
create function gh_url_text(value text) returns text language sql immutable as $$
    select coalesce(string_agg(case when c ~ '^[A-Za-z0-9._~,:-]$' then c
                                    else regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') end,
                               '' order by n), '')
      from regexp_split_to_table(value, '') with ordinality as t (c, n)
$$;

-- One link of a Link header (RFC 8288), relative to the request: its query with some members replaced.
create function gh_link(query jsonb, changes jsonb, rel text) returns text language sql immutable as $$
    select '<?' || string_agg(m.key || '=' || gh_url_text(array_to_string(gh_json_texts(m.value), ',')), '&' order by m.key)
           || '>; rel="' || rel || '"'
      from jsonb_each(query || changes) m
     where jsonb_typeof(m.value) <> 'null'
$$;

-- Headers of a page: X-Total-Count and Link with first, prev, next, last (api/20 section 7).
create function gh_page_headers(query jsonb, page int, size int, total bigint) returns json language sql immutable as $$
    select json_build_object('X-Total-Count', total::text, 'Link', concat_ws(', ',
               gh_link(query, jsonb_build_object('page', 1), 'first'),
               case when page > 1 then gh_link(query, jsonb_build_object('page', least(page - 1, x.pages)), 'prev') end,
               case when page < x.pages then gh_link(query, jsonb_build_object('page', page + 1), 'next') end,
               gh_link(query, jsonb_build_object('page', x.pages), 'last')))
      from (select greatest(1, (total + size - 1) / size)::int as pages) x
$$;

-- The same for a bare array with skip and limit (api/30).
create function gh_skip_headers(query jsonb, skip int, size int, total bigint) returns json language sql immutable as $$
    select json_build_object('X-Total-Count', total::text, 'Link', concat_ws(', ',
               gh_link(query, jsonb_build_object('skip', 0), 'first'),
               case when skip > 0 then gh_link(query, jsonb_build_object('skip', greatest(0, skip - size)), 'prev') end,
               case when skip + size < total then gh_link(query, jsonb_build_object('skip', skip + size), 'next') end,
               gh_link(query, jsonb_build_object('skip', greatest(0, (total - 1) / size * size)), 'last')))
$$;
