-- Who changed what, when, from where (api/29 AuditEntry; R-214; decisions 25). Rows are inserted with their change, unsealed;
-- the sealer then gives them their place in one chain of hashes. `id` counts insertions, `seq` is the place in the chain.

create sequence audit_log_id_seq;

-- Table: audit_log - insert only, one partition a month (UTC)
create table audit_log (
    id         bigint       not null default nextval('audit_log_id_seq'),
    at         timestamptz  not null,
    actor_id   bigint,                        -- null: nobody, or a program
    actor      text         not null,
    roles      text[]       not null default '{}',
    action     varchar(64)  not null,         -- dotted: department.create
    entity     varchar(40)  not null,
    entity_id  varchar(64),
    patient_id bigint,
    outcome    varchar(8)   not null default 'success',
    ip         inet,
    user_agent varchar(300) not null default '',
    request_id varchar(64)  not null,
    surface    varchar(10)  not null,
    changes    jsonb        not null default '{}',
    seq        bigint,
    prev_hash  bytea,
    hash       bytea,
    constraint audit_log_pk         primary key (id, at),
    constraint audit_log_action_ck  check (action ~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+$'),
    constraint audit_log_changes_ck check (jsonb_typeof(changes) = 'object'),
    constraint audit_log_outcome_ck check (outcome in ('success', 'denied', 'error')),
    constraint audit_log_surface_ck check (surface in ('code', 'v1', 'heartbeat', 'inner')),
    constraint audit_log_sealed_ck  check ((hash is null) = (seq is null) and (hash is null) = (prev_hash is null))
) partition by range (at);
create table audit_log_default partition of audit_log default;
alter sequence audit_log_id_seq owned by audit_log.id;

create index audit_log_at_ix       on audit_log (at, id);
create index audit_log_actor_ix    on audit_log (actor_id, id);
create index audit_log_action_ix   on audit_log (action varchar_pattern_ops, id);
create index audit_log_entity_ix   on audit_log (entity, entity_id, id);
create index audit_log_patient_ix  on audit_log (patient_id, id) where patient_id is not null;
create index audit_log_seq_ix      on audit_log (seq);
create index audit_log_unsealed_ix on audit_log (id) where hash is null;

-- Table: audit_chain - the end of the chain, one row: what is cut off there shows
create table audit_chain (
    only_row boolean not null default true,
    seq      bigint  not null default 0,
    id       bigint,
    hash     bytea   not null default decode(repeat('00', 32), 'hex'),
    constraint audit_chain_pk  primary key (only_row),
    constraint audit_chain_one check (only_row)
);
insert into audit_chain default values;

-- A row may be sealed once; nothing else happens to it.
create function gh_audit_guard() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.hash is null and new.hash is not null
       and row (new.id, new.at, new.actor_id, new.actor, new.roles, new.action, new.entity, new.entity_id, new.patient_id,
                new.outcome, new.ip, new.user_agent, new.request_id, new.surface, new.changes)
           is not distinct from
           row (old.id, old.at, old.actor_id, old.actor, old.roles, old.action, old.entity, old.entity_id, old.patient_id,
                old.outcome, old.ip, old.user_agent, old.request_id, old.surface, old.changes) then
        return new;
    end if;
    raise exception 'audit_log is insert only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_log_guard before update or delete on audit_log for each row execute function gh_audit_guard();
create trigger audit_log_keep before truncate on audit_log for each statement execute function gh_audit_guard();
create trigger audit_log_keep before truncate on audit_log_default for each statement execute function gh_audit_guard();

-- Make the partitions of this month and months_ahead after it. A month of which the default partition has rows already stays
-- there. Returns how many were made.
create function gh_audit_partitions(at_now timestamptz, months_ahead int default 3) returns int language plpgsql as $$
declare
    lo   timestamp;
    part text;
    made int := 0;
begin
    if not pg_try_advisory_xact_lock(hashtext('gh_audit_partitions')) then
        return 0;
    end if;
    for i in 0 .. months_ahead loop
        lo := date_trunc('month', at_now at time zone 'UTC') + make_interval(months => i);
        part := 'audit_log_' || to_char(lo, 'YYYYMM');
        if to_regclass(part) is null
           and not exists (select from audit_log_default
                            where at >= lo at time zone 'UTC' and at < (lo + interval '1 month') at time zone 'UTC') then
            execute format('create table %I partition of audit_log for values from (%L) to (%L)', part,
                           lo::text || '+00', (lo + interval '1 month')::text || '+00');
            execute format('create trigger audit_log_keep before truncate on %I for each statement '
                           'execute function gh_audit_guard()', part);
            made := made + 1;
        end if;
    end loop;
    return made;
end $$;

-- The hash of a row behind prev: SHA-256 over the hash before it and the row's members as a JSON array.
create function gh_audit_hash(a audit_log, place bigint, prev bytea) returns bytea language sql stable as $$
    select sha256(prev || convert_to(jsonb_build_array(
        place, a.id, (extract(epoch from a.at) * 1000000)::bigint, a.actor_id, a.actor, to_jsonb(a.roles), a.action, a.entity,
        a.entity_id, a.patient_id, a.outcome, host(a.ip), a.user_agent, a.request_id, a.surface, a.changes)::text, 'UTF8'))
$$;

-- Seal up to `most` rows, one sealer at a time. How many; null: somebody else is at it.
create function gh_audit_seal(most int default 500) returns int language plpgsql as $$
declare
    done int := 0;
    head audit_chain;
    a    audit_log;
begin
    if not pg_try_advisory_xact_lock(hashtext('gh_audit_seal')) then
        return null;
    end if;
    select * into head from audit_chain for update;
    for a in select * from audit_log where hash is null order by id limit most loop
        update audit_log t
           set seq = head.seq + 1, prev_hash = head.hash, hash = gh_audit_hash(a, head.seq + 1, head.hash)
         where t.id = a.id and t.at = a.at
        returning t.seq, t.id, t.hash into head.seq, head.id, head.hash;
        done := done + 1;
    end loop;
    if done > 0 then
        update audit_chain set seq = head.seq, id = head.id, hash = head.hash;
    end if;
    return done;
end $$;

-- Walk the chain over the rows with an id in from_id..to_id (null: open). `first_bad_id`: the first row, in the order of the
-- chain, whose members, hash before it or place are not what they were when it was sealed, or that follows a row that is gone;
-- of a chain cut off at its end, the row that was the last. `unsealed`: rows of the range that wait for the sealer.
create function gh_audit_verify(from_id bigint, to_id bigint,
                                out checked bigint, out unsealed bigint, out first_bad_id bigint, out head text)
language sql stable as $$
    with range as (
        select min(seq) as lo, max(seq) as hi
          from audit_log where id between coalesce(from_id, 0) and coalesce(to_id, 9223372036854775807) and hash is not null
    ), chain as (
        select a.id, a.seq, a.prev_hash, a.hash, a.at,
               case when a.seq = 1 then decode(repeat('00', 32), 'hex') else lag(a.hash) over w end as before,
               case when a.seq = 1 then 0 else lag(a.seq) over w end as place_before,
               gh_audit_hash(a, a.seq, a.prev_hash) as expected,
               a.id between coalesce(from_id, 0) and coalesce(to_id, 9223372036854775807) as asked
          from audit_log a, range r
         where a.seq between r.lo - 1 and r.hi
        window w as (order by a.seq, a.id)
    ), bad as (
        select c.seq, c.id
          from chain c
         where c.asked
           and (c.hash <> c.expected or c.prev_hash is distinct from c.before or c.place_before is distinct from c.seq - 1)
        union all
        select h.seq, h.id
          from audit_chain h
         where h.seq > 0 and h.id between coalesce(from_id, 0) and coalesce(to_id, 9223372036854775807)
           and not exists (select from audit_log a where a.seq = h.seq and a.id = h.id and a.hash = h.hash)
    )
    select (select count(*) from chain where asked),
           (select count(*) from audit_log
             where hash is null and id between coalesce(from_id, 0) and coalesce(to_id, 9223372036854775807)),
           (select b.id from bad b order by b.seq, b.id limit 1),
           (select encode(h.hash, 'hex') from audit_chain h)
$$;

-- A value as the audit log keeps it: nothing that opens a door, no number of a person in full (R-215).
create function gh_audit_masked(member text, value jsonb) returns jsonb language sql immutable as $$
    select case when value is null or value = 'null' then 'null'::jsonb
                when member ~* '(password|secret|token|_enc$|_hash$|openid|unionid|national|id_?card|policy_no)' then '"***"'::jsonb
                when member ~* 'phone' and jsonb_typeof(value) = 'string'
                    then to_jsonb(case when length(value #>> '{}') > 7
                                       then left(value #>> '{}', 3) || '****' || right(value #>> '{}', 4) else '****' end)
                when member ~* 'mail' and jsonb_typeof(value) = 'string'
                    then to_jsonb(left(value #>> '{}', 1) || '***' || coalesce(substring(value #>> '{}' from '@.*$'), ''))
                else value end
$$;

-- What differs between two objects, as {member: [old, new]}; null counts as {}. Counters and moments of bookkeeping are left out.
create function gh_changes(old jsonb, new jsonb) returns jsonb language sql immutable as $$
    select coalesce(jsonb_object_agg(m.name, jsonb_build_array(old -> m.name, new -> m.name)), '{}')
      from (select jsonb_object_keys(coalesce(old, '{}')) union select jsonb_object_keys(coalesce(new, '{}'))) m (name)
     where coalesce(old -> m.name, 'null') <> coalesce(new -> m.name, 'null')
       and m.name <> all ('{version,token_version,created_at,updated_at}')
$$;

-- Masked changes: {member: [old, new]}.
create function gh_audit_changes(changes jsonb) returns jsonb language sql immutable as $$
    select coalesce(jsonb_object_agg(m.key, jsonb_build_array(gh_audit_masked(m.key, m.value -> 0),
                                                              gh_audit_masked(m.key, m.value -> 1))), '{}')
      from jsonb_each(changes) m
$$;

-- What the audit log says of an account.
create function gh_audit_user(u users) returns jsonb language sql stable as $$
    select jsonb_build_object('username', u.username, 'email', u.email, 'phone', u.phonenumber, 'identifier', u.identifier,
                              'full_name', u.full_name, 'is_active', u.is_active, 'is_deleted', u.is_deleted,
                              'is_superuser', u.is_superuser, 'must_change_password', u.must_change_password,
                              'roles', gh_user_roles(u.id))
$$;

select gh_audit_partitions(now());
