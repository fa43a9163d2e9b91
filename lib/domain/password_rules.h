/*
 * lib/domain/password_rules.h - which passwords may be set (api/20 section 5, R-23, R-24): pure, no I/O
 *
 * 8 to 72 bytes, three of four kinds (unless the hospital asks for more) of characters, not one character alone, neither the user name nor the local part of
 * the mail address inside, not on the bundled list of common passwords. Signing in asks none of this.
 */
#ifndef GH_DOMAIN_PASSWORD_RULES_H
#define GH_DOMAIN_PASSWORD_RULES_H

#include "base/conf.h"
#include "base/password.h"

#define GH_PASSWORD_HISTORY_MAX 10
#define GH_PASSWORD_NAME_MIN    3 /* bytes; a shorter name is inside too many good passwords to count */

/* What the hospital may set (auth.password.* of api/29). */
typedef struct gh_password_policy {
    int min_length;  /* bytes; the upper limit is GH_PASSWORD_MAX */
    int min_classes; /* of lower case, upper case, digit, other */
    int history;     /* the present one and those before it */
} gh_password_policy_t;

extern const gh_password_policy_t gh_password_policy_default; /* 8, 3, 5 */
gh_password_policy_t gh_password_policy(const gh_conf_t *conf);

/* Faults, one bit each. */
typedef enum {
    GH_PW_TOO_SHORT = 1 << 0,
    GH_PW_TOO_LONG = 1 << 1,
    GH_PW_HAS_NUL = 1 << 2,
    GH_PW_TOO_FEW_CLASSES = 1 << 3,
    GH_PW_ONE_CHARACTER = 1 << 4,
    GH_PW_HAS_USERNAME = 1 << 5,
    GH_PW_HAS_EMAIL = 1 << 6,
    GH_PW_COMMON = 1 << 7,
} gh_password_fault_t;
#define GH_PW_FAULTS           8 /* number of bits */
#define GH_PASSWORD_FAULT_TEXT 96

/* The faults of a password, 0 for none. username, email: empty when the account has none; compared ignoring ASCII case. */
unsigned gh_password_faults(const gh_password_policy_t *policy, gh_str_t password, gh_str_t username,
                            gh_str_t email);

/* 0 (guessed at once) to 4 (strong). A password with faults has at most 1. */
int gh_password_score(gh_str_t password, unsigned faults);

/* What a fault (one bit) is called on the wire, and a sentence for people. */
const char *gh_password_fault_word(unsigned fault);
const char *gh_password_fault_text(const gh_password_policy_t *policy, unsigned fault,
                                   char text[GH_PASSWORD_FAULT_TEXT]);

/* The bundled list: lower case, in order of bytes, as bsearch needs it. */
extern const char *const gh_common_passwords[];
extern const size_t gh_common_passwords_count;

#endif
