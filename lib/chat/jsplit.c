/* jsplit.c - methods that cut texts to pieces, and those of dicts, lists, loops and cyclers. */
#include "chat/jfunc.h"
#include "chat/jnode.h"
#include "chat/jtext.h"
#include "text/unicode.h"

struct pieces { struct jvalue *at; size_t n, cap; };

static enum st add(struct jrun *w, struct pieces *p, const char *s, size_t n)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 4;
        struct jvalue *at = jrun_get(w, cap * sizeof *at);
        if (!at)
            return ST_SYS;
        if (p->n)
            memcpy(at, p->at, p->n * sizeof *at);
        p->at = at;
        p->cap = cap;
    }
    p->at[p->n++] = jvalue_text(s, n);
    return ST_OK;
}

static void turn(struct pieces *p)
{
    for (size_t i = 0; i < p->n / 2; i++) {
        struct jvalue other = p->at[i];
        p->at[i] = p->at[p->n - 1 - i];
        p->at[p->n - 1 - i] = other;
    }
}

/* Words between white space; the last of `most` + 1 has all that follows. */
static enum st words(struct jrun *w, struct view s, int64_t most, struct pieces *p)
{
    enum st st = ST_OK;

    while ((s = jtext_lstrip(s)).n && st == ST_OK) {
        size_t end = 0;
        if (most-- == 0)
            return add(w, p, s.p, s.n);
        for (int len; end < s.n && !jtext_space(unicode_at(s.p + end, s.n - end, &len));)
            end += (size_t)len;
        st = add(w, p, s.p, end);
        s = (struct view){ s.p + end, s.n - end };
    }
    return st;
}

static enum st words_back(struct jrun *w, struct view s, int64_t most, struct pieces *p)
{
    enum st st = ST_OK;

    while ((s = jtext_rstrip(s)).n && st == ST_OK) {
        size_t from = s.n;
        if (most-- == 0) {
            st = add(w, p, s.p, s.n);
            break;
        }
        while (from > 0) {
            size_t at = from - 1;
            int len;
            while (at > 0 && (s.p[at] & 0xc0) == 0x80)
                at--;
            if (jtext_space(unicode_at(s.p + at, s.n - at, &len)))
                break;
            from = at;
        }
        st = add(w, p, s.p + from, s.n - from);
        s.n = from;
    }
    turn(p);
    return st;
}

static enum st split(struct jrun *w, struct jvalue self, const struct jargs *a, bool back,
                     struct jvalue *out)
{
    struct view s = jvalue_view(self), sep = { 0 };
    struct pieces p = { 0 };
    int64_t most = -1;
    size_t at = 0, hit;
    enum st st = ST_OK;

    if ((st = jcall_int(w, a->at[1], "maxsplit", &most)) != ST_OK)
        return st;
    if (a->at[0].kind == J_NONE || a->at[0].kind == J_MISSING) {
        st = back ? words_back(w, s, most, &p) : words(w, s, most, &p);
        *out = jvalue_of(J_LIST, p.at, p.n);
        return st;
    }
    if ((st = jcall_text(w, a->at[0], "sep", &sep)) != ST_OK)
        return st;
    if (sep.n == 0)
        return jrun_fail(w, "nothing cannot separate");
    if (back) {
        while (most-- != 0 && st == ST_OK && (hit = jtext_rfind(s, sep)) != SIZE_MAX) {
            st = add(w, &p, s.p + hit + sep.n, s.n - hit - sep.n);
            s.n = hit;
        }
        if (st == ST_OK)
            st = add(w, &p, s.p, s.n);
        turn(&p);
    } else {
        while (most-- != 0 && st == ST_OK && (hit = jtext_find(s, sep, at)) != SIZE_MAX) {
            st = add(w, &p, s.p + at, hit - at);
            at = hit + sep.n;
        }
        if (st == ST_OK)
            st = add(w, &p, s.p + at, s.n - at);
    }
    *out = jvalue_of(J_LIST, p.at, p.n);
    return st;
}

JFUNC(jmethod_split)  { return split(w, self, a, false, out); }
JFUNC(jmethod_rsplit) { return split(w, self, a, true, out); }

JFUNC(jmethod_splitlines)
{
    struct view s = jvalue_view(self);
    struct pieces p = { 0 };
    bool keep = jvalue_truth(a->at[0]);
    enum st st = ST_OK;

    for (size_t at = 0, next; at < s.n && st == ST_OK; at = next) {
        size_t end = jtext_line(s, at, &next);
        st = add(w, &p, s.p + at, (keep ? next : end) - at);
    }
    *out = jvalue_of(J_LIST, p.at, p.n);
    return st;
}

static enum st partition(struct jrun *w, struct jvalue self, const struct jargs *a, bool back,
                         struct jvalue *out)
{
    struct view s = jvalue_view(self), sep = { 0 };
    struct jvalue *three = jrun_get(w, 3 * sizeof *three);
    enum st st = three ? jcall_text(w, a->at[0], "sep", &sep) : ST_SYS;

    if (st != ST_OK)
        return st;
    if (sep.n == 0)
        return jrun_fail(w, "nothing cannot separate");
    size_t hit = back ? jtext_rfind(s, sep) : jtext_find(s, sep, 0);
    for (int i = 0; i < 3; i++)
        three[i] = jvalue_text("", 0);
    if (hit == SIZE_MAX) {
        three[back ? 2 : 0] = self;
    } else {
        three[0] = jvalue_text(s.p, hit);
        three[1] = jvalue_text(s.p + hit, sep.n);
        three[2] = jvalue_text(s.p + hit + sep.n, s.n - hit - sep.n);
    }
    *out = jvalue_of(J_TUPLE, three, 3);
    return ST_OK;
}

JFUNC(jmethod_partition)  { return partition(w, self, a, false, out); }
JFUNC(jmethod_rpartition) { return partition(w, self, a, true, out); }

/* ---- dicts and lists ---- */

JFUNC(jmethod_get)
{
    bool found;
    enum st st;

    if ((st = jvalue_hashable(w, a->at[0])) != ST_OK ||
        (st = jvalue_find(w, self, a->at[0], out, &found)) != ST_OK)
        return st;
    if (!found)
        *out = a->at[1].kind == J_MISSING ? jvalue_none() : a->at[1];
    return ST_OK;
}

static enum st view(struct jvalue self, enum jkind kind, struct jvalue *out)
{
    *out = self;
    out->kind = (uint8_t)kind;
    return ST_OK;
}

JFUNC(jmethod_items)  { (void)w; (void)a; return view(self, J_ITEMS, out); }
JFUNC(jmethod_keys)   { (void)w; (void)a; return view(self, J_KEYS, out); }
JFUNC(jmethod_values) { (void)w; (void)a; return view(self, J_VALUES, out); }
JFUNC(jmethod_copy)   { (void)w; (void)a; return view(self, (enum jkind)self.kind, out); }

JFUNC(jmethod_list_count)
{
    bool yes;
    enum st st = jrun_spend(w, (size_t)self.n * 16);

    *out = jvalue_int(0);
    for (size_t i = 0; i < self.n && st == ST_OK; i++)
        if ((st = jvalue_equal(w, jvalue_item(self, i), a->at[0], &yes)) == ST_OK)
            out->i += yes;
    return st;
}

JFUNC(jmethod_list_index)
{
    int64_t at[2] = { 0, self.n };
    bool yes = false;
    enum st st = jrun_spend(w, (size_t)self.n * 16);

    for (int i = 0; i < 2 && st == ST_OK; i++)
        if ((st = jcall_int(w, a->at[1 + i], i ? "stop" : "start", &at[i])) == ST_OK && at[i] < 0)
            at[i] = MAX(at[i] + (int64_t)self.n, 0);
    for (int64_t i = at[0]; st == ST_OK && i < MIN(at[1], (int64_t)self.n); i++) {
        *out = jvalue_int(i);
        if ((st = jvalue_equal(w, jvalue_item(self, (size_t)i), a->at[0], &yes)) == ST_OK && yes)
            return ST_OK;
    }
    return st == ST_OK ? jrun_fail(w, "the value is not in the list") : st;
}

/* ---- loops and cyclers ---- */

JFUNC(jmethod_loop_cycle)
{
    const struct jloop *l = self.p;

    if (a->n == 0 || a->n_named)
        return jrun_fail(w, "cycle needs values, by position");
    *out = a->at[l->index % a->n];
    return ST_OK;
}

JFUNC(jmethod_loop_changed)
{
    struct jloop *l = self.p;
    bool same = l->has_changed && l->changed.n == a->n;
    enum st st = ST_OK;

    if (a->n_named)
        return jrun_fail(w, "changed takes values by position");
    for (int64_t i = 0; i < a->n && same && st == ST_OK; i++)
        st = jvalue_equal(w, l->changed.at[i], a->at[i], &same);
    l->changed = *a;
    l->has_changed = true;
    *out = jvalue_bool(!same);
    return st;
}

JFUNC(jmethod_cycler_next)
{
    struct jcycler *c = self.p;

    (void)w;
    (void)a;
    *out = c->at[c->i];
    c->i = (c->i + 1) % c->n;
    return ST_OK;
}

JFUNC(jmethod_cycler_reset)
{
    (void)w;
    (void)a;
    ((struct jcycler *)self.p)->i = 0;
    *out = jvalue_none();
    return ST_OK;
}
