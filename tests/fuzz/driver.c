/*
 * tests/fuzz/driver.c - a small mutation fuzzer for LLVMFuzzerTestOneInput() functions, where libFuzzer is
 * not at hand
 *
 *   fuzz_x [seconds] [seed] [FILE...]     default: 5 seconds; FILEs are run once as they are (to repeat a finding)
 *
 * Inputs start as the target's own examples (fuzz_examples) and are bent: bits, bytes, lengths, splices,
 * repeats. Those that were accepted are kept as new material. The input in hand is written to fuzz-crash.bin
 * when the process dies. Built with AddressSanitizer and UBSan; the data handed over is an exact heap copy,
 * so that one byte too far is seen.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX (64u << 10)
#define POOL_MAX  512

typedef struct input {
    uint8_t *p;
    size_t n;
} input_t;

static input_t pool[POOL_MAX];
static size_t n_pool;
static uint64_t rng = 88172645463325252u;
static const uint8_t *in_hand;
static size_t in_hand_n;

static uint64_t
s_random(uint64_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return below ? rng % below : 0;
}

void
fuzz_add(const void *data, size_t n)
{
    if (n > INPUT_MAX)
        return;
    size_t at = n_pool < POOL_MAX ? n_pool++ : (size_t)s_random(POOL_MAX);
    free(pool[at].p);
    pool[at] = (input_t){malloc(n ? n : 1), n};
    if (!pool[at].p)
        abort();
    memcpy(pool[at].p, data, n);
}

static void
s_save(void)
{
    int fd = open("fuzz-crash.bin", O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd >= 0 && write(fd, in_hand, in_hand_n) >= 0)
        close(fd);
}

static void
s_on_death(int sig)
{
    s_save();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* AddressSanitizer calls this when it has found something. */
void __asan_on_error(void);
void
__asan_on_error(void)
{
    s_save();
}

/* One change of the input, in place; the new length. */
static size_t
s_bend(uint8_t *p, size_t n)
{
    static const uint8_t interesting[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xc0, 0xc4, 0xd9, 0xdb, 0xdc,
                                          0xdd, 0xde, 0xdf, 0x9f, 0x8f, '{',  '[',  '"',  '\\', ','};
    size_t at = (size_t)s_random(n), many = 1 + (size_t)s_random(16);
    switch (n ? s_random(8) : 6) {
    case 0:
        p[at] ^= (uint8_t)(1u << s_random(8));
        return n;
    case 1:
        p[at] = (uint8_t)s_random(256);
        return n;
    case 2:
        p[at] = interesting[s_random(sizeof interesting)];
        return n;
    case 3: /* cut the end */
        return at;
    case 4: /* drop a piece */
        many = many < n - at ? many : n - at;
        memmove(p + at, p + at + many, n - at - many);
        return n - many;
    case 5: /* repeat a piece */
        many = many < n - at ? many : n - at;
        if (n + many > INPUT_MAX)
            return n;
        memmove(p + at + many, p + at, n - at);
        return n + many;
    case 6: /* put bytes in */
        if (n + many > INPUT_MAX)
            return n;
        memmove(p + at + many, p + at, n - at);
        for (size_t i = 0; i < many; i++)
            p[at + i] = (uint8_t)(s_random(2) ? s_random(256) : interesting[s_random(sizeof interesting)]);
        return n + many;
    default: { /* splice with another input */
        const input_t *other = &pool[s_random(n_pool)];
        size_t from = (size_t)s_random(other->n), take = other->n - from;
        take = take < INPUT_MAX - at ? take : INPUT_MAX - at;
        if (take)
            memcpy(p + at, other->p + from, take);
        return at + take;
    }
    }
}

static int
s_run(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        abort();
    memcpy(exact, data, n);
    in_hand = exact;
    in_hand_n = n;
    int rc = LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return rc;
}

static int
s_run_file(const char *path)
{
    static uint8_t data[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    size_t n = fread(data, 1, sizeof data, f);
    fclose(f);
    printf("%s: %d\n", path, s_run(data, n));
    return 0;
}

static double
s_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
    double limit = argc > 1 ? strtod(argv[1], NULL) : 5.0;
    if (argc > 2 && strtoull(argv[2], NULL, 0))
        rng = strtoull(argv[2], NULL, 0);
    static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        signal(deadly[i], s_on_death);
    fuzz_examples();
    for (int i = 3; i < argc; i++)
        if (s_run_file(argv[i]) != 0)
            return 1;
    if (argc > 3)
        return 0;
    size_t examples = n_pool;
    for (size_t i = 0; i < examples; i++)
        if (s_run(pool[i].p, pool[i].n) < 0) {
            fprintf(stderr, "example %zu is not accepted\n", i);
            return 1;
        }
    static uint8_t work[INPUT_MAX];
    unsigned long runs = 0, accepted = 0;
    for (double until = s_seconds() + limit; runs % 256 || s_seconds() < until; runs++) {
        const input_t *from = &pool[s_random(n_pool)];
        size_t n = from->n;
        memcpy(work, from->p, n);
        for (uint64_t bends = 1 + s_random(4); bends; bends--)
            n = s_bend(work, n);
        if (s_run(work, n) == 0) {
            accepted++;
            if (s_random(64) == 0)
                fuzz_add(work, n);
        }
    }
    printf("%s: %lu inputs, %lu accepted, no finding\n", argv[0], runs, accepted);
    for (size_t i = 0; i < n_pool; i++)
        free(pool[i].p);
    return 0;
}
