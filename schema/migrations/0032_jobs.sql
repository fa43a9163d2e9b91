-- Durable jobs: what has to happen later, or after its asker has left (design.md, api/29, api/32 section 7).

-- Table: jobs - a job that was accepted, until a day after its end
--   id          UUIDv7 of its acceptance; the public name
--   args        argument frame (msgpack map) of the operation
--   owner_id    who asked, and as whom it is carried out; null: the system
--   unique_key  of all with one key only one is unfinished
--   run_id      id of its deliveries, the same for all attempts, so that an effect happens once (job_done)
--   attempts    deliveries so far; a completion counts only for the attempt under way
--   dead        FAILED because attempts ran out: for somebody to look at, `guahao jobs`
create table jobs (
    id              uuid         not null,
    kind            varchar(20)  not null,
    op              varchar(80)  not null,
    service         varchar(128) not null,
    args            bytea        not null,
    owner_id        bigint,
    unique_key      varchar(200),
    priority        smallint     not null default 2,      -- 0 high, 1 normal, 2 batch
    budget_ms       int          not null,                -- of one attempt
    max_attempts    int          not null,
    trace           varchar(64),
    status          varchar(10)  not null default 'QUEUED',
    dead            boolean      not null default false,
    progress        smallint     not null default 0,
    attempts        int          not null default 0,
    run_at          timestamptz  not null,                -- not before
    run_id          uuid,
    lease_until     timestamptz,
    leased_by       varchar(80),
    response_status smallint,
    response        text,
    headers         jsonb,
    error           jsonb,                                -- {code, message, params} of the last attempt
    created_at      timestamptz  not null,
    started_at      timestamptz,
    finished_at     timestamptz,
    expires_at      timestamptz,
    constraint jobs_pk          primary key (id),
    constraint jobs_owner_fk    foreign key (owner_id) references users (id),
    constraint jobs_kind_ck     check (kind in ('diagnosis', 'image_process', 'pdf', 'export', 'import', 'mail', 'backup',
                                                'stocktake', 'booking', 'gateway', 'maintenance')),
    constraint jobs_status_ck   check (status in ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')),
    constraint jobs_priority_ck check (priority between 0 and 2),
    constraint jobs_numbers_ck  check (budget_ms > 0 and max_attempts > 0 and attempts >= 0 and progress between 0 and 100),
    constraint jobs_lease_ck    check ((status = 'RUNNING') = (lease_until is not null)),
    constraint jobs_end_ck      check ((status in ('DONE', 'FAILED', 'CANCELLED')) = (finished_at is not null)
                                       and (finished_at is null) = (expires_at is null)),
    constraint jobs_dead_ck     check (not dead or status = 'FAILED')
) with (fillfactor = 70);
create unique index jobs_unique_uq on jobs (unique_key) where status in ('QUEUED', 'RUNNING');
create index jobs_due_ix    on jobs (priority, run_at, id) where status = 'QUEUED';
create index jobs_oldest_ix on jobs (run_at, id) where status = 'QUEUED';
create index jobs_lease_ix  on jobs (lease_until) where status = 'RUNNING';
create index jobs_owner_ix  on jobs (owner_id, id);
create index jobs_expiry_ix on jobs (expires_at) where expires_at is not null;
create index jobs_dead_ix   on jobs (id) where dead;

-- Table: job_schedules - jobs that come again: one row a job, filled from workers/jobs/recurring.c at start
--   cron        lib/domain/cron.h, in the hospital's time zone; an operator may change it
--   next_slot   the moment it is due next
--   last_slot   the moment of the last one that was queued
--   catch_up    slots that passed while nobody looked: `last` queues the latest of them, `none` none, `all` each
create table job_schedules (
    name         varchar(60)  not null,
    cron         varchar(100) not null,
    catch_up     varchar(4)   not null default 'last',
    enabled      boolean      not null default true,
    kind         varchar(20)  not null,
    op           varchar(80)  not null,
    service      varchar(128) not null,
    budget_ms    int          not null,
    max_attempts int          not null,
    next_slot    timestamptz,                             -- null: to be computed
    last_slot    timestamptz,
    updated_at   timestamptz  not null,
    constraint job_schedules_pk          primary key (name),
    constraint job_schedules_catch_up_ck check (catch_up in ('none', 'last', 'all'))
);

-- A job as v1 shows it (api/29). A reply of up to 64 KiB stands in it.
create function gh_v1_job(j jobs, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', j.id, 'kind', j.kind, 'status', j.status, 'progress', j.progress,
        'result', case when j.status = 'DONE' and octet_length(j.response) <= 65536 then j.response::json end,
        'result_location', case when j.status = 'DONE' then '/api/v1/jobs/' || j.id || '/result' end,
        'error', case when j.status = 'FAILED' then
                     json_build_object('code', j.error->>'code', 'message', j.error->>'message') end,
        'owner_id', j.owner_id, 'created_at', gh_ts_text(j.created_at, tz), 'started_at', gh_ts_text(j.started_at, tz),
        'finished_at', gh_ts_text(j.finished_at, tz), 'expires_at', gh_ts_text(j.expires_at, tz))
$$;

-- BR-83: unpaid orders by the moment they became payable.
create index registration_orders_unpaid_ix on registration_orders (payable_since)
    where status = 'pending' and payment_status = 'pending';
