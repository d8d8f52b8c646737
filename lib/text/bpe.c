/* bpe.c - vocabulary and merges: building them, and finding a token.
 *
 * All lookups are open addressing in tables at most three quarters full. */
#include "base/hash.h"
#include "text/pairs.h"
#include "text/symbols.h"

/* ---- building ---- */

static uint64_t table_size(int64_t n)
{
    uint64_t size = 1024;

    while (size < (uint64_t)n * 2)
        size *= 2;
    return size;
}

struct bpe *bpe_new(int64_t n_tokens, int64_t n_merges, struct arena *a)
{
    struct bpe *b = ARENA_NEW(a, struct bpe, 1);
    uint64_t finds = table_size(n_tokens), pairs = table_size(n_merges) / 8;
    size_t rules = ((size_t)n_merges + 1) * sizeof *b->rule;

    if (!b || !(b->find = ARENA_NEW(a, struct find_slot, finds)) ||
        !(b->pair = arena_get(a, (pairs + 1) * sizeof *b->pair + pairs / 2 * sizeof *b->maybe +
                                 rules)) ||
        !(b->bytes = ARENA_NEW(a, uint32_t, 256 * 256)) ||
        !(b->token = ARENA_NEW(a, struct view, n_tokens + 1)))
        return NULL;
    b->maybe = (uint64_t *)(b->pair + pairs + 1);
    b->rule = (struct rule *)(b->maybe + pairs / 2);
    b->arena = a;
    b->n_cap = n_tokens + 1;
    b->find_mask = finds - 1;
    b->pair_mask = pairs - 1;
    memset(b->find, 0xff, finds * sizeof *b->find);
    b->maybe_shift = 64 - 5 - __builtin_ctzll(pairs);          /* 32 bits for 8 pairs */
    for (uint64_t i = 0; i <= pairs; i++)
        memset(b->pair[i].rank, 0xff, sizeof b->pair[i].rank);
    memset(b->byte, 0xff, sizeof b->byte);
    memset(b->bytes, 0xff, 256 * 256 * sizeof *b->bytes);
    return b;
}

/* The slot of a token, or the empty one where it would go, with the check of the bytes. */
static struct find_slot *find_slot(const struct bpe *b, struct view bytes, uint32_t *check)
{
    uint64_t h = hash_of(bytes), i = h >> 20 & b->find_mask;

    for (*check = (uint32_t)h;; i = (i + 1) & b->find_mask) {
        struct find_slot *v = &b->find[i];
        if (v->id == BPE_NONE || (v->check == *check && view_eq(b->token[v->id], bytes)))
            return v;
    }
}

static enum st grow_ids(struct bpe *b, uint32_t id)
{
    int64_t cap = b->n_cap;

    while (cap <= id)
        cap *= 2;
    struct view *v = ARENA_NEW(b->arena, struct view, cap);
    if (!v)
        return ST_SYS;
    if (b->n_ids)
        memcpy(v, b->token, (size_t)b->n_ids * sizeof *v);
    b->token = v;
    b->n_cap = cap;
    return ST_OK;
}

enum st bpe_token_apart(struct bpe *b, struct view bytes, uint32_t id)
{
    if (id >= BPE_IDS_MAX)
        return fail(ST_DATA, "token id %u, the largest possible is %d", id, BPE_IDS_MAX - 1);
    if (id >= b->n_cap && grow_ids(b, id) != ST_OK)
        return ST_SYS;
    if (b->token[id].p)
        return fail(ST_DATA, "two tokens have the id %u", id);
    b->token[id] = bytes;
    b->n_ids = MAX(b->n_ids, (int64_t)id + 1);
    return ST_OK;
}

enum st bpe_token(struct bpe *b, struct view bytes, uint32_t id)
{
    uint32_t check;
    struct find_slot *slot = find_slot(b, bytes, &check);

    if (slot->id != BPE_NONE)
        return fail(ST_DATA, "the token '%s' is there twice, as %u and %u", shown(bytes), slot->id,
                    id);
    if ((uint64_t)++b->n_tokens * 4 > (b->find_mask + 1) * 3)
        return fail(ST_DATA, "more tokens than were announced");
    enum st st = bpe_token_apart(b, bytes, id);
    if (st != ST_OK)
        return st;
    *slot = (struct find_slot){ check, id };
    if (bytes.n == 1)
        b->byte[(unsigned char)bytes.p[0]] = id;
    return ST_OK;
}

uint32_t *pairs_place(const struct bpe *b, uint32_t left, uint32_t right, uint32_t **check)
{
    uint64_t h = pairs_hash(left, right);

    for (uint64_t i = h >> 40 & b->pair_mask;; i = (i + 1) & b->pair_mask)
        for (int k = 0; k < 8; k++) {
            struct pairs *p = &b->pair[i + 1];
            *check = &p->check[k];
            if (p->rank[k] == NO_RANK)
                return &p->rank[k];
            if (p->check[k] != (uint32_t)(h >> 8))
                continue;
            const struct rule *r = &b->rule[p->rank[k]];
            if (r->left == left && r->right == right)
                return &p->rank[k];
        }
}

void bpe_ask(const struct bpe *b, struct view bytes)
{
    __builtin_prefetch(&b->find[hash_of(bytes) >> 20 & b->find_mask], 1);
}

/* Asks at once for the memory that the tokens of n merges will be found in. */
static void ask(const struct bpe *b, const struct bpe_merge *m, int n)
{
    const struct find_slot *slot[2 * BPE_MERGES_AHEAD];

    for (int i = 0; i < 2 * n; i++) {
        slot[i] = &b->find[hash_of(i % 2 ? m[i / 2].right : m[i / 2].left) >> 20 & b->find_mask];
        __builtin_prefetch(slot[i]);
    }
    for (int i = 0; i < 2 * n; i++)
        if (slot[i]->id != BPE_NONE)
            __builtin_prefetch(&b->token[slot[i]->id]);
    for (int i = 0; i < 2 * n; i++)
        if (slot[i]->id != BPE_NONE)
            __builtin_prefetch(b->token[slot[i]->id].p);
}

/* Whether the token `id` is left and, behind it, right. */
static bool is_both(const struct bpe *b, uint32_t id, struct view left, struct view right)
{
    return id < b->n_ids && b->token[id].p && b->token[id].n == left.n + right.n &&
           memcmp(b->token[id].p, left.p, left.n) == 0 &&
           memcmp(b->token[id].p + left.n, right.p, right.n) == 0;
}

/* What a merge makes: tokens stand in the order of their merges, so mostly the next one, or the
 * last one in another way. */
static enum st find_both(const struct bpe *b, struct view left, struct view right, uint32_t *both)
{
    char text[512], *p = text;
    size_t n = left.n + right.n;

    for (*both = b->next; *both + 1 >= b->next && *both != BPE_NONE; --*both)
        if (is_both(b, *both, left, right))
            return ST_OK;
    if (n > sizeof text && !(p = arena_get(b->arena, n)))
        return ST_SYS;
    memcpy(p, left.p, left.n);
    memcpy(p + left.n, right.p, right.n);
    *both = bpe_find(b, (struct view){ p, n });
    return ST_OK;
}

static enum st merge_rule(struct bpe *b, const struct bpe_merge *m, uint32_t rank, struct rule *to)
{
    size_t skip = symbols_skip(b, m->right);
    struct view rest = { m->right.p + skip, m->right.n - skip };
    uint32_t l = bpe_find(b, m->left), r = bpe_find(b, m->right), both;

    if (find_both(b, m->left, rest, &both) != ST_OK)
        return ST_SYS;
    if (l == BPE_NONE || r == BPE_NONE || both == BPE_NONE)
        return fail(ST_DATA,
                    "merge %u of '%s' and '%s' needs a token that is not in the vocabulary",
                    rank, shown(m->left), shown(m->right));
    if (symbols_alone(b, l) || symbols_alone(b, r))
        return fail(ST_DATA, "merge %u of '%s' and '%s', one of which stands for what has no "
                             "token, is not supported", rank, shown(m->left), shown(m->right));
    if (rank >= BPE_MERGES_MAX)
        return fail(ST_DATA, "more than %d merges", BPE_MERGES_MAX);
    if ((uint64_t)(rank + 1) * 4 > (b->pair_mask + 1) * 8 * 3)
        return fail(ST_DATA, "more merges than were announced");
    if (m->left.n == 1 && m->right.n == 1)
        b->bytes[(unsigned char)m->left.p[0] << 8 | (unsigned char)m->right.p[0]] = rank;
    *to = (struct rule){ l, r, both };
    b->next = both + 1;
    return ST_OK;
}

enum st bpe_merges(struct bpe *b, const struct bpe_merge *m, int n)
{
    struct rule *rule = b->rule + b->n_merges;

    BUG_IF(n > BPE_MERGES_AHEAD);
    ask(b, m, n);
    for (int i = 0; i < n; i++) {
        enum st st = merge_rule(b, &m[i], b->n_merges + (uint32_t)i, &rule[i]);
        if (st != ST_OK)
            return st;
        uint64_t h = pairs_hash(rule[i].left, rule[i].right);
        __builtin_prefetch(&b->pair[(h >> 40 & b->pair_mask) + 1]);
        __builtin_prefetch(&b->maybe[h >> b->maybe_shift >> 6]);
    }
    for (int i = 0; i < n; i++) {
        uint32_t *check, *rank = pairs_place(b, rule[i].left, rule[i].right, &check);
        uint64_t h = pairs_hash(rule[i].left, rule[i].right), bit = h >> b->maybe_shift;
        b->maybe[bit >> 6] |= (uint64_t)1 << (bit & 63);
        *check = (uint32_t)(h >> 8);
        *rank = b->n_merges++;
    }
    return ST_OK;
}

enum st bpe_done(struct bpe *b, bool whole)
{
    for (int c = 0; c < 0xf5 && !b->symbols; c++)
        if (b->byte[c] == BPE_NONE && c != 0xc0 && c != 0xc1)
            return fail(ST_DATA,
                        "the vocabulary has no token for byte 0x%02x; it is not a byte-level one",
                        c);
    b->whole = whole;
    return ST_OK;
}

uint32_t bpe_find(const struct bpe *b, struct view bytes)
{
    uint32_t check;

    return find_slot(b, bytes, &check)->id;
}

struct view bpe_bytes(const struct bpe *b, uint32_t id)
{
    return id < b->n_ids ? b->token[id] : (struct view){ 0 };
}

int64_t bpe_ids(const struct bpe *b)
{
    return b->n_ids;
}

void bpe_places(const struct bpe *b, struct view text, const uint32_t *id, int64_t n, size_t at,
                uint32_t *begin, uint32_t *end)
{
    if (b->symbols) {
        symbols_places(b, text, id, n, at, begin, end);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        begin[i] = (uint32_t)at;
        at += b->token[id[i]].n;
        end[i] = (uint32_t)at;
    }
}
