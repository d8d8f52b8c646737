/* schema.c - the list of schemas, and what they share: columns and texts. */
#include <stdarg.h>

#include "schema.h"

static const struct schema *const all[] = {
#define SCHEMA(name) &schema_##name,
#include "schema.def"
#undef SCHEMA
};

const struct schema *schema_find(const char *name)
{
    for (int i = 0; i < countof(all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const char *schema_names(void)
{
    static char names[200];
    size_t n = 0;

    for (int i = 0; i < countof(all) && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", all[i]->name);
    return names;
}

const struct schema *schema_auto(const struct fields *f)
{
    for (int i = 0; i < countof(all); i++)
        if (all[i]->fits(f))
            return all[i];
    return NULL;
}

bool schema_asks(const struct schema *s, struct view column)
{
    for (const char *p = s->columns; *p;) {
        size_t n = strcspn(p, " ,;");
        if (view_eq((struct view){ p, n }, column))
            return true;
        p += n;
        p += strspn(p, " ,;");
    }
    return false;
}

enum st misfit(const struct fields *f, size_t at, const char *fmt, ...)
{
    char what[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return fault(f->faults, CAUSE_SCHEMA, f->rows, at, "%s", what);
}

static struct view column_name(const struct fields *f, const char *column)
{
    for (int64_t i = 0; i < f->n_map; i++)
        if (view_is(f->map[i].column, column))
            return f->map[i].name;
    return view_of(column);
}

const struct scan *field(const struct fields *f, const char *column)
{
    struct view name = column_name(f, column);

    if (f->row->type != SCAN_OBJECT)
        return NULL;
    for (int32_t i = 0; i < f->row->n; i++)
        if (view_eq(f->row->key[i], name))
            return f->row->item[i].type == SCAN_NULL ? NULL : &f->row->item[i];
    return NULL;
}

enum st field_text(const struct fields *f, const char *column, bool optional, struct view *text)
{
    const struct scan *v = field(f, column);

    *text = (struct view){ 0 };
    if (!v && optional)
        return ST_OK;
    if (!v)
        return misfit(f, f->row->at,
                      "no column '%s'; name it with --map %s=NAME, or choose another --schema",
                      shown(column_name(f, column)), column);
    if (v->type != SCAN_TEXT)
        return misfit(f, v->at, "the column '%s' is no text", shown(column_name(f, column)));
    *text = v->text;
    return ST_OK;
}

enum st join(const struct fields *f, struct view a, const char *between, struct view b,
             struct view *out)
{
    size_t n = strlen(between);

    *out = a;
    if (b.n == 0)
        return ST_OK;
    char *p = arena_get(f->a, a.n + n + b.n + 1);
    if (!p)
        return ST_SYS;
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, between, n);
    memcpy(p + a.n + n, b.p, b.n);
    *out = (struct view){ p, a.n + n + b.n };
    return ST_OK;
}
