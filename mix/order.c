/* order.c - keyed permutations of frames and rows.
 *
 * Frames go where rng_perm() puts them; the rows of a group are shuffled as a table (Fisher and
 * Yates), which costs a tenth of a keyed permutation of each position. */
#include "base/rng.h"
#include "order.h"

enum { ROW_BYTES = 64 };                       /* what a row takes beside its token ids, about */

/* The stream of one use: rng() over (source, epoch, group) gives the caller's 32 bits. */
static uint64_t stream_of(const struct order *o, int64_t epoch, int64_t group)
{
    uint64_t sub = RNG_STREAM(RNG_SHUFFLE, (uint32_t)group);
    return RNG_STREAM(RNG_SHUFFLE, rng((uint64_t)o->index, sub, (uint64_t)epoch) >> 32);
}

static enum st new_tables(struct order *o, int64_t most_rows, struct arena *a)
{
    for (int k = 0; k < 2; k++) {
        struct order_epoch *e = &o->epoch[k];
        e->epoch = o->rows[k].epoch = -1;
        if (o->shuffle && !(o->rows[k].nth = ARENA_NEW(a, uint32_t, most_rows)))
            return ST_SYS;
        if (!o->grouped)
            continue;
        e->nth = ARENA_NEW(a, int64_t, o->n_frames);
        e->at = ARENA_NEW(a, int64_t, o->n_frames + 1);
        e->group = ARENA_NEW(a, int64_t, o->n_frames + 1);
        if (!e->nth || !e->at || !e->group)
            return ST_SYS;
    }
    return ST_OK;
}

enum st order_new(struct order *o, struct shard *s, uint64_t seed, int64_t index, bool shuffle,
                  int64_t group_bytes, struct arena *a)
{
    int64_t n = shard_frames(s), width = shard_header(s)->width, all = 0, largest = 0;

    *o = (struct order){ .seed = seed, .index = index, .shuffle = shuffle, .n_rows = shard_rows(s),
                         .n_frames = n, .group_bytes = group_bytes,
                         .frame_row = ARENA_NEW(a, int64_t, n + 1),
                         .frame_bytes = ARENA_NEW(a, int64_t, n) };
    if (!o->frame_row || !o->frame_bytes)
        return ST_SYS;
    for (int64_t f = 0; f < n; f++) {
        struct frame fr = shard_frame(s, f);
        o->frame_row[f] = fr.row;
        o->frame_bytes[f] = fr.tokens * width + fr.rows * ROW_BYTES;
        largest = MAX(largest, o->frame_bytes[f]);
        all += o->frame_bytes[f];
    }
    o->frame_row[n] = o->n_rows;
    o->grouped = all > group_bytes;
    /* a group ends with the frame that fills it, and no row is counted below ROW_BYTES */
    int64_t most = o->grouped ? MIN((group_bytes + largest) / ROW_BYTES, o->n_rows) : o->n_rows;
    if (most > UINT32_MAX)
        return fail(ST_DATA, "%lld rows in one group, the most is 2^32", (long long)most);
    return new_tables(o, most, a);
}

/* The last k < n with v[k] <= x, where v[0] <= x < v[n].  Frames are about equally long, so a
 * guess is off by a few at most, and halving would cost more. */
static int64_t last_below(const int64_t *v, int64_t n, int64_t x)
{
    int64_t k = (int64_t)((double)x / (double)v[n] * (double)n);

    k = MIN(k, n - 1);
    while (v[k] > x)
        k--;
    while (v[k + 1] <= x)
        k++;
    return k;
}

static void fill_epoch(const struct order *o, struct order_epoch *e, int64_t epoch)
{
    uint64_t stream = stream_of(o, epoch, 0), n = (uint64_t)o->n_frames;
    int64_t rows = 0, bytes = 0;

    e->epoch = epoch;
    e->n_groups = 0;
    for (int64_t k = 0; k < o->n_frames; k++) {
        int64_t f = o->shuffle ? (int64_t)rng_perm(o->seed, stream, n, (uint64_t)k) : k;
        if (k == 0 || bytes >= o->group_bytes) {
            e->group[e->n_groups++] = k;
            bytes = 0;
        }
        e->nth[k] = f;
        e->at[k] = rows;
        rows += o->frame_row[f + 1] - o->frame_row[f];
        bytes += o->frame_bytes[f];
    }
    e->at[o->n_frames] = rows;
    e->group[e->n_groups] = o->n_frames;
}

static const struct order_epoch *epoch_of(struct order *o, int64_t epoch)
{
    if (o->epoch[0].epoch != epoch) {
        struct order_epoch e = o->epoch[1];
        o->epoch[1] = o->epoch[0];
        if (e.epoch != epoch)
            fill_epoch(o, &e, epoch);
        o->epoch[0] = e;
    }
    return &o->epoch[0];
}

/* Each i goes to a place drawn among the first i + 1, and what was there to the end. */
static void fill_rows(const struct order *o, struct order_rows *r, int64_t epoch, int64_t group,
                      uint32_t n)
{
    uint64_t stream = stream_of(o, epoch, 1 + group);

    r->epoch = epoch;
    r->group = group;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = (uint32_t)((rng(o->seed, stream, i) >> 32) * ((uint64_t)i + 1) >> 32);
        r->nth[i] = r->nth[j];
        r->nth[j] = i;
    }
}

/* Where position q of a group of n rows goes. */
static int64_t shuffled(struct order *o, int64_t epoch, int64_t group, int64_t n, int64_t q)
{
    if (!o->shuffle)
        return q;
    if (o->rows[0].epoch != epoch || o->rows[0].group != group) {
        struct order_rows r = o->rows[1];
        o->rows[1] = o->rows[0];
        if (r.epoch != epoch || r.group != group)
            fill_rows(o, &r, epoch, group, (uint32_t)n);
        o->rows[0] = r;
    }
    return o->rows[0].nth[q];
}

struct spot order_at(struct order *o, int64_t p)
{
    int64_t epoch = p / o->n_rows, q = p % o->n_rows;
    struct spot s = { 0 };

    if (!o->grouped) {
        s.row = shuffled(o, epoch, 0, o->n_rows, q);
        s.frame = last_below(o->frame_row, o->n_frames, s.row);
        return s;
    }
    const struct order_epoch *e = epoch_of(o, epoch);
    int64_t g = last_below(e->group, e->n_groups, last_below(e->at, o->n_frames, q));
    int64_t from = e->at[e->group[g]], n = e->at[e->group[g + 1]] - from;
    q = from + shuffled(o, epoch, g, n, q - from);
    int64_t k = last_below(e->at, o->n_frames, q);
    s.frame = e->nth[k];
    s.row = o->frame_row[s.frame] + q - e->at[k];
    s.group = epoch * o->n_frames + g;
    return s;
}
