-- Results of jobs that are files, or too long for a row: sealed content among the blobs.

-- Table: job_files - what a job answered
--   media_type  of a file; null: JSON, the payload of the answer
--   size        of what was answered; its content is sealed piece by piece (workers/jobs/results.h)
--   attempt     whose answer it is
--   kept_until  it goes when the job goes
create table job_files (
    job_id     uuid         not null,
    attempt    int          not null,
    digest     bytea        not null,
    media_type varchar(120),
    size       bigint       not null,
    kept_until timestamptz  not null,
    constraint job_files_pk      primary key (job_id),
    constraint job_files_blob_fk foreign key (digest) references blobs (digest),
    constraint job_files_size_ck check (size > 0)
);
create index job_files_digest_ix on job_files (digest);
create index job_files_kept_ix on job_files (kept_until);
create trigger job_files_dropped after delete on job_files for each row execute function gh_blob_unused();
create trigger job_files_replaced after update of digest on job_files for each row
    when (old.digest <> new.digest) execute function gh_blob_unused();

-- Content that something still refers to.
create function gh_blob_used(of_digest bytea) returns boolean language sql stable as $$
    select exists (select from stored_files f where f.digest = of_digest)
        or exists (select from job_files f where f.digest = of_digest)
$$;
