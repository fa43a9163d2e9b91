-- Statements of `guahao keys rotate --kind data` (ops/cmd/keys_data.c): sealed columns (api/32 section 8), whose first byte is the key.

-- name: keys_pending
-- $1 the key that seals now: how many values of each column have another one
select (select count(*) from patients where get_byte(national_id_enc, 0) <> $1::int),
       (select count(*) from medical_profiles where get_byte(notes_enc, 0) <> $1::int),
       (select count(*) from medical_records where get_byte(body_enc, 0) <> $1::int);

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

-- name: keys_note
-- $1 now, $2 key, $3 values that were sealed again, $4 request
insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
values ($1::timestamptz, 'system', 'keys.rotate', 'key', $2::text, $4::text, 'inner', jsonb_build_object('sealed_again', jsonb_build_array(0, $3::bigint)));
