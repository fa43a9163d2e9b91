/*
 * lib/domain/setting_rows.c - see the header
 */
#include "domain/setting_rows.h"

#include <stdlib.h>

#define SWITCH(name_, def_, help_)                                                                           \
    {                                                                                                        \
        .name = name_, .type = GH_SET_BOOL, .def = def_, .live = true, .help = help_                         \
    }
#define NUMBER(name_, def_, min_, max_, help_)                                                               \
    {                                                                                                        \
        .name = name_, .type = GH_SET_INT, .def = def_, .min = min_, .max = max_, .live = true,              \
        .help = help_                                                                                        \
    }

/* Read by statements of the pools; the defaults are theirs. */
static const gh_setting_t rows[] = {
    SWITCH("appointment.apply_registration_rules", "true",
           "Apply the booking rules of the registration settings."),
    SWITCH("appointment.department_interval", "false",
           "Keep days between two visits of a department (BR-79)."),
    SWITCH("appointment.enforce_start_before_complete", "false",
           "Complete an appointment after its start only (R-100)."),
    NUMBER("appointment.max_reschedules", "3", 0, 100,
           "Times that a patient may move an appointment (R-97)."),
    SWITCH("appointment.require_prepayment", "false", "A booking is confirmed when it is paid."),
    SWITCH("appointment.strict_session", "false",
           "Refuse bookings that name another hospital or department than their session's."),
    SWITCH("heartbeat.open_access", "false",
           "Serve Heartbeat's routes without a token; not in production (R-220)."),
    SWITCH("availability.auto_approve", "true",
           "Doctors' hours take effect at once; off: they wait for approval (R-80)."),
    NUMBER("availability.horizon_days", "60", 1, 365, "Days ahead that a doctor's availability may lie."),
    NUMBER("auth.max_sessions", "10", 1, 1000,
           "Sessions that an account may have; one more ends the oldest (R-42)."),
    NUMBER("consultation.max_pass_count", "3", 1, 10, "Times a called patient may be passed over (BR-119)."),
    NUMBER("departmentHeadMaxCount", "2", 1, 1000, "Heads a department may have (BR-26)."),
};

size_t
gh_setting_rows(void)
{
    return gh_settings_count + GH_COUNT(rows);
}

const gh_setting_t *
gh_setting_row(size_t i)
{
    return i < gh_settings_count ? &gh_settings[i] : &rows[i - gh_settings_count];
}

const gh_setting_t *
gh_setting_row_by_key(gh_str_t key)
{
    for (size_t i = 0; i < gh_setting_rows(); i++)
        if (gh_str_is(key, gh_setting_key(gh_setting_row(i))))
            return gh_setting_row(i);
    return NULL;
}

bool
gh_setting_is_database(const gh_setting_t *set)
{
    return set >= rows && set < rows + GH_COUNT(rows);
}

static bool
is_list(const gh_setting_t *set)
{
    return set->type == GH_SET_NETWORKS || set->type == GH_SET_ORIGINS || set->type == GH_SET_LEVELS;
}

const char *
gh_setting_kind(const gh_setting_t *set)
{
    return set->type == GH_SET_INT    ? "int"
           : set->type == GH_SET_BOOL ? "bool"
           : is_list(set)             ? "list"
                                      : "str";
}

static void
put_list(gh_json_t *j, const char *text)
{
    gh_json_arr(j);
    while (*text) {
        size_t n = strcspn(text, ", ");
        if (n > 0)
            gh_json_str(j, (gh_str_t){text, n});
        text += n + strspn(text + n, ", ");
    }
    gh_json_arr_end(j);
}

void
gh_setting_json(gh_json_t *j, const gh_setting_t *set, const char *text)
{
    if (set->type == GH_SET_INT)
        gh_json_i64(j, strtoll(text, NULL, 10));
    else if (set->type == GH_SET_BOOL)
        gh_json_bool(j, strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0 ||
                            strcmp(text, "1") == 0);
    else if (is_list(set))
        put_list(j, text);
    else
        gh_json_cstr(j, text);
}

static bool
is_plain(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

static const char *
list_text(gh_mp_t value, gh_buf_t *out)
{
    if (gh_mp_type(value) != GH_MP_ARRAY)
        return "not a list";
    for (gh_mp_iter_t it = gh_mp_iter(value); gh_mp_next(&it);) {
        gh_str_t s;
        if (!gh_mp_str(it.value, &s) || s.n == 0 || !is_plain(s) || memchr(s.p, ',', s.n) ||
            memchr(s.p, ' ', s.n))
            return "an entry of the list is not a word";
        if (out->n > 0)
            gh_buf_putc(out, ',');
        gh_buf_str(out, s);
    }
    return NULL;
}

const char *
gh_setting_text(const gh_setting_t *set, gh_mp_t value, gh_buf_t *out, char reason[256])
{
    int64_t number = 0;
    bool yes = false;
    gh_str_t s = {0};
    const char *fault = NULL;
    if (set->type == GH_SET_INT) {
        if (!gh_mp_int(value, &number))
            return "not a whole number";
        gh_buf_i64(out, number);
    } else if (set->type == GH_SET_BOOL) {
        if (!gh_mp_bool(value, &yes))
            return "neither true nor false";
        gh_buf_puts(out, yes ? "true" : "false");
    } else if (is_list(set)) {
        if ((fault = list_text(value, out)))
            return fault;
    } else {
        if (!gh_mp_str(value, &s) || !is_plain(s))
            return "not a text";
        gh_buf_str(out, s);
    }
    const char *text = gh_buf_cstr(out);
    char *own = text ? strdup(text) : NULL;
    fault = own ? gh_setting_check(set, &own, &number, reason) : "out of memory";
    free(own);
    return fault;
}
