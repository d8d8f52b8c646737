/* bench.h - medians of runs that take turns, rows like those of a tokenized data set, and one line
 * per speed.
 *
 * A line of the table is what, ours, unit, yardstick, its figure and the goal, with tabs between;
 * tests/bench/run lays them out. */
#ifndef BENCH_H
#define BENCH_H

#include "base/rng.h"
#include "base/run.h"
#include "stream/io.h"

enum { BENCH_TURNS = 7 };

static int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double bench_median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, bench_by_value);
    return v[n / 2];
}

/* goal: ours over the yardstick's figure when `of`, else ours itself. */
static inline void bench_line(const char *what, double ours, const char *unit,
                              const char *yardstick, double theirs, double goal, bool of)
{
    double got = of ? ours / theirs : ours;
    printf("%s\t%.4g\t%s\t%s\t%.4g\t%.0f %%\t", what, ours, unit, yardstick, theirs,
           100 * ours / theirs);
    printf(of ? "%.2g of it\t%s\n" : "%.2g\t%s\n", goal, got >= goal ? "reached" : "missed");
}

static inline void bench_header(struct header *h)
{
    *h = (struct header){ .version = HEADER_VERSION, .width = 2, .vocab = 50257, .pad = -1 };
    h->n_sources = 1;
    h->source[0].src = VIEW("bench");
}

/* n sft records of 64 to 280 ids one behind the other: ids of falling frequency, and runs that come
 * again as those of a language do, so that zstd packs them about as it packs tokenized English (2.3
 * at level 1). */
static inline enum st bench_rows(struct buf *b, int64_t n_rows)
{
    static uint32_t old[1 << 16];
    uint64_t draw = 0;
    size_t n_old = 0;
    for (int64_t k = 0; k < n_rows; k++) {
        uint32_t id[280];
        uint8_t bytes[560];
        int64_t n = 64 + (int64_t)(rng(1, RNG_TEST, draw++) % 217);
        for (int64_t i = 0; i < n;) {
            uint64_t r = rng(1, RNG_TEST, draw++);
            int64_t run = 1 + (int64_t)(r % 7);
            bool again = n_old > 4096 && (r >> 8) % 100 < 40;
            size_t from = again ? (r >> 20) % (MIN(n_old, countof(old)) - 8) : 0;
            for (int64_t j = 0; j < run && i < n; j++, i++) {
                uint32_t word = (uint32_t)(50000 / (1 + rng(1, RNG_TEST, draw++) % 5000)) * 5 +
                                (uint32_t)(r >> 60);
                id[i] = (again ? old[from + (size_t)j] : word) % 50257;
                old[n_old++ % (size_t)countof(old)] = id[i];
            }
        }
        ids_put(bytes, id, n, 2);
        struct span trained = { n / 2, n };
        struct rec r = { .kind = REC_SFT, .src = VIEW("bench"), .id = (uint64_t)k, .w = 1,
                         .ids = { bytes, n, 2 }, .span = { &trained, 1, true } };
        enum st st = rec_write(b, &r, 2);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

#endif
