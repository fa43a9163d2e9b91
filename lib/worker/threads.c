/*
 * lib/worker/threads.c - a few threads for what would hold up the loop (password hashing, decisions 24)
 *
 * Bounded by itself: only jobs in hand submit work, and those are bounded by the credit.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/internal.h"

#define THREADS_MAX 64

typedef struct piece {
    struct piece *next;
    gh_batch_priv_t *batch;
    void (*work)(void *arg);
    void *arg;
} piece_t;

typedef struct queue {
    piece_t *head, **tail;
} queue_t;

struct gh_threads {
    gh_worker_t *worker;
    size_t want, n;
    pthread_t threads[THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool stop;
    queue_t todo, done; /* under lock */
    int fd;             /* eventfd: something is in done */
};

static void
put(queue_t *q, piece_t *p)
{
    p->next = NULL;
    *q->tail = p;
    q->tail = &p->next;
}

static piece_t *
get(queue_t *q)
{
    piece_t *p = q->head;
    if (p && !(q->head = p->next))
        q->tail = &q->head;
    return p;
}

static void *
thread_main(void *arg)
{
    gh_threads_t *t = arg;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        piece_t *p;
        while (!(p = get(&t->todo)) && !t->stop)
            pthread_cond_wait(&t->more, &t->lock);
        if (!p)
            break;
        pthread_mutex_unlock(&t->lock);
        p->work(p->arg);
        pthread_mutex_lock(&t->lock);
        put(&t->done, p);
        if (eventfd_write(t->fd, 1))
            gh_log(GH_LOG_ERROR, "eventfd");
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static int
on_done(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    gh_threads_t *t = arg;
    eventfd_t count;
    if (eventfd_read(t->fd, &count))
        return 0;
    for (;;) {
        pthread_mutex_lock(&t->lock);
        piece_t *p = get(&t->done);
        pthread_mutex_unlock(&t->lock);
        if (!p)
            break;
        gh_wpool_t *pool = p->batch->pool;
        p->batch->work_open--;
        if (p->batch->work_open == 0) {
            gh_exec_wait_over(p->batch);
            gh_pool_dispatch(pool);
        }
        free(p);
    }
    return 0;
}

gh_threads_t *
gh_threads_new(gh_worker_t *w, size_t n)
{
    gh_threads_t *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->worker = w;
    t->want = n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
    t->todo.tail = &t->todo.head;
    t->done.tail = &t->done.head;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->more, NULL);
    t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->fd < 0) {
        gh_threads_destroy(&t);
        return NULL;
    }
    zmq_pollitem_t item = {NULL, t->fd, ZMQ_POLLIN, 0};
    zloop_poller(w->loop, &item, on_done, t);
    zloop_poller_set_tolerant(w->loop, &item);
    return t;
}

void
gh_threads_destroy(gh_threads_t **t_p)
{
    gh_threads_t *t = *t_p;
    *t_p = NULL;
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_broadcast(&t->more);
    pthread_mutex_unlock(&t->lock);
    for (size_t i = 0; i < t->n; i++)
        pthread_join(t->threads[i], NULL);
    for (piece_t *p; (p = get(&t->done));)
        free(p);
    if (t->fd >= 0)
        close(t->fd);
    pthread_cond_destroy(&t->more);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

int
gh_threads_submit(gh_threads_t *t, gh_batch_priv_t *b, void (*work)(void *), void *arg)
{
    /* threads start with the first work: most pools never need any */
    while (t->n < t->want && pthread_create(&t->threads[t->n], NULL, thread_main, t) == 0)
        t->n++;
    piece_t *p = t->n > 0 ? malloc(sizeof(*p)) : NULL;
    if (!p)
        return -1;
    *p = (piece_t){NULL, b, work, arg};
    b->work_open++;
    pthread_mutex_lock(&t->lock);
    put(&t->todo, p);
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
    return 0;
}
