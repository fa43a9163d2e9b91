-- Who reaches which patient; members of stored objects; patients on Heartbeat with the names of their account.

-- Why a caller does not reach a patient (R-12, R-58), null: he does. scopes: bits of GH_SCOPE_*; doctors: as whom he is assigned.
create function gh_patient_reach(p patients, scopes int, own_patient bigint, doctors bigint[], today date) returns text
language sql stable as $$
    select case when p.id is null then 'NOT_FOUND'
                when p.id = own_patient or scopes & 1 = 1 or (scopes & 4 = 4 and gh_assigned(p, doctors, today)) then null
                when scopes & 4 = 4 then 'NOT_ASSIGNED' else 'NOT_OWNER' end
$$;

-- An object's members of these names, in this order; what is no object is null.
create function gh_members(doc jsonb, names text[]) returns jsonb language sql immutable as $$
    select case when jsonb_typeof(doc) = 'object'
                then (select coalesce(jsonb_object_agg(n, doc->n), '{}') from unnest(names) n where doc ? n) end
$$;
create function gh_members_all(list jsonb, names text[]) returns jsonb language sql immutable as $$
    select coalesce(jsonb_agg(gh_members(e.value, names) order by e.n), '[]')
      from jsonb_array_elements(list) with ordinality e (value, n)
$$;

-- HbPatient of api/30: name, mail address and number are the account's where there is one; an address of several members is one line.
create or replace function gh_hb_patient(p patients, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', p.id, 'user_id', p.user_id, 'username', case when u.id is not null then gh_user_label(u) end,
        'name', coalesce(p.first_name, p.full_name, p.name), 'surname', p.last_name, 'email', coalesce(u.email, p.email),
        'phone', coalesce(u.phonenumber, p.phone), 'date_of_birth', p.date_of_birth, 'gender', p.gender,
        'address', nullif(concat_ws(', ', p.address->>'line', p.address->>'city', p.address->>'region', p.address->>'postal_code',
                                    p.address->>'country'), ''),
        'created_at', gh_ts_text(p.created_at, tz))
      from (select) one left join users u on u.id = p.user_id and not u.is_deleted
$$;

-- CareAssignment of api/22.
create function gh_v1_assignment(a care_assignments) returns json language sql stable as $$
    select json_build_object('id', a.id, 'patient_id', a.patient_id, 'doctor_id', a.doctor_id,
                             'doctor_name', (select coalesce(d.full_name, d.name) from doctors d where d.id = a.doctor_id),
                             'kind', a.kind, 'reason', a.reason, 'valid_from', a.valid_from, 'valid_to', a.valid_to,
                             'created_by', a.created_by)
$$;

-- Is this doctor assigned as primary (PA-13)?
create function gh_primary_of(p patients, doctor bigint, today date) returns boolean language sql stable as $$
    select coalesce(p.primary_doctor_id = doctor, false)
        or exists (select from care_assignments a
                    where a.patient_id = p.id and a.doctor_id = doctor and a.kind = 'primary' and gh_assignment_open(a, today))
$$;

-- One doctor is assigned to a patient in one way once at a time.
alter table care_assignments add constraint care_assignments_days_ex exclude using gist
    (patient_id with =, doctor_id with =, kind with =, daterange(valid_from, valid_to, '[]') with &&) where (closed_at is null);

-- The second line behind removing a patient (R-60): nobody who was removed meanwhile gets an appointment. Whoever books reads people
-- before, so this asks for the job to be run again; it then sees what is so.
create function gh_orders_of_living() returns trigger language plpgsql as $$
begin
    if exists (select from fresh f join patients p on p.id = f.patient_id where p.deleted_at is not null) then
        raise serialization_failure using message = 'the patient has been removed';
    end if;
    return null;
end $$;
create trigger registration_orders_living after insert on registration_orders referencing new table as fresh
    for each statement execute function gh_orders_of_living();
