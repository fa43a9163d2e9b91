/*
 * workers/audit/leave_rules.h - leave: when it may be asked for, and which sessions it closes (BR-57, BR-60, R-78)
 *
 * Pure: the time is an argument. Days are visit days, instants microseconds.
 */
#ifndef GH_AUDIT_LEAVE_RULES_H
#define GH_AUDIT_LEAVE_RULES_H

#include "base/error.h"

typedef enum { GH_SHIFT_MORNING, GH_SHIFT_AFTERNOON, GH_SHIFT_NIGHT, GH_SHIFT_FULL } gh_shift_t;

/* Words of leave (morning ... full) and of api/23 (MORNING, AFTERNOON, EVENING, FULL). -1: no such word. */
int gh_shift_parse(gh_str_t word, gh_shift_t *shift) GH_MUSTCHECK;
const char *gh_shift_name(gh_shift_t shift); /* as stored: morning afternoon night full */

typedef struct gh_leave {
    int32_t from, to; /* inclusive */
    gh_shift_t shift;
} gh_leave_t;

/* BR-60: leave of whole days is asked for before its first day; of a part of the day not for the past, and today only before the
 * part begins (begins_us: that of the first day). */
gh_err_t gh_br60_in_time(const gh_leave_t *leave, int32_t today, int64_t begins_us, int64_t now_us);

/* A session as far as leave asks: part 0 (上午) to 2 (晚上). */
typedef struct gh_leave_session {
    int64_t id;
    int32_t day;
    int part;
    int64_t ends_us;
    bool open; /* not 停诊 */
} gh_leave_session_t;

/* BR-57: does the leave close it? The section is covered, it is not closed yet, and it is not over. */
bool gh_br57_closes(const gh_leave_t *leave, const gh_leave_session_t *s, int64_t now_us);

#endif
