/*
 * lib/base/mail.c - see mail.h
 */
#include "base/mail.h"

#include <openssl/evp.h>

#include "base/timez.h"

#define TEXT_LINE 57 /* bytes that make a base64 line of 76 */
#define WORD_MAX  42 /* bytes of one encoded word: 56 of base64 and 12 of frame, below the limit of 75 */

bool
gh_mail_address_ok(gh_str_t t)
{
    const char *at = t.n ? memchr(t.p, '@', t.n) : NULL;
    if (!at || at == t.p || memchr(at + 1, '@', t.n - (size_t)(at + 1 - t.p)))
        return false;
    gh_str_t host = {at + 1, t.n - (size_t)(at + 1 - t.p)};
    const char *dot = memchr(host.p, '.', host.n);
    for (size_t i = 0; i < t.n; i++)
        if ((unsigned char)t.p[i] <= ' ' || t.p[i] == '<' || t.p[i] == '>' || t.p[i] == 0x7f)
            return false;
    return dot && dot != host.p && host.p[host.n - 1] != '.' && t.n <= GH_MAIL_ADDRESS_MAX;
}

static void
base64(gh_buf_t *out, const char *p, size_t n)
{
    unsigned char text[4 * ((TEXT_LINE + 2) / 3) + 1];
    int len = EVP_EncodeBlock(text, (const unsigned char *)p, (int)n);
    gh_buf_put(out, text, (size_t)len);
}

/* Encoded words may not break a character (RFC 2047 section 5). */
static size_t
word_length(gh_str_t s)
{
    size_t n = s.n < WORD_MAX ? s.n : WORD_MAX;
    while (n < s.n && n > 1 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void
put_subject(gh_buf_t *out, gh_str_t s)
{
    gh_buf_puts(out, "Subject:");
    while (s.n > 0) {
        size_t n = word_length(s);
        gh_buf_puts(out, " =?UTF-8?B?");
        base64(out, s.p, n);
        s.p += n;
        s.n -= n;
        gh_buf_puts(out, s.n ? "?=\r\n" : "?=");
    }
    gh_buf_puts(out, "\r\n");
}

static void
put_date(gh_buf_t *out, int64_t at_us)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    gh_civil_t c = gh_tz_civil(at_us);
    int minutes = c.offset_s / 60, size = minutes < 0 ? -minutes : minutes;
    gh_buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d %c%02d%02d\r\n",
                  days[gh_day_weekday(gh_tz_day(at_us)) - 1], c.day, months[c.month - 1], c.year, c.hour,
                  c.minute, c.second, minutes < 0 ? '-' : '+', size / 60, size % 60);
}

/* Base64 of the text with its lines ended by CR LF (RFC 2045 section 6.8). */
static void
put_text(gh_buf_t *out, gh_str_t text)
{
    gh_buf_t lines GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
            gh_buf_putc(&lines, '\r');
        gh_buf_putc(&lines, text.p[i]);
    }
    out->failed |= lines.failed;
    for (size_t at = 0; at < lines.n; at += TEXT_LINE) {
        base64(out, lines.p + at, lines.n - at < TEXT_LINE ? lines.n - at : TEXT_LINE);
        gh_buf_puts(out, "\r\n");
    }
    if (lines.p)
        explicit_bzero(lines.p, lines.n);
}

int
gh_mail_compose(gh_buf_t *out, const gh_mail_t *mail)
{
    if (!gh_mail_address_ok(gh_str(mail->from)) || !gh_mail_address_ok(gh_str(mail->to)))
        return -1;
    put_date(out, mail->at_us);
    gh_buf_printf(out, "From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s%s>\r\n", mail->from, mail->to, mail->id,
                  strchr(mail->from, '@'));
    put_subject(out, mail->subject);
    gh_buf_puts(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    put_text(out, mail->text);
    return gh_buf_ok(out) ? 0 : -1;
}
