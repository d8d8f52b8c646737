/* account.c - what tokenize counts by: lengths and their quantiles, texts that stood before, chunks
 * of a file, and prompts as they are compared. */
#include <unistd.h>

#include "base/rng.h"
#include "tests/check.h"
#include "tokenize/account.h"
#include "tokenize/dedup.h"
#include "tokenize/held.h"

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Against sorting. */
static void quantiles(void **state)
{
    static const double q[] = { .001, .25, .5, .9, .99, .999, 1 };
    static struct lengths l;
    static int64_t v[20000];
    int64_t most[] = { 300, 5000, 1 << 24 };

    (void)state;
    for (int k = 0; k < countof(most); k++) {
        memset(&l, 0, sizeof l);
        CHECK(lengths_quantile(&l, .5) == 0);
        for (int64_t i = 0; i < countof(v); i++) {
            v[i] = 1 + (int64_t)(rng(1, RNG_TEST, (uint64_t)i) % (uint64_t)most[k]);
            lengths_add(&l, v[i]);
        }
        qsort(v, (size_t)countof(v), sizeof *v, by_value);
        CHECK(l.min == v[0] && l.max == v[countof(v) - 1] && l.n == countof(v));
        for (int i = 0; i < countof(q); i++) {
            int64_t want = v[(int64_t)ceil(q[i] * (double)countof(v)) - 1];
            int64_t got = lengths_quantile(&l, q[i]);
            if (want < LENGTHS_EXACT)
                CHECK(got == want);
            CHECK(got <= want && (double)(want - got) <= (double)want / (LENGTHS_EXACT / 2));
        }
        CHECK(lengths_between(&l, 0, l.max + 1) == l.n);
    }
    int64_t below = 0;
    for (int64_t i = 0; i < countof(v); i++)
        below += v[i] < 100;
    CHECK(lengths_between(&l, 0, 100) == below);
}

static void what_stood_before(void **state)
{
    enum { N = 200000 };
    struct arena *a = arena_new(0);
    struct dedup *d = dedup_new(a);
    uint64_t zero[2] = { 0, 0 };

    (void)state;
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < N; i++) {
            uint64_t h[2] = { rng(1, RNG_TEST, i), rng(2, RNG_TEST, i) };
            CHECK_ST(dedup_add(d, h), pass ? ST_END : ST_OK);
            h[0] ^= pass ? 1 : 0;              /* one bit is another text */
            if (pass && i % 50 == 0)
                CHECK_ST(dedup_add(d, h), ST_OK);
        }
    CHECK_ST(dedup_add(d, zero), ST_OK);
    CHECK_ST(dedup_add(d, zero), ST_END);
    double each = (double)dedup_bytes(d) / (N + N / 50 + 1);
    CHECK(each > 16 && each < 31);
    dedup_free(d);
    arena_free(a);
}

static void sums(void **state)
{
    static struct account a;
    struct buf b = { 0 };

    (void)state;
    struct tally *one = account_source(&a, "one");
    CHECK(account_source(&a, "two") != one && account_source(&a, "one") == one);
    CHECK(a.n_sources == 2);
    account_record(&a, one, 10, 3);
    account_left_out(&a, CAUSE_JSON, "x:1: first \"bad\"");
    account_left_out(&a, CAUSE_JSON, "x:2: second");
    account_left_out(&a, CAUSE_TWICE, "x:3");
    a.rows = 4;
    a.kept = a.ended = 1;
    CHECK(account_dropped(&a) == 3 && account_faults(&a) == 2);
    CHECK(a.kept + a.cut + account_dropped(&a) == a.rows);
    CHECK_ST(account_json(&b, &a), ST_OK);
    CHECK_ST(buf_add(&b, "", 1), ST_OK);
    CHECK(strstr(b.p, "\"json\": { \"rows\": 2, \"first\": \"x:1: first \\\"bad\\\"\" }"));
    CHECK(strstr(b.p, "\"end_trained\": 1.000000"));
    for (int c = 0; c < CAUSES; c++)
        CHECK(cause_name((enum cause)c) && cause_line((enum cause)c));
    buf_free(&b);
}

/* Every row of a file is in one chunk, once, in order, however it is read; a row is never torn. */
static void chunks(void **state)
{
    char name[] = TEMP("chunk"), line[40000];
    struct arena *a = arena_new(0);
    struct chunk c = { 0 };
    struct chunker *r;
    int64_t n = 0, rows = 0, at = 1;
    int fd = mkstemp(name);

    (void)state;
    for (; n < 9000; n++) {
        int len = snprintf(line, sizeof line, "{\"n\": %lld, \"x\": \"%*d\"}\n%s", (long long)n,
                           (int)(n % 1000 == 9 ? 30000 : n % 90 + 1), 7, n % 5 ? "" : " \r\n\n");
        CHECK(write(fd, line, (size_t)len) == len);
    }
    CHECK_ST(chunk_open(&r, name, a), ST_OK);
    CHECK(chunk_first(r)->n > 0 && chunk_first(r)->form == CHUNK_LINES);
    do {
        chunk_next(r, &c);
        CHECK(c.n <= CHUNK_ROWS && c.data.n < 2 * CHUNK_BYTES);
        for (int64_t i = 0; i < c.n; i++, rows++) {
            const struct raw_row *row = (const struct raw_row *)c.rows.p + i;
            int len = snprintf(line, sizeof line, "{\"n\": %lld,", (long long)rows);
            CHECK(row->n > (size_t)len && memcmp(c.data.p + row->at, line, (size_t)len) == 0);
            CHECK(c.data.p[row->at + row->n - 1] == '}');
            CHECK(row->line == at && row->column == 1);
            at += rows % 5 ? 1 : 3;
        }
    } while (c.then == ST_OK);
    CHECK_ST(c.then, ST_END);
    CHECK(rows == n);
    chunk_free(&c);
    chunk_close(r);
    arena_free(a);
    close(fd);
    unlink(name);
}

static void prompts(void **state)
{
    struct held h = { 0 };
    struct view v;

    (void)state;
    CHECK_ST(held_key(&h, VIEW("  What\n\tis \xe2\x80\x83 e\xcc\x81? "), &v), ST_OK);
    CHECK(view_is(v, "What is \xc3\xa9?"));
    CHECK(held_place(v) >= 0 && held_place(v) < 1);
    CHECK_ST(held_key(&h, VIEW(" \n"), &v), ST_OK);
    CHECK(v.n == 0);
    held_free(&h);
}

int main(void)
{
    return RUN(TEST(quantiles), TEST(what_stood_before), TEST(sums), TEST(chunks), TEST(prompts));
}
