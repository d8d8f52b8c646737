/* crew.c - one queue, one lock: jobs are long, so neither is ever fought for. */
#include <pthread.h>
#include <signal.h>

#include "base/crew.h"

enum { STACK_BYTES = 4 << 20 };

struct member {
    struct crew *crew;
    pthread_t    thread;
    int          who;
};

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t  given, done;
    struct crew_job     *first, *last;
    bool            ends;
    int             n;                         /* threads; 0: the caller does it all */
    struct member   member[CREW_MAX];
};

static void *work(void *arg)
{
    struct member *m = arg;
    struct crew *c = m->crew;

    pthread_mutex_lock(&c->lock);
    for (;;) {
        struct crew_job *j = c->first;
        if (!j && c->ends)
            break;
        if (!j) {
            pthread_cond_wait(&c->given, &c->lock);
            continue;
        }
        c->first = j->next;
        pthread_mutex_unlock(&c->lock);
        j->run(j, m->who);
        pthread_mutex_lock(&c->lock);
        j->done = true;
        pthread_cond_signal(&c->done);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Signals are the main thread's: only it waits for others than us. */
static void hire(struct crew *c, int threads)
{
    sigset_t ours, before;
    pthread_attr_t attr;

    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    if (pthread_attr_init(&attr) == 0) {
        pthread_attr_setstacksize(&attr, STACK_BYTES);
        for (; c->n < threads; c->n++) {
            struct member *m = &c->member[c->n];
            *m = (struct member){ .crew = c, .who = c->n };
            if (pthread_create(&m->thread, &attr, work, m) != 0)
                break;
        }
        pthread_attr_destroy(&attr);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum st crew_new(struct crew **to, int64_t threads, struct arena *a)
{
    struct crew *c = *to = ARENA_NEW(a, struct crew, 1);

    BUG_IF(threads < 1);
    if (!c)
        return ST_SYS;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->given, NULL);
    pthread_cond_init(&c->done, NULL);
    if (threads > 1)
        hire(c, (int)MIN(threads, CREW_MAX));
    return ST_OK;
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ends = true;
    pthread_cond_broadcast(&c->given);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < c->n; i++)
        pthread_join(c->member[i].thread, NULL);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->given);
    pthread_cond_destroy(&c->done);
}

int crew_size(const struct crew *c)
{
    return MAX(c->n, 1);
}

void crew_give(struct crew *c, struct crew_job *j)
{
    j->done = false;
    j->next = NULL;
    if (c->n == 0) {
        j->run(j, 0);
        j->done = true;
        return;
    }
    pthread_mutex_lock(&c->lock);
    if (c->first)
        c->last->next = j;
    else
        c->first = j;
    c->last = j;
    pthread_cond_signal(&c->given);
    pthread_mutex_unlock(&c->lock);
}

void crew_wait(struct crew *c, struct crew_job *j)
{
    if (c->n == 0)
        return;
    pthread_mutex_lock(&c->lock);
    while (!j->done)
        pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
}
