/*
 * lib/worker/args.h - values out of argument maps (the contract has checked types, this only takes them out), texts for parameters
 *
 * A path is dotted ("body.scheduleId"), or the name of a member of a map inside. Texts are borrowed from the message.
 */
#ifndef GH_WORKER_ARGS_H
#define GH_WORKER_ARGS_H

#include "worker/worker.h"

/* An integer, or a text of digits (IdIn); 0 when absent, null or neither. */
int64_t gh_arg_id(gh_mp_t args, const char *path);
gh_str_t gh_arg_str(gh_mp_t args, const char *path); /* p NULL when absent or null */
bool gh_arg_bool(gh_mp_t args, const char *path);
/* Money of `path`, a number or a text, in cents; 1 found, 0 absent or null, -1 more than two decimals or too large. */
int gh_arg_money(gh_mp_t args, const char *path, int64_t *cents);
/* An instant of `path`; 1 found, 0 absent, -1 not a real one, or outside the years 1900 to 2999. */
int gh_arg_moment(gh_mp_t args, const char *path, int64_t *at_us);

/* Texts of parameters, in batch memory. */
const char *gh_text(gh_batch_t *b, gh_str_t s);
const char *gh_text_i64(gh_batch_t *b, int64_t v);
const char *gh_text_time(gh_batch_t *b, int64_t at_us);
const char *gh_text_day(gh_batch_t *b, int32_t day);
const char *gh_text_json(gh_batch_t *b, gh_mp_t v); /* NULL when memory ran out, or nothing is there */

#endif
