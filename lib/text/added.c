/* added.c - added tokens in a trie of first-child, next-sibling nodes.
 *
 * The search looks at two bytes: sets of the pairs that tokens begin with, 64 places at a time, and
 * then a bitmap of them pass nearly every place of a text by, also where the tokens are runs of
 * spaces. */
#include "text/added.h"
#include "text/simd.h"
#include "text/unicode.h"

struct node {
    uint32_t            child, sibling;        /* 0: none; the root is node 0 */
    unsigned char       byte;
    const struct added *token;
};

struct added_set {
    struct arena *arena;
    struct node  *node;
    uint32_t      n, cap;
    uint64_t      pairs[65536 / 64];           /* by first and second byte */
    struct simd_pairs sets;
};

struct added_set *added_new(struct arena *a)
{
    struct added_set *s = ARENA_NEW(a, struct added_set, 1);

    if (!s || !(s->node = ARENA_NEW(a, struct node, 64)))
        return NULL;
    s->arena = a;
    s->n = 1;
    s->cap = 64;
    return s;
}

static uint32_t child(const struct added_set *s, uint32_t at, unsigned char byte)
{
    uint32_t i = s->node[at].child;

    while (i && s->node[i].byte != byte)
        i = s->node[i].sibling;
    return i;
}

static enum st add_child(struct added_set *s, uint32_t at, unsigned char byte, uint32_t *to)
{
    if (s->n == s->cap) {
        struct node *v = ARENA_NEW(s->arena, struct node, (size_t)s->cap * 2);
        if (!v)
            return ST_SYS;
        memcpy(v, s->node, s->n * sizeof *v);
        s->node = v;
        s->cap *= 2;
    }
    s->node[s->n] = (struct node){ .sibling = s->node[at].child, .byte = byte };
    s->node[at].child = *to = s->n++;
    return ST_OK;
}

static void mark(struct added_set *s, unsigned first, unsigned second)
{
    unsigned i = first << 8 | second;

    s->pairs[i / 64] |= (uint64_t)1 << (i % 64);
    uint8_t set = (uint8_t)(1 << (first + first / 8) % 8);
    s->sets.low[0][first % 16] |= set;
    s->sets.high[0][first / 16] |= set;
    s->sets.low[1][second % 16] |= set;
    s->sets.high[1][second / 16] |= set;
}

enum st added_put(struct added_set *s, const struct added *v)
{
    const unsigned char *p = (const unsigned char *)v->sought.p;
    uint32_t at = 0, to;

    if (v->sought.n == 0)
        return fail(ST_DATA, "an added token without text");
    for (size_t i = 0; i < v->sought.n; i++, at = to)
        if (!(to = child(s, at, p[i])) && add_child(s, at, p[i], &to) != ST_OK)
            return ST_SYS;
    if (s->node[at].token)
        return fail(ST_DATA, "the added token '%s' is there twice", shown(v->sought));
    s->node[at].token = v;
    for (unsigned second = 0; second < 256; second++)
        if (v->sought.n == 1 || second == p[1])
            mark(s, p[0], second);
    return ST_OK;
}

static const struct added *longest(const struct added_set *s, struct view text, size_t i)
{
    const struct added *best = NULL;
    uint32_t at = 0;

    for (; i < text.n && (at = child(s, at, (unsigned char)text.p[i])) != 0; i++)
        if (s->node[at].token)
            best = s->node[at].token;
    return best;
}

/* The code point that ends before `at`, and where it begins. */
static int32_t before(struct view text, size_t at, size_t *begin)
{
    int len;

    *begin = at - 1;
    while (*begin > 0 && at - *begin < 4 && ((unsigned char)text.p[*begin] & 0xc0) == 0x80)
        --*begin;
    return unicode_at(text.p + *begin, at - *begin, &len);
}

static bool alone(struct view text, size_t begin, size_t end)
{
    size_t at;
    int len;

    return (begin == 0 || !unicode_word(before(text, begin, &at))) &&
           (end == text.n || !unicode_word(unicode_at(text.p + end, text.n - end, &len)));
}

static void swallow(const struct added *v, struct view text, size_t done, struct added_hit *h)
{
    size_t at;
    int len;

    while (v->lstrip && h->begin > done && unicode_class(before(text, h->begin, &at)) == UNI_SPACE)
        h->begin = at;
    while (v->rstrip && h->end < text.n &&
           unicode_class(unicode_at(text.p + h->end, text.n - h->end, &len)) == UNI_SPACE)
        h->end += (size_t)len;
}

/* The next place at or after i where a token may begin, or the end. */
static size_t candidate(const struct added_set *s, struct view text, size_t i)
{
    const unsigned char *p = (const unsigned char *)text.p;

#if SIMD
    for (uint64_t found; i < text.n; i += 64) {
        size_t n = text.n - i;
        found = simd_find(simd_load(text.p + i, n), simd_load(text.p + i + 1, n - 1), &s->sets);
        for (found &= simd_below(n); found; found &= found - 1) {
            size_t at = i + (size_t)__builtin_ctzll(found);
            unsigned pair = (unsigned)p[at] << 8 | (at + 1 < text.n ? p[at + 1] : 0);
            if (s->pairs[pair / 64] >> (pair % 64) & 1)
                return at;
        }
    }
#else
    for (; i < text.n; i++) {
        unsigned pair = (unsigned)p[i] << 8 | (i + 1 < text.n ? p[i + 1] : 0);
        if (s->pairs[pair / 64] >> (pair % 64) & 1)
            return i;
    }
#endif
    return text.n;
}

bool added_next(const struct added_set *s, struct view text, size_t done, size_t from,
                struct added_hit *h)
{
    const struct added *v;

    for (size_t i = from; (i = candidate(s, text, i)) < text.n; i++) {
        if (!(v = longest(s, text, i)))
            continue;
        if (v->single_word && !alone(text, i, i + v->sought.n)) {
            i += v->sought.n - 1;
            continue;
        }
        *h = (struct added_hit){ i, i + v->sought.n, i + v->sought.n, v };
        swallow(v, text, done, h);
        return true;
    }
    return false;
}
