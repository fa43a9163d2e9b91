/*
 * lib/base/conf_table.h - form of the table of settings; shared by the conf_*.c files, their test, and the pool through which
 * administrators change settings
 *
 * A new setting is one row in conf_table.c and one entry in conf/guahao.conf (a unit test compares the two).
 */
#ifndef GH_BASE_CONF_TABLE_H
#define GH_BASE_CONF_TABLE_H

#include "base/conf.h"

typedef enum {
    GH_SET_STR,       /* min..max: length in bytes */
    GH_SET_INT,       /* min..max: value */
    GH_SET_BOOL,      /* true/false, yes/no, on/off, 1/0 */
    GH_SET_WORD,      /* one of `words` */
    GH_SET_NETWORKS,  /* comma list of IP networks */
    GH_SET_ORIGINS,   /* comma list of origins, scheme://host[:port], or * */
    GH_SET_LEVELS,    /* rules of gh_log_levels() */
    GH_SET_ENDPOINTS, /* comma list of ZeroMQ endpoints; ipc paths must fit a socket address */
    GH_SET_DSN        /* PostgreSQL connection string; schemes of the older systems are normalised (api/31) */
} gh_set_type_t;

typedef struct gh_setting {
    const char *name;
    gh_set_type_t type;
    const char *def; /* default as text; ${var}, ${share}, ${run} or ${another.setting} inside are expanded */
    int64_t min, max;
    const char *words;   /* GH_SET_WORD: "a|b|c" */
    const char *unit;    /* "" when the name says it */
    const char *also[2]; /* older environment names, the stronger first */
    bool secret;         /* never printed */
    bool command;        /* live, and changed by a command alone, not by administrators (api/29) */
    bool live;           /* may be set in the database, running programs follow (decisions 21) */
    const char *key;     /* its name in api/29; NULL: `name` */
    const char *help;    /* one sentence */
} gh_setting_t;

extern const gh_setting_t gh_settings[];
extern const size_t gh_settings_count;

struct gh_conf {
    char **text;     /* [gh_settings_count] expanded values, owned */
    int64_t *number; /* of GH_SET_INT and GH_SET_BOOL */
    char **source;   /* "default", "FILE:LINE", the name of a variable, or "database"; owned */
    char **initial;  /* [gh_settings_count] values before any of the database; owned */
    char **former;   /* values of the database that were replaced: somebody may hold them; owned */
    size_t n_former;
    int64_t revision; /* of the database's settings, 0: none were taken */
};

/* Check an expanded value against its row; for DSNs *text may be replaced. Returns NULL, or why it is refused
 * (static text or the buffer). */
const char *gh_setting_check(const gh_setting_t *set, char **text, int64_t *number, char reason[256]);

#define GH_CLOCK_MS_MAX  INT64_C(3155760000000) /* a hundred years: how far the test clock may be off */
#define GH_CONF_TEXT_MAX 4096                   /* bytes of a value of the database, with its NUL */

/* Neither environment nor file say what setting i is: the database may. */
static inline bool
gh_conf_is_open(const gh_conf_t *conf, size_t i)
{
    return strcmp(conf->source[i], "default") == 0 || strcmp(conf->source[i], "database") == 0;
}

/* The name under which administrators see it (api/29). */
static inline const char *
gh_setting_key(const gh_setting_t *set)
{
    return set->key ? set->key : set->name;
}

/* By that name; NULL: there is none. */
const gh_setting_t *gh_setting_by_key(gh_str_t key);

#endif
