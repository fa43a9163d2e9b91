/*
 * workers/identity/doctor_members.c - what a request says of a doctor: each surface's members as columns, names of the account,
 * prices and specialties
 */
#include <stdio.h>

#include "worker/args.h"
#include "workers/identity/doctor_rules.h"
#include "workers/identity/doctors.h"
#include "workers/identity/register_rules.h"

typedef enum { COLUMN, NAME, PRICE, ID, LINK, PHOTO, PICTURE, SPECIALTY, SPECIALTIES } kind_t;

static const struct {
    const char *member, *column;
    unsigned surfaces;
    kind_t kind;
    bool guarded; /* FIELD_NOT_ALLOWED in one's own row */
} members[] = {
    {"name", "name", GH_DOCTOR_CODE | GH_DOCTOR_V1, COLUMN, false},
    {"doctor_name", "name", GH_DOCTOR_V1, COLUMN, false},
    {"name", "first_name", GH_DOCTOR_HB, COLUMN, false},
    {"surname", "last_name", GH_DOCTOR_HB, COLUMN, false},
    {"dept_id", "dept_id", GH_DOCTOR_CODE | GH_DOCTOR_V1 | GH_DOCTOR_HB, ID, true},
    {"department_id", "dept_id", GH_DOCTOR_V1, ID, true},
    {"new_dept_id", "dept_id", GH_DOCTOR_CODE, ID, true},
    {"title", "title", GH_DOCTOR_CODE | GH_DOCTOR_V1, COLUMN, false},
    {"specialty", "specialty", GH_DOCTOR_CODE, COLUMN, false},
    {"specialty_text", "specialty", GH_DOCTOR_V1, COLUMN, false},
    {"specialization", "specialty", GH_DOCTOR_HB, COLUMN, false},
    {"introduction", "introduction", GH_DOCTOR_CODE | GH_DOCTOR_V1, COLUMN, false},
    {"bio", "introduction", GH_DOCTOR_V1, COLUMN, false},
    {"license_no", "license_no", GH_DOCTOR_V1 | GH_DOCTOR_HB, COLUMN, true},
    {"qualifications", "qualifications", GH_DOCTOR_V1, COLUMN, false},
    {"languages", "languages", GH_DOCTOR_V1, COLUMN, false},
    {"years_experience", "years_experience", GH_DOCTOR_V1, COLUMN, false},
    {"experience_years", "years_experience", GH_DOCTOR_HB, COLUMN, false},
    {"accepting_patients", "accepting_patients", GH_DOCTOR_V1, COLUMN, false},
    {"status", "status", GH_DOCTOR_V1, COLUMN, true},
    {"photo_path", "photo_path", GH_DOCTOR_CODE, PHOTO, false},
    {"original_photo_url", "original_photo_url", GH_DOCTOR_CODE, PICTURE, false},
    {"photo_url", "photo_path", GH_DOCTOR_V1, PHOTO, false},
    {"user_id", "user_id", GH_DOCTOR_V1, LINK, true},
    {"username", "username", GH_DOCTOR_HB, NAME, false},
    {"email", "email", GH_DOCTOR_CODE | GH_DOCTOR_V1 | GH_DOCTOR_HB, NAME, false},
    {"phone", "phone", GH_DOCTOR_V1 | GH_DOCTOR_HB, NAME, false},
    {"phonenumber", "phone", GH_DOCTOR_CODE, NAME, false},
    {"identifier", "identifier", GH_DOCTOR_CODE, NAME, false},
    {"consultation_fee", "default_price_normal", GH_DOCTOR_V1, PRICE, true},
    {"default_price_normal", "default_price_normal", GH_DOCTOR_CODE, PRICE, true},
    {"default_price_expert", "default_price_expert", GH_DOCTOR_CODE, PRICE, true},
    {"default_price_special", "default_price_special", GH_DOCTOR_CODE, PRICE, true},
    {"specialty", NULL, GH_DOCTOR_V1, SPECIALTY, false},
    {"specialty_ids", NULL, GH_DOCTOR_V1, SPECIALTIES, false},
};

/* Objects that are being filled, one a kind. */
typedef struct sink {
    gh_buf_t text[3];
    gh_json_t json[3];
    size_t n[3];
} sink_t;

static void
put(sink_t *s, kind_t kind, const char *column, gh_mp_t v)
{
    gh_buf_t value GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_to_json(v, &value);
    gh_json_kraw(&s->json[kind], column, gh_buf_view(&value));
    s->n[kind]++;
}

static void
put_null(sink_t *s, const char *column)
{
    gh_json_knull(&s->json[COLUMN], column);
    s->n[COLUMN]++;
}

static bool
storable(gh_batch_t *b, const char *member, gh_mp_t v)
{
    gh_str_t text;
    if (gh_mp_str(v, &text) && text.n && memchr(text.p, 0, text.n))
        return gh_arg_invalid(b, member, "not a valid text");
    for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_type(v) == GH_MP_ARRAY && gh_mp_next(&it);)
        if (gh_mp_str(it.value, &text) && text.n && memchr(text.p, 0, text.n))
            return gh_arg_invalid(b, member, "not a valid text");
    return true;
}

/* A name of the account, or a way to reach the doctor. Screens send empty texts for what is not given. */
static void
take_name(gh_batch_t *b, gh_doctor_ask_t *ask, sink_t *s, const char *column, gh_mp_t v)
{
    gh_str_t text = {0};
    if (gh_mp_str(v, &text) && text.n == 0)
        return;
    text = gh_bare(text);
    const char *given = text.n ? gh_text(b, text) : NULL;
    if (strcmp(column, "phone") == 0 && text.n)
        given = gh_phone_text(b, text);
    if (given)
        gh_json_kcstr(&s->json[NAME], column, given);
    else
        gh_json_knull(&s->json[NAME], column);
    s->n[NAME]++;
    struct {
        const char *column, **slot;
        unsigned bit;
    } const names[] = {{"username", &ask->username, GH_NAME_USERNAME},
                       {"email", &ask->email, GH_NAME_EMAIL},
                       {"phone", &ask->phone, GH_NAME_PHONE},
                       {"identifier", &ask->identifier, GH_NAME_IDENTIFIER}};
    for (size_t i = 0; i < GH_COUNT(names); i++)
        if (strcmp(names[i].column, column) == 0) {
            *names[i].slot = given;
            *(given ? &ask->names_set : &ask->names_cleared) |= names[i].bit;
        }
}

/* A picture: a path of ours, or an address elsewhere, which has a column of its own. */
static bool
take_photo(gh_batch_t *b, const gh_doctor_ask_t *ask, sink_t *s, const char *member, gh_mp_t v)
{
    gh_str_t path = {0};
    bool given = gh_mp_str(v, &path) && path.n > 0, code = ask->surface == GH_DOCTOR_CODE;
    if (given && !gh_photo_path_ok(path)) {
        if (code)
            gh_job_refuse(b, b->jobs[0], GH_E_PATH_UNSAFE, NULL);
        return code ? false
                    : gh_arg_invalid(b, member, "neither a path below /static/ nor an address of the web");
    }
    if (code) {
        put(s, COLUMN, "photo_path", v);
        return true;
    }
    bool web = given && path.p[0] == 'h';
    put_null(s, web ? "photo_path" : "original_photo_url");
    if (given)
        put(s, COLUMN, web ? "original_photo_url" : "photo_path", v);
    else
        put_null(s, "photo_path");
    return true;
}

static int
take_specialties(gh_batch_t *b, gh_doctor_ask_t *ask, const char *member, gh_mp_t v)
{
    gh_pgarr_t list GH_CLEANUP(gh_pgarr_fini) = {0};
    gh_str_t text;
    if (gh_mp_str(v, &text) && text.n)
        gh_pgarr_text(&list, text);
    for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_type(v) == GH_MP_ARRAY && gh_mp_next(&it);) {
        int64_t id;
        char key[24];
        if (!gh_mp_int(it.value, &id))
            continue;
        snprintf(key, sizeof key, "#%lld", (long long)id);
        gh_pgarr_text(&list, gh_str(key));
    }
    const char *literal = gh_pgarr_literal(&list);
    if (!literal)
        return -1;
    ask->specialties = gh_text(b, gh_str(literal));
    ask->specialty_field = member;
    return 0;
}

static bool
take_member(gh_batch_t *b, gh_doctor_ask_t *ask, sink_t *s, size_t at, gh_mp_t body)
{
    gh_mp_t v = gh_mp_get(body, members[at].member);
    gh_str_t text;
    int64_t id;
    switch (members[at].kind) {
    case ID: /* it may come as a text of digits */
        id = gh_arg_id(body, members[at].member);
        if (id) {
            gh_json_ki64(&s->json[COLUMN], members[at].column, id);
            s->n[COLUMN]++;
        } else
            put_null(s, members[at].column);
        return true;
    case NAME:
        take_name(b, ask, s, members[at].column, v);
        return true;
    case PHOTO:
        return take_photo(b, ask, s, members[at].member, v);
    case PICTURE: /* what browsers are told to load */
        if (gh_mp_str(v, &text) && text.n && !gh_photo_path_ok(text))
            return gh_arg_invalid(b, members[at].member,
                                  "neither a path below /static/ nor an address of the web");
        put(s, COLUMN, members[at].column, v);
        return true;
    case LINK:
        ask->links = true;
        put(s, COLUMN, members[at].column, v);
        return true;
    case SPECIALTY:
    case SPECIALTIES:
        if (take_specialties(b, ask, members[at].member, v))
            s->text[0].failed = true;
        return true;
    default:
        if (strcmp(members[at].column, "name") == 0 && gh_mp_str(v, &text)) {
            gh_json_kstr(&s->json[COLUMN], "name", gh_bare(text));
            s->n[COLUMN]++;
        } else
            put(s, members[at].kind, members[at].column, v);
        return true;
    }
}

/* The account of a new doctor: members of its own object on v1, beside the others elsewhere. */
static bool
take_account(gh_batch_t *b, gh_doctor_ask_t *ask, sink_t *s, gh_mp_t body)
{
    gh_mp_t v = gh_mp_get(body, "account");
    static const char *const names[] = {"username", "email", "identifier"};
    bool nested = ask->surface == GH_DOCTOR_V1;
    ask->password_field = nested ? "account.password" : "password";
    ask->password = gh_arg_str(nested ? v : body, "password");
    ask->wants_account = ask->password.n > 0 || gh_mp_type(v) == GH_MP_MAP;
    for (size_t i = 0; nested && i < GH_COUNT(names); i++) {
        gh_mp_t name = gh_mp_get(v, names[i]);
        if (!name.at || gh_mp_type(name) == GH_MP_NIL || (strcmp(names[i], "email") == 0 && ask->email))
            continue;
        if (!storable(b, names[i], name))
            return false;
        take_name(b, ask, s, names[i], name);
    }
    if (ask->surface == GH_DOCTOR_HB && ask->act == GH_DOCTOR_MAKE && !ask->username && ask->email) {
        gh_json_kcstr(&s->json[NAME], "username", ask->email); /* api/30 */
        ask->username = ask->email;
    }
    if (nested && ask->wants_account && !ask->username && !ask->email && !ask->phone && !ask->identifier)
        return gh_arg_invalid(b, "account", "give a name to sign in by");
    return true;
}

bool
gh_doctor_take_id(gh_batch_t *b, gh_doctor_surface_t surface, int64_t *doctor)
{
    static const char *const places[] = {"path.doctor_id", "path.id", "query.doctor_id", "query.id",
                                         "body.id"};
    gh_mp_t args = b->jobs[0]->args;
    size_t n = surface == GH_DOCTOR_HB ? GH_COUNT(places) : 2;
    for (size_t i = 0; i < n; i++) {
        int64_t id = gh_arg_id(args, places[i]);
        if (id && *doctor && id != *doctor)
            return gh_arg_invalid(b, "doctor_id", "is given twice with different values");
        if (id)
            *doctor = id;
    }
    if (!*doctor)
        gh_job_invalid(b, b->jobs[0], "doctor_id", "missing", "is needed");
    return *doctor != 0;
}

static const char *
close_object(gh_batch_t *b, sink_t *s, kind_t kind)
{
    gh_json_obj_end(&s->json[kind]);
    return gh_buf_ok(&s->text[kind]) ? gh_text(b, gh_buf_view(&s->text[kind])) : NULL;
}

static bool
take_all(gh_batch_t *b, gh_doctor_ask_t *ask, sink_t *s, gh_mp_t body)
{
    for (size_t i = 0; i < GH_COUNT(members); i++) {
        gh_mp_t v = gh_mp_get(body, members[i].member);
        bool moves = strcmp(members[i].member, "new_dept_id") == 0;
        if (!v.at || !(members[i].surfaces & ask->surface) || moves != (ask->act == GH_DOCTOR_MOVE))
            continue;
        if (ask->act == GH_DOCTOR_ACCOUNT && members[i].kind != NAME)
            continue;
        if (ask->act == GH_DOCTOR_CHANGE && ask->surface == GH_DOCTOR_CODE && members[i].kind == NAME)
            continue; /* the screens change a file here, not an account */
        if (ask->own && ask->act == GH_DOCTOR_CHANGE && members[i].guarded) {
            gh_job_refuse(b, b->jobs[0], GH_E_FIELD_NOT_ALLOWED,
                          (const gh_error_arg_t[]){{"field", gh_str(members[i].member)}, {0}});
            return false;
        }
        if (ask->own && members[i].kind == LINK)
            continue; /* DO-08: it is the caller's */
        if (!storable(b, members[i].member, v) || !take_member(b, ask, s, i, body))
            return false;
    }
    return true;
}

/* The name that a new account is shown under. */
static void
take_whole_name(gh_batch_t *b, gh_doctor_ask_t *ask, gh_mp_t body)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_str_t name = gh_arg_str(body, "name"), other = gh_arg_str(body, "doctor_name"),
             surname = gh_arg_str(body, "surname");
    gh_buf_str(&text, gh_bare(ask->surface == GH_DOCTOR_V1 && other.p ? other : name));
    if (ask->surface == GH_DOCTOR_HB && surname.n) {
        gh_buf_putc(&text, ' ');
        gh_buf_str(&text, surname);
    }
    ask->name = text.n ? gh_text(b, gh_buf_view(&text)) : NULL;
}

bool
gh_doctor_take(gh_batch_t *b, gh_doctor_ask_t *ask)
{
    sink_t s = {.text = {GH_BUF_INIT, GH_BUF_INIT, GH_BUF_INIT}};
    gh_mp_t body = gh_mp_get(b->jobs[0]->args, "body");
    gh_str_t name = gh_arg_str(body, "name"), number = gh_arg_str(body, "identifier");
    for (size_t i = 0; i < GH_COUNT(s.text); i++) {
        gh_json_init(&s.json[i], &s.text[i]);
        gh_json_obj(&s.json[i]);
    }
    bool ok = ask->act == GH_DOCTOR_MAKE || ask->own || gh_doctor_take_id(b, ask->surface, &ask->id);
    if (ok && name.p && gh_bare(name).n == 0)
        ok = gh_arg_invalid(b, "name", "is blank");
    if (ok && number.n && gh_bare(number).n == 0)
        ok = gh_arg_invalid(b, "identifier", "is blank");
    take_whole_name(b, ask, body);
    ok = ok && take_all(b, ask, &s, body);
    if (ok && !ask->own && ask->act != GH_DOCTOR_MOVE &&
        (ask->act != GH_DOCTOR_CHANGE || ask->surface == GH_DOCTOR_HB))
        ok = take_account(b, ask, &s, body);
    if (ask->own && ask->act == GH_DOCTOR_MAKE) { /* until an administrator says otherwise */
        gh_json_ki64(&s.json[COLUMN], "user_id", b->jobs[0]->actor.user_id);
        gh_json_kcstr(&s.json[COLUMN], "status", "INACTIVE");
    }
    ask->columns = close_object(b, &s, COLUMN);
    ask->names = close_object(b, &s, NAME);
    ask->prices = s.n[PRICE] ? close_object(b, &s, PRICE) : NULL;
    bool failed = !ask->columns || !ask->names || (s.n[PRICE] && !ask->prices);
    for (size_t i = 0; i < GH_COUNT(s.text); i++)
        gh_buf_fini(&s.text[i]);
    if (ok && failed) {
        gh_job_refuse(b, b->jobs[0], GH_E_INTERNAL, NULL);
        return false;
    }
    return ok;
}
