/*
 * workers/identity/campus_text.c - what the campus directory says, read; see campus.h
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_read.h"
#include "workers/identity/campus.h"

static gh_campus_word_t
take_person(const json_t *o, gh_str_t identifier, gh_campus_person_t *out)
{
    bool whole = gh_json_take(o, "userId", out->user_id, sizeof out->user_id) &&
                 gh_json_take(o, "userName", out->name, sizeof out->name) &&
                 gh_json_take(o, "roleCode", out->role_code, sizeof out->role_code) &&
                 gh_json_take(o, "roleName", out->role_name, sizeof out->role_name);
    return whole && gh_str_is(identifier, out->user_id) ? GH_CAMPUS_KNOWN : GH_CAMPUS_STRANGE;
}

gh_campus_word_t
gh_campus_read(gh_str_t json, gh_str_t identifier, gh_campus_person_t *out)
{
    json_t *o = gh_json_object(json);
    gh_campus_word_t word = take_person(o, identifier, out);
    json_decref(o);
    return word;
}

gh_campus_word_t
gh_campus_find(gh_str_t json, gh_str_t identifier, gh_str_t password, gh_campus_person_t *out)
{
    json_t *list = json.n ? json_loadb(json.p, json.n, 0, NULL) : NULL, *one;
    gh_campus_word_t word = json_is_array(list) ? GH_CAMPUS_REFUSED : GH_CAMPUS_SILENT;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "userId")),
                   *secret = json_string_value(json_object_get(one, "password"));
        if (id && secret && gh_str_is(identifier, id) && gh_str_is(password, secret))
            word = take_person(one, identifier, out);
    }
    json_decref(list);
    return word;
}

const char *
gh_campus_type(const gh_campus_person_t *person)
{
    static const char *const types[][2] = {{"学生", "student"}, {"教师", "teacher"}, {"职工", "staff"}};
    for (size_t i = 0; i < GH_COUNT(types); i++)
        if (strstr(person->role_name, types[i][0]))
            return types[i][0];
    for (size_t i = 0; i < GH_COUNT(types); i++)
        if (strcasecmp(person->role_code, types[i][1]) == 0)
            return types[i][0];
    return "校外";
}
