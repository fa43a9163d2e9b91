-- Content-addressed files (lib/domain/blob.h; schema/migrations: blobs).

-- name: blob_put
-- $1 digest, $2 size, $3 media type, $4 job, $5 now. The row is locked from now on, so that upkeep does not take it away
-- (blob_collect) before its reference is written; fresh: its chunks are still to come, from this job.
insert into blobs (digest, size, media_type, made_by, touched_at)
values ($1::bytea, $2::bigint, $3::text, $4::uuid, $5::timestamptz)
    on conflict (digest) do update set touched_at = greatest(blobs.touched_at, excluded.touched_at)
returning made_by = $4::uuid as fresh

-- name: blob_put_chunk
-- $1 digest, $2 number, $3 bytes
insert into blob_chunks (digest, seq, bytes) values ($1::bytea, $2::int, $3::bytea)
