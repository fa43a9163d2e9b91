/*
 * front/revoked.h - sessions and users whose tokens are dead although their time is not over
 *
 * Filled from the events "revoke" and from identity.sync_revocations. Entries only ever add up and end by themselves
 * when the last token they can concern has run out, so loading the list again is adding it again.
 */
#ifndef GH_FRONT_REVOKED_H
#define GH_FRONT_REVOKED_H

#include "base/gh.h"

#define FRONT_REVOKED_MAX (1u << 20) /* entries; beyond it the list counts as not loaded */

typedef struct front_revoked front_revoked_t;

front_revoked_t *front_revoked_new(void);
void front_revoked_destroy(front_revoked_t **list_p);
/* -1 when the list is full or memory ran out: the caller must stop trusting it. */
int front_revoked_session(front_revoked_t *list, const uint8_t sid[16], int64_t until_s) GH_MUSTCHECK;
/* Tokens of the user issued before this second are dead. */
int front_revoked_user(front_revoked_t *list, int64_t user, int64_t before_s, int64_t until_s) GH_MUSTCHECK;
bool front_revoked_has(const front_revoked_t *list, const uint8_t sid[16], int64_t user, int64_t iat_s);
/* Drop what is over. */
void front_revoked_expire(front_revoked_t *list, int64_t now_s);
size_t front_revoked_count(const front_revoked_t *list);

#endif
