/* unicode.c - classes and NFC over utf8proc, held to the Unicode versions the tokenizers library
 * uses.
 *
 * NFC works on stretches: a "plain" code point is a starter that neither decomposes nor composes
 * with what stands before it, so a stretch from the one before the first code point that is not
 * plain to the next plain one can be normalised by itself.  Nearly all text is plain and is only
 * looked at. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "text/unicode.h"

struct stretch { int32_t first, last; };

/* Letters and numbers that Unicode 15.1 and 16 added, for utf8proc of an earlier version. */
static const struct stretch new_letters[] = {
    { 0x1c89, 0x1c8a },   { 0xa7cb, 0xa7cd },   { 0xa7da, 0xa7dc },   { 0x105c0, 0x105f3 },
    { 0x10d4a, 0x10d65 }, { 0x10d6f, 0x10d85 }, { 0x10ec2, 0x10ec4 }, { 0x11380, 0x11389 },
    { 0x1138b, 0x1138b }, { 0x1138e, 0x1138e }, { 0x11390, 0x113b5 }, { 0x113b7, 0x113b7 },
    { 0x113d1, 0x113d1 }, { 0x113d3, 0x113d3 }, { 0x11bc0, 0x11be0 }, { 0x13460, 0x143fa },
    { 0x16100, 0x1611d }, { 0x16d40, 0x16d6c }, { 0x18cff, 0x18cff }, { 0x1e5d0, 0x1e5ed },
    { 0x1e5f0, 0x1e5f0 }, { 0x2ebf0, 0x2ee5d },
};
static const struct stretch new_numbers[] = {
    { 0x10d40, 0x10d49 }, { 0x116d0, 0x116e3 }, { 0x11bf0, 0x11bf9 }, { 0x16130, 0x16139 },
    { 0x16d70, 0x16d79 }, { 0x1ccf0, 0x1ccf9 }, { 0x1e5f1, 0x1e5fa },
};

/* Marks and composites younger than Unicode 9: NFC leaves them alone. */
static const struct stretch young[] = {
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
static const struct stretch second[] = {
    { 0x9be, 0x9be },     { 0x9d7, 0x9d7 },     { 0xb3e, 0xb3e },     { 0xb56, 0xb57 },
    { 0xbbe, 0xbbe },     { 0xbd7, 0xbd7 },     { 0xcc2, 0xcc2 },     { 0xcd5, 0xcd6 },
    { 0xd3e, 0xd3e },     { 0xd57, 0xd57 },     { 0xdcf, 0xdcf },     { 0xddf, 0xddf },
    { 0x102e, 0x102e },   { 0x1161, 0x1175 },   { 0x11a8, 0x11c2 },   { 0x1b35, 0x1b35 },
    { 0x1133e, 0x1133e }, { 0x11357, 0x11357 }, { 0x114b0, 0x114b0 }, { 0x114ba, 0x114ba },
    { 0x114bd, 0x114bd }, { 0x115af, 0x115af },
};

const char *unicode_library(void)
{
    static char text[40];

    snprintf(text, sizeof text, "utf8proc %s", utf8proc_version());
    return text;
}

static bool within(const struct stretch *v, int64_t n, int32_t c)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (c > v[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && c >= v[low].first;
}

int32_t unicode_at(const char *p, size_t n, int *len)
{
    const unsigned char *s = (const unsigned char *)p;

    switch (*len = utf8_len(p, n)) {
    case 1:  return s[0];
    case 2:  return (s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    case 3:  return (s[0] & 0x0f) << 12 | (s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    case 4:  return (s[0] & 0x07) << 18 | (s[1] & 0x3f) << 12 | (s[2] & 0x3f) << 6 | (s[3] & 0x3f);
    default: *len = 1; return -1;
    }
}

static bool is_space(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

enum uni unicode_class(int32_t c)
{
    if (c < 0)
        return UNI_OTHER;
    if (is_space(c))
        return UNI_SPACE;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_LO:
        return UNI_LETTER;
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO:
        return UNI_NUMBER;
    case UTF8PROC_CATEGORY_CN:
        return within(new_letters, countof(new_letters), c) ? UNI_LETTER
             : within(new_numbers, countof(new_numbers), c) ? UNI_NUMBER : UNI_OTHER;
    default:
        return UNI_OTHER;
    }
}

bool unicode_word(int32_t c)
{
    if (c < 0)
        return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return unicode_class(c) == UNI_LETTER;
    }
}

static bool is_blank(int32_t c)
{
    return is_space(c) || (c >= 0x1c && c <= 0x1f);
}

struct view unicode_trim(struct view s)
{
    int len;

    while (s.n && is_blank(unicode_at(s.p, s.n, &len)))
        s.p += len, s.n -= (size_t)len;
    while (s.n) {
        size_t at = s.n - 1;
        while (at > 0 && s.n - at < 4 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at--;
        if (!is_blank(unicode_at(s.p + at, s.n - at, &len)) || at + (size_t)len != s.n)
            break;
        s.n = at;
    }
    return s;
}

/* ---- NFC ---- */

static bool is_plain(int32_t c)
{
    if (c < 0x300 || (c >= 0x2010 && c <= 0x2027) || (c >= 0x3400 && c < 0xa000))
        return true;
    const utf8proc_property_t *p = utf8proc_get_property(c);
    bool decomposes = p->decomp_seqindex != UINT16_MAX && p->decomp_type == 0;
    if (p->combining_class == 0 && !decomposes)
        return !within(second, countof(second), c);
    return within(young, countof(young), c);
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

/* The normal form of one stretch, as code points in f->code. */
static enum st compose(struct nfc *f, struct view s, int64_t *n_codes)
{
    int64_t n = 0;

    f->code.n = 0;
    for (size_t i = 0; i < s.n;) {
        int len, bound = 0;
        int32_t c = unicode_at(s.p + i, s.n - i, &len);
        i += (size_t)len;
        f->code.n = (size_t)n * sizeof c;
        if (buf_room(&f->code, 16 * sizeof c) != ST_OK)
            return ST_SYS;
        n += utf8proc_decompose_char(c, (int32_t *)f->code.p + n, 16,
                                     UTF8PROC_STABLE | UTF8PROC_COMPOSE, &bound);
    }
    if (order((int32_t *)f->code.p, n, &f->sorted) != ST_OK)
        return ST_SYS;
    *n_codes = utf8proc_normalize_utf32((int32_t *)f->code.p, n,
                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return ST_OK;
}

/* Normalises s[begin, end); *done is how far the result has come when something changed. */
static enum st stretch_nfc(struct nfc *f, struct view s, size_t begin, size_t end, size_t *done)
{
    struct view raw = { s.p + begin, end - begin };
    int64_t n;

    if (compose(f, raw, &n) != ST_OK)
        return ST_SYS;
    size_t start = f->text.n;
    if (buf_add(&f->text, s.p + *done, begin - *done) != ST_OK ||
        buf_room(&f->text, (size_t)n * 4) != ST_OK)
        return ST_SYS;
    struct nfc_change change = { .begin = f->text.n, .raw_begin = begin, .raw_end = end };
    for (int64_t i = 0; i < n; i++)
        f->text.n += (size_t)utf8_put(f->text.p + f->text.n, (uint32_t)((int32_t *)f->code.p)[i]);
    change.end = f->text.n;
    if (view_eq(raw, (struct view){ f->text.p + change.begin, change.end - change.begin })) {
        f->text.n = start;
        return ST_OK;
    }
    *done = end;
    return buf_add(&f->change, &change, sizeof change);
}

/* The first byte at or after i that may begin a code point from U+0300 on. */
static size_t skip(const unsigned char *p, size_t i, size_t n)
{
    for (uint64_t w; i + 8 <= n; i += 8) {
        memcpy(&w, p + i, 8);
        if (w & 0x8080808080808080u)
            break;
    }
    while (i < n && p[i] < 0xcc)
        i++;
    return i;
}

enum st unicode_nfc(struct nfc *f, struct view s, struct view *out)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t done = 0;
    int len;

    f->text.n = f->change.n = 0;
    for (size_t i = skip(p, 0, s.n); i < s.n; i = skip(p, i, s.n)) {
        if (is_plain(unicode_at(s.p + i, s.n - i, &len))) {
            i += (size_t)len;
            continue;
        }
        size_t begin = i, end = i + (size_t)len;
        while (end < s.n && !is_plain(unicode_at(s.p + end, s.n - end, &len)))
            end += (size_t)len;
        if (begin > 0) { /* the plain one before, unless NFC leaves it alone */
            do
                begin--;
            while (begin > 0 && i - begin < 4 && (p[begin] & 0xc0) == 0x80);
            int32_t c = unicode_at(s.p + begin, s.n - begin, &len);
            if (c < 0 || begin + (size_t)len != i || within(young, countof(young), c))
                begin = i;
        }
        if (stretch_nfc(f, s, begin, end, &done) != ST_OK)
            return ST_SYS;
        i = end;
    }
    *out = s;
    if (f->change.n == 0)
        return ST_OK;
    if (buf_add(&f->text, s.p + done, s.n - done) != ST_OK)
        return ST_SYS;
    *out = (struct view){ f->text.p, f->text.n };
    return ST_OK;
}

void nfc_free(struct nfc *n)
{
    buf_free(&n->text);
    buf_free(&n->change);
    buf_free(&n->code);
    buf_free(&n->sorted);
}

static size_t raw_of(const struct nfc *n, size_t at, bool end)
{
    const struct nfc_change *v = (const struct nfc_change *)n->change.p;
    size_t low = 0, high = n->change.n / sizeof *v;

    while (low < high) {                       /* the last change that begins before `at` */
        size_t mid = (low + high) / 2;
        if (v[mid].begin < at)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return at;
    v += low - 1;
    if (at >= v->end)
        return v->raw_end + (at - v->end);
    return end ? v->raw_end : v->raw_begin;
}

size_t nfc_raw_begin(const struct nfc *n, size_t at)
{
    return raw_of(n, at, false);
}

size_t nfc_raw_end(const struct nfc *n, size_t at)
{
    return raw_of(n, at, true);
}
