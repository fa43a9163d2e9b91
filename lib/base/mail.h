/*
 * lib/base/mail.h - mail addresses and mail messages
 */
#ifndef GH_BASE_MAIL_H
#define GH_BASE_MAIL_H

#include "base/buf.h"

#define GH_MAIL_ADDRESS_MAX 254 /* RFC 5321 section 4.5.3.1.3 with its erratum 1690 */

/* Is this a mail address as people have them: one '@', something before it, a host with a dot behind it, no blanks, control
 * characters or angle brackets? */
bool gh_mail_address_ok(gh_str_t address);

typedef struct gh_mail {
    const char *from, *to;  /* addresses alone */
    gh_str_t subject, text; /* UTF-8 */
    int64_t at_us;          /* Date */
    const char *id;         /* left part of the Message-ID */
} gh_mail_t;

/* Append the message as it goes over the wire: RFC 5322 headers, RFC 2047 subject, text as base64 of UTF-8, lines ended by
 * CR LF. -1 when an address is none, so that nothing can be smuggled into the headers, or memory ran out. */
int gh_mail_compose(gh_buf_t *out, const gh_mail_t *mail) GH_MUSTCHECK;

#endif
