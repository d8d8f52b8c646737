/* log.h - where metrics go: OUT/metrics.rec, which step keeps; stdout, a copy; the feedback.
 *
 * What the clock says goes to OUT/timing.rec.  Losing whoever reads stdout costs a warning and no
 * more.  Losing the reader of the feedback is not told here: the mixer is then gone, and its end of
 * the step stream says why. */
#ifndef LOG_H
#define LOG_H

#include "stream/io.h"

struct log {
    struct out *metrics, *timing;              /* the files */
    struct out *copy, *feedback;               /* stdout, the FIFO; NULL: none, or gone */
};

struct log_where {
    const char *out;                           /* the folder */
    const char *to;                            /* --to: NULL, "json" or "raw" */
    const char *feedback;                      /* the FIFO; NULL: none */
    int64_t     metrics_bytes, timing_bytes;   /* where the files are cut; below 0: anew */
};

/* ST_SYS: a file cannot be written, or nobody reads the feedback.  ST_USAGE: it is no FIFO. */
enum st log_open(struct log *l, const struct log_where *w, const struct header *h,
                 struct arena *a) must_use;

enum st log_metric(struct log *l, struct view record) must_use;
enum st log_timing(struct log *l, struct view record) must_use;
/* The files are on the disk; their lengths now. */
enum st log_sync(struct log *l, int64_t *metrics_bytes, int64_t *timing_bytes) must_use;
/* Tells the mixer that no more comes, and why: before the end of the run is saved, so that nobody
 * waits for it. */
void log_hang_up(struct log *l, enum st st);
enum st log_close(struct log *l, enum st st) must_use;

/* True when OUT/metrics.rec has its end record, of a run that ended well. */
bool log_finished(const char *out, struct arena *a);

#endif
