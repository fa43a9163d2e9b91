/*
 * lib/worker/audit.c - entries of the audit log, written with what they tell of (R-214, decisions 25)
 *
 * Entries wait in batch memory and go out in one statement with the last writes of the transaction, unsealed; upkeep.c has them
 * sealed right after.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>

#include "base/log.h"
#include "base/uuid7.h"
#include "worker/internal.h"

#define AGENT_MAX 300 /* characters, audit_log.user_agent and sessions.user_agent */

const char *
gh_caller_ip(gh_batch_t *b, const gh_wjob_t *job)
{
    uint8_t address[16];
    gh_str_t ip = job->head.has_actor ? job->head.actor.ip : (gh_str_t){0};
    if (ip.n == 0 || ip.n >= INET6_ADDRSTRLEN)
        return NULL;
    const char *text = gh_batch_dup(b, ip).p;
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1 ? text : NULL;
}

const char *
gh_caller_agent(gh_batch_t *b, const gh_wjob_t *job)
{
    gh_str_t agent = job->head.has_actor ? job->head.actor.agent : (gh_str_t){0};
    if (agent.n == 0)
        return NULL;
    if (agent.n > AGENT_MAX)
        agent.n = AGENT_MAX;
    char *text = gh_batch_alloc(b, agent.n + 1);
    for (size_t i = 0; i < agent.n; i++)
        text[i] = agent.p[i] >= ' ' && agent.p[i] <= '~' ? agent.p[i] : '?';
    return text;
}

const char *
gh_job_surface(const gh_wjob_priv_t *j)
{
    const char *name = strchr(j->op->def->name, '.');
    if (j->op->def->inner || !name)
        return "inner";
    if (strncmp(name, ".v1_", 4) == 0)
        return "v1";
    return strncmp(name, ".hb_", 4) == 0 || strncmp(name, ".oauth_", 7) == 0 ? "heartbeat" : "code";
}

/* Comma list of the codes of the caller's roles. */
static const char *
roles_of(gh_batch_t *b, const gh_wjob_priv_t *j)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (j->job.actor.roles & GH_ROLE_SUPERUSER)
        gh_buf_puts(&text, "SUPERUSER");
    for (size_t i = 0; gh_role_table_code(b->worker->roles, i); i++)
        if (j->held >> i & 1) {
            if (text.n)
                gh_buf_putc(&text, ',');
            gh_buf_puts(&text, gh_role_table_code(b->worker->roles, i));
        }
    if (!gh_buf_ok(&text))
        b->priv->failed = true;
    return gh_batch_dup(b, gh_buf_view(&text)).p;
}

static const char *
copy(gh_batch_t *b, const char *text, const char *otherwise)
{
    return text ? gh_batch_dup(b, gh_str(text)).p : otherwise;
}

static const char *
request_of(gh_batch_t *b, const uint8_t id[16], gh_str_t chosen)
{
    char text[GH_UUID_TEXT];
    gh_uuid_text(id, text);
    return gh_batch_dup(b, chosen.n ? chosen : gh_str(text)).p;
}

void
gh_batch_audit(gh_batch_t *b, const gh_wjob_t *job, const gh_audit_t *entry)
{
    gh_pending_audit_t *a = gh_batch_alloc(b, sizeof(*a));
    if (!gh_batch_ok(b))
        return;
    a->entry = (gh_audit_t){
        .action = copy(b, entry->action, NULL),
        .entity = copy(b, entry->entity, NULL),
        .entity_id = entry->entity_id,
        .entity_key = copy(b, entry->entity_key, NULL),
        .made_in = copy(b, entry->made_in, NULL),
        .patient_id = entry->patient_id,
        .outcome = copy(b, entry->outcome, "success"),
        .changes = copy(b, entry->changes, "{}"),
    };
    a->surface = "inner";
    a->roles = "";
    if (job) {
        const gh_wjob_priv_t *j = (const gh_wjob_priv_t *)job;
        a->user_id = job->actor.user_id;
        a->roles = roles_of(b, j);
        a->ip = gh_caller_ip(b, job);
        a->agent = gh_caller_agent(b, job);
        a->surface = gh_job_surface(j);
        a->request = request_of(b, j->job.head.id, j->job.head.request);
    } else {
        uint8_t id[16];
        gh_uuid7_new(id);
        a->request = request_of(b, id, (gh_str_t){0});
    }
    if (!gh_batch_ok(b))
        return;
    *b->priv->audits_tail = a;
    b->priv->audits_tail = &a->next;
}

void
gh_batch_denied(gh_batch_t *b, const gh_wjob_t *job)
{
    const gh_wjob_priv_t *j = (const gh_wjob_priv_t *)job;
    if (job->actor.user_id)
        gh_batch_audit(b, job,
                       &(gh_audit_t){.action = j->op->def->name,
                                     .entity = b->priv->pool->def->name,
                                     .outcome = "denied"});
}

void
gh_audit_denied(gh_batch_priv_t *b, const gh_wjob_priv_t *j, gh_err_t refusal)
{
    const gh_wop_t *op = j->op;
    bool alive = j->job.actor.alive && refusal != GH_E_PASSWORD_CHANGE_REQUIRED;
    bool guarded = op->access.kind == GH_ACCESS_PERMISSION ||
                   (op->access.kind == GH_ACCESS_ROLES && op->access.roles == GH_ROLE_ADMIN);
    if (alive && guarded && op->def->kind != GH_OP_READ && !op->def->inner && b->lane)
        gh_batch_denied(&b->batch, &j->job);
}

static void
put_i64(gh_pgarr_t *list, int64_t v)
{
    if (v)
        gh_pgarr_i64(list, v);
    else
        gh_pgarr_null(list);
}

static void
put_text(gh_pgarr_t *list, const char *s)
{
    if (s)
        gh_pgarr_text(list, gh_str(s));
    else
        gh_pgarr_null(list);
}

static void
put_entity_id(gh_pgarr_t *list, const gh_audit_t *e)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)e->entity_id);
    put_text(list, e->entity_key ? e->entity_key : e->entity_id ? text : NULL);
}

void
gh_audit_put(gh_batch_priv_t *b)
{
    enum {
        WHO,
        ROLES,
        ACTION,
        ENTITY,
        ENTITY_ID,
        MADE_IN,
        PATIENT,
        OUTCOME,
        IP,
        AGENT,
        REQUEST,
        SURFACE,
        CHANGES,
        N
    };
    gh_pgarr_t a[N] = {0};
    char now[GH_PG_TIME_TEXT];
    const char *params[N + 1] = {now};
    if (!b->audits || b->failed)
        return;
    for (const gh_pending_audit_t *e = b->audits; e; e = e->next) {
        put_i64(&a[WHO], e->user_id);
        put_text(&a[ROLES], e->roles);
        put_text(&a[ACTION], e->entry.action);
        put_text(&a[ENTITY], e->entry.entity);
        put_entity_id(&a[ENTITY_ID], &e->entry);
        put_text(&a[MADE_IN], e->entry.made_in);
        put_i64(&a[PATIENT], e->entry.patient_id);
        put_text(&a[OUTCOME], e->entry.outcome);
        put_text(&a[IP], e->ip);
        put_text(&a[AGENT], e->agent ? e->agent : "");
        put_text(&a[REQUEST], e->request);
        put_text(&a[SURFACE], e->surface);
        put_text(&a[CHANGES], e->entry.changes);
    }
    gh_pg_time_text(b->batch.now_us, now);
    for (size_t i = 0; i < N; i++)
        if (!(params[i + 1] = gh_pgarr_literal(&a[i])))
            b->failed = true;
    b->per_job = false; /* from here on an error is the batch's: no effect without its entry */
    gh_batch_ask_own(b, "rt_audit_put", N + 1, params);
    for (size_t i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    b->audits = NULL;
    b->audits_tail = &b->audits;
    b->audited = true;
}
