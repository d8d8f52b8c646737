/* dev.c - opens a device by its name, among the backends of this build. */
#include "base/run.h"
#include "math/backend.h"
#include "math/master.h"

#define BACKEND(name, forms) ", " forms
static const char known[] = "auto"
#include "math/backend.def"
    ;
#undef BACKEND

static const struct backend *const backends[] = {
#define BACKEND(name, forms) &name##_backend,
#include "math/backend.def"
#undef BACKEND
};

/* Of "cuda:1,f32" under the name "cuda" it is ":1,f32"; NULL: another name. */
static const char *rest_of(const char *name, const struct backend *b)
{
    size_t n = strlen(b->name);

    return strncmp(name, b->name, n) == 0 && (!name[n] || name[n] == ':' || name[n] == ',')
               ? name + n
               : NULL;
}

static const struct backend *find(const char *name, const char **rest)
{
    for (int64_t i = 0; i < countof(backends); i++) {
        *rest = strcmp(name, "auto") == 0 ? (backends[i]->there() ? "" : NULL)
                                          : rest_of(name, backends[i]);
        if (*rest)
            return backends[i];
    }
    return NULL;
}

enum st dev_open(struct dev **out, const char *name, int threads, struct arena *a)
{
    const char *rest;
    const struct backend *b = find(name, &rest);
    struct dev *d;

    if (!b)
        return fail(ST_USAGE, "--device: '%s' is none of %s", shown(view_of(name)), known);
    if (!(d = ARENA_NEW(a, struct dev, 1)))
        return ST_SYS;
    *d = (struct dev){ .backend = b, .name = b->name,
                       .threads = threads > 0 ? threads : run_threads() };
    enum st st = b->open(d, rest, a);
    if (st == ST_OK)
        *out = d;
    return st;
}

void dev_close(struct dev *d)
{
    d->backend->close(d);
}

void *dev_alloc(struct dev *d, size_t n_bytes)
{
    return d->backend->alloc(d, n_bytes);
}

void dev_free(struct dev *d, void *p)
{
    if (p)
        d->backend->free(d, p);
}

void dev_put(struct dev *d, void *to, const void *host, size_t n_bytes)
{
    if (n_bytes)
        d->backend->put(d, to, host, n_bytes);
}

void dev_get(struct dev *d, void *host, const void *from, size_t n_bytes)
{
    if (n_bytes)
        d->backend->get(d, host, from, n_bytes);
}

void dev_zero(struct dev *d, void *p, size_t n_bytes)
{
    if (n_bytes)
        d->backend->zero(d, p, n_bytes);
}

enum st dev_sync(struct dev *d)
{
    return d->backend->sync(d);
}

size_t dev_scratch_bytes(const struct dev *d, const struct dev_pass *p)
{
    return d->backend->scratch_bytes(d, p);
}

int64_t dev_memory(const struct dev *d)
{
    return d->backend->lends(d);
}

const char *dev_version(void)
{
    static char all[200];
    size_t n = 0;

    for (int64_t i = countof(backends) - 1; i >= 0; i--) {
        const char *v = backends[i]->version();
        if (*v && n < sizeof all)
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", v);
    }
    return all;
}

/* ---- numbers, of whatever type ---- */

enum { SOME = 1 << 16 };                       /* numbers on their way at once */

void dev_get_floats(struct dev *d, const struct tensor *t, int64_t at, int64_t n, float *to)
{
    uint16_t high[SOME], low[SOME] = { 0 };

    if (t->type != BF16) {
        dev_get(d, to, (const float *)t->p + at, (size_t)n * sizeof *to);
        return;
    }
    for (int64_t k; n > 0; n -= k, at += k) {
        k = MIN(n, SOME);
        dev_get(d, high, (const uint16_t *)t->p + at, (size_t)k * sizeof *high);
        if (t->low)
            dev_get(d, low, t->low + at, (size_t)k * sizeof *low);
        for (int64_t i = 0; i < k; i++)
            *to++ = master_join(high[i], low[i]);
    }
}

void dev_put_floats(struct dev *d, const struct tensor *t, int64_t at, int64_t n,
                    const float *from)
{
    uint16_t high[SOME], low[SOME];

    if (t->type != BF16) {
        dev_put(d, (float *)t->p + at, from, (size_t)n * sizeof *from);
        return;
    }
    BUG_IF(!t->low);
    for (int64_t k; n > 0; n -= k, at += k) {
        k = MIN(n, SOME);
        for (int64_t i = 0; i < k; i++)
            master_split(*from++, &high[i], &low[i]);
        dev_put(d, (uint16_t *)t->p + at, high, (size_t)k * sizeof *high);
        dev_put(d, t->low + at, low, (size_t)k * sizeof *low);
    }
}
