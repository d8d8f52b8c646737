/* normalise.c - the steps of a normaliser, one edit each. */
#include "base/utf8.h"
#include "text/normalise.h"
#include "text/unicode.h"

enum kind { FORM, LOWER, UNMARK, STRIP, PREPEND, REPLACE, MATCH };

struct step {
    enum kind     kind;
    enum form     form;
    bool          left, right;
    struct view   text, by;
    struct split *match;                       /* its pieces are what the pattern matches */
};

struct normaliser {
    struct arena *arena;
    int64_t       n;
    struct step   step[NORMALISE_STEPS_MAX];
};

/* ---- building ---- */

struct normaliser *normaliser_new(struct arena *a)
{
    struct normaliser *n = ARENA_NEW(a, struct normaliser, 1);

    if (n)
        n->arena = a;
    return n;
}

void normaliser_free(struct normaliser *n)
{
    for (int64_t i = 0; i < n->n; i++)
        if (n->step[i].match)
            split_free(n->step[i].match);
}

static enum st copy(struct normaliser *n, struct view *s)
{
    if (s->p && !(s->p = arena_text(n->arena, *s)))
        return ST_SYS;
    return ST_OK;
}

static enum st add(struct normaliser *n, struct step v)
{
    if (n->n == NORMALISE_STEPS_MAX)
        return fail(ST_DATA, "more than %d normalizers in a sequence", NORMALISE_STEPS_MAX);
    if (copy(n, &v.text) != ST_OK || copy(n, &v.by) != ST_OK)
        return ST_SYS;
    n->step[n->n++] = v;
    return ST_OK;
}

enum st normaliser_form(struct normaliser *n, enum form f)
{
    return add(n, (struct step){ .kind = FORM, .form = f });
}

enum st normaliser_lower(struct normaliser *n)
{
    return add(n, (struct step){ .kind = LOWER });
}

enum st normaliser_unmark(struct normaliser *n)
{
    return add(n, (struct step){ .kind = UNMARK });
}

enum st normaliser_strip(struct normaliser *n, bool left, bool right)
{
    return add(n, (struct step){ .kind = STRIP, .left = left, .right = right });
}

enum st normaliser_prepend(struct normaliser *n, struct view by)
{
    return add(n, (struct step){ .kind = PREPEND, .by = by });
}

enum st normaliser_replace(struct normaliser *n, struct view text, struct view by)
{
    if (text.n == 0)
        return fail(ST_DATA, "the normalizer Replace of an empty text is not supported");
    return add(n, (struct step){ .kind = REPLACE, .text = text, .by = by });
}

enum st normaliser_match(struct normaliser *n, struct view pattern, struct view by)
{
    struct step v = { .kind = MATCH, .by = by, .match = split_new(n->arena) };
    enum st st = v.match ? split_regex(v.match, pattern, SPLIT_REMOVED, true) : ST_SYS;

    if (st == ST_OK && split_empty(v.match))
        st = fail(ST_DATA, "the normalizer Replace of '%s', which may match nothing, is not "
                           "supported", shown(pattern));
    if (st == ST_OK)
        st = add(n, v);
    if (st != ST_OK && v.match)
        split_free(v.match);
    return st;
}

/* ---- the steps ---- */

static enum st lower(struct edit *e)
{
    const char *p = e->s.p;
    int len;

    for (size_t i = 0; i < e->s.n; i += (size_t)len) {
        int32_t low[3], c = unicode_at(p + i, e->s.n - i, &len);
        if ((c < 0x80 && (c < 'A' || c > 'Z')) || (c >= 0x2e80 && c < 0xa640))
            continue;
        int n = unicode_lower(c, low);
        if (n == 1 && low[0] == c)
            continue;
        char by[12];
        size_t to = 0;
        for (int k = 0; k < n; k++)
            to += (size_t)utf8_put(by + to, (uint32_t)low[k]);
        enum st st = edit_put(e, i, i + (size_t)len, (struct view){ by, to });
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum st unmark(struct edit *e)
{
    int len;

    for (size_t i = 0; i < e->s.n; i += (size_t)len) {
        if (!unicode_mark(unicode_at(e->s.p + i, e->s.n - i, &len)))
            continue;
        enum st st = edit_put(e, i, i + (size_t)len, (struct view){ 0 });
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum st strip(const struct step *v, struct edit *e)
{
    size_t begin = 0, end = e->s.n;
    int len;
    enum st st = ST_OK;

    while (v->left && begin < end &&
           unicode_class(unicode_at(e->s.p + begin, end - begin, &len)) == UNI_SPACE)
        begin += (size_t)len;
    while (v->right && end > begin) {
        size_t at = end - 1;
        while (at > begin && end - at < 4 && ((unsigned char)e->s.p[at] & 0xc0) == 0x80)
            at--;
        if (unicode_class(unicode_at(e->s.p + at, end - at, &len)) != UNI_SPACE ||
            at + (size_t)len != end)
            break;
        end = at;
    }
    if (begin > 0)
        st = edit_put(e, 0, begin, (struct view){ 0 });
    return st == ST_OK && end < e->s.n ? edit_put(e, end, e->s.n, (struct view){ 0 }) : st;
}

static enum st replace(const struct step *v, struct edit *e)
{
    const char *p = e->s.p, *stop = p + e->s.n, *hit;
    enum st st = ST_OK;

    while (st == ST_OK && (hit = v->text.n == 1
                                     ? memchr(p, v->text.p[0], (size_t)(stop - p))
                                     : memmem(p, (size_t)(stop - p), v->text.p, v->text.n))) {
        size_t at = (size_t)(hit - e->s.p);
        st = edit_put(e, at, at + v->text.n, v->by);
        p = hit + v->text.n;
    }
    return st;
}

static enum st match(const struct step *v, struct splitter *w, struct edit *e)
{
    const uint32_t *bound;
    int64_t n;
    enum st st = ST_OK;

    for (size_t at = 0; at < e->s.n && st == ST_OK;) {
        st = split_some(v->match, w, e->s, &at, &bound, &n);
        for (int64_t i = 0; st == ST_OK && i < n; i++)
            st = edit_put(e, bound[i], bound[i + 1], v->by);
    }
    return st;
}

static enum st take(const struct step *v, struct normal *w, struct edit *e)
{
    switch (v->kind) {
    case FORM:    return form_edit(&w->forming, v->form, e);
    case LOWER:   return lower(e);
    case UNMARK:  return unmark(e);
    case STRIP:   return strip(v, e);
    case PREPEND: return e->s.n ? edit_put(e, 0, 0, v->by) : ST_OK;
    case REPLACE: return replace(v, e);
    case MATCH:   break;
    }
    return match(v, &w->splitter, e);
}

enum st normalise(const struct normaliser *n, struct normal *w, struct view s, struct view *out)
{
    w->n = 0;
    *out = s;
    for (int64_t i = 0; i < n->n; i++) {
        struct edit e = edit_start(*out, &w->text[w->n % 2], &w->changes[w->n]);
        enum st st = take(&n->step[i], w, &e);
        if (st != ST_OK || (st = edit_end(&e, out)) != ST_OK)
            return st;
        w->n += e.changed;
    }
    return ST_OK;
}

size_t normal_begin(struct normal *w, size_t at)
{
    for (int64_t i = w->n - 1; i >= 0; i--)
        at = changes_begin(&w->changes[i], at);
    return at;
}

size_t normal_end(struct normal *w, size_t at)
{
    for (int64_t i = w->n - 1; i >= 0; i--)
        at = changes_end(&w->changes[i], at);
    return at;
}

void normal_free(struct normal *w)
{
    for (int i = 0; i < NORMALISE_STEPS_MAX; i++)
        changes_free(&w->changes[i]);
    buf_free(&w->text[0]);
    buf_free(&w->text[1]);
    forming_free(&w->forming);
    splitter_free(&w->splitter);
}
