/* bpe.c - merging against the definition, the word cache, faults of a vocabulary. */
#include "base/rng.h"
#include "tests/check.h"
#include "text/bpe.h"

enum { LETTERS = 4, MERGES = 300, LONGEST = 3000 };

static struct arena *a;

/* Merges made by chance over four letters, kept for the definition below. */
static struct made { struct view left, right, both; } made[MERGES];
static int64_t n_made;

static struct bpe *with_bytes(int64_t n_tokens, int64_t n_merges)
{
    struct bpe *b = bpe_new(256 + n_tokens, n_merges, a);
    char *bytes = arena_get(a, 256);

    CHECK(b && bytes);
    for (int c = 0; c < 256; c++) {
        bytes[c] = (char)c;
        CHECK_ST(bpe_token(b, (struct view){ bytes + c, 1 }, (uint32_t)c), ST_OK);
    }
    return b;
}

static struct view joined(struct view l, struct view r)
{
    char *p = arena_get(a, l.n + r.n);

    CHECK(p);
    memcpy(p, l.p, l.n);
    memcpy(p + l.n, r.p, r.n);
    return (struct view){ p, l.n + r.n };
}

static bool is_made(struct view l, struct view r)
{
    for (int64_t i = 0; i < n_made; i++)
        if (view_eq(made[i].left, l) && view_eq(made[i].right, r))
            return true;
    return false;
}

/* again: several merges make one token, some of them from tokens that come later. */
static struct bpe *by_chance(bool whole, bool again, int letters, uint64_t seed)
{
    struct bpe *b = with_bytes(MERGES, MERGES);
    static struct view token[LETTERS + MERGES];
    int64_t n = letters;

    n_made = 0;
    for (int i = 0; i < letters; i++)
        token[i] = (struct view){ &"abcd"[i], 1 };
    for (uint64_t draw = 0; n_made < MERGES; draw++) {
        uint64_t r = rng(seed, RNG_STREAM(RNG_TEST, 1), draw);
        struct view left = token[r % (uint64_t)n], right = token[(r >> 20) % (uint64_t)n],
                    both = joined(left, right);
        bool there = bpe_find(b, both) != BPE_NONE;
        if (both.n > 60 || (there && (!again || is_made(left, right))))
            continue;
        if (!there) {
            CHECK_ST(bpe_token(b, both, 1000 + 7 * (uint32_t)n), ST_OK);
            token[n++] = both;
        }
        CHECK_ST(bpe_merges(b, &(struct bpe_merge){ left, right }, 1), ST_OK);
        made[n_made++] = (struct made){ left, right, both };
    }
    CHECK_ST(bpe_done(b, whole), ST_OK);
    return b;
}

/* The definition: while a merge applies, join the leftmost pair of the first merge in the list. */
static int64_t by_definition(const struct bpe *b, struct view s, uint32_t *id)
{
    static struct view symbol[LONGEST];
    int64_t n = (int64_t)s.n;

    for (int64_t i = 0; i < n; i++)
        symbol[i] = (struct view){ s.p + i, 1 };
    for (int64_t m = 0; m < n_made;) {
        int64_t at = 0;
        while (at + 1 < n &&
               !(view_eq(symbol[at], made[m].left) && view_eq(symbol[at + 1], made[m].right)))
            at++;
        if (at + 1 >= n) {
            m++;
            continue;
        }
        symbol[at].n += symbol[at + 1].n;
        memmove(symbol + at + 1, symbol + at + 2, (size_t)(n - at - 2) * sizeof *symbol);
        n--;
        m = 0;
    }
    for (int64_t i = 0; i < n; i++)
        id[i] = bpe_find(b, symbol[i]);
    return n;
}

/* The ids of one piece. */
static enum st word(struct words *w, struct view s, struct buf *ids)
{
    uint32_t bound[2] = { 0, (uint32_t)s.n };
    struct buf store[3] = { *ids };
    enum st st = bpe_pieces(w, s, bound, 1, 0, store, false);

    *ids = store[0];
    return st;
}

/* With places, and twice: the second time a short one is remembered. */
static void check_word(struct words *w, const struct bpe *b, struct view s)
{
    static uint32_t want[LONGEST];
    uint32_t bound[2] = { 0, (uint32_t)s.n };
    int64_t n = by_definition(b, s, want);

    for (int turn = 0; turn < 2; turn++) {
        struct buf got[3] = { { 0 } };
        CHECK_ST(bpe_pieces(w, s, bound, 1, 7, got, true), ST_OK);
        CHECK(got[0].n == (size_t)n * sizeof *want && memcmp(got[0].p, want, got[0].n) == 0);
        CHECK(got[1].n == got[0].n && got[2].n == got[0].n);
        const uint32_t *begin = (uint32_t *)got[1].p, *end = (uint32_t *)got[2].p;
        for (int64_t i = 0; i < n; i++) {
            CHECK(begin[i] == (i ? end[i - 1] : 7));
            CHECK(end[i] - begin[i] == bpe_bytes(b, want[i]).n);
        }
        for (int i = 0; i < 3; i++)
            buf_free(&got[i]);
    }
}

static void equals_the_definition(void **state)
{
    struct bpe *b = by_chance(false, false, LETTERS, 4);
    struct words *w = words_new(b, a);
    static char text[LONGEST];
    uint64_t draw = 0;

    (void)state;
    CHECK(w);
    for (int i = 0; i < 3000; i++) {
        size_t n =
            1 + rng(5, RNG_STREAM(RNG_TEST, 2), (uint64_t)i) % (i % 100 == 0 ? LONGEST / 4 : 60);
        for (size_t k = 0; k < n; k++)
            text[k] = "abcd"[rng(6, RNG_STREAM(RNG_TEST, 3), draw++) % LETTERS];
        check_word(w, b, (struct view){ text, n });
        check_word(w, b,
                   (struct view){ text, MIN(n, 6) }); /* short ones come back from the cache */
    }
    memset(text, 'a', sizeof text);
    check_word(w, b, (struct view){ text, sizeof text });
    words_free(w);
}

/* Long pieces, whose windows must agree, by merges of every kind: of two letters, which repeat and
 * shift; several that make one token; such that come before those they need. */
static void windows_equal_the_definition(void **state)
{
    static char text[LONGEST];
    uint64_t draw = 0;

    (void)state;
    for (uint64_t seed = 10; seed < 40; seed++) {
        int letters = 1 + (int)seed % LETTERS;
        if (letters == 1)
            letters = 2;
        struct bpe *b = by_chance(false, seed % 2, letters, seed);
        struct words *w = words_new(b, a);
        CHECK(w);
        for (int i = 0; i < 40; i++) {
            size_t n = 33 + rng(5, RNG_STREAM(RNG_TEST, 5), draw++) % 500, period = 1 + draw % 7;
            for (size_t k = 0; k < n; k++)
                text[k] = i % 2 && k >= period
                        ? text[k - period]
                        : "abcd"[rng(6, RNG_STREAM(RNG_TEST, 6), draw++) % (uint64_t)letters];
            check_word(w, b, (struct view){ text, n });
        }
        words_free(w);
    }
}

/* A few runs of equal letters, with tokens nearly as long as the piece. */
static void runs_equal_the_definition(void **state)
{
    static char text[LONGEST];
    uint64_t draw = 0;

    (void)state;
    for (uint64_t seed = 50; seed < 110; seed++) {
        bool again = seed % 4 != 0;
        struct bpe *b = by_chance(false, again, again ? 1 + (int)seed / 4 % 3 : 3, seed);
        struct words *w = words_new(b, a);
        CHECK(w);
        for (int i = 0; i < 30; i++) {
            uint64_t runs = 1 + rng(5, RNG_STREAM(RNG_TEST, 7), draw++) % (i % 2 ? 1 : 8);
            size_t n = 0;
            for (uint64_t r = 0; r < runs; r++) {
                size_t of = 1 + rng(5, RNG_STREAM(RNG_TEST, 8), draw++) % (r % 2 ? 5 : 400);
                memset(text + n, "abcd"[rng(6, RNG_STREAM(RNG_TEST, 9), draw++) % 4], of);
                n += of;
            }
            check_word(w, b, (struct view){ text, n });
        }
        words_free(w);
    }
}

/* Merges in which what two tokens of a run give goes on before the next two are joined: with the
 * run's rest, with its like, with what stands before it. */
static void runs_that_go_on(void **state)
{
    static const char *const list[][6][2] = {
        { { "aa", "a" }, { "a", "a" } },
        { { "aaaa", "a" }, { "aa", "aa" }, { "a", "a" } },
        { { "b", "aa" }, { "baa", "a" }, { "a", "a" } },
    };
    char text[100];

    (void)state;
    for (int i = 0; i < countof(list); i++) {
        struct bpe *b = with_bytes(10, 10);
        struct words *w = words_new(b, a);
        CHECK(w);
        for (n_made = 0; list[i][n_made][0]; n_made++) {
            struct view l = view_of(list[i][n_made][0]), r = view_of(list[i][n_made][1]);
            made[n_made] = (struct made){ l, r, joined(l, r) };
            CHECK_ST(bpe_token(b, made[n_made].both, 1000 + (uint32_t)n_made), ST_OK);
        }
        for (int64_t k = 0; k < n_made; k++)
            CHECK_ST(bpe_merges(b, &(struct bpe_merge){ made[k].left, made[k].right }, 1), ST_OK);
        CHECK_ST(bpe_done(b, false), ST_OK);
        for (size_t n = 33; n <= sizeof text; n++) {
            memset(text, 'a', n);
            check_word(w, b, (struct view){ text, n });
            text[0] = 'b';
            check_word(w, b, (struct view){ text, n });
        }
        words_free(w);
    }
}

static void the_whole_piece_wins(void **state)
{
    struct bpe *plain = by_chance(false, false, LETTERS, 4),
               *whole = by_chance(true, false, LETTERS, 4);
    struct words *w[2] = { words_new(plain, a), words_new(whole, a) };
    int64_t differ = 0;

    (void)state;
    for (int64_t m = 0; m < n_made; m++) {
        struct buf got[2] = { { 0 }, { 0 } };
        for (int i = 0; i < 2; i++)
            CHECK_ST(word(w[i], made[m].both, &got[i]), ST_OK);
        CHECK(got[1].n == sizeof(uint32_t) &&
              *(uint32_t *)got[1].p == bpe_find(whole, made[m].both));
        differ += got[0].n != got[1].n;
        buf_free(&got[0]);
        buf_free(&got[1]);
    }
    CHECK(differ > 0);
    words_free(w[0]);
    words_free(w[1]);
}

/* Many more words than the cache has slots. */
static void a_full_cache(void **state)
{
    struct bpe *b = with_bytes(0, 0);
    char text[9];

    (void)state;
    CHECK_ST(bpe_done(b, false), ST_OK);
    struct words *w = words_new(b, a);
    CHECK(w);
    for (int i = 0; i < 400000; i++) {
        struct buf got = { 0 };
        int n = snprintf(text, sizeof text, "%x", i % 300000);
        CHECK_ST(word(w, (struct view){ text, (size_t)n }, &got), ST_OK);
        CHECK(got.n == (size_t)n * 4);
        for (int k = 0; k < n; k++)
            CHECK(((uint32_t *)got.p)[k] == (uint32_t)text[k]);
        buf_free(&got);
    }
    words_free(w);
}

static void a_long_piece_is_quick(void **state)
{
    struct bpe *b = by_chance(false, false, LETTERS, 4);
    struct words *w = words_new(b, a);
    struct buf text = { 0 }, got = { 0 };
    size_t n = 1 << 20, back = 0;

    (void)state;
    CHECK_ST(buf_room(&text, n), ST_OK);
    for (size_t i = 0; i < n; i++)
        text.p[i] = "abcd"[rng(8, RNG_STREAM(RNG_TEST, 4), i) % LETTERS];
    CHECK_ST(word(w, (struct view){ text.p, n }, &got), ST_OK);
    for (size_t i = 0; i < got.n / 4; i++) {
        struct view v = bpe_bytes(b, ((uint32_t *)got.p)[i]);
        CHECK(memcmp(text.p + back, v.p, v.n) == 0);
        back += v.n;
    }
    CHECK(back == n);
    words_free(w);
    buf_free(&text);
    buf_free(&got);
}

static void faults(void **state)
{
    struct bpe *b = bpe_new(8, 2, a);

    (void)state;
    CHECK_ST(bpe_token(b, VIEW("ab"), 3), ST_OK);
    CHECK_ST(bpe_token(b, VIEW("ab"), 4), ST_DATA);
    CHECK(strstr(err_text(), "twice"));
    err_clear();
    CHECK_ST(bpe_token(b, VIEW("cd"), 3), ST_DATA);
    err_clear();
    CHECK_ST(bpe_token(b, VIEW("cd"), BPE_IDS_MAX), ST_DATA);
    err_clear();
    CHECK_ST(bpe_merges(b, &(struct bpe_merge){ VIEW("a"), VIEW("b") }, 1), ST_DATA);
    CHECK(strstr(err_text(), "not in the vocabulary"));
    err_clear();
    CHECK_ST(bpe_done(b, false), ST_DATA);
    CHECK(strstr(err_text(), "byte 0x00"));
    err_clear();
    CHECK(bpe_bytes(b, 99).p == NULL && bpe_find(b, VIEW("zz")) == BPE_NONE && bpe_ids(b) == 4);
}

int main(void)
{
    a = arena_new(0);
    int bad = RUN(TEST(equals_the_definition), TEST(windows_equal_the_definition),
                  TEST(runs_equal_the_definition), TEST(runs_that_go_on),
                  TEST(the_whole_piece_wins), TEST(a_full_cache),
                  TEST(a_long_piece_is_quick), TEST(faults));
    arena_free(a);
    return bad;
}
