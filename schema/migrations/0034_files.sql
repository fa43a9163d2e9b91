-- Files: photos of doctors, attachments, in time pictures of patients. Content lies once, whoever sent it; names refer to it.

-- Table: blobs - content by its sha-256. touched_at: somebody stored this content; a reference follows in the same transaction or,
-- for what comes in pieces, within the grace time of unused_blobs.
create table blobs (
    digest     bytea       not null,
    size       bigint      not null,
    media_type varchar(80) not null,               -- by its first bytes
    made_by    uuid        not null,               -- the job whose chunks these are
    touched_at timestamptz not null,
    constraint blobs_pk        primary key (digest),
    constraint blobs_digest_ck check (octet_length(digest) = 32),
    constraint blobs_size_ck   check (size > 0)
);

-- Table: blob_chunks - the bytes, 256 KiB a row but the last; out of line and not compressed: pictures are compressed
create table blob_chunks (
    digest bytea not null,
    seq    int   not null,
    bytes  bytea not null,
    constraint blob_chunks_pk      primary key (digest, seq),
    constraint blob_chunks_blob_fk foreign key (digest) references blobs (digest) on delete cascade,
    constraint blob_chunks_seq_ck  check (seq >= 0),
    constraint blob_chunks_size_ck check (octet_length(bytes) between 1 and 262144)
);
alter table blob_chunks alter column bytes set storage external;

-- Table: stored_files - names of content. The path is a key, below /static/; it is never looked up on a disk (BR-30).
create table stored_files (
    path       varchar(255) not null,
    kind       varchar(12)  not null,
    digest     bytea        not null,
    name       varchar(255) not null,              -- as the sender called it
    doctor_id  bigint,                             -- of a photo: whose
    created_by bigint,
    created_at timestamptz  not null,
    constraint stored_files_pk        primary key (path),
    constraint stored_files_doctor_uq unique (doctor_id),
    constraint stored_files_blob_fk   foreign key (digest) references blobs (digest),
    constraint stored_files_doctor_fk foreign key (doctor_id) references doctors (id) on delete cascade,
    constraint stored_files_user_fk   foreign key (created_by) references users (id) on delete set null,
    constraint stored_files_kind_ck   check (kind in ('photo', 'audit')),
    constraint stored_files_photo_ck  check ((kind = 'photo') = (doctor_id is not null)),
    constraint stored_files_path_ck   check (path ~ '^[^/]+(/[^/]+)*$' and path !~ '(^|/)[.]{1,2}(/|$)')
);
create index stored_files_digest_ix on stored_files (digest);
create index stored_files_user_ix on stored_files (created_by);

-- Table: unused_blobs - content whose reference went away, or never came: looked at, once the grace time is over, by upkeep
create table unused_blobs (
    digest bytea       not null,
    since  timestamptz not null,
    constraint unused_blobs_pk      primary key (digest),
    constraint unused_blobs_blob_fk foreign key (digest) references blobs (digest) on delete cascade
);
create index unused_blobs_since_ix on unused_blobs (since);

-- The transaction's own moment will do: it is the start of a grace time, no rule.
create function gh_blob_unused() returns trigger language plpgsql as $$
begin
    insert into unused_blobs (digest, since) values (old.digest, transaction_timestamp())
        on conflict (digest) do update set since = excluded.since;
    return null;
end $$;
create trigger stored_files_dropped after delete on stored_files for each row execute function gh_blob_unused();
create trigger stored_files_replaced after update of digest on stored_files for each row
    when (old.digest <> new.digest) execute function gh_blob_unused();

-- What is committed is whole (R-184): the chunks of a blob make up its size.
create function gh_blob_whole() returns trigger language plpgsql as $$
declare
    got bigint;
begin
    select coalesce(sum(octet_length(c.bytes)), 0) into got from blob_chunks c where c.digest = new.digest;
    if got <> new.size and exists (select 1 from blobs b where b.digest = new.digest) then
        raise exception 'blob has % of % bytes', got, new.size using errcode = 'check_violation', constraint = 'blobs_whole_ck';
    end if;
    return null;
end $$;
create constraint trigger blobs_whole after insert on blobs deferrable initially deferred
    for each row execute function gh_blob_whole();

-- A path of a request as the key of stored_files: without leading slashes, `static/` before it and steps that go nowhere.
-- Null: it is none, or climbs out of its root (BR-30).
create function gh_file_path(asked text) returns text language plpgsql immutable strict as $$
declare
    kept text[] := '{}';
    part text;
begin
    if asked ~ '[\\[:cntrl:]]' then
        return null;
    end if;
    foreach part in array string_to_array(asked, '/') loop
        if part = '..' then
            if cardinality(kept) = 0 then
                return null;
            end if;
            kept := trim_array(kept, 1);
        elsif part not in ('', '.') then
            kept := kept || part;
        end if;
    end loop;
    if kept[1] = 'app' and kept[2] = 'static' then
        kept := kept[2:];
    end if;
    if kept[1] = 'static' then
        kept := kept[2:];
    end if;
    return nullif(array_to_string(kept, '/'), '');
end $$;

-- View: v_doctor_photos - the stored photo of a doctor; path null: nothing is stored under the doctor's photo_path
create view v_doctor_photos as
    select d.id as doctor_id, o.id is not null as is_open, nullif(d.photo_path, '') as photo_path,
           f.path, f.digest, f.name, b.media_type
      from doctors d
      left join v_open_doctors o on o.id = d.id
      left join stored_files f on f.path = gh_file_path(d.photo_path)
      left join blobs b on b.digest = f.digest
     where d.deleted_at is null;

-- If-None-Match names this content (RFC 9110 section 13.1.2): its bytes need not be read.
create function gh_blob_known(digest bytea, if_none_match text) returns boolean language sql immutable as $$
    select coalesce(btrim(if_none_match) = '*' or strpos(if_none_match, '"' || encode(digest, 'hex') || '"') > 0, false)
$$;

-- The headers of a file: its tag, how long it may be kept, and the name to save it under (RFC 6266, RFC 8187).
create function gh_file_headers(digest bytea, name text, keep text) returns json language sql immutable as $$
    select json_build_object('ETag', '"' || encode(digest, 'hex') || '"', 'Cache-Control', keep,
                             'Content-Disposition', 'inline; filename*=UTF-8''''' || gh_url_text(name))
$$;
