/* report.c - results as records through the stream's writer, or kept and laid out as a table at
 * the end. */
#include "base/file.h"
#include "report.h"

struct report {
    struct out     *out;                       /* NULL: a table */
    struct file     file;                      /* the table's */
    struct arena   *a;
    struct buf      b;
    struct figures *record;                    /* the table's, in the arena */
    int64_t         n, cap;
};

static enum st form_of(const char *to, enum out_form *form)
{
    static const struct { const char *name; enum out_form form; } forms[] = {
        { "auto", OUT_AUTO }, { "raw", OUT_RAW }, { "shard", OUT_SHARD }, { "json", OUT_JSON },
    };

    for (int64_t i = 0; i < countof(forms); i++)
        if (strcmp(to, forms[i].name) == 0) {
            *form = forms[i].form;
            return ST_OK;
        }
    err_place("--to");
    return fail(ST_USAGE, "'%s' is no form of output; choose from auto, json, raw, shard, table",
                shown(view_of(to)));
}

enum st report_open(struct report **rep, const char *name, const char *to, bool copies,
                    const struct header *h, struct arena *a)
{
    struct report *r = ARENA_NEW(a, struct report, 1);
    enum out_form form = OUT_AUTO;
    enum st st;

    if (!r)
        return ST_SYS;
    r->a = a;
    *rep = r;
    if (strcmp(to, "table") != 0)
        return (st = form_of(to, &form)) == ST_OK ? out_open(&r->out, name, h, form, a) : st;
    if (copies) {
        err_place("--to");
        return fail(ST_USAGE, "this task gives the records themselves, not a table; try json");
    }
    return file_new(&r->file, name, a);
}

static enum st keep(struct report *r, const struct figures *f)
{
    if (r->n == r->cap) {
        int64_t cap = r->cap ? 2 * r->cap : 16;
        struct figures *v = ARENA_NEW(r->a, struct figures, cap);
        if (!v)
            return ST_SYS;
        if (r->n)
            memcpy(v, r->record, (size_t)r->n * sizeof *v);
        r->record = v;
        r->cap = cap;
    }
    struct figures *to = &r->record[r->n++];
    *to = figures_in(r->a);
    for (int64_t i = 0; i < f->n; i++) {
        to->aside = f->v[i].aside;
        figures_copy(to, &f->v[i]);
    }
    return f->st != ST_OK ? f->st : to->st;
}

enum st report_put(struct report *r, const struct figures *f)
{
    enum st st;

    if (!r->out)
        return keep(r, f);
    r->b.n = 0;
    if ((st = figures_write(&r->b, f)) != ST_OK)
        return st;
    return out_put(r->out, r->b.p, r->b.n, 0);
}

enum st report_raw(struct report *r, const void *raw, size_t n_bytes, int64_t n_tokens)
{
    return out_put(r->out, raw, n_bytes, n_tokens);
}

enum st report_close(struct report *r, enum st st, struct view state)
{
    if (r->out) {
        st = out_close(r->out, st, state);
    } else if (st != ST_OK) {
        file_drop(&r->file);
    } else {
        r->b.n = 0;
        if ((st = table_text(&r->b, r->record, r->n)) == ST_OK)
            st = file_write(&r->file, r->b.p, r->b.n);
        if (st == ST_OK)
            st = file_commit(&r->file);
        else
            file_drop(&r->file);
    }
    buf_free(&r->b);
    return st;
}
