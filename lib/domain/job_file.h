/*
 * lib/domain/job_file.h - how an answer of a durable job is kept that is a file: sealed piece by piece, a chunk of a blob each
 *
 * The dispatcher writes such files (workers/jobs/results.c), a rotation of keys seals them again (ops/cmd/keys_files.c).
 */
#ifndef GH_DOMAIN_JOB_FILE_H
#define GH_DOMAIN_JOB_FILE_H

#include "base/seal.h"

#define GH_JOB_CHUNK (256u << 10)                      /* of the sealed bytes */
#define GH_JOB_PIECE (GH_JOB_CHUNK - GH_SEAL_OVERHEAD) /* of the plain bytes: sealed they fill a chunk */

/* Where piece n of a job's answer lives: no piece fits another job, or another place of its own. */
gh_seal_place_t gh_job_file_place(const uint8_t job[16], size_t n);

/* Append all pieces of an answer, sealed. -1 when sealing fails or memory ran out. */
int gh_job_file_seal(const gh_seal_t *seal, const uint8_t job[16], gh_str_t plain,
                     gh_buf_t *out) GH_MUSTCHECK;

/* Bytes as PostgreSQL reads a bytea; borrowed until the next call with this buffer. NULL: memory ran out. */
const char *gh_job_file_bytea(gh_buf_t *text, gh_str_t bytes);

#endif
