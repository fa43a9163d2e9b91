/*
 * workers/directory/head_rules.c - see head_rules.h
 */
#include "workers/directory/head_rules.h"

#include <string.h>

/* 主任 stands in the titles of directors and deputies (副主任), of whatever profession. */
static bool
leads(gh_str_t title)
{
    gh_str_t word = GH_STR("主任");
    return title.n >= word.n && memmem(title.p, title.n, word.p, word.n);
}

gh_err_t
gh_head_decide(const gh_head_facts_t *f)
{
    if (!f->dept_known)
        return GH_E_DEPARTMENT_NOT_FOUND;
    if (!f->doctor_known)
        return GH_E_DOCTOR_NOT_FOUND;
    if (!f->member)
        return GH_E_DOCTOR_NOT_IN_DEPARTMENT;
    if (f->head)
        return GH_E_NONE;
    if (!leads(f->title))
        return GH_E_HEAD_TITLE_REQUIRED;
    return f->heads < f->max_heads ? GH_E_NONE : GH_E_HEAD_LIMIT_REACHED;
}
