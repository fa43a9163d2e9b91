/*
 * workers/system/system.h - what the files of the system pool offer each other
 */
#ifndef GH_SYSTEM_SYSTEM_H
#define GH_SYSTEM_SYSTEM_H

#include "worker/worker.h"
#include "workers/system/pool.h"

gh_step_t gh_list_settings(gh_batch_t *b);    /* settings.c */
gh_step_t gh_change_settings(gh_batch_t *b);  /* settings.c */
void gh_gauges_tick(gh_worker_t *w);          /* gauges.c */
gh_step_t gh_change_log_level(gh_batch_t *b); /* log_level.c */
gh_step_t gh_flush_caches(gh_batch_t *b);     /* flush.c */
gh_step_t gh_verify_audit_log(gh_batch_t *b); /* verify.c */
gh_step_t gh_ask_backup(gh_batch_t *b);       /* backups.c */
gh_step_t gh_list_backups(gh_batch_t *b);     /* backups.c */
gh_step_t gh_run_backup(gh_batch_t *b);       /* backup_run.c */

/* The pool's backups under way, backup_run.c. */
int gh_backups_start(gh_worker_t *w);
void gh_backups_stop(gh_worker_t *w);
void gh_backups_tick(gh_worker_t *w);

struct gh_manifest;
/* A backup as api/29 SY-14 shows it. */
void gh_backup_put(gh_json_t *j, const struct gh_manifest *m);

/* The event that tells all programs their settings: rows of settings_told, read in this transaction. */
struct pg_result;
void gh_settings_tell(gh_batch_t *b, const struct pg_result *told);

#endif
