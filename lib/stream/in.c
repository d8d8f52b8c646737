/* in.c - the reader: parts, headers, records, ends.
 *
 * Every record is hashed as it goes by, so at the end record the reader knows whether it has seen
 * what the writer wrote.  A record that is not yet whole waits in the buffer; a walk that goes on
 * where it stopped tells when it is. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "stream/feed.h"
#include "stream/shape.h"

enum { NOW_BYTES = 64 << 20 };                 /* spans and choices of one record */

struct in {
    struct feed   f;
    enum { START, RECORDS, ENDED } state;
    enum st       failed;                      /* told again to who asks again */
    struct header h, next;
    struct end    sums, end;
    int64_t       count;
    size_t        last;                        /* bytes of the record last given */
    struct arena  *keep, *now;
    struct shapes *shapes;
};

static enum st open_fd(struct in **in_, int fd, bool own, const char *name, in_wait *wait,
                       void *arg, bool lazy, struct arena *a)
{
    struct in *in = arena_get(a, sizeof *in);
    enum st st = in ? ST_OK : ST_SYS;
    *in_ = NULL;
    if (in) {
        in->keep = a;
        in->h.width = 2;
        in->f = (struct feed){ .fd = fd, .own_fd = own, .wait = wait, .arg = arg };
        if (!(in->f.name = arena_text(a, view_of(name))))
            st = ST_SYS;
        if (!(in->shapes = shape_new(a)))
            st = ST_SYS;
        in->now = arena_new(NOW_BYTES);
        err_place("%s", name);
        if (st == ST_OK)
            st = feed_open(&in->f, a);
        const struct header *h;
        if (st == ST_OK && !lazy)
            st = in_header(in, &h);
        if (st != ST_OK)
            in_close(in);
        else
            *in_ = in;
    } else if (own) {
        close(fd);
    }
    return st;
}

enum st in_open(struct in **in, const char *name, struct arena *a)
{
    if (strcmp(name, "-") == 0)
        return open_fd(in, STDIN_FILENO, false, "stdin", NULL, NULL, false, a);
    int fd;
    *in = NULL;
    while ((fd = open(name, O_RDONLY | O_CLOEXEC)) < 0) {
        if (errno == EINTR && !sig_stop())
            continue;
        if (errno == EINTR)
            return ST_STOP;
        err_place("%s", name);
        return fail_sys("cannot open");
    }
    return open_fd(in, fd, true, name, NULL, NULL, false, a);
}

enum st in_open_fd(struct in **in, int fd, const char *name, in_wait *wait, void *arg, bool lazy,
                   struct arena *a)
{
    return open_fd(in, fd, false, name, wait, arg, lazy, a);
}

void in_close(struct in *in)
{
    if (!in)
        return;
    feed_close(&in->f);
    arena_free(in->now);
}

const struct end *in_end(const struct in *in) { return &in->end; }
int64_t in_count(const struct in *in) { return in->count; }
const char *in_name(const struct in *in) { return in->f.name; }

struct feed *in_feed(struct in *in) { return &in->f; }

int64_t in_where(const struct in *in)
{
    size_t left;
    (void)feed_bytes(&in->f, &left);
    int64_t behind = (int64_t)(left + in->last);
    const struct feed *f = &in->f;
    if (!f->framed)
        return f->base + (int64_t)f->file.n - behind;
    return ((const struct table_row *)(f->rows.p + f->rows.n) - 1)->raw - behind;
}

/* ---- faults ---- */

static enum st broken(struct in *in, const char *why)
{
    err_place("%s:%lld", in->f.name, (long long)in->count + 1);
    return in->failed = fail(ST_DATA, "%s", why);
}

/* The stream ends where it must not.  A file will not get better; of a pipe the writer died, and
 * where the signal that killed it reaches us too, we were asked to stop. */
static enum st cut(struct in *in)
{
    const struct feed *f = &in->f;
    err_place("%s:%lld", f->name, (long long)in->count);
    if (!f->regular && sig_stop_wait(1000))
        in->failed = ST_STOP;
    else if (!f->regular)
        in->failed = fail(ST_SYS, "the stream stops without an end record; the program before this "
                                  "one died");
    else if (in->state == START && f->base == 0 && f->file.n == 0)
        in->failed = fail(ST_DATA, "empty, not a stream of records");
    else if (f->framed)
        in->failed = fail(ST_DATA, "the file was cut %s %lld, which starts at byte %lld; make it "
                                   "again, or recover what is before",
                          f->torn ? f->torn : "behind frame", (long long)f->frame,
                          (long long)f->frame_at);
    else
        in->failed = fail(ST_DATA, "the file stops without an end record; make it again, or "
                                   "recover what is there");
    return in->failed;
}

/* What the feed says, with our place. */
static enum st passed(struct in *in, enum st st)
{
    return in->failed = st;
}

/* ---- records ---- */

/* The next whole record, whatever its kind; its bytes are used up with the next call. */
static enum st take(struct in *in, struct rec *r)
{
    struct mp_walk walk = { 0 };
    char why[REC_WHY];
    size_t n;
    if (arena_used(in->now))
        arena_back(in->now, 0);
    for (;;) {
        const uint8_t *p = feed_bytes(&in->f, &n);
        enum st st = n ? shape_take(in->shapes, r, p, n, in->h.width, in->now, why) : ST_END;
        if (st == ST_OK) {
            feed_use(&in->f, r->raw_bytes);
            in->last = r->raw_bytes;
            return ST_OK;
        }
        if (st == ST_DATA)
            return broken(in, why);
        if (st != ST_END)
            return passed(in, st);
        const char *what;
        err_place("%s:%lld", in->f.name, (long long)in->count + 1);
        do {
            if ((st = feed_more(&in->f)) != ST_OK)
                return st == ST_END ? cut(in) : passed(in, st);
            p = feed_bytes(&in->f, &n);
        } while ((st = mp_walk(&walk, p, n, &what)) == ST_END);
        if (st != ST_OK)
            return broken(in, what);
    }
}

/* An end without a header: the writer failed before it had one, and told why itself. */
static enum st unbegun(struct in *in, const struct rec *r)
{
    struct end e;
    char why[REC_WHY];
    if (end_take(&e, r, why) != ST_OK)
        return broken(in, why);
    return e.status != ST_OK ? passed(in, e.status) : broken(in, "an end record without a header");
}

/* A part begins: its header must go with those before it. */
static enum st next_part(struct in *in)
{
    struct rec r;
    char why[REC_WHY];
    size_t there;
    enum st st = ST_OK;
    err_place("%s:%lld", in->f.name, (long long)in->count);
    (void)feed_bytes(&in->f, &there);
    if (there && in->f.framed)
        in->f.from_edge = false;               /* a foreign frame that holds several parts */
    else
        st = feed_part(&in->f, in->state == ENDED);
    if (st == ST_END)
        return in->state == ENDED && !in->f.torn ? ST_END : cut(in);
    if (st != ST_OK)
        return passed(in, st);
    if ((st = take(in, &r)) != ST_OK)
        return st;
    if (r.kind == REC_END && in->state == START)
        return unbegun(in, &r);
    if (r.kind != REC_HEADER)
        return broken(in, in->state == START
                              ? "not a stream of records: it does not begin with a header"
                              : "a record behind the end record; only another header may follow");
    if ((st = header_take(&in->next, &r, in->keep, why)) != ST_OK)
        return st == ST_DATA ? broken(in, why) : passed(in, st);
    if (in->state == ENDED) {
        struct header *h = &in->h, *next = &in->next;
        if ((st = header_same(h, "the part before", next, "the part behind")) != ST_OK ||
            (st = header_merge(h, next)) != ST_OK)
            return passed(in, st);
        next->n_sources = h->n_sources;
        next->n_commands = h->n_commands;
        memcpy(next->source, h->source, sizeof h->source);
        memcpy(next->command, h->command, sizeof h->command);
    }
    in->h = in->next;
    in->f.header_bytes = r.raw_bytes;
    in->sums = (struct end){ 0 };
    in->state = RECORDS;
    return ST_OK;
}

enum st in_header(struct in *in, const struct header **h)
{
    *h = &in->h;
    if (in->failed != ST_OK)
        return in->failed;
    return in->state == START ? next_part(in) : ST_OK;
}

static enum st take_end(struct in *in, const struct rec *r)
{
    struct end e;
    char why[REC_WHY];
    if (end_take(&e, r, why) != ST_OK)
        return broken(in, why);
    if (e.n != in->sums.n) {
        snprintf(why, sizeof why,
                 "the end record counts %lld records, %lld came; some were lost or doubled",
                 (long long)e.n, (long long)in->sums.n);
        return broken(in, why);
    }
    if (e.sum != in->sums.sum)
        return broken(
            in, "the records' sum is not that of the end record; a record was changed on the way");
    if (e.chain != in->sums.chain)
        return broken(in, "the records' chained sum is not that of the end record; their order was "
                          "changed on the way");
    if (e.state.n && !(e.state.p = arena_text(in->keep, e.state)))
        return passed(in, ST_SYS);
    in->end = e;
    in->state = ENDED;
    return e.status == ST_OK ? ST_OK : passed(in, e.status);
}

enum st in_next(struct in *in, struct rec *r)
{
    if (in->failed != ST_OK)
        return in->failed;
    for (;;) {
        enum st st;
        if (in->state != RECORDS && (st = next_part(in)) != ST_OK)
            return st;
        if ((st = take(in, r)) != ST_OK)
            return st;
        if (r->kind != REC_HEADER && r->kind != REC_END)
            break;
        if (r->kind == REC_HEADER)
            return broken(in, "a header before the end record");
        if ((st = take_end(in, r)) != ST_OK)
            return st;
    }
    end_add(&in->sums, r->raw, r->raw_bytes);
    in->count++;
    if (in->f.framed) {
        struct table_row *row = feed_row(&in->f);
        row->rows++;
        row->tokens += r->n_tokens;
        row->longest = MAX(row->longest, r->n_tokens);
    }
    return ST_OK;
}
