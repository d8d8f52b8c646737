/* double.c - the model's own sources in double, every family and adapters beside them, against
 * PyTorch in float64 (tests/golden/double.py): what a tolerance of float32 cannot see. */
#include <glob.h>

#include "tests/check.h"
#include "tests/unit/plain.h"

#include "model/layer.h"

#define TOL   1e-11                            /* of what is compared; double gives 1e-14 */
#define BETA  0.1
#define NOISE 1e-9                             /* no more than rounding moved it, in ten steps */

struct kase {                                  /* a folder of tests/golden */
    const char   *dir;
    char         *text;                        /* its double.txt */
    struct arena *a;
    struct dev   *d;
    struct config c;
    struct model *m;
    struct pass  *pass;
    struct pack   pack;
    int64_t       sft;
    int32_t      *seq;                         /* [4 2] first target and how many, of each side */
};

/* What follows a key in double.txt; NULL: it is not there. */
static const char *line_of(const struct kase *k, const char *key)
{
    size_t n = strlen(key);

    for (const char *s = k->text; s; s = strchr(s, '\n')) {
        s += *s == '\n';
        if (strncmp(s, key, n) == 0 && s[n] == ' ')
            return s + n + 1;
    }
    return NULL;
}

static int64_t lines_of(const struct kase *k, const char *start)
{
    int64_t n = 0;

    for (const char *s = k->text; s; s = strchr(s, '\n')) {
        s += *s == '\n';
        n += strncmp(s, start, strlen(start)) == 0;
    }
    return n;
}

/* Exactly n numbers. */
static double *told(struct kase *k, const char *key, int64_t n)
{
    const char *s = line_of(k, key);
    double *x = ARENA_NEW(k->a, double, n);
    int64_t i = 0;

    if (!s)
        check_failed(__FILE__, __LINE__, "%s: no '%s' in double.txt", k->dir, key);
    for (; *s != '\n' && i < n; i++) {
        char *end;
        x[i] = strtod(s, &end);
        CHECK(end > s);
        s = end;
    }
    CHECK(i == n && *s == '\n');
    return x;
}

static int32_t *whole(struct kase *k, const char *key, int64_t n)
{
    double *x = told(k, key, n);
    int32_t *to = ARENA_NEW(k->a, int32_t, n);

    for (int64_t i = 0; i < n; i++)
        to[i] = (int32_t)x[i];
    return to;
}

/* ---- draws of a name: weights_of() of model.py */

static uint32_t name_hash(const char *name, uint32_t salt)
{
    uint32_t h = 2166136261u ^ salt;

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

static single draw(uint32_t h, int64_t i)
{
    uint32_t x = (uint32_t)i * 2654435761u + h;

    for (int k = 0; k < 2; k++)
        x = (x ^ x >> 16) * 0x45d9f3bu;
    return (single)((x ^ x >> 16) >> 8) / (single)(1 << 23) - 1;
}

/* Where number i of a file's tensor lies: B of an adapter is turned. */
static int64_t place(const struct param *p, int64_t i)
{
    int64_t r = p->w.d[0], n = p->w.d[1];

    return strstr(p->name, "lora_B") ? i % r * n + i / r : i;
}

static void fill(const struct param *param, int64_t n, uint32_t salt)
{
    for (const struct param *p = param; p < param + n; p++) {
        size_t len = strlen(p->name);
        bool bias = len > 5 && strcmp(p->name + len - 5, ".bias") == 0;
        for (int64_t i = 0; i < tensor_n(p->w); i++) {
            single u = draw(name_hash(p->name, salt), i);
            u = p->w.rank == 2 ? u * .5f : bias ? u * .125f : u * .25f + 1;
            f32(p->w)[place(p, i)] = (double)u;
        }
    }
}

/* ---- a case */

static void read_text(struct kase *k)
{
    FILE *f = fopen(arena_printf(k->a, "%s/double.txt", k->dir), "r");
    size_t room = 64 << 10;

    if (!f)
        check_failed(__FILE__, __LINE__, "%s: no double.txt", k->dir);
    k->text = arena_get(k->a, room);
    CHECK(fread(k->text, 1, room, f) < room);
    CHECK(fclose(f) == 0);
}

static struct lora *adapters_of(struct kase *k)
{
    struct lora *l = ARENA_NEW(k->a, struct lora, 1);
    const char *s = line_of(k, "lora");
    char targets[256];
    int64_t rslora;

    if (!s)
        return NULL;
    CHECK(sscanf(s, "%" SCNd64 " %lf %" SCNd64 " %255s", &l->rank, &l->alpha, &rslora,
                 targets) == 4);
    l->rslora = rslora == 1;
    CHECK_ST(lora_targets(l, targets, k->a), ST_OK);
    return l;
}

static void open_case(struct kase *k, const char *dir)
{
    *k = (struct kase){ .dir = dir, .a = arena_new(0) };
    plain_mem = k->a;
    read_text(k);
    CHECK_ST(dev_open(&k->d, "cpu", 1, k->a), ST_OK);
    k->d->op = &plain_ops;
    CHECK_ST(config_read(&k->c, arena_printf(k->a, "%s/config.json", dir), k->a), ST_OK);
    k->c.lora = adapters_of(k);
    CHECK_ST(model_new(&k->m, &k->c, k->d, true, k->a), ST_OK);
    fill(k->m->param, k->m->n_params, 0);
    fill(k->m->adapters.param, k->m->adapters.n, 2);
    CHECK_ST(pass_new(&k->pass, k->m, 45, 29, KEEP_ALL, k->a), ST_OK);
    k->pack = (struct pack){ .f = { .n_tokens = 45, .n_segs = 8 }, .n_targets = 29 };
    k->pack.f.seg = (struct seg *)whole(k, "seg", 8 * 3);
    k->pack.f.pos = whole(k, "pos", 45);
    k->pack.token = whole(k, "token", 45);
    k->pack.at = whole(k, "at", 29);
    k->pack.target = whole(k, "target", 29);
    k->sft = whole(k, "sft", 1)[0];
    k->seq = whole(k, "seq", 4 * 2);
}

static void close_case(struct kase *k)
{
    pass_free(k->pass);
    model_free(k->m);
    dev_close(k->d);
    arena_free(k->a);
}

/* |got - want| <= TOL size */
static void near(const struct kase *k, const char *key, const char *what, double got, double want,
                 double size)
{
    if (!(fabs(got - want) <= TOL * size))
        check_failed(__FILE__, __LINE__, "%s: %s: %s is %.17g, not %.17g, of %.3g", k->dir, key,
                     what, got, want, size);
}

static void check_numbers(struct kase *k, const char *key, const double *x, int64_t n)
{
    double *want = told(k, key, n);

    for (int64_t i = 0; i < n; i++)
        near(k, key, "a number", x[i], want[i], fabs(want[i]));
}

/* A tensor by what double.py says of one. */
static void check_tensor(struct kase *k, const char *key, const double *x, int64_t n)
{
    double *want = told(k, key, 6), sum[3] = { 0 }, size = want[0];
    int64_t at[3] = { 0, n / 2, n - 1 };

    for (int64_t i = 0; i < n; i++) {
        sum[0] += x[i] * x[i];
        for (uint32_t s = 0; s < 2; s++)
            sum[1 + s] += x[i] * (double)(draw(name_hash(key, 3 + s), i) * .5f);
    }
    near(k, key, "its norm", sqrt(sum[0]), want[0], size);
    near(k, key, "a weighted sum", sum[1], want[1], size);
    near(k, key, "another weighted sum", sum[2], want[2], size);
    for (int i = 0; i < 3; i++)
        near(k, key, "a number of it", x[at[i]], want[3 + i],
             fmax(fabs(want[3 + i]), size / sqrt((double)n)));
}

/* One tensor of a parameter, in the order of the file. */
static void check_param(struct kase *k, const char *of, const struct param *p, const double *x)
{
    int64_t n = tensor_n(p->w);
    double *y = ARENA_NEW(k->a, double, n);

    for (int64_t i = 0; i < n; i++)
        y[i] = x[place(p, i)];
    check_tensor(k, arena_printf(k->a, "%s%s", of, p->name), y, n);
}

static void check_grads(struct kase *k, const char *of)
{
    struct params t = model_trained(k->m);

    CHECK(t.n == lines_of(k, of));
    for (int64_t i = 0; i < t.n; i++)
        check_param(k, of, &t.param[i], t.param[i].g.p);
}

static void check_logits(struct kase *k, const char *key)
{
    int64_t n = k->pack.n_targets * k->c.V;
    double *logits = ARENA_NEW(k->a, double, n);

    CHECK_ST(model_logits(k->m, k->pass, logits), ST_OK);
    check_tensor(k, key, logits, n);
}

/* The mean of -log p over the first targets, with its gradient. */
static double sft_of(struct kase *k, const struct pack *pack, double *logp)
{
    double coef[29], loss = 0;

    for (int64_t i = 0; i < pack->n_targets; i++)
        coef[i] = i < k->sft ? -1. / (double)k->sft : 0;
    model_zero_grad(k->m);
    model_forward(k->m, k->pass, pack, coef, logp, NULL);
    model_backward(k->m, k->pass, NULL);
    for (int64_t i = 0; i < k->sft; i++)
        loss -= logp[i] / (double)k->sft;
    return loss;
}

static void check_sft(struct kase *k)
{
    double logp[29], loss = sft_of(k, &k->pack, logp);

    check_numbers(k, "logp", logp, 29);
    check_logits(k, "logits");
    check_numbers(k, "loss.sft", &loss, 1);
    check_grads(k, "grad.sft.");
}

static void sums_of(const struct kase *k, const double *logp, double sum[4])
{
    for (int s = 0; s < 4; s++) {
        sum[s] = 0;
        for (int64_t i = 0; i < k->seq[2 * s + 1]; i++)
            sum[s] += logp[k->seq[2 * s] + i];
    }
}

/* The sums under the model of other weights, or without its adapters. */
static void reference(struct kase *k, double ref[4])
{
    struct config c = k->c;
    struct model *m;
    struct pass *p;
    double logp[29];

    c.lora = NULL;
    CHECK_ST(model_new(&m, &c, k->d, false, k->a), ST_OK);
    CHECK_ST(pass_new(&p, m, 45, 29, KEEP_NOTHING, k->a), ST_OK);
    fill(m->param, m->n_params, k->c.lora ? 0 : 1);
    model_forward(m, p, &k->pack, NULL, logp, NULL);
    sums_of(k, logp, ref);
    check_numbers(k, "ref", ref, 4);
    pass_free(p);
    model_free(m);
}

/* Coefficients that are known only after the forward: DPO, eq. 7 of arXiv:2305.18290. */
static void check_dpo(struct kase *k)
{
    double logp[29], coef[29] = { 0 }, ref[4], sum[4], loss = 0;

    reference(k, ref);
    model_zero_grad(k->m);
    model_forward(k->m, k->pass, &k->pack, NULL, logp, NULL);
    sums_of(k, logp, sum);
    for (int s = 0; s < 4; s += 2) {
        double x = BETA * ((sum[s] - ref[s]) - (sum[s + 1] - ref[s + 1]));
        loss += log1p(exp(-x)) / 2;
        for (int side = s; side < s + 2; side++)
            for (int64_t i = 0; i < k->seq[2 * side + 1]; i++)
                coef[k->seq[2 * side] + i] = (side == s ? -BETA : BETA) / (1 + exp(x)) / 2;
    }
    check_numbers(k, "loss.dpo", &loss, 1);
    model_backward(k->m, k->pass, coef);
    check_grads(k, "grad.dpo.");
}

static double *copy_of(struct kase *k, const double *x, int64_t n)
{
    double *y = ARENA_NEW(k->a, double, n);

    if (x)
        memcpy(y, x, (size_t)n * sizeof *y);
    return y;
}

/* Ten AdamW steps on the sft rows. */
static void check_steps(struct kase *k)
{
    struct params t = model_trained(k->m);
    int64_t all = (int64_t)(t.n_bytes / sizeof(double));
    double *start = copy_of(k, t.w, all), *m = copy_of(k, NULL, all), *v = copy_of(k, NULL, all);
    double logp[29], loss[10], decay = told(k, "decay", 1)[0];
    struct pack sft = k->pack;

    sft.f.n_segs = 2;
    sft.f.n_tokens = sft.f.seg[1].end;
    sft.n_targets = k->sft;
    for (int i = 0; i < 10; i++) {
        loss[i] = sft_of(k, &sft, logp);
        for (const struct param *p = t.param; p < t.param + t.n; p++) {
            int64_t at = f32(p->w) - t.w, n = tensor_n(p->w);
            k->d->op->adamw(k->d, p->w, tensor1(m + at, n), tensor1(v + at, n), p->g, 1,
                            (struct adamw){ 1e-3, .9, .95, 1e-8, p->decay ? decay : 0, i + 1 });
        }
    }
    check_numbers(k, "step.loss", loss, 10);
    model_forward(k->m, k->pass, &k->pack, NULL, NULL, NULL);
    check_logits(k, "step.logits");
    CHECK(t.n + 2 == lines_of(k, "step."));
    for (int64_t i = 0; i < all; i++) {
        double x = t.w[i] - start[i];
        start[i] = fabs(x) > NOISE ? x : 0;
    }
    for (const struct param *p = t.param; p < t.param + t.n; p++)
        check_param(k, "step.", p, start + (f32(p->w) - t.w));
}

/* Every folder of that kind; how many had steps. */
static int64_t walk(const char *kind)
{
    glob_t found;
    int64_t steps = 0;

    CHECK(glob(kind, 0, NULL, &found) == 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct kase k;
        open_case(&k, found.gl_pathv[i]);
        check_sft(&k);
        check_dpo(&k);
        if (line_of(&k, "decay")) {
            check_steps(&k);
            steps++;
        }
        CHECK_ST(dev_sync(k.d), ST_OK);
        close_case(&k);
    }
    globfree(&found);
    return steps;
}

static void families(void **state)
{
    (void)state;
    CHECK(walk("tests/golden/model-*") >= 15);
}

static void adapters(void **state)
{
    (void)state;
    CHECK(walk("tests/golden/lora-*") >= 3);
}

int main(void)
{
    return RUN(TEST(families), TEST(adapters));
}
