-- Limits of durable jobs by their kind (api/29 Job.kind). An operator changes them (`guahao jobs kinds`).

-- Table: job_kinds
--   running_max   jobs of the kind that may run at once, in all dispatchers together; null: any number
--   budget_max_ms the longest that an attempt may take; null: what the job says
create table job_kinds (
    kind          varchar(20) not null,
    running_max   int,
    budget_max_ms int,
    updated_at    timestamptz,
    constraint job_kinds_pk         primary key (kind),
    constraint job_kinds_running_ck check (running_max between 0 and 1000),
    constraint job_kinds_budget_ck  check (budget_max_ms > 0)
);
insert into job_kinds (kind, running_max)
values ('diagnosis', null), ('image_process', null), ('pdf', null), ('export', 4), ('import', 1), ('mail', null), ('backup', 1),
       ('stocktake', 1), ('booking', null), ('gateway', null), ('maintenance', null);

-- Which of the running_max places a running job has: once each, whoever gives them.
alter table jobs add column place smallint;
create unique index jobs_place_uq on jobs (kind, place) where status = 'RUNNING' and place is not null;
-- The waiting ones of a kind with a limit.
create index jobs_kind_due_ix on jobs (kind, priority, run_at, id) where status = 'QUEUED';
