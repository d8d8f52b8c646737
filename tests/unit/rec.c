/* rec.c - records: every kind there and back, every rule broken once, fields, JSON. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "stream/shape.h"
#include "tests/unit/rows.h"

static struct arena *arena;

static void round_trips(void **state)
{
    struct buf a = { 0 }, b = { 0 };
    struct rec r, copy;
    (void)state;
    for (int64_t i = 0; i < 210; i++) {
        a.n = b.n = 0;
        int64_t tokens = rows_make(&a, i);
        CHECK_ST(rec_read(&r, a.p, a.n, 2, arena), ST_OK);
        CHECK(r.n_tokens == tokens && r.raw_bytes == a.n && view_is(r.src, "a"));
        CHECK_ST(rec_write(&b, &r, 2), ST_OK);
        CHECK(a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
        CHECK_ST(rec_copy(&copy, &r, arena), ST_OK);
        memset(a.p, 0xc1, a.n);
        b.n = 0;
        CHECK_ST(rec_write(&b, &copy, 2), ST_OK);
        CHECK(b.n == copy.raw_bytes && memcmp(copy.raw, b.p, b.n) == 0);
    }
    buf_free(&a);
    buf_free(&b);
}

static void fields_of_kinds(void **state)
{
    struct buf b = { 0 };
    struct rec r;
    (void)state;
    rows_make(&b, 3);                                  /* a pair with spans and reference */
    CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_OK);
    CHECK(r.kind == REC_PREF && r.chosen.n == 7 && r.rejected.n == 5 && r.w == 1);
    CHECK(r.chosen_span.given && r.chosen_span.n == 2 && r.chosen_span.v[1].end == 5);
    CHECK(!r.rejected_span.given && r.n_trained == 1 + 2 + 5);
    CHECK(r.ref.given && r.ref.key[7] == 8 && r.ref.chosen.sum == -12.5 && r.ref.rejected.n == 5);
    CHECK(r.id == rng(7, RNG_TEST, 3));
    b.n = 0;
    rows_make(&b, 5);
    CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_OK);
    CHECK(r.kind == REC_CHOICE && r.n_choices == 3 && r.answer == 2 && r.choices[2].chars == 6);
    CHECK(view_is(r.group, "grüppe") && r.choices[2].ids.n == 4 && r.n_trained == 0);
    uint32_t v[3] = { 1, 65535, 70000 };
    uint8_t to[12];
    ids_put(to, v, 3, 4);
    CHECK(ids_at((struct ids){ to, 3, 4 }, 2) == 70000);
    ids_put(to, v, 2, 2);
    CHECK(ids_at((struct ids){ to, 2, 2 }, 1) == 65535);
    buf_free(&b);
}

static void steps(void **state)
{
    struct buf b = { 0 }, map = { 0 };
    struct rec r, in = { .kind = REC_STEP };
    (void)state;
    CHECK_ST(mp_st(mp_map(&map, 2) || mp_text(&map, VIEW("mix/gap_sft")) || mp_real(&map, 0.25) ||
                   mp_text(&map, VIEW("rows")) || mp_int(&map, 7)), ST_OK);
    in.step = (struct step_rec){
        .i = 41, .obj = OBJ_BOTH, .weight_sft = 0.75, .weight_pref = 0.25, .train = true,
        .why = WHY_EVAL, .phase = VIEW("pref"), .state = VIEW("\0\1state"), .n = 32,
        .mix = { map.p, map.n },
    };
    CHECK_ST(rec_write(&b, &in, 2), ST_OK);
    CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_OK);
    CHECK(r.kind == REC_STEP && r.step.i == 41 && r.step.obj == OBJ_BOTH && r.step.n == 32);
    CHECK(r.step.weight_sft == 0.75 && r.step.weight_pref == 0.25 && r.step.why == WHY_EVAL);
    CHECK(view_is(r.step.phase, "pref") && r.step.state.n == 7 && r.step.train && !r.step.use);
    CHECK(view_eq(r.step.mix, (struct view){ map.p, map.n }));
    size_t at = 0;
    struct view name;
    double v;
    CHECK(rec_each(r.step.mix, &at, &name, &v) && view_is(name, "mix/gap_sft") && v == 0.25);
    CHECK(rec_each(r.step.mix, &at, &name, &v) && view_is(name, "rows") && v == 7);
    CHECK(!rec_each(r.step.mix, &at, &name, &v));
    in.step.use = true;
    b.n = 0;
    CHECK_ST(rec_write(&b, &in, 2), ST_OK);
    CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_DATA);      /* use, and rows */
    err_clear();
    buf_free(&b);
    buf_free(&map);
}

/* A hand-made record: text by a small notation, one byte per pair of hex digits or a quoted string.
 */
static enum st read_as(const char *note, int width)
{
    struct buf b = { 0 };
    struct rec r;
    for (const char *p = note; *p;) {
        if (*p == ' ') {
            p++;
        } else if (*p == '\'') {
            const char *q = strchr(p + 1, '\'');
            char head = (char)(0xa0 | (q - p - 1));
            CHECK_ST(mp_st(buf_add(&b, &head, 1) || buf_add(&b, p + 1, (size_t)(q - p - 1))),
                     ST_OK);
            p = q + 1;
        } else {
            char hex[3] = { p[0], p[1], 0 }, byte = (char)strtol(hex, NULL, 16);
            CHECK_ST(buf_add(&b, &byte, 1), ST_OK);
            p += 2;
        }
    }
    enum st st = rec_read(&r, b.p, b.n, width, arena);
    buf_free(&b);
    return st;
}

#define ID "'id' c40800000000000000ff "
#define ROW "'src' 'a' " ID

static void rules(void **state)
{
    static const struct { const char *note, *message;
    } bad[] = {
        { "93 01 02 03", "not a map" },
        { "81 'src' 'a'", "no field 't'" },
        { "82 't' 01 'src' 'a'", "no field 't'" },
        { "83 't' 'text' " ID "'ids' c402 0100", "no field 'src'" },
        { "84 't' 'text' 'src' 01 " ID "'ids' c402 0100", "'src' is not text" },
        { "83 't' 'text' 'src' 'a' 'ids' c402 0100", "'id' is not bin" },
        { "84 't' 'text' 'src' 'a' 'id' c40101 'ids' c402 0100", "'id' is not bin" },
        { "83 't' 'text' " ROW, "no field 'ids'" },
        { "84 't' 'text' " ROW "'ids' c403 010002", "no multiple of the id width" },
        { "84 't' 'text' " ROW "'ids' 9101", "'ids' is not bin" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'span' 91920100", "spans ascend" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'span' 91920000", "spans ascend" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'span' 91920002", "spans ascend" },
        { "85 't' 'sft' " ROW "'ids' c404 01000200 'span' 92920002920102", "spans ascend" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'span' 9192ff01", "spans ascend" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'span' 919100", "list of [begin, end)" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'span' 80", "list of spans" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'w' ff", "'w' is not a weight" },
        { "85 't' 'sft' " ROW "'ids' c402 0100 'w' cb7ff8000000000000", "'w' is not a weight" },
        { "86 't' 'pref' " ROW "'prompt' c400 'chosen' c400", "reaches past" },
        { "85 't' 'pref' " ROW "'prompt' c400 'chosen' c400", "no field 'rejected'" },
        { "87 't' 'pref' " ROW "'prompt' c400 'chosen' c400 'rejected' c400 'ref' 80", "'ref'" },
        { "85 't' 'label' " ROW "'prompt' c400 'completion' c400", "no field 'good'" },
        { "87 't' 'label' " ROW "'prompt' c400 'completion' c400 'good' c3 'other' 01",
          "'other' is not bin" },
        { "87 't' 'label' " ROW "'prompt' c400 'completion' c400 'good' c3 'other' c400",
          "'other' is empty" },
        { "88 't' 'label' " ROW "'prompt' c400 'completion' c400 'good' c3 'other' c402 0100 "
          "'other_span' 91920002", "'other_span': [0, 2) after 0 of 1 ids" },
        { "87 't' 'label' " ROW "'prompt' c400 'completion' c400 'good' c3 'other_span' 91920001",
          "'other_span' without 'other'" },
        { "87 't' 'choice' " ROW "'prompt' c400 'choices' 91c400 'chars' 9101 'answer' 01",
          "'answer'" },
        { "87 't' 'choice' " ROW "'prompt' c400 'choices' 91c400 'chars' 90 'answer' 00",
          "'chars'" },
        { "85 't' 'prompt' " ROW "'prompt' c400 'answer' 01", "'answer' is not text" },
        { "83 't' 'step' 'i' 00 'n' 00", "no field 'obj'" },
        { "84 't' 'step' 'i' 00 'n' 00 'obj' 'both ends'", "does not know" },
        { "84 't' 'step' 'i' ff 'n' 00 'obj' 'sft'", "'i' is not a count" },
        { "85 't' 'step' 'i' 00 'n' 00 'obj' 'sft' 'w' 01", "'w' is not {sft, pref}" },
        { "83 't' 'other' 'x' 01 'x' 02", "twice" },
        { "84 't' 'text' " ROW "'ids' c402 0100 00", "behind the record" },
        { "82 't' 'other' 'x' 92 01", "reaches past" },
        { "82 't' 'other' 'x' a1ff", "not UTF-8" },
        { "82 't' 'other' 01 02", "not text" },
    };
    (void)state;
    for (int64_t i = 0; i < countof(bad); i++) {
        CHECK_ST(read_as(bad[i].note, 2), ST_DATA);
        if (!strstr(err_text(), bad[i].message))
            CHECK_STR(err_text(), bad[i].message);
        err_clear();
    }
    CHECK_ST(read_as("84 'ids' c402 0100 " ID "'src' 'a' 't' 'text'", 2), ST_OK);
    CHECK_ST(read_as("84 'ids' c402 0100 " ID "'src' 'a' 't' 'text'", 4), ST_DATA);
    err_clear();
    CHECK_ST(read_as("83 't' 'later' 'ids' 01 'span' 'so'", 2), ST_OK);   /* kinds to come */
}

/* Every prefix of a record is cut, never broken. */
static void prefixes(void **state)
{
    struct buf b = { 0 };
    char why[REC_WHY];
    struct rec r;
    (void)state;
    for (int64_t i = 0; i < 14; i++) {
        b.n = 0;
        rows_make(&b, i);
        for (size_t n = 0; n < b.n; n++) {
            char *exact = arena_get(arena, MAX(n, 1));   /* so that a read past it is seen */
            memcpy(exact, b.p, n);
            CHECK_ST(rec_take(&r, exact, n, 2, arena, why), ST_END);
        }
    }
    buf_free(&b);
}

static bool same_spans(const struct spans *a, const struct spans *b)
{
    return a->given == b->given && a->n == b->n &&
           (a->n == 0 || memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v) == 0);
}

static bool same_ids(struct ids a, struct ids b)
{
    return a.p == b.p && a.n == b.n && a.width == b.width;
}

/* Whatever one byte of a row becomes, a shape that was learned says of it what rec_take() says. */
static void shapes(void **state)
{
    struct shapes *all = shape_new(arena);
    struct buf b = { 0 };
    char why[2][REC_WHY];
    struct rec r, s;
    int good = 0, refused = 0;
    (void)state;
    CHECK(all != NULL);
    for (int64_t i = 0; i < 35; i++) {
        b.n = 0;
        rows_make(&b, i);
        size_t n = b.n;
        CHECK_ST(buf_room(&b, 256), ST_OK);
        memset(b.p + n, 0xc1, 256);
        for (size_t k = 0; k < 2 * n; k++) {
            size_t mark = arena_mark(arena);
            CHECK_ST(shape_take(all, &s, b.p, n + 256, 2, arena, why[0]), ST_OK);
            char was = b.p[k / 2];
            b.p[k / 2] ^= (char)(1 + rng(8, RNG_TEST, (uint64_t)i << 32 | k) % 255);
            enum st want = rec_take(&r, b.p, n + 256, 2, arena, why[0]);
            CHECK_ST(shape_take(all, &s, b.p, n + 256, 2, arena, why[1]), want);
            if (want == ST_OK) {
                CHECK(r.raw == s.raw && r.raw_bytes == s.raw_bytes && r.kind == s.kind &&
                      r.id == s.id);
                CHECK(r.n_tokens == s.n_tokens && r.n_trained == s.n_trained && r.w == s.w);
                CHECK(r.t.p == s.t.p && r.src.p == s.src.p && r.src.n == s.src.n &&
                      r.good == s.good);
                CHECK(same_ids(r.ids, s.ids) && same_ids(r.prompt, s.prompt));
                CHECK(same_ids(r.chosen, s.chosen) && same_ids(r.rejected, s.rejected));
                CHECK(same_ids(r.completion, s.completion) && same_spans(&r.span, &s.span));
                CHECK(same_spans(&r.chosen_span, &s.chosen_span));
                CHECK(same_spans(&r.rejected_span, &s.rejected_span));
                CHECK(same_spans(&r.completion_span, &s.completion_span));
                CHECK(same_ids(r.other, s.other) && same_spans(&r.other_span, &s.other_span));
                CHECK(memcmp(&r.ref, &s.ref, sizeof r.ref) == 0);
                good++;
            } else {
                refused++;
            }
            b.p[k / 2] = was;
            arena_back(arena, mark);
        }
    }
    CHECK(good > 1000 && refused > 1000);
    buf_free(&b);
}

static void references(void **state)
{
    struct buf b = { 0 }, with = { 0 };
    struct ref ref = { true, { 9, 9, 9, 9, 9, 9, 9, 9 }, { -1.5, 2 }, { -2.5, 4 } };
    struct rec r;
    (void)state;
    for (int64_t i = 2; i < 4; i++) {                  /* added, then replaced */
        b.n = with.n = 0;
        rows_make(&b, i);
        CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_OK);
        CHECK_ST(rec_add_ref(&with, &r, &ref), ST_OK);
        struct view old = rec_field(&r, "ref");
        CHECK(i == 3 ? with.n == b.n : with.n > b.n && memcmp(with.p + 1, b.p + 1, b.n - 1) == 0);
        CHECK((old.p != NULL) == (i == 3));
        CHECK_ST(rec_read(&r, with.p, with.n, 2, arena), ST_OK);
        CHECK(r.ref.given && r.ref.key[0] == 9 && r.ref.rejected.sum == -2.5 &&
              r.ref.chosen.n == 2);
        CHECK(r.chosen.n == 7 && r.id == rng(7, RNG_TEST, (uint64_t)i));
    }
    buf_free(&b);
    buf_free(&with);
}

static void numbers(void **state)
{
    struct buf b = { 0 };
    struct rec r;
    struct view name;
    size_t at = 0;
    double v;
    int n = 0;
    (void)state;
    CHECK_ST(mp_st(mp_map(&b, 6) || mp_text(&b, VIEW("t")) || mp_text(&b, VIEW("metric")) ||
                   mp_text(&b, VIEW("i")) || mp_int(&b, 3) || mp_text(&b, VIEW("obj")) ||
                   mp_text(&b, VIEW("pref")) || mp_text(&b, VIEW("inner")) || mp_map(&b, 1) ||
                   mp_text(&b, VIEW("x")) || mp_int(&b, 1) || mp_text(&b, VIEW("loss")) ||
                   mp_real(&b, 0.5) || mp_text(&b, VIEW("last")) || mp_bool(&b, true)), ST_OK);
    CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_OK);
    CHECK(r.kind == REC_METRIC && r.step.i == 3 && r.step.obj == OBJ_PREF && r.step.train);
    CHECK(rec_number(&r, "loss", &v) && v == 0.5);
    CHECK(rec_number(&r, "last", &v) && v == 1);
    CHECK(!rec_number(&r, "obj", &v) && !rec_number(&r, "none", &v));
    CHECK(rec_field(&r, "inner").n == 4 && !rec_field(&r, "x").p);
    struct view all = { b.p, b.n };
    while (rec_each(all, &at, &name, &v))
        n++;
    CHECK(n == 3);
    buf_free(&b);
}

static void json(void **state)
{
    struct buf b = { 0 }, line = { 0 };
    struct rec r;
    uint8_t ids[] = { 1, 0, 44, 1 };
    struct span s = { 1, 2 };
    struct rec in = { .kind = REC_SFT,
                      .src = VIEW("a\n"),
                      .id = 255,
                      .w = 0.5,
                      .ids = { ids, 2, 2 },
                      .span = { &s, 1, true } };
    (void)state;
    CHECK_ST(rec_write(&b, &in, 2), ST_OK);
    CHECK_ST(rec_read(&r, b.p, b.n, 2, arena), ST_OK);
    CHECK_ST(rec_json(&line, &r), ST_OK);
    CHECK_ST(buf_add(&line, "", 1), ST_OK);
    CHECK_STR(line.p, "{\"t\":\"sft\",\"src\":\"a\\n\",\"id\":\"00000000000000ff\",\"ids\":[1,300],"
                      "\"span\":[[1,2]],\"w\":0.5}");
    buf_free(&b);
    buf_free(&line);
}

static void identity(void **state)
{
    struct view text[2] = { VIEW("one"), VIEW("two") };
    (void)state;
    CHECK(rec_id(REC_SFT, text, 2) == XXH3_64bits("sft\0one\0two", 11));
    CHECK(rec_id(REC_PREF, text, 2) != rec_id(REC_SFT, text, 2));
    static char all[9000];                     /* short and long rows have one rule */
    for (size_t n = 4000; n < 8900; n += n < 4110 ? 1 : 997) {
        memset(all, 'x', sizeof all);
        memcpy(all, "sft\0one", 8);            /* with the 0 */
        text[1] = (struct view){ all + 8, n };
        CHECK(rec_id(REC_SFT, text, 2) == XXH3_64bits(all, 8 + n));
    }
}

int main(void)
{
    arena = arena_new(0);
    int failed = RUN(TEST(round_trips), TEST(fields_of_kinds), TEST(steps), TEST(rules),
                     TEST(prefixes), TEST(shapes), TEST(references), TEST(numbers), TEST(json),
                     TEST(identity));
    arena_free(arena);
    return failed;
}
