// sources: lib/wire/job.c lib/wire/event.c lib/wire/mp.c lib/base/buf.c lib/base/json.c lib/base/gh.c lib/base/money.c lib/base/uuid7.c lib/base/timez.c lib/base/log*.c lib/base/hash.c
/*
 * tests/fuzz/fuzz_job.c - job headers, reply headers and events; a header that is forwarded stays one
 */
#include "tests/fuzz/fuzz.h"

#include "base/uuid7.h"
#include "wire/event.h"
#include "wire/job.h"

static void
s_forward(const uint8_t *data, size_t n, const gh_job_head_t *head)
{
    gh_buf_t out = GH_BUF_INIT;
    for (int strip = 0; strip < 2; strip++) {
        gh_buf_clear(&out);
        FUZZ_CHECK(gh_job_head_forward(data, n, 1234, 7, 9, strip, &out) == 0);
        gh_job_head_t again;
        FUZZ_CHECK(gh_job_head_decode(out.p, out.n, &again) == 0);
        FUZZ_CHECK(again.budget_ms == 1234 && again.attempt == 7);
        FUZZ_CHECK(memcmp(again.id, head->id, sizeof again.id) == 0 && gh_str_eq(again.op, head->op));
        FUZZ_CHECK(again.has_actor == (head->has_actor && !strip));
    }
    gh_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gh_job_head_t head;
    gh_reply_head_t reply;
    gh_mp_t map;
    int accepted = -1;
    if (gh_job_head_decode(data, n, &head) == 0) {
        FUZZ_CHECK(gh_job_is_head(data, n) && head.priority < GH_PRIO_COUNT && n <= GH_JOB_HEAD_MAX);
        s_forward(data, n, &head);
        accepted = 0;
    }
    if (gh_reply_head_decode(data, n, &reply) == 0) {
        FUZZ_CHECK(gh_reply_is_head(data, n));
        gh_buf_t out = GH_BUF_INIT;
        gh_reply_head_encode(&reply, &out);
        gh_reply_head_t again;
        FUZZ_CHECK(gh_buf_ok(&out) && gh_reply_head_decode(out.p, out.n, &again) == 0);
        FUZZ_CHECK(again.status == reply.status && gh_str_eq(again.error, reply.error));
        gh_buf_fini(&out);
        accepted = 0;
    }
    if (gh_event_decode(data, n, &map) == 0) {
        FUZZ_CHECK(gh_mp_type(map) == GH_MP_MAP && n <= GH_EVENT_MAX);
        accepted = 0;
    } else
        FUZZ_CHECK(!gh_event_draining((gh_str_t){(const char *)data, n}));
    return accepted;
}

void
fuzz_examples(void)
{
    gh_buf_t b = GH_BUF_INIT;
    gh_job_head_t h = {.op = GH_STR("booking.book_appointment"),
                       .budget_ms = 5000,
                       .priority = GH_PRIO_NORMAL,
                       .key = GH_STR("k-1"),
                       .shard = GH_STR("s:880"),
                       .trace = GH_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                       .has_actor = true,
                       .actor = {.user_id = 42,
                                 .session = GH_STR("0123456789abcdef"),
                                 .jti = GH_STR("0123456789abcdef"),
                                 .token_exp = 1900000000,
                                 .ip = GH_STR("127.0.0.1"),
                                 .agent = GH_STR("curl"),
                                 .lang = GH_STR("zh")}};
    gh_uuid7_new(h.id);
    gh_job_head_encode(&h, &b);
    fuzz_add(b.p, b.n);
    gh_buf_clear(&b);
    h.has_actor = false;
    h.resend = true;
    gh_job_head_encode(&h, &b);
    fuzz_add(b.p, b.n);
    gh_buf_clear(&b);
    gh_reply_head_t r = {.attempt = 1,
                         .status = 201,
                         .queue_us = 10,
                         .work_us = 20,
                         .type = GH_STR("text/plain"),
                         .extra = GH_STR("{}")};
    memcpy(r.id, h.id, sizeof r.id);
    gh_reply_head_encode(&r, &b);
    fuzz_add(b.p, b.n);
    gh_buf_clear(&b);
    gh_reply_refusal(h.id, 0, "QUEUE_FULL", false, &b);
    fuzz_add(b.p, b.n);
    gh_buf_clear(&b);
    gh_event_begin(&b);
    gh_mpw_map(&b, 2);
    gh_mpw_cstr(&b, "seq");
    gh_mpw_int(&b, 5);
    gh_mpw_cstr(&b, "user");
    gh_mpw_int(&b, 42);
    fuzz_add(b.p, b.n);
    gh_buf_clear(&b);
    gh_event_begin(&b);
    gh_mpw_map(&b, 2);
    gh_mpw_cstr(&b, "broker");
    gh_mpw_bin(&b, h.id, sizeof h.id);
    gh_mpw_cstr(&b, "draining");
    gh_mpw_bool(&b, true);
    fuzz_add(b.p, b.n);
    gh_buf_fini(&b);
}
