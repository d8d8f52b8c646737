/* batch.c - records become trees of token ids with the places that are trained.
 *
 * A row is checked wholly before anything of it is kept, so a refused row leaves no trace. */
#define XXH_STATIC_LINKING_ONLY                /* the state on our stack */
#include <xxhash.h>

#include "batch/own.h"

enum st batch_new(struct batch **out, const struct config *c, struct arena *a)
{
    struct batch *b = ARENA_NEW(a, struct batch, 1);

    if (!b || !(b->own = ARENA_NEW(a, struct batch_own, 1)))
        return ST_SYS;
    b->own->c = c;
    b->own->a = a;
    *out = b;
    return ST_OK;
}

/* Room for `more` behind the n that are there; what was outgrown stays in the arena until it is
 * taken back. */
static void *grown(void *p, int64_t *cap, int64_t n, int64_t more, size_t size, struct arena *a)
{
    if (n + more <= *cap)
        return p;
    int64_t room = MAX(64, MAX(2 * *cap, n + more));
    void *to = arena_array(a, (size_t)room, size);
    if (!to)
        return NULL;
    if (n)
        memcpy(to, p, (size_t)n * size);
    *cap = room;
    return to;
}

/* ---- a record's sides ---- */

struct part { struct ids ids; struct spans span; };

static enum st check_kind(const struct rec *r)
{
    if (r->kind >= REC_TEXT && r->kind <= REC_GEN && r->kind != REC_PROMPT)
        return ST_OK;
    return fail(ST_DATA, "a row of kind '%s' has no log-probability to train or score; text, "
                "sft, pref, label, choice and gen have", shown(r->t));
}

static int64_t n_sides(const struct rec *r)
{
    return r->kind == REC_CHOICE ? r->n_choices : r->kind == REC_PREF ? 2 : 1;
}

static struct part side_of(const struct rec *r, int64_t i)
{
    switch (r->kind) {
    case REC_SFT:    return (struct part){ r->ids, r->span };
    case REC_LABEL:  return (struct part){ r->completion, r->completion_span };
    case REC_CHOICE: return (struct part){ r->choices[i].ids, { 0 } };
    case REC_PREF:   return i == 0 ? (struct part){ r->chosen, r->chosen_span }
                                   : (struct part){ r->rejected, r->rejected_span };
    default:         return (struct part){ r->ids, { 0 } };
    }
}

static int64_t n_spans(const struct part *p)
{
    return p->span.given ? p->span.n : 1;
}

static struct span span_at(const struct part *p, int64_t i)
{
    return p->span.given ? p->span.v[i] : (struct span){ 0, p->ids.n };
}

/* Trained tokens with a predecessor. */
static int64_t n_wanted(const struct rec *r, const struct part *s)
{
    int64_t n = 0;

    for (int64_t i = 0; i < n_spans(s); i++) {
        struct span v = span_at(s, i);
        n += MAX(0, v.end - MAX(v.begin, r->prompt.n == 0));
    }
    return n;
}

static enum st check_ids(struct ids ids, int64_t V)
{
    for (int64_t i = 0; i < ids.n; i++)
        if (ids_at(ids, i) >= (uint64_t)V)
            return fail(ST_DATA, "token id %lu, but the model's vocabulary has %lld; tokenize with "
                        "the model's own tokenizer", (unsigned long)ids_at(ids, i), (long long)V);
    return ST_OK;
}

static enum st check_row(const struct rec *r, const struct config *c)
{
    enum st st = check_kind(r);

    if (st == ST_OK)
        st = check_ids(r->prompt, c->V);
    for (int64_t i = 0; st == ST_OK && i < n_sides(r); i++) {
        const struct part s = side_of(r, i);
        if (r->prompt.n + s.ids.n > c->positions)
            return fail(ST_DATA, "%lld tokens, but the model has %lld positions; tokenize with "
                        "--max-tokens %lld", (long long)(r->prompt.n + s.ids.n),
                        (long long)c->positions, (long long)c->positions);
        for (int64_t j = 0; s.span.given && j < s.span.n; j++)
            BUG_IF(s.span.v[j].begin < 0 || s.span.v[j].end > s.ids.n);
        if (n_wanted(r, &s) == 0)
            return fail(ST_DATA, "no trained token with another before it");
        st = check_ids(s.ids, c->V);
    }
    return st;
}

/* ---- keeping it ---- */

static enum st make_room(struct batch *b, const struct rec *r)
{
    struct batch_own *o = b->own;
    int64_t ids = r->prompt.n, sides = n_sides(r);
    void *q;

    for (int64_t i = 0; i < sides; i++)
        ids += side_of(r, i).ids.n;
    if (!(q = grown(o->ids, &o->cap_ids, o->n_ids, ids, sizeof *o->ids, o->a)))
        return ST_SYS;
    o->ids = q;
    if (!(q = grown(o->target, &o->cap_target, o->n_target, ids, sizeof *o->target, o->a)))
        return ST_SYS;
    o->target = q;
    if (!(q = grown(o->tree, &o->cap_trees, b->n_rows, 1, sizeof *o->tree, o->a)))
        return ST_SYS;
    o->tree = q;
    if (!(q = grown(o->side, &o->cap_sides, b->n_seqs, sides, sizeof *o->side, o->a)))
        return ST_SYS;
    o->side = q;
    if (!(q = grown(b->row, &o->cap_rows, b->n_rows, 1, sizeof *b->row, o->a)))
        return ST_SYS;
    b->row = q;
    return ST_OK;
}

static enum st source_of(struct batch *b, struct view name, int64_t *at)
{
    for (*at = 0; *at < b->n_sources; ++*at)
        if (view_eq(b->source[*at], name))
            return ST_OK;
    if (b->n_sources == BATCH_SOURCES_MAX)
        return fail(ST_DATA, "more than %d sources in one batch", BATCH_SOURCES_MAX);
    char *copy = arena_text(b->own->a, name);
    if (!copy)
        return ST_SYS;
    b->source[b->n_sources++] = (struct view){ copy, name.n };
    return ST_OK;
}

static struct side keep_ids(struct batch_own *o, struct ids ids)
{
    struct side s = { o->n_ids, ids.n, o->n_target, 0 };
    for (int64_t i = 0; i < ids.n; i++)
        o->ids[o->n_ids++] = (int32_t)ids_at(ids, i);
    return s;
}

static struct side keep_side(struct batch_own *o, const struct rec *r, int64_t side)
{
    const struct part from = side_of(r, side);
    struct side s = keep_ids(o, from.ids);

    for (int64_t i = 0; i < n_spans(&from); i++) {
        struct span v = span_at(&from, i);
        for (int64_t j = MAX(v.begin, r->prompt.n == 0); j < v.end; j++)
            o->target[o->n_target++] = (int32_t)j;
    }
    s.n_want = o->n_target - s.want;
    if (r->kind == REC_CHOICE)                 /* a letter behind its question costs nothing */
        s.n--;
    return s;
}

enum st batch_add(struct batch *b, const struct rec *r)
{
    struct batch_own *o = b->own;
    int64_t source;
    enum st st;

    if ((st = check_row(r, o->c)) != ST_OK || (st = make_room(b, r)) != ST_OK ||
        (st = source_of(b, r->src, &source)) != ST_OK)
        return st;
    struct tree *t = &o->tree[b->n_rows];
    struct row *row = &b->row[b->n_rows++];
    *row = (struct row){ .kind = r->kind, .id = r->id, .w = r->w, .ref = r->ref, .good = r->good,
                         .seq = b->n_seqs, .n_seqs = n_sides(r), .source = source };
    batch_row_key(row->key, r);
    *t = (struct tree){ .prompt = keep_ids(o, r->prompt), .side = b->n_seqs,
                        .n_sides = n_sides(r) };
    for (int64_t i = 0; i < t->n_sides; i++) {
        struct side *side = &o->side[t->side + i];
        *side = keep_side(o, r, i);
        b->n_trained += side->n_want;
        if (r->kind != REC_PREF)
            b->norm_tokens += r->w * (double)side->n_want;
    }
    b->n_seqs += t->n_sides;
    b->n_pairs += r->kind == REC_PREF;
    b->norm_pairs += r->kind == REC_PREF ? r->w : 0;
    b->norm_labels += r->kind == REC_LABEL ? r->w : 0;
    return ST_OK;
}

/* ---- keys ---- */

static void add_number(XXH3_state_t *h, int64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)v >> 8 * i);
    XXH3_64bits_update(h, b, sizeof b);
}

static void add_ids(XXH3_state_t *h, struct ids ids)
{
    uint8_t block[1024];
    size_t n = 0;

    add_number(h, ids.n);
    for (int64_t i = 0; i < ids.n; i++) {
        uint32_t v = ids_at(ids, i);
        for (int j = 0; j < 4; j++)
            block[n++] = (uint8_t)(v >> 8 * j);
        if (n == sizeof block || i == ids.n - 1) {
            XXH3_64bits_update(h, block, n);
            n = 0;
        }
    }
}

static void add_part(XXH3_state_t *h, const struct part *p)
{
    add_ids(h, p->ids);
    add_number(h, n_spans(p));
    for (int64_t j = 0; j < n_spans(p); j++) {
        struct span v = span_at(p, j);
        add_number(h, v.begin);
        add_number(h, v.end);
    }
}

static void put_key(uint8_t key[8], const XXH3_state_t *h)
{
    uint64_t v = XXH3_64bits_digest(h);
    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(v >> (56 - 8 * i));
}

void batch_row_key(uint8_t key[8], const struct rec *r)
{
    XXH3_state_t h;

    BUG_IF(r->kind < REC_TEXT || r->kind > REC_GEN || r->kind == REC_PROMPT);
    XXH3_INITSTATE(&h);
    XXH3_64bits_reset(&h);
    add_ids(&h, r->prompt);
    for (int64_t i = 0; i < n_sides(r); i++) {
        const struct part side = side_of(r, i);
        add_part(&h, &side);
    }
    if (r->other.n)
        add_part(&h, &(struct part){ r->other, r->other_span });
    put_key(key, &h);
}

void batch_ref_key_of(uint8_t key[8], const uint8_t weights[32], const uint8_t row_key[8])
{
    XXH3_state_t h;

    XXH3_INITSTATE(&h);
    XXH3_64bits_reset(&h);
    XXH3_64bits_update(&h, weights, 32);
    XXH3_64bits_update(&h, row_key, 8);
    put_key(key, &h);
}

void batch_ref_key(uint8_t key[8], const uint8_t weights[32], const struct rec *r)
{
    uint8_t row[8];

    batch_row_key(row, r);
    batch_ref_key_of(key, weights, row);
}
