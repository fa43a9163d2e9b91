/*
 * lib/domain/setting_rows.h - what administrators can see and set: the settings of the programs and those that live in the
 * database alone; values between JSON and text
 */
#ifndef GH_DOMAIN_SETTING_ROWS_H
#define GH_DOMAIN_SETTING_ROWS_H

#include "base/conf_table.h"
#include "base/json.h"
#include "wire/mp.h"

size_t gh_setting_rows(void);
const gh_setting_t *gh_setting_row(size_t i);
/* By key of api/29; NULL: unknown. */
const gh_setting_t *gh_setting_row_by_key(gh_str_t key);
/* It lives in the database alone: programs read it in their transactions. */
bool gh_setting_is_database(const gh_setting_t *set);

/* int, bool, str or list. */
const char *gh_setting_kind(const gh_setting_t *set);
/* Write a value that is given as text, as JSON of its kind. */
void gh_setting_json(gh_json_t *j, const gh_setting_t *set, const char *text);
/* The text of a value of a request, appended to out; NULL, or why it does not fit (static, or in reason). */
const char *gh_setting_text(const gh_setting_t *set, gh_mp_t value, gh_buf_t *out, char reason[256]);

#endif
