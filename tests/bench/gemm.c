/* gemm.c - our products beside dnnl_sgemm, over the shapes of a training step.
 *
 * GPT-NeoX 70M (width 512, feed-forward 2048, vocabulary 50304, 8 x 256 tokens; the head by 256
 * rows) and the small model of the quickstart; each forward (y), by the input (dx) and by the
 * weight (dw).  Outputs are compared first; then the two take turns and medians are told.  The last
 * line of a number of threads is the time of all shapes together.
 * usage: gemm [THREADS]; default 1 and, where the machine has them, 2. */
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>

#include "math/ops.h"
#include "tests/bench/bench.h"

struct shape { const char *what; int64_t N, M, K; };           /* y[N M] = x[N K] w[M K]^T */

static const struct shape shapes[] = {
    { "70M qkv",  2048, 1536, 512 },  { "70M out",   2048, 512, 512 },
    { "70M up",   2048, 2048, 512 },  { "70M down",  2048, 512, 2048 },
    { "70M head", 256, 50304, 512 },  { "tiny qkv",  1344, 192, 64 },
    { "tiny out", 1344, 64, 64 },     { "tiny up",   1344, 256, 64 },
    { "tiny down", 1344, 64, 256 },   { "tiny head", 1344, 264, 64 },
};

struct data { struct dev *d; struct tensor x, w, y, dx, dw, other; int64_t N, M, K; };

enum { FORWARD, BY_INPUT, BY_WEIGHT };
static const char *const names[] = { "y", "dx", "dw" };

static void ours(const struct data *t, int which)
{
    const struct ops *op = t->d->op;
    const struct tensor none = { 0 };

    if (which == FORWARD)
        op->matmul(t->d, mat_of(t->y), mat_of(t->x), t->w, none, false);
    else if (which == BY_INPUT)
        op->matmul_dx(t->d, mat_of(t->dx), mat_of(t->y), t->w, false);
    else
        op->matmul_dw(t->d, t->dw, none, mat_of(t->y), mat_of(t->x));
}

static void theirs(const struct data *t, int which)
{
    int64_t N = t->N, M = t->M, K = t->K;
    float *x = f32(t->x), *w = f32(t->w), *y = f32(t->y), *to = f32(t->other);

    if (which == FORWARD)
        dnnl_sgemm('N', 'T', N, M, K, 1, x, K, w, K, 0, to, M);
    else if (which == BY_INPUT)
        dnnl_sgemm('N', 'N', N, K, M, 1, y, M, w, K, 0, to, K);
    else
        dnnl_sgemm('T', 'N', M, K, N, 1, y, M, x, K, 1, to, K);
}

static double difference(const float *a, const float *b, int64_t n)    /* of norms, relative */
{
    double off = 0, all = 0;

    for (int64_t i = 0; i < n; i++) {
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    return sqrt(off / all);
}

static double seconds(const struct data *t, int which, void (*call)(const struct data *, int),
                      int64_t times)
{
    double start = run_clock();

    for (int64_t i = 0; i < times; i++)
        call(t, which);
    return (run_clock() - start) / (double)times;
}

/* sum: seconds of ours and theirs so far.  False: the outputs differ. */
static bool compare(const struct data *t, int which, const char *what, double sum[2])
{
    double flop = 2.0 * (double)t->N * (double)t->M * (double)t->K, a[BENCH_TURNS], b[BENCH_TURNS];
    struct tensor out = which == FORWARD ? t->y : which == BY_INPUT ? t->dx : t->dw;
    int64_t times = 1 + (int64_t)(1e9 / flop);
    char name[80];

    dev_zero(t->d, t->other.p, (size_t)tensor_n(t->other) * sizeof(float));
    dev_zero(t->d, t->dw.p, (size_t)tensor_n(t->dw) * sizeof(float));
    ours(t, which);
    theirs(t, which);
    snprintf(name, sizeof(name), "%s %s, %d threads", what, names[which], t->d->threads);
    double off = difference(f32(out), f32(t->other), tensor_n(out));
    if (!(off <= 1e-5)) {
        printf("%s: the outputs differ by %.1e\n", name, off);
        return false;
    }
    for (int i = 0; i < BENCH_TURNS; i++) {
        a[i] = seconds(t, which, ours, times);
        b[i] = seconds(t, which, theirs, times);
    }
    double mine = bench_median(a, BENCH_TURNS), other = bench_median(b, BENCH_TURNS);
    bench_line(name, flop / mine / 1e9, "GFLOP/s", "dnnl_sgemm", flop / other / 1e9, 0.75, true);
    sum[0] += mine;
    sum[1] += other;
    return true;
}

static void fill(struct tensor t, int64_t step)
{
    for (int64_t i = 0; i < tensor_n(t); i++)
        f32(t)[i] = (float)((i * step) % 2003) / 1000 - 1;
}

static bool bench_shape(const struct shape *s, struct dev *d, double sum[2])
{
    int64_t n[] = { s->N * s->K, s->M * s->K, s->N * s->M, s->N * s->K, s->M * s->K, 0 };
    float *p[countof(n)];
    bool right = true;

    n[5] = MAX(MAX(n[0], n[1]), n[2]);
    for (int64_t i = 0; i < countof(n); i++)
        if (!(p[i] = dev_alloc(d, (size_t)n[i] * sizeof(float))))
            return false;
    struct data t = { d, tensor2(p[0], s->N, s->K), tensor2(p[1], s->M, s->K),
                      tensor2(p[2], s->N, s->M), tensor2(p[3], s->N, s->K),
                      tensor2(p[4], s->M, s->K), tensor1(p[5], n[5]), s->N, s->M, s->K };
    fill(t.x, 7919);
    fill(t.w, 104729);
    for (int which = FORWARD; which <= BY_WEIGHT; which++)
        right &= compare(&t, which, s->what, sum);
    for (int64_t i = 0; i < countof(n); i++)
        dev_free(d, p[i]);
    return right;
}

int main(int argc, char **argv)
{
    struct arena *a = arena_new(0);
    int only = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    bool right = true;

    err_tool(argv[0]);
    for (int threads = only ? only : 1; threads <= (only ? only : MIN(2, run_threads()));
         threads++) {
        struct dev *d;
        double sum[2] = { 0, 0 };
        char name[80];
        if (dev_open(&d, "cpu", threads, a) != ST_OK)
            return done(ST_SYS);
        omp_set_num_threads(threads);
        for (int64_t i = 0; i < countof(shapes); i++)
            right &= bench_shape(&shapes[i], d, sum);
        snprintf(name, sizeof(name), "all products, %d threads", threads);
        bench_line(name, 1 / sum[0], "times/s", "dnnl_sgemm", 1 / sum[1], 0.9, true);
        dev_close(d);
    }
    arena_free(a);
    return right ? done(ST_OK) : ST_END;
}
