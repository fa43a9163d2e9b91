/*
 * workers/system/system.h - what the files of the system pool offer each other
 */
#ifndef GH_SYSTEM_SYSTEM_H
#define GH_SYSTEM_SYSTEM_H

#include "worker/worker.h"
#include "workers/system/pool.h"

gh_step_t gh_list_settings(gh_batch_t *b);    /* settings.c */
gh_step_t gh_change_settings(gh_batch_t *b);  /* settings.c */
gh_step_t gh_verify_audit_log(gh_batch_t *b); /* verify.c */

#endif
