/*
 * ops/cmd/jobs_letters.c - dead letters of the brokers (broker/README.md, mmi.dead)
 */
#include <jansson.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "base/json_read.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/jobs.h"
#include "ops/cmd/mdp_client.h"

#define TIMEOUT_MS 1000

static const char *
text_of(const json_t *o, const char *member)
{
    const char *text = json_string_value(json_object_get(o, member));
    return text ? text : "-";
}

static long long
number_of(const json_t *o, const char *member)
{
    return (long long)json_integer_value(json_object_get(o, member));
}

static void
put_letters(const json_t *dead)
{
    json_t *o;
    size_t i;
    json_array_foreach(dead, i, o)
        printf("%-36s  %-12s  %-32s  %7lld  %7lld  %6lld  %8lld\n", text_of(o, "id"), text_of(o, "service"),
               text_of(o, "op"), number_of(o, "attempt"), number_of(o, "crashes"), number_of(o, "age_s"),
               number_of(o, "bytes"));
}

/* One broker's. -1: no proper answer. */
static int
show(const gh_cmd_t *c, gh_mdp_client_t *m, size_t broker, gh_json_t *j)
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char code[8];
    bool said = gh_mdp_client_mmi(m, broker, "mmi.dead", NULL, code, &body) == 0 && strcmp(code, "200") == 0;
    json_t *answer = said ? gh_json_object(gh_buf_view(&body)) : NULL;
    const json_t *dead = json_object_get(answer, "dead");
    int rc = json_is_array(dead) ? 0 : -1;
    if (rc == 0 && !c->json)
        put_letters(dead);
    char *text = rc == 0 ? json_dumps(dead, JSON_COMPACT) : NULL;
    gh_json_obj(j);
    gh_json_kcstr(j, "endpoint", gh_mdp_client_endpoint(m, broker));
    gh_json_kraw(j, "dead", gh_str(text ? text : "null"));
    gh_json_obj_end(j);
    free(text);
    json_decref(answer);
    return rc;
}

int
gh_jobs_letters(gh_cmd_t *c)
{
    gh_mdp_client_t *m = gh_mdp_client_new(c->conf, TIMEOUT_MS);
    if (!m)
        return GH_EXIT_FAILED;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    int rc = GH_EXIT_DONE;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_key(&j, "brokers");
    gh_json_arr(&j);
    if (!c->json)
        printf("%-36s  %-12s  %-32s  %7s  %7s  %6s  %8s\n", "ID", "SERVICE", "OPERATION", "ATTEMPT",
               "CRASHES", "AGE-S", "BYTES");
    for (size_t i = 0; i < gh_mdp_client_count(m); i++)
        if (show(c, m, i, &j) != 0)
            rc = gh_cmd_failed(c, "no answer from the broker at %s", gh_mdp_client_endpoint(m, i));
    gh_json_arr_end(&j);
    gh_json_obj_end(&j);
    if (c->json && gh_buf_cstr(&out))
        puts(out.p);
    gh_mdp_client_destroy(&m);
    return rc;
}

static int
note(PGconn *db, const char *id, bool drop)
{
    gh_change_t change = gh_change_new();
    const char *params[] = {drop ? "dead_letter.drop" : "dead_letter.requeue", id, change.now,
                            change.request};
    PGresult *r = gh_dbq_named(db, "jobs_note", (int)GH_COUNT(params), params);
    PQclear(r);
    return r ? 0 : -1;
}

int
gh_jobs_letter(gh_cmd_t *c, PGconn *db, const char *id, bool drop)
{
    gh_mdp_client_t *m = gh_mdp_client_new(c->conf, TIMEOUT_MS);
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char code[8];
    int rc = m ? 0 : -1;
    for (size_t i = 0; m && rc == 0 && i < gh_mdp_client_count(m); i++) {
        if (gh_mdp_client_mmi(m, i, drop ? "mmi.drop" : "mmi.requeue", id, code, &body) != 0) {
            gh_cmd_say(c, "no answer from the broker at %s", gh_mdp_client_endpoint(m, i));
        } else if (strcmp(code, "403") == 0) {
            (void)gh_cmd_failed(c, "the broker at %s wants a key of the role ops",
                                gh_mdp_client_endpoint(m, i));
            rc = -1;
        } else if (strcmp(code, "200") == 0) {
            rc = note(db, id, drop) == 0 ? 1 : -1;
        }
    }
    gh_mdp_client_destroy(&m);
    return rc;
}
