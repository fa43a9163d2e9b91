/*
 * lib/domain/later.c - the row in jobs, and the event that wakes a dispatcher
 */
#include "domain/later.h"

#include "base/uuid7.h"
#include "worker/args.h"

#define BUDGET_MS    30000
#define MAX_ATTEMPTS 5
#define ARGS_AT      4 /* parameter of rt_later_put that is bytes */

static const char empty_map[1] = {(char)0x80};

static size_t
put(gh_batch_t *b, const gh_later_t *later, const uint8_t id[16])
{
    static const char *const statements[] = {[GH_TWIN_IGNORED] = "rt_later_put",
                                             [GH_TWIN_JOINED] = "rt_later_join",
                                             [GH_TWIN_REFUSED] = "rt_later_new"};
    char id_text[GH_UUID_TEXT];
    size_t at = 0;
    gh_uuid_text(id, id_text);
    const char *params[] = {id_text,
                            later->kind,
                            later->op,
                            later->service,
                            NULL, /* ARGS_AT */
                            later->owner_id ? gh_text_i64(b, later->owner_id) : NULL,
                            later->unique_key,
                            gh_text_i64(b, later->priority),
                            gh_text_i64(b, later->budget_ms ? later->budget_ms : BUDGET_MS),
                            gh_text_i64(b, later->max_attempts ? later->max_attempts : MAX_ATTEMPTS),
                            gh_text_time(b, later->run_at_us ? later->run_at_us : b->now_us),
                            gh_text_time(b, b->now_us),
                            gh_batch_trace(b)};
    if (!gh_batch_ok(b))
        return 0;
    at = gh_batch_query_bytes(b, statements[later->twin], (int)GH_COUNT(params), params, ARGS_AT,
                              later->args.n ? later->args : (gh_str_t){empty_map, 1});
    if (!later->run_at_us || later->run_at_us <= b->now_us)
        gh_batch_event(b, "jobs", (gh_str_t){empty_map, 1});
    return at;
}

void
gh_later_put(gh_batch_t *b, const gh_later_t *later, uint8_t id_out[16])
{
    uint8_t id[16];
    gh_uuid7_new(id);
    if (id_out)
        memcpy(id_out, id, sizeof id);
    (void)put(b, later, id);
}

size_t
gh_later_ask(gh_batch_t *b, const gh_later_t *later)
{
    uint8_t id[16];
    gh_uuid7_new(id);
    return put(b, later, id);
}

void
gh_later_again(gh_batch_t *b, const char *unique_key, int progress)
{
    gh_batch_query(b, "rt_later_again", 3,
                   (const char *[]){unique_key, gh_text_i64(b, progress), gh_text_time(b, b->now_us)});
    gh_batch_event(b, "jobs", (gh_str_t){empty_map, 1});
}
