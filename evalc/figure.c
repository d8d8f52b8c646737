/* figure.c - named figures, and labels among them.
 *
 * Labels and figures share the record's top level, which keeps it flat for people and their
 * tools; what keeps them apart is the name: a figure has a '/' in it or stands in the list
 * below. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "figure.h"

struct figures figures_in(struct arena *a)
{
    return (struct figures){ .a = a, .prefix = VIEW(""), .suffix = VIEW("") };
}

void figures_prefix(struct figures *f, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *copy = arena_text(f->a, view_of(text));
    if (!copy)
        f->st = ST_SYS;
    f->prefix = view_of(copy ? copy : "");
}

void figures_suffix(struct figures *f, const char *text)
{
    char *copy = arena_text(f->a, view_of(text));

    if (!copy)
        f->st = ST_SYS;
    f->suffix = view_of(copy ? copy : "");
}

static struct figure *add(struct figures *f, struct view name, enum figure_type type)
{
    static struct figure nowhere;
    size_t n = f->prefix.n + name.n + f->suffix.n;

    if (f->n == f->cap) {                      /* the old array stays in the arena: it doubles */
        int64_t cap = f->cap ? 2 * f->cap : 32;
        struct figure *v = ARENA_NEW(f->a, struct figure, cap);
        if (!v) {
            f->st = ST_SYS;
            return &nowhere;
        }
        if (f->n)
            memcpy(v, f->v, (size_t)f->n * sizeof *v);
        f->v = v;
        f->cap = cap;
    }
    char *copy = arena_get(f->a, n + 1);
    if (!copy) {
        f->st = ST_SYS;
        return &nowhere;
    }
    memcpy(copy, f->prefix.p, f->prefix.n);
    memcpy(copy + f->prefix.n, name.p, name.n);
    memcpy(copy + n - f->suffix.n, f->suffix.p, f->suffix.n);
    f->v[f->n] = (struct figure){ .name = { copy, n }, .type = type, .aside = f->aside };
    return &f->v[f->n++];
}

static struct view kept(struct figures *f, struct view text)
{
    char *copy = arena_text(f->a, text);

    if (!copy) {
        f->st = ST_SYS;
        return VIEW("");
    }
    return (struct view){ copy, text.n };
}

void figures_text(struct figures *f, const char *name, struct view text)
{
    struct view copy = kept(f, text);

    add(f, view_of(name), FIGURE_TEXT)->text = copy;
}

void figures_bin(struct figures *f, const char *name, const void *p, size_t n)
{
    struct view copy = kept(f, (struct view){ p, n });

    add(f, view_of(name), FIGURE_BIN)->text = copy;
}

void figures_list(struct figures *f, const char *name, const float *v, int64_t n)
{
    struct view copy = kept(f, (struct view){ (const char *)v, (size_t)n * sizeof *v });

    add(f, view_of(name), FIGURE_LIST)->text = copy;
}

void figures_int(struct figures *f, const char *name, int64_t v)
{
    add(f, view_of(name), FIGURE_INT)->i = v;
}

void figures_bool(struct figures *f, const char *name, bool v)
{
    add(f, view_of(name), FIGURE_BOOL)->i = v;
}

void figures_real(struct figures *f, const char *name, double v)
{
    if (isfinite(v))
        add(f, view_of(name), FIGURE_REAL)->v = v;
}

void figures_score(struct figures *f, const char *name, const struct score *s)
{
    char se[256];

    snprintf(se, sizeof se, "%s_se", name);
    figures_real(f, name, score_mean(s));
    figures_real(f, se, score_se(s));
}

void figures_gap(struct figures *f, const char *obj, double loss, double optimum)
{
    char name[32];

    snprintf(name, sizeof name, "opt_%s", obj);
    if (!figures_find(f, name))
        figures_real(f, name, optimum);
    snprintf(name, sizeof name, "gap_%s", obj);
    figures_real(f, name, loss - optimum);
}

void figures_copy(struct figures *f, const struct figure *from)
{
    struct view text = from->text.p ? kept(f, from->text) : from->text;
    struct figure *to = add(f, from->name, from->type);

    to->text = text;
    to->i = from->i;
    to->v = from->v;
}

const struct figure *figures_find(const struct figures *f, const char *name)
{
    for (int64_t i = 0; i < f->n; i++)
        if (view_is(f->v[i].name, name))
            return &f->v[i];
    return NULL;
}

bool figure_is_number(const struct figure *f, double *v)
{
    if (f->type == FIGURE_REAL)
        *v = f->v;
    else if (f->type == FIGURE_INT)
        *v = (double)f->i;
    else
        return false;
    return true;
}

bool figures_number(const struct figures *f, const char *name, double *v)
{
    const struct figure *g = figures_find(f, name);

    return g && figure_is_number(g, v);
}

void figures_read(struct figures *f, const struct rec *r)
{
    struct mp_in in = { r->raw, r->raw + r->raw_bytes, NULL };
    struct mp map = { 0 }, key, v;

    if (!mp_next(&in, &map))
        return;
    for (size_t i = 0; i < map.n && mp_next(&in, &key) && mp_next(&in, &v); i++) {
        struct figure g = { .name = { (const char *)key.p, key.n } };
        if (v.type == MP_ARRAY || v.type == MP_MAP) {
            if (!mp_inside(&in, &v, 1))
                return;
            continue;
        }
        if (view_is(g.name, "t") || v.type == MP_NIL || v.type == MP_BIN ||
            (v.type == MP_REAL && !isfinite(v.d)))
            continue;
        g.type = v.type == MP_TEXT ? FIGURE_TEXT : v.type == MP_BOOL ? FIGURE_BOOL :
                 v.type == MP_INT ? FIGURE_INT : FIGURE_REAL;
        if (g.type == FIGURE_TEXT)
            g.text = (struct view){ (const char *)v.p, v.n };
        else if (g.type != FIGURE_REAL)
            g.i = v.i;
        else if (!mp_number(&v, &g.v))
            continue;
        figures_copy(f, &g);
    }
}

static enum st write_list(struct buf *b, struct view list)
{
    int64_t n = (int64_t)(list.n / sizeof(float));
    enum st st = mp_array(b, n);

    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        float v;
        memcpy(&v, list.p + (size_t)i * sizeof v, sizeof v);
        st = mp_real(b, (double)v);
    }
    return st;
}

static enum st write_value(struct buf *b, const struct figure *g)
{
    switch (g->type) {
    case FIGURE_TEXT: return mp_text(b, g->text);
    case FIGURE_BIN:  return mp_bin(b, g->text.p, g->text.n);
    case FIGURE_LIST: return write_list(b, g->text);
    case FIGURE_INT:  return mp_int(b, g->i);
    case FIGURE_BOOL: return mp_bool(b, g->i != 0);
    case FIGURE_REAL: return mp_real(b, g->v);
    }
    return ST_OK;
}

enum st figures_write(struct buf *b, const struct figures *f)
{
    enum st st = f->st;

    if (st != ST_OK || (st = mp_map(b, f->n + 1)) != ST_OK || (st = mp_text(b, VIEW("t"))) != ST_OK)
        return st;
    st = mp_text(b, VIEW("metric"));
    for (int64_t i = 0; st == ST_OK && i < f->n; i++)
        if ((st = mp_text(b, f->v[i].name)) == ST_OK)
            st = write_value(b, &f->v[i]);
    return st;
}

bool figures_is_label(struct view name)
{
    static const char *const ours[] = {
        "t", "src", "id", "row", "i", "n", "w", "obj", "why", "use", "train", "phase", "state",
        "mix", "text", "loss", "task", "model", "table", "than", "seeds", "lambdas", "better",
        "difference", "ignored", "gap_sft", "gap_pref", "gap_sft_clipped", "gap_pref_clipped",
        "distance", "scaled_sft", "scaled_pref", "scaled_distance", "dominated", "hypervolume",
    };

    if (name.n == 0 || memchr(name.p, '/', name.n) ||
        (name.n > 3 && memcmp(name.p + name.n - 3, "_se", 3) == 0))
        return false;
    for (int64_t i = 0; i < countof(ours); i++)
        if (view_is(name, ours[i]))
            return false;
    return true;
}

enum st figures_label(struct figures *f, const char *text)
{
    const char *eq = strchr(text, '=');
    struct view key = { text, eq ? (size_t)(eq - text) : 0 };
    char name[128], *end;

    err_place("--label");
    if (!eq)
        return fail(ST_USAGE, "'%s' is not KEY=VALUE", shown(view_of(text)));
    if (key.n >= sizeof name || !figures_is_label(key))
        return fail(ST_USAGE, "'%s' cannot be a label's key; take a short name without '/'",
                    shown(key));
    snprintf(name, sizeof name, "%.*s", (int)key.n, key.p);
    if (figures_find(f, name))
        return fail(ST_USAGE, "'%s' is given twice", shown(key));
    err_place(NULL);

    const char *value = eq + 1;
    bool plain = *value && strspn(value, "+-.0123456789eE") == strlen(value);
    errno = 0;
    long long whole = plain ? strtoll(value, &end, 10) : 0;
    if (plain && !*end && !errno) {
        figures_int(f, name, whole);
        return f->st;
    }
    double real = plain ? strtod(value, &end) : 0;
    if (plain && !*end && isfinite(real))
        figures_real(f, name, real);
    else
        figures_text(f, name, view_of(value));
    return f->st;
}
