-- Statements of `guahao migrate` (ops/cmd/migrate.c).

-- name: migrate_lock
select pg_advisory_lock(hashtextextended('guahao migrate', 0));

-- name: migrate_exists
select to_regclass('schema_migrations') is not null;

-- name: migrate_table
create table if not exists schema_migrations (
    version     int         not null,
    name        text        not null,
    checksum    bytea       not null,        -- sha-256 of the file
    applied_at  timestamptz not null,
    duration_ms int         not null,
    constraint schema_migrations_pk primary key (version)
);

-- name: migrate_applied
select version, name, encode(checksum, 'hex'), to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  from schema_migrations order by version;

-- name: migrate_record
insert into schema_migrations (version, name, checksum, applied_at, duration_ms)
values ($1::int, $2::text, $3::bytea, clock_timestamp(), $4::int);
