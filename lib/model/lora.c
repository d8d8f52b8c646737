/* lora.c - adapters: which projections have one, where their numbers lie, and their products.
 *
 * A lies as PEFT has it, [r in], those of q, k and v one below the other, so that their first
 * product is one.  B lies turned, [r out]: all three of its products then read and write long rows
 * (matmul with x and w changing places), where out numbers of width r would be strided. */
#include "model/lora.h"

#include <math.h>

#include "base/rng.h"
#include "model/layer.h"

enum st lora_targets(struct lora *l, const char *text, struct arena *a)
{
    char *copy = arena_text(a, view_of(text));

    l->n_targets = 0;
    while (copy) {
        char *comma = strchr(copy, ',');
        if (comma)
            *comma = 0;
        if (!*copy || l->n_targets == LORA_TARGETS_MAX) {
            err_place("--lora-targets");
            return *copy ? fail(ST_USAGE, "more than %d names", LORA_TARGETS_MAX)
                         : fail(ST_USAGE, "a name is empty; give names with one comma between");
        }
        l->target[l->n_targets++] = copy;
        if (!comma)
            return ST_OK;
        copy = comma + 1;
    }
    return ST_SYS;
}

double lora_scale(const struct lora *l)
{
    return l->alpha / (l->rslora ? sqrt((double)l->rank) : (double)l->rank);
}

/* ---- which projections ---- */

/* One that may have an adapter: a linear, or n of its outputs from `at` on. */
struct spot { struct linear *l; const struct param *w; int64_t at, n; };

enum { LINEARS = 8 };

static void linears_of(struct linear *all[LINEARS], struct layer *l)
{
    struct linear *of[LINEARS] = { &l->qkv, &l->q,    &l->k,  &l->v,
                                   &l->out, &l->gate, &l->up, &l->down };
    memcpy(all, of, sizeof of);
}

static const struct param *param_at(const struct model *m, const void *p)
{
    for (int64_t i = 0; i < m->n_params; i++)
        if (m->param[i].w.p == p)
            return &m->param[i];
    BUG_IF(true);
}

/* The projections of a layer; parts of one linear are neighbours.  At most seven. */
static int spots_of(struct spot spot[7], const struct model *m, struct layer *l)
{
    bool parts = l->q.w.p && !m->c.qk_norm;    /* q, k and v are rows of one product */
    struct linear *all[LINEARS];
    int n = 0;

    linears_of(all, l);
    for (int i = 0; i < LINEARS; i++) {
        bool part = i >= 1 && i <= 3;
        if (!all[i]->w.p || (i == 0 && l->q.w.p))
            continue;
        struct linear *to = part && parts ? &l->qkv : all[i];
        int64_t apart = (char *)all[i]->w.p - (char *)to->w.p;
        int64_t at = apart / (to->w.type == BF16 ? 2 : (int64_t)sizeof(float)) / linear_in(to);
        spot[n++] = (struct spot){ to, param_at(m, all[i]->w.p), at, linear_out(all[i]) };
    }
    return n;
}

/* The length of a weight's module name: without ".weight". */
static int module_of(const struct param *w)
{
    return (int)(strlen(w->name) - strlen(".weight"));
}

/* As PEFT: the module's name, or its end behind a dot. */
static bool matches(const struct param *w, const char *target)
{
    size_t n = strlen(target), all = (size_t)module_of(w);

    return n <= all && memcmp(w->name + all - n, target, n) == 0 &&
           (n == all || w->name[all - n - 1] == '.');
}

static bool is_target(const struct lora *l, const struct param *w)
{
    for (int64_t i = 0; i < l->n_targets; i++)
        if (matches(w, l->target[i]))
            return true;
    return false;
}

/* The last parts of the projections' names, each once. */
static enum st names_of(const char *name[7], int *n, struct model *m, struct arena *a)
{
    struct spot spot[7];

    *n = spots_of(spot, m, &m->layer[0]);
    for (int i = 0; i < *n; i++) {
        char *module = arena_printf(a, "%.*s", module_of(spot[i].w), spot[i].w->name);
        if (!module)
            return ST_SYS;
        name[i] = strrchr(module, '.') + 1;
    }
    return ST_OK;
}

static enum st no_such(const struct lora *l, const char *target, const char *const name[], int n)
{
    char all[256] = "";

    for (int i = 0; i < n; i++) {
        size_t at = strlen(all);
        snprintf(all + at, sizeof all - at, "%s%s", i ? ", " : "", name[i]);
    }
    if (l->path) {
        err_place("%s", l->path);
        return fail(ST_DATA, "no module of 'target_modules' is in this model, which has %s; is it "
                             "an adapter of this base?", all);
    }
    err_place("--lora-targets");
    return fail(ST_USAGE, "'%s' is no projection of this model, which has %s; or all-linear",
                shown(view_of(target)), all);
}

/* all-linear becomes the names it stands for.  Every target of the command line must be there, of a
 * file one: lists for several families are common. */
static enum st settle(struct model *m, struct lora *l, struct arena *a)
{
    const char *name[7], *last = "";
    int64_t found = 0;
    int n;

    if (names_of(name, &n, m, a) != ST_OK)
        return ST_SYS;
    if (l->n_targets == 1 && strcmp(l->target[0], "all-linear") == 0) {
        memcpy(l->target, name, (size_t)n * sizeof *name);
        l->n_targets = n;
    }
    for (int64_t t = 0; t < l->n_targets; t++) {
        bool there = false;
        for (int64_t i = 0; i < m->c.L && !there; i++) {
            struct spot spot[7];
            int k = spots_of(spot, m, &m->layer[i]);
            for (int j = 0; j < k; j++)
                there |= matches(spot[j].w, l->target[t]);
        }
        found += there;
        last = l->target[t];
        if (!there && !l->path)
            return no_such(l, last, name, n);
    }
    return found ? ST_OK : no_such(l, last, name, n);
}

/* ---- where they lie ---- */

struct plan {                                  /* walks the adapters: to count, then to place */
    struct model *m;
    struct arena *a;
    int64_t       n, floats, n_weights;
    bool          place;
    enum st       st;
};

static struct tensor put(struct plan *p, const struct spot *s, const char *which, bool joined,
                         int64_t rows, int64_t cols, struct tensor *grad)
{
    struct params *to = &p->m->adapters;
    struct tensor t = { 0 };

    if (!joined)
        p->floats = round_params(p->floats);
    if (p->place) {
        struct param *w = &to->param[p->n];
        w->name = arena_printf(p->a, "base_model.model.%.*s.%s.weight", module_of(s->w), s->w->name,
                               which);
        if (!w->name)
            p->st = ST_SYS;
        t = w->w = w->g = tensor2(to->w + p->floats, rows, cols);
        w->g.p = to->g ? to->g + p->floats : NULL;
        w->at = p->floats;
        w->decay = true;
        *grad = w->g;
    }
    p->n++;
    p->floats += rows * cols;
    p->n_weights += rows * cols;
    return t;
}

/* The n spots of one linear. */
static void put_linear(struct plan *p, const struct spot *s, int n)
{
    int64_t r = p->m->c.lora->rank, in = linear_in(s->l);
    struct adapter *d = &s->l->adapter;

    *d = (struct adapter){ .n = n };
    for (int i = 0; i < n; i++) {
        struct tensor grad = { 0 }, a = put(p, &s[i], "lora_A", i > 0, r, in, &grad);
        if (i == 0)
            d->a = a, d->da = grad;
    }
    d->a.d[0] = d->da.d[0] = n * r;
    for (int i = 0; i < n; i++) {
        d->part[i].at = s[i].at;
        d->part[i].b = put(p, &s[i], "lora_B", false, r, s[i].n, &d->part[i].db);
    }
}

static struct plan walk(struct model *m, bool place, struct arena *a)
{
    struct plan p = { .m = m, .a = a, .place = place };

    for (int64_t i = 0; i < m->c.L; i++) {
        struct spot all[7], spot[7];
        int k = spots_of(all, m, &m->layer[i]), n = 0;
        for (int j = 0; j < k; j++)
            if (is_target(m->c.lora, all[j].w))
                spot[n++] = all[j];
        for (int j = 0, parts; j < n; j += parts) {
            for (parts = 1; j + parts < n && spot[j + parts].l == spot[j].l;)
                parts++;
            put_linear(&p, spot + j, parts);
        }
    }
    return p;
}

/* Places from below: whatever lies at or above the lowest adapter's needs the gradient of its
 * output, and of its input where it lies above. */
static void find_lowest(struct model *m)
{
    m->lowest = INT64_MAX;
    for (int64_t i = 0; i < m->c.L; i++) {
        struct layer *l = &m->layer[i];
        struct linear *all[LINEARS];
        linears_of(all, l);
        for (int j = 0; j < LINEARS; j++) {
            int input = j < 4 ? 0 : j == 4 ? 1 : j < 7 ? 2 : 3;
            /* in parallel the mlp stands beside the attention, not above it */
            all[j]->place = 4 * i + (m->c.parallel ? input % 2 : input);
            all[j]->adapter.gathered = i == m->c.L - 1 && input > 0;
            all[j]->adapter.stream = (uint32_t)(4 * i + input);
            if (all[j]->adapter.n)
                m->lowest = MIN(m->lowest, all[j]->place);
        }
    }
}

enum st lora_new(struct model *m, bool train, struct arena *a)
{
    struct params *to = &m->adapters;
    enum st st = settle(m, m->c.lora, a);

    if (st != ST_OK)
        return st;
    struct plan p = walk(m, false, a);
    *to = (struct params){ .n = p.n, .n_weights = p.n_weights,
                           .n_bytes = (size_t)p.floats * sizeof(float) };
    if (!(to->param = ARENA_NEW(a, struct param, p.n)) ||
        !(to->w = dev_alloc(m->d, to->n_bytes)) ||
        (train && !(to->g = dev_alloc(m->d, to->n_bytes))))
        return ST_SYS;
    st = walk(m, true, a).st;
    find_lowest(m);
    return st;
}

void lora_init(struct model *m, uint64_t seed)
{
    for (int64_t i = 0; i < m->adapters.n; i++) {
        const struct param *p = &m->adapters.param[i];
        int64_t n = tensor_n(p->w);
        double most = 1 / sqrt((double)p->w.d[1]);
        float block[4096];
        uint64_t stream = RNG_STREAM(RNG_INIT, model_name_hash(p->name));
        bool is_a = strstr(p->name, ".lora_A.") != NULL;
        for (int64_t at = 0; at < n; at += countof(block)) {
            int64_t k = MIN(countof(block), n - at);
            for (int64_t j = 0; j < k; j++)
                block[j] = is_a ? (float)(most * (2 * rng_unit(seed, stream, (uint64_t)(at + j)) -
                                                  1)) : 0;
            dev_put(m->d, f32(p->w) + at, block, (size_t)k * sizeof(float));
        }
    }
}

/* ---- products ---- */

/* Columns [from, from + n) of a buffer of `ld` columns. */
static struct mat columns(float *p, int64_t rows, int64_t ld, int64_t from, int64_t n)
{
    return (struct mat){ p + from, rows, n, ld };
}

static void drop(const struct model *m, struct pass *p, const struct adapter *d, float *y, float *x,
                 int64_t rows, int64_t cols, bool add)
{
    struct draws by = { p->noise.seed, RNG_STREAM(RNG_NOISE, d->stream), p->key,
                        d->gathered ? p->at : NULL, m->c.lora->dropout };

    m->d->op->dropout(m->d, tensor2(y, rows, cols), tensor2(x, rows, cols), by, add);
}

/* p->lt = s * drop(x) A^T of all parts; gives drop(x). */
static float *down(const struct model *m, struct pass *p, const struct adapter *d, float *x,
                   int64_t rows)
{
    struct dev *dev = m->d;
    int64_t in = d->a.d[1], n = d->a.d[0];
    struct tensor t = tensor2(p->lt, rows, n);

    if (p->dropout) {
        drop(m, p, d, p->lx, x, rows, in, false);
        x = p->lx;
    }
    dev->op->matmul(dev, mat_of(t), layer_mat(x, rows, in), d->a, (struct tensor){ 0 }, false);
    dev->op->scale(dev, t, t, lora_scale(m->c.lora));
    return x;
}

void lora_forward(const struct model *m, struct pass *p, const struct linear *l, float *y, float *x,
                  int64_t rows)
{
    const struct adapter *d = &l->adapter;
    int64_t r = m->c.lora->rank;

    down(m, p, d, x, rows);
    for (int i = 0; i < d->n; i++)
        m->d->op->matmul_dx(m->d, columns(y, rows, linear_out(l), d->part[i].at, d->part[i].b.d[1]),
                            columns(p->lt, rows, d->a.d[0], i * r, r), d->part[i].b, true);
}

void lora_backward(const struct model *m, struct pass *p, const struct linear *l, float *dx,
                   float *dy, float *x, int64_t rows)
{
    struct dev *dev = m->d;
    const struct adapter *d = &l->adapter;
    int64_t r = m->c.lora->rank, n = d->a.d[0], in = d->a.d[1];
    struct tensor none = { 0 }, dt = tensor2(p->ldt, rows, n);

    x = down(m, p, d, x, rows);
    for (int i = 0; i < d->n; i++) {
        struct mat out = columns(dy, rows, linear_out(l), d->part[i].at, d->part[i].b.d[1]);
        dev->op->matmul(dev, columns(p->ldt, rows, n, i * r, r), out, d->part[i].b, none, false);
        dev->op->matmul_dw(dev, d->part[i].db, none, columns(p->lt, rows, n, i * r, r), out);
    }
    dev->op->scale(dev, dt, dt, lora_scale(m->c.lora));
    dev->op->matmul_dw(dev, d->da, none, mat_of(dt), layer_mat(x, rows, in));
    if (!dx)
        return;
    float *to = p->dropout ? p->lx : dx;
    dev->op->matmul_dx(dev, layer_mat(to, rows, in), mat_of(dt), d->a, !p->dropout);
    if (p->dropout)
        drop(m, p, d, dx, to, rows, in, true);
}

/* w += s B A, or its transpose where w lies turned. */
static void merge_part(struct model *m, const struct linear *l, int k)
{
    struct dev *dev = m->d;
    struct tensor b = l->adapter.part[k].b, none = { 0 };
    int64_t in = l->adapter.a.d[1], out = b.d[1], r = b.d[0], at = l->adapter.part[k].at;
    struct mat a = layer_mat(f32(l->adapter.a) + k * r * in, r, in);

    dev->op->scale(dev, b, b, lora_scale(m->c.lora));
    if (l->turned)
        dev->op->matmul_dw(dev, l->w, none, a, mat_of(b));
    else
        dev->op->matmul_dw(dev, tensor2(f32(l->w) + at * in, out, in), none, mat_of(b), a);
    dev_zero(dev, b.p, (size_t)tensor_n(b) * sizeof(float));
}

void lora_merge(struct model *m)
{
    for (int64_t i = 0; i < m->c.L; i++) {
        struct linear *all[LINEARS];
        linears_of(all, &m->layer[i]);
        for (int j = 0; j < LINEARS; j++)
            for (int k = 0; k < all[j]->adapter.n; k++)
                merge_part(m, all[j], k);
    }
}
