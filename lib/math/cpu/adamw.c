/* adamw.c - the update, and the sum of squares that clipping needs.
 *
 * The update reads and writes each number once: it is bound by memory, so all of it is one loop.  The sum of squares is
 * taken in double over blocks of a fixed size and the blocks are added in their order. */
#include <math.h>

#include "math/cpu/cpu.h"

#define BLOCK 16384                            /* numbers of one partial sum */

static double block_sumsq(const float *x, int64_t n)
{
    v8d lo = { 0 }, hi = { 0 };

    for (int64_t i = 0; i < n; i += LANES) {
        v16 a = v_row(x, i, n);
        v8d l = v_wide(a, 0), h = v_wide(a, 1);
        lo += l * l;
        hi += h * h;
    }
    return v_sum_wide(lo + hi);
}

void cpu_sumsq(struct dev *d, double *sum, struct tensor x)
{
    int64_t n = tensor_n(x), blocks = (n + BLOCK - 1) / BLOCK;
    double *part = cpu_scratch(d, (size_t)blocks * sizeof(double));
    int team = cpu_team(d, (double)n * 0.2);

    if (!part)
        return;
    PARALLEL(team)
    for (int64_t b = 0; b < blocks; b++)
        part[b] = block_sumsq(f32(x) + b * BLOCK, MIN(BLOCK, n - b * BLOCK));
    double all = 0;
    for (int64_t b = 0; b < blocks; b++)
        all += part[b];
    *sum += all;
}

void cpu_adamw(struct dev *d, struct tensor w, struct tensor m, struct tensor v, struct tensor g, double gscale, struct adamw h)
{
    int64_t n = tensor_n(w);
    float keep = (float)(1 - h.lr * h.decay), scale = (float)gscale;
    float b1 = (float)h.beta1, c1 = (float)(1 - h.beta1), b2 = (float)h.beta2, c2 = (float)(1 - h.beta2);
    float step = (float)(h.lr / (1 - pow(h.beta1, (double)h.step)));
    float root = (float)(1 / sqrt(1 - pow(h.beta2, (double)h.step))), eps = (float)h.eps;
    int team = cpu_team(d, (double)n * 0.7);

    BUG_IF(tensor_n(m) != n || tensor_n(v) != n || tensor_n(g) != n || h.step < 1);
    PARALLEL(team)
    for (int t = 0; t < team; t++) {
        int64_t end = cpu_part(n, 1024, team, t + 1);
        for (int64_t i = cpu_part(n, 1024, team, t); i < end; i += LANES) {
            v16 gi = v_row(f32(g), i, end) * scale, mi = v_row(f32(m), i, end), vi = v_row(f32(v), i, end);
            mi = mi * b1 + gi * c1;
            vi = vi * b2 + gi * gi * c2;
            v_row_put(f32(m), i, end, mi);
            v_row_put(f32(v), i, end, vi);
            v_row_put(f32(w), i, end, v_row(f32(w), i, end) * keep - step * (mi / (v_sqrt(vi) * root + eps)));
        }
    }
}
