/*
 * workers/identity/args.c - arguments of a job and texts for parameters
 */
#include <stdio.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"
#include "workers/identity/register_rules.h"

static gh_mp_t
member(const gh_wjob_t *job, const char *name)
{
    gh_mp_t v = gh_mp_get(gh_mp_get(job->args, "body"), name);
    return v.at ? v : gh_mp_get(gh_mp_get(job->args, "form"), name);
}

gh_str_t
gh_arg_text(const gh_wjob_t *job, const char *name)
{
    gh_str_t s;
    return gh_mp_str(member(job, name), &s) ? s : (gh_str_t){0};
}

bool
gh_arg_has(const gh_wjob_t *job, const char *name)
{
    gh_mp_type_t type = gh_mp_type(member(job, name));
    return type != GH_MP_NONE && type != GH_MP_NIL;
}

bool
gh_arg_flag(const gh_wjob_t *job, const char *name)
{
    bool on = false;
    return gh_mp_bool(member(job, name), &on) && on;
}

const char *
gh_arg_given(gh_batch_t *b, const char *name)
{
    gh_str_t s = gh_arg_text(b->jobs[0], name);
    return s.n ? gh_text(b, s) : NULL;
}

bool
gh_arg_invalid(gh_batch_t *b, const char *field, const char *text)
{
    gh_job_invalid(b, b->jobs[0], field, "value_error", text);
    return false;
}

const char *
gh_text_uuid(gh_batch_t *b, const uint8_t id[16])
{
    char text[GH_UUID_TEXT];
    gh_uuid_text(id, text);
    return gh_text(b, gh_str(text));
}

const char *
gh_phone_text(gh_batch_t *b, gh_str_t phone)
{
    char packed[GH_PHONE_SIZE];
    return gh_phone_pack(phone, packed) ? gh_text(b, gh_str(packed)) : "";
}

/* Switches (is_...) and the array literal of roles ({"A","B"}) as JSON has them. */
static void
put_made(gh_json_t *json, const gh_made_t *made)
{
    gh_buf_t list GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    size_t n = strlen(made->value);
    if (strncmp(made->member, "is_", 3) == 0)
        gh_json_bool(json, *made->value == 't');
    else if (strcmp(made->member, "roles") == 0 && n > 1 && *made->value == '{') {
        gh_buf_printf(&list, "[%.*s]", (int)n - 2, made->value + 1);
        gh_json_raw(json, gh_buf_view(&list));
    } else
        gh_json_cstr(json, made->value);
}

void
gh_note_account(gh_batch_t *b, const char *action, const gh_made_t *made)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &text);
    gh_json_obj(&json);
    for (; made->member; made++) {
        if (!made->value)
            continue;
        gh_json_key(&json, made->member);
        gh_json_arr(&json);
        gh_json_null(&json);
        put_made(&json, made);
        gh_json_arr_end(&json);
    }
    gh_json_obj_end(&json);
    gh_batch_audit(
        b, b->jobs[0],
        &(gh_audit_t){.action = action, .entity = "user", .made_in = "users", .changes = gh_buf_cstr(&text)});
}
