/*
 * lib/domain/password_rules.c - which passwords may be set
 */
#include "domain/password_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const char *const gh_common_passwords[] = {
#include "domain/common_passwords.inc"
};
const size_t gh_common_passwords_count = GH_COUNT(gh_common_passwords);

static const struct {
    const char *word, *text;
} faults[GH_PW_FAULTS] = {
    {"too_short", NULL} /* with the policy's number */,
    {"too_long", "at most 72 bytes are possible"},
    {"has_nul", "a NUL character is not possible"},
    {"too_few_classes", NULL},
    {"one_character", "it is one character over and over"},
    {"contains_username", "it contains the user name"},
    {"contains_email", "it contains the name in front of the @ of the mail address"},
    {"common", "it is one of the most used passwords"},
};

static size_t
fault_index(unsigned fault)
{
    size_t i = 0;
    while (i < GH_PW_FAULTS - 1 && fault != 1u << i)
        i++;
    return i;
}

const char *
gh_password_fault_word(unsigned fault)
{
    return faults[fault_index(fault)].word;
}

const char *
gh_password_fault_text(const gh_password_policy_t *policy, unsigned fault, char text[GH_PASSWORD_FAULT_TEXT])
{
    static const char *const numbers[] = {"one", "two", "three", "all"};
    if (fault == GH_PW_TOO_SHORT)
        snprintf(text, GH_PASSWORD_FAULT_TEXT, "at least %d bytes are needed", policy->min_length);
    else if (fault == GH_PW_TOO_FEW_CLASSES)
        snprintf(text, GH_PASSWORD_FAULT_TEXT, "use %s of: lower case, upper case, digits, other characters",
                 numbers[policy->min_classes - 1]);
    else
        snprintf(text, GH_PASSWORD_FAULT_TEXT, "%s", faults[fault_index(fault)].text);
    return text;
}

const gh_password_policy_t gh_password_policy_default = {.min_length = 8, .min_classes = 3, .history = 5};

gh_password_policy_t
gh_password_policy(const gh_conf_t *conf)
{
    return (gh_password_policy_t){.min_length = (int)gh_conf_int(conf, "password.min_length"),
                                  .min_classes = (int)gh_conf_int(conf, "password.min_classes"),
                                  .history = (int)gh_conf_int(conf, "password.history")};
}

/* How many of lower case, upper case, digit, other; other are also the bytes outside ASCII. */
static int
classes(gh_str_t s)
{
    bool lower = false, upper = false, digit = false, other = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= 'a' && c <= 'z')
            lower = true;
        else if (c >= 'A' && c <= 'Z')
            upper = true;
        else if (c >= '0' && c <= '9')
            digit = true;
        else
            other = true;
    }
    return lower + upper + digit + other;
}

static bool
one_character(gh_str_t s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] != s.p[0])
            return false;
    return s.n > 0;
}

static bool
contains(gh_str_t s, gh_str_t name)
{
    if (name.n < GH_PASSWORD_NAME_MIN)
        return false;
    for (size_t i = 0; i + name.n <= s.n; i++)
        if (strncasecmp(s.p + i, name.p, name.n) == 0)
            return true;
    return false;
}

static gh_str_t
local_part(gh_str_t email)
{
    const char *at = email.n ? memrchr(email.p, '@', email.n) : NULL;
    return at ? (gh_str_t){email.p, (size_t)(at - email.p)} : email;
}

static int
compare(const void *key, const void *entry)
{
    return strcmp(key, *(const char *const *)entry);
}

static bool
common(gh_str_t s)
{
    char lower[GH_PASSWORD_MAX + 1];
    if (s.n >= sizeof lower)
        return false;
    for (size_t i = 0; i < s.n; i++)
        lower[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
    lower[s.n] = 0;
    return bsearch(lower, gh_common_passwords, gh_common_passwords_count, sizeof *gh_common_passwords,
                   compare);
}

unsigned
gh_password_faults(const gh_password_policy_t *policy, gh_str_t password, gh_str_t username, gh_str_t email)
{
    unsigned f = 0;
    f |= password.n < (size_t)policy->min_length ? GH_PW_TOO_SHORT : 0;
    f |= password.n > GH_PASSWORD_MAX ? GH_PW_TOO_LONG : 0;
    f |= password.n && memchr(password.p, 0, password.n) ? GH_PW_HAS_NUL : 0;
    f |= classes(password) < policy->min_classes ? GH_PW_TOO_FEW_CLASSES : 0;
    f |= one_character(password) ? GH_PW_ONE_CHARACTER : 0;
    f |= contains(password, username) ? GH_PW_HAS_USERNAME : 0;
    f |= contains(password, local_part(email)) ? GH_PW_HAS_EMAIL : 0;
    f |= common(password) ? GH_PW_COMMON : 0;
    return f;
}

int
gh_password_score(gh_str_t password, unsigned fault_bits)
{
    int kinds = classes(password), score = 0;
    if (password.n == 0 || (fault_bits & (GH_PW_COMMON | GH_PW_ONE_CHARACTER)))
        return 0;
    score += kinds >= 3;
    score += password.n >= 8;
    score += password.n >= 12;
    score += password.n >= 16 || (kinds == 4 && password.n >= 10);
    return fault_bits && score > 1 ? 1 : score;
}
