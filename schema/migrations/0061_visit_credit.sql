-- A completed visit is good behaviour (BR-134).

-- The argument frame of a job about order `id`: the msgpack map {"body": {"order_id": id}}.
create function gh_order_args(id bigint) returns bytea language sql immutable as
    $$ select '\x81a4626f647981a86f726465725f6964d3'::bytea || int8send(id) $$;

-- Whoever completes it, the account that has a risk score gets it lowered by a job (identity.credit_visit): the patient's, or of who
-- booked for a patient without one. Most accounts have no score, and cost one look into an index.
create function gh_visit_completed() returns trigger language plpgsql as $$
begin
    insert into jobs (id, kind, op, service, args, unique_key, priority, budget_ms, max_attempts, run_at, created_at)
    select gen_random_uuid(), 'maintenance', 'identity.credit_visit', 'identity', gh_order_args(new.id), 'credit-visit:' || new.id, 2, 30000, 5,
           new.updated_at, new.updated_at
      from patients p
      join user_risk_summaries s on s.user_id = coalesce(p.user_id, new.initiator_user_id) and s.current_score > 0
     where p.id = new.patient_id
    on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do nothing;
    return null;
end $$;
create trigger registration_orders_completed after update of status on registration_orders for each row
    when (new.status = 'completed' and old.status <> 'completed') execute function gh_visit_completed();
