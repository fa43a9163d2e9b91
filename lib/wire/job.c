/*
 * lib/wire/job.c - header frames of jobs and replies (schema/job-message.md)
 *
 * Decoding walks the map once and takes members as they come; a member of a wrong type or size refuses the frame, an
 * unknown one is ignored. Our encoder writes `deadline` and `attempt` as five bytes each (gh_mpw_u32_fixed), so that a
 * broker patches a copy in place; a header of another encoder, or one that loses its actor, is written anew.
 */
#include "wire/job.h"

#include <stdlib.h>

#define MAGIC_LEN   4
#define OP_MAX      128
#define KEY_MAX     256
#define SHARD_MAX   128
#define TRACE_MAX   128
#define REQUEST_MAX 64
#define IP_MAX      64
#define AGENT_MAX   300
#define LANG_MAX    64
#define ERROR_MAX   64
#define TYPE_MAX    128
#define HEAD_FIXED  0xce /* first byte of a number written by gh_mpw_u32_fixed */

static bool
has_magic(const void *frame, size_t n, const char *magic)
{
    return frame && n > MAGIC_LEN && memcmp(frame, magic, MAGIC_LEN) == 0;
}

bool
gh_job_is_head(const void *frame, size_t n)
{
    return has_magic(frame, n, GH_JOB_MAGIC);
}

bool
gh_reply_is_head(const void *frame, size_t n)
{
    return has_magic(frame, n, GH_REPLY_MAGIC);
}

/* The map behind the magic, checked. */
static int
open_map(const void *frame, size_t n, const char *magic, gh_mp_iter_t *it)
{
    gh_mp_t map;

    if (!has_magic(frame, n, magic) ||
        gh_mp_check((const uint8_t *)frame + MAGIC_LEN, n - MAGIC_LEN, GH_REPLY_HEAD_MAX, &map) < 0 ||
        gh_mp_type(map) != GH_MP_MAP)
        return -1;
    *it = gh_mp_iter(map);
    return 0;
}

/* ---- members */

static bool
take_text(gh_mp_t v, size_t max, gh_str_t *out)
{
    return gh_mp_str(v, out) && out->n <= max;
}

static bool
take_id(gh_mp_t v, uint8_t id[16])
{
    gh_str_t s;

    if (!gh_mp_bin(v, &s) || s.n != 16)
        return false;
    memcpy(id, s.p, 16);
    return true;
}

/* 16 bytes, or none. */
static bool
take_ref(gh_mp_t v, gh_str_t *out)
{
    return gh_mp_bin(v, out) && (out->n == 0 || out->n == 16);
}

static bool
take_u32(gh_mp_t v, uint32_t max, uint32_t *out)
{
    int64_t i;

    if (!gh_mp_int(v, &i) || i < 0 || i > (int64_t)max)
        return false;
    *out = (uint32_t)i;
    return true;
}

/* ---- jobs */

static bool
take_actor_member(gh_str_t key, gh_mp_t v, gh_actor_ref_t *a)
{
    if (gh_str_is(key, "user"))
        return gh_mp_int(v, &a->user_id) && a->user_id >= 0;
    if (gh_str_is(key, "session"))
        return take_ref(v, &a->session);
    if (gh_str_is(key, "jti"))
        return take_ref(v, &a->jti);
    if (gh_str_is(key, "exp"))
        return gh_mp_int(v, &a->token_exp) && a->token_exp >= 0;
    if (gh_str_is(key, "ip"))
        return take_text(v, IP_MAX, &a->ip);
    if (gh_str_is(key, "agent"))
        return take_text(v, AGENT_MAX, &a->agent);
    if (gh_str_is(key, "lang"))
        return take_text(v, LANG_MAX, &a->lang);
    return true;
}

static bool
take_actor(gh_mp_t v, gh_job_head_t *h)
{
    if (gh_mp_type(v) != GH_MP_MAP)
        return false;
    h->has_actor = true;
    for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_next(&it);)
        if (!take_actor_member(it.key, it.value, &h->actor))
            return false;
    return true;
}

enum { SEEN_ID = 1, SEEN_OP = 2, SEEN_DEADLINE = 4, SEEN_ALL = 7 };

static bool
take_job_member(gh_str_t key, gh_mp_t v, gh_job_head_t *h, unsigned *seen)
{
    uint32_t u;

    if (gh_str_is(key, "id")) {
        *seen |= SEEN_ID;
        return take_id(v, h->id);
    }
    if (gh_str_is(key, "op")) {
        *seen |= SEEN_OP;
        return take_text(v, OP_MAX, &h->op) && h->op.n > 0;
    }
    if (gh_str_is(key, "deadline")) {
        *seen |= SEEN_DEADLINE;
        return take_u32(v, UINT32_MAX, &h->budget_ms);
    }
    if (gh_str_is(key, "attempt"))
        return take_u32(v, UINT32_MAX, &h->attempt);
    if (gh_str_is(key, "priority")) {
        if (!take_u32(v, GH_PRIO_COUNT - 1, &u))
            return false;
        h->priority = (uint8_t)u;
        return true;
    }
    if (gh_str_is(key, "actor"))
        return take_actor(v, h);
    if (gh_str_is(key, "key"))
        return take_text(v, KEY_MAX, &h->key);
    if (gh_str_is(key, "shard"))
        return take_text(v, SHARD_MAX, &h->shard);
    if (gh_str_is(key, "trace"))
        return take_text(v, TRACE_MAX, &h->trace);
    if (gh_str_is(key, "request"))
        return take_text(v, REQUEST_MAX, &h->request);
    if (gh_str_is(key, "waited"))
        return take_u32(v, UINT32_MAX, &h->waited_us);
    if (gh_str_is(key, "resend"))
        return gh_mp_bool(v, &h->resend);
    if (gh_str_is(key, "quiet"))
        return gh_mp_bool(v, &h->no_reply_wanted);
    return true;
}

int
gh_job_head_decode(const void *frame, size_t n, gh_job_head_t *out)
{
    gh_mp_iter_t it;
    unsigned seen = 0;

    *out = (gh_job_head_t){.priority = GH_PRIO_NORMAL};
    if (n > GH_JOB_HEAD_MAX || open_map(frame, n, GH_JOB_MAGIC, &it) < 0)
        return -1;
    while (gh_mp_next(&it))
        if (!take_job_member(it.key, it.value, out, &seen))
            return -1;
    return seen == SEEN_ALL ? 0 : -1;
}

static void
put_text(gh_buf_t *b, const char *key, gh_str_t s, uint16_t *count)
{
    if (s.n == 0)
        return;
    gh_mpw_cstr(b, key);
    gh_mpw_str(b, s);
    ++*count;
}

static void
put_bin(gh_buf_t *b, const char *key, gh_str_t s, uint16_t *count)
{
    if (s.n == 0)
        return;
    gh_mpw_cstr(b, key);
    gh_mpw_bin(b, s.p, s.n);
    ++*count;
}

static void
put_int(gh_buf_t *b, const char *key, int64_t v, uint16_t *count)
{
    if (v == 0)
        return;
    gh_mpw_cstr(b, key);
    gh_mpw_int(b, v);
    ++*count;
}

static void
put_actor(gh_buf_t *b, const gh_actor_ref_t *a)
{
    uint16_t count = 1;
    size_t mark;

    gh_mpw_cstr(b, "actor");
    mark = gh_mpw_map_begin(b);
    gh_mpw_cstr(b, "user");
    gh_mpw_int(b, a->user_id);
    put_bin(b, "session", a->session, &count);
    put_bin(b, "jti", a->jti, &count);
    put_int(b, "exp", a->token_exp, &count);
    put_text(b, "ip", a->ip, &count);
    put_text(b, "agent", a->agent, &count);
    put_text(b, "lang", a->lang, &count);
    gh_mpw_map_end(b, mark, count);
}

void
gh_job_head_encode(const gh_job_head_t *h, gh_buf_t *out)
{
    uint16_t count = 6;
    size_t mark;

    gh_buf_put(out, GH_JOB_MAGIC, MAGIC_LEN);
    mark = gh_mpw_map_begin(out);
    gh_mpw_cstr(out, "id");
    gh_mpw_bin(out, h->id, 16);
    gh_mpw_cstr(out, "op");
    gh_mpw_str(out, h->op);
    gh_mpw_cstr(out, "deadline");
    gh_mpw_u32_fixed(out, h->budget_ms);
    gh_mpw_cstr(out, "attempt");
    gh_mpw_u32_fixed(out, h->attempt);
    gh_mpw_cstr(out, "waited");
    gh_mpw_u32_fixed(out, h->waited_us);
    gh_mpw_cstr(out, "priority");
    gh_mpw_int(out, h->priority);
    if (h->resend) {
        gh_mpw_cstr(out, "resend");
        gh_mpw_bool(out, true);
        count++;
    }
    if (h->no_reply_wanted) {
        gh_mpw_cstr(out, "quiet");
        gh_mpw_bool(out, true);
        count++;
    }
    put_text(out, "key", h->key, &count);
    put_text(out, "shard", h->shard, &count);
    put_text(out, "trace", h->trace, &count);
    put_text(out, "request", h->request, &count);
    if (h->has_actor) {
        put_actor(out, &h->actor);
        count++;
    }
    gh_mpw_map_end(out, mark, count);
}

/* ---- forwarding */

/* Where the members that a broker changes stand. Spans of whole pairs are kept as they are. */
typedef struct places {
    const uint8_t *deadline, *attempt,
        *waited; /* values, NULL when absent; waited: only in the five-byte form */
    bool actor;
    bool fixed; /* both numbers are there in the five-byte form */
} places_t;

static int
find_places(const uint8_t *map, const uint8_t *end, places_t *at)
{
    gh_mp_iter_t it = gh_mp_iter((gh_mp_t){map, end});

    *at = (places_t){0};
    if (!it.map)
        return -1;
    while (it.left > 0) {
        if (!gh_mp_next(&it))
            return -1;
        if (gh_str_is(it.key, "deadline"))
            at->deadline = it.value.at;
        else if (gh_str_is(it.key, "attempt"))
            at->attempt = it.value.at;
        else if (gh_str_is(it.key, "waited") && *it.value.at == HEAD_FIXED)
            at->waited = it.value.at;
        else if (gh_str_is(it.key, "actor"))
            at->actor = true;
    }
    at->fixed = at->deadline && at->attempt && *at->deadline == HEAD_FIXED && *at->attempt == HEAD_FIXED;
    return it.pos == end ? 0 : -1;
}

static void
store_u32(uint8_t *value, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        value[1 + i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Write the header anew: our two numbers, then every other pair byte by byte as it came. */
static void
reemit(const uint8_t *map, const uint8_t *end, uint32_t budget_ms, uint32_t attempt, uint32_t waited_us,
       bool strip_actor, gh_buf_t *out)
{
    uint16_t count = 2;
    size_t mark;

    gh_buf_put(out, GH_JOB_MAGIC, MAGIC_LEN);
    mark = gh_mpw_map_begin(out);
    for (gh_mp_iter_t it = gh_mp_iter((gh_mp_t){map, end}); gh_mp_next(&it);) {
        if (gh_str_is(it.key, "deadline") || gh_str_is(it.key, "attempt") ||
            (strip_actor && gh_str_is(it.key, "actor")))
            continue;
        gh_mpw_str(out, it.key);
        if (gh_str_is(it.key, "waited"))
            gh_mpw_u32_fixed(out, waited_us);
        else
            gh_buf_put(out, it.value.at, (size_t)(it.pos - it.value.at));
        count++;
    }
    gh_mpw_cstr(out, "deadline");
    gh_mpw_u32_fixed(out, budget_ms);
    gh_mpw_cstr(out, "attempt");
    gh_mpw_u32_fixed(out, attempt);
    gh_mpw_map_end(out, mark, count);
}

int
gh_job_head_forward(const void *frame, size_t n, uint32_t budget_ms, uint32_t attempt, uint32_t waited_us,
                    bool strip_actor, gh_buf_t *out)
{
    places_t at;
    const uint8_t *bytes = frame;

    if (n > GH_JOB_HEAD_MAX || !gh_job_is_head(frame, n) ||
        find_places(bytes + MAGIC_LEN, bytes + n, &at) < 0)
        return -1;
    if (!at.fixed || (strip_actor && at.actor)) {
        reemit(bytes + MAGIC_LEN, bytes + n, budget_ms, attempt, waited_us, strip_actor, out);
        return gh_buf_ok(out) ? 0 : -1;
    }
    size_t start = out->n;
    gh_buf_put(out, frame, n);
    if (!gh_buf_ok(out))
        return -1;
    uint8_t *copy = (uint8_t *)out->p + start;
    store_u32(copy + (at.deadline - bytes), budget_ms);
    store_u32(copy + (at.attempt - bytes), attempt);
    if (at.waited)
        store_u32(copy + (at.waited - bytes), waited_us);
    return 0;
}

/* ---- replies */

static bool
take_timings(gh_mp_t v, gh_reply_head_t *h)
{
    gh_mp_iter_t it = gh_mp_iter(v);

    return gh_mp_type(v) == GH_MP_ARRAY && gh_mp_count(v) == 2 && gh_mp_next(&it) &&
           take_u32(it.value, UINT32_MAX, &h->queue_us) && gh_mp_next(&it) &&
           take_u32(it.value, UINT32_MAX, &h->work_us);
}

/* A map whose values are all strings. */
static bool
take_text_map(gh_mp_t v, gh_mp_t *out)
{
    gh_str_t s;

    if (gh_mp_type(v) != GH_MP_MAP)
        return false;
    for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_next(&it);)
        if (!gh_mp_str(it.value, &s))
            return false;
    *out = v;
    return true;
}

static bool
take_reply_member(gh_str_t key, gh_mp_t v, gh_reply_head_t *h, unsigned *seen)
{
    uint32_t u;

    if (gh_str_is(key, "id")) {
        *seen |= SEEN_ID;
        return take_id(v, h->id);
    }
    if (gh_str_is(key, "attempt"))
        return take_u32(v, UINT32_MAX, &h->attempt);
    if (gh_str_is(key, "status")) {
        if (!take_u32(v, 599, &u) || (u != 0 && u < 100))
            return false;
        h->status = (uint16_t)u;
        return true;
    }
    if (gh_str_is(key, "error"))
        return take_text(v, ERROR_MAX, &h->error);
    if (gh_str_is(key, "params"))
        return take_text_map(v, &h->params);
    if (gh_str_is(key, "headers"))
        return take_text_map(v, &h->headers);
    if (gh_str_is(key, "type"))
        return take_text(v, TYPE_MAX, &h->type);
    if (gh_str_is(key, "extra"))
        return take_text(v, GH_REPLY_HEAD_MAX, &h->extra);
    if (gh_str_is(key, "timings"))
        return take_timings(v, h);
    if (gh_str_is(key, "db"))
        return take_u32(v, UINT32_MAX, &h->db_us);
    if (gh_str_is(key, "elsewhere"))
        return gh_mp_bool(v, &h->elsewhere);
    return true;
}

int
gh_reply_head_decode(const void *frame, size_t n, gh_reply_head_t *out)
{
    gh_mp_iter_t it;
    unsigned seen = 0;

    *out = (gh_reply_head_t){0};
    if (n > GH_REPLY_HEAD_MAX || open_map(frame, n, GH_REPLY_MAGIC, &it) < 0)
        return -1;
    while (gh_mp_next(&it))
        if (!take_reply_member(it.key, it.value, out, &seen))
            return -1;
    return seen & SEEN_ID ? 0 : -1;
}

int
gh_reply_head_ref(const void *frame, size_t n, uint8_t id[16], uint32_t *attempt, bool *failed,
                  size_t *queue_at)
{
    const uint8_t *bytes = frame;
    bool have_id = false;
    gh_str_t error;

    *attempt = 0;
    *failed = false;
    *queue_at = 0;
    if (n > GH_REPLY_HEAD_MAX || !gh_reply_is_head(frame, n))
        return -1;
    gh_mp_iter_t it = gh_mp_iter((gh_mp_t){bytes + MAGIC_LEN, bytes + n});
    if (!it.map)
        return -1;
    while (it.left > 0) {
        if (!gh_mp_next(&it))
            return -1;
        if (gh_str_is(it.key, "id"))
            have_id = take_id(it.value, id);
        else if (gh_str_is(it.key, "attempt") && !take_u32(it.value, UINT32_MAX, attempt))
            return -1;
        else if (gh_str_is(it.key, "error"))
            *failed = gh_mp_str(it.value, &error) && gh_str_is(error, "INTERNAL");
        else if (gh_str_is(it.key, "timings") && it.pos - it.value.at == 11 && it.value.at[0] == 0x92 &&
                 it.value.at[1] == HEAD_FIXED)
            *queue_at = (size_t)(it.value.at - bytes) + 1;
    }
    return have_id && it.pos == bytes + n ? 0 : -1;
}

void
gh_reply_head_set_queue(void *frame, size_t queue_at, uint32_t queue_us)
{
    if (queue_at > 0)
        store_u32((uint8_t *)frame + queue_at, queue_us);
}

static void
put_raw(gh_buf_t *b, const char *key, gh_mp_t v, uint16_t *count)
{
    if (gh_mp_count(v) == 0)
        return;
    gh_mpw_cstr(b, key);
    gh_buf_str(b, gh_mp_raw(v));
    ++*count;
}

void
gh_reply_head_encode(const gh_reply_head_t *h, gh_buf_t *out)
{
    uint16_t count = 3;
    size_t mark;

    gh_buf_put(out, GH_REPLY_MAGIC, MAGIC_LEN);
    mark = gh_mpw_map_begin(out);
    gh_mpw_cstr(out, "id");
    gh_mpw_bin(out, h->id, 16);
    gh_mpw_cstr(out, "attempt");
    gh_mpw_int(out, h->attempt);
    gh_mpw_cstr(out, "timings");
    gh_mpw_array(out, 2);
    gh_mpw_u32_fixed(out, h->queue_us);
    gh_mpw_u32_fixed(out, h->work_us);
    put_int(out, "db", h->db_us, &count);
    put_int(out, "status", h->status, &count);
    put_text(out, "error", h->error, &count);
    put_raw(out, "params", h->params, &count);
    put_raw(out, "headers", h->headers, &count);
    put_text(out, "type", h->type, &count);
    put_text(out, "extra", h->extra, &count);
    if (h->elsewhere) {
        gh_mpw_cstr(out, "elsewhere");
        gh_mpw_bool(out, true);
        count++;
    }
    gh_mpw_map_end(out, mark, count);
}

void
gh_reply_refusal(const uint8_t id[16], uint32_t attempt, const char *error, bool elsewhere, gh_buf_t *out)
{
    gh_reply_head_t h = {.attempt = attempt, .error = gh_str(error), .elsewhere = elsewhere};

    memcpy(h.id, id, 16);
    gh_reply_head_encode(&h, out);
}
