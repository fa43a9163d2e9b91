/*
 * workers/jobs/results.h - what a job answered, when it is a file or too long for its row
 *
 * Such an answer may hold what is sealed in its tables, so it is kept as they are: sealed piece by piece
 * (domain/job_file.h), they are the content of one blob (migration 0071), which goes when the job goes. The dispatcher
 * writes it before it notes the end of the attempt, JB-03 reads it.
 */
#ifndef GH_JOBS_RESULTS_H
#define GH_JOBS_RESULTS_H

#include "db/blocking.h"
#include "worker/worker.h"

#define GH_RESULT_ROW_MAX (1u << 20) /* a longer JSON text is kept as a file */

/* This answer does not go into the job's row. type: media type of a file, empty: JSON. */
bool gh_result_is_file(gh_str_t type, gh_str_t body);
/* Keep the answer of an attempt. 0 also when that attempt is no longer the one under way, which then changes nothing; -1 when it
 * could not be kept (logged): the attempt has failed. seal NULL: there is no key. */
int gh_result_keep(gh_blocking_t *db, const gh_seal_t *seal, const uint8_t job[16], int attempt,
                   gh_str_t type, gh_str_t body) GH_MUSTCHECK;

/* JB-03: what the call itself would have answered. One job a batch. */
gh_step_t gh_result_step(gh_batch_t *b);

#endif
