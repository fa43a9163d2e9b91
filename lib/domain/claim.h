/*
 * lib/domain/claim.h - the one way to a place of a session (BR-73, BR-81, R-81..R-85, R-102, R-224; api/24, slot model)
 *
 * A session has places (slots) 1..total. Which are taken is a bitmap of its orders that hold a place. Everybody who adds
 * a patient goes through here: gh_claim_* chooses a place, gh_claim_take writes it down, gh_claim_release frees it.
 * Pure: the caller holds the session's row lock, has read the bitmap under it, and passes now_us.
 */
#ifndef GH_DOMAIN_CLAIM_H
#define GH_DOMAIN_CLAIM_H

#include "base/error.h"
#include "base/gh.h"

/* What a claim needs of a session row (table schedules). */
typedef struct gh_session {
    int64_t id, doctor_id;
    int64_t clinic_id, area_id; /* 0: none */
    int64_t dept_id;            /* minor department of the doctor */
    int64_t starts_us, ends_us;
    int32_t day; /* visit day */
    int32_t slot_minutes;
    int32_t total, remaining;
    bool open;          /* 正常 and current (is_latest) */
    int64_t list_price; /* cents */
    char section[8];    /* 上午 下午 晚上 */
    char slot_type[8];  /* 普通 专家 特需 */
} gh_session_t;

#define GH_SLOT_MAX 1000000 /* places a session may have at most */

/* Places taken: bit k-1 for slot k. Grows as needed. */
typedef struct gh_slots {
    uint64_t *words; /* owned */
    uint32_t n_words;
    uint32_t hint; /* no free slot below this word */
    int32_t taken; /* bits set */
} gh_slots_t;

void gh_slots_fini(gh_slots_t *s);
/* Mark slot k taken; a second time changes nothing. -1 when k is out of 1..GH_SLOT_MAX or memory ran out. */
int gh_slots_take(gh_slots_t *s, int32_t k) GH_MUSTCHECK;
void gh_slots_free(gh_slots_t *s, int32_t k);
bool gh_slots_taken(const gh_slots_t *s, int32_t k);
/* Lowest free slot in from..to, 0 when there is none. */
int32_t gh_slots_lowest(gh_slots_t *s, int32_t from, int32_t to);

/* Slots with a start of their own: floor(session minutes / slot_minutes), at least 1; those above share the last start. */
int32_t gh_slot_cap(const gh_session_t *s);
/* Bounds of slot k. */
void gh_slot_bounds(const gh_session_t *s, int32_t k, int64_t *start_us, int64_t *end_us);

/* The refusals below are rows of the error table; GH_E_NONE fills *slot. They change nothing. */

/* R-81, BR-81: the session exists for booking: current and not suspended. */
gh_err_t gh_claim_open(const gh_session_t *s);
/* R-82, BR-73: the lowest free place that starts after now. SLOT_FULL; APPOINTMENT_IN_PAST when only past ones are free. */
gh_err_t gh_claim_any(const gh_session_t *s, gh_slots_t *slots, int64_t now_us, int32_t *slot);
/* a named place. SLOT_TAKEN; SLOT_NOT_ALIGNED when the session has no such place. */
gh_err_t gh_claim_named(const gh_session_t *s, const gh_slots_t *slots, int32_t wanted, int32_t *slot);
/* the place that starts at at_us; with down the one that contains it. For a start that several share, the lowest
 * free one. SLOT_NOT_ALIGNED (with down: DOCTOR_UNAVAILABLE) when there is none, SLOT_TAKEN when it is taken. */
gh_err_t gh_claim_at(const gh_session_t *s, gh_slots_t *slots, int64_t at_us, bool down, int32_t *slot);
/* the start must lie after now. */
gh_err_t gh_claim_future(int64_t start_us, int64_t now_us);

/* Take or give back a place: bitmap and counter together. -1 when that is impossible (a bug or no memory). */
int gh_claim_take(gh_session_t *s, gh_slots_t *slots, int32_t slot) GH_MUSTCHECK;
int gh_claim_release(gh_session_t *s, gh_slots_t *slots, int32_t slot) GH_MUSTCHECK;

#endif
