-- List prices in force by inheritance (BR-31, BR-35): DOCTOR -> CLINIC -> MINOR_DEPT -> GLOBAL -> 50, 100, 500.

-- View: v_list_prices - what each level itself says; scope_id 0 for GLOBAL; a member that is no sensible number is absent
create view v_list_prices as
    select scope_type, coalesce(scope_id, 0) as scope_id,
           case when jsonb_typeof(config_value -> 'default_price_normal') = 'number'
                 and (config_value ->> 'default_price_normal')::numeric between 0 and 9999999999
                then (config_value ->> 'default_price_normal')::numeric(12,2) end as normal,
           case when jsonb_typeof(config_value -> 'default_price_expert') = 'number'
                 and (config_value ->> 'default_price_expert')::numeric between 0 and 9999999999
                then (config_value ->> 'default_price_expert')::numeric(12,2) end as expert,
           case when jsonb_typeof(config_value -> 'default_price_special') = 'number'
                 and (config_value ->> 'default_price_special')::numeric between 0 and 9999999999
                then (config_value ->> 'default_price_special')::numeric(12,2) end as special
      from system_config
     where config_key = 'registration.price' and is_active;

-- View: v_department_prices - in force for a minor department
create view v_department_prices as
    select m.id as dept_id,
           coalesce(d.normal, g.normal, 50)::numeric(12,2) as normal,
           coalesce(d.expert, g.expert, 100)::numeric(12,2) as expert,
           coalesce(d.special, g.special, 500)::numeric(12,2) as special
      from minor_departments m
      left join v_list_prices d on d.scope_type = 'MINOR_DEPT' and d.scope_id = m.id
      left join v_list_prices g on g.scope_type = 'GLOBAL' and g.scope_id = 0;

-- View: v_clinic_prices - in force for a clinic, whoever consults there
create view v_clinic_prices as
    select c.id as clinic_id,
           coalesce(p.normal, d.normal, g.normal, 50)::numeric(12,2) as normal,
           coalesce(p.expert, d.expert, g.expert, 100)::numeric(12,2) as expert,
           coalesce(p.special, d.special, g.special, 500)::numeric(12,2) as special
      from clinics c
      left join v_list_prices p on p.scope_type = 'CLINIC' and p.scope_id = c.id
      left join v_list_prices d on d.scope_type = 'MINOR_DEPT' and d.scope_id = c.minor_dept_id
      left join v_list_prices g on g.scope_type = 'GLOBAL' and g.scope_id = 0;

-- View: v_doctor_prices - in force for a doctor, whatever the clinic; the department is the doctor's
create view v_doctor_prices as
    select x.id as doctor_id,
           coalesce(p.normal, d.normal, g.normal, 50)::numeric(12,2) as normal,
           coalesce(p.expert, d.expert, g.expert, 100)::numeric(12,2) as expert,
           coalesce(p.special, d.special, g.special, 500)::numeric(12,2) as special
      from doctors x
      left join v_list_prices p on p.scope_type = 'DOCTOR' and p.scope_id = x.id
      left join v_list_prices d on d.scope_type = 'MINOR_DEPT' and d.scope_id = x.dept_id
      left join v_list_prices g on g.scope_type = 'GLOBAL' and g.scope_id = 0;

-- View: v_open_doctors - doctors as the public catalogue shows them: not removed, not waiting for activation (api/23)
create view v_open_doctors as
    select d.id, d.user_id, d.dept_id, d.name, d.title, d.specialty, d.introduction,
           case when d.photo_path ~ '^(/|https?://)' then d.photo_path
                when d.photo_path <> '' then '/' || d.photo_path end as photo_path,      -- clients put their base before it
           d.original_photo_url, d.is_department_head,
           u.id is not null as is_registered                                             -- BR-23
      from doctors d
      left join users u on u.id = d.user_id and u.is_active and not u.is_deleted
     where d.deleted_at is null and d.status <> 'INACTIVE';
