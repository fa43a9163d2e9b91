-- Statements of `guahao keys rotate --kind data` (ops/cmd/keys_data.c): sealed columns (api/32 section 8), whose first byte is the key.

-- name: keys_pending
-- $1 the key that seals now: how many values of each column, and files of jobs, have another one
select (select count(*) from patients where get_byte(national_id_enc, 0) <> $1::int),
       (select count(*) from medical_profiles where get_byte(notes_enc, 0) <> $1::int),
       (select count(*) from medical_records where get_byte(body_enc, 0) <> $1::int),
       (select count(*) from job_files f join blob_chunks c on c.digest = f.digest and c.seq = 0
         where get_byte(substring(c.bytes from 1 for 1), 0) <> $1::int);

-- Batches, by id behind $2, at most $3 rows, held until they are written. The version moves on with the row: so updated_at stays.
-- name: keys_read_national_id
select id, encode(national_id_enc, 'hex') from patients
 where get_byte(national_id_enc, 0) <> $1::int and id > $2::bigint order by id limit $3::int for no key update;

-- name: keys_write_national_id
-- $1 ids, $2 values
update patients p set national_id_enc = t.sealed, version = p.version + 1
  from unnest($1::bigint[], $2::bytea[]) t (id, sealed) where p.id = t.id;

-- name: keys_read_notes
select patient_id, encode(notes_enc, 'hex') from medical_profiles
 where get_byte(notes_enc, 0) <> $1::int and patient_id > $2::bigint order by patient_id limit $3::int for no key update;

-- name: keys_write_notes
update medical_profiles p set notes_enc = t.sealed, version = p.version + 1
  from unnest($1::bigint[], $2::bytea[]) t (id, sealed) where p.patient_id = t.id;

-- name: keys_read_body
select id, encode(body_enc, 'hex') from medical_records
 where get_byte(body_enc, 0) <> $1::int and id > $2::bigint order by id limit $3::int for no key update;

-- name: keys_write_body
update medical_records r set body_enc = t.sealed, version = r.version + 1
  from unnest($1::bigint[], $2::bytea[]) t (id, sealed) where r.id = t.id;

-- Answers of jobs that are files, by job (keys_files.c).
-- name: keys_next_file
-- $1 the key that seals now, $2 the job before
select f.job_id from job_files f join blob_chunks c on c.digest = f.digest and c.seq = 0
 where f.job_id > $2::uuid and get_byte(substring(c.bytes from 1 for 1), 0) <> $1::int
 order by f.job_id limit 1;

-- name: keys_hold_file
select encode(f.digest, 'hex') from job_files f where f.job_id = $1::uuid for no key update;

-- name: keys_file_piece
-- $1 digest in hex, $2 number
select encode(c.bytes, 'hex') from blob_chunks c where c.digest = decode($1::text, 'hex') and c.seq = $2::int;

-- name: keys_file_blob
-- $1 digest, $2 size, $3 job, $4 now
insert into blobs (digest, size, media_type, made_by, touched_at)
values ($1::bytea, $2::bigint, 'application/octet-stream', $3::uuid, $4::timestamptz);

-- name: keys_file_chunk
insert into blob_chunks (digest, seq, bytes) values ($1::bytea, $2::int, $3::bytea);

-- name: keys_file_point
update job_files set digest = $2::bytea where job_id = $1::uuid;

-- name: keys_note
-- $1 now, $2 key, $3 values that were sealed again, $4 request
insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
values ($1::timestamptz, 'system', 'keys.rotate', 'key', $2::text, $4::text, 'inner', jsonb_build_object('sealed_again', jsonb_build_array(0, $3::bigint)));
