/*
 * ops/cmd/accounts.c - `guahao create-superuser`, `set-password`, `unlock`, `revoke-sessions` (api/31 CM-06, CM-07)
 *
 * What the pool `identity` does for administrators, for whoever holds the database: a new password or a revocation ends the
 * account's sessions, and running programs are told. Each is one transaction with its entry of the audit log.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mail.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "domain/generate.h"
#include "domain/password_rules.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/tell.h"
#include "wire/mp.h"

const gh_opt_t gh_superuser_opts[] = {
    {"username", "NAME", "3 to 64 letters, digits, . _ @ + -"},
    {"email", "ADDRESS", "mail address; also a name to sign in with"},
    {"full-name", "NAME", "at most 100 characters"},
    {"password-stdin", NULL, "the password is the first line of stdin"},
    {"generate", NULL, "make a password and print it"},
    {"update", NULL, "make an account that is there a superuser and give it the password"},
    {NULL, NULL, NULL},
};

const gh_opt_t gh_password_opts[] = {
    {"password-stdin", NULL, "the password is the first line of stdin"},
    {"generate", NULL, "make a password and print it"},
    {"must-change", NULL, "the owner has to change it at the next sign-in"},
    {NULL, NULL, NULL},
};

typedef struct account {
    gh_cmd_t *c;
    PGconn *db;
    int64_t id;
    bool deleted;
    char text_id[24], username[72], email[260], *former; /* former: hashes, a comma list; owned */
    char now[GH_PG_TIME_TEXT], history[8];
    int64_t told; /* the last event, 0: none */
} account_t;

/* ---- passwords */

static bool
made(char out[GH_MADE_PASSWORD + 4])
{
    uint8_t random[64];
    for (int i = 0; i < 100; i++)
        if (getrandom(random, sizeof random, 0) == sizeof random &&
            gh_password_make(random, sizeof random, out))
            return true;
    return false;
}

/* The password of --password-stdin, --generate or two prompts that agree. NULL after a message, with the exit status in rc. The
 * caller wipes and frees it. */
static char *
read_password(gh_cmd_t *c, int *rc)
{
    bool from_stdin = gh_args_has(&c->args, "password-stdin"), generate = gh_args_has(&c->args, "generate");
    *rc = GH_EXIT_USAGE;
    if (from_stdin && generate) {
        (void)gh_cmd_usage(c, "--password-stdin or --generate, not both");
        return NULL;
    }
    if (generate) {
        char *out = calloc(1, GH_MADE_PASSWORD + 4);
        if (out && made(out))
            return out;
        free(out);
        *rc = gh_cmd_failed(c, "the system has no randomness");
        return NULL;
    }
    if (from_stdin) {
        char *line = NULL;
        size_t cap = 0;
        ssize_t n = getline(&line, &cap, stdin);
        if (n > 0) {
            line[strcspn(line, "\r\n")] = '\0';
            return line;
        }
        free(line);
        *rc = gh_cmd_failed(c, "there is no password on stdin");
        return NULL;
    }
    if (!isatty(STDIN_FILENO)) {
        (void)gh_cmd_usage(c, "give --password-stdin or --generate, or run it on a terminal");
        return NULL;
    }
    char *typed = getpass("Password: "), *first = typed ? strdup(typed) : NULL;
    typed = first ? getpass("Again: ") : NULL;
    if (first && typed && strcmp(first, typed) == 0) {
        explicit_bzero(typed, strlen(typed));
        return first;
    }
    free(first);
    *rc = gh_cmd_failed(c, "the two are not the same");
    return NULL;
}

static void
forget(char *password)
{
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
}

static bool
used_before(const char *former, gh_str_t password)
{
    for (const char *p = former; *p;) {
        size_t n = strcspn(p, ",");
        if (gh_password_verify(password, (gh_str_t){p, n}))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* then the hash. The exit status. */
static int
hash(const account_t *a, const char *password, char out[GH_PASSWORD_HASH])
{
    gh_str_t p = gh_str(password);
    char text[GH_PASSWORD_FAULT_TEXT];
    gh_password_policy_t policy = gh_password_policy(a->c->conf);
    unsigned faults = gh_password_faults(&policy, p, gh_str(a->username), gh_str(a->email));
    for (unsigned bit = 0; bit < GH_PW_FAULTS; bit++)
        if (faults & (1u << bit))
            (void)gh_cmd_failed(a->c, "the password is too weak: %s",
                                gh_password_fault_text(&policy, 1u << bit, text));
    if (faults)
        return GH_EXIT_FAILED;
    if (a->former && used_before(a->former, p))
        return gh_cmd_failed(a->c, "the account has had this password");
    return gh_password_hash(p, (int)gh_conf_int(a->c->conf, "password.cost"), out) == 0
               ? GH_EXIT_DONE
               : gh_cmd_failed(a->c, "the password cannot be hashed");
}

/* ---- one statement each; -1 after a message */

static int
run(const account_t *a, const char *statement, int n, const char *const *params)
{
    PGresult *r = gh_dbq_named(a->db, statement, n, params);
    PQclear(r);
    return r ? 0 : -1;
}

static int
find(account_t *a, const char *name)
{
    snprintf(a->history, sizeof a->history, "%d", gh_password_policy(a->c->conf).history);
    PGresult *r = gh_dbq_named(a->db, "account_find", 2, (const char *[]){name, a->history});
    if (!r)
        return -1;
    if (PQntuples(r) == 1) {
        a->id = gh_pg_i64(r, 0, 0, 0);
        snprintf(a->text_id, sizeof a->text_id, "%s", PQgetvalue(r, 0, 0));
        snprintf(a->username, sizeof a->username, "%s", PQgetvalue(r, 0, 1));
        snprintf(a->email, sizeof a->email, "%s", PQgetvalue(r, 0, 2));
        a->deleted = gh_pg_bool(r, 0, 3);
        a->former = strdup(PQgetvalue(r, 0, 4));
    }
    PQclear(r);
    return 0;
}

static int
note(const account_t *a, const char *action)
{
    uint8_t id[16];
    char request[GH_UUID_TEXT];
    gh_uuid7_new(id);
    gh_uuid_text(id, request);
    return run(a, "account_audit", 4, (const char *[]){a->now, action, a->text_id, request});
}

static int
tell(account_t *a, const char *topic, const gh_buf_t *payload)
{
    gh_buf_t hex GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char *p = gh_buf_ok(payload) ? gh_buf_reserve(&hex, payload->n * 2 + 1) : NULL;
    if (!p)
        return -1;
    gh_hex((const uint8_t *)payload->p, payload->n, p);
    PGresult *r = gh_dbq_named(a->db, "account_tell", 2, (const char *[]){topic, p});
    a->told = r ? gh_pg_i64(r, 0, 0, 0) : 0;
    PQclear(r);
    return r ? 0 : -1;
}

/* Its rights are to be read again (lib/wire/event.h). */
static int
tell_authz(account_t *a)
{
    gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&payload, 1);
    gh_mpw_cstr(&payload, "user");
    gh_mpw_int(&payload, a->id);
    return tell(a, "authz", &payload);
}

/* End its sessions and tell. Their number, -1 after a message. */
static int
end_sessions(account_t *a, const char *reason)
{
    PGresult *r = gh_dbq_named(a->db, "account_sessions", 3, (const char *[]){a->text_id, a->now, reason});
    int n = r ? PQntuples(r) : -1;
    int64_t leeway = gh_conf_int(a->c->conf, "token.leeway_s");
    for (int i = 0; i < PQntuples(r); i++) {
        gh_buf_t payload GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        uint8_t sid[16];
        gh_mpw_map(&payload, 2);
        gh_mpw_cstr(&payload, "sid");
        if (gh_uuid_parse(gh_pg_str(r, i, 0), sid) == 0)
            gh_mpw_bin(&payload, sid, sizeof sid);
        gh_mpw_cstr(&payload, "until");
        gh_mpw_int(&payload, gh_pg_i64(r, i, 1, 0) + leeway);
        if (tell(a, "revoke", &payload) != 0) {
            n = -1;
            break;
        }
    }
    PQclear(r);
    return n;
}

static int
give_password(account_t *a, const char *hashed, bool must_change)
{
    const char *params[] = {a->text_id, hashed, a->now, must_change ? "true" : "false", a->history};
    return run(a, "account_password", 5, params) == 0 && end_sessions(a, "password_reset") >= 0 &&
                   tell_authz(a) == 0
               ? 0
               : -1;
}

/* ---- the frame of all four */

static int
begin(account_t *a, gh_cmd_t *c)
{
    *a = (account_t){.c = c, .db = gh_cmd_connect(c)};
    if (!a->db)
        return GH_EXIT_DATABASE;
    gh_pg_time_text(gh_now_us(), a->now);
    return gh_cmd_take_settings(c, a->db) == 0 && gh_dbq_exec(a->db, "begin") == 0 &&
                   run(a, "account_lock", 0, NULL) == 0
               ? GH_EXIT_DONE
               : GH_EXIT_FAILED;
}

/* Commit when rc is done. What running programs must know, they know when this returns. */
static int
end(account_t *a, int rc)
{
    if (a->db && gh_dbq_exec(a->db, rc == GH_EXIT_DONE ? "commit" : "rollback") != 0)
        rc = rc == GH_EXIT_DONE ? GH_EXIT_FAILED : rc;
    if (rc == GH_EXIT_DONE && a->told && !gh_was_told(a->db, a->told))
        gh_cmd_say(a->c, "no worker runs: programs that start know it");
    free(a->former);
    PQfinish(a->db);
    return rc;
}

/* begin() with the account of the first word. */
static int
begin_found(account_t *a, gh_cmd_t *c)
{
    int rc = begin(a, c);
    if (rc == GH_EXIT_DONE && find(a, c->args.words[0]) != 0)
        rc = GH_EXIT_FAILED;
    if (rc == GH_EXIT_DONE && (a->id == 0 || a->deleted))
        rc = gh_cmd_failed(c, "there is no account %.80s", c->args.words[0]);
    return rc;
}

static void
print_done(const account_t *a, const char *name, const char *password)
{
    if (a->c->json && password)
        printf("{\"id\":%lld,\"password\":\"%s\"}\n", (long long)a->id, password);
    else if (a->c->json)
        printf("{\"id\":%lld}\n", (long long)a->id);
    else if (password)
        printf("%s\n", password);
    else
        gh_cmd_say(a->c, "%s has the new password", name);
}

int
gh_cmd_set_password(gh_cmd_t *c)
{
    int rc;
    char hashed[GH_PASSWORD_HASH];
    if (c->args.n_words != 1)
        return gh_cmd_usage(c, "name the account: user name, mail address, phone or staff number");
    char *password = read_password(c, &rc);
    if (!password)
        return rc;
    account_t a;
    rc = begin_found(&a, c);
    if (rc == GH_EXIT_DONE)
        rc = hash(&a, password, hashed);
    if (rc == GH_EXIT_DONE && (give_password(&a, hashed, gh_args_has(&c->args, "must-change")) != 0 ||
                               note(&a, "user.reset_password") != 0))
        rc = GH_EXIT_FAILED;
    rc = end(&a, rc);
    if (rc == GH_EXIT_DONE)
        print_done(&a, c->args.words[0], gh_args_has(&c->args, "generate") ? password : NULL);
    forget(password);
    return rc;
}

int
gh_cmd_unlock(gh_cmd_t *c)
{
    if (c->args.n_words != 1)
        return gh_cmd_usage(c, "name the account");
    account_t a;
    int rc = begin_found(&a, c);
    if (rc == GH_EXIT_DONE &&
        (run(&a, "account_unlock", 1, (const char *[]){a.text_id}) != 0 || note(&a, "user.unlock") != 0))
        rc = GH_EXIT_FAILED;
    rc = end(&a, rc);
    if (rc == GH_EXIT_DONE && c->json)
        printf("{\"id\":%lld}\n", (long long)a.id);
    else if (rc == GH_EXIT_DONE)
        gh_cmd_say(c, "%s may sign in again", c->args.words[0]);
    return rc;
}

int
gh_cmd_revoke_sessions(gh_cmd_t *c)
{
    if (c->args.n_words != 1)
        return gh_cmd_usage(c, "name the account");
    account_t a;
    int n = 0, rc = begin_found(&a, c);
    if (rc == GH_EXIT_DONE &&
        ((n = end_sessions(&a, "revoked")) < 0 || note(&a, "user.revoke_sessions") != 0))
        rc = GH_EXIT_FAILED;
    rc = end(&a, rc);
    if (rc == GH_EXIT_DONE)
        printf(c->json ? "{\"revoked\":%d}\n" : "%d\n", n);
    return rc;
}

/* ---- superusers */

static int
check_names(gh_cmd_t *c, const char *username, const char *email, const char *full_name)
{
    size_t n = username ? strlen(username) : 0;
    if (n < 3 || n > 64 ||
        strspn(username, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-") != n)
        return gh_cmd_usage(c, "--username has 3 to 64 letters, digits, . _ @ + -");
    if (email && (strlen(email) > 254 || !gh_mail_address_ok(gh_str(email))))
        return gh_cmd_usage(c, "--email is no mail address");
    if (full_name && (*full_name == '\0' || strlen(full_name) > 100))
        return gh_cmd_usage(c, "--full-name has 1 to 100 bytes");
    return GH_EXIT_DONE;
}

/* Nobody else may have a name of the account, of any kind. */
static int
check_free(account_t *a, const char *username, const char *email)
{
    PGresult *r = gh_dbq_named(a->db, "account_name_used", 3,
                               (const char *[]){username, email, a->id ? a->text_id : NULL});
    const char *what = r && !PQgetisnull(r, 0, 0) ? PQgetvalue(r, 0, 0) : NULL;
    int rc = !r     ? GH_EXIT_FAILED
             : what ? gh_cmd_failed(a->c, "the %s is taken%s", what,
                                    *what == 'u' && !a->id ? " (--update changes that account; R-245)" : "")
                    : GH_EXIT_DONE;
    PQclear(r);
    return rc;
}

static int
make_superuser(account_t *a, const char *password, const char *username, const char *email,
               const char *full_name)
{
    char hashed[GH_PASSWORD_HASH];
    bool update = gh_args_has(&a->c->args, "update");
    if (update && find(a, username) != 0)
        return GH_EXIT_FAILED;
    if (a->deleted)
        return gh_cmd_failed(a->c, "the account %s was deleted", username);
    int rc = check_free(a, username, email);
    if (rc != GH_EXIT_DONE)
        return rc;
    snprintf(a->username, sizeof a->username, "%s", username);
    if (email)
        snprintf(a->email, sizeof a->email, "%s", email);
    rc = hash(a, password, hashed);
    if (rc != GH_EXIT_DONE)
        return rc;
    bool is_new = a->id == 0;
    PGresult *r = is_new ? gh_dbq_named(a->db, "superuser_make", 5,
                                        (const char *[]){username, email, full_name, hashed, a->now})
                         : gh_dbq_named(a->db, "superuser_update", 4,
                                        (const char *[]){a->text_id, email, full_name, a->now});
    a->id = r ? gh_pg_i64(r, 0, 0, 0) : 0;
    PQclear(r);
    snprintf(a->text_id, sizeof a->text_id, "%lld", (long long)a->id);
    bool good = r && (is_new || give_password(a, hashed, false) == 0) &&
                note(a, is_new ? "user.create" : "user.update") == 0;
    return good ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

int
gh_cmd_create_superuser(gh_cmd_t *c)
{
    const char *username = gh_args_str(&c->args, "username", NULL),
               *email = gh_args_str(&c->args, "email", NULL);
    const char *full_name = gh_args_str(&c->args, "full-name", NULL);
    int rc = check_names(c, username, email, full_name);
    if (rc != GH_EXIT_DONE)
        return rc;
    char *password = read_password(c, &rc);
    if (!password)
        return rc;
    account_t a;
    rc = begin(&a, c);
    if (rc == GH_EXIT_DONE)
        rc = make_superuser(&a, password, username, email, full_name);
    rc = end(&a, rc);
    if (rc == GH_EXIT_DONE)
        print_done(&a, username, gh_args_has(&c->args, "generate") ? password : NULL);
    forget(password);
    return rc;
}
