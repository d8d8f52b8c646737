/* split.c - pre-tokenisers; the known patterns as scanners over four classes of code points.
 *
 * GPT-2:   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * cl100k:  (?i:'s|...|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * Both match everything, so a scanner only says where the piece that begins here ends. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/utf8.h"
#include "text/split.h"
#include "text/unicode.h"

enum { PIECES_AT_ONCE = 512 };

enum kind { GPT2, CL100K, REGEX, LITERAL, DIGITS };

struct stage {
    enum kind            kind;
    enum split_behaviour behaviour;
    bool                 invert;
    int                  digits;               /* CL100K: the longest number */
    struct view          literal;
    pcre2_code          *code;
};

struct split {
    struct arena *arena;
    int64_t       n;
    struct stage  stage[SPLIT_STAGES_MAX];
};

struct match { uint32_t begin, end; bool hit; };

/* ---- the known patterns ---- */

#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define CL100K_PATTERN(digits) "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
                               "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct {
    const char *pattern;
    enum kind   kind;
    int         digits;
} known[] = {
    { CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", GPT2, 0 },
    { CL100K_PATTERN("\\p{N}{1,3}"), CL100K, 3 },
    { CL100K_PATTERN("\\p{N}"), CL100K, 1 },
};

/* The class of every byte; bytes from 0x80 on need the whole code point. */
enum { MANY = 4 };
static const uint8_t byte_class[256] = {
    ['\t'] = UNI_SPACE, ['\n'] = UNI_SPACE, ['\v'] = UNI_SPACE, ['\f'] = UNI_SPACE, ['\r'] = UNI_SPACE,
    [' '] = UNI_SPACE, ['0' ... '9'] = UNI_NUMBER, ['A' ... 'Z'] = UNI_LETTER,
    ['a' ... 'z'] = UNI_LETTER, [0x80 ... 0xff] = MANY,
};

static inline int class_at(const char *p, size_t i, size_t n, int *len)
{
    int c = byte_class[(unsigned char)p[i]];

    *len = 1;
    return c != MANY ? c : (int)unicode_class(unicode_at(p + i, n - i, len));
}

static inline size_t run(const char *p, size_t i, size_t n, int class)
{
    int len;

    while (i < n && class_at(p, i, n, &len) == class)
        i += (size_t)len;
    return i;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* Bytes of the contraction after the apostrophe at p[i], or 0.  Folding case, U+017F is an s too. */
static size_t contraction(const char *p, size_t i, size_t n, bool fold)
{
    char c = i + 1 < n ? p[i + 1] : 0, d = i + 2 < n ? p[i + 2] : 0;

    if (fold) {
        if (c == '\xc5' && d == '\xbf')
            return 3;
        c = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        d = (char)(d >= 'A' && d <= 'Z' ? d + 32 : d);
    }
    if (c == 's' || c == 't' || c == 'm' || c == 'd')
        return 2;
    return (c == 'r' && d == 'e') || (c == 'v' && d == 'e') || (c == 'l' && d == 'l') ? 3 : 0;
}

/* \s+(?!\S)|\s+ : the run of spaces, without its last one where something else follows. */
static size_t spaces(const char *p, size_t i, size_t n)
{
    size_t end = i, last = i;
    int len;

    while (end < n && class_at(p, end, n, &len) == UNI_SPACE)
        last = end, end += (size_t)len;
    return end == n || last == i ? end : last;
}

static size_t next_gpt2(const char *p, size_t i, size_t n)
{
    int len, c = class_at(p, i, n, &len);
    size_t k;

    if (p[i] == '\'' && (k = contraction(p, i, n, false)) > 0)
        return i + k;
    if (p[i] == ' ' && i + 1 < n) {
        c = class_at(p, i + 1, n, &len);
        if (c != UNI_SPACE)
            return run(p, i + 1 + (size_t)len, n, c);
    } else if (c != UNI_SPACE) {
        return run(p, i + (size_t)len, n, c);
    }
    return spaces(p, i, n);
}

static size_t numbers(const char *p, size_t i, size_t n, int max)
{
    int len;

    while (max-- > 0 && i < n && class_at(p, i, n, &len) == UNI_NUMBER)
        i += (size_t)len;
    return i;
}

static size_t others(const char *p, size_t i, size_t n)
{
    i = run(p, i, n, UNI_OTHER);
    while (i < n && is_line_end(p[i]))
        i++;
    return i;
}

static size_t next_cl100k(const char *p, size_t i, size_t n, int digits)
{
    int len, after_len, c = class_at(p, i, n, &len);
    size_t k;

    if (p[i] == '\'' && (k = contraction(p, i, n, true)) > 0)
        return i + k;
    if (c == UNI_LETTER)
        return run(p, i + (size_t)len, n, UNI_LETTER);
    if (c == UNI_NUMBER)
        return numbers(p, i, n, digits);
    size_t next = i + (size_t)len;
    int after = next < n ? class_at(p, next, n, &after_len) : UNI_SPACE;
    if (after == UNI_LETTER && !is_line_end(p[i]))
        return run(p, next + (size_t)after_len, n, UNI_LETTER);
    if (c == UNI_OTHER)
        return others(p, i, n);
    if (p[i] == ' ' && after == UNI_OTHER)
        return others(p, next, n);

    size_t end = i, line = i;                  /* \s*[\r\n]+ ends behind the run's last line end */
    while (end < n && class_at(p, end, n, &len) == UNI_SPACE) {
        end += (size_t)len;
        if (is_line_end(p[end - 1]))
            line = end;
    }
    return line > i ? line : spaces(p, i, n);
}

static size_t next_piece(const struct stage *g, const char *p, size_t i, size_t n)
{
    return g->kind == GPT2 ? next_gpt2(p, i, n) : next_cl100k(p, i, n, g->digits);
}

/* ---- building ---- */

struct split *split_new(struct arena *a)
{
    struct split *s = ARENA_NEW(a, struct split, 1);

    if (s)
        s->arena = a;
    return s;
}

static enum st add(struct split *s, struct stage g)
{
    if (s->n == SPLIT_STAGES_MAX)
        return fail(ST_DATA, "more than %d pre-tokenisers in a sequence", SPLIT_STAGES_MAX);
    s->stage[s->n++] = g;
    return ST_OK;
}

enum st split_gpt2(struct split *s)
{
    return add(s, (struct stage){ .kind = GPT2 });
}

enum st split_literal(struct split *s, struct view text, enum split_behaviour b, bool invert)
{
    char *copy = arena_text(s->arena, text);

    if (!copy)
        return ST_SYS;
    return add(s, (struct stage){ .kind = LITERAL, .behaviour = b, .invert = invert,
                                  .literal = { copy, text.n } });
}

enum st split_digits(struct split *s, bool individual)
{
    return add(s, (struct stage){ .kind = DIGITS,
                                  .behaviour = individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS });
}

/* \s is White_Space in the library that patterns are written for; PCRE2 adds U+180E. */
static enum st same_spaces(struct buf *out, struct view pattern)
{
    static const char set[] = "\\x{9}-\\x{d} \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
                              "\\x{202f}\\x{205f}\\x{3000}";
    bool in_class = false;
    enum st st = ST_OK;

    for (size_t i = 0; i < pattern.n && st == ST_OK; i++) {
        char c = pattern.p[i];
        if (c == '\\' && i + 1 < pattern.n) {
            char d = pattern.p[++i];
            if (d == 's' || (d == 'S' && !in_class))
                st = buf_printf(out, in_class ? "%s%s%s" : d == 's' ? "[%s%s%s]" : "[^%s%s%s]", set, "", "");
            else
                st = buf_add(out, pattern.p + i - 1, 2);
            continue;
        }
        if (c == '[')
            in_class = true;
        else if (c == ']')
            in_class = false;
        st = buf_add(out, &c, 1);
    }
    return st;
}

static enum st compile(struct view pattern, pcre2_code **code)
{
    struct buf text = { 0 };
    int error;
    PCRE2_SIZE at;

    if (same_spaces(&text, pattern) != ST_OK)
        return ST_SYS;
    *code = pcre2_compile((PCRE2_SPTR)text.p, text.n,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                          &error, &at, NULL);
    buf_free(&text);
    if (!*code) {
        unsigned char what[200];
        pcre2_get_error_message(error, what, sizeof what);
        return fail(ST_DATA, "the pre-tokeniser's pattern '%s' is refused by PCRE2: %s", shown(pattern),
                    (char *)what);
    }
    pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);      /* without it the interpreter does the work */
    return ST_OK;
}

enum st split_regex(struct split *s, struct view pattern, enum split_behaviour b, bool invert)
{
    struct stage g = { .kind = REGEX, .behaviour = b, .invert = invert };

    for (int64_t i = 0; i < countof(known); i++)
        if (view_is(pattern, known[i].pattern)) {
            g.kind = known[i].kind;
            g.digits = known[i].digits;
        }
    enum st st = g.kind == REGEX ? compile(pattern, &g.code) : ST_OK;
    return st == ST_OK ? add(s, g) : st;
}

void split_free(struct split *s)
{
    for (int64_t i = 0; i < s->n; i++)
        pcre2_code_free(s->stage[i].code);
}

bool split_by_hand(const struct split *s)
{
    for (int64_t i = 0; i < s->n; i++)
        if (s->stage[i].kind == REGEX)
            return false;
    return true;
}

void splitter_free(struct splitter *w)
{
    buf_free(&w->piece[0]);
    buf_free(&w->piece[1]);
    buf_free(&w->match);
    pcre2_match_data_free(w->data);
}

/* ---- matches: a stage sees one piece and tells hits and what lies between ---- */

/* The next hit of the stage in p[from, n).  ST_END: none. */
static enum st find(const struct stage *g, struct splitter *w, const char *p, size_t n, size_t from,
                    size_t *begin, size_t *end)
{
    int len;

    switch (g->kind) {
    case GPT2: case CL100K:
        *begin = from;
        *end = from < n ? next_piece(g, p, from, n) : n;
        return from < n ? ST_OK : ST_END;
    case LITERAL: {
        const char *hit = g->literal.n && from < n
                        ? memmem(p + from, n - from, g->literal.p, g->literal.n) : NULL;
        if (!hit)
            return ST_END;
        *begin = (size_t)(hit - p);
        *end = *begin + g->literal.n;
        return ST_OK;
    }
    case DIGITS:
        for (size_t i = from; i < n; i += (size_t)len)
            if (class_at(p, i, n, &len) == UNI_NUMBER) {
                *begin = i;
                *end = i + (size_t)len;
                return ST_OK;
            }
        return ST_END;
    case REGEX:
        break;
    }
    int rc = pcre2_match(g->code, (PCRE2_SPTR)p, n, from, PCRE2_NO_UTF_CHECK, w->data, NULL);
    if (rc == PCRE2_ERROR_NOMATCH)
        return ST_END;
    if (rc < 0)
        return fail(ST_DATA, "the pre-tokeniser's pattern gives up on this text (PCRE2 error %d)", rc);
    PCRE2_SIZE *at = pcre2_get_ovector_pointer(w->data);
    *begin = at[0];
    *end = at[1];
    return ST_OK;
}

static enum st put_match(struct splitter *w, size_t begin, size_t end, bool hit)
{
    struct match m = { (uint32_t)begin, (uint32_t)end, hit };

    return buf_add(&w->match, &m, sizeof m);
}

/* All of p[0, n) as hits and gaps, into w->match. */
static enum st matches(const struct stage *g, struct splitter *w, const char *p, size_t n)
{
    size_t done = 0, from = 0, begin = 0, end = 0;
    enum st st;
    int len;

    w->match.n = 0;
    while (from <= n && (st = find(g, w, p, n, from, &begin, &end)) == ST_OK) {
        if (begin > done && (st = put_match(w, done, begin, g->invert)) != ST_OK)
            return st;
        if (end > begin && (st = put_match(w, begin, end, !g->invert)) != ST_OK)
            return st;
        done = end;
        if (end > begin) {
            from = end;
        } else {                               /* an empty hit: go on behind the next code point */
            if (end >= n)
                break;
            unicode_at(p + end, n - end, &len);
            from = end + (size_t)len;
        }
    }
    if (from <= n && st != ST_OK && st != ST_END)
        return st;
    return done < n ? put_match(w, done, n, g->invert) : ST_OK;
}

static enum st put_piece(struct buf *out, size_t begin, size_t end)
{
    struct piece v = { (uint32_t)begin, (uint32_t)end };

    return buf_add(out, &v, sizeof v);
}

/* The pieces that the behaviour makes of w->match, appended; the piece looked at begins at `base`. */
static enum st behave(enum split_behaviour b, const struct match *m, int64_t n, size_t base, struct buf *out)
{
    enum st st = ST_OK;

    for (int64_t i = 0, to; i < n && st == ST_OK; i = to) {
        to = i + 1;
        if (b == SPLIT_REMOVED && m[i].hit)
            continue;
        if (b == SPLIT_CONTIGUOUS)
            while (to < n && m[to].hit == m[i].hit)
                to++;
        if (b == SPLIT_PREVIOUS && !m[i].hit && to < n && m[to].hit)
            to++;
        if (b == SPLIT_NEXT && m[i].hit && to < n && !m[to].hit)
            to++;
        st = put_piece(out, base + m[i].begin, base + m[to - 1].end);
    }
    return st;
}

static enum st apply(const struct stage *g, struct splitter *w, struct view text, struct piece v, struct buf *out)
{
    enum st st = matches(g, w, text.p + v.begin, v.end - v.begin);

    if (st != ST_OK)
        return st;
    return behave(g->behaviour, (struct match *)w->match.p, (int64_t)(w->match.n / sizeof(struct match)),
                  v.begin, out);
}

/* ---- all stages ---- */

static enum st known_some(const struct stage *g, struct splitter *w, struct view text, size_t *at)
{
    if (buf_room(&w->piece[0], PIECES_AT_ONCE * sizeof(struct piece)) != ST_OK)
        return ST_SYS;
    struct piece *v = (struct piece *)w->piece[0].p;
    int64_t n = 0;
    for (size_t i = *at; i < text.n && n < PIECES_AT_ONCE; *at = i, n++) {
        size_t end = next_piece(g, text.p, i, text.n);
        v[n] = (struct piece){ (uint32_t)i, (uint32_t)end };
        i = end;
    }
    w->piece[0].n = (size_t)n * sizeof *v;
    return ST_OK;
}

/* PCRE2 must never see a broken sequence: checked here once, not at each match. */
static enum st regex_ready(struct splitter *w, struct view text)
{
    for (size_t i = 0; i < text.n;) {
        int len = utf8_len(text.p + i, text.n - i);
        if (len == 0)
            return fail(ST_DATA, "the text is not UTF-8");
        i += (size_t)len;
    }
    if (!w->data && !(w->data = pcre2_match_data_create(1, NULL)))
        return fail(ST_SYS, "no memory for PCRE2");
    return ST_OK;
}

enum st split_some(const struct split *s, struct splitter *w, struct view text, size_t *at,
                   const struct piece **v, int64_t *n)
{
    const struct stage *g = s->stage;
    bool streams = s->n == 1 && g->kind <= CL100K && g->behaviour == SPLIT_ISOLATED;
    struct buf *now = &w->piece[0], *next = &w->piece[1];
    enum st st = ST_OK;

    BUG_IF(text.n > UINT32_MAX);
    if (!split_by_hand(s) && (st = regex_ready(w, text)) != ST_OK)
        return st;
    now->n = 0;
    if (streams) {
        st = known_some(g, w, text, at);
    } else {
        if (*at < text.n)
            st = put_piece(now, *at, text.n);
        *at = text.n;
    }
    for (int64_t i = streams ? 1 : 0; i < s->n && st == ST_OK; i++) {
        next->n = 0;
        for (size_t k = 0; k < now->n && st == ST_OK; k += sizeof(struct piece))
            st = apply(&s->stage[i], w, text, *(struct piece *)(now->p + k), next);
        struct buf *swap = now;
        now = next;
        next = swap;
    }
    *v = (const struct piece *)now->p;
    *n = (int64_t)(now->n / sizeof **v);
    return st;
}
