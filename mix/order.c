/* order.c - keyed permutations of frames and rows. */
#include "base/rng.h"
#include "order.h"

enum { ROW_BYTES = 64 };                       /* what a row takes beside its token ids, about */

/* The stream of one use: rng() over (source, epoch, group) gives the caller's 32 bits. */
static uint64_t stream_of(const struct order *o, int64_t epoch, int64_t group)
{
    uint64_t key =
        rng((uint64_t)o->index, RNG_STREAM(RNG_SHUFFLE, (uint32_t)group), (uint64_t)epoch);
    return RNG_STREAM(RNG_SHUFFLE, (uint32_t)(key >> 32));
}

static int64_t permuted(const struct order *o, int64_t epoch, int64_t group, int64_t n, int64_t i)
{
    if (!o->shuffle)
        return i;
    return (int64_t)rng_perm(o->seed, stream_of(o, epoch, group), (uint64_t)n, (uint64_t)i);
}

enum st order_new(struct order *o, struct shard *s, uint64_t seed, int64_t index, bool shuffle,
                  int64_t group_bytes, struct arena *a)
{
    int64_t n = shard_frames(s), width = shard_header(s)->width, all = 0;
    int64_t *row = ARENA_NEW(a, int64_t, n + 1), *bytes = ARENA_NEW(a, int64_t, n);

    *o = (struct order){ .seed = seed, .index = index, .shuffle = shuffle, .n_rows = shard_rows(s),
                         .n_frames = n, .frame_row = row, .frame_bytes = bytes,
                         .group_bytes = group_bytes, .epoch = -1 };
    if (!row || !bytes)
        return ST_SYS;
    for (int64_t f = 0; f < n; f++) {
        struct frame fr = shard_frame(s, f);
        row[f] = fr.row;
        bytes[f] = fr.tokens * width + fr.rows * ROW_BYTES;
        all += bytes[f];
    }
    row[n] = o->n_rows;
    if (all <= group_bytes) {
        o->n_groups = 1;
        return ST_OK;
    }
    o->nth = ARENA_NEW(a, int64_t, n);
    o->at = ARENA_NEW(a, int64_t, n + 1);
    o->group = ARENA_NEW(a, int64_t, n + 1);
    return o->nth && o->at && o->group ? ST_OK : ST_SYS;
}

/* The last k < n with v[k] <= x, where v[0] <= x < v[n].  Frames are about equally long, so a guess is
 * off by a few at most, and halving would cost more. */
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

static void begin_epoch(struct order *o, int64_t epoch)
{
    int64_t rows = 0, bytes = 0;

    o->epoch = epoch;
    o->n_groups = 0;
    for (int64_t k = 0; k < o->n_frames; k++) {
        int64_t f = permuted(o, epoch, 0, o->n_frames, k);
        if (k == 0 || bytes >= o->group_bytes) {
            o->group[o->n_groups++] = k;
            bytes = 0;
        }
        o->nth[k] = f;
        o->at[k] = rows;
        rows += o->frame_row[f + 1] - o->frame_row[f];
        bytes += o->frame_bytes[f];
    }
    o->at[o->n_frames] = rows;
    o->group[o->n_groups] = o->n_frames;
}

struct spot order_at(struct order *o, int64_t p)
{
    int64_t epoch = p / o->n_rows, q = p % o->n_rows;
    struct spot s = { 0 };

    if (!o->nth) {
        s.row = permuted(o, epoch, 1, o->n_rows, q);
        s.frame = last_below(o->frame_row, o->n_frames, s.row);
        return s;
    }
    if (epoch != o->epoch)
        begin_epoch(o, epoch);
    /* its frame before the rows of the group are permuted, then after */
    int64_t k = last_below(o->at, o->n_frames, q);
    int64_t g = last_below(o->group, o->n_groups, k);
    int64_t from = o->at[o->group[g]], n = o->at[o->group[g + 1]] - from;
    q = from + permuted(o, epoch, 1 + g, n, q - from);
    k = last_below(o->at, o->n_frames, q);
    s.frame = o->nth[k];
    s.row = o->frame_row[s.frame] + q - o->at[k];
    s.group = epoch * o->n_frames + g;
    return s;
}
