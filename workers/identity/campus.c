/*
 * workers/identity/campus.c - asking the campus directory; see the header
 */
#include "workers/identity/campus.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "deliver/transfer.h"

#define FILE_MAX (4 << 20)

bool
gh_campus_offered(const gh_conf_t *conf)
{
    const char *word = gh_conf_str(conf, "campus.directory");
    bool production = strcmp(gh_conf_str(conf, "system.mode"), "production") == 0;
    /* passwords lie open in the file */
    return strcmp(word, "http") == 0 || (strcmp(word, "file") == 0 && !production);
}

/* ---- a file */

static gh_campus_word_t
ask_file(gh_campus_ask_t *ask)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    FILE *f = fopen(gh_conf_str(ask->conf, "campus.file"), "re");
    char *to = f ? gh_buf_reserve(&text, FILE_MAX) : NULL;
    if (to)
        text.n = fread(to, 1, FILE_MAX, f);
    if (f)
        fclose(f);
    gh_campus_word_t word = gh_campus_find(gh_buf_view(&text), ask->identifier, ask->password, &ask->person);
    if (word == GH_CAMPUS_SILENT)
        gh_log(GH_LOG_ERROR, "campus_file_unusable", GH_KS("file", gh_conf_str(ask->conf, "campus.file")));
    if (text.p)
        explicit_bzero(text.p, text.n);
    return word;
}

/* ---- HTTP */

static gh_campus_word_t
ask_http(gh_campus_ask_t *ask)
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, answer GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &body);
    gh_json_obj(&json);
    gh_json_kstr(&json, "identifier", ask->identifier);
    gh_json_kstr(&json, "password", ask->password);
    gh_json_obj_end(&json);
    const gh_transfer_t t = {.conf = ask->conf,
                             .url = gh_conf_str(ask->conf, "campus.url"),
                             .ca_file = gh_conf_str(ask->conf, "campus.ca_file"),
                             .timeout_s = (long)gh_conf_int(ask->conf, "campus.timeout_s"),
                             .body = gh_buf_view(&body),
                             .answer = &answer};
    long status = 0;
    CURLcode rc = gh_buf_ok(&body) ? gh_transfer_json(&t, &status) : CURLE_OUT_OF_MEMORY;
    if (body.p)
        explicit_bzero(body.p, body.n);
    if (rc == CURLE_OK && (status == 401 || status == 403))
        return GH_CAMPUS_REFUSED;
    if (rc == CURLE_OK && status == 200)
        return gh_campus_read(gh_buf_view(&answer), ask->identifier, &ask->person);
    gh_log(GH_LOG_ERROR, "campus_directory_silent", GH_KI("status", status),
           GH_KS("reason", rc == CURLE_OK ? "unexpected status" : curl_easy_strerror(rc)));
    return GH_CAMPUS_SILENT;
}

void
gh_campus_ask(void *arg)
{
    gh_campus_ask_t *ask = arg;
    bool http = strcmp(gh_conf_str(ask->conf, "campus.directory"), "http") == 0;
    ask->word = http ? ask_http(ask) : ask_file(ask);
}
