/*
 * front/docs.c - the pages /docs and /redoc and their files (api/29 OP-05, OP-06)
 *
 * The files are read once, before the fork, so that workers share them and need no file system. Everything comes from this
 * server: the pages' Content-Security-Policy allows no other address and no inline script. Redoc writes style elements;
 * they carry a nonce that is new with each page.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/uuid7.h"
#include "front/front.h"

#define FILE_MAX   (16u << 20)
#define NONCE_MARK "@NONCE@"

typedef struct page_file {
    const char *name, *type;
    char *data;
    size_t n;
} page_file_t;

static page_file_t s_files[] = {
    {.name = "docs.html", .type = "text/html; charset=utf-8"},
    {.name = "redoc.html", .type = "text/html; charset=utf-8"},
    {.name = "docs.js", .type = "text/javascript; charset=utf-8"},
    {.name = "redoc.js", .type = "text/javascript; charset=utf-8"},
    {.name = "pages.css", .type = "text/css; charset=utf-8"},
    {.name = "swagger-ui-bundle.js", .type = "text/javascript; charset=utf-8"},
    {.name = "swagger-ui.css", .type = "text/css; charset=utf-8"},
    {.name = "redoc.standalone.js", .type = "text/javascript; charset=utf-8"},
};

/* Two style elements that Redoc's bundle makes before it knows the nonce: an empty one, and the bars of its menu. */
#define REDOC_STYLES                                                                                         \
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "                                                 \
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"

#define PAGES 2 /* the first of them: pages, the others are what they load */

/* ---- start */

static int
read_file(const char *dir, page_file_t *file)
{
    char path[PATH_MAX];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", dir, file->name) >= (int)sizeof path)
        return -1;
    FILE *f = fopen(path, "rbe");
    if (!f)
        return -1;
    if (fstat(fileno(f), &st) == 0 && st.st_size > 0 && st.st_size <= FILE_MAX &&
        (file->data = malloc((size_t)st.st_size)))
        file->n = fread(file->data, 1, (size_t)st.st_size, f);
    fclose(f);
    return file->n > 0 && file->n == (size_t)st.st_size ? 0 : -1;
}

/* Beside schema/ in an installation, below build/ in a checkout. */
static void
find_dir(char out[PATH_MAX])
{
    const char *const places[] = {"docs", "build/docs"};
    struct stat st;
    for (size_t i = 0; i < GH_COUNT(places); i++) {
        char page[PATH_MAX];
        snprintf(out, PATH_MAX, "%s/%s", gh_conf_share_dir(), places[i]);
        if (snprintf(page, sizeof page, "%s/%s", out, s_files[0].name) < (int)sizeof page &&
            stat(page, &st) == 0)
            return;
    }
}

void
front_docs_load(void)
{
    char dir[PATH_MAX] = "";
    find_dir(dir);
    for (size_t i = 0; i < GH_COUNT(s_files); i++)
        if (read_file(dir, &s_files[i])) {
            gh_log(GH_LOG_WARN, "docs_missing", GH_KS("dir", dir), GH_KS("file", s_files[i].name),
                   GH_KS("reason", errno ? strerror(errno) : "not a file of 1 byte to 16 MiB"));
            front_docs_free();
            return;
        }
}

void
front_docs_free(void)
{
    for (size_t i = 0; i < GH_COUNT(s_files); i++) {
        free(s_files[i].data);
        s_files[i].data = NULL;
        s_files[i].n = 0;
    }
}

/* ---- answers */

static void
serve_page(const front_ask_t *ask, const page_file_t *page)
{
    uint8_t id[2][16];
    char nonce[2][37];
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, lines GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    for (size_t i = 0; i < 2; i++) { /* two: 148 random bits */
        gh_uuid7_new(id[i]);
        gh_uuid_text(id[i], nonce[i]);
    }
    const char *mark = memmem(page->data, page->n, NONCE_MARK, strlen(NONCE_MARK));
    size_t before = mark ? (size_t)(mark - page->data) : page->n;
    gh_buf_put(&body, page->data, before);
    if (mark) {
        gh_buf_printf(&body, "%s%s", nonce[0], nonce[1]);
        gh_buf_put(&body, mark + strlen(NONCE_MARK), page->n - before - strlen(NONCE_MARK));
    }
    gh_buf_printf(&lines,
                  "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self' "
                  "'nonce-%s%s' " REDOC_STYLES
                  "; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
                  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n",
                  nonce[0], nonce[1]);
    front_answer(ask, 200, page->type, gh_buf_view(&lines), gh_buf_view(&body));
}

static void
serve_file(const front_ask_t *ask)
{
    gh_str_t path = ask->render.path;
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    gh_str_t name = slash ? (gh_str_t){slash + 1, path.n - (size_t)(slash + 1 - path.p)} : path;
    for (size_t i = PAGES; i < GH_COUNT(s_files); i++)
        if (s_files[i].data && gh_str_is(name, s_files[i].name)) {
            front_answer(ask, 200, s_files[i].type, GH_STR("cache-control: public, max-age=300\r\n"),
                         (gh_str_t){s_files[i].data, s_files[i].n});
            return;
        }
    front_answer_error(ask, GH_E_ROUTE_NOT_FOUND, NULL, NULL);
}

bool
front_docs_serve(const front_ask_t *ask)
{
    const char *const pages[PAGES] = {"front.get_docs", "front.get_redoc"};
    for (size_t i = 0; i < PAGES; i++)
        if (strcmp(ask->op->id, pages[i]) == 0) {
            if (s_files[i].data)
                serve_page(ask, &s_files[i]);
            else
                front_answer_error(ask, GH_E_ROUTE_NOT_FOUND, NULL, NULL);
            return true;
        }
    if (strcmp(ask->op->id, "front.get_docs_file") != 0)
        return false;
    serve_file(ask);
    return true;
}
