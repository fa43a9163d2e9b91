/*
 * lib/wire/event.h - broadcasts over the brokers' event socket (decisions 11)
 *
 *   topic | "GHE1" + msgpack map
 *
 * topics:
 *   "revoke"  {seq, sid?: bin16, user?: int, before?: int (s), until: int (s)}   a session, or all tokens of a user
 *             issued before a moment, is dead; forget the entry after `until` (the last token's exp)
 *   "authz"   {seq, user: int}      roles or permissions of a user changed; user 0: a role changed, forget all
 *   "config"  {seq, rev, set}       the settings of the database (wire/config_event.h); seq 0 when repeated for a new broker
 *   "flush"   {seq, flush: text, scope: text}  every process forgets what it keeps for speed (workers/system/flush.c); flush: uuid
 *   "jobs"    {seq}                 durable jobs were queued: dispatchers look at once (lib/domain/later.h)
 *   "job_state" {id: bin16}         a durable job that somebody asked for began or ended: fronts that watch it look (front/watch.h);
 *                                   no row, no seq
 *   "beat"    {broker: bin16, seq, draining?: true}  from each broker every second and when a subscriber comes: the highest seq
 *                                   it has carried; a new broker identity or a seq above the last one seen makes the
 *                                   receiver reload. draining: it takes no more jobs, others do
 * seq is the id of the row in `outbox`; 0 in a beat means the broker has carried none yet.
 */
#ifndef GH_WIRE_EVENT_H
#define GH_WIRE_EVENT_H

#include "base/buf.h"
#include "wire/mp.h"

#define GH_EVENT_MAGIC "GHE1"
#define GH_EVENT_MAX   32768 /* all settings of the database */

/* Check the payload frame and give its map; -1 when it is not one of ours. */
int gh_event_decode(const void *frame, size_t n, gh_mp_t *map) GH_MUSTCHECK;
/* Does this beat say that its broker drains? */
bool gh_event_draining(gh_str_t frame);
/* Start a payload: appends magic; the caller appends one msgpack map. */
void gh_event_begin(gh_buf_t *out);

#endif
