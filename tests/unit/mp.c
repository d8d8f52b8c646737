/* mp.c - msgpack by our cursor: every head, every cut, every hostile count; and msgpack-c as the
 * judge. */
#include <msgpack.h>

#include "stream/mp.h"
#include "tests/check.h"

static struct mp_in over(const void *p, size_t n)
{
    return (struct mp_in){ p, (const uint8_t *)p + n, NULL };
}

static void integers(void **state)
{
    static const int64_t edge[] = { 0,         1,      127,    128,           255,
                                    256,       65535,  65536,  4294967295,    4294967296,
                                    INT64_MAX, -1,     -32,    -33,           -128,
                                    -129,      -32768, -32769, -2147483648LL, -2147483649LL,
                                    INT64_MIN };
    (void)state;
    for (int64_t i = 0; i < countof(edge); i++) {
        struct buf b = { 0 };
        CHECK_ST(mp_int(&b, edge[i]), ST_OK);
        for (size_t pad = 0; pad < 64; pad += 63) {    /* near the end of the bytes, and not */
            CHECK_ST(buf_room(&b, pad), ST_OK);
            memset(b.p + b.n, 0xc1, pad);
            struct mp_in c = over(b.p, b.n + pad);
            struct mp v;
            CHECK(mp_next(&c, &v) && v.type == MP_INT && v.i == edge[i]);
            CHECK(c.p == (const uint8_t *)b.p + b.n);
        }
        for (size_t n = 0; n < b.n; n++) {
            struct mp_in c = over(b.p, n);
            struct mp v;
            CHECK(!mp_next(&c, &v) && !c.why);
        }
        buf_free(&b);
    }
    struct mp v;
    double d;
    struct mp_in c = over("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9);
    CHECK(mp_next(&c, &v) && v.type == MP_BIG && v.big == UINT64_MAX && mp_number(&v, &d));
    CHECK_NEAR(d, 18446744073709551615.0, 0);
    c = over("\xca\x3f\x80\x00\x00", 5);
    CHECK(mp_next(&c, &v) && v.type == MP_REAL && v.d == 1);
}

/* A value with every form in it. */
static void sample(struct buf *b)
{
    static char text[70000];
    memset(text, 'x', sizeof text);
    CHECK_ST(mp_map(b, 17), ST_OK);
    for (int i = 0; i < 17; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        CHECK_ST(mp_text(b, view_of(key)), ST_OK);
        switch (i) {
        case 0: CHECK_ST(mp_text(b, (struct view){ text, 31 }), ST_OK); break;
        case 1: CHECK_ST(mp_text(b, (struct view){ text, 32 }), ST_OK); break;
        case 2: CHECK_ST(mp_text(b, (struct view){ text, 256 }), ST_OK); break;
        case 3: CHECK_ST(mp_text(b, (struct view){ text, 65536 }), ST_OK); break;
        case 4: CHECK_ST(mp_bin(b, text, 0), ST_OK); break;
        case 5: CHECK_ST(mp_bin(b, text, 256), ST_OK); break;
        case 6: CHECK_ST(mp_bin(b, text, 65536), ST_OK); break;
        case 7: CHECK_ST(mp_real(b, -0.1), ST_OK); break;
        case 8: CHECK_ST(mp_bool(b, true), ST_OK); break;
        case 9: CHECK_ST(buf_add(b, "\xc0", 1), ST_OK); break;
        case 10:
            CHECK_ST(mp_array(b, 16), ST_OK);
            for (int k = 0; k < 16; k++)
                CHECK_ST(mp_int(b, -40 * k), ST_OK);
            break;
        case 11:
            CHECK_ST(mp_map(b, 1), ST_OK);
            CHECK_ST(mp_text(b, VIEW("in")), ST_OK);
            CHECK_ST(mp_array(b, 0), ST_OK);
            break;
        default: CHECK_ST(mp_int(b, 1000 * i), ST_OK);
        }
    }
}

static void cuts(void **state)
{
    struct buf b = { 0 };
    const char *why;
    (void)state;
    sample(&b);
    struct mp_in c = over(b.p, b.n);
    CHECK(mp_skip(&c, 0) && c.p == c.end);
    msgpack_unpacked u;
    msgpack_unpacked_init(&u);
    size_t at = 0;
    CHECK(msgpack_unpack_next(&u, b.p, b.n, &at) == MSGPACK_UNPACK_SUCCESS && at == b.n);
    msgpack_unpacked_destroy(&u);
    struct mp_walk piece = { 0 };
    for (size_t n = 0; n < b.n; n += n < 600 || n > b.n - 300 ? 1 : 977) {
        c = over(b.p, n);
        CHECK(!mp_skip(&c, 0) && !c.why);
        struct mp_walk w = { 0 };
        CHECK_ST(mp_walk(&w, b.p, n, &why), ST_END);
        CHECK_ST(mp_walk(&piece, b.p, n, &why), ST_END);     /* goes on where it stopped */
    }
    CHECK_ST(mp_walk(&piece, b.p, b.n, &why), ST_OK);
    CHECK(piece.at == b.n);
    buf_free(&b);
}

static void hostile(void **state)
{
    static const struct { const char *p; size_t n; bool broken; } bad[] = {
        { "\xdd\xff\xff\xff\xff\x00", 6, true }, { "\xdf\xff\xff\xff\xff\xa0", 6, true },
        { "\xdb\xff\xff\xff\xff\x00", 6, true }, { "\xc6\xff\xff\xff\xff\x00", 6, true },
        { "\xc1", 1, true },                     { "\xd4\x01\x02", 3, true },
        { "\xc9\x00\x00\x00\x01\x01\x00", 7, true },
        { "\xdd\x00\x00\xff\xff\x00", 6, false },      /* 65,535 items may still come */
        { "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x00", 10, true },
        { "\x81\x01\x02", 3, true },             { "\x82\xa1k\x01\xa1k\x02", 7, true },
        { "\x82\xa1k\x01\xd9\x01k\x02", 8, true },     /* the same key in another form */
        { "\xa2\xc3\x28", 3, true },             { "\xa3\xed\xa0\x80", 4, true },
        { "\xa4\xf4\x90\x80\x80", 5, true },     { "\xa2\xc0\x80", 3, true },
        { "\x81\xa1\xff\x01", 4, true },
    };
    (void)state;
    for (int64_t i = 0; i < countof(bad); i++) {
        struct mp_in c = over(bad[i].p, bad[i].n);
        CHECK(!mp_skip(&c, 0));
        CHECK((c.why != NULL) == bad[i].broken);
    }
    struct mp_in c = over("\x91\x91\x91\x91\x91\x91\x91\x91\x00", 9);
    CHECK(mp_skip(&c, 0));                             /* eight deep is allowed */
    c = over("\xa4\xf4\x8f\xbf\xbf", 5);
    CHECK(mp_skip(&c, 0));
}

/* Maps of n different keys, then with the last the same as one before. */
static void keys(void **state)
{
    static const int sizes[] = { 2, 15, 16, 17, 100, 4096, 4097, 60000 };
    (void)state;
    for (int64_t k = 0; k < countof(sizes); k++)
        for (int twin = 0; twin < 2; twin++) {
            struct buf b = { 0 };
            int n = sizes[k];
            CHECK_ST(mp_map(&b, n), ST_OK);
            for (int i = 0; i < n; i++) {
                char key[16];
                snprintf(key, sizeof key, "%d", twin && i == n - 1 ? n / 2 - 1 : i);
                CHECK_ST(mp_text(&b, view_of(key)), ST_OK);
                CHECK_ST(mp_array(&b, 1), ST_OK);
                CHECK_ST(mp_int(&b, i), ST_OK);
            }
            struct mp_in c = over(b.p, b.n);
            CHECK(mp_skip(&c, 0) == (n <= MP_FIELDS_MAX && !twin));
            buf_free(&b);
        }
}

/* Deep maps of many keys: the check for twins must not be repeated at every level. */
static void nested(void **state)
{
    struct buf b = { 0 };
    (void)state;
    for (int d = 0; d < 7; d++) {
        CHECK_ST(mp_map(&b, 40), ST_OK);
        for (int i = 0; i < 40; i++) {
            char key[16];
            snprintf(key, sizeof key, "%d", i);
            CHECK_ST(mp_text(&b, view_of(key)), ST_OK);
            if (i < 39)
                CHECK_ST(mp_int(&b, i), ST_OK);
        }
    }
    CHECK_ST(mp_int(&b, 0), ST_OK);
    struct mp_in c = over(b.p, b.n);
    CHECK(mp_skip(&c, 0) && c.p == c.end);
    buf_free(&b);
}

static void utf8(void **state)
{
    (void)state;
    CHECK(mp_utf8("", 0) && mp_utf8("abcdefghijklmnop", 16) &&
          mp_utf8("abcdefghijklm\xc3\xa9", 15));
    CHECK(!mp_utf8("abcdefghijklmn\xc3", 15) && !mp_utf8("\x80", 1) && !mp_utf8("12345678\xff", 9));
    CHECK(mp_utf8("\xf0\x9f\x98\x80", 4) && !mp_utf8("\xf0\x9f\x98", 3) &&
          !mp_utf8("\xe0\x80\x80", 3));
}

int main(void)
{
    return RUN(TEST(integers), TEST(cuts), TEST(hostile), TEST(keys), TEST(nested), TEST(utf8));
}
