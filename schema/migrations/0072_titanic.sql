-- Requests of plain Majordomo clients that are carried out durably (9/TSP): workers/jobs/titanic.h.

-- Table: titanic_requests - one until its client closes it, or expires_at
--   id         the public name, 32 hexadecimal digits on the wire
--   body       frames for the service, as they came
--   reply      frames of its answer, as they came; of a failure what was said of it
--   run_at     not before; all times are the machine's
create table titanic_requests (
    id          uuid         not null,
    service     varchar(128) not null,
    body        bytea[]      not null,
    status      varchar(7)   not null default 'QUEUED',
    attempts    int          not null default 0,
    run_at      timestamptz  not null,
    lease_until timestamptz,
    reply       bytea[],
    created_at  timestamptz  not null,
    expires_at  timestamptz  not null,
    constraint titanic_requests_pk        primary key (id),
    constraint titanic_requests_body_ck   check (cardinality(body) > 0),
    constraint titanic_requests_status_ck check (status in ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
    constraint titanic_requests_lease_ck  check ((status = 'RUNNING') = (lease_until is not null)),
    constraint titanic_requests_reply_ck  check ((status in ('DONE', 'FAILED')) = (reply is not null))
) with (fillfactor = 70);
create index titanic_requests_due_ix on titanic_requests (run_at) where status = 'QUEUED';
create index titanic_requests_lease_ix on titanic_requests (lease_until) where status = 'RUNNING';
create index titanic_requests_expiry_ix on titanic_requests (expires_at);
