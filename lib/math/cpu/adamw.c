/* adamw.c - the update, and the sum of squares that clipping needs.
 *
 * The update reads and writes each number once: it is bound by memory, so all of it is one loop.
 * The sum of squares is taken in double over blocks of a fixed size, and the blocks are added in
 * their order. */
#include <math.h>

#include "math/cpu/cpu.h"

#define BLOCK 16384                            /* numbers of one partial sum */

struct squares { const float *x; int64_t n; double *part; };

static void squares_part(void *of, int64_t begin, int64_t end)
{
    const struct squares *k = of;

    for (int64_t b = begin; b < end; b++) {
        vecd lo = { 0 }, hi = { 0 };
        int64_t last = MIN(k->n, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < last; i += LANES) {
            vec a = v_row(k->x, i, last);
            vecd l = v_wide(a, 0), h = v_wide(a, 1);
            lo += l * l;
            hi += h * h;
        }
        k->part[b] = v_sum_wide(lo + hi);
    }
}

void cpu_sumsq(struct dev *d, double *sum, struct tensor x)
{
    int64_t n = tensor_n(x), blocks = (n + BLOCK - 1) / BLOCK;
    struct squares k = { f32(x), n, cpu_scratch(d, (size_t)blocks * sizeof(double)) };
    double all = 0;

    if (!k.part)
        return;
    cpu_share(d, blocks, 1, 0.15 * BLOCK, squares_part, &k);
    for (int64_t b = 0; b < blocks; b++)
        all += k.part[b];
    *sum += all;
}

struct update {
    float       *m, *v;
    const float *g;
    void        *w;                            /* floats, or halves with */
    uint16_t    *low;                          /*   what they lack */
    float        keep, scale, b1, c1, b2, c2, step, root, eps;
};

INLINE void update_some(const bool halves, const struct update *k, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i += LANES) {
        vec g = v_row(k->g, i, end) * k->scale;
        vec m = v_row(k->m, i, end) * k->b1 + g * k->c1;
        vec v = v_row(k->v, i, end) * k->b2 + g * g * k->c2;
        v_row_put(k->m, i, end, m);
        v_row_put(k->v, i, end, v);
        vec w = halves ? v_row_master(k->w, k->low, i, end) : v_row(k->w, i, end);
        w = w * k->keep - k->step * (m / (v_sqrt(v) * k->root + k->eps));
        if (halves)
            v_row_put_master(k->w, k->low, i, end, w);
        else
            v_row_put(k->w, i, end, w);
    }
}

static void update_part(void *of, int64_t begin, int64_t end)
{
    const struct update *k = of;

    if (k->low)
        update_some(true, k, begin, end);
    else
        update_some(false, k, begin, end);
}

void cpu_adamw(struct dev *d, struct tensor w, struct tensor m, struct tensor v, struct tensor g,
               double gscale, struct adamw h)
{
    int64_t n = tensor_n(w);
    struct update k = {
        .w = w.p, .low = w.low, .m = f32(m), .v = f32(v), .g = f32(g), .scale = (float)gscale,
        .keep = (float)(1 - h.lr * h.decay), .eps = (float)h.eps,
        .b1 = (float)h.beta1, .c1 = (float)(1 - h.beta1),
        .b2 = (float)h.beta2, .c2 = (float)(1 - h.beta2),
        .step = (float)(h.lr / (1 - pow(h.beta1, (double)h.step))),
        .root = (float)(1 / sqrt(1 - pow(h.beta2, (double)h.step))),
    };

    BUG_IF(w.type != (w.low ? BF16 : F32));
    BUG_IF(tensor_n(m) != n || tensor_n(v) != n || tensor_n(g) != n || h.step < 1);
    cpu_share(d, n, 64 * LANES, 0.5, update_part, &k);
}
