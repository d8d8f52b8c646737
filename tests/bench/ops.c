/* ops.c - where the time of a step goes, op by op, and what bounds each.
 *
 * The device's table of ops is exchanged for one that takes the time of each call and counts its
 * operations and the bytes that it must read and write at least once.  An op's bound is the larger
 * of operations at the rate of dnnl_sgemm on a large product, and bytes at the rate of `add` over
 * arrays far larger than the caches, both measured here first.  What fits the third level of cache
 * may do better than its bytes allow.  usage: ops [THREADS [MODEL [LOAD]]]; 14M, 70M (default) or
 * 160M; sft (default: 8 texts of 256), rows or pairs. */
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <unistd.h>

#include "model/lora.h"
#include "tests/bench/trained.h"

enum { TURNS = 5 };

enum {
#define OP(name) OP_##name,
#include "math/ops.def"
#undef OP
    OPS
};

static const char *const names[OPS] = {
#define OP(name) #name,
#include "math/ops.def"
#undef OP
};

static struct tally { int64_t calls; double seconds, flop, bytes; } tally[OPS];

static void tell(int op, double seconds, double flop, double floats)
{
    tally[op].calls++;
    tally[op].seconds += seconds;
    tally[op].flop += flop;
    tally[op].bytes += 4 * floats;
}

#define TIMED(name, flop, floats, ...)                      \
    {                                                       \
        double start_ = run_clock();                        \
        cpu_##name(__VA_ARGS__);                            \
        tell(OP_##name, run_clock() - start_, flop, floats); \
    }

static double n_of(struct tensor t)
{
    return t.p ? (double)tensor_n(t) : 0;
}

static double m_of(struct mat m)
{
    return (double)(m.rows * m.cols);
}

static double h_of(struct heads x, const struct forest *f)
{
    return (double)(x.n * x.E * f->n_tokens);
}

static double product(struct mat y, int64_t K)
{
    return 2 * m_of(y) * (double)K;
}

/* Keys that the tokens see, over all heads, times the width of a head. */
static double seen(struct heads q, const struct forest *f)
{
    double sum = 0;

    for (int64_t i = 0; i < f->n_tokens; i++)
        sum += (double)f->pos[i] + 1;
    return sum * (double)(q.n * q.E);
}

#define T struct tensor
#define DEV struct dev *d
static void o_matmul(DEV, struct mat y, struct mat x, T w, T b, bool add)
TIMED(matmul, product(y, x.cols), m_of(y) * (1 + add) + m_of(x) + n_of(w), d, y, x, w, b, add)
static void o_matmul_dx(DEV, struct mat dx, struct mat dy, T w, bool add)
TIMED(matmul_dx, product(dx, dy.cols), m_of(dx) * (1 + add) + m_of(dy) + n_of(w), d, dx, dy, w, add)
static void o_matmul_dw(DEV, T dw, T db, struct mat dy, struct mat x)
TIMED(matmul_dw, product(dy, x.cols), 2 * n_of(dw) + m_of(dy) + m_of(x), d, dw, db, dy, x)
static void o_embed(DEV, T x, T table, const int32_t *token)
TIMED(embed, 0, 2 * n_of(x), d, x, table, token)
static void o_embed_bwd(DEV, T dtable, T dx, const int32_t *token)
TIMED(embed_bwd, 0, 3 * n_of(dx), d, dtable, dx, token)
static void o_gather(DEV, T y, T x, const int32_t *at)
TIMED(gather, 0, 2 * n_of(y), d, y, x, at)
static void o_gather_bwd(DEV, T dx, T dy, const int32_t *at)
TIMED(gather_bwd, 0, 3 * n_of(dy), d, dx, dy, at)
static void o_rmsnorm(DEV, T y, T r, T x, T w, double eps)
TIMED(rmsnorm, 0, 2 * n_of(x), d, y, r, x, w, eps)
static void o_rmsnorm_bwd(DEV, T dx, T dw, T dy, T x, T w, T r)
TIMED(rmsnorm_bwd, 0, 4 * n_of(x), d, dx, dw, dy, x, w, r)
static void o_layernorm(DEV, T y, T m, T r, T x, T w, T b, double eps)
TIMED(layernorm, 0, 2 * n_of(x), d, y, m, r, x, w, b, eps)
static void o_layernorm_bwd(DEV, T dx, T dw, T db, T dy, T x, T w, T m, T r)
TIMED(layernorm_bwd, 0, 4 * n_of(x), d, dx, dw, db, dy, x, w, m, r)
static void o_rope(DEV, struct heads x, const struct forest *f, const double *freq, int64_t n,
                   int sign)
TIMED(rope, 0, 4 * (double)(n * x.n * f->n_tokens), d, x, f, freq, n, sign)
static void o_attention(DEV, struct heads o, T lse, struct heads q, struct heads k, struct heads v,
                        const struct forest *f, double scale, int64_t window)
TIMED(attention, 4 * seen(q, f), 2 * h_of(q, f) + 2 * h_of(k, f), d, o, lse, q, k, v, f, scale,
      window)
static void o_attention_bwd(DEV, struct heads dq, struct heads dk, struct heads dv, struct heads g,
                            struct heads o, T lse, struct heads q, struct heads k, struct heads v,
                            const struct forest *f, double scale, int64_t window)
TIMED(attention_bwd, 10 * seen(q, f), 4 * h_of(q, f) + 4 * h_of(k, f), d, dq, dk, dv, g, o, lse,
      q, k, v, f, scale, window)
static void o_swiglu(DEV, T y, T gate, T up)
TIMED(swiglu, 0, 3 * n_of(y), d, y, gate, up)
static void o_swiglu_bwd(DEV, T dgate, T dup, T dy, T gate, T up)
TIMED(swiglu_bwd, 0, 5 * n_of(dy), d, dgate, dup, dy, gate, up)
static void o_gelu(DEV, T y, T x, bool form)
TIMED(gelu, 0, 2 * n_of(y), d, y, x, form)
static void o_gelu_bwd(DEV, T dx, T dy, T x, bool form)
TIMED(gelu_bwd, 0, 3 * n_of(x), d, dx, dy, x, form)
static void o_add(DEV, T y, T x, T z)
TIMED(add, 0, 3 * n_of(y), d, y, x, z)
static void o_logprob(DEV, T logp, T lse, T hit, T entropy, T x, T w, const int32_t *target,
                      const float *coef, T dx, T dw)
TIMED(logprob, (coef ? dw.p ? 6 : 4 : 2) * n_of(x) * (double)w.d[0],
      n_of(x) + n_of(w) + (coef ? n_of(dx) + 2 * n_of(dw) : 0), d, logp, lse, hit, entropy, x, w,
      target, coef, dx, dw)
static void o_logprob_bwd(DEV, T dx, T dw, T x, T w, T lse, const int32_t *target,
                          const float *coef)
TIMED(logprob_bwd, (dw.p ? 6 : 4) * n_of(x) * (double)w.d[0],
      2 * n_of(x) + n_of(w) + 2 * n_of(dw), d, dx, dw, x, w, lse, target, coef)
static void o_sumsq(DEV, double *sum, T x)
TIMED(sumsq, 0, n_of(x), d, sum, x)
static void o_adamw(DEV, T w, T m, T v, T g, double scale, struct adamw h)
TIMED(adamw, 0, 7 * n_of(w), d, w, m, v, g, scale, h)
#undef T
#undef DEV

/* The backend's own for what no step of these models calls. */
static struct ops timed(void)
{
    struct ops o = cpu_ops;

    o.matmul = o_matmul, o.matmul_dx = o_matmul_dx, o.matmul_dw = o_matmul_dw;
    o.embed = o_embed, o.embed_bwd = o_embed_bwd, o.gather = o_gather, o.gather_bwd = o_gather_bwd;
    o.rmsnorm = o_rmsnorm, o.rmsnorm_bwd = o_rmsnorm_bwd, o.layernorm = o_layernorm;
    o.layernorm_bwd = o_layernorm_bwd, o.rope = o_rope, o.attention = o_attention;
    o.attention_bwd = o_attention_bwd, o.swiglu = o_swiglu, o.swiglu_bwd = o_swiglu_bwd;
    o.gelu = o_gelu, o.gelu_bwd = o_gelu_bwd, o.add = o_add, o.logprob = o_logprob;
    o.logprob_bwd = o_logprob_bwd, o.sumsq = o_sumsq, o.adamw = o_adamw;
    return o;
}

/* Operations a second of the library's product, bytes a second of a sum from memory. */
static void machine(struct dev *d, double *flops, double *bytes)
{
    enum { SIDE = 1536, MANY = 32 << 20 };
    float *p = dev_alloc(d, (size_t)3 * MANY * sizeof(float));
    float *x = p, *y = p + MANY, *z = p + 2 * MANY;
    double of[2][TURNS];

    if (!p)
        trained_check(ST_SYS);
    for (int i = -1; i < TURNS; i++) {
        double start = run_clock();
        cpu_add(d, tensor1(z, MANY), tensor1(x, MANY), tensor1(y, MANY));
        double middle = run_clock();
        for (int k = 0; k < 4; k++)
            dnnl_sgemm('N', 'T', SIDE, SIDE, SIDE, 1, x, SIDE, y, SIDE, 0, z, SIDE);
        if (i >= 0) {
            of[0][i] = 8.0 * SIDE * SIDE * SIDE / (run_clock() - middle);
            of[1][i] = 12.0 * MANY / (middle - start);
        }
        usleep(20000);
    }
    *flops = bench_median(of[0], TURNS);
    *bytes = bench_median(of[1], TURNS);
    dev_free(d, p);
}

static int by_time(const void *x, const void *y)
{
    double p = tally[*(const int *)x].seconds, q = tally[*(const int *)y].seconds;
    return (p < q) - (p > q);
}

static void table(double all, double flops, double bytes)
{
    int order[OPS];
    double rest = all;

    for (int i = 0; i < OPS; i++)
        order[i] = i;
    qsort(order, OPS, sizeof *order, by_time);
    printf("%-14s %6s %9s %7s %9s %8s  %s\n", "op", "calls", "ms", "share", "GFLOP/s", "GB/s",
           "of its bound");
    for (int i = 0; i < OPS && tally[order[i]].calls; i++) {
        const struct tally *t = &tally[order[i]];
        double by_flop = t->flop / flops, by_byte = t->bytes / bytes;
        printf("%-14s %6lld %9.2f %6.1f%% %9.1f %8.1f  %3.0f %% of %s\n", names[order[i]],
               (long long)(t->calls / TURNS), 1e3 * t->seconds / TURNS, 100 * t->seconds / all,
               t->flop / t->seconds / 1e9, t->bytes / t->seconds / 1e9,
               100 * MAX(by_flop, by_byte) / t->seconds,
               by_flop > by_byte ? "operations" : "bytes");
        rest -= t->seconds;
    }
    printf("%-14s %6s %9.2f %6.1f%%\n", "between ops", "", 1e3 * rest / TURNS, 100 * rest / all);
}

int main(int argc, char **argv)
{
    const struct size *const sizes[] = { &SIZE_70M, &SIZE_14M, &SIZE_160M, &SIZE_TINY };
    const struct size *size = sizes[0];
    const char *what = argc > 3 ? argv[3] : "sft";
    struct load load = { strcmp(what, "pairs") == 0 ? OBJ_PREF : OBJ_SFT, 0, 0 };
    struct arena *a = arena_new(0);
    struct trained t;
    double flops, bytes, all = 0;

    err_tool(argv[0]);
    for (int i = 0; argc > 2 && i < countof(sizes); i++)
        if (strcmp(sizes[i]->name, argv[2]) == 0)
            size = sizes[i];
    if (strcmp(what, "sft") == 0)
        load.rows = size == &SIZE_TINY ? 32 : 8, load.tokens = size == &SIZE_TINY ? 42 : 256;
    trained_open(&t, size, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, NULL, a);
    model_init(t.w.m, 1);
    omp_set_num_threads(t.d->threads);
    machine(t.d, &flops, &bytes);
    printf("%s, %s, %d threads; dnnl_sgemm %.0f GFLOP/s, memory %.1f GB/s\n", size->name, what,
           t.d->threads, flops / 1e9, bytes / 1e9);
    struct ops o = timed();
    t.d->op = &o;
    trained_step(&t, &load, NULL);
    memset(tally, 0, sizeof tally);
    for (int i = 0; i < TURNS; i++)
        all += trained_step(&t, &load, NULL);
    table(all, flops, bytes);
    dev_close(t.d);
    arena_free(a);
    return done(ST_OK);
}
