/*
 * workers/directory/files.c - storing an upload: its content, then the row that names it, in one transaction
 *
 * One job a batch: the content goes out in pieces, and nobody else waits for it.
 *   phase 1   photo: the doctor's row is locked
 *   phase 2.. the content (domain/blob.h); with its last piece the name, the audit entry and the answer
 */
#include "workers/directory/files.h"

#include <libpq-fe.h>

#include "base/json.h"
#include "db/arrays.h"
#include "domain/blob.h"
#include "worker/args.h"
#include "workers/directory/file_names.h"

typedef struct upload {
    gh_blob_file_t file;
    gh_blob_put_t put;
    enum { FIRST, DOCTOR, CONTENT } stage;
    int64_t doctor_id;
    const char *old_path, *old_url; /* NULL: none */
} upload_t;

static bool
is_picture(const gh_wjob_t *job, const char *member, gh_blob_file_t *out)
{
    return gh_blob_file(job, member, out) && strncmp(out->media, "image/", 6) == 0;
}

static upload_t *
state_of(gh_batch_t *b)
{
    if (!b->state)
        b->state = gh_batch_alloc(b, sizeof(upload_t));
    return b->state;
}

static gh_step_t
begin_content(gh_batch_t *b, upload_t *u)
{
    u->stage = CONTENT;
    return gh_blob_begin(b, b->jobs[0], &u->put, &u->file) ? GH_STEP_FAIL : GH_STEP_MORE;
}

/* ---- photos */

static const char *
copied(gh_batch_t *b, const PGresult *r, int column)
{
    return PQgetisnull(r, 0, column) ? NULL : gh_text(b, gh_pg_str(r, 0, column));
}

static gh_step_t
lock_doctor(gh_batch_t *b, upload_t *u)
{
    gh_wjob_t *job = b->jobs[0];
    if (!is_picture(job, "form.photo", &u->file) && !is_picture(job, "form.file", &u->file)) {
        gh_job_refuse(b, job, GH_E_PHOTO_NOT_AN_IMAGE, NULL);
        return GH_STEP_DONE;
    }
    u->stage = DOCTOR;
    u->doctor_id = gh_arg_id(job->args, "path.doctor_id");
    const char *id = gh_text_i64(b, u->doctor_id);
    gh_batch_query(b, "lock_doctor_photo", 1, &id);
    return GH_STEP_MORE;
}

static gh_step_t
take_doctor(gh_batch_t *b, upload_t *u)
{
    const PGresult *r = gh_batch_result(b, 0);
    if (PQntuples(r) == 0) {
        gh_job_refuse(b, b->jobs[0], GH_E_DOCTOR_NOT_FOUND, NULL);
        return GH_STEP_DONE;
    }
    u->old_path = copied(b, r, 0);
    u->old_url = copied(b, r, 1);
    return begin_content(b, u);
}

static void
put_change(gh_json_t *j, const char *member, const char *from, const char *to)
{
    gh_json_key(j, member);
    gh_json_arr(j);
    gh_json_cstr(j, from);
    gh_json_cstr(j, to);
    gh_json_arr_end(j);
}

static void
audit_photo(gh_batch_t *b, const upload_t *u, const char *path)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    put_change(&j, "photo_path", u->old_path, path);
    if (u->old_url)
        put_change(&j, "original_photo_url", u->old_url, NULL);
    gh_json_obj_end(&j);
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "doctor.photo.update",
                                 .entity = "doctor",
                                 .entity_id = u->doctor_id,
                                 .changes = gh_buf_cstr(&text)});
}

static void
answer_photo(gh_batch_t *b, const upload_t *u, const char *path)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "detail", "医生照片上传成功");
    gh_json_ki64(&j, "doctor_id", u->doctor_id);
    gh_json_kcstr(&j, "photo_path", path);
    gh_json_kcstr(&j, "photo_url", path);
    gh_json_kcstr(&j, "new_photo_path", path);
    gh_json_kcstr(&j, "old_photo_path", u->old_path);
    gh_json_kcstr(&j, "original_photo_url", NULL);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&text));
}

static gh_step_t
finish_photo(gh_batch_t *b, const upload_t *u)
{
    const gh_wjob_t *job = b->jobs[0];
    gh_buf_t path GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_puts(&path, "/static/");
    size_t lead = path.n;
    gh_photo_path(&path, u->doctor_id, b->now_us, job->head.id, u->file.extension);
    const char *whole = gh_text(b, gh_buf_view(&path));
    const char *const params[] = {gh_text_i64(b, u->doctor_id),
                                  whole + lead,
                                  u->put.digest,
                                  gh_text(b, u->file.name),
                                  gh_text_i64(b, job->actor.user_id),
                                  gh_text_time(b, b->now_us)};
    gh_batch_query(b, "set_doctor_photo", GH_COUNT(params), params);
    audit_photo(b, u, whole);
    answer_photo(b, u, whole);
    return GH_STEP_DONE;
}

gh_step_t
gh_photo_step(gh_batch_t *b)
{
    upload_t *u = state_of(b);
    if (b->phase == 0)
        return GH_STEP_MORE; /* who asks is not known yet */
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (u->stage == FIRST)
        return lock_doctor(b, u);
    if (u->stage == DOCTOR)
        return take_doctor(b, u);
    return gh_blob_more(b, &u->put) ? finish_photo(b, u) : GH_STEP_MORE;
}

/* ---- attachments */

static gh_step_t
begin_attachment(gh_batch_t *b, upload_t *u)
{
    gh_wjob_t *job = b->jobs[0];
    if (is_picture(job, "form.file", &u->file))
        return begin_content(b, u);
    gh_job_refuse(b, job, GH_E_UPLOAD_FORMAT_UNSUPPORTED,
                  (const gh_error_arg_t[]){{"formats", GH_STR(".jpg, .jpeg, .png, .gif, .bmp, .webp")}, {0}});
    return GH_STEP_DONE;
}

static gh_step_t
finish_attachment(gh_batch_t *b, const upload_t *u)
{
    const gh_wjob_t *job = b->jobs[0];
    gh_buf_t path GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_puts(&path, "static/"); /* no leading slash: the clients put one before it */
    size_t lead = path.n;
    gh_attachment_path(&path, u->file.name, b->now_us, job->head.id, u->file.extension);
    const char *whole = gh_text(b, gh_buf_view(&path));
    const char *const params[] = {whole + lead, u->put.digest, gh_text(b, u->file.name),
                                  gh_text_i64(b, job->actor.user_id), gh_text_time(b, b->now_us)};
    gh_batch_query(b, "add_attachment", GH_COUNT(params), params);
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "url", whole);
    gh_json_kstr(&j, "name", u->file.name);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&text));
    return GH_STEP_DONE;
}

gh_step_t
gh_attachment_step(gh_batch_t *b)
{
    upload_t *u = state_of(b);
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (u->stage == FIRST)
        return begin_attachment(b, u);
    return gh_blob_more(b, &u->put) ? finish_attachment(b, u) : GH_STEP_MORE;
}
