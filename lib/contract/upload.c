/*
 * lib/contract/upload.c - see upload.h
 */
#include "contract/upload.h"

#include <stdlib.h>

#include "base/media.h"
#include "contract/multipart.h"

#define NAME_MAX_N 64
#define HEAD_N     132 /* what gh_media_of() looks at */

typedef struct kept {
    char *p;
    size_t n, cap;
} kept_t;

struct gh_upload {
    gh_multipart_t reader;
    const gh_schema_t *schema;
    size_t length, held;
    gh_err_t error;
    json_t *form;
    gh_buf_t text; /* of the field in hand */
    size_t text_n; /* of all fields */
    kept_t files[GH_UPLOAD_FILES_MAX];
    size_t n_files;
    /* the part in hand */
    const gh_property_t *field;  /* NULL: nobody asked for it */
    const gh_file_rules_t *file; /* it is one */
    json_t *about;               /* of the file, borrowed from form */
    size_t size;
    kept_t *keep; /* NULL: it is passed over */
    char head[HEAD_N];
};

static bool
fail(gh_upload_t *u, gh_err_t error)
{
    if (u->error == GH_E_NONE)
        u->error = error;
    for (size_t i = 0; i < u->n_files; i++)
        free(u->files[i].p);
    u->n_files = 0;
    u->held = 0;
    u->keep = NULL;
    return false;
}

static const gh_property_t *
find_field(const gh_schema_t *s, gh_str_t name)
{
    for (size_t i = 0; i < s->n_props; i++)
        if (gh_str_eq(name, (gh_str_t){s->props[i].name, s->props[i].name_n}))
            return &s->props[i];
    return NULL;
}

static const gh_file_rules_t *
file_rules(const gh_property_t *p)
{
    if (!p)
        return NULL;
    return p->schema->file ? p->schema->file : p->schema->items ? p->schema->items->file : NULL;
}

/* A value of a field; a second one, and every one of a list of files, makes an array. Takes value. */
static bool
add_value(gh_upload_t *u, json_t *value)
{
    const char *name = u->field->name;
    json_t *there = json_object_get(u->form, name);
    bool list = u->file && !u->field->schema->file;
    if (!value)
        return fail(u, GH_E_MALFORMED_FORM);
    if (!there && !list)
        return json_object_set_new(u->form, name, value) == 0 || fail(u, GH_E_INTERNAL);
    if (!json_is_array(there)) {
        json_t *array = json_array();
        if (there)
            json_array_append(array, there);
        json_object_set_new(u->form, name, array);
        there = array;
    }
    return json_array_append_new(there, value) == 0 || fail(u, GH_E_INTERNAL);
}

/* ---- files */

/* Room for the file: no more than the body can still bring, so that it never has to move. */
static kept_t *
make_room(gh_upload_t *u)
{
    size_t cap = u->file->max_bytes < u->length ? u->file->max_bytes : u->length;
    if (u->n_files == GH_UPLOAD_FILES_MAX)
        return NULL;
    kept_t *k = &u->files[u->n_files];
    *k = (kept_t){.p = malloc(cap + 1), .cap = cap};
    if (!k->p) {
        fail(u, GH_E_SERVICE_UNAVAILABLE);
        return NULL;
    }
    u->n_files++;
    return k;
}

static bool
begin_file(gh_upload_t *u, const gh_part_t *part)
{
    json_t *about = json_pack("{s:s%,s:s%}", "name", part->file_name.p ? part->file_name.p : "",
                              part->file_name.n, "type", part->type.p ? part->type.p : "", part->type.n);
    u->about = about;
    u->size = 0;
    if (!add_value(u, about))
        return false;
    u->keep = make_room(u);
    return u->error == GH_E_NONE;
}

static void
pass_over(gh_upload_t *u)
{
    u->held -= u->keep->n;
    free(u->keep->p);
    u->keep = NULL;
    u->n_files--;
}

static bool
put_file(gh_upload_t *u, gh_str_t bytes)
{
    if (u->size < HEAD_N) {
        size_t n = HEAD_N - u->size < bytes.n ? HEAD_N - u->size : bytes.n;
        memcpy(u->head + u->size, bytes.p, n);
    }
    u->size += bytes.n;
    if (u->keep && bytes.n > u->keep->cap - u->keep->n)
        pass_over(u);
    if (!u->keep)
        return true;
    memcpy(u->keep->p + u->keep->n, bytes.p, bytes.n);
    u->keep->n += bytes.n;
    u->held += bytes.n;
    return u->held <= GH_UPLOAD_MAX || fail(u, GH_E_PAYLOAD_TOO_LARGE);
}

static bool
end_file(gh_upload_t *u)
{
    const gh_media_t *media = gh_media_of((gh_str_t){u->head, u->size < HEAD_N ? u->size : HEAD_N});
    json_object_set_new(u->about, "media", media ? json_string(media->type) : json_null());
    json_object_set_new(u->about, "size", json_integer((json_int_t)u->size));
    if (!u->keep)
        return true;
    json_object_set_new(u->about, "blob", json_integer(u->keep - u->files));
    char *less = realloc(u->keep->p, u->keep->n + 1); /* gives back what was not needed */
    if (less)
        u->keep->p = less;
    u->keep = NULL;
    return true;
}

/* ---- parts */

static bool
begin(void *arg, const gh_part_t *part)
{
    gh_upload_t *u = arg;
    u->field = part->name.n <= NAME_MAX_N ? find_field(u->schema, part->name) : NULL;
    u->file = file_rules(u->field);
    u->keep = NULL;
    gh_buf_clear(&u->text);
    return !u->file || begin_file(u, part);
}

static bool
data(void *arg, gh_str_t bytes)
{
    gh_upload_t *u = arg;
    if (u->file)
        return put_file(u, bytes);
    if (!u->field)
        return true;
    u->text_n += bytes.n;
    if (u->text_n > GH_UPLOAD_TEXT_MAX)
        return fail(u, GH_E_PAYLOAD_TOO_LARGE);
    gh_buf_str(&u->text, bytes);
    return gh_buf_ok(&u->text) || fail(u, GH_E_INTERNAL);
}

static bool
end(void *arg)
{
    gh_upload_t *u = arg;
    if (u->file)
        return end_file(u);
    return !u->field || add_value(u, json_stringn(u->text.n ? u->text.p : "", u->text.n));
}

/* ---- public */

gh_upload_t *
gh_upload_new(const gh_request_schema_t *schema, gh_str_t content_type, size_t length)
{
    gh_upload_t *u = calloc(1, sizeof *u);
    json_t *form = json_object();
    if (!u || !form) {
        free(u);
        json_decref(form);
        return NULL;
    }
    u->form = form;
    u->schema = schema->multipart;
    u->length = length;
    if (gh_multipart_init(&u->reader, content_type, &(gh_multipart_sink_t){begin, data, end, u}))
        fail(u, GH_E_MALFORMED_FORM);
    return u;
}

void
gh_upload_destroy(gh_upload_t **u_p)
{
    gh_upload_t *u = *u_p;
    *u_p = NULL;
    if (!u)
        return;
    fail(u, GH_E_NONE);
    json_decref(u->form);
    gh_buf_fini(&u->text);
    free(u);
}

void
gh_upload_feed(gh_upload_t *u, gh_str_t bytes)
{
    if (u->error == GH_E_NONE && gh_multipart_feed(&u->reader, bytes))
        fail(u, GH_E_MALFORMED_FORM);
}

void
gh_upload_finish(gh_upload_t *u)
{
    if (u->error == GH_E_NONE && gh_multipart_finish(&u->reader))
        fail(u, GH_E_MALFORMED_FORM);
}

void
gh_upload_refuse(gh_upload_t *u, gh_err_t error)
{
    fail(u, error);
}

gh_err_t
gh_upload_error(const gh_upload_t *u)
{
    return u->error;
}

json_t *
gh_upload_form(const gh_upload_t *u)
{
    return u->error == GH_E_NONE ? json_incref(u->form) : NULL;
}

size_t
gh_upload_held(const gh_upload_t *u)
{
    return u->held;
}

size_t
gh_upload_files(const gh_upload_t *u)
{
    return u->n_files;
}

char *
gh_upload_take(gh_upload_t *u, size_t blob, size_t *n)
{
    kept_t *k = &u->files[blob];
    char *p = k->p;
    *n = k->n;
    u->held -= k->n;
    *k = (kept_t){0};
    return p;
}
