/*
 * lib/deliver/transfer.c - see transfer.h
 */
#include "deliver/transfer.h"

static int
keep_on(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load((const atomic_bool *)arg) ? 1 : 0;
}

void
gh_transfer_set(CURL *curl, const atomic_bool *stop, long timeout_s, const char *ca_file)
{
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
    if (*ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
}

void
gh_transfer_escape(gh_buf_t *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            gh_buf_putc(out, *text);
        else
            gh_buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}
