/*
 * workers/audit/plan_rules.h - weekly plans of a clinic: what a head submits, what its approval changes (BR-50..BR-56)
 *
 * A plan is 7 days from a Monday times 3 parts of the day; a cell names a doctor or nobody. Pure: rows are arguments and so is
 * the time.
 */
#ifndef GH_AUDIT_PLAN_RULES_H
#define GH_AUDIT_PLAN_RULES_H

#include "base/error.h"

#define GH_PLAN_DAYS  7
#define GH_PLAN_PARTS 3
#define GH_PLAN_CELLS (GH_PLAN_DAYS * GH_PLAN_PARTS)

/* A cell by its place in the week: day 0 (Monday) to 6, part 0 (上午) to 2 (晚上). doctor_id 0: nobody. */
typedef struct gh_plan_cell {
    int day, part;
    int64_t doctor_id;
} gh_plan_cell_t;

typedef struct gh_plan {
    int64_t doctor[GH_PLAN_DAYS][GH_PLAN_PARTS];
} gh_plan_t;

/* err GH_E_NONE: fine. The cell is what the texts of BR-54 to BR-56 name. */
typedef struct gh_plan_refusal {
    gh_err_t err;
    gh_plan_cell_t cell;
} gh_plan_refusal_t;

/* Monday of the week of a day. */
int32_t gh_plan_monday(int32_t day);
const char *gh_plan_section(int part); /* 上午 下午 晚上 */

/* ---- submission (api/08, submit-change) */

typedef struct gh_plan_change {
    int32_t day;
    int part;
    int64_t doctor_id; /* 0: clears the cell */
} gh_plan_change_t;

/* The plan that changes make of the week: every cell that they name, later entries over earlier ones, entries of other weeks
 * ignored; what they do not name is empty. Today and what lies before it cannot be changed: there the plan is what `now` has, and
 * an entry that differs is SCHEDULE_CHANGE_DATE_PAST; so is a week that has no later day. n >= 1. */
gh_err_t gh_plan_of_changes(const gh_plan_change_t *changes, size_t n, int32_t today, const gh_plan_t *now,
                            gh_plan_t *plan);
/* The last day of the week, 0 to 6, on which the plan fills a cell otherwise than `now` has it; -1: none. For BR-45. */
int gh_plan_last_new(const gh_plan_t *plan, const gh_plan_t *now);
/* The week that changes are about: that of the earliest date. n >= 1. */
int32_t gh_plan_week_of(const gh_plan_change_t *changes, size_t n);

/* ---- approval (api/05) */

/* A current session: of the clinic in this week, or of one of the plan's doctors anywhere. */
typedef struct gh_plan_session {
    int64_t id, doctor_id;
    bool here;     /* in the clinic of the plan */
    int day, part; /* as in a cell */
    int64_t starts_us, ends_us;
    bool open; /* 正常 */
} gh_plan_session_t;

/* Bounds that a new session in the cell would have. */
typedef struct gh_plan_bounds {
    int64_t starts_us, ends_us;
} gh_plan_bounds_t;

typedef struct gh_plan_facts {
    int64_t now_us;
    const gh_plan_cell_t *cells; /* the filled cells as stored */
    size_t n_cells;
    const int64_t *doctors; /* those of the named doctors that exist */
    size_t n_doctors;
    const gh_plan_session_t *sessions;
    size_t n_sessions;
    gh_plan_bounds_t bounds[GH_PLAN_DAYS][GH_PLAN_PARTS];
} gh_plan_facts_t;

typedef struct gh_plan_outcome {
    int64_t superseded[GH_PLAN_CELLS]; /* sessions of the clinic that give way (BR-53) */
    size_t n_superseded;
    gh_plan_cell_t created[GH_PLAN_CELLS]; /* cells that get a session (BR-52) */
    size_t n_created;
    size_t kept; /* cells whose doctor is there already: session and orders stay (BR-53) */
} gh_plan_outcome_t;

/* All or nothing: on a refusal the outcome is not to be used. A cell whose section has begun stays as it is, whatever the plan
 * says of it. BR-54, then BR-55, then BR-56, each over the cells in the order of the week. */
gh_plan_refusal_t gh_plan_decide(const gh_plan_facts_t *f, gh_plan_outcome_t *out);

#endif
