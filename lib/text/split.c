/* split.c - stages that cut pieces, by hand or by PCRE2, and what becomes of a match.
 *
 * One known pattern alone, which is what nearly every tokenizer has, gives its pieces as it goes;
 * any other list of stages cuts the whole stretch, stage by stage. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/utf8.h"
#include "text/cuts.h"
#include "text/known.h"
#include "text/split.h"
#include "text/unicode.h"

enum kind { KNOWN, MARKED, REGEX, LITERAL, CLASS, WORDS };

struct stage {
    enum kind            kind;
    enum split_behaviour behaviour;
    bool                 invert;
    struct known         known;
    struct view          literal;
    bool               (*is)(int32_t c);       /* CLASS */
    pcre2_code          *code;
};

struct split {
    struct arena *arena;
    int64_t       n;
    struct stage  stage[SPLIT_STAGES_MAX];
};

struct piece { uint32_t begin, end; };
struct match { uint32_t begin, end; bool hit; };

const char *split_library(void)
{
    static char text[80] = "PCRE2 ";

    pcre2_config(PCRE2_CONFIG_VERSION, text + 6);      /* at most 64 bytes */
    return text;
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
    return add(s, (struct stage){ .kind = KNOWN, .known = { KNOWN_GPT2, 0 } });
}

enum st split_literal(struct split *s, struct view text, enum split_behaviour b, bool invert)
{
    char *copy = arena_text(s->arena, text);

    if (!copy)
        return ST_SYS;
    return add(s, (struct stage){ .kind = LITERAL, .behaviour = b, .invert = invert,
                                  .literal = { copy, text.n } });
}

enum st split_class(struct split *s, bool (*is)(int32_t c), enum split_behaviour b)
{
    return add(s, (struct stage){ .kind = CLASS, .behaviour = b, .is = is });
}

enum st split_words(struct split *s)
{
    return add(s, (struct stage){ .kind = WORDS, .behaviour = SPLIT_REMOVED, .invert = true });
}

enum st split_marked(struct split *s, struct view mark)
{
    char *copy = arena_text(s->arena, mark);

    if (!copy)
        return ST_SYS;
    return add(s, (struct stage){ .kind = MARKED, .literal = { copy, mark.n } });
}

/* \s is White_Space in the library that patterns are written for; PCRE2 adds U+180E. */
static enum st same_spaces(struct buf *out, struct view pattern)
{
    static const char set[] =
        "\\x{9}-\\x{d} \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
        "\\x{202f}\\x{205f}\\x{3000}";
    bool in_class = false;
    enum st st = ST_OK;

    for (size_t i = 0; i < pattern.n && st == ST_OK; i++) {
        char c = pattern.p[i];
        if (c == '\\' && i + 1 < pattern.n) {
            char d = pattern.p[++i];
            if (d == 's' || (d == 'S' && !in_class))
                st = buf_printf(out, "%s%s%s", in_class ? "" : d == 's' ? "[" : "[^", set,
                                in_class ? "" : "]");
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
        return fail(ST_DATA, "the pre-tokeniser's pattern '%s' is refused by PCRE2: %s",
                    shown(pattern), (char *)what);
    }
    pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);      /* else the interpreter does the work */
    return ST_OK;
}

enum st split_regex(struct split *s, struct view pattern, enum split_behaviour b, bool invert)
{
    struct stage g = { .kind = REGEX, .behaviour = b, .invert = invert };
    enum st st = ST_OK;

    if (known_find(pattern, &g.known))
        g.kind = KNOWN;
    else
        st = compile(pattern, &g.code);
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

int64_t split_stages(const struct split *s)
{
    return s->n;
}

bool split_empty(const struct split *s)
{
    uint32_t empty = 0;

    for (int64_t i = 0; i < s->n && !empty; i++)
        if (s->stage[i].kind == REGEX)
            pcre2_pattern_info(s->stage[i].code, PCRE2_INFO_MATCHEMPTY, &empty);
    return empty;
}

void splitter_free(struct splitter *w)
{
    buf_free(&w->piece[0]);
    buf_free(&w->piece[1]);
    buf_free(&w->match);
    buf_free(&w->bound);
    pcre2_match_data_free(w->data);
}

/* ---- matches: a stage sees one piece and tells hits and what lies between ---- */

/* The next hit of the stage in p[from, n).  ST_END: none. */
static enum st find(const struct stage *g, struct splitter *w, const char *p, size_t n, size_t from,
                    size_t *begin, size_t *end)
{
    int len;

    if (from >= n && g->kind != REGEX)
        return ST_END;
    switch (g->kind) {
    case KNOWN:
    case MARKED:
        *begin = from;
        *end = g->kind == KNOWN ? known_next(g->known, p, from, n)
                                : cuts_marked(g->literal, p, from, n);
        return ST_OK;
    case LITERAL: {
        const char *hit =
            g->literal.n ? memmem(p + from, n - from, g->literal.p, g->literal.n) : NULL;
        if (!hit)
            return ST_END;
        *begin = (size_t)(hit - p);
        *end = *begin + g->literal.n;
        return ST_OK;
    }
    case CLASS:
        for (size_t i = from; i < n; i += (size_t)len)
            if (g->is(unicode_at(p + i, n - i, &len))) {
                *begin = i;
                *end = i + (size_t)len;
                return ST_OK;
            }
        return ST_END;
    case WORDS:
        return cuts_word(p, n, from, begin, end) ? ST_OK : ST_END;
    case REGEX:
        break;
    }
    int rc = pcre2_match(g->code, (PCRE2_SPTR)p, n, from, PCRE2_NO_UTF_CHECK, w->data, NULL);
    if (rc == PCRE2_ERROR_NOMATCH)
        return ST_END;
    if (rc < 0)
        return fail(ST_DATA, "the pattern gives up on this text (PCRE2 error %d)", rc);
    *begin = pcre2_get_ovector_pointer(w->data)[0];
    *end = pcre2_get_ovector_pointer(w->data)[1];
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

/* The pieces that the behaviour makes of the matches, appended; the text begins at `base`. */
static enum st behave(enum split_behaviour b, const struct match *m, int64_t n, size_t base,
                      struct buf *out)
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

static enum st apply(const struct stage *g, struct splitter *w, struct view text, struct piece v,
                     struct buf *out)
{
    enum st st = matches(g, w, text.p + v.begin, v.end - v.begin);

    if (st != ST_OK)
        return st;
    return behave(g->behaviour, (struct match *)w->match.p,
                  (int64_t)(w->match.n / sizeof(struct match)), v.begin, out);
}

/* ---- all stages ---- */

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

/* Cuts the whole text, stage by stage, into w->piece[0]. */
static enum st cut(const struct split *s, struct splitter *w, struct view text)
{
    struct buf *now = &w->piece[0], *next = &w->piece[1];
    enum st st = ST_OK;

    if (!split_by_hand(s) && (st = regex_ready(w, text)) != ST_OK)
        return st;
    now->n = w->next = 0;
    st = put_piece(now, 0, text.n);
    for (int64_t i = 0; i < s->n && st == ST_OK; i++) {
        next->n = 0;
        for (size_t k = 0; k < now->n && st == ST_OK; k += sizeof(struct piece))
            st = apply(&s->stage[i], w, text, *(struct piece *)(now->p + k), next);
        struct buf swap = *now;
        *now = *next;
        *next = swap;
    }
    return st;
}

/* The pieces of w->piece[0] up to the next gap. */
static int64_t side_by_side(struct splitter *w, struct view text, size_t *at, uint32_t *bound)
{
    const struct piece *v = (const struct piece *)w->piece[0].p + w->next / sizeof *v;
    int64_t left = (int64_t)((w->piece[0].n - w->next) / sizeof *v), n = 0;

    while (n < left && n < KNOWN_PIECES && (n == 0 || v[n].begin == v[n - 1].end)) {
        bound[n] = v[n].begin;
        bound[n + 1] = v[n].end;
        n++;
    }
    w->next += (size_t)n * sizeof *v;
    *at = n < left ? v[n].begin : text.n;
    return n;
}

enum st split_some(const struct split *s, struct splitter *w, struct view text, size_t *at,
                   const uint32_t **bound, int64_t *n)
{
    const struct stage *g = s->stage;
    enum st st = ST_OK;

    BUG_IF(text.n > UINT32_MAX);
    w->bound.n = *n = 0;
    if (buf_room(&w->bound, KNOWN_BOUNDS * sizeof **bound) != ST_OK)
        return ST_SYS;
    uint32_t *v = (uint32_t *)w->bound.p;
    *bound = v;
    if (s->n == 1 && g->kind == KNOWN && g->behaviour == SPLIT_ISOLATED) {
        *n = known_some(g->known, text, at, v);
        return ST_OK;
    }
    if (s->n == 1 && g->kind == MARKED) {
        *n = cuts_some(g->literal, text, at, v, KNOWN_PIECES);
        return ST_OK;
    }
    if (*at == 0)
        st = cut(s, w, text);
    if (st == ST_OK)
        *n = side_by_side(w, text, at, v);
    return st;
}
