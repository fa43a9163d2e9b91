/*
 * tests/unit/unit.h - what every unit test includes before its own headers
 */
#ifndef GH_TESTS_UNIT_H
#define GH_TESTS_UNIT_H

/* clang-format off: cmocka needs these before itself */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/gh.h"

#define assert_span(span, text)                                                                              \
    do {                                                                                                     \
        gh_str_t span_ = (span);                                                                             \
        assert_int_equal(span_.n, strlen(text));                                                             \
        assert_memory_equal(span_.p, (text), span_.n);                                                       \
    } while (0)

#endif
