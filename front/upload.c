/*
 * front/upload.c - multipart bodies: read as they arrive, files kept once, in bounded memory
 *
 * The sink of a request (front/kore/0008) is its gh_upload_t. What would be refused anyway is read to its end and
 * forgotten, so that the client hears why: a body of a caller without a good token, one beyond the memory for uploads.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <zmq.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "front/front.h"

#define PASSED_MAX (64u << 20) /* a longer body is not even read */

/* Bytes of files of this process: being read, in messages not sent yet, which ZeroMQ's thread gives back, or in answers
 * that clients are slow to take. */
static atomic_size_t s_held;

int front_body_begin(struct http_request *req);
void front_body_data(struct http_request *req, const void *data, size_t n);
void front_body_free(struct http_request *req);

gh_upload_t *
front_upload_of(const struct http_request *req)
{
    return req->http_sink;
}

static const gh_operation_t *
operation_of(const struct http_request *req, gh_match_t *match)
{
    static const struct {
        int kore;
        gh_method_t method;
    } methods[] = {{HTTP_METHOD_POST, GH_POST}, {HTTP_METHOD_PUT, GH_PUT}, {HTTP_METHOD_PATCH, GH_PATCH}};
    for (size_t i = 0; i < GH_COUNT(methods); i++)
        if (req->method == methods[i].kore) {
            gh_contract_match(front.contract, methods[i].method, gh_str(req->path), match);
            return match->op;
        }
    return NULL;
}

/* Kore's hook: headers are here, a body follows. -1: it goes to front_body_data(); 0: Kore keeps it; else the status. */
int
front_body_begin(struct http_request *req)
{
    const char *type = NULL, *authorization = NULL;
    gh_match_t match;
    if (!http_request_header(req, "content-type", &type) ||
        front_media(gh_str(type)) != FRONT_MEDIA_MULTIPART)
        return 0;
    const gh_operation_t *op = operation_of(req, &match);
    if (!op || !op->request->multipart)
        return 0;
    if (req->content_length > PASSED_MAX)
        return HTTP_STATUS_REQUEST_ENTITY_TOO_LARGE;
    gh_upload_t *u = gh_upload_new(op->request, gh_str(type), req->content_length);
    if (!u)
        return HTTP_STATUS_SERVICE_UNAVAILABLE;
    if (op->access.kind != GH_ACCESS_PUBLIC && (!http_request_header(req, "authorization", &authorization) ||
                                                !front_token_good(gh_str(authorization))))
        gh_upload_refuse(u, GH_E_TOKEN_INVALID);
    req->http_sink = u;
    return -1;
}

/* The count follows what the form holds now. */
static void
count(size_t before, size_t after)
{
    if (after >= before)
        atomic_fetch_add(&s_held, after - before);
    else
        atomic_fetch_sub(&s_held, before - after);
}

void
front_upload_finish(gh_upload_t *u)
{
    size_t before = gh_upload_held(u);
    gh_upload_finish(u); /* a form without its end keeps nothing */
    count(before, gh_upload_held(u));
}

static bool
is_beyond(size_t held)
{
    return held > (size_t)gh_conf_int(front.conf, "front.file_memory");
}

bool
front_files_take(size_t n)
{
    if (!is_beyond(atomic_fetch_add(&s_held, n) + n))
        return true;
    front_files_give(n);
    return false;
}

void
front_files_give(size_t n)
{
    atomic_fetch_sub(&s_held, n);
}

size_t
front_files_held(void)
{
    return atomic_load(&s_held);
}

void
front_body_data(struct http_request *req, const void *data, size_t n)
{
    gh_upload_t *u = req->http_sink;
    size_t before = gh_upload_held(u);
    gh_upload_feed(u, (gh_str_t){data, n});
    count(before, gh_upload_held(u));
    if (gh_upload_held(u) == 0 || !is_beyond(atomic_load(&s_held)))
        return;
    before = gh_upload_held(u);
    gh_upload_refuse(u, GH_E_QUEUE_FULL);
    count(before, 0);
}

void
front_body_free(struct http_request *req)
{
    gh_upload_t *u = req->http_sink;
    req->http_sink = NULL;
    count(gh_upload_held(u), 0);
    gh_upload_destroy(&u);
}

/* In ZeroMQ's thread, or ours. */
static void
free_file(void *data, void *n)
{
    free(data);
    front_files_give((size_t)(uintptr_t)n);
}

void
front_upload_move(gh_upload_t *u, size_t blob, void *message)
{
    size_t n = 0;
    char *p = gh_upload_take(u, blob, &n);
    if (zmq_msg_init_data(message, p, n, free_file, (void *)(uintptr_t)n)) {
        zmq_msg_init(message); /* the worker misses the frame and refuses */
        free_file(p, (void *)(uintptr_t)n);
    }
}
