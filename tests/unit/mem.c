/* mem.c - arenas: zeroed, aligned, limited, taken back; buffers that grow. */
#include "base/mem.h"
#include "tests/check.h"

static bool all(const char *p, size_t n, char c)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != c)
            return false;
    return true;
}

static void zeroed_and_aligned(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    for (int round = 0; round < 3; round++) {
        size_t mark = arena_mark(a);
        for (size_t n = 0; n < 200000; n = n * 3 / 2 + 1) {
            char *p = arena_get(a, n);
            CHECK(p && (uintptr_t)p % 64 == 0 && all(p, n, 0));
            memset(p, 'x', n);                         /* what was used before comes back zeroed */
        }
        arena_back(a, mark);
        CHECK(arena_used(a) == mark);
    }
    arena_free(a);
    arena_free(NULL);
}

static void a_mark_keeps_what_was_before(void **state)
{
    struct arena *a = arena_new(0);
    char *kept[100];
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 100; i++) {
        kept[i] = arena_get(a, 1000);
        memset(kept[i], i, 1000);
        size_t mark = arena_mark(a);
        for (int k = 0; k < 20; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t n = (size_t)(seed >> 44);
            memset(arena_get(a, n), 0xff, n);
        }
        arena_back(a, mark);
    }
    for (int i = 0; i < 100; i++)
        CHECK(all(kept[i], 1000, (char)i));
    arena_free(a);
}

static void limits(void **state)
{
    struct arena *a = arena_new(1000);

    (void)state;
    CHECK(arena_get(a, 600));
    CHECK(!arena_get(a, 600));
    CHECK(strstr(err_text(), "limit"));
    err_clear();
    CHECK(arena_get(a, 100));
    CHECK(!arena_array(a, SIZE_MAX / 2, 8));
    CHECK(strstr(err_text(), "more than memory can hold"));
    err_clear();
    CHECK(!arena_get(a, SIZE_MAX));
    err_clear();
    arena_free(a);
    a = arena_new(0);
    CHECK(!arena_get(a, SIZE_MAX / 2));
    CHECK(*err_text());
    err_clear();
    arena_free(a);
}

/* Large blocks are mapped by themselves; given again they are as zeroed as new. */
static void large_blocks(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    for (int round = 0; round < 3; round++)
        for (size_t n = ((size_t)2 << 20) - 1; n < (size_t)20 << 20; n = n * 2 + 4097) {
            char *p = arena_get(a, n), *q = arena_get(a, 1);
            CHECK(p && q && (uintptr_t)p % 64 == 0 && all(p, n, 0) && !*q);
            memset(p, 'x', n);
            *q = 'y';
            if (round)
                arena_back(a, 0);
        }
    arena_free(a);
}

static void texts(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    CHECK_STR(arena_text(a, VIEW("abc")), "abc");
    CHECK_STR(arena_text(a, (struct view){ NULL, 0 }), "");
    CHECK_STR(arena_printf(a, "%s-%05d", "shard", 42), "shard-00042");
    arena_free(a);
}

static void buffers_grow(void **state)
{
    struct buf b = { 0 };

    (void)state;
    for (int i = 0; i < 10000; i++)
        CHECK_ST(buf_printf(&b, "%d,", i), ST_OK);
    CHECK(b.n == 48890 && (uintptr_t)b.p % 64 == 0 && memcmp(b.p + b.n - 5, "9999,", 5) == 0);
    CHECK_ST(buf_add(&b, NULL, 0), ST_OK);
    size_t n = b.n;
    CHECK_ST(buf_room(&b, SIZE_MAX / 2), ST_SYS);
    CHECK(b.n == n && memcmp(b.p, "0,1,2", 5) == 0);
    err_clear();
    buf_free(&b);
    CHECK(!b.p && b.n == 0 && b.cap == 0);
}

int main(void)
{
    return RUN(TEST(zeroed_and_aligned), TEST(a_mark_keeps_what_was_before), TEST(limits),
               TEST(large_blocks), TEST(texts), TEST(buffers_grow));
}
