/*
 * lib/domain/book_rules.h - may this patient have this place? (BR-72..BR-82, R-81..R-92, R-101)
 *
 * One function a rule, each giving GH_E_NONE or its row of the error table; gh_book_decide asks them in the order of the
 * contract: who, which session, when, is there a place, what the patient has already. Pure: facts come from the batch's
 * reads and from what its earlier jobs took; now comes with them.
 */
#ifndef GH_DOMAIN_BOOK_RULES_H
#define GH_DOMAIN_BOOK_RULES_H

#include "domain/claim.h"
#include "domain/order_states.h"
#include "domain/price.h"
#include "domain/settings.h"

/* One order of the patient that may matter: active, or a no_show or visit of the last 90 days. */
typedef struct gh_patient_order {
    int64_t id; /* 0: made by this batch */
    int64_t schedule_id, dept_id;
    int64_t starts_us, ends_us;
    int32_t day;
    gh_order_state_t state;
} gh_patient_order_t;

/* Who asks and for whom. */
typedef struct gh_booker {
    bool must_be_patient; /* the code surface: the caller needs a patient record, whatever his roles */
    bool has_patient;     /* the caller has one */
    bool patient_exists;  /* the patient asked for exists and is not deleted */
    bool own, related;    /* it is the caller's own row; tied to it by a relation */
    bool scope_all;       /* may book for anybody (appointment:book @ all); never on the code surface */
    bool scope_assigned;  /* may book for assigned patients */
    bool assigned;        /* the patient is assigned to the caller */
    bool banned;          /* an active ban register or all on the caller */
    bool wants_override;  /* */
    bool may_override;    /* holds appointment:override */
} gh_booker_t;

/* How the place was asked for. */
typedef struct gh_wish {
    int32_t slot_no; /* named place of the session; 0: any */
    int64_t at_us;   /* booking by time; 0: by session */
    bool down;       /* */
    bool
        whole_session; /* the code surface books sessions that have not started (BR-81), not single later places */
} gh_wish_t;

typedef struct gh_book_facts {
    int64_t now_us;
    int32_t today, now_minute; /* in the hospital's zone */
    bool registration_rules;   /* appointment.apply_registration_rules */
    bool prepayment; /* the order waits for its payment: code surface, appointment.require_prepayment */
    const gh_registration_t *rules; /* of the session's doctor */
    const gh_rates_t *rates;
    gh_str_t patient_type;
    const gh_patient_order_t *orders;
    size_t n_orders;
} gh_book_facts_t;

typedef struct gh_book_verdict {
    gh_err_t err; /* GH_E_NONE: booked as below */
    int32_t slot_no;
    int64_t starts_us, ends_us;
    int32_t rate;
    int64_t price;          /* cents */
    gh_order_state_t state; /* pending or confirmed */
    gh_pay_state_t payment; /* pending or paid */
} gh_book_verdict_t;

/* who */
gh_err_t gh_br72_may_book_for(const gh_booker_t *b);              /* */
gh_err_t gh_br80_not_banned(const gh_booker_t *b, bool override); /* */
gh_err_t gh_r101_may_override(const gh_booker_t *b);
/* when */
gh_err_t gh_br81_not_started(const gh_session_t *s, int64_t now_us);              /* R-81, code surface */
gh_err_t gh_br76_within_window(int32_t day, int32_t today, int32_t advance_days); /* */
gh_err_t gh_br77_before_deadline(int32_t day, int32_t today, int32_t now_minute,
                                 int32_t deadline_minute); /* */
/* is there a place: BR-73, R-82 */
gh_err_t gh_br73_place_left(const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w, int64_t now_us,
                            int32_t *slot);
/* what the patient has */
gh_err_t gh_br74_not_twice(const gh_book_facts_t *f, int64_t schedule_id); /* */
gh_err_t gh_r88_no_overlap(const gh_book_facts_t *f, int64_t starts_us, int64_t ends_us);
gh_err_t gh_br75_below_limit(const gh_book_facts_t *f);
gh_err_t gh_br78_no_shows(const gh_book_facts_t *f);                               /* */
gh_err_t gh_br79_interval(const gh_book_facts_t *f, int64_t dept_id, int32_t day); /* */

/* The open session of a doctor that contains at_us, or NULL. sessions: those of that doctor, any order. */
gh_session_t *gh_r83_session_at(gh_session_t *const *sessions, size_t n, int64_t doctor_id, int64_t at_us);

/* All of them, and on success the place, price and states. Changes nothing: the caller takes the place. */
gh_book_verdict_t gh_book_decide(const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w,
                                 const gh_booker_t *b, const gh_book_facts_t *f);

/* AP-12: every reason why not, in the same order, each once; who may ask at all (BR-72, R-101) is settled before. Returns how many;
 * none: *v has the place that would be taken. */
#define GH_BOOK_REASONS 16
size_t gh_book_reasons(const gh_session_t *s, gh_slots_t *slots, const gh_wish_t *w, const gh_booker_t *b,
                       const gh_book_facts_t *f, gh_err_t reasons[GH_BOOK_REASONS], gh_book_verdict_t *v);
/* The same when there is no session (err: SCHEDULE_NOT_FOUND, DOCTOR_UNAVAILABLE): what is known of the patient, and of the day and
 * moment when a time was asked for (at_us 0: none). */
size_t gh_book_reasons_nowhere(gh_err_t err, int64_t at_us, int32_t day, const gh_booker_t *b,
                               const gh_book_facts_t *f, gh_err_t reasons[GH_BOOK_REASONS]);

#endif
