/*
 * workers/identity/patients.h - what is asked of a patient, in the words of the tables (patient_members.c, for patients.c)
 */
#ifndef GH_IDENTITY_PATIENTS_H
#define GH_IDENTITY_PATIENTS_H

#include "workers/identity/identity.h"

typedef enum { GH_PATIENT_MAKE, GH_PATIENT_CHANGE, GH_PATIENT_PROFILE } gh_patient_act_t;

typedef struct gh_patient_ask {
    gh_patient_act_t act;
    bool heartbeat;
    bool own; /* the path says `me` */
    /* Filled by gh_patient_take(); texts live as long as the batch. */
    int64_t id;           /* of a change */
    const char *columns;  /* object, columns of patients; contacts among them on /api/v1 */
    const char *names;    /* object, names of the account: username, email, phone */
    const char *profile;  /* object, columns of medical_profiles; NULL: nothing of it is asked for */
    unsigned parts;       /* what is asked for, as a set of gh_patient_parts() */
    const char *first[4]; /* of each part the first member that belongs to it */
    bool has_number, has_notes;
    gh_str_t number, notes; /* p NULL: to be cleared */
    bool wants_account;     /* a login for a new patient */
    bool touches_account;   /* names or password of one that is there */
    const char *username, *email, *full_name;
    unsigned names_set, names_cleared; /* GH_NAME_* */
    gh_str_t password;
    const char *password_field;
} gh_patient_ask_t;

/* Read the first job's arguments. act, heartbeat and own are set. False: the job is refused. */
bool gh_patient_take(gh_batch_t *b, gh_patient_ask_t *ask) GH_MUSTCHECK;

/* the id of a Heartbeat call, in query or body. 0: the job is refused, with a fault of this field. */
int64_t gh_patient_hb_id(gh_batch_t *b, const char *field);

#endif
