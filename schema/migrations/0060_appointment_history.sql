-- A value of an appointment's history in the words of api/24, as in 0053, and: an entry of the waitlist has no status there, a start has
-- the hospital's zone tz.
drop function gh_history_value(jsonb);
create function gh_history_value(v jsonb, tz text) returns jsonb language sql stable as $$
    select case when v is null then null
                else jsonb_strip_nulls(v
                     || case when v ? 'status' then jsonb_build_object(
                                 'status', case when v->>'status' <> 'waitlist' then gh_shown_status(v->>'status') end,
                                 'fhir_status', case when v ? 'checked_in_at' then 'arrived' else gh_fhir_status(v->>'status', null) end)
                             else '{}' end
                     || case when v ? 'payment_status' then jsonb_build_object('payment_status', gh_shown_payment(v->>'payment_status'))
                             else '{}' end
                     || case when v ? 'start_time' then jsonb_build_object('start_time', gh_ts_text((v->>'start_time')::timestamptz, tz))
                             else '{}' end) end
$$;
