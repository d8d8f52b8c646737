/* step.c - a training step beside dnnl_sgemm alone, and a whole run beside its steps alone.
 *
 * The large model is GPT-NeoX, width 512, 6 layers, vocabulary 50304, 8 rows of 256 tokens; the
 * small one is the quickstart's.  A step has everything in it: packing, forward, backward, gradient
 * norm, AdamW. Its rate counts the products' operations over all its time.  The yardstick is plain
 * dnnl_sgemm with all threads over the same products, forward and both backward, as the median of
 * the rates with each product's tokens as weight.  They take turns.  Adapters of rank 16 beside
 * every projection of the large model, alone trained, stand beside training all of it.  A whole run
 * also reads, tells and saves. usage: step [THREADS] */
#include <oneapi/dnnl/dnnl.h>
#include <fcntl.h>
#include <omp.h>
#include <unistd.h>

#include "base/file.h"
#include "step/train.h"
#include "tests/bench/bench.h"

enum { TURNS = 5, RUN_STEPS = 200, TOKENS_MAX = 256 };

struct size { const char *name, *config; int64_t rows, tokens, times; };

static const char large[] = "{\"model_type\":\"gpt_neox\",\"architectures\":["
                            "\"GPTNeoXForCausalLM\"],\"vocab_size\":50304,"
                            "\"hidden_size\":512,\"num_hidden_layers\":6,\"num_attention_heads\":8,"
                            "\"intermediate_size\":2048,"
                            "\"max_position_embeddings\":2048,\"rotary_pct\":0.25,\"layer_norm_"
                            "eps\":1e-5,"
                            "\"hidden_act\":\"gelu\",\"use_parallel_residual\":true,\"tie_word_"
                            "embeddings\":false}";
static const char small[] = "{\"model_type\":\"gpt_neox\",\"architectures\":["
                            "\"GPTNeoXForCausalLM\"],\"vocab_size\":264,"
                            "\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
                            "\"intermediate_size\":256,"
                            "\"max_position_embeddings\":256,\"rotary_pct\":0.25,\"layer_norm_"
                            "eps\":1e-5,"
                            "\"hidden_act\":\"gelu\",\"use_parallel_residual\":true,\"tie_word_"
                            "embeddings\":false}";

static struct arena *a;
static char dir[] = "/tmp/plait-bench-XX" "XX" "XX";

static void check(enum st st)
{
    if (st != ST_OK)
        exit(done(st));
}

static const char *path(const char *name)
{
    return arena_printf(a, "%s/%s", dir, name);
}

static struct rec text(uint8_t *p, int64_t n, int64_t vocab, int64_t k)
{
    for (int64_t i = 0; i < n; i++)
        ids_put(p + 2 * i, &(uint32_t){ (uint32_t)(rng(1, RNG_TEST, (uint64_t)(k * n + i)) %
                                                   (uint64_t)vocab) }, 1, 2);
    struct rec r = { .kind = REC_TEXT, .t = VIEW("text"), .src = VIEW("bench"), .w = 1,
                     .ids = { p, n, 2 } };
    rec_count(&r);
    return r;
}

/* ---- the step ---- */

struct shape {
    const char *what;
    int64_t     N, M, K, times;                /* y[N M] = x[N K] w[M K]^T, so often in a step */
};

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

static double one_step(struct work *w, struct optim *o, const struct size *size)
{
    struct arena *now = arena_new(0);
    struct rows rows;
    uint8_t *p = ARENA_NEW(now, uint8_t, 2 * TOKENS_MAX);
    double norm, start = run_clock();

    check(rows_new(&rows, w, OBJ_SFT, now));
    for (int64_t k = 0; k < size->rows; k++) {
        struct rec r = text(p, size->tokens, w->m->c.V, k);
        check(rows_add(&rows, &r));
    }
    check(rows_pack(&rows, now));
    model_zero_grad(w->m);
    check(rows_gradient(&rows, 1, false));
    check(optim_norm(o, &norm));
    optim_update(o, 1e-4, norm);
    check(dev_sync(w->m->d));
    double s = run_clock() - start;
    arena_free(now);
    return s;
}

struct trained {                               /* a model, or adapters beside it, in training */
    struct config c;
    struct dev   *d;
    struct optim *o;
    struct work   w;
};

static void open_step(struct trained *t, const struct size *size, int threads, struct lora *l)
{
    *t = (struct trained){ .w = { .loss = { &loss_sft, &loss_dpo }, .micro_tokens = 4096,
                                  .share = true, .a = a } };
    check(file_save(path("config.json"), size->config, strlen(size->config), a));
    check(config_read(&t->c, path("config.json"), a));
    t->c.lora = l;
    check(dev_open(&t->d, "auto", threads, a));
    omp_set_num_threads(t->d->threads);
    check(model_new(&t->w.m, &t->c, t->d, true, a));
    model_init(t->w.m, 1);
    lora_init(t->w.m, 1);
    check(optim_new(&t->o, t->w.m, a));
    t->o->beta1 = 0.9, t->o->beta2 = 0.95, t->o->eps = 1e-8, t->o->clip = 1;
    check(work_open(&t->w));
}

static double megabytes(const struct trained *t)
{
    struct params p = model_trained(t->w.m);

    return (double)(t->w.m->n_bytes + t->w.m->adapters.n_bytes + 3 * p.n_bytes) / 1e6;
}

/* Updates a second of adapters beside those of all weights. */
static void bench_lora(const struct size *size, int threads)
{
    struct lora l = { .rank = 16, .alpha = 32 };
    struct trained some, all;
    double ours[TURNS], theirs[TURNS];

    check(lora_targets(&l, "all-linear", a));
    open_step(&some, size, threads, &l);
    open_step(&all, size, threads, NULL);
    one_step(&some.w, some.o, size);
    one_step(&all.w, all.o, size);
    for (int i = 0; i < TURNS; i++) {
        ours[i] = 1 / one_step(&some.w, some.o, size);
        theirs[i] = 1 / one_step(&all.w, all.o, size);
    }
    bench_line(arena_printf(a, "rank 16, %s, %d threads", size->name, some.d->threads),
               bench_median(ours, TURNS), "updates/s", "all weights", bench_median(theirs, TURNS),
               1.3, true);
    printf("weights, gradients and moments: %.0f MB, of all weights %.0f MB\n", megabytes(&some),
           megabytes(&all));
    dev_close(some.d);
    dev_close(all.d);
}

/* Seconds of a step. */
static double bench_step(const struct size *size, int threads, double goal)
{
    struct trained t;
    double ours[TURNS], theirs[TURNS], wall[TURNS];

    open_step(&t, size, threads, NULL);
    struct config c = t.c;
    struct dev *d = t.d;
    int64_t N = size->rows * size->tokens, n = N - size->rows;
    const struct shape shapes[] = {
        { "qkv", N, 3 * c.D, c.D, c.L }, { "out", N, c.D, c.D, c.L }, { "up", N, c.F, c.D, c.L },
        { "down", N, c.D, c.F, c.L }, { "head", n, c.V, c.D, 1 },
    };
    float *x = dev_alloc(d, (size_t)(N * c.F) * 4), *v = dev_alloc(d, (size_t)(c.V * c.F) * 4);
    float *y = dev_alloc(d, (size_t)(N * MAX(c.V, c.F)) * 4);
    if (!x || !y || !v)
        check(ST_SYS);
    one_step(&t.w, t.o, size);                         /* warm: scratch, pages */
    yardstick(shapes, countof(shapes), x, v, y);
    for (int i = 0; i < TURNS; i++) {
        double all = 0;
        for (int64_t k = 0; k < size->times; k++)
            all += one_step(&t.w, t.o, size);
        wall[i] = all / (double)size->times;
        ours[i] = 3 * model_flops(&c, N, n) / wall[i] / 1e9;
        theirs[i] = yardstick(shapes, countof(shapes), x, v, y) / 1e9;
    }
    double seconds = bench_median(wall, TURNS);
    bench_line(arena_printf(a, "step, %s, %d threads", size->name, d->threads),
               bench_median(ours, TURNS), "GFLOP/s", "dnnl_sgemm", bench_median(theirs, TURNS),
               goal, true);
    dev_close(d);
    return seconds;
}

/* ---- the run, from a stream to a checkpoint ---- */

static void put(struct out *out, const struct rec *r)
{
    struct buf b = { 0 };

    check(rec_write(&b, r, 2));
    check(out_put(out, b.p, b.n, r->n_tokens));
    buf_free(&b);
}

static void bench_run(const struct size *size, int threads, double step_seconds)
{
    struct header h;
    struct out *out;
    uint8_t p[2 * TOKENS_MAX];
    struct plan plan = { .input = path("small.rec"),
                         .init = path("config.json"),
                         .out = path("run"),
                         .device = "auto",
                         .threads = threads,
                         .sft_loss = "sft",
                         .pref_loss = "dpo",
                         .schedule = "constant",
                         .phase = "fresh",
                         .save_dtype = "f32",
                         .lr = 1e-3,
                         .beta1 = 0.9,
                         .beta2 = 0.95,
                         .eps = 1e-8,
                         .clip = 1,
                         .micro_tokens = 4096,
                         .keep = 2,
                         .to = "raw",
                         .quiet = true };

    bench_header(&h);
    h.vocab = 264;
    h.mixed = true;
    check(out_open(&out, plan.input, &h, OUT_SHARD, a));
    for (int64_t i = 0; i < RUN_STEPS; i++) {
        struct rec s = { .kind = REC_STEP, .t = VIEW("step"),
                         .step = { .i = i, .train = true, .weight_sft = 1, .n = size->rows } };
        put(out, &s);
        for (int64_t k = 0; k < size->rows; k++) {
            struct rec r = text(p, size->tokens, 264, i * size->rows + k);
            put(out, &r);
        }
    }
    check(out_close(out, ST_OK, (struct view){ NULL, 0 }));
    int null = open("/dev/null", O_WRONLY), was = dup(1);
    fflush(stdout);
    dup2(null, 1);                                     /* the copy of the metrics */
    double start = run_clock();
    check(train(&plan, a));
    double seconds = (run_clock() - start) / RUN_STEPS;
    dup2(was, 1);
    bench_line("whole run of it", 1 / seconds, "updates/s", "its steps alone", 1 / step_seconds,
               0.8, true);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 0;
    const struct size sizes[] = { { "70M, 8 x 256", large, 8, 256, 1 },
                                  { "quickstart, 32 x 42", small, 32, 42, 50 } };

    err_tool(argv[0]);
    a = arena_new(0);
    if (!mkdtemp(dir))
        check(fail_sys("no temporary folder"));
    bench_step(&sizes[0], threads, 0.5);
    bench_lora(&sizes[0], threads);
    bench_run(&sizes[1], threads, bench_step(&sizes[1], threads, 0.3));
    check(dir_remove(dir));
    arena_free(a);
    return done(ST_OK);
}
