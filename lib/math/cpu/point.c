/* point.c - embedding, gathering, rotary angles, activations, sums: what works number by number.
 *
 * Sums by rows that may repeat (embed_bwd, gather_bwd) share out columns among the threads, so that each column takes the
 * rows in their order.  Angles are computed in double once per position and kept as float tables. */
#include <math.h>

#include "math/cpu/cpu.h"

/* to[i] = from[at[i]] by rows of D */
static void rows_out(struct dev *d, float *to, const float *from, const int32_t *at, int64_t n, int64_t D)
{
    int team = cpu_team(d, (double)(n * D) * 0.2);

    PARALLEL(team)
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * D, from + at[i] * D, (size_t)D * sizeof(float));
}

/* to[at[i]] += from[i] by rows of D, in the order of i */
static void rows_in(struct dev *d, float *to, const float *from, const int32_t *at, int64_t n, int64_t D)
{
    int team = cpu_team(d, (double)(n * D) * 0.2);

    PARALLEL(team)
    for (int t = 0; t < team; t++) {
        int64_t j0 = cpu_part(D, LANES, team, t), j1 = cpu_part(D, LANES, team, t + 1);
        for (int64_t i = 0; i < n; i++) {
            float *row = to + at[i] * D;
            for (int64_t j = j0; j < j1; j += LANES)
                v_row_put(row, j, j1, v_row(row, j, j1) + v_row(from + i * D, j, j1));
        }
    }
}

void cpu_embed(struct dev *d, struct tensor x, struct tensor table, const int32_t *token)
{
    BUG_IF(x.rank != 2 || table.rank != 2 || x.d[1] != table.d[1]);
    rows_out(d, f32(x), f32(table), token, x.d[0], x.d[1]);
}

void cpu_embed_bwd(struct dev *d, struct tensor dtable, struct tensor dx, const int32_t *token)
{
    BUG_IF(dx.rank != 2 || dtable.rank != 2 || dx.d[1] != dtable.d[1]);
    rows_in(d, f32(dtable), f32(dx), token, dx.d[0], dx.d[1]);
}

void cpu_gather(struct dev *d, struct tensor y, struct tensor x, const int32_t *at)
{
    BUG_IF(x.rank != 2 || y.rank != 2 || x.d[1] != y.d[1]);
    rows_out(d, f32(y), f32(x), at, y.d[0], y.d[1]);
}

void cpu_gather_bwd(struct dev *d, struct tensor dx, struct tensor dy, const int32_t *at)
{
    BUG_IF(dx.rank != 2 || dy.rank != 2 || dx.d[1] != dy.d[1]);
    rows_in(d, f32(dx), f32(dy), at, dy.d[0], dy.d[1]);
}

/* The table for these frequencies with at least n_pos positions; false: no memory, the fault is kept. */
static bool rope_table(struct dev *d, const double *freq, int64_t n_freq, int64_t n_pos)
{
    struct rope_table *r = &d->own->rope;

    if (r->n_freq == n_freq && r->n_pos >= n_pos && memcmp(r->freq, freq, (size_t)n_freq * sizeof(*freq)) == 0)
        return true;
    dev_free(d, r->cos);
    dev_free(d, r->sin);
    dev_free(d, r->freq);
    int64_t room = (n_pos + 255) / 256 * 256;
    *r = (struct rope_table){ .n_pos = room, .n_freq = n_freq };
    r->cos = dev_alloc(d, (size_t)(room * n_freq) * sizeof(float));
    r->sin = dev_alloc(d, (size_t)(room * n_freq) * sizeof(float));
    r->freq = dev_alloc(d, (size_t)n_freq * sizeof(double));
    if (!r->cos || !r->sin || !r->freq) {
        r->n_freq = 0;
        d->own->fault = ST_SYS;
        return false;
    }
    memcpy(r->freq, freq, (size_t)n_freq * sizeof(*freq));
    for (int64_t p = 0; p < room; p++)
        for (int64_t j = 0; j < n_freq; j++) {
            r->cos[p * n_freq + j] = (float)cos((double)p * freq[j]);
            r->sin[p * n_freq + j] = (float)sin((double)p * freq[j]);
        }
    return true;
}

void cpu_rope(struct dev *d, struct heads x, const struct forest *f, const double *freq, int64_t n_freq, int sign)
{
    const struct rope_table *r = &d->own->rope;
    int32_t top = -1;

    for (int64_t i = 0; i < f->n_tokens; i++)
        top = MAX(top, f->pos[i]);
    BUG_IF(2 * n_freq > x.E || n_freq < 1);
    if (top < 0 || !rope_table(d, freq, n_freq, (int64_t)top + 1))
        return;
    int team = cpu_team(d, (double)(f->n_tokens * x.n * n_freq) * 0.4);
    PARALLEL(team)
    for (int64_t i = 0; i < f->n_tokens; i++) {
        const float *c = r->cos + f->pos[i] * n_freq, *s = r->sin + f->pos[i] * n_freq;
        for (int64_t h = 0; h < x.n; h++) {
            float *a = x.p + i * x.row + h * x.head, *b = a + n_freq;
            for (int64_t j = 0; j < n_freq; j += LANES) {
                v16 co = v_row(c, j, n_freq), si = v_row(s, j, n_freq) * (float)sign;
                v16 va = v_row(a, j, n_freq), vb = v_row(b, j, n_freq);
                v_row_put(a, j, n_freq, va * co - vb * si);
                v_row_put(b, j, n_freq, vb * co + va * si);
            }
        }
    }
}

/* Runs `body` over n numbers sixteen at a time, the last ones padded: v16 at(k) loads argument k, put(k, x) stores.  The
 * same body serves whole and part, so no number's bits depend on where the end is. */
#define POINTWISE(n, ns_each, ...)                                               \
    do {                                                                         \
        int64_t n_ = (n);                                                        \
        int team = cpu_team(d, (double)n_ * (ns_each));                          \
        PARALLEL(team)                                                           \
        for (int t_ = 0; t_ < team; t_++) {                                      \
            int64_t end = cpu_part(n_, 4 * LANES, team, t_ + 1);                 \
            for (int64_t i = cpu_part(n_, 4 * LANES, team, t_); i < end; i += LANES) \
                __VA_ARGS__                                                      \
        }                                                                        \
    } while (0)
#define AT(t)     v_row(f32(t), i, end)
#define PUT(t, x) v_row_put(f32(t), i, end, x)

void cpu_add(struct dev *d, struct tensor y, struct tensor a, struct tensor b)
{
    BUG_IF(tensor_n(y) != tensor_n(a) || tensor_n(y) != tensor_n(b));
    POINTWISE(tensor_n(y), 0.15, { PUT(y, AT(a) + AT(b)); });
}

void cpu_swiglu(struct dev *d, struct tensor y, struct tensor gate, struct tensor up)
{
    BUG_IF(tensor_n(y) != tensor_n(gate) || tensor_n(y) != tensor_n(up));
    POINTWISE(tensor_n(y), 0.4, {
        v16 g = AT(gate), rest;
        PUT(y, g * v_sigmoid(g, &rest) * AT(up));
    });
}

void cpu_swiglu_bwd(struct dev *d, struct tensor dgate, struct tensor dup, struct tensor dy, struct tensor gate, struct tensor up)
{
    BUG_IF(tensor_n(dgate) != tensor_n(gate) || tensor_n(dup) != tensor_n(up) || tensor_n(dy) != tensor_n(up) ||
           tensor_n(dy) != tensor_n(gate));
    POINTWISE(tensor_n(dy), 0.6, {
        v16 g = AT(gate), u = AT(up), y = AT(dy), rest, s = v_sigmoid(g, &rest), silu = g * s;
        PUT(dgate, y * u * (s + silu * rest));
        PUT(dup, y * silu);
    });
}

/* x Phi(x), Phi(x) = erfc(-x / sqrt 2) / 2 with full relative precision far out too; *slope = Phi(x) + x phi(x). */
INLINE v16 gelu_erf(v16 x, v16 *slope)
{
    v16 gauss = v_gauss(x), half = 0.5f * v_erfc(v_abs(x) * 0.707106781f, gauss);
    v16 cdf = v_if((i16)(x > 0.0f), 1.0f - half, half);
    *slope = cdf + x * gauss * 0.398942280f;
    return x * cdf;
}

/* x (1 + tanh u) / 2 = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
INLINE v16 gelu_tanh(v16 x, v16 *slope)
{
    v16 rest, s = v_sigmoid(1.595769122f * x * (1.0f + 0.044715f * (x * x)), &rest);
    *slope = s + x * s * rest * 1.595769122f * (1.0f + 0.134145f * (x * x));
    return x * s;
}

void cpu_gelu(struct dev *d, struct tensor y, struct tensor x, bool tanh_form)
{
    BUG_IF(tensor_n(y) != tensor_n(x));
    if (tanh_form)
        POINTWISE(tensor_n(y), 0.5, { PUT(y, gelu_tanh(AT(x), &(v16){ 0 })); });
    else
        POINTWISE(tensor_n(y), 0.6, { PUT(y, gelu_erf(AT(x), &(v16){ 0 })); });
}

void cpu_gelu_bwd(struct dev *d, struct tensor dx, struct tensor dy, struct tensor x, bool tanh_form)
{
    BUG_IF(tensor_n(dx) != tensor_n(x) || tensor_n(dy) != tensor_n(x));
    if (tanh_form)
        POINTWISE(tensor_n(x), 0.6, {
            v16 slope;
            gelu_tanh(AT(x), &slope);
            PUT(dx, AT(dy) * slope);
        });
    else
        POINTWISE(tensor_n(x), 0.7, {
            v16 slope;
            gelu_erf(AT(x), &slope);
            PUT(dx, AT(dy) * slope);
        });
}
