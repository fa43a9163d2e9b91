/*
 * workers/identity/args.c - arguments of a job and texts for parameters
 */
#include <arpa/inet.h>
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

const char *
gh_caller_ip(gh_batch_t *b, const gh_wjob_t *job)
{
    uint8_t address[16];
    gh_str_t ip = job->head.has_actor ? job->head.actor.ip : (gh_str_t){0};
    if (ip.n == 0 || ip.n >= INET6_ADDRSTRLEN)
        return NULL;
    const char *text = gh_text(b, ip);
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1 ? text : NULL;
}

const char *
gh_caller_agent(gh_batch_t *b, const gh_wjob_t *job)
{
    gh_str_t agent = job->head.has_actor ? job->head.actor.agent : (gh_str_t){0};
    if (agent.n == 0)
        return NULL;
    if (agent.n > 300)
        agent.n = 300;
    char *text = gh_batch_alloc(b, agent.n + 1);
    for (size_t i = 0; i < agent.n; i++)
        text[i] = agent.p[i] >= ' ' && agent.p[i] <= '~' ? agent.p[i] : '?';
    return text;
}
