/*
 * lib/contract/render.h - payloads and refusals in the envelope of a surface
 *
 *   code   {"code": 0, "message": payload} / {"code": n, "message": {"error": label, "msg": sentence}}; HTTP 200 but for
 *          dead tokens (401), x-literal-status and what the front or a broker refuses (api/00 section 0.4, decisions 1)
 *   v1     {"success", "data", "message"}, data of an error is a problem object (api/20 section 3)
 *   plain  the payload / {"detail": ...} (api/30)
 *   oauth  the payload / {"error", "error_description", "detail"} (RFC 6749)
 *   raw    bytes; errors as on the surface that the path belongs to, with their real status
 * The payload is ready JSON text and is spliced in unparsed. Pure.
 */
#ifndef GH_CONTRACT_RENDER_H
#define GH_CONTRACT_RENDER_H

#include "contract/validate.h"

typedef struct gh_render {
    gh_envelope_t envelope;
    bool bare;               /* a success is the payload alone, whatever the envelope */
    bool literal_status;     /* of the operation */
    bool problem;            /* the client prefers application/problem+json (v1) */
    bool chinese;            /* texts of v1 in Chinese */
    uint16_t success_status; /* of the operation, 0 = 200 */
    uint16_t
        forced_status; /* a refusal of HTTP itself (408, 411, 431, ...) keeps this status; 0: the row's */
    gh_str_t path;     /* for `instance` and for raw */
    const gh_operation_t
        *op;        /* with query tells where a member that a worker names came from; NULL: the body */
    gh_str_t query; /* of the request */
    gh_str_t request_id;
} gh_render_t;

typedef struct gh_refusal {
    gh_err_t error;
    const gh_error_arg_t *args; /* texts for placeholders, NULL if none */
    gh_str_t extra;             /* ready JSON object: further members (v1) */
    const gh_faults_t *faults;  /* NULL if none */
} gh_refusal_t;

typedef struct gh_rendered {
    uint16_t status;
    uint16_t code;            /* the number of the code surface (0: success), for counters */
    const char *type;         /* media type */
    const char *authenticate; /* WWW-Authenticate, NULL if none */
    uint32_t retry_after_s;   /* 0: none */
} gh_rendered_t;

void gh_render_success(const gh_render_t *r, uint16_t status, gh_str_t payload, gh_buf_t *body,
                       gh_rendered_t *out);
void gh_render_refusal(const gh_render_t *r, const gh_refusal_t *x, gh_buf_t *body, gh_rendered_t *out);

#endif
