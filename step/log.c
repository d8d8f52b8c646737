/* log.c - one record to up to three readers.
 *
 * The FIFO is opened without waiting, so that a mixer that is gone is told and not waited for;
 * while our own stream opens it, we hold its reading end too, so that this open cannot wait. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static enum st open_feedback(struct log *l, const char *path, const struct header *h,
                             struct arena *a)
{
    struct stat is;

    err_place("--feedback");
    if (stat(path, &is) < 0)
        return fail_sys("'%s'", shown(view_of(path)));
    if (!S_ISFIFO(is.st_mode))
        return fail(ST_USAGE, "'%s' is no FIFO; make one with mkfifo", shown(view_of(path)));
    int probe = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (probe < 0 && errno == ENXIO)
        return fail(ST_SYS, "nobody reads the feedback '%s'; give mix the same --feedback",
                    shown(view_of(path)));
    if (probe < 0)
        return fail_sys("'%s'", shown(view_of(path)));
    int both = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    enum st st = both < 0 ? fail_sys("'%s'", shown(view_of(path)))
                          : out_open(&l->feedback, path, h, OUT_RAW, a);
    if (st == ST_OK)
        st = out_flush(l->feedback);
    if (both >= 0)
        close(both);
    close(probe);
    if (st == ST_OK)
        err_place(NULL);
    return st;
}

static enum st open_copy(struct log *l, const char *to, const struct header *h, struct arena *a)
{
    if (!to && isatty(STDOUT_FILENO))                  /* a person watches the progress line */
        return ST_OK;
    if (to && strcmp(to, "json") != 0 && strcmp(to, "raw") != 0) {
        err_place("--to");
        return fail(ST_USAGE, "'%s' is no form; there are json and raw", shown(view_of(to)));
    }
    return out_open(&l->copy, "-", h, to && strcmp(to, "json") == 0 ? OUT_JSON : OUT_RAW, a);
}

enum st log_open(struct log *l, const struct log_where *w, const struct header *h, struct arena *a)
{
    struct header *ours = ARENA_NEW(a, struct header, 1);
    char *metrics = arena_printf(a, "%s/metrics.rec", w->out);
    char *timing = arena_printf(a, "%s/timing.rec", w->out);
    enum st st = ST_OK;

    *l = (struct log){ 0 };
    if (!ours || !metrics || !timing)
        return ST_SYS;
    *ours = *h;
    ours->mixed = false;
    if (w->feedback)
        st = open_feedback(l, w->feedback, ours, a);
    if (st == ST_OK)
        st = open_copy(l, w->to, ours, a);
    if (st == ST_OK)
        st = out_append(&l->metrics, metrics, ours, w->metrics_bytes, a);
    if (st == ST_OK)
        st = out_append(&l->timing, timing, ours, w->timing_bytes, a);
    return st;
}

static enum st put(struct out *o, struct view record)
{
    enum st st = out_put(o, record.p, record.n, 0);
    return st != ST_OK ? st : out_flush(o);
}

/* A reader that is gone. */
static void drop(struct out **o)
{
    enum st st = out_close(*o, ST_SYS, (struct view){ NULL, 0 });

    BUG_IF(st == ST_OK);
    err_clear();
    *o = NULL;
}

enum st log_metric(struct log *l, struct view record)
{
    enum st st = put(l->metrics, record);

    if (st != ST_OK)
        return st;
    if (l->feedback && put(l->feedback, record) != ST_OK)
        drop(&l->feedback);
    if (l->copy && put(l->copy, record) != ST_OK) {
        drop(&l->copy);
        warn("stdout: whoever read the metrics is gone; they go on in metrics.rec");
    }
    return ST_OK;
}

enum st log_timing(struct log *l, struct view record)
{
    return out_put(l->timing, record.p, record.n, 0);
}

static enum st to_disk(struct out *o, const char *name)
{
    enum st st = out_flush(o);

    if (st == ST_OK && fdatasync(out_fd(o)) < 0) {
        err_place("%s", name);
        st = fail_sys("cannot write it to the disk");
    }
    return st;
}

enum st log_sync(struct log *l, int64_t *metrics_bytes, int64_t *timing_bytes)
{
    enum st st = to_disk(l->metrics, "metrics.rec");

    if (st == ST_OK)
        st = to_disk(l->timing, "timing.rec");
    *metrics_bytes = out_bytes(l->metrics);
    *timing_bytes = out_bytes(l->timing);
    return st;
}

void log_hang_up(struct log *l, enum st st)
{
    bool quiet = *err_text() == 0;

    if (l->feedback && out_close(l->feedback, st, (struct view){ NULL, 0 }) != st && quiet)
        err_clear();                                   /* the mixer did not wait for it */
    l->feedback = NULL;
}

enum st log_close(struct log *l, enum st st)
{
    struct view none = { NULL, 0 };
    enum st end = st;

    log_hang_up(l, st);
    if (l->copy) {
        bool quiet = *err_text() == 0;
        if (out_close(l->copy, st, none) != st && quiet)
            err_clear();                               /* all but the end record had been read */
    }
    if (l->timing)
        end = out_close(l->timing, st, none);
    if (l->metrics && (end == st || end == ST_OK))
        end = out_close(l->metrics, st, none);
    *l = (struct log){ 0 };
    return st != ST_OK ? st : end;
}

bool log_finished(const char *out, struct arena *a)
{
    char *name = arena_printf(a, "%s/metrics.rec", out);
    struct in *in = NULL;
    struct rec r;

    if (!name || access(name, R_OK) < 0)
        return false;
    enum st st = in_open(&in, name, a);
    while (st == ST_OK)
        st = in_next(in, &r);
    if (in)
        in_close(in);
    err_clear();
    return st == ST_END;
}
