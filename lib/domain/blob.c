/*
 * lib/domain/blob.c - see blob.h
 */
#include "domain/blob.h"

#include <stdio.h>
#include <libpq-fe.h>

#include "base/hash.h"
#include "base/media.h"
#include "base/uuid7.h"
#include "db/arrays.h"

bool
gh_blob_file(const gh_wjob_t *job, const char *member, gh_blob_file_t *out)
{
    gh_mp_t about = gh_mp_path(job->args, member);
    int64_t blob;
    if (!gh_mp_int(gh_mp_get(about, "blob"), &blob) || blob < 0 || (size_t)blob >= job->n_blobs ||
        !gh_mp_str(gh_mp_get(about, "name"), &out->name))
        return false;
    out->bytes = job->blobs[blob];
    const gh_media_t *media = gh_media_of(out->bytes);
    out->media = media ? media->type : NULL;
    out->extension = media ? media->extension : NULL;
    return media != NULL;
}

int
gh_blob_begin(gh_batch_t *b, const gh_wjob_t *job, gh_blob_put_t *put, const gh_blob_file_t *file)
{
    uint8_t digest[32];
    char size[24], id[GH_UUID_TEXT], now[GH_PG_TIME_TEXT];
    *put = (gh_blob_put_t){.bytes = file->bytes};
    if (gh_sha256(file->bytes.p, file->bytes.n, digest))
        return -1;
    memcpy(put->digest, "\\x", 2);
    gh_hex(digest, sizeof digest, put->digest + 2);
    snprintf(size, sizeof size, "%zu", file->bytes.n);
    gh_uuid_text(job->head.id, id);
    gh_pg_time_text(b->now_us, now);
    const char *const params[] = {put->digest, size, file->media, id, now};
    put->at = gh_batch_query(b, "blob_put", GH_COUNT(params), params);
    return 0;
}

static void
put_chunk(gh_batch_t *b, gh_blob_put_t *put)
{
    char seq[24];
    size_t left = put->bytes.n - put->sent, n = left < GH_BLOB_CHUNK ? left : GH_BLOB_CHUNK;
    snprintf(seq, sizeof seq, "%zu", put->sent / GH_BLOB_CHUNK);
    const char *const params[] = {put->digest, seq, NULL};
    gh_batch_query_bytes(b, "blob_put_chunk", GH_COUNT(params), params, 2,
                         (gh_str_t){put->bytes.p + put->sent, n});
    put->sent += n;
}

bool
gh_blob_more(gh_batch_t *b, gh_blob_put_t *put)
{
    if (!put->asked) {
        put->asked = true;
        put->fresh = strcmp(PQgetvalue(gh_batch_result(b, put->at), 0, 0), "t") == 0;
    }
    size_t until = put->sent + GH_BLOB_PHASE;
    while (put->fresh && put->sent < put->bytes.n && put->sent < until)
        put_chunk(b, put);
    return !put->fresh || put->sent == put->bytes.n;
}
