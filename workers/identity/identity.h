/*
 * workers/identity/identity.h - what the files of the identity pool share
 */
#ifndef GH_WORKERS_IDENTITY_H
#define GH_WORKERS_IDENTITY_H

#include "base/password.h"
#include "base/seal.h"
#include "base/token.h"
#include "worker/args.h"
#include "workers/identity/pool.h"
#include "deliver/sender.h"

/* Passwords being checked at this moment. Sign-ins past what the threads can do in time are refused at once: they would
 * only time out, and hold up every other job of the pool meanwhile (decisions 24). */
typedef struct gh_checks {
    size_t open;
    int64_t mean_us; /* of one check, a moving mean */
    size_t campus;   /* questions to the campus directory, on the same threads */
} gh_checks_t;

/* The pool's own: keys and settings, fixed at start. */
typedef struct gh_identity {
    gh_token_keys_t *keys;
    const gh_seal_t *seal;                  /* the worker's; NULL: no key, sealed columns cannot be opened */
    int64_t access_s, refresh_s, classic_s; /* lifetimes of tokens; classic: of seed 002's logins */
    int64_t leeway_s;
    int cost; /* bcrypt */
    int threads;
    int64_t max_failures, window_min, lock_min;
    gh_checks_t checks;         /* of the loop's thread alone */
    gh_sender_t *mails, *texts; /* they send */
} gh_identity_t;

const gh_identity_t *gh_identity_of(const gh_batch_t *b);
gh_checks_t *gh_identity_checks(const gh_batch_t *b);

/* ---- pair.c: tokens of a session */

/* Where a session began. Seed 002's logins have no refresh token and a longer access token. */
typedef enum { GH_SURFACE_BJTU, GH_SURFACE_V1, GH_SURFACE_OAUTH } gh_surface_t;
const char *gh_surface_word(gh_surface_t surface);
gh_surface_t gh_surface_of(gh_str_t word); /* a word of the column sessions.surface */

typedef struct gh_pair {
    int64_t user_id;
    char sid[37], access_jti[37]; /* UUID text */
    char refresh_hash[65];        /* hex of sha-256 of the refresh token's jti, as refresh_find takes it */
    bool has_refresh;
    bool cookie;                     /* the refresh token goes into a cookie, not into the body */
    int64_t access_exp, session_exp; /* seconds since the epoch */
    gh_str_t access, refresh;        /* batch memory */
} gh_pair_t;

/* Sign the tokens of a session; roles: comma list; user_type: empty, or the access token tells it with moment and address of
 * the sign-in (api/00 section 0.6). -1 when that fails (logged). */
int gh_pair_issue(gh_batch_t *b, gh_surface_t surface, int64_t user_id, const uint8_t sid[16], gh_str_t roles,
                  gh_str_t user_type, gh_pair_t *out) GH_MUSTCHECK;
/* Sign one more access token of a session, of the usual life but not beyond until_s. Batch memory; -1 as above. */
int gh_access_issue(gh_batch_t *b, int64_t user_id, const uint8_t sid[16], gh_str_t roles, int64_t until_s,
                    gh_str_t *token, int64_t *exp) GH_MUSTCHECK;
/* Hex of the sha-256 of a jti. */
int gh_jti_hash(const uint8_t jti[16], char out[65]) GH_MUSTCHECK;

typedef enum {
    GH_SHAPE_TEXT,   /* the token as a bare string */
    GH_SHAPE_OBJECT, /* {userid, access_token, token_type} */
    GH_SHAPE_PAIR,   /* TokenPair of api/21 */
    GH_SHAPE_TOKEN,  /* {token} */
    GH_SHAPE_FORM,   /* {access_token, token_type: bearer} */
    GH_SHAPE_OAUTH   /* RFC 6749 section 5.1 */
} gh_shape_t;

/* Answer a job with its tokens. brief: UserBrief as JSON, for GH_SHAPE_PAIR. */
void gh_pair_reply(gh_batch_t *b, gh_wjob_t *job, gh_shape_t shape, const gh_pair_t *pair, gh_str_t brief);

/* What a reply with tokens says besides its body. */
void gh_pair_headers(gh_batch_t *b, gh_wjob_t *job, const gh_pair_t *pair);
/* TokenPair of api/21 as one value. */
void gh_pair_json(gh_batch_t *b, gh_json_t *j, const gh_pair_t *pair, gh_str_t brief);
/* Queue the row of a new session with its tokens; the address and agent are the caller's. */
void gh_session_open(gh_batch_t *b, gh_surface_t surface, const gh_pair_t *pair);
/* A new session of an account by registration: its tokens, and its row queued; use_cookie of the body counts. 0, or -1 when
 * no token could be signed. */
int gh_session_new(gh_batch_t *b, gh_surface_t surface, int64_t user_id, gh_str_t roles,
                   gh_pair_t *pair) GH_MUSTCHECK;

/* The same for a session that goes on: its former refresh token is burnt. Its row must be locked. */
void gh_session_renew(gh_batch_t *b, const gh_pair_t *pair);

/* ---- hashing.c: bcrypt on the process's threads, bounded */

/* May this batch of one job go on to hash, in time for its deadline? Counts it among the open ones until it ends. False:
 * the job is refused (QUEUE_FULL). */
bool gh_hash_admit(gh_batch_t *b, int hashes) GH_MUSTCHECK;
/* What it took, for the next ones' forecast. */
void gh_hash_took(gh_batch_t *b, int64_t took_us, int hashes);

typedef struct gh_hashing {
    gh_str_t password;
    int cost;
    int64_t took_us;
    char hash[GH_PASSWORD_HASH]; /* empty: it failed */
} gh_hashing_t;
/* Hash a password; return GH_STEP_WAIT then. False: the job is refused. h and password live as long as the batch. */
bool gh_hash_start(gh_batch_t *b, gh_hashing_t *h, gh_str_t password) GH_MUSTCHECK;

/* ---- revoke.c */

/* Publish, with what this phase writes, that a session is dead; until: exp of its last access token in seconds. -1 when
 * memory ran out: the batch must fail. */
int gh_revoke_publish(gh_batch_t *b, const uint8_t sid[16], int64_t until_s) GH_MUSTCHECK;
/* Publish, with what this phase writes, that roles or state of an account changed; 0: that what a role allows changed. -1
 * as above. */
int gh_authz_publish(gh_batch_t *b, int64_t user_id) GH_MUSTCHECK;
/* Publish that all sessions of the rows (id, end of access in s) are dead. Their ids as an array literal in ids, which is
 * the caller's; NULL as above. */
const char *gh_revoke_rows(gh_batch_t *b, const struct pg_result *r, gh_pgarr_t *ids) GH_MUSTCHECK;
/* End sessions (rows of logout_lock: locked in this transaction) with what this phase writes, and tell the fronts. Their
 * number, or -1 as above. reason: at most 20 bytes. */
int gh_end_sessions(gh_batch_t *b, const struct pg_result *living, const char *reason) GH_MUSTCHECK;

/* ---- args.c: arguments of a job */

/* A member of the body, JSON or form; empty when absent or no string. */
gh_str_t gh_arg_text(const gh_wjob_t *job, const char *name);
bool gh_arg_has(const gh_wjob_t *job, const char *name);
/* The same of the first job, as a parameter: NULL when absent or empty. Batch memory. */
const char *gh_arg_given(gh_batch_t *b, const char *name);
/* Refuse the first job for a member. Gives false. */
bool gh_arg_invalid(gh_batch_t *b, const char *field, const char *text);
bool gh_arg_flag(const gh_wjob_t *job, const char *name); /* false when absent */
/* One member of what was made; value NULL: not given. */
typedef struct gh_made {
    const char *member, *value;
} gh_made_t;
/* An entry of the audit log for the account that this phase has made (`users`); the members end with {NULL, NULL}. */
void gh_note_account(gh_batch_t *b, const char *action, const gh_made_t *made);
/* Texts of parameters in batch memory. */
const char *gh_text_uuid(gh_batch_t *b, const uint8_t id[16]);
/* A phone number as it is filed: without blanks and dashes; empty when it is too long for one. */
const char *gh_phone_text(gh_batch_t *b, gh_str_t phone);

/* ---- login.c: guesses at a password */

/* Queue that an account signs in now: its last_login_at. */
void gh_mark_login(gh_batch_t *b, const char *user_id, const char *rehash);
/* Begin the closing transaction: of those by this name, one at a time; if it was locked meanwhile, start over. name_hash in
 * hex. Several names are locked in the order of their hashes. */
void gh_guess_lock(gh_batch_t *b, const char *name_hash);
/* Count a wrong guess. */
void gh_guess_failed(gh_batch_t *b, const char *name_hash);
/* Refuse because the name is locked, with Retry-After. */
void gh_refuse_locked(gh_batch_t *b, gh_err_t err, int64_t until_us);

/* ---- steps of operations */

gh_step_t gh_login_patient(gh_batch_t *b);
gh_step_t gh_login_staff(gh_batch_t *b);
gh_step_t gh_login_account(gh_batch_t *b);
gh_step_t gh_login_v1(gh_batch_t *b);
gh_step_t gh_oauth_token(gh_batch_t *b);
gh_step_t gh_login_oauth(gh_batch_t *b);   /* the password grant */
gh_step_t gh_refresh_oauth(gh_batch_t *b); /* the refresh grant */
gh_step_t gh_refresh_v1(gh_batch_t *b);
gh_step_t gh_oauth_revoke(gh_batch_t *b);
gh_step_t gh_oauth_introspect(gh_batch_t *b);
gh_step_t gh_logout(gh_batch_t *b);
gh_step_t gh_user_info(gh_batch_t *b);
gh_step_t gh_register_v1(gh_batch_t *b);
gh_step_t gh_change_password(gh_batch_t *b);
gh_step_t gh_reset_password(gh_batch_t *b);
gh_step_t gh_forgot_password(gh_batch_t *b);
gh_step_t gh_tell_password_policy(gh_batch_t *b);
gh_step_t gh_password_check(gh_batch_t *b);
gh_step_t gh_administer_user(gh_batch_t *b);
gh_step_t gh_define_role(gh_batch_t *b);
gh_step_t gh_first_password(gh_batch_t *b);
gh_step_t gh_register_admin(gh_batch_t *b);

/* codes.c */
gh_step_t gh_send_sms_code(gh_batch_t *b);
gh_step_t gh_verify_sms_code(gh_batch_t *b);
gh_step_t gh_send_email_code(gh_batch_t *b);
gh_step_t gh_bind_email(gh_batch_t *b); /* by the mailed code */

gh_step_t gh_register_account(gh_batch_t *b); /* signup.c */
gh_step_t gh_confirm_email(gh_batch_t *b);
gh_step_t gh_update_profile(gh_batch_t *b); /* own_profile.c */
gh_step_t gh_renew_token(gh_batch_t *b);    /* renew.c */
gh_step_t gh_extend_access(gh_batch_t *b);  /* extend.c */
gh_step_t gh_weigh_bookings(gh_batch_t *b); /* risk.c */
gh_step_t gh_credit_visit(gh_batch_t *b);   /* risk.c */
gh_step_t gh_tend_risk(gh_batch_t *b);      /* risk.c */
gh_step_t gh_login_form(gh_batch_t *b);
gh_step_t gh_change_relatives(gh_batch_t *b); /* relatives.c */
gh_step_t gh_keep_patient(gh_batch_t *b);     /* patients.c */
gh_step_t gh_verify_campus(gh_batch_t *b);    /* verify.c */
gh_step_t gh_remove_patient(gh_batch_t *b);   /* patient_delete.c */

#endif
