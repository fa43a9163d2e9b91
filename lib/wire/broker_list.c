/*
 * lib/wire/broker_list.c - see broker_list.h
 */
#include "wire/broker_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOOK_MS        500
#define SILENCE_MAX_MS 3000
#define FILE_MAX       (64u << 10)
#define WHY_MAX        200
#define WORDS          5

/* ---- the file */

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line; empty at its end. */
static gh_str_t
next_word(gh_str_t *line)
{
    while (line->n && is_space(*line->p))
        line->p++, line->n--;
    gh_str_t word = {line->p, 0};
    while (line->n && !is_space(*line->p))
        line->p++, line->n--, word.n++;
    return word;
}

static bool
copy_word(gh_str_t word, char *out, size_t size)
{
    if (word.n >= size)
        return false;
    memcpy(out, word.p ? word.p : "", word.n);
    out[word.n] = '\0';
    return true;
}

static bool
is_endpoint(const char *s)
{
    return (strncmp(s, "tcp://", 6) == 0 || strncmp(s, "ipc://", 6) == 0) && s[6] && !strchr(s, ',');
}

/* A line's broker; NULL when it is good, else its fault. */
static const char *
take_line(gh_str_t line, gh_broker_at_t *b)
{
    gh_str_t word[WORDS + 1];
    if (line.n && memchr(line.p, '\0', line.n))
        return "a line is text";
    for (size_t i = 0; i < GH_COUNT(word); i++)
        word[i] = next_word(&line);
    if (word[WORDS].n || !word[3].n)
        return "a line is: NAME INNER EVENTS_IN EVENTS_OUT [CERTIFICATE]";
    if (!copy_word(word[0], b->name, sizeof b->name))
        return "the name is too long";
    if (!copy_word(word[1], b->inner, sizeof b->inner) ||
        !copy_word(word[2], b->events_in, sizeof b->events_in) ||
        !copy_word(word[3], b->events_out, sizeof b->events_out) ||
        !copy_word(word[4], b->cert, sizeof b->cert))
        return "an endpoint or path is too long";
    if (!is_endpoint(b->inner) || !is_endpoint(b->events_in) || !is_endpoint(b->events_out))
        return "an endpoint is tcp://HOST:PORT or ipc://PATH";
    return NULL;
}

static const char *
add_line(gh_str_t line, gh_broker_list_t *out)
{
    if (out->n == GH_BROKERS_MAX)
        return "there are too many brokers";
    gh_broker_at_t *b = &out->at[out->n];
    const char *fault = take_line(line, b);
    for (size_t i = 0; !fault && i < out->n; i++)
        if (strcmp(out->at[i].name, b->name) == 0 || strcmp(out->at[i].inner, b->inner) == 0)
            fault = "this broker is there twice";
    out->n += !fault;
    return fault;
}

int
gh_broker_list_parse(gh_str_t text, gh_broker_list_t *out, char *why, size_t size)
{
    const char *fault = NULL;
    int number = 0;
    memset(out, 0, sizeof *out);
    while (text.n && !fault) {
        const char *end = memchr(text.p, '\n', text.n);
        gh_str_t line = {text.p, end ? (size_t)(end - text.p) : text.n};
        text.p += line.n + (end != NULL);
        text.n -= line.n + (end != NULL);
        number++;
        const char *hash = memchr(line.p, '#', line.n);
        if (hash)
            line.n = (size_t)(hash - line.p);
        gh_str_t rest = line;
        if (next_word(&rest).n)
            fault = add_line(line, out);
    }
    if (!fault && out->n > 0)
        return 0;
    if (fault)
        snprintf(why, size, "line %d: %s", number, fault);
    else
        snprintf(why, size, "it names no broker");
    memset(out, 0, sizeof *out);
    return -1;
}

/* 0: read; -1: why; 1: there is no such file. */
static int
read_file(const char *path, gh_broker_list_t *out, char *why, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    char *text = fd >= 0 ? malloc(FILE_MAX) : NULL;
    ssize_t n = text ? 0 : -1, got = 1;
    while (n >= 0 && got > 0 && n < (ssize_t)FILE_MAX) {
        got = read(fd, text + n, FILE_MAX - (size_t)n);
        n = got < 0 ? -1 : n + got;
    }
    int rc = -1;
    if (n < 0)
        snprintf(why, size, "%s", strerror(errno));
    else if (n == (ssize_t)FILE_MAX)
        snprintf(why, size, "it is too long");
    else
        rc = gh_broker_list_parse((gh_str_t){text, (size_t)n}, out, why, size);
    free(text);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* ---- the settings */

void
gh_list_entry(const char *list, size_t i, bool last, char *out, size_t size)
{
    *out = '\0';
    for (;;) {
        list += strspn(list, ", ");
        size_t n = strcspn(list, ", ");
        if (n == 0)
            return;
        if ((i == 0 || last) && n < size) {
            memcpy(out, list, n);
            out[n] = '\0';
        }
        if (i-- == 0)
            return;
        list += n;
    }
}

static void
from_settings(const gh_conf_t *conf, gh_broker_list_t *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < GH_BROKERS_MAX; i++) {
        gh_broker_at_t *b = &out->at[i];
        snprintf(b->name, sizeof b->name, "%zu", i + 1);
        gh_list_entry(gh_conf_str(conf, "link.inner"), i, false, b->inner, sizeof b->inner);
        gh_list_entry(gh_conf_str(conf, "link.events_in"), i, false, b->events_in, sizeof b->events_in);
        gh_list_entry(gh_conf_str(conf, "link.events_out"), i, false, b->events_out, sizeof b->events_out);
        if (!b->inner[0] && !b->events_in[0] && !b->events_out[0]) {
            memset(b, 0, sizeof *b);
            return;
        }
        gh_list_entry(gh_conf_str(conf, "link.server_cert"), i, true, b->cert, sizeof b->cert);
        out->n++;
    }
}

/* ---- */

int
gh_broker_list_load(const gh_conf_t *conf, gh_broker_list_t *out, char *why, size_t size)
{
    const char *path = gh_conf_str(conf, "link.brokers");
    char fault[WHY_MAX] = "";
    int rc = *path ? read_file(path, out, fault, sizeof fault) : 1;
    if (rc < 0) {
        snprintf(why, size, "%s: %s", path, fault);
        return -1;
    }
    if (rc > 0)
        from_settings(conf, out);
    for (size_t i = 0; i < out->n; i++)
        if (!out->at[i].cert[0])
            gh_list_entry(gh_conf_str(conf, "link.server_cert"), i, true, out->at[i].cert,
                          sizeof out->at[i].cert);
    if (out->n > 0)
        return 0;
    snprintf(why, size, "link.inner names no broker");
    return -1;
}

int64_t
gh_broker_silence_ms(const gh_conf_t *conf)
{
    int64_t ms = gh_conf_int(conf, "broker.heartbeat_ms") * gh_conf_int(conf, "broker.liveness");
    return ms < SILENCE_MAX_MS ? ms : SILENCE_MAX_MS;
}

bool
gh_broker_same(const gh_broker_at_t *a, const gh_broker_at_t *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->inner, b->inner) == 0 &&
           strcmp(a->events_in, b->events_in) == 0 && strcmp(a->events_out, b->events_out) == 0 &&
           strcmp(a->cert, b->cert) == 0;
}

bool
gh_broker_listed(const gh_broker_list_t *list, const gh_broker_at_t *b)
{
    for (size_t i = 0; i < list->n; i++)
        if (gh_broker_same(&list->at[i], b))
            return true;
    return false;
}

static bool
same_list(const gh_broker_list_t *a, const gh_broker_list_t *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!gh_broker_same(&a->at[i], &b->at[i]))
            return false;
    return true;
}

/* Does it differ from what was seen before? */
static bool
has_changed(gh_broker_follow_t *f, const char *path)
{
    struct stat st;
    if (!*path || stat(path, &st) != 0)
        return false;
    int64_t changed = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    bool same = f->known && f->seen.device == (uint64_t)st.st_dev && f->seen.inode == (uint64_t)st.st_ino &&
                f->seen.size == (uint64_t)st.st_size && f->seen.changed_ns == changed;
    f->known = true;
    f->seen.device = (uint64_t)st.st_dev;
    f->seen.inode = (uint64_t)st.st_ino;
    f->seen.size = (uint64_t)st.st_size;
    f->seen.changed_ns = changed;
    return !same;
}

bool
gh_broker_follow(gh_broker_follow_t *f, const gh_conf_t *conf, int64_t now_ms, gh_broker_list_t *list)
{
    const char *path = gh_conf_str(conf, "link.brokers");
    if (now_ms < f->look_ms)
        return false;
    f->look_ms = now_ms + LOOK_MS;
    if (has_changed(f, path)) {
        f->settling = true;
        return false;
    }
    if (!f->settling)
        return false;
    f->settling = false;
    gh_broker_list_t *next = malloc(sizeof *next);
    char why[WHY_MAX + 4096] = "memory";
    bool good = next && gh_broker_list_load(conf, next, why, sizeof why) == 0, other = good;
    if (!good)
        gh_log(GH_LOG_WARN, "brokers_unread", GH_KS("file", path), GH_KS("reason", why));
    else if ((other = !same_list(next, list))) {
        *list = *next;
        gh_log(GH_LOG_INFO, "brokers", GH_KS("file", path), GH_KI("listed", list->n));
    }
    free(next);
    return other;
}
