/*
 * tests/fuzz/fuzz.h - what a fuzz target gives to the driver (driver.c, or libFuzzer with -fsanitize=fuzzer)
 */
#ifndef GH_TESTS_FUZZ_H
#define GH_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* 0: accepted, -1: refused. Must not crash, hang or read outside data, whatever it is. Also checks that
 * what was accepted holds what the interface promises, and aborts otherwise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
/* Hand good inputs to fuzz_add(). */
void fuzz_examples(void);
void fuzz_add(const void *data, size_t n);

/* An invariant of the target. */
#define FUZZ_CHECK(x)                                                                                        \
    do {                                                                                                     \
        if (!(x))                                                                                            \
            __builtin_trap();                                                                                \
    } while (0)

#endif
