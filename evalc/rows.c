/* rows.c - streams one after the other.  All headers are read first, so that a stream of another
 * tokenizer is refused before the first row is scored. */
#include <sys/stat.h>

#include "rows.h"

const char *const rows_stdin[1] = { "-" };

enum st rows_open(struct rows *r, char *const *names, int n, bool same, struct arena *a)
{
    const char *const *name = n ? (const char *const *)names : rows_stdin;
    const struct header *h;
    enum st st = ST_OK;

    n = MAX(n, 1);
    if (!(r->in = ARENA_NEW(a, struct in *, n)))
        return ST_SYS;
    for (int i = 0; i < n; i++) {
        if ((st = in_open(&r->in[i], name[i], a)) != ST_OK)
            return st;
        r->n_streams++;
        if ((st = in_header(r->in[i], &h)) != ST_OK)
            return st;
        err_place("%s", shown(view_of(name[i])));
        if (i == 0)
            r->header = *h;
        else if ((same && (st = header_same(&r->header, in_name(r->in[0]), h,
                                            in_name(r->in[i]))) != ST_OK) ||
                 (st = header_merge(&r->header, h)) != ST_OK)
            return st;
    }
    return ST_OK;
}

enum st rows_next(struct rows *r, struct rec *rec)
{
    enum st st;

    for (;;) {
        if ((st = in_next(r->in[r->now], rec)) == ST_OK)
            r->row++;
        if (st != ST_END || r->now + 1 == r->n_streams)
            return st;
        r->now++;
    }
}

const char *rows_stream(const struct rows *r)
{
    return in_name(r->in[r->now]);
}

int64_t rows_at(const struct rows *r)
{
    return in_count(r->in[r->now]);
}

struct view rows_state(const struct rows *r)
{
    const struct end *end = r->n_streams > 0 ? in_end(r->in[r->now]) : NULL;

    return end ? end->state : (struct view){ 0 };
}

int64_t rows_total(char *const *name, int n)
{
    int64_t total = 0;
    struct stat info;

    for (int i = 0; i < n; i++)
        if (stat(name[i], &info) != 0 || !S_ISREG(info.st_mode))
            return 0;
    for (int i = 0; i < n; i++) {
        struct arena *a = arena_new(0);
        struct shard *s;
        enum st st = shard_open(&s, name[i], false, a);
        if (st == ST_OK) {
            total += shard_rows(s);
            shard_close(s);
        }
        arena_free(a);
        if (st != ST_OK) {                     /* the run itself will say what is wrong */
            err_clear();
            return 0;
        }
    }
    return total;
}

void rows_close(struct rows *r)
{
    for (int64_t i = 0; i < r->n_streams; i++)
        in_close(r->in[i]);
}
