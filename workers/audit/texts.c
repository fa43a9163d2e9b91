/*
 * workers/audit/texts.c - texts of requests, on their way into a row
 */
#include "workers/audit/audit.h"

bool
gh_audit_text(gh_batch_t *b, const char *path, gh_str_t *out)
{
    const char *dot = strchr(path, '.');
    *out = gh_arg_str(b->jobs[0]->args, path);
    if (out->n == 0 || !memchr(out->p, '\0', out->n))
        return true;
    gh_job_invalid(b, b->jobs[0], dot ? dot + 1 : path, "value_error",
                   "contains a character that cannot be stored");
    return false;
}
