/* source.c - inputs and their schemas.
 *
 * All inputs are opened and their first rows looked at before a byte is written, so that the
 * header can name every source's schema and a wrong name or column costs nothing. */
#include "source.h"

/* The file's name without folder, compression and extension. */
static const char *stem(const char *path, struct arena *a)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);

    if (strcmp(path, "-") == 0)
        return "stdin";
    if (n > 3 && strcmp(name + n - 3, ".gz") == 0)
        n -= 3;
    else if (n > 4 && strcmp(name + n - 4, ".zst") == 0)
        n -= 4;
    for (size_t i = n; i-- > 1;)
        if (name[i] == '.') {
            n = i;
            break;
        }
    return arena_text(a, (struct view){ name, n });
}

/* The schema that the first row's columns fit. */
static enum st fit_schema(struct fields *f, struct source_in *in)
{
    const struct chunk *c = chunk_first(in->chunks);
    struct rows rows;
    struct scan row;

    rows_start(&rows, c);
    enum st st = rows_next(&rows, &row, f->a);
    if (st == ST_END && c->then != ST_END) {
        err_take(&c->said);
        return c->then;
    }
    if (st == ST_END) {
        err_place("%s", c->name);
        return fail(ST_DATA, "no rows, so no schema can be found; name it with --schema");
    }
    if (st != ST_OK)
        return st;
    f->row = &row;
    f->rows = &rows;
    if ((in->schema = schema_auto(f)))
        return ST_OK;
    rows_place(&rows, row.at);
    return fail(ST_DATA, "no schema fits the columns of this row; name it with --schema, and "
                         "columns with --map");
}

static enum st find_schema(const struct setup *s, struct fields *f, struct source_in *in)
{
    size_t mark = arena_mark(f->a);

    if (strcmp(s->schema, "auto") == 0) {
        enum st st = fit_schema(f, in);
        f->row = NULL;
        f->rows = NULL;
        arena_back(f->a, mark);
        return st;
    }
    in->schema = schema_find(s->schema);
    err_place("--schema");
    return in->schema ? ST_OK : fail(ST_USAGE, "'%s' is none of auto, %s",
                                     shown(view_of(s->schema)), schema_names());
}

enum st source_open(const struct setup *s, struct fields *f, const char *const *files,
                    int64_t n_files, struct source_in **all, int64_t *n, struct arena *a)
{
    *n = 0;
    if (n_files > HEADER_SOURCES_MAX)
        return fail(ST_USAGE, "%lld files, the most is %d; join them with cat", (long long)n_files,
                    HEADER_SOURCES_MAX);
    if (!(*all = ARENA_NEW(a, struct source_in, n_files)))
        return ST_SYS;
    while (*n < n_files) {
        struct source_in *in = &(*all)[*n];
        enum st st = chunk_open(&in->chunks, files[*n], a);
        if (st != ST_OK)
            return st;
        in->name = s->source ? s->source : stem(files[*n], a);
        ++*n;
        if (!in->name)
            return ST_SYS;
        if ((st = find_schema(s, f, in)) != ST_OK)
            return st;
        if (!s->quiet && strcmp(s->schema, "auto") == 0)
            warn("%s: schema %s", chunk_name(in->chunks), in->schema->name);
    }
    return ST_OK;
}
