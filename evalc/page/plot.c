/* plot.c - SVG by hand: few marks, coordinates to a tenth of a unit, so the bytes are few and the
 * same everywhere. */
#include <math.h>

#include "plot.h"

enum { DRAWN_MAX = 200 };

/* ---- axes ---- */

struct extent extent_none(void)
{
    return (struct extent){ INFINITY, -INFINITY };
}

void extent_add(struct extent *e, double v)
{
    if (isfinite(v)) {
        e->lo = fmin(e->lo, v);
        e->hi = fmax(e->hi, v);
    }
}

struct axis axis_over(double lo, double hi, bool zero)
{
    struct axis x = { .lo = lo, .hi = hi };

    if (!(lo <= hi))                           /* nothing was added */
        return (struct axis){ .lo = 0, .hi = 1 };
    if (!zero && lo > 0 && hi / lo > 4) {
        x.log = true;
        x.lo = lo / pow(hi / lo, .06);
        x.hi = hi * pow(hi / lo, .06);
        return x;
    }
    if (zero) {
        x.lo = fmin(lo, 0);
        x.hi = fmax(hi, 0);
    }
    double air = (x.hi - x.lo) * .06;
    if (!(air > 0))
        air = fabs(x.hi) * .1 + 1e-9;
    if (!zero || x.lo < 0)
        x.lo -= air;
    if (!zero || x.hi > 0 || x.lo == 0)
        x.hi += air;
    return x;
}

double axis_at(const struct axis *x, double v)
{
    double share = x->log ? log(v / x->lo) / log(x->hi / x->lo) : (v - x->lo) / (x->hi - x->lo);

    return x->from + share * (x->to - x->from);
}

/* 1, 2 or 5 times a power of ten, the first not below v. */
static double rounded_up(double v)
{
    double power = pow(10, floor(log10(v)));

    for (int i = 0; i < 3; i++)
        if ((double[]){ 1, 2, 5 }[i] * power >= v * (1 - 1e-9))
            return (double[]){ 1, 2, 5 }[i] * power;
    return 10 * power;
}

static int log_ticks(const struct axis *x, double tick[PLOT_TICKS_MAX])
{
    static const double all[] = { 1, 2, 5 };
    int decades = (int)ceil(log10(x->hi / x->lo)), n = 0;

    for (int e = (int)floor(log10(x->lo)); e <= (int)ceil(log10(x->hi)); e++)
        for (int i = 0; i < (decades > 3 ? 1 : 3); i++) {
            double v = all[i] * pow(10, e);
            if (v >= x->lo && v <= x->hi && n < PLOT_TICKS_MAX)
                tick[n++] = v;
        }
    return n;
}

int axis_ticks(const struct axis *x, int n, double tick[PLOT_TICKS_MAX])
{
    if (x->log)
        return log_ticks(x, tick);

    double step = rounded_up((x->hi - x->lo) / n);
    int k = 0;
    for (double i = ceil(x->lo / step - 1e-9); i * step <= x->hi && k < PLOT_TICKS_MAX; i++)
        tick[k++] = i * step + 0.;                /* no -0 */
    return k;
}

/* ---- the frame ---- */

void plot_frame(struct plot *p, double top, double bottom, struct axis x, struct axis y)
{
    p->top = top;
    p->bottom = bottom;
    p->x = x;
    p->y = y;
    p->x.from = p->left;
    p->x.to = p->right;
    p->y.from = p->bottom;
    p->y.to = p->top;
}

void plot_open(struct plot *p, struct html *h, double height, struct axis x, struct axis y,
               const char *says)
{
    *p = (struct plot){ .h = h, .width = PLOT_WIDTH, .height = height, .left = 44,
                        .right = PLOT_WIDTH - 12 };
    put(h, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", PLOT_WIDTH, height);
    put_text(h, view_of(says));
    put(h, "\">\n");
    plot_frame(p, 20, height - 36, x, y);
}

void plot_axes(const struct plot *p, const char *x_name, const char *y_name)
{
    double tick[PLOT_TICKS_MAX];
    int n = axis_ticks(&p->x, 5, tick);
    double last = -INFINITY;

    put(p->h, "<g class=\"grid\">");
    for (int i = 0; i < n; i++) {
        double at = axis_at(&p->x, tick[i]);
        put(p->h, "<path d=\"M%.1f %.1fV%.1f\"/>", at, p->top, p->bottom);
        if (x_name && at - last > 26) {
            put(p->h, "<text x=\"%.1f\" y=\"%.1f\" class=\"mid\">%g</text>", at, p->bottom + 14,
                tick[i]);
            last = at;
        }
    }
    n = axis_ticks(&p->y, (int)((p->bottom - p->top) / 36) + 1, tick);
    last = INFINITY;
    for (int i = 0; i < n; i++) {
        double at = axis_at(&p->y, tick[i]);
        put(p->h, "<path d=\"M%.1f %.1fH%.1f\"/>", p->left, at, p->right);
        if (last - at > 12) {
            put(p->h, "<text x=\"%.1f\" y=\"%.1f\" class=\"end\">%g</text>", p->left - 5, at + 4,
                tick[i]);
            last = at;
        }
    }
    put(p->h, "</g>\n");
    if (x_name)
        put(p->h, "<text x=\"%.1f\" y=\"%.1f\" class=\"end name\">%s</text>\n", p->right,
            p->bottom + 30, x_name);
    if (y_name)
        put(p->h, "<text x=\"4\" y=\"%.1f\" class=\"name\">%s</text>\n", p->top - 8, y_name);
}

void plot_close(const struct plot *p)
{
    put(p->h, "</svg>\n");
}

/* ---- marks ---- */

static void title(struct html *h, const char *text)
{
    put(h, "<title>");
    put_text(h, view_of(text));
    put(h, "</title>");
}

static bool outside(const struct plot *p, double x, double y)
{
    return !(x >= p->left - 1 && x <= p->right + 1 && y >= p->top - 1 && y <= p->bottom + 1);
}

void plot_mark(const struct plot *p, int shape, double vx, double vy, double r, const char *says)
{
    double x = axis_at(&p->x, vx), y = axis_at(&p->y, vy), s = r * .9, t = r * 1.25;
    struct html *h = p->h;

    if (outside(p, x, y))
        return;
    switch (shape % 6) {
    case 5: put(h, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">", x, y, r); break;
    case 1:
        put(h, "<path d=\"M%.1f %.1fh%.1fv%.1fh%.1fz\">", x - s, y - s, 2 * s, 2 * s, -2 * s);
        break;
    case 2: put(h, "<path d=\"M%.1f %.1fl%.1f %.1fh%.1fz\">", x, y - t, t, 1.8 * t, -2 * t); break;
    case 3: put(h, "<path d=\"M%.1f %.1fl%.1f %.1fh%.1fz\">", x, y + t, t, -1.8 * t, -2 * t); break;
    case 4:
        put(h, "<path d=\"M%.1f %.1fl%.1f %.1f %.1f %.1f %.1f %.1fz\">", x, y - t, t, t, -t, t, -t,
            -t);
        break;
    case 0:
        put(h, "<path class=\"line\" d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\">", x - s, y - s,
            2 * s, 2 * s, -2 * s, -2 * s, 2 * s);
        break;
    }
    title(h, says);
    put(h, shape % 6 == 5 ? "</circle>" : "</path>");
}

void plot_line(const struct plot *p, const double *x, const double *y, int64_t n, const char *class)
{
    int64_t each = (n + DRAWN_MAX - 1) / DRAWN_MAX;
    bool down = false;

    if (n < 2)
        return;
    put(p->h, "<path class=\"%s\" d=\"", class);
    for (int64_t i = 0; i < n; i += each) {
        int64_t k = MIN(each, n - i);
        double sx = 0, sy = 0;
        for (int64_t j = i; j < i + k; j++) {
            sx += x[j];
            sy += y[j];
        }
        double ax = axis_at(&p->x, sx / (double)k), ay = axis_at(&p->y, sy / (double)k);
        if (!isfinite(ax) || !isfinite(ay)) {
            down = false;
            continue;
        }
        put(p->h, "%c%.1f %.1f", down ? 'L' : 'M', fmin(fmax(ax, p->left), p->right),
            fmin(fmax(ay, p->top), p->bottom));
        down = true;
    }
    put(p->h, "\"/>");
}

void plot_error(const struct plot *p, double x, double y, double sx, double sy)
{
    double ax = axis_at(&p->x, x), ay = axis_at(&p->y, y);

    if (outside(p, ax, ay))
        return;
    if (isfinite(sx) && sx > 0) {
        double lo = p->x.log && x - sx <= p->x.lo ? p->left : axis_at(&p->x, x - sx);
        put(p->h, "<path class=\"line\" d=\"M%.1f %.1fH%.1f\"/>", fmax(lo, p->left), ay,
            fmin(axis_at(&p->x, x + sx), p->right));
    }
    if (isfinite(sy) && sy > 0) {
        double lo = p->y.log && y - sy <= p->y.lo ? p->bottom : axis_at(&p->y, y - sy);
        put(p->h, "<path class=\"line\" d=\"M%.1f %.1fV%.1f\"/>", ax, fmin(lo, p->bottom),
            fmax(axis_at(&p->y, y + sy), p->top));
    }
}

/* ---- words ---- */

static double wide(const char *text)
{
    double n = 0;

    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return 6.2 * n;
}

static bool touch(const struct words *a, const struct words *b)
{
    return fabs(a->y - b->y) < 12 && a->x < b->x + wide(b->text) && b->x < a->x + wide(a->text);
}

void plot_words(const struct plot *p, struct words *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x = axis_at(&p->x, w[i].x), y = axis_at(&p->y, w[i].y), wish = y + 4;
        bool left = x + 8 + wide(w[i].text) > p->right + 10;
        w[i].x = left ? fmax(x - 8 - wide(w[i].text), 0) : x + 8;
        for (int k = 0; k < 24; k++) {         /* up and down in turn, ever farther */
            w[i].y = wish + (k % 2 ? -1 : 1) * 6. * ((k + 1) / 2);
            bool free = w[i].y > p->top && w[i].y < p->bottom;
            for (int64_t j = 0; free && j < i; j++)
                free = !touch(&w[i], &w[j]);
            if (free)
                break;
        }
        put(p->h, "<text class=\"m%d word\" x=\"%.1f\" y=\"%.1f\">", w[i].hue, w[i].x, w[i].y);
        put_text(p->h, view_of(w[i].text));
        put(p->h, "</text>\n");
    }
}
