/* shard.c - any bytes as a file: streamed, opened by index, recovered, row by row.
 *
 * A file that reads well from start to end must open by index with the same rows, unless its zstd
 * frames are such that rows cannot be picked from them, which is said. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/io.h"

#define MUST(cond) BUG_IF(!(cond))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum st stream(int fd, int64_t *rows, uint64_t *chain, struct arena *a)
{
    struct end sums = { 0 };
    struct in *in;
    struct rec r;
    enum st st = in_open_fd(&in, fd, "fuzz", NULL, NULL, false, a);
    if (st == ST_OK) {
        while ((st = in_next(in, &r)) == ST_OK)
            end_add(&sums, r.raw, r.raw_bytes);
        in_close(in);
    }
    *rows = sums.n;
    *chain = sums.chain;
    return st;
}

static enum st by_index(const char *name, bool recover, int64_t *rows, uint64_t *chain,
                        struct arena *a)
{
    struct end sums = { 0 };
    struct shard *s;
    struct rec r;
    enum st st = shard_open(&s, name, recover, a);
    if (st != ST_OK)
        return st;
    for (int64_t i = 0; i < shard_rows(s) && st == ST_OK; i++)
        if ((st = shard_row(s, i, &r)) == ST_OK)
            end_add(&sums, r.raw, r.raw_bytes);
    *rows = shard_rows(s);
    *chain = sums.chain;
    shard_close(s);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new(0);
    char name[64];
    int64_t rows[2] = { 0 };
    uint64_t chain[2] = { 0 };
    int fd = memfd_create("fuzz", 0);
    MUST(fd >= 0 && write(fd, data, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    enum st st = stream(fd, &rows[0], &chain[0], a);
    MUST(st != ST_OK);
    err_clear();
    enum st open = by_index(name, false, &rows[1], &chain[1], a);
    if (st == ST_END && open != ST_OK)
        MUST(open == ST_DATA && strstr(err_text(), "cannot be picked"));
    if (st == ST_END && open == ST_OK)
        MUST(rows[0] == rows[1] && chain[0] == chain[1]);
    err_clear();
    if (st == ST_DATA && by_index(name, true, &rows[1], &chain[1], a) == ST_OK)
        MUST(rows[1] <= rows[0]);
    err_clear();
    close(fd);
    arena_free(a);
    return 0;
}
