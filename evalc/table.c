/* table.c - records as aligned columns for people and awk. */
#include <ctype.h>

#include "report.h"

#define CELL_MAX 80

struct column {
    struct view name;
    int         width;
    bool        text;                          /* some cell is text: to the left */
};

/* The figure as a word: blanks of a text become '_', what is missing is "-". */
static void word(char cell[CELL_MAX], const struct figure *g)
{
    if (!g)
        snprintf(cell, CELL_MAX, "-");
    else if (g->type == FIGURE_REAL)
        snprintf(cell, CELL_MAX, "%.6g", g->v);
    else if (g->type == FIGURE_INT)
        snprintf(cell, CELL_MAX, "%lld", (long long)g->i);
    else if (g->type == FIGURE_BOOL)
        snprintf(cell, CELL_MAX, "%s", g->i ? "yes" : "no");
    else
        snprintf(cell, CELL_MAX, "%s", g->text.n ? shown(g->text) : "-");
    for (char *c = cell; *c; c++)
        if (isspace((unsigned char)*c))
            *c = '_';
}

static const struct figure *find(const struct figures *f, struct view name)
{
    for (int64_t i = 0; i < f->n; i++)
        if (view_eq(f->v[i].name, name))
            return &f->v[i];
    return NULL;
}

static bool ends(struct view name, const char *with)
{
    size_t n = strlen(with);

    return name.n > n && memcmp(name.p + name.n - n, with, n) == 0;
}

/* One record, a figure per line, its standard error beside it. */
static enum st list(struct buf *b, const struct figures *f)
{
    char cell[CELL_MAX], error[CELL_MAX], name[256];
    int width = 0, value = 0;
    enum st st = ST_OK;

    for (int64_t i = 0; i < f->n; i++) {
        if (ends(f->v[i].name, "_se"))
            continue;
        width = MAX(width, (int)f->v[i].name.n);
        word(cell, &f->v[i]);
        if (f->v[i].type != FIGURE_TEXT)
            value = MAX(value, (int)strlen(cell));
    }
    for (int64_t i = 0; st == ST_OK && i < f->n; i++) {
        const struct figure *g = &f->v[i];
        if (ends(g->name, "_se"))
            continue;
        snprintf(name, sizeof name, "%.*s_se", (int)MIN(g->name.n, sizeof name - 4), g->name.p);
        const struct figure *se = find(f, view_of(name));
        word(cell, g);
        word(error, se);
        st = buf_printf(b, "%-*.*s  %-*s%s%s\n", width, (int)g->name.n, g->name.p,
                        se ? value : 0, cell, se ? "  " : "", se ? error : "");
    }
    return st;
}

static struct view block_of(const struct figures *f)
{
    const struct figure *g = figures_find(f, "table");

    return g && g->type == FIGURE_TEXT ? g->text : (struct view){ 0 };
}

/* The union of the records' columns; one that an earlier record lacks comes behind its
 * neighbour. */
static int64_t columns(struct column *c, int64_t max, const struct figures *f, int64_t n)
{
    char cell[CELL_MAX];
    int64_t n_columns = 0;

    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k, next = 0; j < f[i].n; j++) {
            const struct figure *g = &f[i].v[j];
            if (g->aside || view_is(g->name, "table") || view_is(g->name, "task"))
                continue;
            for (k = 0; k < n_columns && !view_eq(c[k].name, g->name); k++)
                ;
            if (k == n_columns) {
                if (n_columns == max)
                    continue;
                k = next;
                memmove(c + k + 1, c + k, (size_t)(n_columns++ - k) * sizeof *c);
                c[k] = (struct column){ g->name, (int)g->name.n, false };
            }
            next = k + 1;
            word(cell, g);
            c[k].width = MAX(c[k].width, (int)strlen(cell));
            c[k].text = c[k].text || g->type == FIGURE_TEXT;
        }
    return n_columns;
}

static enum st line(struct buf *b, const struct column *c, int64_t n_columns,
                    const struct figures *f)
{
    char cell[CELL_MAX];
    enum st st = ST_OK;

    for (int64_t k = 0; st == ST_OK && k < n_columns; k++) {
        if (f)
            word(cell, find(f, c[k].name));
        else
            snprintf(cell, sizeof cell, "%.*s", (int)c[k].name.n, c[k].name.p);
        bool last = k == n_columns - 1;
        int width = !c[k].text ? c[k].width : last ? 0 : -c[k].width;
        st = buf_printf(b, "%*s%s", width, cell, last ? "\n" : "  ");
    }
    return st;
}

static enum st block(struct buf *b, struct view name, const struct figures *f, int64_t n)
{
    struct column c[64];
    int64_t n_columns = columns(c, countof(c), f, n);
    enum st st = buf_printf(b, "# %.*s\n", (int)name.n, name.p);

    if (st == ST_OK)
        st = line(b, c, n_columns, NULL);
    for (int64_t i = 0; st == ST_OK && i < n; i++)
        st = line(b, c, n_columns, &f[i]);
    return st;
}

enum st table_text(struct buf *b, const struct figures *record, int64_t n)
{
    enum st st = ST_OK;

    for (int64_t i = 0, end; st == ST_OK && i < n; i = end) {
        struct view name = block_of(&record[i]);
        for (end = i + 1; name.p && end < n && view_eq(block_of(&record[end]), name); end++)
            ;
        if (i > 0 && (st = buf_printf(b, "\n\n")) != ST_OK)
            return st;
        st = name.p ? block(b, name, record + i, end - i) : list(b, record + i);
    }
    return st;
}
