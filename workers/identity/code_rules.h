/*
 * workers/identity/code_rules.h - codes of six digits (BR-08, BR-11): pure decisions
 */
#ifndef GH_WORKERS_IDENTITY_CODE_RULES_H
#define GH_WORKERS_IDENTITY_CODE_RULES_H

#include "base/gh.h"

#define GH_CODE_TEXT  7 /* six digits and a NUL */
#define GH_CODE_TRIES 3 /* wrong ones until a code is discarded */

/* What is known of the code that was last sent to somebody. */
typedef struct gh_code_facts {
    bool live;    /* there is one, not used up or discarded */
    bool expired; /* its time is over */
    bool foreign; /* somebody else asked for it */
    bool equal;   /* the digits are right */
    int tries_left;
} gh_code_facts_t;

typedef enum {
    GH_CODE_RIGHT,
    GH_CODE_EXPIRED,   /* or none was sent */
    GH_CODE_FOREIGN,   /* costs its owner no try */
    GH_CODE_WRONG,     /* a try less */
    GH_CODE_EXHAUSTED, /* that was the last try: discard it */
    GH_CODE_VERDICTS
} gh_code_verdict_t;

gh_code_verdict_t gh_code_decide(const gh_code_facts_t *facts);

/* Six digits of a random number. False for the few numbers at the top that would make some codes likelier than others:
 * draw again. */
bool gh_code_digits(uint32_t random, char out[GH_CODE_TEXT]);

/* abcdef@clinic.example -> abc***@clinic.example; a shorter local part is shown whole. out: at least address.n + 4. Returns the
 * length. */
size_t gh_mask_mail(gh_str_t address, char *out);

#endif
