/*
 * lib/domain/password_rules.h - which passwords may be set (api/20 section 5, R-23, R-24): pure, no I/O
 *
 * 8 to 72 bytes, three of four kinds of characters, not one character alone, neither the user name nor the local part of
 * the mail address inside, not on the bundled list of common passwords. Signing in asks none of this.
 */
#ifndef GH_DOMAIN_PASSWORD_RULES_H
#define GH_DOMAIN_PASSWORD_RULES_H

#include "base/password.h"

#define GH_PASSWORD_MIN         8 /* bytes; the upper limit is GH_PASSWORD_MAX */
#define GH_PASSWORD_CLASSES_MIN 3 /* of lower case, upper case, digit, other */
#define GH_PASSWORD_HISTORY     5 /* the present one and the four before it */
#define GH_PASSWORD_NAME_MIN    3 /* bytes; a shorter name is inside too many good passwords to count */

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
#define GH_PW_FAULTS 8 /* number of bits */

/* The faults of a password, 0 for none. username, email: empty when the account has none; compared ignoring ASCII case. */
unsigned gh_password_faults(gh_str_t password, gh_str_t username, gh_str_t email);

/* 0 (guessed at once) to 4 (strong). A password with faults has at most 1. */
int gh_password_score(gh_str_t password, unsigned faults);

/* What a fault (one bit) is called on the wire, and a sentence for people. */
const char *gh_password_fault_word(unsigned fault);
const char *gh_password_fault_text(unsigned fault);

/* The bundled list: lower case, in order of bytes, as bsearch needs it. */
extern const char *const gh_common_passwords[];
extern const size_t gh_common_passwords_count;

#endif
