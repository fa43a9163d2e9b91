/*
 * workers/directory/files.h - uploads: photos of doctors (BR-27), attachments (BR-145)
 */
#ifndef GH_DIRECTORY_FILES_H
#define GH_DIRECTORY_FILES_H

#include "worker/worker.h"

gh_step_t gh_photo_step(gh_batch_t *b);
gh_step_t gh_attachment_step(gh_batch_t *b);

#endif
