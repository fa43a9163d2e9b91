/*
 * workers/identity/doctor_rules.h - what may be written of a doctor: pure, no I/O
 */
#ifndef GH_WORKERS_IDENTITY_DOCTOR_RULES_H
#define GH_WORKERS_IDENTITY_DOCTOR_RULES_H

#include "base/buf.h"
#include "base/error.h"

/* BR-30: may this be stored as the path of a picture? A path below static/ without steps upwards, or an address of the web. */
bool gh_photo_path_ok(gh_str_t path);

/* A name that is somebody else's, in the words of BR-21, or of BR-24 where an account is given to a doctor who is there. kind: 0
 * user name, 1 mail address, 2 phone number, 3 staff number. */
gh_err_t gh_doctor_name_taken(bool gives_account, int kind);

#endif
