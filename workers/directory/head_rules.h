/*
 * workers/directory/head_rules.h - who may be made head of a department: a pure decision, no I/O (BR-26)
 */
#ifndef GH_WORKERS_DIRECTORY_HEAD_RULES_H
#define GH_WORKERS_DIRECTORY_HEAD_RULES_H

#include "base/error.h"

typedef struct gh_head_facts {
    bool dept_known;   /* there, and not deleted */
    bool doctor_known; /* there, and not removed */
    bool member;       /* the doctor is of this department */
    bool head;         /* and one of its heads already */
    gh_str_t title;
    int64_t heads, max_heads; /* that the department has, and may have */
} gh_head_facts_t;

/* GH_E_NONE or the refusal. Whoever is head already may be selected again, whatever the title and the number. */
gh_err_t gh_head_decide(const gh_head_facts_t *facts);

#endif
