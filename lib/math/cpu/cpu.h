/* cpu.h - what the CPU ops share: the device's scratch, how many threads a piece of work is worth, and small products.
 *
 * Threads share out work whose every number is computed by one of them in an order that the shapes alone decide; so the
 * number of threads, and whether there is a parallel region at all, never shows in the bits. */
#ifndef CPU_H
#define CPU_H

#include "math/ops.h"
#include "math/cpu/vec.h"

struct rope_table {                            /* cos and sin of every position met so far */
    float  *cos, *sin;                         /* [n_pos n_freq], both from dev_alloc */
    double *freq;
    int64_t n_pos, n_freq;
};

struct dev_own {
    struct block     *blocks;                  /* all that dev_alloc gave, newest first */
    size_t            used_bytes, limit_bytes;
    void             *scratch;
    size_t            scratch_bytes;
    struct rope_table rope;
    enum st           fault;                   /* kept for dev_sync() */
};

/* Scratch of at least n_bytes for the op that runs now, contents undefined; it grows to the largest demand and stays.
 * NULL: the machine has not enough, the fault is kept, and the op leaves its outputs as they are. */
void *cpu_scratch(struct dev *d, size_t n_bytes) must_use;

/* How many threads work of about `ns` nanoseconds is worth: a parallel region costs a few microseconds. */
static inline int cpu_team(const struct dev *d, double ns)
{
    double worth = ns / 4000;
    return worth < 2 ? 1 : worth < d->threads ? (int)worth : d->threads;
}

/* Part t of n things in whole blocks of `unit`, shared among `parts`. */
static inline int64_t cpu_part(int64_t n, int64_t unit, int64_t parts, int64_t t)
{
    int64_t blocks = (n + unit - 1) / unit;
    return MIN(n, blocks * t / parts * unit);
}

#define PARALLEL(team) _Pragma("omp parallel for num_threads(team) if(team > 1) schedule(static)")

#endif
