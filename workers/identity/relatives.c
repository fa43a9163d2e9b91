/*
 * workers/identity/relatives.c - adding, changing and removing those whom an account may book for, and which of them is the
 * default (api/07 section 7.4; BR-105 to BR-111)
 *
 *   phase 0   nothing: the runtime loads the caller first
 *   phase 1   check what was sent; hold the owner's row (and the number), read what the rules ask
 *   phase 2   decide (relative_rules.h), write
 *   phase 3   answer
 */
#include <libpq-fe.h>

#include "base/seal_text.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"
#include "workers/identity/register_rules.h"
#include "workers/identity/relative_rules.h"

typedef enum { ADD, UPDATE, REMOVE, SET_DEFAULT } action_t;

static const struct {
    const char *op;
    action_t action;
    const char *said;
} actions[] = {
    {"identity.add_relative", ADD, "添加就诊人成功"},
    {"identity.update_relative", UPDATE, "更新成功"},
    {"identity.remove_relative", REMOVE, "删除成功"},
    {"identity.set_default_relative", SET_DEFAULT, "设置成功"},
};

typedef struct work {
    action_t action;
    const char *said;
    const char *owner, *relative, *now; /* parameter texts */
    const char *name, *gender, *born, *blind;
    gh_str_t card;
    size_t at_facts, at_made;
} work_t;

/* ---- what is asked for */

/* Gender and birth date: as they were sent, else as the id card has them. False: the job is refused. */
static bool
take_person(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    int32_t today = gh_tz_day(b->now_us), day;
    char text[GH_TEXT_DATE];
    gh_card_person_t card = gh_card_read(w->card, today);
    gh_str_t born = gh_arg_text(job, "birth_date");
    w->gender = gh_gender_word(gh_arg_text(job, "gender"));
    if (!w->gender)
        w->gender = !card.read ? "unknown" : card.male ? "male" : "female";
    if (born.n) {
        if (gh_day_parse(born, &day) || !gh_birth_day_ok(day, today))
            return gh_arg_invalid(b, "birth_date", "a day in the past, at most 130 years ago");
        w->born = gh_text(b, born);
    } else if (card.read) {
        gh_day_text(card.born, text);
        w->born = gh_text(b, gh_str(text));
    }
    return true;
}

static gh_step_t
begin_add(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    gh_buf_t blind GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_str_t name = gh_bare(gh_arg_text(job, "name"));
    w->card = gh_batch_dup(b, gh_bare(gh_arg_text(job, "id_card")));
    gh_err_t err = gh_relative_given(name, w->card);
    if (err != GH_E_NONE) {
        gh_job_refuse(b, job, err, NULL);
        return GH_STEP_DONE;
    }
    if (!take_person(b, w))
        return GH_STEP_DONE;
    if (gh_blind_param(gh_worker_seal(b->worker), w->card, &blind))
        return GH_STEP_FAIL;
    w->name = gh_text(b, name);
    w->blind = gh_text(b, gh_buf_view(&blind));
    gh_batch_query(b, "national_id_lock", 1, &w->blind);
    w->at_facts = gh_batch_query(b, "relative_add_facts", 3, (const char *[]){w->owner, w->blind, w->name});
    return GH_STEP_MORE;
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    b->state = w;
    for (size_t i = 0; i < GH_COUNT(actions); i++)
        if (gh_str_is(job->head.op, actions[i].op)) {
            w->action = actions[i].action;
            w->said = actions[i].said;
        }
    if (!job->actor.patient_id) { /* BR-105 */
        gh_job_refuse(b, job, GH_E_PATIENT_RECORD_MISSING, NULL);
        return GH_STEP_DONE;
    }
    w->owner = gh_text_i64(b, job->actor.patient_id);
    w->now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "relative_owner_lock", 1, &w->owner);
    if (w->action == ADD)
        return begin_add(b, w);
    w->relative = gh_text_i64(b, gh_arg_id(job->args, "path.patient_id"));
    w->at_facts = gh_batch_query(b, "relative_facts", 2, (const char *[]){w->owner, w->relative});
    return GH_STEP_MORE;
}

/* ---- the change */

/* A patient whom nobody knew by this number. -1: the batch must fail. */
static int
make_patient(gh_batch_t *b, const work_t *w, int64_t id)
{
    gh_buf_t sealed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_seal_place_t place = {"patients", "national_id_enc", id};
    if (gh_seal_param(gh_worker_seal(b->worker), place, w->card, &sealed))
        return -1;
    const char *params[] = {w->relative, w->name, w->gender, w->born, gh_buf_cstr(&sealed), w->blind, w->now};
    gh_batch_query(b, "relative_patient_make", 7, params);
    return 0;
}

static gh_step_t
add(gh_batch_t *b, work_t *w)
{
    enum { RELATIVES, PATIENT, KNOWN, SAME_NAME, SELF, RELATED };
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_facts);
    gh_relative_facts_t facts = {
        .known = gh_pg_bool(r, 0, KNOWN),
        .same_name = gh_pg_bool(r, 0, SAME_NAME),
        .self = gh_pg_bool(r, 0, SELF),
        .related = gh_pg_bool(r, 0, RELATED),
        .relatives = gh_pg_i64(r, 0, RELATIVES, 0),
        .limit = gh_conf_int(gh_worker_conf(b->worker), "patient.max_relatives"),
    };
    gh_err_t err = gh_relative_add(&facts);
    if (err != GH_E_NONE) {
        gh_str_t limit = gh_str(gh_text_i64(b, facts.limit));
        gh_job_refuse(b, job, err, (const gh_error_arg_t[]){{"n", limit}, {0}});
        return GH_STEP_DONE;
    }
    int64_t id = gh_pg_i64(r, 0, PATIENT, 0);
    w->relative = gh_text_i64(b, id);
    if (!facts.known && make_patient(b, w, id))
        return GH_STEP_FAIL;
    bool is_default = gh_arg_flag(job, "is_default");
    gh_str_t kind = gh_bare(gh_arg_text(job, "relation_type"));
    if (is_default)
        gh_batch_query(b, "relative_default_clear", 2, (const char *[]){w->owner, w->now});
    w->at_made = gh_batch_query(b, "relative_make", 6,
                                (const char *[]){w->owner, w->relative, kind.n ? gh_text(b, kind) : "其他",
                                                 is_default ? "t" : "f", gh_arg_given(b, "remark"), w->now});
    return GH_STEP_MORE;
}

static gh_step_t
change(gh_batch_t *b, work_t *w)
{
    enum { ID, SELF, DEFAULT };
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_facts);
    gh_err_t err = GH_E_NONE;
    if (PQntuples(r) == 0)
        err = GH_E_RELATIVE_NOT_FOUND;
    else if (w->action == UPDATE && gh_pg_bool(r, 0, SELF))
        err = GH_E_RELATIVE_SELF_FIXED; /* BR-111 */
    else if (w->action == REMOVE)
        err = gh_relative_remove(gh_pg_bool(r, 0, SELF), gh_pg_bool(r, 0, DEFAULT));
    if (err != GH_E_NONE) {
        gh_job_refuse(b, job, err, NULL);
        return GH_STEP_DONE;
    }
    const char *id = gh_text(b, gh_pg_str(r, 0, ID));
    gh_str_t kind = gh_bare(gh_arg_text(job, "relation_type"));
    bool remark = gh_mp_path(job->args, "body.remark").at != NULL;
    if (w->action == UPDATE)
        gh_batch_query(b, "relative_change", 5,
                       (const char *[]){id, kind.n ? gh_text(b, kind) : NULL, remark ? "t" : "f",
                                        gh_arg_given(b, "remark"), w->now});
    else if (w->action == REMOVE)
        gh_batch_query(b, "relative_remove", 1, &id);
    else { /* BR-109 */
        gh_batch_query(b, "relative_default_clear", 2, (const char *[]){w->owner, w->now});
        gh_batch_query(b, "relative_default_set", 2, (const char *[]){id, w->now});
    }
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    if (w->action == ADD) {
        gh_json_ki64(&json, "relation_id", gh_pg_i64(gh_batch_result(b, w->at_made), 0, 0, 0));
        gh_json_kraw(&json, "patient_id", gh_str(w->relative));
    }
    gh_json_kcstr(&json, "message", w->said);
    gh_json_obj_end(&json);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_change_relatives(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    work_t *w = b->state;
    if (b->phase == 1)
        return begin(b);
    if (b->phase == 2)
        return w->action == ADD ? add(b, w) : change(b, w);
    return answer(b, w);
}
