/*
 * lib/base/conf.h - settings: environment > file > default
 *
 * One table (conf_table.c) declares every setting of every program: name, type, bounds, default, unit, one sentence.
 * The file is ZPL (czmq zconfig), `--config FILE` or GUAHAO_CONFIG, else that of an installation, else
 * <share>/conf/guahao.conf when present.
 * The setting `broker.max_depth` is overridden by the environment variable GUAHAO_BROKER_MAX_DEPTH; a few also
 * answer to the names of the older systems (DATABASE_URL, SECRET_KEY, ... api/31). A value that does not parse
 * or lies outside its bounds stops start-up, naming file or variable, setting and reason. An unknown name in the
 * file is refused too. Secrets are never printed.
 * Between file and default stand the settings of the database (decisions 21; api/29 SY-06): programs take them with
 * gh_conf_take() when they start and whenever they change. Those of seed 002 (api/06) are not here: workers read them in
 * their transactions.
 */
#ifndef GH_BASE_CONF_H
#define GH_BASE_CONF_H

#include <limits.h>

#include "base/gh.h"

typedef struct gh_conf gh_conf_t;

/* Load. file NULL: GUAHAO_CONFIG, else the default place, else defaults alone. NULL after a message on stderr. */
gh_conf_t *gh_conf_load(const char *file);
void gh_conf_destroy(gh_conf_t **conf_p);

/* Values by full name, e.g. "broker.inner". Asking for a name that the table lacks, or with the wrong type, is a
 * bug: it aborts. Strings are borrowed until destroy; an unset string is "". */
const char *gh_conf_str(const gh_conf_t *conf, const char *name);
int64_t gh_conf_int(const gh_conf_t *conf, const char *name);
bool gh_conf_bool(const gh_conf_t *conf, const char *name);
/* The text of any setting whatever its type; NULL when there is none of this name. Borrowed. */
const char *gh_conf_text(const gh_conf_t *conf, const char *name);

/* One setting of the database: its key (api/29) and its value as text; borrowed. */
typedef struct gh_conf_value {
    gh_str_t key, text;
} gh_conf_value_t;
#define GH_CONF_VALUES_MAX 128 /* more than there are settings that the database may have */

/* Take all settings that the database has at this revision: they replace those taken before, and what is not among them goes back
 * to its default. Ignored are unknown keys, settings that may not be changed while programs run, those that environment or file
 * set, and (with a log line) values that do not fit. True when a value is another one now. Texts asked for earlier stay valid. From
 * one thread only, and not while other threads read what can change. */
bool gh_conf_take(gh_conf_t *conf, int64_t revision, const gh_conf_value_t *values, size_t n);
/* The revision taken last (0: none), and the settings that came of it: at most GH_CONF_VALUES_MAX, borrowed. */
int64_t gh_conf_revision(const gh_conf_t *conf);
size_t gh_conf_taken(const gh_conf_t *conf, gh_conf_value_t *out);

/* Print the table with values, sources and sentences (secrets masked): `guahao config`. */
void gh_conf_print(const gh_conf_t *conf, bool json);

/* Directory that holds schema/ and conf/: GUAHAO_SHARE, else beside the executable's parent (a checkout),
 * else <prefix>/share/guahao. Borrowed, found once. */
const char *gh_conf_share_dir(void);
/* Where an installation keeps what changes: its file <share>/places has lines "name path", written by `make install`: config
 * (settings), env (further environment of the commands), var (run directory). False: no such line, as in a checkout. */
bool gh_conf_place(const char *name, char out[PATH_MAX]);
/* Run directory: GUAHAO_VAR, else that of the installation, else ./var. Borrowed, absolute. */
const char *gh_conf_var_dir(void);

#endif
