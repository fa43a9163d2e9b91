/*
 * workers/identity/patient_members.c - what a request says of a patient: each surface's members as columns, names of the account and
 * the medical profile
 */
#include <stdio.h>

#include "base/timez.h"
#include "worker/args.h"
#include "workers/identity/admin_rules.h"
#include "workers/identity/patient_rules.h"
#include "workers/identity/patients.h"
#include "workers/identity/register_rules.h"

enum { V1 = 1, HB = 2 };
enum { PERSON = GH_PATIENT_PERSON, OFFICE = GH_PATIENT_OFFICE, NEVER = GH_PATIENT_NEVER };

typedef enum { TEXT, VALUE, GENDER, BIRTH, PHONE, LINE, NUMBER, READ_ONLY } kind_t;

static const struct {
    const char *member, *column;
    unsigned surfaces, part;
    kind_t kind;
} members[] = {
    {"full_name", "full_name", V1, PERSON, TEXT},
    {"first_name", "first_name", V1, PERSON, TEXT},
    {"last_name", "last_name", V1, PERSON, TEXT},
    {"name", "first_name", HB, PERSON, TEXT},
    {"surname", "last_name", HB, PERSON, TEXT},
    {"gender", "gender", V1 | HB, PERSON, GENDER},
    {"date_of_birth", "date_of_birth", V1 | HB, PERSON, BIRTH},
    {"phone", "phone", V1, PERSON, PHONE},
    {"email", "email", V1, PERSON, TEXT},
    {"national_id", NULL, V1, PERSON, NUMBER},
    {"address", "address", V1, PERSON, VALUE},
    {"address", "address", HB, PERSON, LINE},
    {"emergency_contact", "emergency_contact", V1, PERSON, VALUE},
    {"marital_status", "marital_status", V1, PERSON, TEXT},
    {"occupation", "occupation", V1, PERSON, TEXT},
    {"language", "language", V1, PERSON, TEXT},
    {"status", "status", V1, OFFICE, TEXT},
    {"primary_doctor_id", "primary_doctor_id", V1, OFFICE, VALUE},
    {"user_id", "user_id", V1, OFFICE, VALUE},
    {"mrn", NULL, V1, NEVER, READ_ONLY},
};

static const char *const profile_members[] = {
    "blood_type",          "height_cm", "weight_kg",      "allergies", "chronic_conditions",
    "current_medications", "surgeries", "family_history", "smoking",   "alcohol"};

static const struct {
    const char *member;
    unsigned bit;
} names[] = {{"username", GH_NAME_USERNAME}, {"email", GH_NAME_EMAIL}, {"phone", GH_NAME_PHONE}};

/* ---- values */

/* No text in it has a NUL, which no column holds. */
static bool
storable(gh_mp_t v)
{
    gh_str_t s;
    if (gh_mp_str(v, &s))
        return s.n == 0 || !memchr(s.p, 0, s.n);
    gh_mp_type_t type = gh_mp_type(v);
    for (gh_mp_iter_t it = gh_mp_iter(v); (type == GH_MP_ARRAY || type == GH_MP_MAP) && gh_mp_next(&it);)
        if (!storable(it.value) || (it.key.n && memchr(it.key.p, 0, it.key.n)))
            return false;
    return true;
}

static void
put_raw(gh_json_t *json, const char *column, gh_mp_t v)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_to_json(v, &text);
    gh_json_kraw(json, column, gh_buf_view(&text));
}

static void
put_line(gh_json_t *json, const char *column, gh_str_t line)
{
    gh_json_key(json, column);
    if (line.n == 0) {
        gh_json_null(json);
        return;
    }
    gh_json_obj(json);
    gh_json_kstr(json, "line", line);
    gh_json_obj_end(json);
}

/* */
static bool
birth_ok(gh_batch_t *b, const char *member, gh_str_t text)
{
    int32_t day;
    if (!text.n || (gh_day_parse(text, &day) == 0 && gh_birth_day_ok(day, gh_tz_day(b->now_us))))
        return true;
    return gh_arg_invalid(b, member, "a day in the past, at most 130 years ago");
}

static bool
take_one(gh_batch_t *b, gh_patient_ask_t *ask, gh_json_t *json, size_t i, gh_mp_t v)
{
    const char *member = members[i].member, *column = members[i].column;
    gh_str_t text = {0};
    bool is_text = gh_mp_str(v, &text);
    switch (members[i].kind) {
    case TEXT:
    case VALUE:
        put_raw(json, column, v);
        return true;
    case GENDER:
        gh_json_kcstr(json, column,
                      !is_text               ? "unknown"
                      : gh_str_is(text, "M") ? "male"
                      : gh_str_is(text, "F") ? "female"
                                             : gh_text(b, text));
        return true;
    case BIRTH:
        put_raw(json, column, v);
        return birth_ok(b, member, text);
    case PHONE:
        gh_json_kcstr(json, column, text.n ? gh_phone_text(b, text) : NULL);
        return true;
    case LINE:
        put_line(json, column, text);
        return true;
    case NUMBER:
        ask->has_number = true;
        ask->number = text.n ? gh_batch_dup(b, text) : (gh_str_t){0};
        return true;
    case READ_ONLY:
        return true;
    }
    return true;
}

static void
note_part(gh_patient_ask_t *ask, unsigned part, const char *member)
{
    for (unsigned i = 0; i < GH_COUNT(ask->first); i++)
        if (part == 1U << i && !ask->first[i])
            ask->first[i] = member;
    ask->parts |= part;
}

static const char *
finish(gh_batch_t *b, gh_json_t *json)
{
    gh_json_obj_end(json);
    return gh_buf_ok(json->out) ? gh_text(b, gh_buf_view(json->out)) : NULL;
}

/* ---- the parts of a request */

static bool
take_columns(gh_batch_t *b, gh_patient_ask_t *ask, gh_mp_t body)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &text);
    gh_json_obj(&json);
    for (size_t i = 0; i < GH_COUNT(members); i++) {
        gh_mp_t v = gh_mp_get(body, members[i].member);
        if (!v.at || !(members[i].surfaces & (ask->heartbeat ? HB : V1)))
            continue;
        note_part(ask, members[i].part, members[i].member);
        if (!storable(v))
            return gh_arg_invalid(b, members[i].member, "not a valid text");
        if (!take_one(b, ask, &json, i, v))
            return false;
    }
    if (ask->own && ask->act == GH_PATIENT_MAKE)
        gh_json_ki64(&json, "user_id", b->jobs[0]->actor.user_id);
    ask->columns = finish(b, &json);
    return ask->columns != NULL;
}

/* */
static bool
codes_ok(gh_batch_t *b, gh_mp_t conditions)
{
    for (gh_mp_iter_t it = gh_mp_iter(conditions);
         gh_mp_type(conditions) == GH_MP_ARRAY && gh_mp_next(&it);) {
        gh_str_t code = gh_arg_str(it.value, "code");
        if (code.p && !gh_icd10_ok(code)) {
            gh_job_refuse(b, b->jobs[0], GH_E_ICD10_FORMAT, (const gh_error_arg_t[]){{"code", code}, {0}});
            return false;
        }
    }
    return true;
}

/* Members of MedicalProfile; prefix: how faults name them. */
static bool
take_profile(gh_batch_t *b, gh_patient_ask_t *ask, gh_mp_t profile, const char *field)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_mp_t notes = gh_mp_get(profile, "notes");
    gh_str_t said = {0};
    note_part(ask, GH_PATIENT_CLINICAL, field);
    if (!storable(profile))
        return gh_arg_invalid(b, field, "not a valid text");
    if (!codes_ok(b, gh_mp_get(profile, "chronic_conditions")))
        return false;
    gh_json_init(&json, &text);
    gh_json_obj(&json);
    for (size_t i = 0; i < GH_COUNT(profile_members); i++) {
        gh_mp_t v = gh_mp_get(profile, profile_members[i]);
        if (v.at)
            put_raw(&json, profile_members[i], v);
    }
    ask->has_notes = notes.at != NULL;
    if (gh_mp_str(notes, &said) && said.n)
        ask->notes = gh_batch_dup(b, said);
    if (ask->has_notes)
        gh_json_kbool(&json, "notes", true); /* the text itself is sealed */
    ask->profile = finish(b, &json);
    return ask->profile != NULL;
}

/* Names by which an account signs in, and its password. */
static bool
take_account(gh_batch_t *b, gh_patient_ask_t *ask, gh_mp_t from)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &text);
    gh_json_obj(&json);
    for (size_t i = 0; i < GH_COUNT(names); i++) {
        gh_mp_t v = gh_mp_get(from, names[i].member);
        gh_str_t s = {0};
        if (!v.at || (!ask->heartbeat && names[i].bit == GH_NAME_PHONE))
            continue;
        if (gh_mp_str(v, &s) && s.n && memchr(s.p, 0, s.n))
            return gh_arg_invalid(b, names[i].member, "not a valid text");
        const char *value = !s.n ? NULL : names[i].bit == GH_NAME_PHONE ? gh_phone_text(b, s) : gh_text(b, s);
        gh_json_kcstr(&json, names[i].member, value);
        *(value ? &ask->names_set : &ask->names_cleared) |= names[i].bit;
        if (names[i].bit == GH_NAME_USERNAME)
            ask->username = value;
        else if (names[i].bit == GH_NAME_EMAIL)
            ask->email = value;
    }
    /* api/30: without a user name the mail address is one */
    if (ask->heartbeat && ask->act == GH_PATIENT_MAKE && !ask->username && ask->email) {
        gh_json_kcstr(&json, "username", ask->email);
        ask->username = ask->email;
        ask->names_set |= GH_NAME_USERNAME;
    }
    ask->password = gh_arg_str(from, "password");
    ask->touches_account = ask->names_set || ask->names_cleared || ask->password.p;
    ask->names = finish(b, &json);
    return ask->names != NULL;
}

/* ---- the id */

int64_t
gh_patient_hb_id(gh_batch_t *b, const char *field)
{
    static const char *const places[] = {"query.patient_id", "query.id", "body.id"};
    gh_wjob_t *job = b->jobs[0];
    int64_t found = 0;
    for (size_t i = 0; i < GH_COUNT(places); i++) {
        int64_t id = gh_arg_id(job->args, places[i]);
        if (id && found && id != found) {
            gh_job_invalid(b, job, field, "value_error", "is given twice with different values");
            return 0;
        }
        if (id)
            found = id;
    }
    if (!found)
        gh_job_invalid(b, job, field, "missing", "is needed");
    return found;
}

static bool
take_id(gh_batch_t *b, gh_patient_ask_t *ask)
{
    gh_wjob_t *job = b->jobs[0];
    if (ask->act == GH_PATIENT_MAKE)
        return true;
    if (ask->heartbeat)
        return (ask->id = gh_patient_hb_id(b, "id")) != 0;
    ask->id = gh_arg_id(job->args, "path.id");
    if (!ask->id) { /* `me` */
        ask->own = true;
        ask->id = job->actor.patient_id;
    }
    if (!ask->id)
        gh_job_refuse(b, job, GH_E_PROFILE_NOT_FOUND, NULL);
    return ask->id != 0;
}

/* A name for the account, and whether there is one at all. */
static bool
name_given(gh_batch_t *b, gh_patient_ask_t *ask, gh_mp_t body)
{
    gh_str_t full = gh_arg_str(body, "full_name"),
             first = gh_arg_str(body, ask->heartbeat ? "name" : "first_name"),
             last = gh_arg_str(body, ask->heartbeat ? "surname" : "last_name");
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (full.n)
        gh_buf_str(&text, full);
    else
        gh_buf_printf(&text, "%.*s%s%.*s", (int)first.n, first.p ? first.p : "", first.n && last.n ? " " : "",
                      (int)last.n, last.p ? last.p : "");
    ask->full_name = gh_text(b, gh_buf_view(&text));
    if (ask->act == GH_PATIENT_MAKE && text.n == 0)
        return gh_arg_invalid(b, "full_name", "give full_name, or first_name and last_name");
    return true;
}

bool
gh_patient_take(gh_batch_t *b, gh_patient_ask_t *ask)
{
    gh_mp_t body = gh_mp_get(b->jobs[0]->args, "body"), profile = gh_mp_get(body, "medical_profile"),
            account = gh_mp_get(body, "account"), full = gh_mp_get(body, "full_name");
    ask->columns = ask->names = "{}";
    ask->password_field = ask->heartbeat ? "password" : "account.password";
    if (!take_id(b, ask))
        return false;
    if (ask->act == GH_PATIENT_PROFILE)
        return take_profile(b, ask, body, "medical_profile");
    if (full.at && gh_mp_type(full) == GH_MP_NIL)
        return gh_arg_invalid(b, "full_name", "a patient has a name");
    if (!take_columns(b, ask, body) || !name_given(b, ask, body))
        return false;
    if (!ask->heartbeat && gh_mp_type(profile) == GH_MP_MAP &&
        !take_profile(b, ask, profile, "medical_profile"))
        return false;
    if (ask->heartbeat)
        ask->wants_account = ask->act == GH_PATIENT_MAKE;
    else if (ask->act != GH_PATIENT_MAKE || ask->own || gh_mp_type(account) != GH_MP_MAP)
        return true;
    else
        ask->wants_account = true;
    return take_account(b, ask, ask->heartbeat ? body : account);
}
