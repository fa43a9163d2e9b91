/*
 * tests/bench/load.c - sends the requests of a file over keep-alive connections and tells of every answer
 *
 *   load --url URL --file F --connections N [--rate R]
 *
 * A line of the file is a request: METHOD PATH TOKEN BODY, separated by blanks, "-" for no token or no body (which is the rest of
 * the line). Without --rate the requests go out as fast as connections become free, each once, in their order. With it R a
 * second leave at fixed moments, whatever the answers do (open loop), over and over until SIGTERM.
 *
 * Standard output, when all is over, has a line an answer in the order in which they came: number of the request, moment of
 * sending (CLOCK_MONOTONIC, us), latency in us, HTTP status (0: lost), code of the refusal or "-", id of what was made or 0.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/timez.h"
#include "ops/cmd/http_load.h"

typedef struct answer {
    int64_t sent_us, latency_us, made;
    uint32_t request;
    int status;
    char code[32];
} answer_t;

typedef struct load {
    gh_buf_t text;   /* all requests as they are sent */
    size_t *at;      /* n + 1 offsets into text */
    size_t n, next;  /* next: of the run, not taken modulo n */
    double every_us; /* 0: as fast as they can */
    int64_t first_us;
    answer_t *answers;
    size_t n_answers, cap;
} load_t;

static volatile bool over;

static void
on_signal(int sig)
{
    (void)sig;
    over = true;
}

static void
die(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

/* ---- the file */

static gh_str_t
word(char **p)
{
    char *from = *p;
    size_t n = strcspn(from, " \n");
    *p = from + n + (from[n] ? 1 : 0);
    return (gh_str_t){from, n};
}

static void
add_request(load_t *l, char *line)
{
    gh_str_t method = word(&line), path = word(&line), token = word(&line);
    line[strcspn(line, "\n")] = '\0';
    bool has_body = strcmp(line, "-") != 0;
    l->at[l->n++] = l->text.n;
    gh_buf_str(&l->text, method);
    gh_buf_putc(&l->text, ' ');
    gh_buf_str(&l->text, path);
    gh_buf_puts(&l->text, " HTTP/1.1\r\nHost: bench\r\n");
    if (!gh_str_is(token, "-")) {
        gh_buf_puts(&l->text, "Authorization: Bearer ");
        gh_buf_str(&l->text, token);
        gh_buf_puts(&l->text, "\r\n");
    }
    if (has_body)
        gh_buf_printf(&l->text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(line));
    gh_buf_puts(&l->text, "\r\n");
    if (has_body)
        gh_buf_puts(&l->text, line);
}

static void
read_file(load_t *l, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t room = 0, cap = 0;
    if (!f)
        die(path);
    while (getline(&line, &room, f) > 0) {
        if (l->n + 2 > cap) {
            cap = cap ? cap * 2 : 1024;
            l->at = realloc(l->at, cap * sizeof *l->at);
            if (!l->at)
                die("no memory");
        }
        add_request(l, line);
    }
    free(line);
    fclose(f);
    if (l->n == 0 || !gh_buf_ok(&l->text))
        die("no requests");
    l->at[l->n] = l->text.n;
}

/* ---- the run */

static gh_load_next_t
next(void *arg, int64_t now_us, gh_buf_t *request, void **tag, int64_t *wake_us)
{
    load_t *l = arg;
    if (over || (l->every_us == 0 && l->next == l->n))
        return GH_LOAD_END;
    if (l->first_us == 0)
        l->first_us = now_us;
    int64_t due = l->first_us + (int64_t)((double)l->next * l->every_us);
    if (due > now_us) {
        *wake_us = due;
        return GH_LOAD_WAIT;
    }
    size_t i = l->next++ % l->n;
    gh_buf_put(request, l->text.p + l->at[i], l->at[i + 1] - l->at[i]);
    *tag = (void *)(uintptr_t)i;
    return GH_LOAD_SEND;
}

/* The text of a member, without its quotes; "-" when there is none. */
static void
member(gh_str_t body, const char *name, char out[32])
{
    size_t n = strlen(name), k = 0;
    const char *p = memmem(body.p, body.n, name, n);
    const char *end = body.p + body.n;
    for (p = p ? p + n : end; p < end && k < 31 && *p != '"' && *p != ',' && *p != '}'; p++)
        out[k++] = *p;
    if (k == 0)
        out[k++] = '-';
    out[k] = '\0';
}

static void
done(void *arg, void *tag, const gh_load_reply_t *reply)
{
    load_t *l = arg;
    if (l->n_answers == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 4096;
        l->answers = realloc(l->answers, l->cap * sizeof *l->answers);
        if (!l->answers)
            die("no memory");
    }
    answer_t *a = &l->answers[l->n_answers++];
    *a = (answer_t){.sent_us = gh_mono_us() - reply->latency_us,
                    .latency_us = reply->latency_us,
                    .request = (uint32_t)(uintptr_t)tag,
                    .status = reply->status,
                    .code = "-"};
    char id[32];
    if (reply->status == 201) {
        member(reply->body, "\"id\":", id);
        a->made = strtoll(id, NULL, 10);
    } else if (reply->status >= 400)
        member(reply->body, "\"code\":\"", a->code);
}

static int64_t
number(const char *text, int64_t max)
{
    char *end;
    long long v = strtoll(text, &end, 10);
    if (*end || v < 1 || v > max)
        die("a number is out of bounds");
    return v;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {{"url", required_argument, NULL, 'u'},
                                            {"file", required_argument, NULL, 'f'},
                                            {"connections", required_argument, NULL, 'c'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    static load_t l;
    gh_load_options_t opt = {.connections = 1, .timeout_ms = 30000};
    const char *file = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'u')
            opt.url = optarg;
        else if (c == 'f')
            file = optarg;
        else if (c == 'c')
            opt.connections = (int)number(optarg, 10000);
        else if (c == 'r')
            l.every_us = 1e6 / (double)number(optarg, 100000);
        else
            die("--url, --file, --connections, --rate");
    }
    if (!opt.url || !file)
        die("--url and --file are needed");
    read_file(&l, file);
    signal(SIGTERM, on_signal);
    if (gh_load_run(&opt, &(gh_load_ops_t){.next = next, .done = done}, &l) != 0)
        return 1;
    for (size_t i = 0; i < l.n_answers; i++) {
        const answer_t *a = &l.answers[i];
        printf("%u %lld %lld %d %s %lld\n", a->request, (long long)a->sent_us, (long long)a->latency_us,
               a->status, a->code, (long long)a->made);
    }
    gh_buf_fini(&l.text);
    free(l.at);
    free(l.answers);
    return fflush(stdout) != 0;
}
