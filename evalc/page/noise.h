/* noise.h - the noise that the held-out rows make in a difference of two runs.
 *
 * Runs of a seed are scored on the same rows, so a hard row moves both and cancels: the error of
 * the difference is far below that of either.  It comes from what --items wrote of each run.  The
 * ideal point and the nadir are taken as given. */
#ifndef NOISE_H
#define NOISE_H

#include "seeds.h"

struct row_values {
    uint64_t key;                              /* of the row; the same again counts up `order` */
    int64_t  order;
    double   a, b;                             /* its part of both sums */
};

/* Of one objective, by key; the loss is sum a / sum b. */
struct row_list {
    int64_t            n;
    struct row_values *v;
    double             a, b;
};

/* list[2], of both objectives; n 0 where there is no file.  ST_DATA: broken. */
enum st rows_read(struct row_list *list, const char *path, struct arena *a) must_use;
/* The rows make the losses the run was given; else they are another evaluation's. */
bool rows_agree(const struct row_list *list, const struct run *r);

/* The standard error of study_distance(x) - study_distance(y), linearised.  NaN where a row of one
 * is not the other's, or there are none. */
double rows_error(const struct run *x, const struct row_list *of_x, const struct run *y,
                  const struct row_list *of_y);

#endif
