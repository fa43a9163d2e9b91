/*
 * workers/directory/heads.c - making a doctor head of a department (BR-26)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   lock the department, so that of two at once the second sees the first; read what the rule asks after that
 *   phase 2   decide (head_rules.h), write
 *   phase 3   answer; a doctor who was transferred meanwhile is no member any more
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "db/arrays.h"
#include "worker/args.h"
#include "workers/directory/directory.h"
#include "workers/directory/head_rules.h"

typedef struct work {
    int64_t dept_id, doctor_id, max_heads;
    const char *dept, *doctor;
    size_t at_lock, at_facts, at_set;
} work_t;

enum { F_KNOWN, F_MEMBER, F_HEAD, F_TITLE, F_HEADS, F_MAX };

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_mp_t args = b->jobs[0]->args;
    b->state = w;
    w->dept_id = gh_arg_id(args, "path.dept_id");
    w->doctor_id = gh_arg_id(args, "body.doctor_id");
    w->dept = gh_text_i64(b, w->dept_id);
    w->doctor = gh_text_i64(b, w->doctor_id);
    w->at_lock = gh_batch_query(b, "head_lock", 1, (const char *[]){w->dept});
    w->at_facts = gh_batch_query(b, "head_facts", 2, (const char *[]){w->dept, w->doctor});
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    gh_json_ki64(&j, "dept_id", w->dept_id);
    gh_json_ki64(&j, "doctor_id", w->doctor_id);
    gh_json_kbool(&j, "is_department_head", true);
    gh_json_ki64(&j, "max_heads", w->max_heads);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&text));
    return gh_buf_ok(&text) ? GH_STEP_DONE : GH_STEP_FAIL;
}

static gh_step_t
decide(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_facts);
    gh_head_facts_t facts = {
        .dept_known = PQntuples(gh_batch_result(b, w->at_lock)) == 1,
        .doctor_known = gh_pg_bool(r, 0, F_KNOWN),
        .member = gh_pg_bool(r, 0, F_MEMBER),
        .head = gh_pg_bool(r, 0, F_HEAD),
        .title = gh_pg_str(r, 0, F_TITLE),
        .heads = gh_pg_i64(r, 0, F_HEADS, 0),
        .max_heads = gh_pg_i64(r, 0, F_MAX, 0),
    };
    gh_err_t err = gh_head_decide(&facts);
    if (err != GH_E_NONE) {
        char max[24];
        snprintf(max, sizeof max, "%lld", (long long)facts.max_heads);
        gh_job_refuse(b, b->jobs[0], err, (const gh_error_arg_t[]){{"N", gh_str(max)}, {0}});
        return GH_STEP_DONE;
    }
    w->max_heads = facts.max_heads;
    if (facts.head)
        return answer(b, w);
    w->at_set = gh_batch_query(b, "head_set", 3,
                               (const char *[]){w->dept, w->doctor, gh_text_time(b, b->now_us)});
    return GH_STEP_MORE;
}

static gh_step_t
finish(gh_batch_t *b, const work_t *w)
{
    if (PQntuples(gh_batch_result(b, w->at_set)) == 0) {
        gh_job_refuse(b, b->jobs[0], GH_E_DOCTOR_NOT_IN_DEPARTMENT, NULL);
        return GH_STEP_DONE;
    }
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "department.select_head",
                                 .entity = "doctor",
                                 .entity_id = w->doctor_id,
                                 .changes = "{\"is_department_head\": [false, true]}"});
    return answer(b, w);
}

gh_step_t
gh_select_head(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? begin(b) : b->phase == 2 ? decide(b, b->state) : finish(b, b->state);
}
