-- Backups asked for over HTTP (SY-13; backups.c, backup_run.c).

-- name: backup_job
-- The job just queued. $1 id, $2 zone
select gh_v1_job(j, $2::text)::text from only jobs j where j.id = $1::uuid;

-- name: backup_progress
-- $1 key of the job, $2 percent. One row while it is wanted: a cancelled one has none.
update only jobs set progress = greatest(progress, least($2::int, 99)) where unique_key = $1::text and status = 'RUNNING' returning true;
