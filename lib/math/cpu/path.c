/* path.c - attention's keys: gathered along the path from the root, packed in blocks. */
#include "math/cpu/attention.h"

struct att att_of(struct heads q, struct heads k, struct heads v, const struct forest *f,
                  double scale, int64_t window)
{
    BUG_IF(k.n < 1 || q.n % k.n || v.n != k.n || k.E != q.E || v.E != q.E);
    struct att a = { .q = q, .k = k, .v = v, .f = f, .scale = (float)scale, .window = window,
                     .group = q.n / k.n, .Ep = round_lanes(q.E) };
    a.own = att_floats(&a);
    return a;
}

size_t att_floats(const struct att *a)
{
    return (size_t)(6 * KEYS * a->Ep + 2 * ROWS * KEYS + 2 * ROWS * a->Ep +
                    a->group * RUN * (a->Ep + 2));
}

struct att_scratch att_carve(const struct att *a, int worker)
{
    struct att_scratch t;
    int64_t keys = KEYS * a->Ep, rows = ROWS * a->Ep, run = a->group * RUN;
    float *p = a->scratch + (size_t)worker * a->own;
    struct { float **to; int64_t n; } all[] = {
        { &t.kt, keys }, { &t.vt, keys }, { &t.k, keys }, { &t.v, keys }, { &t.dk, keys },
        { &t.dv, keys }, { &t.s, ROWS * KEYS }, { &t.dp, ROWS * KEYS }, { &t.q, rows },
        { &t.dout, rows }, { &t.o, run * a->Ep }, { &t.m, run }, { &t.l, run },
    };

    for (int64_t i = 0; i < countof(all); p += all[i].n, i++)
        *all[i].to = p;
    return t;
}

void att_starts(const struct forest *f, int32_t *start)
{
    for (int64_t s = 0; s < f->n_segs; s++) {
        int32_t up = f->seg[s].parent, depth = 1;
        BUG_IF(up >= s);
        start[s] = up < 0 ? 0 : start[up] + (f->seg[up].end - f->seg[up].begin);
        for (; up >= 0; up = f->seg[up].parent)
            depth++;
        BUG_IF(depth > FOREST_DEPTH_MAX);
    }
}

int64_t att_token(const struct att *a, int64_t s, int64_t pos, int64_t *n)
{
    while (pos < a->start[s])
        s = a->f->seg[s].parent;
    int64_t token = a->f->seg[s].begin + (pos - a->start[s]);
    *n = a->f->seg[s].end - token;
    return token;
}

void att_take(const struct att *a, float *to, struct heads x, int64_t head, int64_t s, int64_t p0,
              int64_t p1)
{
    for (int64_t p = p0, n; p < p1; p += n) {
        const float *from = x.p + att_token(a, s, p, &n) * x.row + head * x.head;
        n = MIN(n, p1 - p);
        for (int64_t i = 0; i < n; i++, to += a->Ep, from += x.row)
            for (int64_t e = 0; e < a->Ep; e += LANES)
                v_store(to + e, v_row(from, e, x.E));
    }
}

void att_turn(float *to, const float *from, int64_t n, int64_t Ep)
{
    for (int64_t e = 0; e < Ep; e += LANES)
        for (int64_t j = 0; j < n; j += LANES) {
            vec r[LANES];
            for (int64_t l = 0; l < LANES; l++)
                r[l] = j + l < n ? v_load(from + (j + l) * Ep + e) : v_zero();
            v_turn(r);
            for (int64_t l = 0; l < LANES; l++)
                v_store(to + (e + l) * KEYS + j, r[l]);
        }
}

void att_product(int64_t rows, int64_t cols, int64_t K, struct view2 a, const float *b, int64_t ldb,
                 float *c, int64_t ldc, enum gemm_mode mode)
{
    for (int64_t i = 0; i < rows; i += GEMM_R)
        for (int64_t j = 0; j < cols; j += GEMM_COLS)
            gemm_tile(MIN(GEMM_R, rows - i), MIN(GEMM_COLS, cols - j), K,
                      view2(a.p + i * a.row, a.row, a.col), b + j, ldb, c + i * ldc + j,
                      ldc, NULL, mode);
}
