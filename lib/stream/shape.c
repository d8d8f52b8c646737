/* shape.c - the bytes between the gaps, compared a word at a time; the gaps, filled.
 *
 * Learned from any row of kind text, sft, pref or label in the order rec_write() gives fields.
 * Eight shapes are kept, found by a hash of a record's first bytes, which hold field count, kind
 * and the beginning of the source's name. */
#include <math.h>
#include "stream/shape.h"

enum {
    SHAPES    = 8,
    GAPS      = 16,
    WORDS     = 8,                             /* of one stretch of fixed bytes */
    SPANS     = 15,                            /* of one side; more are left to rec_take() */
    SPANS_ALL = 4 * SPANS,
    LOOK      = 192,                           /* so many bytes must be there to look at any gap */
};
_Static_assert(8 * WORDS + 1 + 7 * SPANS <= LOOK, "no gap but ids reaches farther");

enum gap_kind {
    GAP_ID,
    GAP_IDS,
    GAP_SPANS,
    GAP_WEIGHT,
    GAP_GOOD,
    GAP_KEY,
    GAP_SUM,
    GAP_COUNT,
    GAP_END
};

struct gap {
    uint64_t word[WORDS], mask[WORDS];         /* the fixed bytes before it */
    uint16_t n_words, n_bytes;
    uint16_t kind, side;                       /* side: which ids, spans or sum */
};

struct shape {
    bool       known;
    int        width;
    size_t     t_at, src_at;
    struct gap gap[GAPS];
    int        n_gaps;
    struct rec model;                          /* what is the same in all of them */
};

struct shapes {
    struct shape shape[SHAPES];
    struct span  spans[SPANS_ALL];
};

/* Sides of a row: names of their fields, and where they lie in a record. */
static const struct side {
    const char *ids, *span;
    size_t      ids_at, spans_at;
} side_of[] = {
    { "ids", "span", offsetof(struct rec, ids), offsetof(struct rec, span) },
    { "prompt", NULL, offsetof(struct rec, prompt), 0 },
    { "chosen", "chosen_span", offsetof(struct rec, chosen), offsetof(struct rec, chosen_span) },
    { "rejected", "rejected_span", offsetof(struct rec, rejected),
      offsetof(struct rec, rejected_span) },
    { "completion", "completion_span", offsetof(struct rec, completion),
      offsetof(struct rec, completion_span) },
    { "other", "other_span", offsetof(struct rec, other), offsetof(struct rec, other_span) },
};

enum { OTHER = 5 };                            /* the side of these whose tokens nobody trains */

static inline struct ids *ids_of(struct rec *r, int side)
{
    return (struct ids *)((char *)r + side_of[side].ids_at);
}

static inline struct spans *spans_of(struct rec *r, int side)
{
    return (struct spans *)((char *)r + side_of[side].spans_at);
}

static inline uint64_t load(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t big(const uint8_t *p)
{
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
           (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
           (uint64_t)p[6] << 8 | (uint64_t)p[7];
}

static inline double real(const uint8_t *p)
{
    uint64_t bits = big(p);
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

struct shapes *shape_new(struct arena *a)
{
    return ARENA_NEW(a, struct shapes, 1);
}

/* ---- learning ---- */

/* Closes the stretch of fixed bytes [from, p) with a gap. */
static bool add_gap(struct shape *s, const uint8_t **from, const uint8_t *p, enum gap_kind kind,
                    int side)
{
    size_t n = (size_t)(p - *from);
    if (s->n_gaps == GAPS || n > 8 * WORDS)
        return false;
    struct gap *g = &s->gap[s->n_gaps++];
    uint8_t mask[8 * WORDS] = { 0 };
    memset(g, 0, sizeof *g);
    memset(mask, 255, n);
    memcpy(g->word, *from, n);
    memcpy(g->mask, mask, sizeof mask);
    g->n_bytes = (uint16_t)n;
    g->n_words = (uint16_t)((n + 7) / 8);
    g->kind = kind;
    g->side = (uint16_t)side;
    return true;
}

/* The reference column, in the bytes rec_write() gives it; *p is its value. */
static bool learn_ref(struct shape *s, const uint8_t **from, const uint8_t *p, struct mp_in *c)
{
    static const char *const before[] = { "\x83\xa3key\xc4\x08", "\246chosen\x92\xcb",
                                          "\xa8rejected\x92\xcb" };
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(before[i]);
        struct mp v;
        if ((size_t)(c->end - p) < n + 8 || memcmp(p, before[i], n) != 0 ||
            !add_gap(s, from, p + n, i == 0 ? GAP_KEY : GAP_SUM, i - 1))
            return false;
        *from = p += n + 8;
        struct mp_in count = { p, c->end, NULL };
        if (i > 0 && (!add_gap(s, from, p, GAP_COUNT, i - 1) || !mp_next(&count, &v)))
            return false;
        if (i > 0)
            *from = p = count.p;
    }
    c->p = p;
    return true;
}

/* The sides that a kind has.  A field of another kind's is unknown to it, and such a row is not
 * learned. */
static bool has_side(enum rec_kind k, int side)
{
    static const uint8_t sides[] = {
        [REC_TEXT] = 1, [REC_SFT] = 1, [REC_PREF] = 2 | 4 | 8, [REC_LABEL] = 2 | 16 | 32,
    };
    return sides[k] >> side & 1;
}

/* One field; c stands before its value, *from at the fixed bytes not yet in a gap. */
static bool learn_field(struct shape *s, enum rec_kind k, struct view name, const uint8_t **from,
                        struct mp_in *c)
{
    const uint8_t *p = c->p;
    enum gap_kind kind = GAP_END;
    int side = 0;
    struct mp v;
    if (view_is(name, "ref"))
        return k >= REC_PREF && learn_ref(s, from, p, c);
    if (!mp_next(c, &v) || !mp_inside(c, &v, 1))
        return false;
    if (view_is(name, "t") || view_is(name, "src")) {  /* fixed, and before all gaps */
        *(view_is(name, "t") ? &s->t_at : &s->src_at) = (size_t)(v.p - *from);
        return s->n_gaps == 0 && v.n < 32;
    }
    for (int i = 0; i < (int)countof(side_of); i++)
        if (has_side(k, i) && (view_is(name, side_of[i].ids) || (k != REC_TEXT && side_of[i].span &&
                                                                 view_is(name, side_of[i].span)))) {
            kind = view_is(name, side_of[i].ids) ? GAP_IDS : GAP_SPANS;
            side = i;
        }
    if (view_is(name, "id") && *p == 0xc4) {
        kind = GAP_ID;
        p += 2;
    } else if (view_is(name, "w") && *p == 0xcb && k != REC_TEXT) {
        kind = GAP_WEIGHT;
        p++;
    } else if (view_is(name, "good") && k == REC_LABEL) {
        kind = GAP_GOOD;
    }
    if (kind == GAP_END || !add_gap(s, from, p, kind, side))
        return false;
    *from = c->p;
    return true;
}

/* A shape from a record that rec_take() has found good.  Spans come behind their ids, else it is
 * none. */
static void learn(struct shape *s, const struct rec *r)
{
    struct mp_in c = { r->raw, r->raw + r->raw_bytes, NULL };
    const uint8_t *from = r->raw;
    uint32_t seen = 0;
    struct mp map, key;
    s->known = false;
    s->n_gaps = 0;
    s->t_at = s->src_at = 0;
    if (!mp_next(&c, &map))
        return;
    for (size_t i = 0; i < map.n; i++) {
        int n = s->n_gaps;
        if (!mp_next(&c, &key) ||
            !learn_field(s, r->kind, (struct view){ (const char *)key.p, key.n }, &from, &c))
            return;
        for (; n < s->n_gaps; n++) {
            if (s->gap[n].kind == GAP_IDS)
                seen |= 1u << s->gap[n].side;
            if (s->gap[n].kind == GAP_SPANS && !(seen >> s->gap[n].side & 1))
                return;
        }
    }
    if (!add_gap(s, &from, c.p, GAP_END, 0) || !s->t_at || !s->src_at)
        return;
    s->model = *r;
    s->model.n_tokens = s->model.n_trained = 0;
    s->width = r->ids.width;
    s->known = true;
}

/* ---- filling ---- */

/* A count of one to three bytes.  Which of them cannot be foreseen, so no branch asks. */
static inline bool small(const uint8_t **p, int64_t *v)
{
    static const uint8_t shift[3] = { 24, 16, 8 };
    static const uint32_t mask[3] = { 0xff, 0xff, 0xffff };
    const uint8_t *q = *p;
    uint32_t w = (uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 | (uint32_t)q[2] << 8 | q[3];
    unsigned more = (q[0] == 0xcc) + 2u * (q[0] == 0xcd);
    *v = w >> shift[more] & mask[more];
    *p = q + 1 + more;
    return (q[0] < 0x80) | (more > 0);
}

static inline bool fill_ids(const uint8_t **p, const uint8_t *end, struct ids *to, int width)
{
    const uint8_t *q = *p;
    size_t two = q[0] == 0xc5, n = ((size_t)q[1] << 8 | q[2]) >> (8 - 8 * two);
    if ((q[0] & 0xfe) != 0xc4 || (size_t)(end - q) < 2 + two + n || n & (size_t)(width - 1))
        return false;
    *to = (struct ids){ q + 2 + two, (int64_t)(n >> (width >> 1)), width };
    *p = q + 2 + two + n;
    return true;
}

static inline bool fill_spans(const uint8_t **p, struct spans *to, int64_t n_ids, struct span *s,
                              int64_t *trained)
{
    int64_t n = *(*p)++ - 0x90, last = 0;
    if (n < 0 || n > SPANS)
        return false;
    for (int64_t i = 0; i < n; i++) {
        if (*(*p)++ != 0x92 || !small(p, &s[i].begin) || !small(p, &s[i].end) ||
            s[i].begin < last || s[i].end <= s[i].begin || s[i].end > n_ids)
            return false;
        last = s[i].end;
        *trained += s[i].end - s[i].begin;
    }
    to->v = s;
    to->n = n;
    return true;
}

static inline bool fill_side(const struct gap *g, struct rec *r, const uint8_t **p,
                             const uint8_t *end, struct span **spans)
{
    struct ids *ids = ids_of(r, g->side);
    int64_t untold, *trained = g->side == OTHER ? &untold : &r->n_trained;
    untold = 0;
    if (g->kind == GAP_SPANS) {
        if (!fill_spans(p, spans_of(r, g->side), ids->n, *spans, trained))
            return false;
        *spans += SPANS;
        return true;
    }
    if (!fill_ids(p, end, ids, r->ids.width))
        return false;
    r->n_tokens += ids->n;
    if (side_of[g->side].spans_at && !spans_of(r, g->side)->given)
        *trained += ids->n;
    return true;
}

/* The gaps that few records have. */
static bool fill_other(const struct gap *g, struct rec *r, const uint8_t **p)
{
    struct ref_sum *sum = g->side == 0 ? &r->ref.chosen : &r->ref.rejected;
    switch (g->kind) {
    case GAP_WEIGHT:
        r->w = real(*p);
        *p += 8;
        return r->w >= 0 && r->w < INFINITY;
    case GAP_GOOD:
        r->good = **p & 1;
        return (*(*p)++ & 0xfe) == 0xc2;
    case GAP_KEY:
        memcpy(r->ref.key, *p, 8);
        *p += 8;
        return true;
    case GAP_SUM:
        sum->sum = real(*p);
        *p += 8;
        return isfinite(sum->sum);
    default:
        return small(p, &sum->n);
    }
}

static bool fill(struct shapes *all, const struct shape *s, struct rec *r, const uint8_t *p,
                 const uint8_t *end)
{
    struct span *spans = all->spans;
    memcpy(r, &s->model, sizeof *r);
    r->raw = p;
    r->t.p = (const char *)p + s->t_at;
    r->src.p = (const char *)p + s->src_at;
    for (const struct gap *g = s->gap; end - p >= LOOK; g++) {
        uint64_t off = 0;
        for (int i = 0; i < g->n_words; i++)
            off |= (load(p + 8 * i) ^ g->word[i]) & g->mask[i];
        if (off)
            return false;
        p += g->n_bytes;
        if (g->kind == GAP_ID) {
            r->id = big(p);
            p += 8;
        } else if (g->kind <= GAP_SPANS) {
            if (!fill_side(g, r, &p, end, &spans))
                return false;
        } else if (g->kind == GAP_END) {
            r->raw_bytes = (size_t)(p - r->raw);
            return true;
        } else if (!fill_other(g, r, &p)) {
            return false;
        }
    }
    return false;
}

enum st shape_take(struct shapes *all, struct rec *r, const void *p, size_t n_bytes, int width,
                   struct arena *a, char why[REC_WHY])
{
    struct shape *s = all->shape;
    if (n_bytes >= LOOK) {
        uint64_t h = (load(p) ^ load((const uint8_t *)p + 8) * 3) * 0x9e3779b97f4a7c15u;
        s += h >> 61;
        if (s->known && s->width == width && fill(all, s, r, p, (const uint8_t *)p + n_bytes))
            return ST_OK;
    }
    enum st st = rec_take(r, p, n_bytes, width, a, why);
    if (st == ST_OK && n_bytes >= LOOK && r->kind >= REC_TEXT && r->kind <= REC_LABEL)
        learn(s, r);
    return st;
}
