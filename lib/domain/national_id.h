/*
 * lib/domain/national_id.h - identity numbers of patients: sealed in their column, shown masked (decisions 22, BR-112)
 */
#ifndef GH_DOMAIN_NATIONAL_ID_H
#define GH_DOMAIN_NATIONAL_ID_H

#include "base/mask.h"
#include "base/seal.h"

/* The masked number of a patient from patients.national_id_enc in hex. -1 after a log line when it cannot be opened (seal NULL: no
 * key). The number itself does not stay in memory. */
int gh_national_id_masked(const gh_seal_t *seal, int64_t patient_id, gh_str_t sealed_hex,
                          char out[GH_MASKED_ID]) GH_MUSTCHECK;

#endif
