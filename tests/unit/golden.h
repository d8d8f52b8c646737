/* golden.h - what tests/golden/model.py and lora.py wrote, as a test holds a model against it. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "model/weights.h"
#include "tests/check.h"

#define BETA 0.1

struct golden {                                /* a case: its model and what is expected of it */
    const char    *name, *dir;
    struct arena  *a;
    struct dev    *d, *host;                   /* the model's; what is expected lies on the host */
    struct config  c;
    struct model  *m;
    char          *expect;
    struct pack    pack;
    int64_t        sft, n_seqs;
    int32_t       *seq;                        /* [n_seqs][2] */
    struct pass   *pass;
};

/* As many numbers as n says, from the case's expect.safetensors. */
static inline void *golden_expected(struct golden *g, const char *name, int64_t rows, int64_t cols,
                      enum dtype type)
{
    char *names[] = { (char *)(uintptr_t)name };
    void *p = arena_get(g->a, (size_t)(rows * MAX(cols, 1)) * 4);
    struct tensor t = cols ? tensor2(p, rows, cols) : tensor1(p, rows);

    t.type = type;
    CHECK_ST(tensors_load(g->expect, 1, names, &t, g->host, g->a), ST_OK);
    return p;
}

/* weights_of() of the script. */
static inline void golden_formula(struct model *m, uint32_t salt)
{
    for (int64_t i = 0; i < m->n_params; i++) {
        const struct param *p = &m->param[i];
        size_t n = strlen(p->name);
        bool bias = n > 5 && strcmp(p->name + n - 5, ".bias") == 0;
        uint32_t h = 2166136261u ^ salt;
        for (const char *s = p->name; *s; s++)
            h = (h ^ (uint8_t)*s) * 16777619u;
        for (int64_t j = 0; j < tensor_n(p->w); j++) {
            uint32_t x = (uint32_t)j * 2654435761u + h;
            x = (x ^ x >> 16) * 0x45d9f3bu;
            x = (x ^ x >> 16) * 0x45d9f3bu;
            float u = (float)((x ^ x >> 16) >> 8) / (float)(1 << 23) - 1;
            u = p->w.rank == 2 ? u * .5f : bias ? u * .125f : u * .25f + 1;
            dev_put(m->d, f32(p->w) + j, &u, 4);
        }
    }
}

static inline void golden_pack(struct golden *g, int64_t n_segs, int64_t n_tokens,
                               int64_t n_targets)
{
    struct pack *p = &g->pack;

    *p = (struct pack){ .f = { n_tokens, n_segs, golden_expected(g, "seg", n_segs, 3, I32),
                               golden_expected(g, "pos", n_tokens, 0, I32) },
                        .n_targets = n_targets };
    p->token = golden_expected(g, "token", n_tokens, 0, I32);
    p->at = golden_expected(g, "at", n_targets, 0, I32);
    p->target = golden_expected(g, "target", n_targets, 0, I32);
    g->sft = *(int32_t *)golden_expected(g, "sft", 1, 0, I32);
    g->n_seqs = 4;
    g->seq = golden_expected(g, "seq", 4, 2, I32);
}

static const char *golden_device = "cpu";
static double golden_loose = 1;                    /* times the tolerances */

/* All of the case but its model and pass, which are the caller's. */
static inline void golden_open(struct golden *g, const char *prefix, const char *name, int threads)
{
    *g = (struct golden){ .name = name, .a = arena_new(0) };
    g->dir = arena_printf(g->a, "%s%s", prefix, name);
    g->expect = arena_printf(g->a, "%s/expect.safetensors", g->dir);
    CHECK_ST(dev_open(&g->host, "cpu", 1, g->a), ST_OK);
    CHECK_ST(dev_open(&g->d, golden_device, threads, g->a), ST_OK);
    CHECK_ST(config_read(&g->c, arena_printf(g->a, "%s/config.json", g->dir), g->a), ST_OK);
    golden_pack(g, 8, 45, 29);
}

static inline void golden_close(struct golden *g)
{
    if (g->pass)
        pass_free(g->pass);
    model_free(g->m);
    dev_close(g->d);
    dev_close(g->host);
    arena_free(g->a);
}

/* |x - y| <= tol * max |y| for all n */
static inline void check_largest(const char *what, const float *x, const float *y, int64_t n,
                                 double tol)
{
    double most = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)y[i]));
        double e = fabs((double)x[i] - (double)y[i]);
        off = e <= off ? off : e;              /* NaN goes in and stays */
    }
    if (!(off <= tol * most))
        check_failed(__FILE__, __LINE__, "%s: off by %.3g of %.3g", what, off, most);
}

/* ||x - y|| <= tol ||y - from|| (from NULL: 0), or where y is zero but for rounding ||x|| <= 1e-7
 * sqrt(n) */
static inline void check_norm(const char *what, const float *x, const float *y, const float *from,
                       int64_t n, double tol)
{
    double size = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        double e = (double)x[i] - (double)y[i], s = (double)y[i] - (from ? (double)from[i] : 0);
        off += e * e;
        size += s * s;
    }
    if (!(sqrt(off) <= tol * sqrt(size) ||
          (!from && sqrt(size) <= 1e-9 && sqrt(off) <= 1e-7 * sqrt((double)n))))
        check_failed(__FILE__, __LINE__, "%s: off by %.3g of %.3g, that is %.3g", what, sqrt(off),
                     sqrt(size), sqrt(off / size));
}

static inline float *golden_host(struct golden *g, struct tensor t)
{
    float *p = arena_get(g->a, (size_t)tensor_n(t) * 4);
    dev_get(g->d, p, t.p, (size_t)tensor_n(t) * 4);
    return p;
}

/* The sft targets alone: the first rows of the pack. */
static inline struct pack golden_sft_of(const struct golden *g)
{
    struct pack p = g->pack;
    p.f.n_segs = 2;
    p.f.n_tokens = p.f.seg[1].end;
    p.n_targets = g->sft;
    return p;
}

/* One forward and, where asked, its backward with coefficients known before. */
static inline double golden_sft_loss(struct golden *g, const struct pack *p, bool back)
{
    float logp[64], coef[64];
    double sum = 0;

    for (int64_t i = 0; i < p->n_targets; i++)
        coef[i] = i < g->sft ? -1.f / (float)g->sft : 0;
    model_forward(g->m, g->pass, p, back ? coef : NULL, logp, NULL);
    if (back)
        model_backward(g->m, g->pass, NULL);
    for (int64_t i = 0; i < g->sft; i++)
        sum -= (double)logp[i] / (double)g->sft;
    return sum;
}

static inline void golden_check_loss(struct golden *g, const char *name, double got)
{
    double want = (double)*(float *)golden_expected(g, name, 1, 0, F32);
    CHECK_NEAR(got, want, 1e-5 * golden_loose * fabs(want));
}

#endif
