/*
 * lib/base/seal_text.h - sealed values on their way through SQL: into JSON texts and out of parameters (decisions 22)
 *
 * A statement that shows a sealed value writes gh_sealed(how, 'table.column', row, value) where the plain one belongs. What
 * arrives is a JSON string that begins with the character U+0001, and the worker puts the plain value, or a masked one, in its
 * place. Nobody can forge one: a value opens for its own table, column and row only.
 *   how   clear: as it is; tail: all but the last 4 hidden (api/22); card: BR-112; member-NAME, text-NAME: the text of this member of a
 *         JSON object, null or "" when it has none
 */
#ifndef GH_BASE_SEAL_TEXT_H
#define GH_BASE_SEAL_TEXT_H

#include "base/seal.h"

/* Append the JSON text with its sealed values opened. One that does not open is null, and logged by its place. seal NULL: none
 * opens. */
void gh_seal_splice(const gh_seal_t *seal, gh_str_t json, gh_buf_t *out);

/* Append the sealed value, or the blind index, as text of a bytea parameter ("\x0a1f..."). -1 as gh_seal_close() and
 * gh_seal_blind(), or when seal is NULL (logged). */
int gh_seal_param(const gh_seal_t *seal, gh_seal_place_t place, gh_str_t plain, gh_buf_t *out) GH_MUSTCHECK;
int gh_blind_param(const gh_seal_t *seal, gh_str_t value, gh_buf_t *out) GH_MUSTCHECK;

#endif
