/*
 * workers/booking/status.c - changes of an appointment that leave its place: AP-06, AP-09, AP-10 (api/24; R-98..R-100, R-104)
 *
 * They share the batch of cancellations (cancel.c), which locks and reads; what may be done is the table of steps
 * (domain/order_states.h). A status of CANCELLED is a cancellation and goes on there.
 */
#include "workers/booking/cancel.h"

#include <libpq-fe.h>

#include "base/timez.h"
#include "domain/order_steps.h"

/* ---- what arrives */

static void
fault(gh_cancel_job_t *cj, const char *field, const char *text)
{
    cj->fault_field = field;
    cj->fault_type = "value_error";
    cj->fault_text = text;
}

/* A text to be stored; p NULL: null or absent. */
static gh_str_t
text_of(gh_cancel_job_t *cj, const char *path)
{
    gh_str_t s = gh_arg_str(cj->job->args, path);
    if (s.n > 0 && memchr(s.p, '\0', s.n))
        fault(cj, path + strlen("body."), "contains a character that cannot be stored");
    return s;
}

static void
parse_edit(gh_cancel_job_t *cj)
{
    gh_mp_t args = cj->job->args;
    gh_edit_t *e = &cj->edit;
    e->given[GH_EDIT_REASON] = gh_mp_path(args, "body.reason").at != NULL;
    e->given[GH_EDIT_NOTES] = gh_mp_path(args, "body.notes").at != NULL;
    e->given[GH_EDIT_VISIT] = gh_mp_path(args, "body.visit_type").at != NULL;
    e->value[GH_EDIT_REASON] = text_of(cj, "body.reason");
    e->value[GH_EDIT_NOTES] = text_of(cj, "body.notes");
    e->value[GH_EDIT_VISIT] = gh_arg_str(args, "body.visit_type");
}

static void
parse_status(gh_cancel_job_t *cj)
{
    gh_str_t status = gh_arg_str(cj->job->args, "body.status"),
             fhir = gh_arg_str(cj->job->args, "body.fhir_status");
    if (gh_wanted_parse(status.p ? status : fhir, !status.p, &cj->wanted) != 0)
        fault(cj, status.p ? "status" : "fhir_status", "is no status that can be asked for");
    cj->wants = true;
    cj->reason = text_of(cj, "body.note");
}

void
gh_edit_parse_hb(gh_mp_t args, gh_edit_t *edit)
{
    edit->given[GH_EDIT_REASON] = gh_mp_path(args, "body.description").at != NULL;
    edit->value[GH_EDIT_REASON] = gh_arg_str(args, "body.description");
}

/* HB-16, as far as it moves nothing. */
static void
parse_heartbeat(gh_cancel_job_t *cj)
{
    const char *type = NULL, *text = NULL;
    cj->surface = GH_CANCEL_HB;
    cj->change = GH_CHANGE_STATUS;
    cj->order_id = gh_hb_order_id(cj->job->args, &type, &text);
    gh_edit_parse_hb(cj->job->args, &cj->edit);
    text_of(cj, "body.description");
    gh_str_t status = gh_arg_str(cj->job->args, "body.status");
    cj->wants = status.p != NULL;
    if (status.p && gh_wanted_parse(status, false, &cj->wanted) != 0)
        fault(cj, "status", "is no status that can be asked for");
    if (type) {
        fault(cj, "id", text);
        cj->fault_type = type;
    }
}

bool
gh_change_parse(gh_cancel_job_t *cj)
{
    gh_str_t op = cj->job->head.op;
    if (gh_str_is(op, "booking.hb_update_appointment")) {
        parse_heartbeat(cj);
        return true;
    }
    if (gh_str_is(op, "booking.v1_update_appointment"))
        cj->change = GH_CHANGE_EDIT;
    else if (gh_str_is(op, "booking.v1_set_appointment_status"))
        cj->change = GH_CHANGE_STATUS;
    else if (gh_str_is(op, "booking.v1_check_in_appointment"))
        cj->change = GH_CHANGE_ARRIVE;
    else
        return false;
    cj->surface = GH_CANCEL_V1;
    cj->order_id = gh_arg_id(cj->job->args, "path.id");
    cj->if_match = gh_arg_str(cj->job->args, "if_match");
    if (cj->change == GH_CHANGE_EDIT)
        parse_edit(cj);
    else if (cj->change == GH_CHANGE_STATUS)
        parse_status(cj);
    return true;
}

/* ---- deciding */

static const char *const edit_names[GH_EDITS] = {
    [GH_EDIT_REASON] = "reason", [GH_EDIT_NOTES] = "notes", [GH_EDIT_VISIT] = "visit_type"};

/* AP-06: a patient changes the reason of the visit only. */
static const char *
not_for_patients(const gh_cancel_job_t *cj, uint32_t by)
{
    for (int i = 0; i < GH_EDITS; i++)
        if (cj->edit.given[i] && i != GH_EDIT_REASON && gh_order_step_by(GH_DO_EDIT, by) == GH_BY_PATIENT)
            return edit_names[i];
    return NULL;
}

static void
audit(gh_cancel_t *c, gh_cancel_job_t *cj, const char *action, gh_str_t changes)
{
    const gh_audit_t entry = {.action = action,
                              .entity = "appointment",
                              .entity_id = cj->order_id,
                              .patient_id = cj->order->patient_id,
                              .changes = gh_text(c->b, changes)};
    gh_batch_audit(c->b, cj->job, &entry);
}

/* What others than the patient change is in the audit log. */
void
gh_change_audit(gh_cancel_t *c, gh_cancel_job_t *cj, gh_order_state_t from)
{
    static const char *const actions[GH_ORDER_STEPS] = {[GH_DO_CANCEL] = "appointment.cancel",
                                                        [GH_DO_ARRIVE] = "appointment.check_in",
                                                        [GH_DO_COMPLETE] = "appointment.complete",
                                                        [GH_DO_MISS] = "appointment.no_show"};
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_key(&j, cj->step == GH_DO_ARRIVE ? "checked_in" : "status");
    gh_json_arr(&j);
    if (cj->step == GH_DO_ARRIVE) {
        gh_json_bool(&j, false);
        gh_json_bool(&j, true);
    } else {
        gh_json_cstr(&j, gh_order_state_name(from));
        gh_json_cstr(&j, gh_order_state_name(cj->order->state));
    }
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    audit(c, cj, actions[cj->step], gh_buf_view(&out));
}

static void
audit_edit(gh_cancel_t *c, gh_cancel_job_t *cj)
{
    const gh_cancel_order_t *o = cj->order;
    const gh_str_t was[GH_EDITS] = {o->reason, o->notes, o->visit_type};
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    for (int i = 0; i < GH_EDITS; i++) {
        if (!cj->edit.given[i])
            continue;
        gh_json_key(&j, edit_names[i]);
        gh_json_arr(&j);
        gh_json_str(&j, was[i]);
        gh_json_str(&j, cj->edit.value[i]);
        gh_json_arr_end(&j);
    }
    gh_json_obj_end(&j);
    audit(c, cj, "appointment.update", gh_buf_view(&out));
}

/* The row changes for the jobs behind this one. A second change of one order in a batch: they run one by one. */
static void
apply(gh_cancel_t *c, gh_cancel_job_t *cj, uint32_t by)
{
    gh_cancel_order_t *o = cj->order;
    gh_order_state_t from = o->state;
    c->twice = c->twice || o->changed;
    o->changed = true;
    cj->changed = true;
    if (cj->change != GH_CHANGE_EDIT) {
        o->state = gh_order_after(cj->step, from);
        o->arrived = o->arrived || cj->step == GH_DO_ARRIVE;
    }
    o->version++;
    if (gh_order_step_by(cj->step, by) == GH_BY_PATIENT)
        return;
    if (cj->change == GH_CHANGE_EDIT)
        audit_edit(c, cj);
    else
        gh_change_audit(c, cj, from);
}

/* Does it want the reason of the visit to be another? */
static bool
edits_reason(const gh_cancel_job_t *cj)
{
    gh_str_t was = cj->order->reason, to = cj->edit.value[GH_EDIT_REASON];
    if (!cj->edit.given[GH_EDIT_REASON])
        return false;
    return was.p && to.p ? !gh_str_eq(was, to) : was.p != to.p;
}

bool
gh_change_decide(gh_cancel_t *c, gh_cancel_job_t *cj)
{
    uint32_t by = gh_cancel_by(cj);
    gh_order_facts_t facts = {.state = cj->order->state,
                              .arrived = cj->order->arrived,
                              .starts_us = cj->order->starts_us,
                              .now_us = c->b->now_us,
                              .start_before_complete = c->start_before_complete};
    gh_wanted_verdict_t v = {.step = cj->change == GH_CHANGE_EDIT ? GH_DO_EDIT : GH_DO_ARRIVE};
    if (cj->change == GH_CHANGE_STATUS && !cj->wants)
        v = (gh_wanted_verdict_t){.err = by ? GH_E_NONE : GH_E_NOT_OWNER, .same = true};
    else if (cj->change == GH_CHANGE_STATUS)
        v = gh_wanted_decide(cj->wanted, by, &facts);
    else
        v.err = gh_order_may(v.step, by, &facts);
    if (v.err == GH_E_NONE && v.same && edits_reason(cj)) {
        cj->change = GH_CHANGE_EDIT; /* that is all it asks for */
        return gh_change_decide(c, cj);
    }
    const char *guarded = v.err == GH_E_NONE && cj->change == GH_CHANGE_EDIT ? not_for_patients(cj, by)
                                                                             : NULL;
    if (v.err != GH_E_NONE) {
        gh_job_refuse(c->b, cj->job, v.err, NULL);
    } else if (guarded) {
        gh_job_refuse(c->b, cj->job, GH_E_FIELD_NOT_ALLOWED,
                      (const gh_error_arg_t[]){{"field", gh_str(guarded)}, {0}});
    } else if (v.same) {
        cj->same = true;
        gh_job_no_effect(cj->job);
    } else if (v.step == GH_DO_CANCEL) {
        return true;
    } else {
        cj->step = v.step;
        apply(c, cj, by);
    }
    return false;
}

/* ---- writing (status.sql) */

static int
write_steps(gh_cancel_t *c)
{
    size_t n = 0;
    gh_step_row_t *rows = gh_batch_alloc(c->b, (c->n + 1) * sizeof *rows);
    if (!gh_batch_ok(c->b))
        return -1;
    for (size_t i = 0; i < c->n; i++) {
        const gh_cancel_job_t *cj = &c->jobs[i];
        if (cj->changed && cj->change != GH_CHANGE_EDIT)
            rows[n++] = (gh_step_row_t){.order_id = cj->order_id,
                                        .state = cj->order->state,
                                        .step = cj->step,
                                        .note = cj->reason,
                                        .by_user = cj->job->actor.user_id};
    }
    return gh_order_steps_write(c->b, rows, n);
}

int
gh_edits_write(gh_batch_t *b, const gh_edit_row_t *rows, size_t n)
{
    enum { ID, GIVEN = 1, VALUE = 1 + GH_EDITS, N = 1 + 2 * GH_EDITS };
    gh_pgarr_t a[N] = {0};
    for (size_t i = 0; i < n; i++) {
        gh_pgarr_i64(&a[ID], rows[i].order_id);
        for (int k = 0; k < GH_EDITS; k++) {
            gh_pgarr_bool(&a[GIVEN + k], rows[i].edit->given[k]);
            gh_pgarr_opt(&a[VALUE + k], rows[i].edit->value[k]);
        }
    }
    const char *params[N + 1];
    bool whole = true;
    for (int i = 0; i < N; i++)
        whole = (params[i] = gh_pgarr_literal(&a[i])) && whole;
    params[N] = gh_text_time(b, b->now_us);
    if (n > 0 && whole)
        gh_batch_query(b, "write_edits", N + 1, params);
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return whole ? 0 : -1;
}

static int
write_edits(gh_cancel_t *c)
{
    gh_edit_row_t *rows = gh_batch_alloc(c->b, (c->n + 1) * sizeof *rows);
    size_t n = 0;
    for (size_t i = 0; i < c->n && gh_batch_ok(c->b); i++) {
        const gh_cancel_job_t *cj = &c->jobs[i];
        bool along = cj->edit.given[GH_EDIT_REASON] && cj->surface == GH_CANCEL_HB;
        if ((cj->changed && cj->change == GH_CHANGE_EDIT) || ((cj->changed || cj->cancelled) && along))
            rows[n++] = (gh_edit_row_t){cj->order_id, &cj->edit};
    }
    return gh_batch_ok(c->b) ? gh_edits_write(c->b, rows, n) : -1;
}

int
gh_change_write(gh_cancel_t *c)
{
    return c->twice || write_steps(c) != 0 || write_edits(c) != 0 ? -1 : 0;
}
