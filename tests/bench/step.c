/* step.c - a training step beside dnnl_sgemm alone, pairs with and without shared prompts and
 * packing, and what a step holds.
 *
 * A step has everything in it: packing, forward, backward, gradient norm, AdamW.  Its rate counts
 * the products' operations over all its time.  The yardstick is plain dnnl_sgemm with all threads
 * over the same products, forward and both backward, as the median of the rates with each product's
 * tokens as weight.  They take turns, and rest between: a library's threads look for work a while
 * after each call, on cores the other needs.
 * usage: step [THREADS [PART...]]; parts: sft lora pairs rows memory, by default all. */
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/lora.h"
#include "tests/bench/trained.h"

enum { TURNS = 5 };

static struct arena *a;
static int threads;

static void rest(void)
{
    usleep(20000);
}

/* ---- beside the products alone ---- */

struct shape { int64_t N, M, K, times; };      /* y[N M] = x[N K] w[M K]^T, so often in a step */
struct speed { double rate, weight; };

static int by_rate(const void *x, const void *y)
{
    const struct speed *p = x, *q = y;
    return (p->rate > q->rate) - (p->rate < q->rate);
}

/* One product of each shape and kind; the rates' median by tokens. */
static double yardstick(const struct shape *s, int64_t n, float *x, float *w, float *y)
{
    struct speed r[64];
    double all = 0, seen = 0;
    int64_t k = 0;

    for (int64_t i = 0; i < n; i++)
        for (int kind = 0; kind < 3; kind++) {
            int64_t N = s[i].N, M = s[i].M, K = s[i].K;
            double start = run_clock();
            if (kind == 0)
                dnnl_sgemm('N', 'T', N, M, K, 1, x, K, w, K, 0, y, M);
            else if (kind == 1)
                dnnl_sgemm('N', 'N', N, K, M, 1, y, M, w, K, 0, x, K);
            else
                dnnl_sgemm('T', 'N', M, K, N, 1, y, M, x, K, 0, w, K);
            double flops = 2.0 * (double)N * (double)M * (double)K;
            r[k] = (struct speed){ flops / (run_clock() - start), (double)(N * s[i].times) };
            all += r[k++].weight;
        }
    qsort(r, (size_t)k, sizeof *r, by_rate);
    for (int64_t i = 0; i < k; i++)
        if ((seen += r[i].weight) >= all / 2)
            return r[i].rate;
    return 0;
}

static double steps(struct trained *t, const struct load *l, int64_t times, struct told *told)
{
    double all = 0;

    for (int64_t i = 0; i < times; i++)
        all += trained_step(t, l, told);
    return all / (double)times;
}

/* 8 texts of 256 tokens, or as many of another length. */
static void bench_sft(const struct size *size, struct load l, int64_t times, double goal)
{
    struct trained t;
    struct told told;
    double ours[TURNS], theirs[TURNS];

    trained_open(&t, size, threads, NULL, a);
    trained_step(&t, &l, &told);                       /* warm: scratch, pages */
    const struct config *c = &t.c;
    int64_t N = told.tokens, n = told.trained, most = MAX(c->V, 3 * c->F);
    const struct shape shapes[] = {
        { N, 3 * c->D, c->D, c->L }, { N, c->D, c->D, c->L }, { N, c->F, c->D, c->L },
        { N, c->D, c->F, c->L }, { n, c->V, c->D, 1 },
    };
    float *x = dev_alloc(t.d, (size_t)(N * c->F) * 4);
    float *v = dev_alloc(t.d, (size_t)(most * c->D) * 4);
    float *y = dev_alloc(t.d, (size_t)(N * most) * 4);
    if (!x || !y || !v)
        trained_check(ST_SYS);
    yardstick(shapes, countof(shapes), x, v, y);
    for (int i = 0; i < TURNS; i++) {
        rest();
        ours[i] = trained_flops(&t, &told) / steps(&t, &l, times, NULL) / 1e9;
        rest();
        theirs[i] = yardstick(shapes, countof(shapes), x, v, y) / 1e9;
    }
    bench_line(arena_printf(a, "step, %s, %lld x %lld, %d threads", size->name, (long long)l.rows,
                            (long long)l.tokens, t.d->threads),
               bench_median(ours, TURNS), "GFLOP/s", "dnnl_sgemm", bench_median(theirs, TURNS),
               goal, true);
    dev_close(t.d);
}

static double megabytes(const struct trained *t)
{
    struct params p = model_trained(t->w.m);

    return (double)(t->w.m->n_bytes + t->w.m->adapters.n_bytes + 3 * p.n_bytes) / 1e6;
}

/* Updates a second of two in turn; -> the goal's line. */
static void beside(const char *what, const char *yard, const char *unit, double per,
                   struct trained *one, struct trained *other, const struct load *l, double goal)
{
    double ours[TURNS], theirs[TURNS];

    trained_step(one, l, NULL);
    trained_step(other, l, NULL);
    for (int i = 0; i < TURNS; i++) {
        ours[i] = per / trained_step(one, l, NULL);
        theirs[i] = per / trained_step(other, l, NULL);
    }
    bench_line(what, bench_median(ours, TURNS), unit, yard, bench_median(theirs, TURNS), goal,
               true);
}

/* Adapters of rank 16 beside every projection, alone trained, beside training all of it. */
static void bench_lora(void)
{
    struct lora l = { .rank = 16, .alpha = 32 };
    struct load load = { OBJ_SFT, 8, 256 };
    struct trained some, all;

    trained_check(lora_targets(&l, "all-linear", a));
    trained_open(&some, &SIZE_70M, threads, &l, a);
    trained_open(&all, &SIZE_70M, threads, NULL, a);
    beside("rank 16, 70M, 8 x 256", "all weights", "updates/s", 1, &some, &all, &load, 1.3);
    printf("weights, gradients and moments: %.0f MB, of all weights %.0f MB\n", megabytes(&some),
           megabytes(&all));
    dev_close(some.d);
    dev_close(all.d);
}

/* Matrices in bfloat16 with the rest apart (--dtype bf16) beside float32. */
static void bench_dtype(const char *device, const struct load *load)
{
    struct trained half, full;
    struct told told[2];

    trained_open_as(&half, &SIZE_70M, device, BF16, threads, NULL, a);
    trained_open_as(&full, &SIZE_70M, device, F32, threads, NULL, a);
    model_init(half.w.m, 1);
    model_init(full.w.m, 1);
    trained_step(&half, load, &told[0]);
    trained_step(&full, load, &told[1]);
    if (!(fabs(told[0].loss - told[1].loss) <= 1e-3 * fabs(told[1].loss)))
        trained_check(fail(ST_DATA, "%s: the losses differ: %.9g and %.9g", device, told[0].loss,
                           told[1].loss));
    beside(arena_printf(a, "bf16, 70M, %lld x %lld, %s", (long long)load->rows,
                        (long long)load->tokens, device),
           "float32", "updates/s", 1, &half, &full, load, 1);
    dev_close(half.d);
    dev_close(full.d);
}

/* ---- shared prompts, packs ---- */

/* One row in each pack: as a program does that pads nothing, packs nothing and takes row by row. */
static void bench_load(const struct size *size, const struct load *l, const char *rows, bool share)
{
    struct trained both, none;
    struct told with, without;

    trained_open(&both, size, threads, NULL, a);
    trained_open(&none, size, threads, NULL, a);
    model_init(both.w.m, 1);
    model_init(none.w.m, 1);
    none.w.share = !share;
    none.w.micro_tokens = share ? none.w.micro_tokens : 1;
    trained_step(&both, l, &with);
    trained_step(&none, l, &without);
    if (!(fabs(with.loss - without.loss) <= 1e-4 * fabs(with.loss)))
        trained_check(fail(ST_DATA, "%s: the losses differ: %.9g and %.9g", rows, with.loss,
                           without.loss));
    beside(arena_printf(a, "%s, %s", rows, size->name), share ? "prompts not shared" : "not packed",
           l->obj == OBJ_PREF ? "pairs/s" : "rows/s", LENGTHS, &both, &none, l,
           share ? 1.45 : 1.0);
    printf("tokens computed: %lld and %lld\n", (long long)with.tokens, (long long)without.tokens);
    dev_close(both.d);
    dev_close(none.d);
}

/* ---- memory ---- */

struct held { int64_t peak, weights, tokens; }; /* bytes: of the process; of weights and moments */

/* An update in a process of its own: what it held at most. */
static struct held held_by(const struct size *size, const struct load *l)
{
    struct held h = { 0 };
    struct rusage use;
    int fd[2], status;
    pid_t child;

    fflush(stdout);
    if (pipe(fd) != 0 || (child = fork()) < 0)
        exit(done(fail_sys("no process")));
    if (child == 0) {
        struct trained t;
        struct told told;
        trained_open(&t, size, threads, NULL, a);
        trained_step(&t, l, NULL);
        trained_step(&t, l, &told);
        h.weights = (int64_t)(megabytes(&t) * 1e6);
        h.tokens = told.tokens;
        _exit(write(fd[1], &h, sizeof h) == sizeof h ? 0 : 1);
    }
    close(fd[1]);
    bool told = read(fd[0], &h, sizeof h) == sizeof h;
    close(fd[0]);
    if (wait4(child, &status, 0, &use) != child || status != 0 || !told)
        exit(done(fail(ST_SYS, "an update in a process of its own failed")));
    h.peak = use.ru_maxrss * 1024;
    return h;
}

static double mb(int64_t bytes)
{
    return (double)bytes / 1e6;
}

static void bench_memory(void)
{
    struct load pairs = { OBJ_PREF, 0, 0 };
    struct size s = SIZE_70M;
    struct held dpo = held_by(&s, &pairs);
    double beyond[2];
    struct load texts = { OBJ_SFT, 26, (dpo.tokens + 25) / 26 };
    struct held sft = held_by(&s, &texts);

    printf("70M, %lld tokens: peak %.0f MB, of it weights, gradients and moments %.0f MB\n",
           (long long)dpo.tokens, mb(dpo.peak), mb(dpo.weights));
    bench_line("SFT's peak beside DPO's", mb(sft.peak), "MB", "pairs of as many tokens",
               mb(dpo.peak), 0.9, true);
    for (int i = 0; i < 2; i++) {
        s.V = i ? 262144 : 32768;
        dpo = held_by(&s, &pairs);
        beyond[i] = mb(dpo.peak - dpo.weights);
    }
    bench_line("DPO beyond weights and moments, 32k", beyond[0], "MB", "vocabulary of 256k",
               beyond[1], 0.95, true);
}

static bool asked(int argc, char **argv, const char *part)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], part) == 0)
            return true;
    return argc < 3 && strcmp(part, "bf16") != 0;
}

int main(int argc, char **argv)
{
    const struct load pairs = { OBJ_PREF, 0, 0 }, rows = { OBJ_SFT, 0, 0 };

    err_tool(argv[0]);
    threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    threads = threads > 0 ? threads : run_threads();
    omp_set_num_threads(threads);
    a = arena_new(0);
    if (asked(argc, argv, "memory"))                   /* first: a fork begins with what is held */
        bench_memory();
    if (asked(argc, argv, "sft")) {
        bench_sft(&SIZE_160M, (struct load){ OBJ_SFT, 8, 256 }, 1, 0.75);
        bench_sft(&SIZE_70M, (struct load){ OBJ_SFT, 8, 256 }, 2, 0.75);
        bench_sft(&SIZE_14M, (struct load){ OBJ_SFT, 8, 256 }, 5, 0.5);
        bench_sft(&SIZE_TINY, (struct load){ OBJ_SFT, 32, 42 }, 50, 0.3);
    }
    if (asked(argc, argv, "lora"))
        bench_lora();
    if (asked(argc, argv, "dtype"))
        bench_dtype("cpu", &(struct load){ OBJ_SFT, 8, 256 });
    if (asked(argc, argv, "bf16")) {                   /* not on every processor */
        bench_dtype("cpu,bf16", &(struct load){ OBJ_SFT, 8, 256 });
        bench_dtype("cpu,bf16", &(struct load){ OBJ_SFT, 1, 64 });
    }
    if (asked(argc, argv, "pairs")) {
        bench_load(&SIZE_70M, &pairs, "pairs like hh's", true);
        bench_load(&SIZE_70M, &pairs, "pairs like hh's", false);
    }
    if (asked(argc, argv, "rows"))
        bench_load(&SIZE_70M, &rows, "rows like alpaca's", false);
    arena_free(a);
    return done(ST_OK);
}
