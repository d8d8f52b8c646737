/* arr.h - arrays for tests of ops: the same numbers as float on the device and as double here.
 *
 * Inputs are drawn from a seed, the same in each run unless PLAIT_SEED gives another; it is told
 * where a test fails.  Outputs are poisoned, so that a number nobody wrote is a NaN, and a NaN
 * never passes.  The same tests run in every place of the program (place.h). */
#ifndef ARR_H
#define ARR_H

#include "base/rng.h"
#include "math/ops.h"
#include "tests/check.h"
#include "tests/unit/place.h"

struct arr { double *x; float *p; int64_t n; };    /* p on the device, which the host sees */

static struct arena *mem;
static struct dev   *dev;
static const struct place *place = places;         /* where the tests run now */
static uint64_t      seed, drawn;

static inline uint64_t draw(uint64_t below)
{
    return rng(seed, RNG_STREAM(RNG_TEST, 0), drawn++) % below;
}

static inline void *heap(size_t bytes)
{
    void *p = arena_get(mem, bytes);
    BUG_IF(!p);
    return p;
}

/* For what is neither: indices, keys, segments. */
static inline void *on_device(size_t bytes)
{
    void *p = dev_alloc(dev, bytes);
    BUG_IF(!p);
    return p;
}

/* n doubles; the floats are theirs rounded, and the doubles are rounded with them. */
static inline struct arr arr_of(int64_t n, double scale, bool poison)
{
    struct arr a = { heap((size_t)n * sizeof(double)), dev_alloc(dev, (size_t)n * sizeof(float)),
                     n };
    BUG_IF(!a.p);
    for (int64_t i = 0; i < n; i++) {
        a.p[i] = poison ? NAN : (float)(scale * rng_normal(seed, RNG_STREAM(RNG_TEST, 1), drawn++));
        a.p[i] = place->coarse && !poison ? (float)((int)(a.p[i] * 16)) / 16 : a.p[i];
        a.x[i] = (double)a.p[i];
    }
    return a;
}

static inline struct arr fresh(int64_t n, double scale)
{
    return arr_of(n, scale, false);
}

static inline struct arr poisoned(int64_t n)
{
    return arr_of(n, 0, true);
}

/* The same floats again, for an op that writes in place. */
static inline struct arr copied(struct arr a)
{
    struct arr b = arr_of(a.n, 0, true);
    memcpy(b.p, a.p, (size_t)a.n * sizeof(float));
    memcpy(b.x, a.x, (size_t)a.n * sizeof(double));
    return b;
}

static inline int32_t *indices(int64_t n, int64_t below)
{
    int32_t *p = on_device((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (int32_t)draw((uint64_t)below);
    return p;
}

/* Every |p - x| at most tol times the largest |x|; `least`: or times that, where x is a
 * difference of numbers so large. */
#define NEAR(a, tol)           near_at(__FILE__, __LINE__, #a, (a).p, (a).x, (a).n, tol, 1e-30)
#define NEAR_OF(a, tol, least) near_at(__FILE__, __LINE__, #a, (a).p, (a).x, (a).n, tol, least)
static inline void near_at(const char *file, int line, const char *what, const float *p,
                           const double *x, int64_t n, double tol, double least)
{
    double top = least;
    for (int64_t i = 0; i < n; i++)
        top = fmax(top, fabs(x[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)p[i] - x[i]) <= tol * place->loose * top))
            check_failed(file, line, "%s: %s[%lld] is %.9g, not %.9g (largest %.3g, tolerance "
                         "%.1e); seed %llu", place->name, what, (long long)i, (double)p[i], x[i],
                         top, tol * place->loose, (unsigned long long)seed);
}

static inline bool same_bits(const float *a, const float *b, int64_t n)
{
    return memcmp(a, b, (size_t)n * sizeof(float)) == 0;
}

enum { LOOKS = 24 };                               /* numbers of a gradient looked at */

/* grad[i] = seed[i] + dL/dx[i] for numbers drawn from x, by central differences of loss(); tol
 * is relative to the largest. */
static inline void fd_check(const char *what, double (*loss)(void *), void *of, struct arr x,
                            struct arr grad, double tol)
{
    int64_t looks = MIN(LOOKS, x.n), at[LOOKS];
    double want[LOOKS], top = 0.1;               /* some are exactly 0 */

    for (int64_t i = 0; i < looks; i++) {
        at[i] = x.n <= LOOKS ? i : (int64_t)draw((uint64_t)x.n);
        double kept = x.x[at[i]], h = 1e-4;
        x.x[at[i]] = kept + h;
        double up = loss(of);
        x.x[at[i]] = kept - h;
        want[i] = (up - loss(of)) / (2 * h);
        x.x[at[i]] = kept;
        top = fmax(top, fabs(want[i]));
    }
    for (int64_t i = 0; i < looks; i++) {
        double got = (double)grad.p[at[i]] - grad.x[at[i]];
        if (!(fabs(got - want[i]) <= tol * place->loose * top + 1e-6 * fabs(grad.x[at[i]])))
            check_failed(__FILE__, __LINE__,
                         "%s: %s[%lld]: gradient %.9g, differences %.9g (largest %.3g); seed %llu",
                         place->name, what, (long long)at[i], got, want[i], top,
                         (unsigned long long)seed);
    }
}

/* A gradient that is written, not added to. */
static inline struct arr written(int64_t n)
{
    struct arr a = poisoned(n);
    memset(a.x, 0, (size_t)n * sizeof(double));
    return a;
}

static inline double weighed(const double *y, struct arr by)
{
    double sum = 0;
    for (int64_t i = 0; i < by.n; i++)
        sum += y[i] * by.x[i];
    return sum;
}

static inline void round_off(struct arr a)         /* the doubles become what the floats say */
{
    for (int64_t i = 0; i < a.n; i++)
        a.x[i] = (double)a.p[i];
}

/* Fills pos from the segments. */
static inline void forest_place(struct forest *f)
{
    int64_t *start = heap((size_t)(f->n_segs + 1) * sizeof *start);

    f->pos = on_device((size_t)(f->n_tokens + 1) * sizeof *f->pos);
    for (int64_t s = 0; s < f->n_segs; s++) {
        struct seg g = f->seg[s], up = g.parent < 0 ? (struct seg){ 0 } : f->seg[g.parent];
        start[s] = g.parent < 0 ? 0 : start[g.parent] + (up.end - up.begin);
        for (int32_t i = g.begin; i < g.end; i++)
            f->pos[i] = (int32_t)(start[s] + (i - g.begin));
    }
}

/* A forest of random trees over about n tokens: pairs, chains, empty segments, lone rows.  */
static inline struct forest random_forest(int64_t n)
{
    struct forest f = { 0 };
    int depth[64] = { 0 };
    f.seg = on_device(64 * sizeof *f.seg);
    while (f.n_segs < 64 && f.n_tokens < n) {
        int32_t parent = f.n_segs > 0 ? (int32_t)draw((uint64_t)f.n_segs + 2) - 2 : -1;
        if (parent < 0 || depth[parent] >= FOREST_DEPTH_MAX)
            parent = -1;
        int64_t len = draw(8) == 0 ? 0 : 1 + (int64_t)draw((uint64_t)n / 2 + 1);
        len = MIN(len, n - f.n_tokens);
        depth[f.n_segs] = parent < 0 ? 1 : depth[parent] + 1;
        f.seg[f.n_segs++] = (struct seg){ (int32_t)f.n_tokens, (int32_t)(f.n_tokens + len),
                                          parent };
        f.n_tokens += len;
    }
    forest_place(&f);
    return f;
}

static inline void arr_open(int threads)
{
    const char *other = getenv("PLAIT_SEED");
    if (!seed)
        seed = other ? strtoull(other, NULL, 10) : 1;
    if (!mem)
        mem = arena_new(0);
    CHECK_ST(place->open(&dev, place->name, threads, mem), ST_OK);
}

/* All arrays gone. */
static inline void arr_close(void)
{
    CHECK_ST(dev_sync(dev), ST_OK);
    dev_close(dev);
    arena_back(mem, 0);
}

static inline bool is_there(void)
{
    enum st st;

    if (!mem)
        mem = arena_new(0);
    st = place->open(&dev, place->name, 1, mem);
    if (st == ST_OK)
        dev_close(dev);
    err_clear();
    arena_back(mem, 0);
    return st == ST_OK;
}

/* All tests in every place, but those it leaves out. */
static inline int in_places(size_t n, const struct CMUnitTest *tests)
{
    int failed = 0;

    for (place = places; place->name; place++) {
        struct CMUnitTest some[64];
        size_t k = 0;
        if (place->spare && !is_there())
            continue;
        BUG_IF(n > 64);
        for (size_t i = 0; i < n; i++)
            if (!place->only || place->only(tests[i].name))
                some[k++] = tests[i];
        failed |= _cmocka_run_group_tests(place->name, some, k, NULL, NULL) != 0;
    }
    return failed;
}

#endif
