/*
 * front/cookies.h - refresh tokens in cookies (cookie mode of api/20 section 5, R-16)
 *
 * Workers know of tokens, the front alone of cookies: a worker hands out a refresh token in the reply header
 * FRONT_COOKIE_HEADER, and gets it back as an ordinary body member. `__Host-refresh` is out of reach of scripts; `csrf` is for
 * the page to read and to send back in X-CSRF-Token, which pages of other sites cannot do.
 */
#ifndef GH_FRONT_COOKIES_H
#define GH_FRONT_COOKIES_H

#include "base/buf.h"

/* "<seconds> <token>"; never passed on as a header line. */
#define FRONT_COOKIE_HEADER "x-refresh-cookie"

/* Value of a cookie in a Cookie header (RFC 6265 section 4.2.1), empty when it is not there. */
gh_str_t front_cookie(gh_str_t header, const char *name);
/* The refresh token of the Cookie header; empty when there is none that could be one. */
gh_str_t front_cookie_refresh(gh_str_t header);
/* X-CSRF-Token is the csrf cookie's value. */
bool front_cookie_csrf_ok(gh_str_t header, gh_str_t csrf);
/* Set-Cookie lines for a worker's FRONT_COOKIE_HEADER: the token and a new csrf value. Nothing for another form. */
void front_cookies_put(gh_buf_t *lines, gh_str_t value);
/* Set-Cookie lines that end both. */
void front_cookies_clear(gh_buf_t *lines);

#endif
