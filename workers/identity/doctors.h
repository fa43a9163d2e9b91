/*
 * workers/identity/doctors.h - doctors made and changed, with or without an account (api/02 section 2.3, api/23 DO-02, DO-04,
 * DO-07, DO-08, api/30 HB-09, HB-10): what doctor_members.c reads out of a request and doctors.c decides and writes
 */
#ifndef GH_WORKERS_IDENTITY_DOCTORS_H
#define GH_WORKERS_IDENTITY_DOCTORS_H

#include "workers/identity/admin_rules.h"
#include "workers/identity/identity.h"

typedef enum { GH_DOCTOR_CODE = 1, GH_DOCTOR_V1 = 2, GH_DOCTOR_HB = 4 } gh_doctor_surface_t;
typedef enum { GH_DOCTOR_MAKE, GH_DOCTOR_CHANGE, GH_DOCTOR_MOVE, GH_DOCTOR_ACCOUNT } gh_doctor_act_t;

/* What a request asks for, in the words of the tables whatever the surface calls them. Texts are batch memory. */
typedef struct gh_doctor_ask {
    gh_doctor_surface_t surface;
    gh_doctor_act_t act;
    bool own;                /* of the caller's own row (api/23 `me`) */
    int64_t id;              /* 0: a new one */
    const char *name;        /* the whole name, NULL: not asked for */
    const char *columns;     /* JSON object: columns of doctors that are asked for; null clears */
    const char *names;       /* JSON object: username, email, phone, identifier of the account; null clears */
    const char *prices;      /* JSON object: default_price_*; NULL: none */
    const char *specialties; /* array literal: #id, or a code or name; NULL: not asked for */
    const char *specialty_field;
    unsigned names_set, names_cleared; /* GH_NAME_* */
    bool wants_account;                /* one is to be made, or changed, with this password: */
    gh_str_t password;
    const char *password_field;
    const char *username, *email, *phone, *identifier; /* of names, NULL: absent or null */
    bool links;                                        /* user_id stands in the request, if only as null */
} gh_doctor_ask_t;

/* Read the request of the first job. False: the job is refused. */
bool gh_doctor_take(gh_batch_t *b, gh_doctor_ask_t *ask) GH_MUSTCHECK;

/* The doctor that the path names, on Heartbeat the query or the body (R-222: none of them, or two that differ, is a fault). False: the
 * job is refused. */
bool gh_doctor_take_id(gh_batch_t *b, gh_doctor_surface_t surface, int64_t *doctor) GH_MUSTCHECK;

gh_step_t gh_write_doctor(gh_batch_t *b);
gh_step_t gh_delete_doctor(gh_batch_t *b); /* doctor_delete.c */

#endif
