/*
 * workers/directory/file_names.h - under which names uploads are stored (api/00 section 0.13, api/11 section 11.2)
 *
 * Paths are keys of stored_files, below /static/ and without it. What of a sender's name goes into one is letters, digits,
 * blanks, '-' and '_': nothing that means something in a path. Pure.
 */
#ifndef GH_DIRECTORY_FILE_NAMES_H
#define GH_DIRECTORY_FILE_NAMES_H

#include "base/buf.h"

/* image/doctor_17_20260309081530_ab12cd34.jpg; id: of the job, whose last bytes are random. */
void gh_photo_path(gh_buf_t *out, int64_t doctor_id, int64_t now_us, const uint8_t id[16],
                   const char *extension);
/* images/audit/2026/03/09/20260309081530_ab12cd34_scan.jpg. The sender's extension stays when it names what the content is
 * (.jpeg for .jpg), else that of the content. */
void gh_attachment_path(gh_buf_t *out, gh_str_t name, int64_t now_us, const uint8_t id[16],
                        const char *extension);

#endif
