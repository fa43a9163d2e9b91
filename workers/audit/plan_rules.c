/*
 * workers/audit/plan_rules.c - see plan_rules.h
 */
#include "workers/audit/plan_rules.h"

#include "base/timez.h"

static const char *const sections[GH_PLAN_PARTS] = {"上午", "下午", "晚上"};

int32_t
gh_plan_monday(int32_t day)
{
    return day - (gh_day_weekday(day) - 1);
}

const char *
gh_plan_section(int part)
{
    return sections[part];
}

/* ---- submission */

int32_t
gh_plan_week_of(const gh_plan_change_t *changes, size_t n)
{
    int32_t first = changes[0].day;
    for (size_t i = 1; i < n; i++)
        if (changes[i].day < first)
            first = changes[i].day;
    return gh_plan_monday(first);
}

gh_err_t
gh_plan_of_changes(const gh_plan_change_t *changes, size_t n, int32_t today, const gh_plan_t *now,
                   gh_plan_t *plan)
{
    int32_t monday = gh_plan_week_of(changes, n);
    if (monday + GH_PLAN_DAYS - 1 <= today)
        return GH_E_SCHEDULE_CHANGE_DATE_PAST;
    memset(plan, 0, sizeof *plan);
    for (int day = 0; day < GH_PLAN_DAYS && monday + day <= today; day++)
        memcpy(plan->doctor[day], now->doctor[day], sizeof plan->doctor[day]);
    for (size_t i = 0; i < n; i++) {
        int32_t day = changes[i].day - monday;
        if (day >= GH_PLAN_DAYS)
            continue;
        if (changes[i].day > today)
            plan->doctor[day][changes[i].part] = changes[i].doctor_id;
        else if (plan->doctor[day][changes[i].part] != changes[i].doctor_id)
            return GH_E_SCHEDULE_CHANGE_DATE_PAST;
    }
    return GH_E_NONE;
}

int
gh_plan_last_new(const gh_plan_t *plan, const gh_plan_t *now)
{
    for (int day = GH_PLAN_DAYS - 1; day >= 0; day--)
        for (int part = 0; part < GH_PLAN_PARTS; part++)
            if (plan->doctor[day][part] && plan->doctor[day][part] != now->doctor[day][part])
                return day;
    return -1;
}

/* ---- approval */

static gh_plan_refusal_t
refusal(gh_err_t err, gh_plan_cell_t cell)
{
    return (gh_plan_refusal_t){err, cell};
}

/* BR-54, and the cells as a plan. */
static gh_plan_refusal_t
lay_out(const gh_plan_facts_t *f, gh_plan_t *plan)
{
    memset(plan, 0, sizeof *plan);
    for (size_t i = 0; i < f->n_cells; i++) {
        int64_t *doctor = &plan->doctor[f->cells[i].day][f->cells[i].part];
        if (*doctor == f->cells[i].doctor_id)
            return refusal(GH_E_AUDIT_DOCTOR_REPEATED, f->cells[i]);
        *doctor = f->cells[i].doctor_id;
    }
    return (gh_plan_refusal_t){GH_E_NONE, {0}};
}

static const gh_plan_session_t *
session_here(const gh_plan_facts_t *f, int day, int part)
{
    for (size_t i = 0; i < f->n_sessions; i++)
        if (f->sessions[i].here && f->sessions[i].day == day && f->sessions[i].part == part)
            return &f->sessions[i];
    return NULL;
}

static bool
begun(const gh_plan_facts_t *f, int day, int part)
{
    const gh_plan_session_t *s = session_here(f, day, part);
    return (s ? s->starts_us : f->bounds[day][part].starts_us) <= f->now_us;
}

/* Does the session give way to the plan? */
static bool
gives_way(const gh_plan_facts_t *f, const gh_plan_t *plan, const gh_plan_session_t *s)
{
    return s->here && s->day >= 0 && s->day < GH_PLAN_DAYS && plan->doctor[s->day][s->part] != s->doctor_id &&
           !begun(f, s->day, s->part);
}

static bool
exists(const gh_plan_facts_t *f, int64_t doctor_id)
{
    for (size_t i = 0; i < f->n_doctors; i++)
        if (f->doctors[i] == doctor_id)
            return true;
    return false;
}

/* BR-56: another session of the doctor on that day and part, or an open one at the same time. */
static bool
elsewhere(const gh_plan_facts_t *f, const gh_plan_t *plan, int day, int part)
{
    const gh_plan_bounds_t *at = &f->bounds[day][part];
    for (size_t i = 0; i < f->n_sessions; i++) {
        const gh_plan_session_t *s = &f->sessions[i];
        if (s->doctor_id != plan->doctor[day][part] || gives_way(f, plan, s))
            continue;
        if ((s->day == day && s->part == part) ||
            (s->open && s->starts_us < at->ends_us && at->starts_us < s->ends_us))
            return true;
    }
    return false;
}

static void
put(const gh_plan_facts_t *f, const gh_plan_t *plan, int day, int part, gh_plan_outcome_t *out)
{
    const gh_plan_session_t *s = session_here(f, day, part);
    int64_t doctor_id = plan->doctor[day][part];
    if (s && s->doctor_id == doctor_id) {
        out->kept++;
        return;
    }
    if (s)
        out->superseded[out->n_superseded++] = s->id;
    if (doctor_id)
        out->created[out->n_created++] = (gh_plan_cell_t){day, part, doctor_id};
}

gh_plan_refusal_t
gh_plan_decide(const gh_plan_facts_t *f, gh_plan_outcome_t *out)
{
    gh_plan_t plan;
    memset(out, 0, sizeof *out);
    gh_plan_refusal_t r = lay_out(f, &plan);
    if (r.err != GH_E_NONE)
        return r;
    for (int i = 0; i < GH_PLAN_CELLS; i++) {
        gh_plan_cell_t cell = {i / GH_PLAN_PARTS, i % GH_PLAN_PARTS, 0};
        cell.doctor_id = plan.doctor[cell.day][cell.part];
        if (cell.doctor_id && !exists(f, cell.doctor_id))
            return refusal(GH_E_AUDIT_DOCTOR_INVALID, cell);
        if (!begun(f, cell.day, cell.part))
            put(f, &plan, cell.day, cell.part, out);
    }
    for (size_t i = 0; i < out->n_created; i++)
        if (elsewhere(f, &plan, out->created[i].day, out->created[i].part))
            return refusal(GH_E_AUDIT_DOCTOR_ELSEWHERE, out->created[i]);
    return (gh_plan_refusal_t){GH_E_NONE, {0}};
}
