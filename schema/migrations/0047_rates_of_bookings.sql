-- A booking has a price that is valid when it is committed: bookings share an advisory lock from before they read the identity rates
-- until they end (workers/booking/booking.sql, book_people), and whoever changes the rates waits for those that run. Otherwise as in
-- 0025.
create or replace function gh_config_lock(of_key text, at_now timestamptz) returns jsonb language plpgsql as $$
declare
    stored jsonb;
begin
    if of_key = 'patientIdentityDiscounts' then
        perform pg_advisory_xact_lock(hashtext('gh_identity_rates'));
    end if;
    loop
        select case when c.is_active and jsonb_typeof(c.config_value) = 'object' then c.config_value else '{}' end into stored
          from system_config c where c.config_key = of_key and c.scope_type = 'GLOBAL' for no key update;
        if found then
            return stored;
        end if;
        insert into system_config (config_key, config_value, created_at, updated_at) values (of_key, '{}', at_now, at_now)
            on conflict (config_key, scope_type, coalesce(scope_id, 0)) do nothing;
    end loop;
end $$;
