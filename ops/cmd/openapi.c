/*
 * ops/cmd/openapi.c - `guahao openapi`: the published document of the contract
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract/contract.h"
#include "ops/cmd/cmd.h"

const gh_opt_t gh_openapi_opts[] = {
    {"out", "FILE", "write there, whole or not at all (default: stdout)"},
    {"yaml", NULL, "YAML instead of JSON"},
    {NULL, NULL, NULL},
};

static int
put(const json_t *doc, bool yaml, FILE *to)
{
    if (yaml)
        return gh_yaml_write(doc, to);
    return json_dumpf(doc, to, JSON_INDENT(2)) == 0 && fputc('\n', to) != EOF && fflush(to) == 0 ? 0 : -1;
}

static int
write_file(const gh_cmd_t *c, const json_t *doc, bool yaml, const char *name)
{
    char part[4096];
    if (snprintf(part, sizeof part, "%s.%ld", name, (long)getpid()) >= (int)sizeof part)
        return gh_cmd_failed(c, "%s: the name is too long", name);
    FILE *f = fopen(part, "wxe");
    if (!f)
        return gh_cmd_failed(c, "%s: %s", name, strerror(errno));
    int rc = put(doc, yaml, f);
    if (fclose(f) != 0 || rc != 0 || rename(part, name) != 0) {
        rc = gh_cmd_failed(c, "%s: %s", name, strerror(errno));
        unlink(part);
    }
    return rc;
}

/* New reference, NULL after messages on the log. */
static json_t *
publish(const gh_cmd_t *c)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/schema/openapi", gh_conf_share_dir());
    gh_contract_t *contract = gh_contract_load(dir, gh_conf_str(c->conf, "front.contract_extra"));
    json_t *doc = contract ? gh_contract_publish(contract, gh_conf_str(c->conf, "hospital.name"), GH_VERSION)
                           : NULL;
    gh_contract_destroy(&contract);
    return doc;
}

int
gh_cmd_openapi(gh_cmd_t *c)
{
    const char *out = gh_args_str(&c->args, "out", NULL);
    bool yaml = gh_args_has(&c->args, "yaml");
    if (yaml && c->json)
        return gh_cmd_usage(c, "--json or --yaml, not both");
    json_t *doc = publish(c);
    if (!doc)
        return GH_EXIT_FAILED;
    int rc = out ? write_file(c, doc, yaml, out) : put(doc, yaml, stdout);
    if (!out && rc != 0)
        rc = gh_cmd_failed(c, "the document could not be written");
    json_decref(doc);
    return rc == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
}
