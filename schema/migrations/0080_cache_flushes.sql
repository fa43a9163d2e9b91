-- Flushes of caches (POST /api/v1/system/cache/flush): what each process has dropped.

-- Table: cache_flushes
--   flush    names the flush: the job that asked for it
--   process  host:pid, of a front host:pid of each of its processes
--   entries  that it has dropped
create table cache_flushes (
    flush   uuid        not null,
    process varchar(80) not null,
    entries int         not null,
    at      timestamptz not null,
    constraint cache_flushes_pk         primary key (flush, process),
    constraint cache_flushes_entries_ck check (entries >= 0)
);
create index cache_flushes_at_ix on cache_flushes (at);
