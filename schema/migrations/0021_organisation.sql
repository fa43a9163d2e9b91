-- Changing the organisation (api/02, api/23): departments that are gone, a level's own list prices, finding people.

-- ---- departments that are gone: the row stays for the history of its doctors, its name is free again

alter table major_departments add column deleted_at timestamptz;
alter table minor_departments add column deleted_at timestamptz;
alter table major_departments drop constraint major_departments_name_uq;
alter table minor_departments drop constraint minor_departments_name_uq;
create unique index major_departments_name_uq on major_departments (name) where deleted_at is null;
create unique index minor_departments_name_uq on minor_departments (name) where deleted_at is null;

create or replace view v_departments as
    select id, name, null::bigint as parent_id, 1 as level, sort_order, description, created_at, version
      from major_departments where deleted_at is null
    union all
    select id, name, major_dept_id, 2, sort_order, description, created_at, version
      from minor_departments where deleted_at is null;

-- What lives may not be put into a department that is gone, nor a department go that holds what lives. Refused under the name
-- of the foreign key that would say so if the row had left. Putting in takes a share lock on the department and deleting it an
-- update lock, so that of two at once one sees the other.
create function gh_department_guard() returns trigger language plpgsql as $$
declare
    fk text := tg_argv[0];
begin
    if fk = 'minor_departments_major_fk' then
        perform from major_departments where id = new.major_dept_id and deleted_at is null for share;
    elsif fk = 'clinics_dept_fk' then
        perform from minor_departments where id = new.minor_dept_id and deleted_at is null for share;
    else
        perform from minor_departments where id = new.dept_id and deleted_at is null for share;
    end if;
    if not found then
        raise foreign_key_violation using constraint = fk, message = 'the department does not exist';
    end if;
    return new;
end $$;
create trigger minor_departments_major before insert or update of major_dept_id, deleted_at on minor_departments
    for each row when (new.deleted_at is null) execute function gh_department_guard('minor_departments_major_fk');
create trigger clinics_dept before insert or update of minor_dept_id on clinics
    for each row when (new.minor_dept_id is not null) execute function gh_department_guard('clinics_dept_fk');
create trigger doctors_dept before insert or update of dept_id, deleted_at on doctors
    for each row when (new.deleted_at is null and new.dept_id is not null)
    execute function gh_department_guard('doctors_dept_fk');

create function gh_department_empty() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'major_departments' then
        if exists (select from minor_departments where major_dept_id = new.id and deleted_at is null) then
            raise foreign_key_violation using constraint = 'minor_departments_major_fk', message = 'there are minor departments';
        end if;
    elsif exists (select from doctors where dept_id = new.id and deleted_at is null) then
        raise foreign_key_violation using constraint = 'doctors_dept_fk', message = 'there are doctors';
    elsif exists (select from clinics where minor_dept_id = new.id) then
        raise foreign_key_violation using constraint = 'clinics_dept_fk', message = 'there are clinics';
    end if;
    return new;
end $$;
create trigger major_departments_empty before update of deleted_at on major_departments
    for each row when (new.deleted_at is not null) execute function gh_department_empty();
create trigger minor_departments_empty before update of deleted_at on minor_departments
    for each row when (new.deleted_at is not null) execute function gh_department_empty();

-- ---- a level's own list prices (BR-31 to BR-35): members default_price_normal, _expert, _special; null = not set here

-- The three members of a stored entry, as v_list_prices reads them; config null: none is set.
create function gh_list_prices(config jsonb) returns jsonb language sql immutable as $$
    select jsonb_object_agg(k, case when jsonb_typeof(config -> k) = 'number' and (config ->> k)::numeric between 0 and 9999999999
                                    then to_jsonb((config ->> k)::numeric(12,2)) else 'null' end)
      from unnest('{default_price_normal,default_price_expert,default_price_special}'::text[]) k
$$;

-- Set those of a level that `given` has (null clears, absent keeps). The level as it was and as it is, each with all three members.
-- of_scope GLOBAL has of_id null. Whoever calls has locked the row that the level belongs to.
create function gh_list_prices_set(of_scope text, of_id bigint, given jsonb, at timestamptz, out before jsonb, out after jsonb)
language plpgsql as $$
declare
    asked jsonb := (select jsonb_object_agg(m.key, case when jsonb_typeof(m.value) <> 'null'
                                                        then to_jsonb((m.value #>> '{}')::numeric(12,2)) end)
                      from jsonb_each(given) m
                     where m.key in ('default_price_normal', 'default_price_expert', 'default_price_special'));
    stored jsonb;
begin
    select c.config_value into stored
      from system_config c
     where c.config_key = 'registration.price' and c.scope_type = of_scope and coalesce(c.scope_id, 0) = coalesce(of_id, 0)
       and c.is_active
       for update;
    before := gh_list_prices(stored);
    after := before;
    if asked is null or (stored is null and jsonb_strip_nulls(asked) = '{}') then
        return;
    end if;
    insert into system_config as c (config_key, scope_type, scope_id, config_value, created_at, updated_at)
    values ('registration.price', of_scope, of_id, jsonb_strip_nulls(asked), at, at)
        on conflict (config_key, scope_type, coalesce(scope_id, 0)) do update
           set config_value = jsonb_strip_nulls(case when c.is_active then c.config_value else '{}' end || asked),
               is_active = true, updated_at = at
    returning gh_list_prices(c.config_value) into after;
end $$;

-- The same for whoever does not ask what it was.
create or replace function gh_set_price_level(level text, of_id bigint, prices jsonb, at_now timestamptz) returns void
language sql as $$
    select from gh_list_prices_set(level, of_id, prices, at_now)
$$;

-- ---- conditional writes in a statement (R-08): does the header If-Match name the row as it is? True too when it was not sent.
create function gh_if_match(header text, tag text) returns boolean language sql immutable as $$
    select header is null or btrim(header) = '*' or tag = any (regexp_split_to_array(btrim(header), '[ \t]*,[ \t]*'))
$$;

-- ---- finding people by a part of their name or number (api/02 section 2.6)
create index patients_name_trgm on patients using gin (name gin_trgm_ops);
create index patients_phone_trgm on patients using gin (phone gin_trgm_ops);
create index users_phone_trgm on users using gin (phonenumber gin_trgm_ops);

-- doctors of a department as the catalogue counts them
create index doctors_open_dept_ix on doctors (dept_id) where deleted_at is null and status <> 'INACTIVE';
