/*
 * workers/identity/patient_rules.h - who may change which part of a patient: pure decisions (api/22 PA-02, PA-05, PA-07, PA-10;
 *
 */
#ifndef GH_IDENTITY_PATIENT_RULES_H
#define GH_IDENTITY_PATIENT_RULES_H

#include "base/error.h"

/* Parts of a patient, as a set. OFFICE: state, primary doctor, whose account it is. NEVER: given by the system alone. */
enum { GH_PATIENT_PERSON = 1, GH_PATIENT_OFFICE = 2, GH_PATIENT_CLINICAL = 4, GH_PATIENT_NEVER = 8 };

typedef struct gh_patient_caller {
    uint32_t roles, scopes; /* GH_ROLE_*; GH_SCOPE_* that patient:manage gives */
    bool own;               /* it is the caller's own row */
    bool assigned;          /* */
} gh_patient_caller_t;

/* Which parts he may change; 0: the row is outside of his reach, and gh_patient_refusal() says how. */
unsigned gh_patient_parts(const gh_patient_caller_t *caller);
gh_err_t gh_patient_refusal(const gh_patient_caller_t *caller);

/* Which parts one may give who makes a row: for himself, else by role (PA-03, PA-05). */
unsigned gh_patient_new_parts(uint32_t roles, bool for_himself);

/* the form of a code of the 10th revision of the classification of diseases. */
bool gh_icd10_ok(gh_str_t code);

#endif
