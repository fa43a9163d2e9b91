/*
 * lib/domain/blob.h - files stored by their content: written once, whoever sends them, read by anybody's host
 *
 * Content is a row of `blobs` under its SHA-256 and chunks of GH_BLOB_CHUNK bytes; what refers to it (a row of
 * `stored_files`, by foreign key) keeps it. The last reference gone, upkeep removes it after an hour (worker/upkeep.c). Two who store
 * the same content at once meet at its row: one writes the chunks, the other waits and finds them.
 *
 * Writing, in a WRITE step, after access was checked (phase >= 1): gh_blob_begin(), then once a phase gh_blob_more() until it
 * says done, then the row that refers to it. Chunks go out of the job's own frame, GH_BLOB_PHASE bytes a round trip, so that
 * a file lies in memory once. Reading: an operation with .file (worker/worker.h) whose statement gives the chunks in order.
 */
#ifndef GH_DOMAIN_BLOB_H
#define GH_DOMAIN_BLOB_H

#include "worker/worker.h"

#define GH_BLOB_CHUNK (256u << 10)
#define GH_BLOB_PHASE (1u << 20)

typedef struct gh_blob_put {
    gh_str_t bytes; /* borrowed from the job */
    size_t at;      /* result index of blob_put */
    size_t sent;
    bool asked, fresh;
    char digest[2 + 64 + 1]; /* as a bytea text: \x and hex digits */
} gh_blob_put_t;

/* A file of a job as its front described it (contract/upload.h), checked again: what a front did not check is refused. */
typedef struct gh_blob_file {
    gh_str_t bytes, name;
    const char *media; /* by content, literal */
    const char *extension;
} gh_blob_file_t;

/* The file of a member ("form.photo"). False: there is none, or nothing known. */
bool gh_blob_file(const gh_wjob_t *job, const char *member, gh_blob_file_t *out) GH_MUSTCHECK;

/* Start storing; -1 when the digest cannot be made. */
int gh_blob_begin(gh_batch_t *b, const gh_wjob_t *job, gh_blob_put_t *put,
                  const gh_blob_file_t *file) GH_MUSTCHECK;
/* In every phase after that: queue the next chunks. True: all of it is queued, the reference may follow. */
bool gh_blob_more(gh_batch_t *b, gh_blob_put_t *put);

#endif
