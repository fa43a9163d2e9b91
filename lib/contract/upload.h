/*
 * lib/contract/upload.h - a multipart form on its way in: fields gathered, files kept once
 *
 * Fed as the body arrives (contract/multipart.h). Text fields and what is known of the files become one object, which
 * gh_request_check() holds against the contract; the bytes of a file that the contract names are kept until they are taken,
 * others are passed over. A file that grows beyond its limit is counted to its end, but not kept. Pure but for memory.
 *
 * In the arguments a file is {"blob": index, "name": text, "type": declared, "media": by content or null, "size": bytes};
 * `blob` counts the blob frames of the job.
 */
#ifndef GH_CONTRACT_UPLOAD_H
#define GH_CONTRACT_UPLOAD_H

#include "contract/validate.h"

#define GH_UPLOAD_MAX       8388608 /* files of one job together (decisions 7) */
#define GH_UPLOAD_MAX_TEXT  "8388608"
#define GH_UPLOAD_TEXT_MAX  (256 << 10) /* text fields of one form together */
#define GH_UPLOAD_FILES_MAX 20

typedef struct gh_upload gh_upload_t;

/* For a body of this operation; length: of the whole body, which bounds a file. NULL when memory is short. Own it. */
gh_upload_t *gh_upload_new(const gh_request_schema_t *schema, gh_str_t content_type, size_t length);
void gh_upload_destroy(gh_upload_t **u_p);

void gh_upload_feed(gh_upload_t *u, gh_str_t bytes);
void gh_upload_finish(gh_upload_t *u);
/* Forget the files, and pass over what comes: the answer is known to be no. error: what that is. */
void gh_upload_refuse(gh_upload_t *u, gh_err_t error);

/* What ended the reading: MALFORMED_FORM, PAYLOAD_TOO_LARGE, INTERNAL, or what it was refused with; else NONE. */
gh_err_t gh_upload_error(const gh_upload_t *u);
/* The form as an object; a new reference, NULL after an error. */
json_t *gh_upload_form(const gh_upload_t *u);
/* Bytes of files held now. */
size_t gh_upload_held(const gh_upload_t *u);
/* Files kept, by their `blob`. */
size_t gh_upload_files(const gh_upload_t *u);
/* Take the bytes of one: free() them; not NULL. Held shrinks by them. */
char *gh_upload_take(gh_upload_t *u, size_t blob, size_t *n);

#endif
