/*
 * ops/cmd/replay.c - `guahao replay`: the order of its parts (replay.h)
 */
#include "ops/cmd/replay.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/timez.h"

/* Rows that were stopped in hand have no answer. */
static bool
s_close_rows(gh_replay_t *r)
{
    bool all = true;
    for (size_t i = 0; i < r->n_rows; i++) {
        gh_replay_row_t *row = &r->rows[i];
        if (row->state == GH_ROW_WAITING && row->attempts > 0) {
            row->state = GH_ROW_UNANSWERED;
            if (row->reason[0] == '\0')
                snprintf(row->reason, sizeof row->reason, "stopped");
        }
        all &= row->state == GH_ROW_ACCEPTED || row->state == GH_ROW_REFUSED;
    }
    return all;
}

int
gh_replay_run(const gh_conf_t *conf, const gh_replay_options_t *opt, PGconn *db)
{
    gh_replay_t *r = calloc(1, sizeof *r);
    char err[300];
    if (!r)
        return 1;
    r->conf = conf;
    r->opt = *opt;
    int rc = 1;
    int64_t now_us = gh_now_us();
    if (gh_replay_plan(r, gh_tz_day(now_us), err) != 0) {
        fprintf(stderr, "guahao replay: %s: %s\n", opt->file, err);
        goto out;
    }
    if (!opt->quiet)
        fprintf(stderr, "%zu rows, %zu sessions, %zu patients: making them\n", r->n_rows, r->n_sessions,
                r->n_patients);
    if (gh_replay_setup(r, db, now_us) != 0 || gh_replay_send(r) != 0)
        goto out;
    bool all = s_close_rows(r);
    if (gh_replay_check(r, db) != 0)
        goto out;
    gh_replay_report(r);
    rc = all && r->faults == 0 ? 0 : 1;
out:
    gh_replay_fini(r);
    free(r);
    return rc;
}
