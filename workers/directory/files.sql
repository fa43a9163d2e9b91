-- Stored files: photos of doctors, attachments (api/02 section 2.3, api/05 section 5.3, api/11 section 11.2). Content lies in
-- blobs (lib/domain/blob.h). Statements that answer with a file give its chunks in order, or none when the caller has them.

-- name: lock_doctor_photo
-- $1 doctor
select d.photo_path, d.original_photo_url from doctors d where d.id = $1::bigint and d.deleted_at is null for no key update

-- name: set_doctor_photo
-- $1 doctor, $2 path, $3 digest, $4 name of the file, $5 account, $6 now; the doctor's row is locked. The photo before goes.
with file as (
    insert into stored_files (path, kind, digest, name, doctor_id, created_by, created_at)
    values ($2::text, 'photo', $3::bytea, left($4::text, 255), $1::bigint, $5::bigint, $6::timestamptz)
        on conflict (doctor_id) do update set path = excluded.path, digest = excluded.digest, name = excluded.name,
                                              created_by = excluded.created_by, created_at = excluded.created_at
)
update doctors set photo_path = '/static/' || $2, original_photo_url = null, version = version + 1, updated_at = $6
 where id = $1

-- name: delete_doctor_photo
-- $1 doctor, $2 now (BR-28)
with doctor as (
    select d.id, nullif(d.photo_path, '') as photo_path, d.original_photo_url
      from doctors d where d.id = $1::bigint and d.deleted_at is null for no key update
), file as (
    delete from stored_files f using doctor d where f.doctor_id = d.id and d.photo_path is not null
), done as (
    update doctors x set photo_path = null, original_photo_url = null, version = x.version + 1, updated_at = $2::timestamptz
      from doctor d where x.id = d.id and d.photo_path is not null
)
select json_build_object('detail', '成功删除医生照片', 'doctor_id', d.id, 'old_photo_path', d.photo_path)::text as body,
       case when d.id is null then 'DOCTOR_NOT_FOUND' when d.photo_path is null then 'DOCTOR_PHOTO_NOT_SET' end as error,
       case when d.photo_path is not null then json_build_object(
           'action', 'doctor.photo.delete', 'entity', 'doctor', 'entity_id', d.id, 'changes', gh_changes(
               jsonb_build_object('photo_path', d.photo_path, 'original_photo_url', d.original_photo_url),
               '{"photo_path": null, "original_photo_url": null}')) end as audit
  from (values ($1::bigint)) as asked (id)
  left join doctor d on d.id = asked.id

-- name: get_doctor_photo
-- $1 doctor, $2 If-None-Match. Of the office, which is asked once a doctor of a list: what has not changed costs no bytes.
select case when p.doctor_id is null then 'DOCTOR_NOT_FOUND' when p.photo_path is null then 'DOCTOR_PHOTO_NONE'
            when p.path is null then 'DOCTOR_PHOTO_FILE_MISSING' end as error,
       p.media_type as type, gh_file_headers(p.digest, p.name, 'private, no-cache') as headers, c.bytes
  from (values ($1::bigint)) as asked (id)
  left join v_doctor_photos p on p.doctor_id = asked.id
  left join blob_chunks c on c.digest = p.digest and not gh_blob_known(p.digest, $2::text)
 order by c.seq

-- name: show_doctor_photo
-- $1 doctor, $2 If-None-Match. Of the catalogue: doctors that it shows.
select case when p.doctor_id is null then 'DOCTOR_NOT_FOUND' when p.photo_path is null then 'DOCTOR_PHOTO_NONE'
            when p.path is null then 'DOCTOR_PHOTO_FILE_MISSING' end as error,
       p.media_type as type, gh_file_headers(p.digest, p.name, 'public, max-age=300') as headers, c.bytes
  from (values ($1::bigint)) as asked (id)
  left join v_doctor_photos p on p.doctor_id = asked.id and p.is_open
  left join blob_chunks c on c.digest = p.digest and not gh_blob_known(p.digest, $2::text)
 order by c.seq

-- name: get_static_file
-- $1 path, $2 If-None-Match. Content under a path never changes, so it may be kept.
select case when asked.path is null then 'PATH_UNSAFE' when f.path is null then 'FILE_NOT_FOUND' end as error,
       b.media_type as type,
       (gh_file_headers(f.digest, f.name, 'public, max-age=86400, immutable')::jsonb
           || '{"Cross-Origin-Resource-Policy": "cross-origin"}')::json as headers, c.bytes
  from (values (gh_file_path($1::text))) as asked (path)
  left join stored_files f on f.path = asked.path
  left join blobs b on b.digest = f.digest
  left join blob_chunks c on c.digest = f.digest and not gh_blob_known(f.digest, $2::text)
 order by c.seq

-- name: get_attachment
-- $1 path, $2 If-None-Match. Files of the upload route only.
select case when asked.path is null then 'PATH_UNSAFE' when f.path is null then 'ATTACHMENT_NOT_FOUND' end as error,
       b.media_type as type, gh_file_headers(f.digest, f.name, 'private, max-age=86400, immutable') as headers, c.bytes
  from (values (gh_file_path($1::text))) as asked (path)
  left join stored_files f on f.path = asked.path and f.kind = 'audit'
  left join blobs b on b.digest = f.digest
  left join blob_chunks c on c.digest = f.digest and not gh_blob_known(f.digest, $2::text)
 order by c.seq

-- name: add_attachment
-- $1 path, $2 digest, $3 name, $4 account, $5 now
insert into stored_files (path, kind, digest, name, created_by, created_at)
values ($1::text, 'audit', $2::bytea, left($3::text, 255), $4::bigint, $5::timestamptz)
