/* plot.h - axes and marks of an inline SVG.
 *
 * A plot is 360 units wide and scales with its place on the page, so that its words are as large
 * as the page's on a phone and three stand side by side on a desk.  Colours are the page's: a
 * group of class m0, m1, ... has its method's `currentColor`, in light and dark and in print.
 * Every mark has a title, which a pointer shows and a reader reads out. */
#ifndef PLOT_H
#define PLOT_H

#include "html.h"

enum { PLOT_WIDTH = 360, PLOT_TICKS_MAX = 24 };

struct axis {
    double lo, hi;                             /* of the values; log: both above 0 */
    double from, to;                           /* where they stand */
    bool   log;
};

/* From 0 on, or (zero false) around the values with a little air; logarithmic where all are above
 * 0 and span more than a factor of 4. */
struct axis axis_over(double lo, double hi, bool zero);
double axis_at(const struct axis *x, double v);
/* 1, 2, 5 times a power of ten, about n of them; returns how many. */
int axis_ticks(const struct axis *x, int n, double tick[PLOT_TICKS_MAX]);
/* The range of values, widened by one that is a number. */
struct extent { double lo, hi; };
struct extent extent_none(void);
void extent_add(struct extent *e, double v);

struct plot {
    struct html *h;
    double       width, height, left, top, right, bottom;  /* the frame's sides */
    struct axis  x, y;
};

/* Opens the picture; `says` is for who cannot see it.  The frame leaves room for the words of both
 * axes.  x.from and so on are set. */
void plot_open(struct plot *p, struct html *h, double height, struct axis x, struct axis y,
               const char *says);
/* A frame below or beside another in the same picture: from `top` to `bottom`. */
void plot_frame(struct plot *p, double top, double bottom, struct axis x, struct axis y);
/* Lines of the grid with their values; NULL: no name, and of x no values either. */
void plot_axes(const struct plot *p, const char *x_name, const char *y_name);
void plot_close(const struct plot *p);

/* One of six shapes by the method's hue, so that a print without colours still tells them apart. */
void plot_mark(const struct plot *p, int shape, double x, double y, double r, const char *title);
/* A line through the points; those outside the frame are cut off at it.  At most a few hundred
 * points are drawn: more are taken together as means. */
void plot_line(const struct plot *p, const double *x, const double *y, int64_t n,
               const char *class);
/* -+ se about the point, either way; nothing where it is no number. */
void plot_error(const struct plot *p, double x, double y, double sx, double sy);

/* Words beside points, each pushed away from those before it. */
struct words { double x, y; int hue; char text[48]; };
void plot_words(const struct plot *p, struct words *w, int64_t n);

#endif
