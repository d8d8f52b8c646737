/* average.c - several checkpoints become their mean, in one plain folder.
 *
 * Of adapters the mean is that of the weights they make of their bases, each B A added to its own:
 * the mean of A and of B, each by itself, would be another model.  Sums are in double, so every
 * number is the mean rounded once.  Polyak & Juditsky 1992; of the last checkpoints, Izmailov et
 * al. 2018, arXiv:1803.05407. */
#include "base/opt.h"
#include "train.h"

enum { DIRS_MAX = 4096, BLOCK = 4096 };

struct mean {
    const char   *dir[DIRS_MAX];
    int64_t       n;
    struct model *m;                           /* the one read last */
    double       *sum;                         /* [m->n_bytes / 4] of those so far */
    struct { const char *name; struct tensor t; } *first;      /* parameters of the first */
    int64_t       n_params;
    uint8_t       tokenizer[32];               /* of one that says what it is */
    bool          known;
};

/* ---- which ---- */

static enum st usage(const char *what)
{
    err_place("--average");
    return fail(ST_USAGE, "%s", what);
}

static enum st listed(struct mean *k, const char *text, struct arena *a)
{
    for (const char *comma; text; text = comma ? comma + 1 : NULL) {
        comma = strchr(text, ',');
        size_t n = comma ? (size_t)(comma - text) : strlen(text);
        if (n == 0 || k->n == DIRS_MAX)
            return usage(n ? "too many folders" : "a name is empty; give folders with one comma "
                                                   "between, or last=K");
        if (!(k->dir[k->n++] = arena_text(a, (struct view){ text, n })))
            return ST_SYS;
    }
    return ST_OK;
}

static enum st find(struct mean *k, const struct plan *p, struct arena *a)
{
    struct ckpt of = { .out = p->model };
    double n = 0;

    if (strncmp(p->average, "last=", 5) != 0)
        return p->model ? usage("has the folders' names; leave out --model")
                        : listed(k, p->average, a);
    enum st st = opt_number("--average", p->average + 5, &n);
    if (st != ST_OK)
        return st;
    if (!(n >= 1 && n <= DIRS_MAX && n == floor(n)))
        return usage("the K of last=K is a whole number from 1 on");
    if (!p->model)
        return usage("last=K are those of a run; name its --out by --model");
    return ckpt_last(&of, k->dir, k->n = (int64_t)n, a);
}

/* ---- reading ---- */

static enum st same_shape(struct mean *k, const char *dir)
{
    bool same = k->m->n_params == k->n_params;

    for (int64_t i = 0; same && i < k->n_params; i++) {
        const struct param *p = &k->m->param[i];
        const struct tensor *t = &k->first[i].t;
        same = strcmp(p->name, k->first[i].name) == 0 && p->w.rank == t->rank &&
               memcmp(p->w.d, t->d, sizeof t->d) == 0;
    }
    err_place("%s", dir);
    return same ? ST_OK : fail(ST_DATA, "is a model of another shape than %s", k->dir[0]);
}

static enum st same_tokenizer(struct mean *k, const struct folders *f, struct arena *a)
{
    const char *dir = f->adapter ? f->adapter : f->base;
    uint8_t sha[32];

    if (!state_tokenizer(sha, dir, a))
        return *err_text() ? ST_DATA : ST_OK;
    err_place("%s", dir);
    if (k->known && memcmp(sha, k->tokenizer, 32) != 0)
        return fail(ST_DATA, "is a model of another tokenizer than those before it");
    memcpy(k->tokenizer, sha, 32);
    k->known = true;
    return ST_OK;
}

/* The first: room for the sum, and what the others must be. */
static enum st begin(struct mean *k, struct arena *a)
{
    k->n_params = k->m->n_params;
    k->sum = ARENA_NEW(a, double, (int64_t)(k->m->n_bytes / sizeof(float)));
    k->first = arena_array(a, (size_t)k->n_params, sizeof *k->first);
    if (!k->sum || !k->first)
        return ST_SYS;
    for (int64_t i = 0; i < k->n_params; i++) {
        k->first[i].name = k->m->param[i].name;
        k->first[i].t = k->m->param[i].w;
    }
    return ST_OK;
}

static void add_numbers(struct mean *k)
{
    int64_t n = (int64_t)(k->m->n_bytes / sizeof(float));
    float block[BLOCK];

    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t len = MIN(BLOCK, n - at);
        dev_get(k->m->d, block, k->m->w + at, (size_t)len * sizeof(float));
        for (int64_t i = 0; i < len; i++)
            k->sum[at + i] += (double)block[i];
    }
}

/* The mean as the weights of the model read last. */
static void put_mean(struct mean *k)
{
    int64_t n = (int64_t)(k->m->n_bytes / sizeof(float));
    float block[BLOCK];

    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t len = MIN(BLOCK, n - at);
        for (int64_t i = 0; i < len; i++)
            block[i] = (float)(k->sum[at + i] / (double)k->n);
        dev_put(k->m->d, k->m->w + at, block, (size_t)len * sizeof(float));
    }
}

static enum st add(struct mean *k, const char *dir, struct folders *f, struct dev *d,
                   struct arena *a)
{
    struct lora *l = ARENA_NEW(a, struct lora, 1);
    enum st st = l ? folders_find(f, dir, NULL, a) : ST_SYS;

    if (st == ST_OK)
        st = same_tokenizer(k, f, a);
    if (st == ST_OK)
        st = folders_open(&k->m, f, l, d, true, a);
    if (st == ST_OK)                           /* in full where its weights were rounded */
        st = ckpt_exact(f->adapter ? f->adapter : f->base, f->base, k->m, a);
    if (st != ST_OK)
        return st;
    lora_merge(k->m);
    st = dev_sync(d);
    if (st == ST_OK)
        st = k->sum ? same_shape(k, dir) : begin(k, a);
    if (st == ST_OK)
        add_numbers(k);
    return st;
}

enum st average(const struct plan *p, struct arena *a)
{
    struct mean *k = ARENA_NEW(a, struct mean, 1);
    struct folders f = { 0 };
    struct dev *d;
    enum dtype type;

    if (!k)
        return ST_SYS;
    if (!p->out)
        return usage("needs --out, the folder to write");
    enum st st = ckpt_type(&type, p->save_dtype);
    if (st == ST_OK)
        st = plain_absent(p->out);
    if (st == ST_OK)
        st = find(k, p, a);
    if (st != ST_OK || (st = dev_open(&d, p->device, (int)p->threads, a)) != ST_OK)
        return st;
    for (int64_t i = 0; st == ST_OK && i < k->n; i++) {
        if (k->m)
            model_free(k->m);
        k->m = NULL;
        st = add(k, k->dir[i], &f, d, a);
    }
    if (st == ST_OK) {
        put_mean(k);
        st = plain_save(k->m, &f, p, type, a);
    }
    dev_close(d);
    return st;
}
