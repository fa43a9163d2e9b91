/*
 * tests/bench/kore_alone.c - Kore by itself: a JSON answer from a handler, nothing behind it (make bench, case c)
 */
#include <kore/kore.h>
#include <kore/http.h>

int alone(struct http_request *);

int
alone(struct http_request *req)
{
    static const char body[] = "{\"text\":\"hello\",\"number\":42}";
    http_response_header(req, "content-type", "application/json");
    http_response(req, 200, body, sizeof body - 1);
    return KORE_RESULT_OK;
}
