/*
 * lib/domain/claim.c - choosing, taking and freeing a place of a session; see the header
 */
#include "domain/claim.h"

#include <stdlib.h>

#define MINUTE_US INT64_C(60000000)

void
gh_slots_fini(gh_slots_t *s)
{
    free(s->words);
    *s = (gh_slots_t){0};
}

static int
grow(gh_slots_t *s, uint32_t need)
{
    if (need <= s->n_words)
        return 0;
    uint32_t n = s->n_words ? s->n_words : 2;
    while (n < need)
        n *= 2;
    uint64_t *words = realloc(s->words, n * sizeof *words);
    if (!words)
        return -1;
    memset(words + s->n_words, 0, (n - s->n_words) * sizeof *words);
    s->words = words;
    s->n_words = n;
    return 0;
}

int
gh_slots_take(gh_slots_t *s, int32_t k)
{
    if (k < 1 || k > GH_SLOT_MAX)
        return -1;
    uint32_t bit = (uint32_t)k - 1;
    if (grow(s, bit / 64 + 1) != 0)
        return -1;
    uint64_t mask = UINT64_C(1) << bit % 64;
    if (!(s->words[bit / 64] & mask)) {
        s->words[bit / 64] |= mask;
        s->taken++;
    }
    return 0;
}

void
gh_slots_free(gh_slots_t *s, int32_t k)
{
    if (!gh_slots_taken(s, k))
        return;
    uint32_t bit = (uint32_t)k - 1;
    s->words[bit / 64] &= ~(UINT64_C(1) << bit % 64);
    s->taken--;
    if (s->hint > bit / 64)
        s->hint = bit / 64;
}

bool
gh_slots_taken(const gh_slots_t *s, int32_t k)
{
    uint32_t bit = (uint32_t)k - 1;
    return k >= 1 && bit / 64 < s->n_words && (s->words[bit / 64] >> bit % 64 & 1u);
}

int32_t
gh_slots_lowest(gh_slots_t *s, int32_t from, int32_t to)
{
    if (from < 1)
        from = 1;
    /* Words below the hint are full, whoever asks. */
    if ((int64_t)s->hint * 64 + 1 > from)
        from = (int32_t)s->hint * 64 + 1;
    if (from > to)
        return 0;
    for (uint32_t w = ((uint32_t)from - 1) / 64; w < s->n_words; w++) {
        uint64_t open = ~s->words[w];
        if (open == 0) {
            if (w == s->hint)
                s->hint++;
            continue;
        }
        if (w == ((uint32_t)from - 1) / 64)
            open &= ~UINT64_C(0) << ((uint32_t)from - 1) % 64;
        if (open) {
            int32_t k = (int32_t)(w * 64) + __builtin_ctzll(open) + 1;
            return k <= to ? k : 0;
        }
    }
    int32_t beyond = (int32_t)s->n_words * 64 + 1;
    int32_t k = beyond > from ? beyond : from;
    return k <= to ? k : 0;
}

int32_t
gh_slot_cap(const gh_session_t *s)
{
    int64_t minutes = (s->ends_us - s->starts_us) / MINUTE_US;
    int64_t cap = s->slot_minutes > 0 ? minutes / s->slot_minutes : 1;
    if (cap < 1)
        cap = 1;
    return cap > GH_SLOT_MAX ? GH_SLOT_MAX : (int32_t)cap;
}

void
gh_slot_bounds(const gh_session_t *s, int32_t k, int64_t *start_us, int64_t *end_us)
{
    int32_t cap = gh_slot_cap(s);
    int64_t step = (s->slot_minutes > 0 ? s->slot_minutes : 1) * MINUTE_US;
    *start_us = s->starts_us + (k < cap ? k - 1 : cap - 1) * step;
    *end_us = *start_us + step;
    if (*end_us > s->ends_us) /* one slot longer than its session */
        *end_us = s->ends_us;
}

gh_err_t
gh_claim_open(const gh_session_t *s)
{
    return s->open ? GH_E_NONE : GH_E_SESSION_SUSPENDED;
}

gh_err_t
gh_claim_future(int64_t start_us, int64_t now_us)
{
    return start_us > now_us ? GH_E_NONE : GH_E_APPOINTMENT_IN_PAST;
}

/* First slot that starts after now; total + 1 when even the last has begun. */
static int32_t
first_future(const gh_session_t *s, int64_t now_us)
{
    if (s->starts_us > now_us)
        return 1;
    int64_t step = (s->slot_minutes > 0 ? s->slot_minutes : 1) * MINUTE_US;
    int64_t k = (now_us - s->starts_us) / step + 2;
    return k <= gh_slot_cap(s) ? (int32_t)k : s->total + 1;
}

gh_err_t
gh_claim_any(const gh_session_t *s, gh_slots_t *slots, int64_t now_us, int32_t *slot)
{
    if (s->remaining <= 0)
        return GH_E_SLOT_FULL;
    int32_t from = first_future(s, now_us);
    *slot = gh_slots_lowest(slots, from, s->total);
    if (*slot)
        return GH_E_NONE;
    return from > 1 && gh_slots_lowest(slots, 1, s->total) ? GH_E_APPOINTMENT_IN_PAST : GH_E_SLOT_FULL;
}

gh_err_t
gh_claim_named(const gh_session_t *s, const gh_slots_t *slots, int32_t wanted, int32_t *slot)
{
    if (wanted < 1 || wanted > s->total)
        return GH_E_SLOT_NOT_ALIGNED;
    if (s->remaining <= 0 || gh_slots_taken(slots, wanted))
        return GH_E_SLOT_TAKEN;
    *slot = wanted;
    return GH_E_NONE;
}

gh_err_t
gh_claim_at(const gh_session_t *s, gh_slots_t *slots, int64_t at_us, bool down, int32_t *slot)
{
    gh_err_t none = down ? GH_E_DOCTOR_UNAVAILABLE : GH_E_SLOT_NOT_ALIGNED;
    if (at_us < s->starts_us || at_us >= s->ends_us)
        return GH_E_DOCTOR_UNAVAILABLE;
    int64_t step = (s->slot_minutes > 0 ? s->slot_minutes : 1) * MINUTE_US;
    int64_t k = (at_us - s->starts_us) / step + 1;
    int32_t cap = gh_slot_cap(s);
    /* The rest of the session behind the last slot, or behind the places it offers, belongs to no slot. */
    if (k > cap || k > s->total || (!down && (at_us - s->starts_us) % step != 0))
        return none;
    if (s->remaining <= 0)
        return GH_E_SLOT_TAKEN;
    *slot = gh_slots_lowest(slots, (int32_t)k, k == cap ? s->total : (int32_t)k);
    return *slot ? GH_E_NONE : GH_E_SLOT_TAKEN;
}

int
gh_claim_take(gh_session_t *s, gh_slots_t *slots, int32_t slot)
{
    if (s->remaining <= 0 || gh_slots_taken(slots, slot) || gh_slots_take(slots, slot) != 0)
        return -1;
    s->remaining--;
    return 0;
}

int
gh_claim_release(gh_session_t *s, gh_slots_t *slots, int32_t slot)
{
    if (s->remaining >= s->total || !gh_slots_taken(slots, slot))
        return -1;
    gh_slots_free(slots, slot);
    s->remaining++;
    return 0;
}
