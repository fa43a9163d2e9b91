/*
 * workers/identity/relative_rules.h - whom an account may book for: the pure decisions (BR-106 to BR-111)
 */
#ifndef GH_IDENTITY_RELATIVE_RULES_H
#define GH_IDENTITY_RELATIVE_RULES_H

#include "base/error.h"

/* Name and number of a relative as they were sent, without blanks around them (BR-106). */
gh_err_t gh_relative_given(gh_str_t name, gh_str_t card);

/* What is known of a relative that is to be added. */
typedef struct gh_relative_facts {
    bool known;               /* a living patient has this number */
    bool same_name;           /* and this name */
    bool self, related;       /* it is the caller; a relative already */
    int64_t relatives, limit; /* of the caller; limit 0: none */
} gh_relative_facts_t;
/* BR-107, BR-108 */
gh_err_t gh_relative_add(const gh_relative_facts_t *facts);

/* BR-110: a relation may be removed. */
gh_err_t gh_relative_remove(bool self, bool is_default);

/* What an id card of 18 characters says of its owner: GB 11643, birth date in 7..14, an odd 17th digit is a man's. */
typedef struct gh_card_person {
    bool read; /* false: it says nothing that can be */
    bool male;
    int32_t born; /* day */
} gh_card_person_t;
gh_card_person_t gh_card_read(gh_str_t card, int32_t today);

#endif
