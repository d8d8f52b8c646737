/* pool.c - the threads of a device, and work shared among them.
 *
 * One word says it all: the number of the job and how many of its tasks nobody has taken.
 * Taking a task is a compare-and-swap on it, so a thread that was away for three jobs cannot
 * take an old one. The caller works too and at the end waits for tasks that were begun, not for
 * threads: OpenMP's barrier waits for every thread, and on a machine with other work to do that
 * costs a time slice at each of the hundred small loops of a step.
 *
 * A thread without work looks for some for a while, then sleeps.  Threads take no signals: those
 * belong to whoever reads and writes. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "math/cpu/cpu.h"

#define LOOKS      20000                       /* before a thread sleeps */
#define WORTH_NS   10000.0                     /* of a task: taking one costs some 100 */
#define PER_THREAD 4                           /* tasks: a slow thread leaves some to others */

struct pool {
    _Atomic uint64_t open;                     /* job << 32 | tasks not taken */
    _Atomic int64_t  done;                     /* tasks of this job that are finished */
    _Atomic int      asleep;
    _Atomic bool     quit;
    int64_t          n;                        /* the job: fixed while a task of it runs */
    void           (*task)(void *of, int64_t i, int worker);
    void            *of;
    pthread_mutex_t  lock;
    pthread_cond_t   wake;
    int              n_threads;                /* besides the caller */
    struct worker { pthread_t thread; struct pool *pool; int id; } worker[];
};

static void rest(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Takes and runs one task; false: there is none. */
static bool take(struct pool *p, int worker)
{
    uint64_t open = atomic_load_explicit(&p->open, memory_order_acquire);

    do {
        if ((uint32_t)open == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&p->open, &open, open - 1, memory_order_acq_rel,
                                                    memory_order_acquire));
    p->task(p->of, p->n - (int64_t)(uint32_t)open, worker);
    atomic_fetch_add_explicit(&p->done, 1, memory_order_release);
    return true;
}

static bool idle(struct pool *p)
{
    return (uint32_t)atomic_load(&p->open) == 0 && !atomic_load(&p->quit);
}

static void *serve(void *of)
{
    struct worker *w = of;
    struct pool *p = w->pool;

    while (!atomic_load(&p->quit)) {
        int looks = 0;
        while (take(p, w->id))
            looks = 0;
        for (; looks < LOOKS && idle(p); looks++)
            rest();
        if (looks < LOOKS)
            continue;
        pthread_mutex_lock(&p->lock);
        atomic_fetch_add(&p->asleep, 1);
        while (idle(p))
            pthread_cond_wait(&p->wake, &p->lock);
        atomic_fetch_sub(&p->asleep, 1);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

static void wake(struct pool *p)
{
    if (atomic_load(&p->asleep) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

/* Threads that cannot be had are done without. */
static struct pool *pool_open(struct dev *d)
{
    size_t threads = (size_t)(d->threads - 1);
    struct pool *p = dev_alloc(d, sizeof(*p) + threads * sizeof(p->worker[0]));
    sigset_t all, kept;

    if (!p) {
        d->own->fault = ST_SYS;
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    for (; p->n_threads < d->threads - 1; p->n_threads++) {
        struct worker *w = &p->worker[p->n_threads];
        *w = (struct worker){ .pool = p, .id = p->n_threads + 1 };
        if (pthread_create(&w->thread, NULL, serve, w) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return p;
}

void cpu_tasks(struct dev *d, int64_t n, void (*task)(void *of, int64_t i, int worker), void *of)
{
    BUG_IF(n > INT32_MAX);
    if (n > 1 && d->threads > 1 && !d->own->pool)
        d->own->pool = pool_open(d);
    struct pool *p = d->own->pool;
    if (n <= 1 || d->threads <= 1 || !p) {
        for (int64_t i = 0; i < n; i++)
            task(of, i, 0);
        return;
    }
    p->n = n;
    p->task = task;
    p->of = of;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    uint64_t job = (atomic_load_explicit(&p->open, memory_order_relaxed) >> 32) + 1;
    atomic_store(&p->open, job << 32 | (uint64_t)n);
    wake(p);
    while (take(p, 0))
        ;
    for (int looks = 0; atomic_load_explicit(&p->done, memory_order_acquire) < n; looks++)
        if (looks < LOOKS / 10)
            rest();
        else
            sched_yield();
}

void cpu_close(struct dev *d)
{
    struct pool *p = d->own->pool;

    if (!p)
        return;
    atomic_store(&p->quit, true);
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->worker[i].thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    dev_free(d, p);
    d->own->pool = NULL;
}

int64_t cpu_worth(const struct dev *d, double ns)
{
    double most = (double)d->threads * PER_THREAD, worth = ns / WORTH_NS;

    return d->threads == 1 || !(worth >= 2) ? 1 : (int64_t)(worth < most ? worth : most);
}

struct share {
    int64_t n, unit, parts;
    void  (*part)(void *of, int64_t begin, int64_t end);
    void   *of;
};

static void one_part(void *of, int64_t i, int worker)
{
    const struct share *s = of;
    int64_t begin = cpu_part(s->n, s->unit, s->parts, i),
            end = cpu_part(s->n, s->unit, s->parts, i + 1);

    (void)worker;
    if (begin < end)
        s->part(s->of, begin, end);
}

void cpu_share(struct dev *d, int64_t n, int64_t unit, double ns,
               void (*part)(void *of, int64_t begin, int64_t end), void *of)
{
    struct share s = { n, unit, MIN(cpu_worth(d, ns * (double)n), (n + unit - 1) / unit), part,
                       of };

    if (n > 0)
        cpu_tasks(d, MAX(1, s.parts), one_part, &s);
}

struct columns { float *to; const float *x; int64_t n, ld, D; };

static void columns_part(void *of, int64_t begin, int64_t end)
{
    const struct columns *k = of;

    for (int64_t j = begin; j < end; j += LANES) {
        vecd lo = { 0 }, hi = { 0 };
        for (int64_t i = 0; i < k->n; i++) {
            vec x = v_row(k->x + i * k->ld, j, end);
            lo += v_wide(x, 0);
            hi += v_wide(x, 1);
        }
        for (int64_t l = 0; l < MIN(LANES, end - j); l++)
            k->to[j + l] += (float)(l < LANES / 2 ? lo[l] : hi[l - LANES / 2]);
    }
}

void cpu_columns(struct dev *d, float *to, const float *x, int64_t n, int64_t ld, int64_t D)
{
    cpu_share(d, D, LANES, 0.1 * (double)n, columns_part, &(struct columns){ to, x, n, ld, D });
}
