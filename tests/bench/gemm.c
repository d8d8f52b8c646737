/* gemm.c - our products beside dnnl_sgemm, over the shapes of a training step.
 *
 * GPT-NeoX 70M (width 512, feed-forward 2048, vocabulary 50304, 8 x 256 tokens) and the small model of the quickstart.  Outputs are
 * compared first; then the two take turns, seven times, and the medians are told with the floating-point operations as weights.
 * usage: gemm [THREADS]; default 1 and 2. */
#include <math.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include "base/run.h"
#include "math/ops.h"

enum { TURNS = 7 };

struct shape { const char *what; int64_t N, M, K; };   /* y[N M] = x[N K] w[M K]^T */

static const struct shape shapes[] = {
    { "qkv 70M",   2048, 1536,  512 },
    { "out 70M",   2048,  512,  512 },
    { "up 70M",    2048, 2048,  512 },
    { "down 70M",  2048,  512, 2048 },
    { "head 70M",   256, 50304, 512 },
    { "qkv tiny",  1344,  192,   64 },
    { "out tiny",  1344,   64,   64 },
    { "up tiny",   1344,  256,   64 },
    { "down tiny", 1344,   64,  256 },
    { "head tiny", 1344,  264,   64 },
};

struct data { struct dev *d; struct tensor x, w, y, dx, dw, other; int64_t N, M, K; };

enum { FORWARD, BY_INPUT, BY_WEIGHT };
static const char *const names[] = { "y", "dx", "dw" };

static void ours(const struct data *t, int which)
{
    const struct tensor none = { 0 };
    if (which == FORWARD)
        t->d->op->matmul(t->d, mat_of(t->y), mat_of(t->x), t->w, none, false);
    else if (which == BY_INPUT)
        t->d->op->matmul_dx(t->d, mat_of(t->dx), mat_of(t->y), t->w, false);
    else
        t->d->op->matmul_dw(t->d, t->dw, none, mat_of(t->y), mat_of(t->x));
}

static void theirs(const struct data *t, int which)
{
    if (which == FORWARD)
        dnnl_sgemm('N', 'T', t->N, t->M, t->K, 1, f32(t->x), t->K, f32(t->w), t->K, 0, f32(t->other), t->M);
    else if (which == BY_INPUT)
        dnnl_sgemm('N', 'N', t->N, t->K, t->M, 1, f32(t->y), t->M, f32(t->w), t->K, 0, f32(t->other), t->K);
    else
        dnnl_sgemm('T', 'N', t->M, t->K, t->N, 1, f32(t->y), t->M, f32(t->x), t->K, 1, f32(t->other), t->K);
}

static double norm_of_difference(const float *a, const float *b, int64_t n)
{
    double off = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        off += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        all += (double)b[i] * (double)b[i];
    }
    return sqrt(off / all);
}

static int by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Seconds of one call, by as many as fill ten milliseconds. */
static double seconds(const struct data *t, int which, void (*call)(const struct data *, int), int64_t times)
{
    double start = run_clock();
    for (int64_t i = 0; i < times; i++)
        call(t, which);
    return (run_clock() - start) / (double)times;
}

static bool compare(const struct data *t, int which, int threads, const char *what, double sum[2])
{
    double flop = 2.0 * (double)t->N * (double)t->M * (double)t->K, a[TURNS], b[TURNS];
    struct tensor out = which == FORWARD ? t->y : which == BY_INPUT ? t->dx : t->dw;
    int64_t times = 1 + (int64_t)(1e9 / flop);

    dev_zero(t->d, t->other.p, (size_t)tensor_n(t->other) * sizeof(float));
    dev_zero(t->d, t->dw.p, (size_t)tensor_n(t->dw) * sizeof(float));
    ours(t, which);
    theirs(t, which);
    double off = norm_of_difference(f32(out), f32(t->other), tensor_n(out));
    for (int i = 0; i < TURNS; i++) {
        a[i] = seconds(t, which, ours, times);
        b[i] = seconds(t, which, theirs, times);
    }
    qsort(a, TURNS, sizeof(*a), by_value);
    qsort(b, TURNS, sizeof(*b), by_value);
    printf("gemm %-9s %-2s %d threads: ours %6.1f GF/s, dnnl_sgemm %6.1f GF/s, ratio %.2f, differ by %.1e\n", what,
           names[which], threads, flop / a[TURNS / 2] / 1e9, flop / b[TURNS / 2] / 1e9, b[TURNS / 2] / a[TURNS / 2], off);
    sum[0] += a[TURNS / 2];
    sum[1] += b[TURNS / 2];
    return off <= 1e-5;
}

static bool run_shape(const struct shape *s, struct dev *d, double sum[2])
{
    int64_t most = MAX(MAX(s->N * s->M, s->N * s->K), s->M * s->K);
    size_t mat[] = { (size_t)(s->N * s->K) * 4, (size_t)(s->M * s->K) * 4, (size_t)(s->N * s->M) * 4 };
    void *p[] = { dev_alloc(d, mat[0]), dev_alloc(d, mat[1]), dev_alloc(d, mat[2]), dev_alloc(d, mat[0]),
                  dev_alloc(d, mat[1]), dev_alloc(d, (size_t)most * 4) };
    bool right = true;

    for (int i = 0; i < 6; i++)
        if (!p[i])
            return false;
    struct data t = { d, tensor2(p[0], s->N, s->K), tensor2(p[1], s->M, s->K), tensor2(p[2], s->N, s->M),
                      tensor2(p[3], s->N, s->K), tensor2(p[4], s->M, s->K), tensor1(p[5], most), s->N, s->M, s->K };
    for (int64_t i = 0; i < tensor_n(t.x); i++)
        f32(t.x)[i] = (float)((i * 7919) % 2003) / 1000 - 1;
    for (int64_t i = 0; i < tensor_n(t.w); i++)
        f32(t.w)[i] = (float)((i * 104729) % 1999) / 1000 - 1;
    for (int which = FORWARD; which <= BY_WEIGHT; which++)
        right &= compare(&t, which, d->threads, s->what, sum);
    for (int i = 0; i < 6; i++)
        dev_free(d, p[i]);
    return right;
}

int main(int argc, char **argv)
{
    struct arena *a = arena_new(0);
    bool right = true;
    int only = argc > 1 ? atoi(argv[1]) : 0;

    err_tool(argv[0]);
    for (int threads = only ? only : 1; threads <= (only ? only : MIN(2, run_threads())); threads++) {
        struct dev *d;
        double sum[2] = { 0, 0 };
        if (dev_open(&d, "cpu", threads, a) != ST_OK)
            return done(ST_SYS);
        omp_set_num_threads(threads);
        for (int64_t i = 0; i < countof(shapes); i++)
            right &= run_shape(&shapes[i], d, sum);
        printf("gemm all shapes, %d threads: %.2f of dnnl_sgemm's speed\n", threads, sum[1] / sum[0]);
        dev_close(d);
    }
    arena_free(a);
    if (!right)
        printf("gemm: the outputs differ\n");
    return right ? done(ST_OK) : 1;
}
