/* figure.h - named figures on their way out: a task says name and value, the record is made of
 * them.
 *
 * Names and texts are copied into the arena.  Memory that cannot be had is kept in `st` and
 * comes back from report_put(), so that a task reports in plain lines. */
#ifndef FIGURE_H
#define FIGURE_H

#include "stream/io.h"
#include "score.h"

enum figure_type { FIGURE_TEXT, FIGURE_INT, FIGURE_REAL, FIGURE_BOOL, FIGURE_BIN, FIGURE_LIST };

struct figure {
    struct view      name;
    enum figure_type type;
    bool             aside;                    /* in the record, but not a column of a table */
    struct view      text;                     /* TEXT, BIN; LIST: floats */
    int64_t          i;                        /* INT; BOOL: 0 or 1 */
    double           v;                        /* REAL */
};

struct figures {
    struct arena  *a;
    struct view    prefix, suffix;             /* put around every name that follows; "" at first */
    bool           aside;                      /* given to the figures that follow */
    int64_t        n, cap;
    struct figure *v;
    enum st        st;
};

struct figures figures_in(struct arena *a);    /* an empty one */
void figures_prefix(struct figures *f, const char *fmt, ...) like_printf(2, 3);
void figures_suffix(struct figures *f, const char *text);      /* copied */

void figures_text(struct figures *f, const char *name, struct view text);
void figures_int(struct figures *f, const char *name, int64_t v);
void figures_real(struct figures *f, const char *name, double v);      /* not a number: left out */
void figures_bool(struct figures *f, const char *name, bool v);
void figures_bin(struct figures *f, const char *name, const void *p, size_t n);
void figures_list(struct figures *f, const char *name, const float *v, int64_t n);
/* The mean, and as NAME_se its standard error (left out below two rows). */
void figures_score(struct figures *f, const char *name, const struct score *s);
/* opt_OBJ, unless a label says it already, and gap_OBJ = loss - optimum, signed. */
void figures_gap(struct figures *f, const char *obj, double loss, double optimum);
/* A copy of another's figure, under its own name. */
void figures_copy(struct figures *f, const struct figure *from);

/* NULL: there is none.  figures_number: a figure as a double; false where it is missing or no
 * number. */
const struct figure *figures_find(const struct figures *f, const char *name);
bool figures_number(const struct figures *f, const char *name, double *v);
bool figure_is_number(const struct figure *f, double *v);

/* Adds the numbers, texts and booleans of a metric record as it stands, but not its kind. */
void figures_read(struct figures *f, const struct rec *r);
/* Appends them as one record: a map with t=metric first. */
enum st figures_write(struct buf *b, const struct figures *f) must_use;

/* --label KEY=VALUE: a number stays one.  ST_USAGE: no '=', or a key that is a field of ours. */
enum st figures_label(struct figures *f, const char *text) must_use;
/* True for a name that --label could have given: no '/' in it and not a field of ours. */
bool figures_is_label(struct view name);

#endif
