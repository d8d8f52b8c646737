/* cpu.h - what the CPU ops share: the device's scratch, its threads, small sums.
 *
 * Threads share out tasks whose every number is computed by one of them, in an order that the
 * shapes alone decide; so neither the number of threads nor who took which task shows in the
 * bits. */
#ifndef CPU_H
#define CPU_H

#include "math/cpu/vec.h"
#include "math/ops.h"

struct rope_table {                            /* cos and sin of every position met so far */
    float  *cos, *sin;                         /* [n_pos n_freq] */
    double *freq;                              /* [n_freq] they were made from */
    int64_t n_pos, n_freq;
};

struct dev_own {
    struct block     *blocks;                  /* all that dev_alloc gave, newest first */
    size_t            used_bytes, limit_bytes;
    void             *scratch;
    size_t            scratch_bytes;
    struct pool      *pool;                    /* the threads, from the first shared work on */
    struct rope_table rope;
    const struct gemm_kernel *gemm;            /* what its products are made by (gemm.h) */
    enum st           fault;                   /* kept for dev_sync() */
};

/* Scratch of at least n_bytes for the op that runs now, contents undefined; it grows to the largest
 * demand and stays.  NULL: the machine has not enough, the fault is kept, and the op leaves its
 * outputs as they are. */
void *cpu_scratch(struct dev *d, size_t n_bytes) must_use;

/* The most of it over a pass (dev.h); and what it is made of. */
size_t cpu_scratch_most(const struct dev *d, const struct dev_pass *p);
int64_t cpu_norm_parts(int64_t rows);          /* of a norm's weight gradient */
size_t cpu_logprob_bytes(const struct dev *d, int64_t n, int64_t V, int64_t D, bool back);

/* Runs task(of, i, worker) for i in [0, n), shared among the threads; worker < d->threads tells
 * whose scratch to use.  Returns when all are done.  The caller takes tasks too and never waits
 * for a thread that has not begun one: a machine with other work to do costs no more than its
 * share. */
void cpu_tasks(struct dev *d, int64_t n, void (*task)(void *of, int64_t i, int worker), void *of);

/* The same for n things of about `ns` nanoseconds each, cut into runs of whole `unit`s that are
 * worth a thread's while. */
void cpu_share(struct dev *d, int64_t n, int64_t unit, double ns,
               void (*part)(void *of, int64_t begin, int64_t end), void *of);

/* How many tasks work of `ns` nanoseconds is worth: some for each thread, none too small. */
int64_t cpu_worth(const struct dev *d, double ns);

/* Ends the threads; cpu_tasks() would start them again. */
void cpu_close(struct dev *d);

/* Part t of n things in whole blocks of `unit`, shared among `parts`. */
static inline int64_t cpu_part(int64_t n, int64_t unit, int64_t parts, int64_t t)
{
    int64_t blocks = (n + unit - 1) / unit;
    return MIN(n, blocks * t / parts * unit);
}

/* to[j] += the sum over i of x[i][ld] column j, for all j < D: in the order of i, in double. */
void cpu_columns(struct dev *d, float *to, const float *x, int64_t n, int64_t ld, int64_t D);

#endif
