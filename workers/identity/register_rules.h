/*
 * workers/identity/register_rules.h - what is read out of a registration: pure, no I/O, no clock
 */
#ifndef GH_WORKERS_IDENTITY_REGISTER_RULES_H
#define GH_WORKERS_IDENTITY_REGISTER_RULES_H

#include "base/gh.h"

/* A text without the white space around it, that of Chinese keyboards included; a view of the text. */
gh_str_t gh_bare(gh_str_t text);

/* neither in the future nor over 130 years ago. Days as in base/timez.h. */
bool gh_birth_day_ok(int32_t day, int32_t today);

/* A phone number without blanks and dashes, as it is stored. False when it does not fit. */
#define GH_PHONE_SIZE 26
bool gh_phone_pack(gh_str_t phone, char out[GH_PHONE_SIZE]);

/* What an account is named after that gives a mail address alone: its local part, without the characters that user names
 * do not have; "user" in front of one that is too short for a name. */
#define GH_NAME_BASE_SIZE 49
void gh_name_base(gh_str_t email, char out[GH_NAME_BASE_SIZE]);

/* 男, 女, 未知, male, female, unknown -> male, female, unknown as it is stored; NULL for anything else (BR-10). */
const char *gh_gender_word(gh_str_t text);

#endif
