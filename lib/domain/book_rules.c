/*
 * lib/domain/book_rules.c - the rules of booking, one function each; see the header
 */
#include "domain/book_rules.h"

gh_err_t
gh_br72_may_book_for(const gh_booker_t *b)
{
    if (b->must_be_patient && !b->has_patient)
        return GH_E_PATIENT_NOT_BOUND;
    if (!b->patient_exists)
        return GH_E_PATIENT_NOT_FOUND;
    if (b->own || b->related || (b->scope_all && !b->must_be_patient))
        return GH_E_NONE;
    if (b->scope_assigned && !b->must_be_patient)
        return b->assigned ? GH_E_NONE : GH_E_NOT_ASSIGNED;
    return GH_E_BOOKING_PATIENT_FORBIDDEN;
}

gh_err_t
gh_br80_not_banned(const gh_booker_t *b, bool override)
{
    return b->banned && !override ? GH_E_BOOKING_SUSPENDED : GH_E_NONE;
}

gh_err_t
gh_r101_may_override(const gh_booker_t *b)
{
    return b->wants_override && !b->may_override ? GH_E_FORBIDDEN : GH_E_NONE;
}

gh_err_t
gh_br81_not_started(const gh_session_t *s, int64_t now_us)
{
    return s->starts_us > now_us ? GH_E_NONE : GH_E_APPOINTMENT_IN_PAST;
}

gh_err_t
gh_br76_within_window(int32_t day, int32_t today, int32_t advance_days)
{
    return day - today <= advance_days ? GH_E_NONE : GH_E_BEYOND_BOOKING_WINDOW;
}

gh_err_t
gh_br77_before_deadline(int32_t day, int32_t today, int32_t now_minute, int32_t deadline_minute)
{
    return day == today && now_minute >= deadline_minute ? GH_E_SAME_DAY_CLOSED : GH_E_NONE;
}

gh_err_t
gh_br73_place_left(const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w, int64_t now_us,
                   int32_t *slot)
{
    if (w->at_us)
        return gh_claim_at(s, slots, w->at_us, w->down, slot);
    if (w->slot_no)
        return gh_claim_named(s, slots, w->slot_no, slot);
    return gh_claim_any(s, slots, now_us, slot);
}

gh_err_t
gh_br74_not_twice(const gh_book_facts_t *f, int64_t schedule_id)
{
    for (size_t i = 0; i < f->n_orders; i++)
        if (f->orders[i].schedule_id == schedule_id && gh_order_active(f->orders[i].state))
            return GH_E_DUPLICATE_BOOKING;
    return GH_E_NONE;
}

gh_err_t
gh_r88_no_overlap(const gh_book_facts_t *f, int64_t starts_us, int64_t ends_us)
{
    for (size_t i = 0; i < f->n_orders; i++) {
        const gh_patient_order_t *o = &f->orders[i];
        if (gh_order_active(o->state) && o->starts_us < ends_us && starts_us < o->ends_us)
            return GH_E_PATIENT_CONFLICT;
    }
    return GH_E_NONE;
}

gh_err_t
gh_br75_below_limit(const gh_book_facts_t *f)
{
    int32_t count = 0;
    for (size_t i = 0; i < f->n_orders; i++)
        if (gh_order_active(f->orders[i].state) && f->orders[i].day >= f->today - f->rules->period_days)
            count++;
    return count < f->rules->max_per_period ? GH_E_NONE : GH_E_BOOKING_LIMIT;
}

gh_err_t
gh_br78_no_shows(const gh_book_facts_t *f)
{
    int32_t count = 0;
    for (size_t i = 0; i < f->n_orders; i++)
        if (f->orders[i].state == GH_ORDER_NO_SHOW && f->orders[i].day >= f->today - GH_NO_SHOW_DAYS)
            count++;
    return count < f->rules->no_show_limit ? GH_E_NONE : GH_E_NO_SHOW_LIMIT;
}

gh_err_t
gh_br79_interval(const gh_book_facts_t *f, int64_t dept_id, int32_t day)
{
    if (!f->rules->interval_on)
        return GH_E_NONE;
    for (size_t i = 0; i < f->n_orders; i++) {
        const gh_patient_order_t *o = &f->orders[i];
        int32_t apart = o->day > day ? o->day - day : day - o->day;
        if (o->dept_id == dept_id && gh_order_holds_place(o->state) && apart < f->rules->interval_days)
            return GH_E_DEPARTMENT_INTERVAL;
    }
    return GH_E_NONE;
}

gh_session_t *
gh_r83_session_at(gh_session_t *const *sessions, size_t n, int64_t doctor_id, int64_t at_us)
{
    for (size_t i = 0; i < n; i++) {
        gh_session_t *s = sessions[i];
        if (s->doctor_id == doctor_id && s->open && s->starts_us <= at_us && at_us < s->ends_us)
            return s;
    }
    return NULL;
}

/* ---- all of them, in order */

/* What the rules said: the first refusal, or with room for more every one. */
typedef struct said {
    gh_err_t *list;
    size_t n, room;
} said_t;

/* Note a refusal. True: there is room for no more, the asking ends. */
static bool
says(said_t *said, gh_err_t err)
{
    for (size_t i = 0; i < said->n && err != GH_E_NONE; i++)
        if (said->list[i] == err)
            err = GH_E_NONE;
    if (err != GH_E_NONE && said->n < said->room)
        said->list[said->n++] = err;
    return said->n == said->room;
}

/* The window and the deadline: obey apply_registration_rules and yield to an override. */
static bool
ask_day(said_t *said, int32_t day, const gh_book_facts_t *f, bool skip)
{
    if (skip || !f->registration_rules)
        return false;
    return says(said, gh_br76_within_window(day, f->today, f->rules->advance_days)) ||
           says(said, gh_br77_before_deadline(day, f->today, f->now_minute, f->rules->deadline_minute));
}

/* What the patient has already, wherever the place lies. BR-75 has no switch and no override (R-101 does not name it). */
static bool
ask_record(said_t *said, int64_t dept_id, int32_t day, const gh_book_facts_t *f, bool skip)
{
    if (says(said, gh_br75_below_limit(f)))
        return true;
    if (skip || !f->registration_rules)
        return false;
    return says(said, gh_br78_no_shows(f)) || says(said, gh_br79_interval(f, dept_id, day));
}

/* Is there a place, and is the patient free then? are never skipped. *placed: v has the place. */
static bool
ask_place(said_t *said, const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w,
          const gh_book_facts_t *f, gh_book_verdict_t *v, bool *placed)
{
    gh_err_t err = s->open ? gh_br73_place_left(s, slots, w, f->now_us, &v->slot_no) : GH_E_NONE;
    if (says(said, err))
        return true;
    *placed = s->open && err == GH_E_NONE;
    if (*placed)
        gh_slot_bounds(s, v->slot_no, &v->starts_us, &v->ends_us);
    return (*placed && says(said, gh_claim_future(v->starts_us, f->now_us))) ||
           says(said, gh_br74_not_twice(f, s->id)) ||
           (*placed && says(said, gh_r88_no_overlap(f, v->starts_us, v->ends_us)));
}

static void
ask_rules(said_t *said, const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w, const gh_booker_t *b,
          const gh_book_facts_t *f, gh_book_verdict_t *v)
{
    bool skip = b->wants_override, placed = false;
    (void)(says(said, gh_br80_not_banned(b, skip)) || says(said, gh_claim_open(s)) ||
           (w->whole_session && says(said, gh_br81_not_started(s, f->now_us))) ||
           ask_day(said, s->day, f, skip) || ask_place(said, s, slots, w, f, v, &placed) ||
           ask_record(said, s->dept_id, s->day, f, skip));
}

gh_book_verdict_t
gh_book_decide(const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w, const gh_booker_t *b,
               const gh_book_facts_t *f)
{
    gh_book_verdict_t v = {.err = gh_br72_may_book_for(b)};
    said_t said = {.list = &v.err, .room = 1};
    if (v.err == GH_E_NONE)
        v.err = gh_r101_may_override(b);
    if (v.err == GH_E_NONE)
        ask_rules(&said, s, slots, w, b, f, &v);
    if (v.err != GH_E_NONE)
        return v;
    v.rate = gh_rate_of(f->rates, f->patient_type);
    v.price = gh_price_payable(s->list_price, v.rate);
    v.state = f->prepayment && v.price > 0 ? GH_ORDER_PENDING : GH_ORDER_CONFIRMED;
    v.payment = v.price > 0 ? GH_PAY_PENDING : GH_PAY_PAID;
    return v;
}

size_t
gh_book_reasons(const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w, const gh_booker_t *b,
                const gh_book_facts_t *f, gh_err_t reasons[GH_BOOK_REASONS], gh_book_verdict_t *v)
{
    said_t said = {.list = reasons, .room = GH_BOOK_REASONS};
    *v = (gh_book_verdict_t){0};
    ask_rules(&said, s, slots, w, b, f, v);
    return said.n;
}

size_t
gh_book_reasons_nowhere(gh_err_t err, int64_t at_us, int32_t day, const gh_booker_t *b,
                        const gh_book_facts_t *f, gh_err_t reasons[GH_BOOK_REASONS])
{
    said_t said = {.list = reasons, .room = GH_BOOK_REASONS};
    bool skip = b->wants_override, timed = at_us != 0;
    (void)((timed && says(&said, gh_claim_future(at_us, f->now_us))) || says(&said, err) ||
           says(&said, gh_br80_not_banned(b, skip)) || (timed && ask_day(&said, day, f, skip)) ||
           ask_record(&said, 0, day, f, skip));
    return said.n;
}
