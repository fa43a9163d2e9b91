/*
 * lib/base/conf_older.h - variables of the older systems that are not one setting each (api/31): several of them make one, or one
 * decides several. Those that mean one setting are in its row (`also` of conf_table.h).
 */
#ifndef GH_BASE_CONF_OLDER_H
#define GH_BASE_CONF_OLDER_H

#include "base/gh.h"

#define GH_OLDER_MAX 512

/* What they say of a setting; false: nothing. variable gets the name to show as its source (static). */
bool gh_conf_older(const char *setting, char value[GH_OLDER_MAX], const char **variable);

/* What is wrong with variable number i (0..), NULL when there is nothing; variable gets its name (static), NULL behind the last one.
 * production: what the settings say. */
const char *gh_conf_older_fault(size_t i, bool production, const char **variable);

#endif
