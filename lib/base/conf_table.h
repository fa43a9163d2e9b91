/*
 * lib/base/conf_table.h - form of the table of settings; shared by the conf_*.c files and their test only
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
    const char *help;    /* one sentence */
} gh_setting_t;

extern const gh_setting_t gh_settings[];
extern const size_t gh_settings_count;

struct gh_conf {
    char **text;     /* [gh_settings_count] expanded values, owned */
    int64_t *number; /* of GH_SET_INT and GH_SET_BOOL */
    char **source;   /* "default", "FILE:LINE" or the name of a variable; owned */
};

/* Check an expanded value against its row; for DSNs *text may be replaced. Returns NULL, or why it is refused
 * (static text or the buffer). */
const char *gh_setting_check(const gh_setting_t *set, char **text, int64_t *number, char reason[256]);

#endif
