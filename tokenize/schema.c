/* schema.c - the list of schemas, and what they share: columns, messages, source texts. */
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

/* ---- messages ---- */

static const struct {
    const char *name;
    enum role   role;
} roles[] = {
    { "system", ROLE_SYSTEM }, { "user", ROLE_USER }, { "human", ROLE_USER },
    { "assistant", ROLE_ASSISTANT }, { "gpt", ROLE_ASSISTANT }, { "tool", ROLE_TOOL },
};

static enum st role_of(const struct fields *f, const struct scan *v, enum role *role)
{
    for (int i = 0; i < countof(roles); i++)
        if (view_is(v->text, roles[i].name)) {
            *role = roles[i].role;
            return ST_OK;
        }
    return misfit(f, v->at, "the role '%s' is not known; system, user, assistant and tool are",
                  shown(v->text));
}

static const struct scan *either(const struct scan *o, const char *a, const char *b)
{
    const struct scan *v = scan_find(o, a);

    return v ? v : scan_find(o, b);
}

static bool wanted(const struct scan *message)
{
    const struct scan *train = scan_find(message, "train"), *weight = scan_find(message, "weight");

    return !(train && train->type == SCAN_FALSE) &&
           !(weight && weight->type == SCAN_NUMBER && weight->number == 0);
}

static enum st message(const struct fields *f, const struct scan *m, struct turn *out)
{
    const struct scan *role = either(m, "role", "from"), *content = either(m, "content", "value");

    if (m->type != SCAN_OBJECT)
        return misfit(f, m->at, "a message must be an object with 'role' and 'content'");
    if (!role || role->type != SCAN_TEXT)
        return misfit(f, m->at, "a message without a 'role'");
    if (!content || content->type != SCAN_TEXT)
        return misfit(f, content ? content->at : m->at, "a message whose 'content' is no text");
    *out = (struct turn){ .text = content->text, .train = wanted(m), .at = m->at };
    return role_of(f, role, &out->role);
}

enum st turns_room(const struct fields *f, struct turns *t, int64_t n)
{
    t->n = 0;
    t->v = ARENA_NEW(f->a, struct turn, MAX(n, 1));
    return t->v ? ST_OK : ST_SYS;
}

enum st field_turns(const struct fields *f, const struct scan *list, struct turns *out)
{
    if (list->type != SCAN_ARRAY)
        return misfit(f, list->at, "a list of messages must stand here");
    enum st st = turns_room(f, out, list->n);
    for (int32_t i = 0; i < list->n && st == ST_OK; i++)
        st = message(f, &list->item[i], &out->v[out->n++]);
    return st;
}

enum st field_turn(const struct fields *f, const struct scan *v, enum role role, struct turn *out)
{
    if (v->type == SCAN_OBJECT)
        return message(f, v, out);
    if (v->type != SCAN_TEXT)
        return misfit(f, v->at, "a text or a message must stand here");
    *out = (struct turn){ .role = role, .text = v->text, .train = true, .at = v->at };
    return ST_OK;
}

struct view *source_room(const struct fields *f, struct row *out, int64_t n)
{
    struct view *v = ARENA_NEW(f->a, struct view, MAX(n, 1));

    out->source = v;
    out->n_source = n;
    return v;
}

static void put_source(struct view **to, const struct turns *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        *(*to)++ = view_of(role_name(t->v[i].role));
        *(*to)++ = t->v[i].text;
    }
}

enum st row_from_turns(const struct fields *f, struct row *out)
{
    struct view *to = source_room(f, out, 2 * (out->turns.n + out->chosen.n + out->rejected.n));

    if (!to)
        return ST_SYS;
    put_source(&to, &out->turns);
    put_source(&to, &out->chosen);
    put_source(&to, &out->rejected);
    const struct turns *t = &out->turns;
    int64_t first = 0;
    while (first < t->n && t->v[first].role != ROLE_USER)
        first++;
    if (t->n)
        out->key = t->v[first < t->n ? first : 0].text;
    return ST_OK;
}

enum st row_chosen(const struct fields *f, struct row *row)
{
    struct row sft = { .kind = REC_SFT };
    struct view key = row->key;
    enum st st = turns_room(f, &sft.turns, row->turns.n + row->chosen.n);

    if (st != ST_OK)
        return st;
    for (int64_t i = 0; i < row->turns.n; i++)
        sft.turns.v[sft.turns.n++] = row->turns.v[i];
    for (int64_t i = 0; i < row->chosen.n; i++)
        sft.turns.v[sft.turns.n++] = row->chosen.v[i];
    *row = sft;
    st = row_from_turns(f, row);
    row->key = key;
    return st;
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
