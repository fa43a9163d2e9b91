/*
 * workers/identity/hashing.c - whether one more job may hash passwords: the threads are few and bcrypt is slow
 */
#include "base/password.h"
#include "base/timez.h"
#include "workers/identity/identity.h"
#include "workers/identity/login_rules.h"

/* The batch has ended, however. */
static void
over(void *arg, bool committed)
{
    gh_checks_t *checks = arg;
    (void)committed;
    checks->open--;
}

bool
gh_hash_admit(gh_batch_t *b, int hashes)
{
    gh_checks_t *checks = gh_identity_checks(b);
    int64_t left_ms = b->jobs[0]->deadline_ms - gh_mono_ms() - (hashes - 1) * checks->mean_us / 1000;
    if (!gh_check_in_time(checks->open, gh_identity_of(b)->threads, checks->mean_us, left_ms)) {
        gh_job_refuse(b, b->jobs[0], GH_E_QUEUE_FULL, NULL);
        return false;
    }
    checks->open++;
    gh_batch_on_end(b, over, checks);
    return true;
}

void
gh_hash_took(gh_batch_t *b, int64_t took_us, int hashes)
{
    gh_checks_t *checks = gh_identity_checks(b);
    if (hashes > 0)
        checks->mean_us += (took_us / hashes - checks->mean_us) / 8;
}

/* On a thread. */
static void
make(void *arg)
{
    gh_hashing_t *h = arg;
    int64_t began = gh_mono_us();
    if (gh_password_hash(h->password, h->cost, h->hash))
        h->hash[0] = 0;
    h->took_us = gh_mono_us() - began;
}

bool
gh_hash_start(gh_batch_t *b, gh_hashing_t *h, gh_str_t password)
{
    if (!gh_hash_admit(b, 1))
        return false;
    h->password = password;
    h->cost = gh_identity_of(b)->cost;
    gh_batch_work(b, make, h);
    return true;
}
