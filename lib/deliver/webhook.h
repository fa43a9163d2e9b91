/*
 * lib/deliver/webhook.h - short messages by a provider's HTTP interface
 */
#ifndef GH_DELIVER_WEBHOOK_H
#define GH_DELIVER_WEBHOOK_H

#include "base/buf.h"
#include "deliver/sender.h"

/* POST a message as JSON to sms.url, with the token of sms.token_file as bearer. Done when the answer is 2xx; redirections
 * are not followed. In production only https. -1 with the reason in why, which holds nothing of the message. */
int gh_webhook_deliver(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop,
                       char why[200]) GH_MUSTCHECK;

/* Pure: the body. Each {phone} and {text} of the template becomes the value, escaped as within a JSON string; an empty
 * template is {"phone": "{phone}", "text": "{text}"}. */
void gh_webhook_body(gh_buf_t *out, const char *tmpl, gh_str_t phone, gh_str_t text);

#endif
