/* jinja.c - a template read, and rendered: limits, memory and faults of both.
 *
 * A render takes memory in growing chunks of the caller's arena and gives all of it back at the
 * end.  What is captured (macros, set blocks, texts of lists) is written behind the text and cut
 * off again, so there is one growing buffer. */
#include "base/utf8.h"
#include "chat/jnode.h"

enum { CHUNK_FIRST = 4 << 10, CHUNK_MAX = 1 << 20, VARIABLE_BYTES_MAX = 1 << 30 };

/* Line ends as \n, and without the last one, as Jinja reads a template. */
static enum st normal(struct view *s, struct arena *a)
{
    if (s->n && memchr(s->p, '\r', s->n)) {
        char *p = arena_get(a, s->n);
        size_t n = 0;
        if (!p)
            return ST_SYS;
        for (size_t i = 0; i < s->n; i++) {
            if (s->p[i] == '\r' && i + 1 < s->n && s->p[i + 1] == '\n')
                continue;
            p[n++] = s->p[i] == '\r' ? '\n' : s->p[i];
        }
        *s = (struct view){ p, n };
    }
    if (s->n && s->p[s->n - 1] == '\n')
        s->n--;
    return ST_OK;
}

static enum st check(struct jread *r)
{
    if (r->source.n > JREAD_BYTES_MAX)
        return fail(ST_DATA, "%s: a template of more than %d bytes", r->name, JREAD_BYTES_MAX);
    for (size_t i = 0, len; i < r->source.n; i += len)
        if ((len = (size_t)utf8_len(r->source.p + i, r->source.n - i)) == 0)
            return jlex_fail(r, (uint32_t)i, "not UTF-8");
    return ST_OK;
}

enum st jinja_read(struct jinja **out, struct view source, const char *name, struct arena *a)
{
    struct jread r = { .name = name, .source = source, .a = a };
    struct jinja *j = ARENA_NEW(a, struct jinja, 1);
    enum st st = j ? check(&r) : ST_SYS;

    if (st == ST_OK && (st = normal(&r.source, a)) == ST_OK && (st = jlex(&r)) == ST_OK)
        st = jparse(&r, &j->body);
    buf_free(&r.token);
    if (st != ST_OK)
        return st;
    j->name = name;
    j->source = r.source;
    j->generation = r.generation;
    *out = j;
    return jscope(&r, j);
}

bool jinja_generation(const struct jinja *j)
{
    return j->generation;
}

bool jinja_uses(const struct jinja *j, const char *variable)
{
    for (int32_t i = 0; i < j->n_global; i++)
        if (view_is(j->global[i], variable))
            return true;
    return false;
}

void jinja_out_free(struct jinja_out *o)
{
    buf_free(&o->text);
    buf_free(&o->generation);
}

/* ---- what a run has ---- */

enum st jrun_fail(struct jrun *w, const char *fmt, ...)
{
    char place[300], what[1600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    jlex_place(w->j->name, w->j->source, w->at, place, sizeof place);
    return fail(ST_DATA, "%s: %s", place, what);
}

enum st jrun_spend(struct jrun *w, size_t n)
{
    w->steps += 1 + (int64_t)(n / 16);
    return w->steps > JRUN_STEPS_MAX
               ? jrun_fail(w, "more than %d steps; the template may never end", JRUN_STEPS_MAX)
               : ST_OK;
}

void *jrun_get(struct jrun *w, size_t n_bytes)
{
    size_t n = (MAX(n_bytes, (size_t)1) + 15) & ~(size_t)15;

    if (n_bytes > JRUN_MEMORY_MAX || w->memory + n > JRUN_MEMORY_MAX) {
        jrun_fail(w, "more than %d MiB of values", JRUN_MEMORY_MAX >> 20);
        w->full = true;
        return NULL;
    }
    if ((size_t)(w->end - w->p) < n) {
        size_t chunk = MAX(n, w->chunk);
        char *p = arena_get(w->a, chunk);
        if (!p)
            return NULL;
        w->memory += chunk;
        w->chunk = MIN(2 * w->chunk, (size_t)CHUNK_MAX);
        w->p = p;
        w->end = p + chunk;
    }
    w->p += n;
    return w->p - n;
}

enum st jrun_copy(struct jrun *w, const void *p, size_t n, struct jvalue *out)
{
    char *to = jrun_get(w, n);

    if (!to)
        return ST_SYS;
    if (n)
        memcpy(to, p, n);
    *out = jvalue_text(to, n);
    return ST_OK;
}

enum st jrun_cut(struct jrun *w, struct buf *b, size_t n, struct jvalue *out)
{
    enum st st = b->n - n > JRUN_TEXT_MAX
                     ? jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20)
                     : jrun_copy(w, b->p + n, b->n - n, out);
    b->n = n;
    return st;
}

/* ---- a render ---- */

static enum st globals(struct jrun *w, const struct jinja_var *v, int64_t n)
{
    const struct jinja *j = w->j;

    for (int64_t k = 0; k < n; k++)
        if (v[k].value && v[k].value->raw.n > VARIABLE_BYTES_MAX)
            return fail(ST_DATA, "%s: the variable '%s' is of more than %d MiB", j->name, v[k].name,
                        VARIABLE_BYTES_MAX >> 20);
    if (!(w->global = jrun_get(w, (size_t)j->n_global * sizeof *w->global)))
        return ST_SYS;
    for (int32_t i = 0; i < j->n_global; i++) {
        const struct jfunc *f = NULL;
        struct jvalue *to = &w->global[i];
        *to = (struct jvalue){ 0 };
        for (int64_t k = 0; k < n && to->kind == J_MISSING; k++)
            if (v[k].value && view_is(j->global[i], v[k].name))
                *to = jvalue_scan(v[k].value);
        if (to->kind == J_MISSING && (f = jfunc_global(j->global[i])))
            *to = jvalue_of(J_GLOBAL, f, 0);
    }
    return ST_OK;
}

/* Generation blocks: where transformers marks them must be where their text is. */
static enum st mark(struct jrun *w)
{
    const struct jrange_text *r = (const void *)w->ranges.p;
    struct buf *text = &w->out->text, *to = &w->out->generation;
    enum st st = ST_OK;

    for (size_t i = 0; i < w->ranges.n / sizeof *r && st == ST_OK; i++) {
        struct jinja_range at = { r[i].begin, r[i].begin + r[i].text.n };
        const struct jinja_range *last = to->n ? (const void *)(to->p + to->n - sizeof at) : NULL;
        w->at = r[i].at;
        if (r[i].text.n == 0)
            continue;
        if (at.end > text->n || (last && at.begin < last->end) ||
            (r[i].text.s && memcmp(text->p + at.begin, r[i].text.s, r[i].text.n) != 0))
            return jrun_fail(w, "a generation block whose text does not stand where it was "
                                "written; keep it out of macros and set blocks");
        st = buf_add(to, &at, sizeof at);
    }
    return st;
}

enum st jinja_render(const struct jinja *j, const struct jinja_var *v, int64_t n,
                     const struct tm *date, struct jinja_out *out, struct arena *a)
{
    size_t before = arena_mark(a);
    struct jrun w = { .j = j, .date = date, .a = a, .out = out, .chunk = CHUNK_FIRST };
    struct jframe root = { 0 };
    enum st st;

    out->text.n = out->generation.n = 0;
    w.frame = &root;
    if ((st = globals(&w, v, n)) == ST_OK &&
        !(root.slot = jrun_get(&w, (size_t)j->n_slots * sizeof *root.slot)))
        st = ST_SYS;
    if (st == ST_OK) {
        memset(root.slot, 0, (size_t)j->n_slots * sizeof *root.slot);
        if ((st = jexec_scope(&w, j->body)) == ST_OK)
            st = mark(&w);
    }
    buf_free(&w.ranges);
    arena_back(a, before);
    return st == ST_SYS && w.full ? ST_DATA : st;      /* the template's fault, not the machine's */
}
