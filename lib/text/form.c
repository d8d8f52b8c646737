/* form.c - normal forms over utf8proc, held to Unicode 9 as the tokenizers library is.
 *
 * A "plain" code point is a starter that neither decomposes nor composes with what stands before
 * it, so a stretch from the one before the first code point that is not plain to the next plain one
 * can be normalised by itself.  Nearly all text is plain and is only looked at. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "text/form.h"
#include "text/unicode.h"

/* Marks and composites younger than Unicode 9: every form leaves them alone. */
static const struct unicode_range young[] = {
    { 0x7fd, 0x7fd },     { 0x897, 0x89f },     { 0x8ca, 0x8d3 },     { 0x9fe, 0x9fe },
    { 0xc3c, 0xc3c },     { 0xd3b, 0xd3c },     { 0xeba, 0xeba },     { 0x1715, 0x1715 },
    { 0x1abf, 0x1aff },   { 0x1df6, 0x1dfa },   { 0xa82c, 0xa82c },   { 0x10d24, 0x10d8f },
    { 0x10eab, 0x10eac }, { 0x10efa, 0x10eff }, { 0x10f46, 0x10f50 }, { 0x10f82, 0x10f85 },
    { 0x11070, 0x11070 }, { 0x1133b, 0x1133b }, { 0x11380, 0x113ff }, { 0x1145e, 0x1145e },
    { 0x11839, 0x1183a }, { 0x11930, 0x11943 }, { 0x119e0, 0x119e0 }, { 0x11a34, 0x11a34 },
    { 0x11a47, 0x11a47 }, { 0x11a99, 0x11a99 }, { 0x11d42, 0x11d45 }, { 0x11d97, 0x11d97 },
    { 0x11f41, 0x11f42 }, { 0x16100, 0x1613f }, { 0x16d40, 0x16d7f }, { 0x16ff0, 0x16ff1 },
    { 0x1e08f, 0x1e08f }, { 0x1e130, 0x1e136 }, { 0x1e2ae, 0x1e2ae }, { 0x1e2ec, 0x1e2ef },
    { 0x1e4ec, 0x1e4ef }, { 0x1e5d0, 0x1e5ff },
};

/* Starters that may compose with the code point before them. */
static const struct unicode_range second[] = {
    { 0x9be, 0x9be },     { 0x9d7, 0x9d7 },     { 0xb3e, 0xb3e },     { 0xb56, 0xb57 },
    { 0xbbe, 0xbbe },     { 0xbd7, 0xbd7 },     { 0xcc2, 0xcc2 },     { 0xcd5, 0xcd6 },
    { 0xd3e, 0xd3e },     { 0xd57, 0xd57 },     { 0xdcf, 0xdcf },     { 0xddf, 0xddf },
    { 0x102e, 0x102e },   { 0x1161, 0x1175 },   { 0x11a8, 0x11c2 },   { 0x1b35, 0x1b35 },
    { 0x1133e, 0x1133e }, { 0x11357, 0x11357 }, { 0x114b0, 0x114b0 }, { 0x114ba, 0x114ba },
    { 0x114bd, 0x114bd }, { 0x115af, 0x115af },
};

/* Compatibility decompositions younger than Unicode 9. */
static const struct unicode_range young_compat[] = {
    { 0x32ff, 0x32ff },   { 0xa7f1, 0xa7f4 },   { 0xab69, 0xab69 },   { 0x10781, 0x107ba },
    { 0x1ccd6, 0x1ccf9 }, { 0x1e030, 0x1e06d }, { 0x1f16c, 0x1f16c }, { 0x1fbf0, 0x1fbf9 },
};

static bool composes(enum form f)
{
    return f == FORM_NFC || f == FORM_NFKC;
}

static bool is_compat(enum form f)
{
    return f == FORM_NFKC || f == FORM_NFKD;
}

/* Below the first no code point changes, or composes with one before it. */
static const int32_t first[] = {
    [FORM_NFC] = 0x300, [FORM_NFD] = 0xc0, [FORM_NFKC] = 0xa0, [FORM_NFKD] = 0xa0,
};

static bool is_plain(enum form f, int32_t c)
{
    if (c < first[f] || (c >= 0x3400 && c < 0xa000))
        return true;
    if (c >= 0xac00 && c < 0xd7a4)             /* Hangul syllables */
        return composes(f);
    const utf8proc_property_t *p = utf8proc_get_property(c);
    bool decomposes = p->decomp_seqindex != UINT16_MAX &&
                      (p->decomp_type == 0 ||
                       (is_compat(f) && !UNICODE_WITHIN(young_compat, c)));
    if (p->combining_class == 0 && !decomposes)
        return !composes(f) || !UNICODE_WITHIN(second, c);
    return UNICODE_WITHIN(young, c);
}

/* Canonical order: each run of marks sorted by class, equal classes as they came. */
static enum st order(int32_t *v, int64_t n, struct buf *scratch)
{
    for (int64_t i = 0; i < n;) {
        if (utf8proc_get_property(v[i])->combining_class == 0) {
            i++;
            continue;
        }
        int64_t count[256] = { 0 }, end = i;
        for (int c; end < n && (c = utf8proc_get_property(v[end])->combining_class) != 0; end++)
            count[c]++;
        if (end - i > 1) {
            scratch->n = 0;
            if (buf_room(scratch, (size_t)(end - i) * sizeof *v) != ST_OK)
                return ST_SYS;
            int32_t *to = (int32_t *)scratch->p;
            for (int64_t c = 1, at = 0; c < 256; c++) {
                int64_t here = count[c];
                count[c] = at;
                at += here;
            }
            for (int64_t k = i; k < end; k++)
                to[count[utf8proc_get_property(v[k])->combining_class]++] = v[k];
            memcpy(v + i, to, (size_t)(end - i) * sizeof *v);
        }
        i = end;
    }
    return ST_OK;
}

static utf8proc_option_t how_of(enum form f)
{
    return (utf8proc_option_t)(UTF8PROC_STABLE |
                               (composes(f) ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                               (is_compat(f) ? UTF8PROC_COMPAT : 0));
}

/* The normal form of one stretch, as code points in w->code. */
static enum st form_stretch(struct forming *w, enum form f, struct view s, int64_t *n_codes)
{
    utf8proc_option_t how = how_of(f);
    int64_t n = 0;

    w->code.n = 0;
    for (size_t i = 0; i < s.n;) {
        int len, bound = 0;
        int32_t c = unicode_at(s.p + i, s.n - i, &len);
        i += (size_t)len;
        w->code.n = (size_t)n * sizeof c;
        if (buf_room(&w->code, FORM_LONGEST * sizeof c) != ST_OK)
            return ST_SYS;
        n += utf8proc_decompose_char(c, (int32_t *)w->code.p + n, FORM_LONGEST, how, &bound);
    }
    if (order((int32_t *)w->code.p, n, &w->sorted) != ST_OK)
        return ST_SYS;
    *n_codes = composes(f) ? utf8proc_normalize_utf32((int32_t *)w->code.p, n, how) : n;
    return ST_OK;
}

/* e->s[begin, end) in its normal form, when that is another. */
static enum st put_stretch(struct forming *w, enum form f, struct edit *e, size_t begin, size_t end)
{
    struct view raw = { e->s.p + begin, end - begin };
    int64_t n;

    if (form_stretch(w, f, raw, &n) != ST_OK)
        return ST_SYS;
    w->result.n = 0;
    if (buf_room(&w->result, (size_t)n * 4) != ST_OK)
        return ST_SYS;
    for (int64_t i = 0; i < n; i++)
        w->result.n += (size_t)utf8_put(w->result.p + w->result.n,
                                        (uint32_t)((int32_t *)w->code.p)[i]);
    struct view result = { w->result.p, w->result.n };
    return view_eq(raw, result) ? ST_OK : edit_put(e, begin, end, result);
}

/* The first byte at or after i that may begin a code point that is not plain. */
static size_t skip(const unsigned char *p, size_t i, size_t n, unsigned char lead)
{
    for (uint64_t w; i + 8 <= n; i += 8) {
        memcpy(&w, p + i, 8);
        if (w & 0x8080808080808080u)
            break;
    }
    while (i < n && p[i] < lead)
        i++;
    return i;
}

/* Where the stretch at i begins: with the code point before it, which it may compose with; the
 * young ones do not. */
static size_t base_of(enum form f, struct view s, size_t i)
{
    size_t begin = i;
    int len;

    if (begin == 0)
        return i;
    do
        begin--;
    while (begin > 0 && i - begin < 4 && ((unsigned char)s.p[begin] & 0xc0) == 0x80);
    int32_t c = unicode_at(s.p + begin, s.n - begin, &len);
    bool apart = UNICODE_WITHIN(young, c) || (is_compat(f) && UNICODE_WITHIN(young_compat, c));
    return c < 0 || begin + (size_t)len != i || apart ? i : begin;
}

/* A starter, decomposed too, that does not compose with what stands before it: what comes before is
 * normalised by itself. */
static bool is_first(enum form f, int32_t c)
{
    int32_t v[FORM_LONGEST];
    int bound = 0;

    if (c < 0 || utf8proc_decompose_char(c, v, FORM_LONGEST, how_of(f), &bound) < 1)
        return true;
    return utf8proc_get_property(v[0])->combining_class == 0 &&
           !(composes(f) && UNICODE_WITHIN(second, v[0]));
}

enum st form_edit(struct forming *w, enum form f, struct edit *e)
{
    const unsigned char *p = (const unsigned char *)e->s.p;
    unsigned char lead = f == FORM_NFC ? 0xcc : f == FORM_NFD ? 0xc3 : 0xc2;
    struct view s = e->s;
    int len;

    for (size_t i = skip(p, 0, s.n, lead); i < s.n; i = skip(p, i, s.n, lead)) {
        int32_t c = unicode_at(s.p + i, s.n - i, &len);
        size_t end = i + (size_t)len;
        if (is_plain(f, c)) {
            i = end;
            continue;
        }
        size_t begin = composes(f) && !is_first(f, c) ? base_of(f, s, i) : i;
        while (end < s.n && (c = unicode_at(s.p + end, s.n - end, &len), !is_plain(f, c)) &&
               !is_first(f, c))
            end += (size_t)len;
        enum st st = put_stretch(w, f, e, MAX(begin, e->done), end);
        if (st != ST_OK)
            return st;
        i = end;
    }
    return ST_OK;
}

enum st form_text(struct forming *w, enum form f, struct view s, struct view *out)
{
    struct edit e = edit_start(s, &w->text, &w->changes);
    enum st st = form_edit(w, f, &e);

    return st == ST_OK ? edit_end(&e, out) : st;
}

void forming_free(struct forming *w)
{
    buf_free(&w->text);
    buf_free(&w->code);
    buf_free(&w->sorted);
    buf_free(&w->result);
    changes_free(&w->changes);
}
