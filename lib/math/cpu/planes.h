/* planes.h - floats as sums of bfloat16, high + middle + low, and packed so for tiles (amx.c). */
#ifndef PLANES_H
#define PLANES_H

#include "math/cpu/gemm.h"

#if defined(__AVX512BW__)
#define SIDE   16                              /* of a tile, in rows and in words */
#define DEEP   32                              /* of k in a tile */
#define PLANE  (SIDE * SIDE)                   /* words of a tile */

/* a b + c, rounded once, in any build. */
INLINE vec v_fma(vec a, vec b, vec c)
{
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

#define PLANE_BITS ((int32_t)0xffff0000)       /* of a word: those of a bfloat16 */

/* The upper half of a float, rounded; what is left of x is the next plane's. */
INLINE ivec upper(vec x)
{
    return ((ivec)x + 0x8000) & PLANE_BITS;
}

/* To the nearest, ties to even; NaN stays.  The lower half is not cleared. */
INLINE ivec nearest(vec x)
{
    ivec u = (ivec)x, nan = (ivec)(x != x), even = (u >> 16) & 1;

    return (nan & (u | 0x400000)) | (~nan & (u + 0x7fff + even));
}

/* What bfloat16 each of x's planes holds, as floats: of three, or of one, x rounded. */
INLINE void planes_of(const int planes, vec to[3], vec x)
{
    if (planes == 1) {
        to[0] = (vec)(nearest(x) & PLANE_BITS);
        return;
    }
    to[0] = (vec)upper(x);
    x = x - to[0];
    to[1] = (vec)upper(x);
    to[2] = (vec)((ivec)(x - to[1]) & PLANE_BITS);
}

INLINE int64_t steps_of(int64_t K)
{
    return (K + DEEP - 1) / DEEP;
}

/* Of one strip, `planes` of them. */
INLINE int64_t strip_floats(int planes, int64_t K)
{
    return steps_of(K) * planes * PLANE;
}

/* Words of which the lower half is a's upper one and the upper half b's. */
INLINE void put(float *to, ivec a, ivec b)
{
    v_store(to, (vec)((ivec)((__v16su)a >> 16) | (b & PLANE_BITS)));
}

/* A row of a tile, of each plane.  The low plane holds all that is left, NaN too.  Of halves the
 * high plane alone is written, and read. */
INLINE void split(const int planes, const bool half, float *to, vec a, vec b)
{
    if (half) {
        put(to, (ivec)a, (ivec)b);
        return;
    }
    if (planes == 1) {
        put(to, nearest(a), nearest(b));
        return;
    }
    ivec x = upper(a), y = upper(b);

    put(to, x, y);
    a -= (vec)x;
    b -= (vec)y;
    x = upper(a);
    y = upper(b);
    put(to + PLANE, x, y);
    put(to + 2 * PLANE, (ivec)(a - (vec)x), (ivec)(b - (vec)y));
}

/* 16 rows of 16 floats from p on, `row` apart, of which `rows` and `lanes` are there, the others
 * 0; turned where it is the lanes that are apart. */
INLINE void take(const bool half, vec r[SIDE], const float *p, int64_t apart, bool turned,
                 int64_t rows, int64_t lanes)
{
    if (turned) {
        int64_t n = rows;
        rows = lanes;
        lanes = n;
    }
    for (int64_t i = 0; i < SIDE; i++)
        r[i] = i < rows && lanes > 0 ? view2_row(half, view2_on(half, p, i * apart), 0, lanes)
                                     : v_zero();
    if (turned)
        v_turn(r);
}

INLINE vec row_of(const bool half, const float *p, int64_t at)
{
    return half ? v_load_half(view2_on(half, p, at)) : v_load(p + at);
}

/* The same of a whole tile: both blocks there. */
INLINE void whole(const int planes, const bool half, float *to, const float *p, const float *q,
                  int64_t apart, bool turned)
{
    vec a[SIDE], b[SIDE];

    if (!turned) {
#pragma GCC unroll 4
        for (int64_t i = 0; i < SIDE; i++)
            split(planes, half, to + i * SIDE, row_of(half, p, i * apart),
                  row_of(half, q, i * apart));
        return;
    }
    for (int64_t i = 0; i < SIDE; i++) {
        a[i] = row_of(half, p, i * apart);
        b[i] = row_of(half, q, i * apart);
    }
    v_turn(a);
    v_turn(b);
    for (int64_t i = 0; i < SIDE; i++)
        split(planes, half, to + i * SIDE, a[i], b[i]);
}

/* 2 SIDE rows of A over n whole tiles, which are packed `each` rows at a time between the products
 * of those before them.  They are weights that come from memory, in rows too short for the
 * machine's own prefetch: the next 2 SIDE rows are asked for. */
struct later {
    void       (*some)(struct later *l);
    const float *p;
    int64_t      apart, n;                     /* from row to row, in numbers */
    float       *to;
    int64_t      at, each;                     /* rows done; at a time */
};

INLINE void pack_some(const int planes, const bool half, struct later *l)
{
    int64_t end = MIN(l->at + l->each, 2 * SIDE);

    for (; l->at < end; l->at++)
        for (int64_t t = 0; t < l->n; t++) {
            const float *p = view2_on(half, l->p, l->at * l->apart + t * DEEP);
            float *to = l->to + (l->at / SIDE * l->n + t) * planes * PLANE + l->at % SIDE * SIDE;
            __builtin_prefetch(view2_on(half, p, 2 * SIDE * l->apart), 0, 2);
            if (half) {
                v_store(to, v_across(v_words(p)));
                continue;
            }
            __builtin_prefetch(view2_on(half, p, 2 * SIDE * l->apart + SIDE), 0, 2);
            split(planes, half, to, v_load(p), v_load(p + SIDE));
        }
}

/* n <= SIDE rows of A and K of the sum, or with `pairs` columns of B, as tiles. */
INLINE void pack(const int planes, const bool pairs, const bool half, float *to, const float *p,
                 int64_t other, int64_t k, int64_t n, int64_t K)
{
    bool turned = pairs ? other != 1 : k != 1;
    int64_t apart = other == 1 ? k : other;

    for (int64_t at = 0; at < K; at += DEEP, to += planes * PLANE) {
        int64_t first = MIN(SIDE, K - at), second = MAX(0, MIN(SIDE, K - at - SIDE));
        const float *here = view2_on(half, p, at * k);
        const float *q = second > 0 ? view2_on(half, here, SIDE * k) : here;
        if (n == SIDE && second == SIDE) {
            whole(planes, half, to, here, q, apart, turned);
            continue;
        }
        vec a[SIDE], b[SIDE];
        take(half, a, here, apart, turned, pairs ? first : n, pairs ? n : first);
        take(half, b, q, apart, turned, pairs ? second : n, pairs ? n : second);
        for (int64_t i = 0; i < SIDE; i++)
            split(planes, half, to + i * SIDE, a[i], b[i]);
    }
}

INLINE void pack_b(const int planes, float *to, struct view2 b, int64_t K, int64_t J)
{
    for (int64_t j = 0; j < J; j += SIDE, to += strip_floats(planes, K))
        if (b.half)
            pack(planes, true, true, to, view2_at(b, 0, j).p, b.col, b.row, MIN(SIDE, J - j), K);
        else
            pack(planes, true, false, to, b.p + j * b.col, b.col, b.row, MIN(SIDE, J - j), K);
}
#endif

#endif
