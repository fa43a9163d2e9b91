/*
 * ops/cmd/progress.c - see progress.h
 */
#include "ops/cmd/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/timez.h"

void
gh_progress_begin(gh_progress_t *p, const gh_cmd_t *c, const char *label, int64_t total)
{
    *p = (gh_progress_t){.on = !c->quiet,
                         .tty = isatty(STDERR_FILENO) == 1,
                         .label = label,
                         .total = total,
                         .started_ms = gh_mono_ms()};
}

void
gh_progress_at(gh_progress_t *p, int64_t done)
{
    int64_t now = gh_mono_ms();
    if (!p->on || !p->tty || now - p->shown_ms < 100)
        return;
    p->shown_ms = now;
    if (p->total > 0)
        fprintf(stderr, "\r  %-14s %9lld / %lld  %3lld%% ", p->label, (long long)done, (long long)p->total,
                (long long)(done * 100 / p->total));
    else
        fprintf(stderr, "\r  %-14s %9lld ", p->label, (long long)done);
}

void
gh_progress_end(gh_progress_t *p, int64_t rows)
{
    if (p->on)
        fprintf(stderr, "%s  %-14s %9lld  %7.2f s\n", p->tty ? "\r\033[K" : "", p->label, (long long)rows,
                (double)(gh_mono_ms() - p->started_ms) / 1000);
}
