/*
 * workers/booking/booking.h - what the files of the booking pool share
 *
 * Three kinds of file (README.md): what arrives (book_code.c, book_v1.c, book_hb.c: arguments in, payload out), what is
 * decided (book.c, cancel.c over lib/domain), what is read and written (facts.c, *.sql).
 */
#ifndef GH_BOOKING_BOOKING_H
#define GH_BOOKING_BOOKING_H

#include "domain/book_rules.h"
#include "domain/cancel_rules.h"
#include "domain/new_order.h"
#include "worker/args.h"
#include "worker/worker.h"
#include "workers/booking/places.h"
#include "workers/booking/pool.h"

/* ---- the pool's own state */

typedef gh_order_numbers_t gh_numbers_t;

#define GH_NUMBERS_MAX  2048
#define GH_NUMBERS_DRAW 256
#define GH_FULL_MAX     1024

typedef struct gh_booking {
    gh_places_t *places;
    gh_order_key_t key;
    char currency[8];
    gh_numbers_t numbers[GH_NUMBERS_MAX]; /* drawn from the sequences, not used yet */
    size_t n_numbers;
    int64_t full[GH_FULL_MAX]; /* full.c */
} gh_booking_t;

gh_booking_t *gh_booking_state(gh_worker_t *w);

/* ---- booking: one command, whatever the surface */

struct gh_book;
struct gh_book_job;

/* How a surface asks and answers. */
typedef struct gh_dialect {
    const char *op;                         /* its booking operation */
    bool must_be_patient;                   /* BR-72: only from the own patient record, whatever the roles */
    bool whole_session;                     /* BR-81: sessions that have not started */
    bool prepaid;                           /* the order waits for its payment */
    bool wechat;                            /* bodies have WeChat members (BR-149) */
    bool suggests;                          /* refusals of a time carry free places nearby */
    const char *channel;                    /* stored: api/24 */
    void (*parse)(struct gh_book_job *bj);  /* fills ask, or fault */
    void (*person)(struct gh_book_job *bj); /* after access: whose booking it is; may set fault or early */
    void (*reply)(struct gh_book *book, struct gh_book_job *bj);
} gh_dialect_t;

extern const gh_dialect_t gh_dialect_code, gh_dialect_v1, gh_dialect_hb;

typedef struct gh_ask {
    int64_t schedule_id; /* by session; 0: by time */
    int32_t slot_no;     /* 0: any */
    int64_t doctor_id;   /* by time */
    int64_t at_us;
    bool down;          /* */
    int64_t patient_id; /* 0: the own row */
    bool override;
    gh_str_t reason, notes; /* p NULL: none */
    const char *visit_type;
    const char *slot_type;        /* stored word of a wanted class, NULL: any */
    int64_t hospital_id, dept_id; /* code surface, compared in strict mode; 0: not sent */
} gh_ask_t;

/* A session of the batch: the locked row, what answers show of it, and how it stands after the jobs so far. */
typedef struct gh_bsession {
    gh_session_t s;
    int64_t writer;    /* of the row version */
    int64_t listed_in; /* the department under which patients see it: of its clinic, or else of its doctor */
    gh_slots_t *slots; /* NULL until they are needed and known; good within one call of the step only */
    int32_t taken_now; /* by this batch */
    int32_t freed;     /* by this batch: orders moved away */
    bool leaves;       /* an order of this batch may leave it: its places must be known even if it is full */
    bool waited;       /* somebody waits for a place */
    const gh_registration_t *rules;
    gh_str_t doctor_name, doctor_title, dept_name, clinic_name;
} gh_bsession_t;

/* The orders of one patient, grown by the jobs of the batch. */
typedef struct gh_bpatient {
    struct gh_bpatient *next; /* in its bucket */
    int64_t id;
    gh_patient_order_t *orders;
    size_t n, cap;
} gh_bpatient_t;

/* What book_people says of one job. */
typedef struct gh_bperson {
    int64_t own_id, patient_id, user_id;
    gh_str_t name, phone, type;
    bool related, assigned, banned, may_override, doctor_exists;
} gh_bperson_t;

typedef struct gh_book_job {
    gh_wjob_t *job;
    const gh_dialect_t *dialect;
    gh_ask_t ask;
    const char *fault_field, *fault_type, *fault_text; /* a member that no schema could refuse */
    gh_err_t early;                                    /* a refusal before anything is looked at */
    bool light; /* its session is remembered as full: read without locks */
    gh_bperson_t person;
    gh_bsession_t *session;
    gh_book_verdict_t verdict;
    bool booked;
    int64_t suggest_at; /* a refusal that wants suggestions near this moment; 0: none */
    const char *channel;
    gh_numbers_t numbers;
    char order_no[GH_ORDER_NO_TEXT];
    int64_t bill_id; /* 0: none */
} gh_book_job_t;

typedef enum { GH_BOOK_FACTS, GH_BOOK_PLACES, GH_BOOK_SUGGEST } gh_book_stage_t;

/* A batch of bookings. */
typedef struct gh_book {
    gh_batch_t *b;
    gh_booking_t *pool;
    gh_book_stage_t stage;
    int place_reads; /* times that taken places were read again */
    gh_book_job_t *jobs;
    size_t n;
    int64_t this_xid;
    int32_t today, now_minute;
    gh_bsession_t *sessions; /* by id */
    size_t n_sessions;
    gh_bpatient_t *buckets[64];
    struct gh_doctor_rules {
        int64_t doctor_id; /* 0: global */
        gh_registration_t r;
    } * rules;
    size_t n_rules;
    gh_rates_t rates;
    bool registration_rules, require_prepayment, interval_on, strict;
    size_t at_sessions, at_people, at_orders, at_rules, at_settings, at_numbers, at_taken, at_suggest;
    size_t at_light_people, at_light_sessions, n_light; /* jobs that are light */
    bool locks;                                         /* some are not */
    bool asked_numbers, numberless;                     /* numberless: nothing new is made */
    bool peek;                                          /* AP-12: read without locks */
    const int64_t *held;                                /* further sessions to lock */
    size_t n_held;
    const int64_t *asked_ids; /* sessions whose taken places were asked for in this phase */
    size_t n_asked;
} gh_book_t;

gh_step_t gh_book_step(gh_batch_t *b);
gh_step_t gh_check_step(gh_batch_t *b); /* check.c: AP-12 */
/* book.c: a batch without arguments yet; NULL: no memory. Who a job's caller is to its patient. */
gh_book_t *gh_book_new(gh_batch_t *b);
gh_booker_t gh_book_booker(const gh_book_job_t *bj);
/* Find the session of each job; ask for taken places that are not known (true: they come with the next phase). */
void gh_book_resolve(gh_book_t *book);
bool gh_book_ask_places(gh_book_t *book);
#define GH_PLACE_READS_MAX 3 /* times that places may be read anew in a batch */
/* Is it a refusal of a time that carries free places nearby? Then bj->suggest_at says near which moment. */
bool gh_book_wants_suggestions(gh_book_job_t *bj, gh_err_t err);
/* Ask for the places near what the jobs with suggest_at wanted: one row each, in their order. False: no job wants any. */
bool gh_book_ask_suggestions(gh_book_t *book);
/* Why a job has no session: none of that id, no such doctor, a time that has passed, no session then. */
gh_err_t gh_book_nowhere(const gh_book_job_t *bj, int64_t now_us);
/* Refuse with what the text of the error needs. */
void gh_book_refuse(gh_book_t *book, gh_book_job_t *bj, gh_err_t err);
gh_step_t gh_book_answer_suggestions(gh_book_t *book);
/* The wish of a job: which place of its session. */
gh_wish_t gh_book_wish(const gh_book_job_t *bj);
/* What the rules of booking are asked with, for these orders of the patient. */
gh_book_facts_t gh_book_facts_of(const gh_book_t *book, const gh_book_job_t *bj,
                                 const gh_patient_order_t *orders, size_t n);

/* facts.c: queue the reads of phase 0; take in their results. -1: out of memory, the batch fails. */
void gh_facts_ask(gh_book_t *book);
int gh_facts_take(gh_book_t *book) GH_MUSTCHECK;
void gh_facts_ask_taken(gh_book_t *book, const int64_t *ids, size_t n);
int gh_facts_take_taken(gh_book_t *book) GH_MUSTCHECK;
int gh_facts_fill(gh_slots_t *slots, gh_str_t list) GH_MUSTCHECK; /* "1,2,17" into the bitmap */
gh_bsession_t *gh_facts_session(gh_book_t *book, int64_t id);
gh_bpatient_t *gh_facts_patient(gh_book_t *book, int64_t id); /* made when new; NULL: no memory */
int gh_facts_add_order(gh_book_t *book, gh_bpatient_t *p, const gh_patient_order_t *o) GH_MUSTCHECK;
/* Rows of registration_settings or cancel_settings into rules; n counts the global entry (first) too. */
struct gh_doctor_rules *gh_facts_rules(gh_batch_t *b, const struct pg_result *r, bool interval_on, size_t *n);
const gh_registration_t *gh_facts_rules_of(const struct gh_doctor_rules *rules, size_t n, int64_t doctor_id);

/* full.c: mark the jobs that can be read without locks; after gh_facts_take() MORE when one of them could be had after all: then
 * everything was asked for again, with locks, or AGAIN when the batch has to begin anew for that, else DONE; after the decisions
 * remember which sessions are full. */
void gh_full_mark(gh_book_t *book);
gh_step_t gh_full_reread(gh_book_t *book);
void gh_full_remember(gh_book_t *book);

/* write.c: queue the writes of all booked jobs. -1: out of memory. */
int gh_book_write(gh_book_t *book) GH_MUSTCHECK;

/* ---- cancelling */

gh_step_t gh_cancel_step(gh_batch_t *b);
gh_step_t gh_expire_step(gh_batch_t *b); /* expire.c: BR-83 */
gh_step_t gh_pay_step(gh_batch_t *b);    /* pay.c: BR-84 */

/* ---- the waitlist (waitlist.c) */

gh_step_t gh_wait_join_step(gh_batch_t *b);
gh_step_t gh_wait_convert_step(gh_batch_t *b);
gh_step_t gh_wait_leave_step(gh_batch_t *b);
gh_step_t gh_wait_tidy_step(gh_batch_t *b);

/* ---- what adapters share (args.c) */

/* For adapters of bookings: note a fault; take a text (one with NUL is a fault); default patient of v1 and Heartbeat. */
void gh_book_fault(gh_book_job_t *bj, const char *field, const char *type, const char *text);
gh_str_t gh_book_text(gh_book_job_t *bj, const char *path);
void gh_book_default_patient(gh_book_job_t *bj, gh_err_t no_profile);
/* A doctor named beside a session is that of the session, or a fault. */
void gh_book_same_doctor(gh_book_job_t *bj);

/* ---- words of v1 (book_v1.c) */

const char *gh_v1_slot_type(const char *stored);
void gh_json_ts(gh_json_t *j, const char *key, int64_t at_us);

#endif
