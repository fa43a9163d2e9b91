/*
 * lib/base/conf.c - loading of settings: file, environment, expansion, checks, printing
 *
 * Every fault is reported on stderr as `guahao: PLACE: SETTING: reason`, all of them before the load is given up.
 */
#include "base/conf_table.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/conf_older.h"
#include "base/json.h"

#define FILE_MAX    (1024 * 1024)
#define EXPAND_MAX  8192 /* bytes of an expanded value */
#define EXPAND_DEEP 4    /* settings that name settings */

typedef struct loader {
    gh_conf_t *conf;
    const char *path; /* of the file being read */
    const char *text; /* its text */
    int faults;
} loader_t;

static void GH_PRINTF(3, 4) fault(loader_t *l, const char *place, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "guahao: %s: ", place);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    l->faults++;
}

static ssize_t
find_setting(const char *name)
{
    for (size_t i = 0; i < gh_settings_count; i++)
        if (strcmp(gh_settings[i].name, name) == 0)
            return (ssize_t)i;
    return -1;
}

static void
set_value(loader_t *l, size_t i, const char *value, const char *source)
{
    free(l->conf->text[i]);
    free(l->conf->source[i]);
    l->conf->text[i] = strdup(value);
    l->conf->source[i] = strdup(source);
    if (!l->conf->text[i] || !l->conf->source[i])
        fault(l, gh_settings[i].name, "out of memory");
}

/* ---- file */

/* zconfig keeps no line numbers: find the nth line whose path of names is `name` ("broker.max_depth"). */
static int
line_of(const char *text, const char *name, int nth)
{
    char path[512] = "";
    size_t ends[16] = {0}; /* length of path at each level */
    int line = 0;
    for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        line++;
        size_t indent = strspn(s, " "), level = indent / 4;
        size_t n = strcspn(s + indent, " \t\r\n=#");
        size_t base = level > 0 && level < GH_COUNT(ends) ? ends[level - 1] : 0;
        if (n == 0 || level >= GH_COUNT(ends) || base + n + 2 > sizeof(path))
            continue;
        int len = snprintf(path + base, sizeof(path) - base, "%s%.*s", base ? "." : "", (int)n, s + indent);
        ends[level] = base + (size_t)len;
        if (strcmp(path, name) == 0 && --nth == 0)
            return line;
    }
    return 0;
}

static bool
is_section(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < gh_settings_count; i++)
        if (strncmp(gh_settings[i].name, name, n) == 0 && gh_settings[i].name[n] == '.')
            return true;
    return false;
}

static void
read_leaf(loader_t *l, const char *name, const char *value)
{
    char place[PATH_MAX + 32];
    ssize_t i = find_setting(name);
    bool twice = i >= 0 && strcmp(l->conf->source[i], "default") != 0;
    snprintf(place, sizeof(place), "%s:%d", l->path, line_of(l->text, name, twice ? 2 : 1));
    if (i < 0 && *value == 0 && is_section(name))
        return; /* a section whose settings are all left at their defaults */
    if (i < 0)
        fault(l, place, "%s: there is no such setting", name);
    else if (twice)
        fault(l, place, "%s: given a second time", name);
    else
        set_value(l, (size_t)i, value, place);
}

static void
read_node(loader_t *l, zconfig_t *node, const char *parent)
{
    char name[256], place[PATH_MAX + 32];
    int n = snprintf(name, sizeof(name), "%s%s%s", parent, *parent ? "." : "", zconfig_name(node));
    const char *value = zconfig_value(node);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        fault(l, l->path, "a name is too long");
        return;
    }
    zconfig_t *child = zconfig_child(node);
    if (!child) {
        read_leaf(l, name, value ? value : "");
        return;
    }
    if (value && *value) {
        snprintf(place, sizeof(place), "%s:%d", l->path, line_of(l->text, name, 1));
        fault(l, place, "%s: a setting has nothing below it", name);
    }
    for (; child; child = zconfig_next(child))
        read_node(l, child, name);
}

static int
read_whole(const char *path, gh_buf_t *text)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    char *at = gh_buf_reserve(text, FILE_MAX + 1);
    size_t n = at ? fread(at, 1, FILE_MAX + 1, f) : 0;
    bool ok = at && !ferror(f) && n <= FILE_MAX && !memchr(at, 0, n);
    errno = ok ? 0 : errno ? errno : EFBIG;
    text->n = n;
    fclose(f);
    return ok && gh_buf_cstr(text) ? 0 : -1;
}

static void
read_file(loader_t *l, const char *path)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (read_whole(path, &text) != 0) {
        fault(l, path, "cannot be read: %s", strerror(errno));
        return;
    }
    l->path = path;
    l->text = text.p;
    if (text.n == 0)
        return;
    zchunk_t *chunk = zchunk_new(text.p, text.n);
    zconfig_t *root = chunk ? zconfig_chunk_load(chunk) : NULL;
    if (!root)
        fault(l, path, "is not ZPL (4 blanks a level, name = value)");
    for (zconfig_t *node = root ? zconfig_child(root) : NULL; node; node = zconfig_next(node))
        read_node(l, node, "");
    zconfig_destroy(&root);
    zchunk_destroy(&chunk);
}

/* ---- environment */

static void
env_name(const char *setting, char out[128])
{
    int n = snprintf(out, 128, "GUAHAO_%s", setting);
    for (int i = 0; i < n && i < 127; i++)
        out[i] = out[i] == '.' ? '_' : (char)toupper((int)(unsigned char)out[i]);
}

/* Our own name wins over the older ones; of those, an empty one counts as not set. */
static void
read_env(loader_t *l, size_t i)
{
    char own[128];
    env_name(gh_settings[i].name, own);
    const char *value = getenv(own);
    if (value) {
        set_value(l, i, value, own);
        return;
    }
    for (size_t k = 0; k < GH_COUNT(gh_settings[i].also); k++) {
        const char *name = gh_settings[i].also[k];
        value = name ? getenv(name) : NULL;
        if (value && *value) {
            set_value(l, i, value, name);
            return;
        }
    }
    char several[GH_OLDER_MAX];
    const char *name;
    if (gh_conf_older(gh_settings[i].name, several, &name))
        set_value(l, i, several, name);
}

/* ---- expansion and checks */

static bool expand(const loader_t *l, const char *text, gh_buf_t *out, int deep);

static bool
expand_name(const loader_t *l, gh_str_t name, gh_buf_t *out, int deep)
{
    char full[128];
    if (gh_str_is(name, "var")) {
        gh_buf_puts(out, gh_conf_var_dir());
        return true;
    }
    if (gh_str_is(name, "share")) {
        gh_buf_puts(out, gh_conf_share_dir());
        return true;
    }
    if (gh_str_is(name, "run"))
        name = GH_STR("run.dir");
    if (name.n >= sizeof(full))
        return false;
    snprintf(full, sizeof(full), "%.*s", (int)name.n, name.p);
    ssize_t i = find_setting(full);
    return i >= 0 && deep < EXPAND_DEEP && !gh_settings[i].secret &&
           expand(l, l->conf->text[i], out, deep + 1);
}

static bool
expand(const loader_t *l, const char *text, gh_buf_t *out, int deep)
{
    while (out->n <= EXPAND_MAX) {
        const char *open = strstr(text, "${"), *end = open ? strchr(open, '}') : NULL;
        if (!end) {
            gh_buf_puts(out, text);
            return out->n <= EXPAND_MAX && gh_buf_ok(out);
        }
        gh_buf_put(out, text, (size_t)(open - text));
        if (!expand_name(l, (gh_str_t){open + 2, (size_t)(end - open) - 2}, out, deep))
            return false;
        text = end + 1;
    }
    return false;
}

/* Secrets are taken as they are: a `${` inside is part of them. */
static void
expand_all(loader_t *l)
{
    char **expanded = calloc(gh_settings_count, sizeof(*expanded));
    if (!expanded) {
        fault(l, "settings", "out of memory");
        return;
    }
    for (size_t i = 0; i < gh_settings_count; i++) {
        gh_buf_t out = GH_BUF_INIT;
        if (gh_settings[i].secret)
            gh_buf_puts(&out, l->conf->text[i]);
        else if (!expand(l, l->conf->text[i], &out, 0))
            fault(l, l->conf->source[i], "%s: cannot be expanded: %s", gh_settings[i].name, l->conf->text[i]);
        expanded[i] = strdup(gh_buf_cstr(&out) ? out.p : "");
        if (!expanded[i])
            fault(l, gh_settings[i].name, "out of memory");
        gh_buf_fini(&out);
    }
    for (size_t i = 0; i < gh_settings_count; i++) {
        free(l->conf->text[i]);
        l->conf->text[i] = expanded[i];
    }
    free(expanded);
}

static void
check_all(loader_t *l)
{
    for (size_t i = 0; i < gh_settings_count; i++) {
        char buffer[256];
        const char *reason = gh_setting_check(&gh_settings[i], &l->conf->text[i], &l->conf->number[i],
                                              buffer);
        if (reason)
            fault(l, l->conf->source[i], "%s: %s", gh_settings[i].name, reason);
    }
}

static void
check_secrets(loader_t *l)
{
    const char *access = gh_conf_str(l->conf, "token.secret");
    const char *refresh = gh_conf_str(l->conf, "token.refresh_secret");
    if (strcmp(gh_conf_str(l->conf, "system.mode"), "production") != 0)
        return;
    if (gh_conf_int(l->conf, "clock.shift_ms") != 0)
        fault(l, "clock.shift_ms", "moves the clock, which production refuses");
    if (*access && strlen(access) < 32)
        fault(l, "token.secret", "has fewer than 32 bytes, which production refuses");
    if (*refresh && strlen(refresh) < 32)
        fault(l, "token.refresh_secret", "has fewer than 32 bytes, which production refuses");
    if (*access && strcmp(access, refresh) == 0)
        fault(l, "token.refresh_secret", "equals token.secret, which production refuses");
}

static void
check_older(loader_t *l)
{
    bool production = strcmp(gh_conf_str(l->conf, "system.mode"), "production") == 0;
    const char *name;
    for (size_t i = 0;; i++) {
        const char *reason = gh_conf_older_fault(i, production, &name);
        if (!name)
            return;
        if (reason)
            fault(l, name, "%s", reason);
    }
}

/* ---- public */

void
gh_conf_destroy(gh_conf_t **conf_p)
{
    gh_conf_t *conf = *conf_p;
    if (!conf)
        return;
    for (size_t i = 0; i < gh_settings_count; i++) {
        if (conf->text)
            free(conf->text[i]);
        if (conf->source)
            free(conf->source[i]);
        if (conf->initial)
            free(conf->initial[i]);
    }
    for (size_t i = 0; i < conf->n_former; i++)
        free(conf->former[i]);
    free(conf->former);
    free(conf->initial);
    free(conf->text);
    free(conf->source);
    free(conf->number);
    free(conf);
    *conf_p = NULL;
}

static gh_conf_t *
new_conf(loader_t *l)
{
    gh_conf_t *conf = calloc(1, sizeof(*conf));
    if (!conf)
        return NULL;
    conf->text = calloc(gh_settings_count, sizeof(*conf->text));
    conf->source = calloc(gh_settings_count, sizeof(*conf->source));
    conf->number = calloc(gh_settings_count, sizeof(*conf->number));
    conf->initial = calloc(gh_settings_count, sizeof(*conf->initial));
    if (!conf->text || !conf->source || !conf->number || !conf->initial) {
        gh_conf_destroy(&conf);
        return NULL;
    }
    l->conf = conf;
    for (size_t i = 0; i < gh_settings_count; i++)
        set_value(l, i, gh_settings[i].def, "default");
    return conf;
}

const char *
gh_conf_text(const gh_conf_t *conf, const char *name)
{
    ssize_t i = find_setting(name);
    return i < 0 ? NULL : conf->text[i];
}

gh_conf_t *
gh_conf_load(const char *file)
{
    loader_t l = {0};
    gh_conf_t *conf = new_conf(&l);
    if (!conf || l.faults) {
        fputs("guahao: out of memory\n", stderr);
        gh_conf_destroy(&conf);
        return NULL;
    }
    char usual[PATH_MAX + 32];
    const char *env = getenv("GUAHAO_CONFIG");
    if (!gh_conf_place("config", usual))
        snprintf(usual, sizeof(usual), "%s/conf/guahao.conf", gh_conf_share_dir());
    if (!file && env && *env)
        file = env;
    if (file || access(usual, F_OK) == 0)
        read_file(&l, file ? file : usual);
    for (size_t i = 0; i < gh_settings_count; i++)
        read_env(&l, i);
    expand_all(&l);
    if (l.faults == 0)
        check_all(&l);
    if (l.faults == 0)
        check_secrets(&l);
    if (l.faults == 0)
        check_older(&l);
    for (size_t i = 0; l.faults == 0 && i < gh_settings_count; i++)
        if (!(conf->initial[i] = strdup(conf->text[i])))
            fault(&l, gh_settings[i].name, "out of memory");
    if (l.faults)
        gh_conf_destroy(&conf);
    return conf;
}

/* Asking for what the table lacks is a bug of ours: say which and stop. */
static size_t
require(const char *name, bool text, gh_set_type_t type)
{
    ssize_t i = find_setting(name);
    bool is_text = i >= 0 && gh_settings[i].type != GH_SET_INT && gh_settings[i].type != GH_SET_BOOL;
    if (i < 0 || (text ? !is_text : gh_settings[i].type != type)) {
        fprintf(stderr, "guahao: setting %s: no such name, or asked for with the wrong type\n", name);
        abort();
    }
    return (size_t)i;
}

const char *
gh_conf_str(const gh_conf_t *conf, const char *name)
{
    return conf->text[require(name, true, GH_SET_STR)];
}

int64_t
gh_conf_int(const gh_conf_t *conf, const char *name)
{
    return conf->number[require(name, false, GH_SET_INT)];
}

bool
gh_conf_bool(const gh_conf_t *conf, const char *name)
{
    return conf->number[require(name, false, GH_SET_BOOL)] != 0;
}

static const char *
shown(const gh_conf_t *conf, size_t i)
{
    return gh_settings[i].secret && *conf->text[i] ? "***" : conf->text[i];
}

static void
print_json(const gh_conf_t *conf)
{
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &b);
    gh_json_arr(&j);
    for (size_t i = 0; i < gh_settings_count; i++) {
        const gh_setting_t *set = &gh_settings[i];
        gh_json_obj(&j);
        gh_json_kcstr(&j, "name", set->name);
        if (set->type == GH_SET_INT)
            gh_json_ki64(&j, "value", conf->number[i]);
        else if (set->type == GH_SET_BOOL)
            gh_json_kbool(&j, "value", conf->number[i] != 0);
        else
            gh_json_kcstr(&j, "value", shown(conf, i));
        gh_json_kcstr(&j, "unit", set->unit ? set->unit : "");
        gh_json_kcstr(&j, "source", conf->source[i]);
        gh_json_kcstr(&j, "help", set->help);
        gh_json_obj_end(&j);
    }
    gh_json_arr_end(&j);
    if (gh_buf_cstr(&b))
        puts(b.p);
}

void
gh_conf_print(const gh_conf_t *conf, bool json)
{
    if (json) {
        print_json(conf);
        return;
    }
    for (size_t i = 0; i < gh_settings_count; i++) {
        const gh_setting_t *set = &gh_settings[i];
        printf("%s = %s%s%s  (%s)\n    %s\n", set->name, shown(conf, i), set->unit && *set->unit ? " " : "",
               set->unit ? set->unit : "", conf->source[i], set->help);
    }
}
