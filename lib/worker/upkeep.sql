-- What the runtime does between batches: the outbox relay and the removal of what has aged out.

-- name: rt_outbox_sent
update outbox set sent_at = $2::timestamptz where id = any($1::bigint[]) and sent_at is null;

-- name: rt_outbox_overdue
select id, topic, payload from outbox
 where sent_at is null and created_at < $1::timestamptz
 order by id limit 100 for update skip locked;

-- name: rt_partitions
-- $1 the machine's clock, as ids of jobs have it; $2 now
select gh_job_done_partitions($1::timestamptz), gh_audit_partitions($2::timestamptz);

-- name: rt_idem_expire
-- Small steps: a rush leaves hundreds of thousands of rows, and nobody shall wait for their removal.
delete from idempotency_keys where ctid = any (array (
    select ctid from idempotency_keys where created_at < $1::timestamptz order by created_at limit 2000));

-- name: rt_outbox_expire
delete from outbox where ctid = any (array (
    select ctid from outbox where sent_at is not null and id < (select max(id) from outbox)
                              and created_at < $1::timestamptz order by id limit 2000));

-- name: rt_blob_collect
-- $1 dropped before. Content that nothing refers to (lib/domain/blob.h): whoever stores the same at this moment has moved
-- touched_at, or waits for this to end and stores it anew.
with due as (
    select u.digest from unused_blobs u where u.since < $1::timestamptz order by u.since limit 200 for update skip locked
), gone as (
    delete from blobs b using due
     where b.digest = due.digest and b.touched_at < $1::timestamptz
       and not gh_blob_used(b.digest)
    returning b.digest
)
delete from unused_blobs u using due
 where u.digest = due.digest and not exists (select 1 from gone where gone.digest = due.digest);

-- name: rt_flushed
-- $1 flush, $2 process, $3 entries, $4 now
insert into cache_flushes (flush, process, entries, at) values ($1::uuid, left($2::text, 80), $3::int, $4::timestamptz) on conflict do nothing;

-- name: rt_settings
-- The settings of running programs, all of them
select rev, key, value from gh_runtime_rows();
