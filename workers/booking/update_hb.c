/*
 * workers/booking/update_hb.c - HB-16, PUT /appointment/: a new time or doctor moves the appointment (move.c), anything else is a
 * change of its status or description (status.c, in the batch of cancellations) (api/30; R-96..R-99, R-222, R-224)
 *
 * A client may send the whole appointment back: members that say what is so already ask for nothing. Which of the two it is says a
 * look at the appointment; the batch that then carries it out looks again under its locks.
 */
#include "workers/booking/move.h"

#include <libpq-fe.h>

#include "base/timez.h"

typedef struct update {
    size_t at;
    gh_step_fn then; /* who carries it out; NULL: not known yet */
} update_t;

int64_t
gh_hb_order_id(gh_mp_t args, const char **type, const char **text)
{
    static const char *const names[] = {"query.appointment_id", "query.id", "body.id"};
    int64_t order_id = 0;
    for (size_t i = 0; i < GH_COUNT(names); i++) {
        int64_t id = gh_arg_id(args, names[i]);
        if (id && order_id && id != order_id) {
            *type = "value_error";
            *text = "is given twice with different values";
        }
        if (id)
            order_id = id;
    }
    if (!order_id) {
        *type = "missing";
        *text = "is needed";
    }
    return order_id;
}

static gh_step_t
look(gh_batch_t *b)
{
    update_t *u = gh_batch_alloc(b, sizeof *u);
    const char *type, *text;
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    b->jobs[0]->state = u;
    const char *id = gh_text_i64(b, gh_hb_order_id(b->jobs[0]->args, &type, &text));
    u->at = gh_batch_query(b, "hb_present", 1, &id);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* Columns of hb_present. */
enum { DOCTOR, STARTS, ENDS };

static bool
moves(gh_batch_t *b, const update_t *u)
{
    const PGresult *r = gh_batch_result(b, u->at);
    gh_mp_t args = b->jobs[0]->args;
    int64_t doctor = gh_arg_id(args, "body.doctor_id"), at_us = 0;
    int found = gh_arg_moment(args, "body.date_time", &at_us);
    if (PQntuples(r) == 0)
        return false;
    return (doctor && doctor != gh_pg_i64(r, 0, DOCTOR, 0)) || found < 0 ||
           (found > 0 && (at_us < gh_pg_i64(r, 0, STARTS, 0) || at_us >= gh_pg_i64(r, 0, ENDS, 0)));
}

/* One job a batch. */
gh_step_t
gh_hb_update_step(gh_batch_t *b)
{
    if (b->phase == 0)
        return look(b);
    update_t *u = b->jobs[0]->state;
    if (!u->then && b->jobs[0]->done)
        return GH_STEP_DONE;
    if (!u->then)
        u->then = moves(b, u) ? gh_move_step : gh_cancel_step;
    return u->then(b);
}
