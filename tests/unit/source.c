/* source.c - orders, cursors and shares: every row once an epoch, whatever the file's size, and
 * again the same. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "mix/idset.h"
#include "mix/order.h"
#include "mix/side.h"
#include "stream/io.h"
#include "tests/check.h"

static struct arena *mem;
static char dir[] = "/tmp/source-XX" "XX" "XX";

static const char *path(const char *name)
{
    return arena_printf(mem, "%s/%s", dir, name);
}

/* n rows of n_ids ids each; row i says so in its first two. */
static void make(const char *name, int64_t n, int64_t n_ids, enum rec_kind kind)
{
    struct header h = { .version = HEADER_VERSION, .width = 4, .vocab = 1 << 20,
                        .bos = -1, .eos = -1, .pad = -1 };
    uint8_t *ids = arena_get(mem, (size_t)n_ids * 4);
    struct buf b = { 0 };
    struct out *o;

    CHECK_ST(out_open(&o, path(name), &h, OUT_AUTO, mem), ST_OK);
    for (int64_t i = 0; i < n; i++) {
        struct rec r = { .kind = kind, .w = 1, .src = VIEW("s"), .id = (uint64_t)i + 1 };
        for (int64_t k = 0; k < n_ids; k++) {
            uint64_t any = rng(0, RNG_STREAM(RNG_TEST, i), (uint64_t)k);
            uint32_t v = k == 0 ? (uint32_t)i : (uint32_t)any >> 12;
            ids_put(ids + 4 * k, &v, 1, 4);
        }
        r.ids = (struct ids){ ids, n_ids, 4 };
        rec_count(&r);
        b.n = 0;
        CHECK_ST(rec_write(&b, &r, 4), ST_OK);
        CHECK_ST(out_put(o, b.p, b.n, r.n_tokens), ST_OK);
    }
    CHECK_ST(out_close(o, ST_OK, (struct view){ NULL, 0 }), ST_OK);
    buf_free(&b);
}

/* Each epoch has every row once; returns how many positions keep their row from the epoch
 * before. */
static int64_t epochs(struct order *o, int64_t n_epochs)
{
    uint8_t *seen = arena_get(mem, (size_t)o->n_rows);
    int64_t *last = ARENA_NEW(mem, int64_t, o->n_rows), kept = 0;

    for (int64_t e = 0; e < n_epochs; e++) {
        memset(seen, 0, (size_t)o->n_rows);
        for (int64_t p = 0; p < o->n_rows; p++) {
            struct spot s = order_at(o, e * o->n_rows + p);
            CHECK(s.row >= 0 && s.row < o->n_rows && !seen[s.row]);
            CHECK(s.row >= o->frame_row[s.frame] && s.row < o->frame_row[s.frame + 1]);
            seen[s.row] = 1;
            kept += e && last[p] == s.row;
            last[p] = s.row;
        }
    }
    return kept;
}

static void small_order(void **state)
{
    struct shard *s;
    struct order o, again, other;
    int64_t differ = 0;

    (void)state;
    make("small", 1000, 4, REC_SFT);
    CHECK_ST(shard_open(&s, path("small"), false, mem), ST_OK);
    CHECK_ST(order_new(&o, s, 3, 0, true, ORDER_GROUP_BYTES, mem), ST_OK);
    CHECK_ST(order_new(&again, s, 3, 0, true, ORDER_GROUP_BYTES, mem), ST_OK);
    CHECK_ST(order_new(&other, s, 4, 0, true, ORDER_GROUP_BYTES, mem), ST_OK);
    CHECK(epochs(&o, 3) < 20);
    for (int64_t p = 2999; p >= 0; p--) {
        CHECK(order_at(&o, p).row == order_at(&again, p).row);
        differ += order_at(&o, p).row != order_at(&other, p).row;
    }
    CHECK(differ > 2900);
    CHECK_ST(order_new(&other, s, 3, 1, true, ORDER_GROUP_BYTES, mem), ST_OK);
    differ = 0;
    for (int64_t p = 0; p < 1000; p++)
        differ += order_at(&o, p).row != order_at(&other, p).row;
    CHECK(differ > 950);                               /* another source has another order */
    CHECK_ST(order_new(&other, s, 3, 0, false, ORDER_GROUP_BYTES, mem), ST_OK);
    for (int64_t p = 0; p < 2000; p++)
        CHECK(order_at(&other, p).row == p % 1000);
    shard_close(s);
}

/* More than a group: rows of a group come together, groups and rows in another order each epoch. */
static void grouped_order(void **state)
{
    struct shard *s;
    struct order o;
    int64_t changes = 0;

    (void)state;
    make("large", 4000, 500, REC_SFT);
    CHECK_ST(shard_open(&s, path("large"), false, mem), ST_OK);
    CHECK(shard_frames(s) >= 6);
    CHECK_ST(order_new(&o, s, 3, 0, true, 2 << 20, mem), ST_OK);
    CHECK(epochs(&o, 3) < 30);
    CHECK(o.epoch[0].n_groups >= 3 && o.epoch[0].n_groups <= 5);
    for (int64_t p = 1; p < 8000; p++)
        changes += order_at(&o, p).group != order_at(&o, p - 1).group;
    order_at(&o, 0);
    CHECK(changes >= 5 && changes <= 9);
    CHECK_ST(order_new(&o, s, 3, 0, false, 2 << 20, mem), ST_OK);
    for (int64_t p = 0; p < 8000; p += 3)
        CHECK(order_at(&o, p).row == p % 4000);
    shard_close(s);
}

static int64_t row_of(const struct line *l)
{
    struct rec r;
    CHECK_ST(rec_read(&r, l->raw, l->n_bytes, 4, mem), ST_OK);
    return ids_at(r.ids, 0);
}

static struct cursor *cursor(const char *name, int64_t index, double weight)
{
    struct cursor *c;
    struct source_how how = { .name = path(name), .obj = OBJ_SFT, .weight = weight, .shuffle = true,
                              .seed = 8, .index = index, .window = 64 };
    CHECK_ST(source_open(&c, &how, mem), ST_OK);
    return c;
}

static void looks_ahead(void **state)
{
    struct cursor *c = cursor("large", 0, 1);
    int64_t first[40];
    struct line l;

    (void)state;
    CHECK(c->n_rows == 4000);
    for (int64_t k = 0; k < 40; k++) {
        CHECK_ST(source_row(c, k * 300, &l), ST_OK);
        first[k] = row_of(&l);
        CHECK(first[k] == l.row);
    }
    source_take(c, 1200);
    for (int64_t k = 39; k >= 4; k--) {
        CHECK_ST(source_row(c, k * 300, &l), ST_OK);
        CHECK(row_of(&l) == first[k]);
    }
    source_close(c);
}

static void wrong_rows(void **state)
{
    struct idset held;
    struct line l;
    struct cursor *c = cursor("small", 0, 1);

    (void)state;
    c->how.obj = OBJ_PREF;
    CHECK_ST(source_row(c, 0, &l), ST_DATA);
    CHECK(strstr(err_text(), "a 'sft' record, which --pref cannot train on"));
    err_clear();
    source_close(c);
    CHECK_ST(idset_new(&held, 3, mem), ST_OK);
    idset_add(&held, 501);
    idset_add(&held, 501);
    idset_add(&held, 77777);
    CHECK(held.n == 2 && idset_has(&held, 501) && !idset_has(&held, 500) && !idset_has(&held, 0));
    c = cursor("small", 0, 1);
    c->how.held = &held;
    CHECK_ST(source_scan(c, NULL, NULL), ST_DATA);
    CHECK(strstr(err_text(), "small:501: this row is held out too"));
    err_clear();
    source_close(c);
}

static void prints_differ(void **state)
{
    struct cursor *a = cursor("small", 0, 1), *b = cursor("small", 3, 1),
                  *c = cursor("small", 0, 2);
    uint32_t v[3];

    (void)state;
    CHECK_ST(source_print(a, &v[0]), ST_OK);
    CHECK_ST(source_print(b, &v[1]), ST_OK);
    CHECK_ST(source_print(c, &v[2]), ST_OK);
    CHECK(v[0] == v[1] && v[0] != v[2]);
    source_close(a);
    source_close(b);
    source_close(c);
}

/* A child writes n rows into a FIFO. */
static pid_t feed(const char *name, int64_t n)
{
    if (mkfifo(path(name), 0600) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        make(name, n, 4, REC_SFT);
        _exit(0);
    }
    return child;
}

static void window(void **state)
{
    uint8_t seen[1000] = { 0 };
    int64_t moved = 0;
    struct line l;

    (void)state;
    CHECK(feed("pipe", 1000) > 0);
    struct cursor *c = cursor("pipe", 0, 1);
    CHECK(c->n_rows == 0);
    for (int64_t p = 0; p < 1000; p++) {
        /* a look ahead changes nothing */
        CHECK_ST(source_row(c, p + (p < 990 ? 7 : 0), &l), ST_OK);
        CHECK_ST(source_row(c, p, &l), ST_OK);
        int64_t row = row_of(&l);
        CHECK(row == l.row && row < p + 64 && !seen[row]);
        seen[row] = 1;
        moved += row != p;
        source_take(c, 1);
    }
    CHECK(moved > 900);
    CHECK_ST(source_row(c, 1000, &l), ST_END);
    source_close(c);
}

static void shares(void **state)
{
    struct side s = { .obj = OBJ_SFT, .n_sources = 3, .rows = 7 };
    struct batch b = { 0 };
    const double weight[3] = { 5, 2.5, 0.5 };

    (void)state;
    for (int k = 0; k < 3; k++)
        s.c[k] = cursor(k ? "small" : "large", k, weight[k]);
    for (int64_t n = 7; n < 3000; n += 7) {
        CHECK_ST(side_next(&s, &b), ST_OK);
        CHECK(batch_n(&b) == 7);
        struct coming first = batch_rows(&b)[0];
        CHECK_ST(side_next(&s, &b), ST_OK);            /* what is not taken stays in line */
        CHECK(batch_rows(&b)[0].c == first.c && batch_rows(&b)[0].at == first.at);
        side_take(&b, 0);
        for (int k = 0; k < 3; k++)
            CHECK_NEAR(s.c[k]->taken, (double)n * weight[k] / 8, 1 + 1e-9);
    }
    s.rows = 0;
    s.tokens = 1500;
    int64_t trained = 0, last = 0;
    struct line l;
    CHECK_ST(side_next(&s, &b), ST_OK);
    for (int64_t k = 0; k < batch_n(&b); k++) {
        CHECK_ST(source_row(batch_rows(&b)[k].c, batch_rows(&b)[k].at, &l), ST_OK);
        last = l.n_trained;
        trained += last;
    }
    CHECK(trained >= 1500 && trained - last < 1500);   /* the last row reaches the target */
    for (int k = 0; k < 3; k++)
        source_close(s.c[k]);
    buf_free(&b.rows);
}

/* Of two pipes one ends first; the other fills the batches, and the last one is short. */
static void pipes_end(void **state)
{
    struct side s = { .obj = OBJ_SFT, .n_sources = 2, .rows = 8 };
    struct batch b = { 0 };
    int64_t rows = 0;
    enum st st;

    (void)state;
    CHECK(feed("short", 10) > 0 && feed("long", 49) > 0);
    s.c[0] = cursor("short", 0, 1);
    s.c[1] = cursor("long", 1, 1);
    while ((st = side_next(&s, &b)) == ST_OK) {
        CHECK(batch_n(&b) == 8 || rows + batch_n(&b) == 59);
        rows += batch_n(&b);
        side_take(&b, 0);
    }
    CHECK_ST(st, ST_END);
    CHECK(rows == 59);
    source_close(s.c[0]);
    source_close(s.c[1]);
    buf_free(&b.rows);
}

int main(void)
{
    mem = arena_new(0);
    if (!mkdtemp(dir))
        return 1;
    int bad = RUN(TEST(small_order), TEST(grouped_order), TEST(looks_ahead), TEST(wrong_rows),
                  TEST(prints_differ), TEST(window), TEST(shares), TEST(pipes_end));
    (void)!dir_remove(dir);
    arena_free(mem);
    return bad;
}
