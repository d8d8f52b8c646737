/* table.c - the seek table's bytes. */
#include <errno.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "stream/table.h"

static void put(uint8_t **p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*p)++ = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t **p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)*(*p)++ << 8 * i;
    return v;
}

enum st table_put(struct buf *b, const struct table_row *row, int64_t n_rows)
{
    size_t n = table_bytes(n_rows);
    if (n - TABLE_HEAD > UINT32_MAX)
        return fail(ST_DATA, "%lld frames, too many for one seek table; write several files",
                    (long long)n_rows);
    if (buf_room(b, n) != ST_OK)
        return ST_SYS;
    uint8_t *from = (uint8_t *)b->p + b->n, *p = from;
    put(&p, TABLE_MAGIC, 4);
    put(&p, n - TABLE_HEAD, 4);
    for (int64_t i = 0; i < n_rows; i++) {
        put(&p, (uint64_t)row[i].bytes, 4);
        put(&p, (uint64_t)row[i].raw, 4);
        put(&p, (uint64_t)row[i].rows, 4);
        put(&p, (uint64_t)row[i].longest, 4);
        put(&p, (uint64_t)row[i].tokens, 8);
        put(&p, row[i].hash, 8);
    }
    put(&p, (uint64_t)n_rows, 4);
    put(&p, TABLE_VERSION, 4);
    put(&p, XXH3_64bits(from, (size_t)(p - from)), 8);
    memcpy(p, TABLE_END, 8);
    b->n += n;
    return ST_OK;
}

int64_t table_foot(const uint8_t foot[TABLE_FOOT])
{
    const uint8_t *p = foot;
    uint64_t n = get(&p, 4);
    return memcmp(foot + 16, TABLE_END, 8) == 0 && get(&p, 4) == TABLE_VERSION ? (int64_t)n : -1;
}

bool table_take(struct table_row *row, int64_t n_rows, const uint8_t *from)
{
    size_t n = table_bytes(n_rows);
    const uint8_t *p = from, *hash = from + n - 16;
    if (get(&p, 4) != TABLE_MAGIC || get(&p, 4) != n - TABLE_HEAD ||
        table_foot(from + n - TABLE_FOOT) != n_rows || get(&hash, 8) != XXH3_64bits(from, n - 16))
        return false;
    for (int64_t i = 0; i < n_rows; i++) {
        row[i].bytes = (int64_t)get(&p, 4);
        row[i].raw = (int64_t)get(&p, 4);
        row[i].rows = (int64_t)get(&p, 4);
        row[i].longest = (int64_t)get(&p, 4);
        row[i].tokens = (int64_t)get(&p, 8);
        row[i].hash = get(&p, 8);
    }
    return true;
}

static bool read_at(int fd, int64_t at, void *to, size_t n)
{
    char *p = to;
    while (n > 0) {
        ssize_t k = pread(fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* The table that ends at `end`; false where there is none. */
static bool find_one(int fd, int64_t end, struct table_part *p, struct buf *disk, struct buf *rows,
                     enum st *st)
{
    uint8_t foot[TABLE_FOOT];
    int64_t n = -1;
    if (end >= TABLE_FOOT && read_at(fd, end - TABLE_FOOT, foot, sizeof foot))
        n = table_foot(foot);
    size_t bytes = table_bytes(MAX(n, 0));
    if (n < 2 || (int64_t)bytes > end)
        return false;
    disk->n = 0;
    if (buf_room(disk, bytes) != ST_OK ||
        buf_room(rows, (size_t)n * sizeof(struct table_row)) != ST_OK) {
        *st = ST_SYS;
        return false;
    }
    struct table_row *row = (struct table_row *)(rows->p + rows->n);
    *p = (struct table_part){ end - (int64_t)bytes, n, rows->n };
    if (!read_at(fd, p->start, disk->p, bytes) || !table_take(row, n, (const uint8_t *)disk->p))
        return false;
    for (int64_t i = 0; i < n; i++)
        p->start -= row[i].bytes;
    if (p->start < 0)
        return false;
    rows->n += (size_t)n * sizeof *row;
    return true;
}

enum st table_find(int fd, int64_t end, struct buf *parts, struct buf *rows, bool *all)
{
    struct buf disk = { 0 };
    struct table_part p;
    enum st st = ST_OK;
    while (end > 0 && st == ST_OK && find_one(fd, end, &p, &disk, rows, &st)) {
        st = buf_add(parts, &p, sizeof p);
        end = p.start;
    }
    buf_free(&disk);
    *all = end == 0;
    return st;
}
