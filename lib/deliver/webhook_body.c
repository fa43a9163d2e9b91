/*
 * lib/deliver/webhook_body.c - the JSON of a short message: pure (webhook.h)
 */
#include "base/json.h"
#include "deliver/webhook.h"

#define TEMPLATE "{\"phone\": \"{phone}\", \"text\": \"{text}\"}"

/* A text as it stands within the quotes of a JSON string. */
static void
put_escaped(gh_buf_t *out, gh_str_t s)
{
    gh_buf_t quoted GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &quoted);
    gh_json_str(&j, s);
    if (gh_buf_ok(&quoted) && quoted.n >= 2)
        gh_buf_put(out, quoted.p + 1, quoted.n - 2);
    else
        out->failed = true;
    if (quoted.p)
        explicit_bzero(quoted.p, quoted.n);
}

void
gh_webhook_body(gh_buf_t *out, const char *tmpl, gh_str_t phone, gh_str_t text)
{
    static const char s_phone[] = "{phone}", s_text[] = "{text}";
    if (!*tmpl)
        tmpl = TEMPLATE;
    while (*tmpl) {
        if (strncmp(tmpl, s_phone, sizeof s_phone - 1) == 0) {
            put_escaped(out, phone);
            tmpl += sizeof s_phone - 1;
        } else if (strncmp(tmpl, s_text, sizeof s_text - 1) == 0) {
            put_escaped(out, text);
            tmpl += sizeof s_text - 1;
        } else {
            gh_buf_putc(out, *tmpl++);
        }
    }
}
