-- Settings of running programs (api/29 SY-05, SY-06; decisions 11 and 21): GLOBAL rows of system_config whose key has a dot and whose
-- value is no object.
-- A key that is back at its default stays as a row that is switched off, so that the revision only grows.

-- Their values as the programs take them: lists with commas. rev: changes with every change of any of them.
create function gh_runtime_rows() returns table (rev bigint, key text, value text) language sql stable as $$
    select sum(c.version) over (), c.config_key,
           case when c.is_active then case jsonb_typeof(c.config_value)
                when 'array' then (select coalesce(string_agg(e, ','), '') from jsonb_array_elements_text(c.config_value) e)
                else c.config_value #>> '{}' end end
      from system_config c
     where c.scope_type = 'GLOBAL' and c.config_key like '%.%' and jsonb_typeof(c.config_value) <> 'object'
$$;

create function gh_runtime_settings() returns json language sql stable as $$
    select json_build_object('rev', coalesce(max(r.rev), 0), 'set', coalesce(json_object_agg(r.key, r.value)
                                                                             filter (where r.value is not null), '{}'))
      from gh_runtime_rows() r
$$;

-- As before, but numbers and switches are no secrets, whatever they are called (reset.expose_token).
create or replace function gh_audit_masked(member text, value jsonb) returns jsonb language sql immutable as $$
    select case when value is null or value = 'null' then 'null'::jsonb
                when jsonb_typeof(value) in ('number', 'boolean') then value
                when member ~* '(password|secret|token|_enc$|_hash$|openid|unionid|national|id_?card|policy_no)' then '"***"'::jsonb
                when member ~* 'phone' and jsonb_typeof(value) = 'string'
                    then to_jsonb(case when length(value #>> '{}') > 7
                                       then left(value #>> '{}', 3) || '****' || right(value #>> '{}', 4) else '****' end)
                when member ~* 'mail' and jsonb_typeof(value) = 'string'
                    then to_jsonb(left(value #>> '{}', 1) || '***' || coalesce(substring(value #>> '{}' from '@.*$'), ''))
                else value end
$$;
