/*
 * front/rates.c - policies of rate limits
 */
#include "front/rates.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/log.h"

#define KEYS (1u << 17) /* 2 MiB, taken as it is used */

typedef enum { BY_ADDRESS, BY_USER, BY_KEY } by_t;

struct front_policy {
    const char *name;
    by_t by;
    front_bucket_t bucket;
    char lines[96]; /* the lines up to the changing numbers */
};

static struct front_policy s_policies[FRONT_POLICIES] = {
    {.name = "anon", .by = BY_ADDRESS},      {.name = "user", .by = BY_USER},
    {.name = "login", .by = BY_ADDRESS},     {.name = "register", .by = BY_ADDRESS},
    {.name = "reset", .by = BY_ADDRESS},     {.name = "upload", .by = BY_USER},
    {.name = "diagnosis", .by = BY_USER},    {.name = "callback", .by = BY_KEY},
    {.name = "reset_account", .by = BY_KEY}, {.name = "file", .by = BY_USER}};

static struct {
    bool on;
    gh_networks_t exempt;
    front_limiter_t *table;
} s_rates;

static const struct front_policy *
find(const char *name)
{
    for (size_t i = 0; i < FRONT_POLICIES; i++)
        if (strcmp(s_policies[i].name, name) == 0)
            return &s_policies[i];
    return NULL;
}

static bool
is_none(const char *name)
{
    return strcmp(name, "none") == 0;
}

static void
read_policy(const gh_conf_t *conf, struct front_policy *p)
{
    char quota[64], window[64];
    snprintf(quota, sizeof quota, "ratelimit.%s.quota", p->name);
    snprintf(window, sizeof window, "ratelimit.%s.window", p->name);
    uint32_t q = (uint32_t)gh_conf_int(conf, quota), w = (uint32_t)gh_conf_int(conf, window);
    p->bucket = front_bucket(q, w);
    snprintf(p->lines, sizeof p->lines, "ratelimit-policy: \"%s\";q=%u;w=%u\r\nratelimit: \"%s\";r=", p->name,
             q, w, p->name);
}

/* The policy that counts an operation's key. */
static const struct front_policy *
key_policy(const gh_operation_t *op)
{
    if (!op->rate_key || !op->rate_limit)
        return NULL;
    return find(strcmp(op->rate_limit, "reset") == 0 ? "reset_account" : op->rate_limit);
}

static int
fault(const gh_operation_t *op, const char *event)
{
    gh_log(GH_LOG_ERROR, event, GH_KS("file", op->file), GH_KS("operation", op->id),
           GH_KS("x-rate-limit", op->rate_limit ? op->rate_limit : ""));
    return -1;
}

/* A policy that counts keys needs one, and a key such a policy. */
static int
check_operation(const gh_operation_t *op)
{
    const struct front_policy *p = op->rate_limit ? find(op->rate_limit) : NULL, *by_key = key_policy(op);
    if (op->rate_limit && !p && !is_none(op->rate_limit))
        return fault(op, "no_such_policy");
    if (op->rate_key ? !by_key || by_key->by != BY_KEY : p && p->by == BY_KEY)
        return fault(op, "policy_and_key_differ");
    return 0;
}

int
front_rates_configure(const gh_conf_t *conf)
{
    if (gh_networks_parse(gh_conf_str(conf, "ratelimit.exempt"), &s_rates.exempt)) {
        gh_log(GH_LOG_ERROR, "setting_invalid", GH_KS("setting", "ratelimit.exempt"));
        return -1;
    }
    for (size_t i = 0; i < FRONT_POLICIES; i++)
        read_policy(conf, &s_policies[i]);
    s_rates.on = gh_conf_bool(conf, "ratelimit.enabled");
    return 0;
}

int
front_rates_init(const gh_conf_t *conf, const gh_contract_t *contract)
{
    for (size_t i = 0; i < gh_contract_count(contract); i++)
        if (check_operation(gh_contract_at(contract, i)))
            return -1;
    s_rates.table = front_limiter_new(KEYS);
    return s_rates.table ? front_rates_configure(conf) : -1;
}

static const struct front_policy *
policy_of(const gh_operation_t *op, int64_t user_id)
{
    if (!op || !op->rate_limit)
        return &s_policies[user_id > 0];
    const struct front_policy *p = is_none(op->rate_limit) ? NULL : find(op->rate_limit);
    return p && p->by == BY_KEY ? NULL : p;
}

static uint64_t
key_of(const struct front_policy *p, const front_address_t *from, int64_t user_id)
{
    uint8_t text[18] = {(uint8_t)(p - s_policies)};
    if (p->by == BY_USER && user_id > 0) {
        text[1] = 1;
        memcpy(text + 2, &user_id, sizeof user_id);
    } else {
        text[1] = from->family == AF_INET6 ? 2 : 3;
        memcpy(text + 2, from->bytes, from->family == AF_INET6 ? 8 : 4);
    }
    return gh_hash64(text, sizeof text);
}

bool
front_rates_take(const gh_operation_t *op, const front_address_t *from, int64_t user_id, int64_t now_us,
                 front_rate_t *out)
{
    *out = (front_rate_t){.take.allowed = true};
    const struct front_policy *p = s_rates.on ? policy_of(op, user_id) : NULL;
    out->exempt = gh_networks_hold(&s_rates.exempt, from->family, from->bytes);
    if (!p || out->exempt)
        return true;
    out->policy = p;
    front_limiter_take(s_rates.table, key_of(p, from, user_id), &p->bucket, (uint64_t)now_us * 1000,
                       &out->take);
    return out->take.allowed;
}

bool
front_rates_take_key(const gh_operation_t *op, gh_buf_t *key, int64_t now_us, front_rate_t *out)
{
    const struct front_policy *p = s_rates.on && !out->exempt ? key_policy(op) : NULL;
    if (!p || key->n == 0)
        return true;
    for (size_t i = 0; i < key->n; i++)
        if (key->p[i] >= 'A' && key->p[i] <= 'Z')
            key->p[i] = (char)(key->p[i] - 'A' + 'a');
    gh_buf_putc(key, (char)(p - s_policies)); /* apart from the same text under another policy */
    if (!gh_buf_ok(key))
        return true;
    front_rate_t mine = {.policy = p};
    front_limiter_take(s_rates.table, gh_hash64(key->p, key->n), &p->bucket, (uint64_t)now_us * 1000,
                       &mine.take);
    if (!out->policy || !mine.take.allowed || mine.take.left < out->take.left)
        *out = mine;
    return mine.take.allowed;
}

void
front_rates_lines(const front_rate_t *rate, gh_buf_t *out)
{
    if (!rate->policy)
        return;
    gh_buf_puts(out, rate->policy->lines);
    gh_buf_i64(out, rate->take.left);
    gh_buf_puts(out, ";t=");
    gh_buf_i64(out, rate->take.reset_s);
    gh_buf_puts(out, "\r\n");
    if (!rate->take.allowed) {
        gh_buf_puts(out, "retry-after: ");
        gh_buf_i64(out, rate->take.retry_s);
        gh_buf_puts(out, "\r\n");
    }
}

size_t
front_rates_index(const front_rate_t *rate)
{
    return (size_t)(rate->policy - s_policies);
}

const char *
front_rates_name(size_t index)
{
    return s_policies[index].name;
}
