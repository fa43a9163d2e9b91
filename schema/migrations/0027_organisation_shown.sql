-- Departments, clinics, areas and specialties as the surfaces show them (api/02, api/23).

-- An instant as 2026-03-09T08:15:30 in the zone tz (api/00 section 0.1, dt).
create function gh_dt_text(at timestamptz, tz text) returns text language sql stable as $$
    select to_char(at at time zone tz, 'YYYY-MM-DD"T"HH24:MI:SS')
$$;

-- A name without the blanks around it, those of Chinese keyboards too; null when nothing is left.
create function gh_name(given text) returns text language sql immutable as $$
    select nullif(btrim(given, e' \t\r\n\u3000'), '')
$$;

-- Major of api/02.
create function gh_code_major(m major_departments, tz text) returns jsonb language sql stable as $$
    select jsonb_build_object('major_dept_id', m.id, 'name', m.name, 'description', m.description,
                              'create_time', gh_dt_text(m.created_at, tz))
$$;

-- Minor and Clinic of api/02; prices: those of this level itself, as gh_list_prices() gives them (BR-35).
create function gh_code_minor(m minor_departments, prices jsonb, tz text) returns jsonb language sql stable as $$
    select jsonb_build_object('minor_dept_id', m.id, 'major_dept_id', m.major_dept_id, 'name', m.name,
                              'description', m.description, 'create_time', gh_dt_text(m.created_at, tz)) || prices
$$;
create function gh_code_clinic(c clinics, prices jsonb, tz text) returns jsonb language sql stable as $$
    select jsonb_build_object('clinic_id', c.id, 'area_id', c.area_id, 'name', c.name, 'address', c.address,
                              'minor_dept_id', c.minor_dept_id, 'clinic_type', c.clinic_type,
                              'create_time', gh_dt_text(c.created_at, tz)) || prices
$$;

-- Doctors of a department as the catalogue shows them; of a major one those of its minor ones.
create function gh_department_doctors(of_id bigint, of_level int) returns bigint language sql stable as $$
    select case of_level
           when 2 then (select count(*) from doctors d
                         where d.dept_id = of_id and d.deleted_at is null and d.status <> 'INACTIVE')
           else (select count(*) from minor_departments m join doctors d on d.dept_id = m.id
                  where m.major_dept_id = of_id and m.deleted_at is null and d.deleted_at is null and d.status <> 'INACTIVE') end
$$;

-- Department of api/23, without its children.
create function gh_v1_department(id bigint, name text, parent_id bigint, level int, sort_order int, description text,
                                 doctors bigint, created_at timestamptz, tz text) returns json language sql stable as $$
    select json_build_object('id', id, 'name', name, 'parent_id', parent_id, 'level', level, 'sort_order', sort_order,
                             'description', description, 'doctor_count', doctors, 'created_at', gh_ts_text(created_at, tz))
$$;

-- Specialty of api/23.
create function gh_v1_specialty(s specialties) returns json language sql stable as $$
    select json_build_object('id', s.id, 'code', s.code, 'name', s.name, 'description', s.description, 'doctor_count',
        (select count(*) from doctor_specialties x join doctors d on d.id = x.doctor_id
          where x.specialty_id = s.id and d.deleted_at is null and d.status <> 'INACTIVE'))
$$;

-- What a statement says in its column `audit` of a row it changed; null when nothing differs.
create function gh_audit_entry(action text, entity text, entity_id bigint, was jsonb, is_now jsonb) returns json
language sql immutable as $$
    select json_build_object('action', action, 'entity', entity, 'entity_id', entity_id, 'changes', d.changes)
      from (select gh_changes(was, is_now) as changes) d
     where d.changes <> '{}'
$$;
