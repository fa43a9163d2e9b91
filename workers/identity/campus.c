/*
 * workers/identity/campus.c - asking the campus directory; see the header
 */
#include "workers/identity/campus.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "deliver/transfer.h"

#define ANSWER_MAX 65536
#define FILE_MAX   (4 << 20)

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

static size_t
keep(char *p, size_t size, size_t n, void *arg)
{
    gh_buf_t *answer = arg;
    if (answer->n + size * n > ANSWER_MAX)
        return 0;
    gh_buf_put(answer, p, size * n);
    return gh_buf_ok(answer) ? size * n : 0;
}

static CURLcode
post(const gh_campus_ask_t *ask, gh_str_t body, gh_buf_t *answer, long *status)
{
    static const atomic_bool never_stop = false;
    bool production = strcmp(gh_conf_str(ask->conf, "system.mode"), "production") == 0;
    struct curl_slist *lines = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    if (curl && lines) {
        gh_transfer_set(curl, &never_stop, (long)gh_conf_int(ask->conf, "campus.timeout_s"),
                        gh_conf_str(ask->conf, "campus.ca_file"));
        curl_easy_setopt(curl, CURLOPT_URL, gh_conf_str(ask->conf, "campus.url"));
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, production ? "https" : "http,https");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        rc = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    }
    curl_slist_free_all(lines);
    curl_easy_cleanup(curl);
    return rc;
}

static gh_campus_word_t
ask_http(gh_campus_ask_t *ask)
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, answer GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    long status = 0;
    gh_json_init(&json, &body);
    gh_json_obj(&json);
    gh_json_kstr(&json, "identifier", ask->identifier);
    gh_json_kstr(&json, "password", ask->password);
    gh_json_obj_end(&json);
    CURLcode rc = gh_buf_ok(&body) ? post(ask, gh_buf_view(&body), &answer, &status) : CURLE_OUT_OF_MEMORY;
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
