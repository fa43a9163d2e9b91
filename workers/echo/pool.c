/*
 * workers/echo/pool.c - gives back what it gets: for benches and tests of everything but the database
 *
 * Its operations stand in tests/bench/openapi/, which is loaded when front.contract_extra names it.
 */
#include "workers/echo/pool.h"

static gh_step_t
step_echo(gh_batch_t *b)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        gh_mp_t body = gh_mp_get(job->args, "body");
        if (job->done)
            continue;
        gh_buf_clear(&text);
        if (gh_mp_type(body) == GH_MP_NONE)
            gh_buf_puts(&text, "null");
        else
            gh_mp_to_json(body, &text);
        if (gh_buf_ok(&text))
            gh_job_ok(b, job, 0, gh_buf_view(&text));
        else
            gh_job_refuse(b, job, GH_E_INTERNAL, NULL);
    }
    return GH_STEP_DONE;
}

static const gh_op_t ops[] = {
    {.name = "echo.echo", .kind = GH_OP_READ, .batch = "echo", .step = step_echo},
    {.name = "echo.echo_auth", .kind = GH_OP_READ, .batch = "echo", .step = step_echo},
    {0},
};

const gh_pool_t gh_pool_echo = {.name = "echo", .ops = ops, .no_database = true};
