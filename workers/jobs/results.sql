-- Answers of jobs that are files (results.h).

-- name: result_hold
-- $1 job, $2 attempt: whether it is the one under way; until the end of the transaction it stays so.
select 1 from jobs where id = $1::uuid and attempts = $2::int and status = 'RUNNING' for no key update;

-- name: result_blob
-- $1 digest, $2 size, $3 job, $4 now
insert into blobs (digest, size, media_type, made_by, touched_at)
values ($1::bytea, $2::bigint, 'application/octet-stream', $3::uuid, $4::timestamptz);

-- name: result_chunk
-- $1 digest, $2 number, $3 bytes
insert into blob_chunks (digest, seq, bytes) values ($1::bytea, $2::int, $3::bytea);

-- name: result_file
-- $1 job, $2 attempt, $3 digest, $4 media type, $5 size, $6 now. An attempt before it may have left one; it goes. Ended jobs go by days: within 48 hours.
insert into job_files (job_id, attempt, digest, media_type, size, kept_until)
values ($1::uuid, $2::int, $3::bytea, $4::text, $5::bigint, $6::timestamptz + interval '50 hours')
    on conflict (job_id) do update set attempt = excluded.attempt, digest = excluded.digest, media_type = excluded.media_type,
                                       size = excluded.size, kept_until = excluded.kept_until;

-- name: result_prune
-- $1 now: with the job, or when a job is gone that went without it.
delete from job_files
 where job_id = any (array (select job_id from job_files where kept_until <= $1::timestamptz order by kept_until limit 1000));

-- name: v1_job_result
-- JB-03: what the call itself would have answered. $1 job, $2 who asks, $3 his scopes. file: its bytes are pieces of a blob.
select case when j.finished_at is null or j.status = 'CANCELLED' then 'INVALID_TRANSITION'
            when j.status = 'FAILED' and j.error->>'code' = 'WORKER_LOST' then 'INTERNAL'
            when j.status = 'FAILED' then j.error->>'code' end as error,
       j.error->'params' as params, j.error->'extra' as extra,
       coalesce(nullif(j.response_status, 0), j.success_status) as status, j.response as body, j.headers, f.media_type as type,
       case when j.status = 'DONE' then f.digest end as file, f.size
  from jobs j
  left join job_files f on f.job_id = j.id and j.response is null
 where j.id = $1::uuid and (j.owner_id = $2::bigint or $3::int & 1 <> 0);

-- name: result_pieces
-- $1 digest, $2 first number, $3 how many
select c.bytes from blob_chunks c where c.digest = $1::bytea and c.seq >= $2::int and c.seq < $2 + $3::int order by c.seq;
