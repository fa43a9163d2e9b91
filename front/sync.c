/*
 * front/sync.c - keep the revocation list complete (decisions 11, R-34)
 *
 * The list is loaded from the identity pool (identity.sync_revocations) at start and again whenever something may have
 * been missed: a broker announces a number above the last event seen, a new broker identity appears, an event socket was
 * connected anew, or the list is old.
 * Events that come meanwhile are added at once; entries only add up, so the order does not matter. Protected routes are
 * refused while no broker is heard, before the first list, and when a needed reload does not come within STALE_MS.
 */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "front/front.h"
#include "wire/broker_list.h"
#include "wire/event.h"

#define RETRY_MS      250
#define STALE_MS      1000
#define ASK_BUDGET_MS 2000
#define RELOAD_MS     60000 /* a net under everything else */
#define CHECK_MS      2000  /* readiness asks for news no older than this */
#define SILENT_MS     3000  /* the pool, and so the database, counts as down after this without an answer */

static struct {
    uint8_t broker[GH_BROKERS_MAX][16];
    bool known[GH_BROKERS_MAX];
    int64_t seq; /* highest event number seen or covered by a list */
    bool loaded, asking, broken;
    bool check;                 /* readiness wants to know whether the pool still answers */
    bool needed;                /* something was missed and not asked for yet */
    bool owed;                  /* asked for, not answered */
    int64_t needed_ms, owed_ms; /* since when */
    int64_t asked_ms, answered_ms, expired_ms;
    int64_t asked_us, took_us;  /* of the last list */
    int64_t silent_ms;          /* asked since then without a good answer, 0 = answered */
    int64_t wanted_seq;         /* highest number known to be missed */
    char flushed[GH_UUID_TEXT]; /* the last flush: it comes over every broker */
    int64_t asked_seq;          /* of those, what the list under way covers */
} s_sync;

static void
need(int64_t now)
{
    if (!s_sync.needed)
        s_sync.needed_ms = now;
    s_sync.needed = true;
}

void
front_sync_need(void)
{
    need(gh_mono_ms());
}

/* Event numbers up to seq exist, and not all of them were seen. */
static void
missed(int64_t seq)
{
    if (seq > s_sync.wanted_seq)
        s_sync.wanted_seq = seq;
    need(gh_mono_ms());
}

bool
front_sync_ready(void)
{
    int64_t now = gh_mono_ms();
    bool fresh = (!s_sync.needed || now - s_sync.needed_ms < STALE_MS) &&
                 (!s_sync.owed || now - s_sync.owed_ms < STALE_MS);
    return s_sync.loaded && !s_sync.broken && fresh && front_link_alive();
}

bool
front_sync_answered(void)
{
    return s_sync.loaded && (!s_sync.silent_ms || gh_mono_ms() - s_sync.silent_ms < SILENT_MS);
}

int64_t
front_sync_took_us(void)
{
    return s_sync.took_us;
}

void
front_sync_check_soon(void)
{
    s_sync.check = gh_mono_ms() - s_sync.answered_ms > CHECK_MS;
}

/* ---- entries */

static void
add_session(const uint8_t sid[16], int64_t until)
{
    if (front_revoked_session(front.revoked, sid, until))
        s_sync.broken = true;
}

static void
add_user(int64_t user, int64_t before, int64_t until)
{
    if (user > 0 && front_revoked_user(front.revoked, user, before, until))
        s_sync.broken = true;
}

static void
take_revocation(gh_mp_t map)
{
    int64_t until = 0, user = 0, before = 0;
    gh_str_t sid;
    if (!gh_mp_int(gh_mp_get(map, "until"), &until))
        return;
    if (gh_mp_bin(gh_mp_get(map, "sid"), &sid) && sid.n == 16)
        add_session((const uint8_t *)sid.p, until);
    if (gh_mp_int(gh_mp_get(map, "user"), &user) && gh_mp_int(gh_mp_get(map, "before"), &before))
        add_user(user, before, until);
}

static void
take_beat(gh_mp_t map, size_t broker)
{
    gh_str_t id;
    int64_t seq = 0;
    if (!gh_mp_bin(gh_mp_get(map, "broker"), &id) || id.n != 16 || broker >= GH_BROKERS_MAX)
        return;
    bool same = s_sync.known[broker] && memcmp(s_sync.broker[broker], id.p, 16) == 0;
    if (!same) {
        memcpy(s_sync.broker[broker], id.p, 16);
        s_sync.known[broker] = true;
        need(gh_mono_ms());
    }
    if (gh_mp_int(gh_mp_get(map, "seq"), &seq) && seq > s_sync.seq)
        missed(seq);
}

static void
noted(const gh_reply_head_t *head, gh_str_t body)
{
    (void)head; /* nobody waits for it but the one who asked, and he not for long */
    (void)body;
}

/* Caches are flushed (workers/system/flush.c): forget the tokens, read revocations and settings again, say how much it was. */
static void
flush(gh_mp_t map)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char process[80] = "";
    gh_str_t id, scope;
    size_t n = 0;
    if (!gh_mp_str(gh_mp_get(map, "flush"), &id) || !gh_mp_str(gh_mp_get(map, "scope"), &scope) ||
        gh_str_is(id, s_sync.flushed))
        return;
    snprintf(s_sync.flushed, sizeof s_sync.flushed, "%.*s", (int)id.n, id.p);
    bool all = gh_str_is(scope, "all");
    if (all || gh_str_is(scope, "tokens"))
        n += front_tokens_clear(front.tokens);
    if (all || gh_str_is(scope, "settings")) {
        n += front_revoked_count(
            front
                .revoked); /* they stay until the list is here, and add up with it: none is let in meanwhile */
        need(gh_mono_ms());
    }
    (void)gethostname(process, 64);
    process[64] = '\0';
    snprintf(process + strlen(process), 15, ":%d", (int)getpid());
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, 3);
    gh_mpw_cstr(&args, "flush");
    gh_mpw_str(&args, id);
    gh_mpw_cstr(&args, "process");
    gh_mpw_cstr(&args, process);
    gh_mpw_cstr(&args, "entries");
    gh_mpw_int(&args, (int64_t)n);
    gh_log(GH_LOG_INFO, "flushed", GH_KN("scope", scope), GH_KI("entries", n));
    if (gh_buf_ok(&args))
        (void)front_link_ask(&(front_errand_t){.service = "system",
                                               .op = "system.note_flush",
                                               .args = gh_buf_view(&args),
                                               .priority = GH_PRIO_HIGH,
                                               .budget_ms = ASK_BUDGET_MS,
                                               .done = noted});
}

void
front_sync_event(gh_str_t topic, gh_str_t frame, size_t broker)
{
    gh_mp_t map;
    int64_t seq = 0;
    if (gh_event_decode(frame.p, frame.n, &map))
        return;
    if (gh_str_is(topic, "beat")) {
        take_beat(map, broker);
        return;
    }
    if (gh_str_is(topic, "revoke"))
        take_revocation(map);
    if (gh_str_is(topic, "config"))
        front_settings_event(map);
    if (gh_str_is(topic, "flush"))
        flush(map);
    if (!gh_mp_int(gh_mp_get(map, "seq"), &seq) || seq <= s_sync.seq)
        return;
    if (seq > s_sync.seq + 1)
        missed(
            seq); /* what lies between was lost, or comes later: a list read now has all that was answered */
    s_sync.seq = seq;
}

/* ---- the whole list */

static void
take_entry(const json_t *e)
{
    const json_t *sid = json_object_get(e, "sid");
    int64_t until = json_integer_value(json_object_get(e, "until"));
    uint8_t id[16];
    if (json_is_string(sid) && gh_uuid_parse(gh_str(json_string_value(sid)), id) == 0)
        add_session(id, until);
    else
        add_user(json_integer_value(json_object_get(e, "user")),
                 json_integer_value(json_object_get(e, "before")), until);
}

static void
take_list(const gh_reply_head_t *head, gh_str_t body)
{
    s_sync.asking = false;
    json_t *root = head && head->error.n == 0 ? json_loadb(body.p, body.n, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, "revoked");
    if (!json_is_array(list)) {
        if (head)
            gh_log(GH_LOG_WARN, "revocations_refused", GH_KN("error", head->error));
        json_decref(root);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        take_entry(json_array_get(list, i));
    int64_t seq = json_integer_value(json_object_get(root, "seq"));
    front_settings_list(json_object_get(root, "settings"), seq >= s_sync.seq);
    s_sync.seq = seq > s_sync.seq ? seq : s_sync.seq;
    /* The numbers that asked for this list are covered: it was read after they were announced. */
    s_sync.seq = s_sync.asked_seq > s_sync.seq ? s_sync.asked_seq : s_sync.seq;
    if (!s_sync.loaded)
        gh_log(GH_LOG_INFO, "revocations_loaded", GH_KI("entries", json_array_size(list)), GH_KI("seq", seq));
    s_sync.loaded = true;
    s_sync.owed = s_sync.check = false;
    s_sync.answered_ms = gh_mono_ms();
    s_sync.took_us = gh_mono_us() - s_sync.asked_us;
    s_sync.silent_ms = 0;
    json_decref(root);
}

void
front_sync_tick(int64_t now)
{
    if (now - s_sync.expired_ms > 60000) {
        s_sync.expired_ms = now;
        front_revoked_expire(front.revoked, gh_now_us() / 1000000);
    }
    bool wanted = !s_sync.loaded || s_sync.needed || s_sync.owed || s_sync.check ||
                  now - s_sync.answered_ms > RELOAD_MS;
    if (!wanted || s_sync.asking || now - s_sync.asked_ms < RETRY_MS || !front_link_alive())
        return;
    s_sync.asked_ms = now;
    s_sync.asked_us = gh_mono_us();
    s_sync.asking = front_link_ask(&(front_errand_t){.service = "identity",
                                                     .op = "identity.sync_revocations",
                                                     .priority = GH_PRIO_HIGH,
                                                     .budget_ms = ASK_BUDGET_MS,
                                                     .done = take_list});
    if (!s_sync.asking)
        return;
    s_sync.silent_ms = s_sync.silent_ms ? s_sync.silent_ms : now;
    s_sync.asked_seq = s_sync.wanted_seq;
    if (s_sync.needed && !s_sync.owed)
        s_sync.owed_ms = s_sync.needed_ms;
    s_sync.owed = s_sync.owed || s_sync.needed;
    s_sync.needed = false;
}
