/*
 * lib/domain/national_id.h - identity numbers of patients: sealed in their column, shown masked (decisions 22, BR-112)
 */
#ifndef GH_DOMAIN_NATIONAL_ID_H
#define GH_DOMAIN_NATIONAL_ID_H

#include "base/seal.h"

/* BR-112: first 6 characters, eight asterisks, last 4; shorter numbers give asterisks alone. Returns the length. */
#define GH_MASKED_ID 19
int gh_mask_id(gh_str_t number, char out[GH_MASKED_ID]);

/* The masked number of a patient from patients.national_id_enc in hex. -1 after a log line when it cannot be opened (seal NULL: no
 * key). The number itself does not stay in memory. */
int gh_national_id_masked(const gh_seal_t *seal, int64_t patient_id, gh_str_t sealed_hex,
                          char out[GH_MASKED_ID]) GH_MUSTCHECK;

#endif
