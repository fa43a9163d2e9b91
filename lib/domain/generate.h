/*
 * lib/domain/generate.h - first passwords made for people (US-04, US-10): pure, the randomness is an argument
 */
#ifndef GH_DOMAIN_GENERATE_H
#define GH_DOMAIN_GENERATE_H

#include "base/gh.h"

#define GH_MADE_PASSWORD 16 /* characters: about 93 bits */

/* A password of letters and digits that are not mistaken for one another, in groups of four, with all four kinds of
 * characters. random: one byte a character and spare ones, uniform. False when they did not do: try again with others. */
bool gh_password_make(const uint8_t *random, size_t n, char out[GH_MADE_PASSWORD + 4]) GH_MUSTCHECK;

#endif
