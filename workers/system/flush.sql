-- POST /api/v1/system/cache/flush (flush.c).

-- name: flush_expire
-- $1 now
delete from cache_flushes where at < $1::timestamptz - interval '1 day';

-- name: flush_noted
-- $1 flush: processes that have noted what they dropped, and how much it was
select count(*), coalesce(sum(entries), 0) from cache_flushes where flush = $1::uuid;

-- name: note_flush
-- $1 flush, $2 process, $3 entries, $4 now
insert into cache_flushes (flush, process, entries, at) values ($1::uuid, left($2::text, 80), $3::int, $4::timestamptz)
    on conflict do nothing
returning '{}' as body;
