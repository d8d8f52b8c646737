/* point.c - embedding, gathering, rotary angles, activations, sums: what works number by number.
 *
 * Sums by rows that may repeat (embed_bwd, gather_bwd) share out columns among the threads, so that
 * each column takes the rows in their order.  Angles are computed in double once per position and
 * kept as float tables. */
#include <math.h>

#include "base/rng.h"
#include "math/cpu/cpu.h"
#include "math/cpu/halves.h"

struct rows { float *to; const float *from; const int32_t *at; int64_t n, D; };

static void rows_out(void *of, int64_t begin, int64_t end)     /* to[i] = from[at[i]] */
{
    const struct rows *k = of;

    for (int64_t i = begin; i < end; i++)
        memcpy(k->to + i * k->D, k->from + k->at[i] * k->D, (size_t)k->D * sizeof(float));
}

static void rows_in(void *of, int64_t begin, int64_t end)      /* to[at[i]] += from[i], columns */
{
    const struct rows *k = of;

    for (int64_t i = 0; i < k->n; i++) {
        const float *from = k->from + i * k->D;
        float *to = k->to + k->at[i] * k->D;
        for (int64_t j = begin; j < end; j += LANES)
            v_row_put(to, j, end, v_row(to, j, end) + v_row(from, j, end));
    }
}

static void rows_widened(void *of, int64_t begin, int64_t end) /* the same out of halves */
{
    const struct rows *k = of;
    const uint16_t *from = (const uint16_t *)k->from;

    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < k->D; j += LANES)
            v_row_put(k->to + i * k->D, j, k->D, v_row_half(from + k->at[i] * k->D, j, k->D));
}

static void gather(struct dev *d, struct tensor y, struct tensor x, const int32_t *at)
{
    struct rows k = { f32(y), x.p, at, y.d[0], y.d[1] };

    BUG_IF(x.rank != 2 || y.rank != 2 || x.d[1] != y.d[1]);
    cpu_share(d, k.n, 1, 0.2 * (double)k.D, x.type == BF16 ? rows_widened : rows_out, &k);
}

static void scatter(struct dev *d, struct tensor dx, struct tensor dy, const int32_t *at)
{
    struct rows k = { f32(dx), f32(dy), at, dy.d[0], dy.d[1] };

    BUG_IF(dx.rank != 2 || dy.rank != 2 || dx.d[1] != dy.d[1]);
    cpu_share(d, k.D, 4 * LANES, 0.2 * (double)k.n, rows_in, &k);
}

void cpu_embed(struct dev *d, struct tensor x, struct tensor table, const int32_t *token)
{
    gather(d, x, table, token);
}

void cpu_embed_bwd(struct dev *d, struct tensor dtable, struct tensor dx, const int32_t *token)
{
    scatter(d, dtable, dx, token);
}

void cpu_gather(struct dev *d, struct tensor y, struct tensor x, const int32_t *at)
{
    gather(d, y, x, at);
}

void cpu_gather_bwd(struct dev *d, struct tensor dx, struct tensor dy, const int32_t *at)
{
    scatter(d, dx, dy, at);
}

/* The table for these frequencies with at least n_pos positions; false: no memory, fault kept. */
static bool rope_table(struct dev *d, const double *freq, int64_t n_freq, int64_t n_pos)
{
    struct rope_table *r = &d->own->rope;
    size_t freq_bytes = (size_t)n_freq * sizeof(*freq);

    if (r->n_freq == n_freq && r->n_pos >= n_pos && memcmp(r->freq, freq, freq_bytes) == 0)
        return true;
    dev_free(d, r->cos);
    dev_free(d, r->sin);
    dev_free(d, r->freq);
    int64_t room = (n_pos + 255) / 256 * 256;
    *r = (struct rope_table){ .n_pos = room, .n_freq = n_freq };
    r->cos = dev_alloc(d, (size_t)(room * n_freq) * sizeof(float));
    r->sin = dev_alloc(d, (size_t)(room * n_freq) * sizeof(float));
    r->freq = dev_alloc(d, freq_bytes);
    if (!r->cos || !r->sin || !r->freq) {
        r->n_freq = 0;
        d->own->fault = ST_SYS;
        return false;
    }
    memcpy(r->freq, freq, freq_bytes);
    for (int64_t p = 0; p < room; p++)
        for (int64_t j = 0; j < n_freq; j++) {
            r->cos[p * n_freq + j] = (float)cos((double)p * freq[j]);
            r->sin[p * n_freq + j] = (float)sin((double)p * freq[j]);
        }
    return true;
}

struct rope { const struct rope_table *table; struct heads x; const int32_t *pos; float sign; };

static void rope_part(void *of, int64_t begin, int64_t end)
{
    const struct rope *k = of;
    int64_t n = k->table->n_freq;

    for (int64_t i = begin; i < end; i++)
        for (int64_t h = 0; h < k->x.n; h++) {
            float *a = k->x.p + i * k->x.row + h * k->x.head, *b = a + n;
            for (int64_t j = 0; j < n; j += LANES) {
                vec co = v_row(k->table->cos + k->pos[i] * n, j, n);
                vec si = v_row(k->table->sin + k->pos[i] * n, j, n) * k->sign;
                vec va = v_row(a, j, n), vb = v_row(b, j, n);
                v_row_put(a, j, n, va * co - vb * si);
                v_row_put(b, j, n, vb * co + va * si);
            }
        }
}

void cpu_rope(struct dev *d, struct heads x, const struct forest *f, const double *freq,
              int64_t n_freq, int sign)
{
    struct rope k = { &d->own->rope, x, f->pos, (float)sign };
    int32_t top = -1;

    BUG_IF(2 * n_freq > x.E || n_freq < 1);
    for (int64_t i = 0; i < f->n_tokens; i++)
        top = MAX(top, f->pos[i]);
    if (top >= 0 && rope_table(d, freq, n_freq, (int64_t)top + 1))
        cpu_share(d, f->n_tokens, 1, 4 * (double)(x.n * (1 + n_freq / LANES)), rope_part, &k);
}

/* An op on n numbers, LANES at a time and the last ones padded: the same body serves whole and
 * part, so no number's bits depend on where the end is. */
struct point { float *to[2]; const float *from[3]; };

#define POINT(name, ...)                                              \
    static void name(void *of, int64_t begin, int64_t end)            \
    {                                                                 \
        const struct point *k = of;                                   \
        for (int64_t i = begin; i < end; i += LANES)                  \
            __VA_ARGS__                                               \
    }
#define FROM(a)  v_row(k->from[a], i, end)
#define TO(a, x) v_row_put(k->to[a], i, end, x)

static void point(struct dev *d, int64_t n, double ns, void (*part)(void *, int64_t, int64_t),
                  struct point k)
{
    cpu_share(d, n, 64 * LANES, ns, part, &k);
}

POINT(add_part, { TO(0, FROM(0) + FROM(1)); })

void cpu_add(struct dev *d, struct tensor y, struct tensor a, struct tensor b)
{
    int64_t n = tensor_n(y);

    BUG_IF(n != tensor_n(a) || n != tensor_n(b));
    point(d, n, 0.15, add_part, (struct point){ { f32(y) }, { f32(a), f32(b) } });
}

struct scale { float *to; const float *from; float by; };

static void scale_part(void *of, int64_t begin, int64_t end)
{
    const struct scale *k = of;

    for (int64_t i = begin; i < end; i += LANES)
        v_row_put(k->to, i, end, v_row(k->from, i, end) * k->by);
}

void cpu_scale(struct dev *d, struct tensor y, struct tensor x, double s)
{
    struct scale k = { f32(y), f32(x), (float)s };

    BUG_IF(tensor_n(y) != tensor_n(x));
    cpu_share(d, tensor_n(y), 64 * LANES, 0.1, scale_part, &k);
}

/* Four columns share a draw of 64 bits, 16 for each; in jitter too. */
struct dropout {
    float       *y;
    const float *x;
    int64_t      D;
    struct draws by;
    uint32_t     dropped;                      /* of 65536 */
    bool         add;
};

static void dropout_part(void *of, int64_t begin, int64_t end)
{
    const struct dropout *k = of;
    float up = 65536.f / (float)(65536 - k->dropped);

    for (int64_t i = begin; i < end; i++) {
        uint64_t row = k->by.key[k->by.at ? k->by.at[i] : i];
        uint64_t key = rng(k->by.seed, k->by.stream, row), bits = 0;
        const float *x = k->x + i * k->D;
        float *y = k->y + i * k->D;
        for (int64_t j = 0; j < k->D; j++, bits >>= 16) {
            if (j % 4 == 0)
                bits = rng(key, k->by.stream, (uint64_t)j / 4);
            float v = (bits & 0xffff) < k->dropped ? 0 : x[j] * up;
            y[j] = k->add ? y[j] + v : v;
        }
    }
}

void cpu_dropout(struct dev *d, struct tensor y, struct tensor x, struct draws by, bool add)
{
    struct dropout k = { f32(y), f32(x), x.d[1], by, (uint32_t)(by.p * 65536 + 0.5), add };

    SHAPE2(y, x.d[0], x.d[1]);
    BUG_IF(!by.key || k.dropped >= 65536);
    cpu_share(d, x.d[0], 1, 2 * (double)k.D, dropout_part, &k);
}

struct jitter { float *x; const float *size; int64_t D; struct draws by; };

static void jitter_part(void *of, int64_t begin, int64_t end)
{
    const struct jitter *k = of;

    for (int64_t i = begin; i < end; i++) {
        uint64_t row = k->by.key[k->by.at ? k->by.at[i] : i];
        uint64_t key = rng(k->by.seed, k->by.stream, row), bits = 0;
        float *x = k->x + i * k->D, unit = k->size[i] / 65536;
        for (int64_t j = 0; j < k->D; j++, bits >>= 16) {
            if (j % 4 == 0)
                bits = rng(key, k->by.stream, (uint64_t)j / 4);
            x[j] += unit * (float)(2 * (int32_t)(bits & 0xffff) + 1 - 65536);
        }
    }
}

void cpu_jitter(struct dev *d, struct tensor x, struct tensor size, struct draws by)
{
    struct jitter k = { f32(x), f32(size), x.d[1], by };

    BUG_IF(x.rank != 2 || tensor_n(size) != x.d[0] || !by.key);
    cpu_share(d, x.d[0], 1, 2 * (double)k.D, jitter_part, &k);
}

POINT(swiglu_part, {
    vec g = FROM(0), rest;
    TO(0, g * v_sigmoid(g, &rest) * FROM(1));
})

POINT(swiglu_back, {
    vec g = FROM(0), u = FROM(1), y = FROM(2), rest, s = v_sigmoid(g, &rest), silu = g * s;
    TO(0, y * u * (s + silu * rest));
    TO(1, y * silu);
})

void cpu_swiglu(struct dev *d, struct tensor y, struct tensor gate, struct tensor up)
{
    int64_t n = tensor_n(y);

    BUG_IF(n != tensor_n(gate) || n != tensor_n(up));
    point(d, n, 0.4, swiglu_part, (struct point){ { f32(y) }, { f32(gate), f32(up) } });
}

void cpu_swiglu_bwd(struct dev *d, struct tensor dgate, struct tensor dup, struct tensor dy,
                    struct tensor gate, struct tensor up)
{
    int64_t n = tensor_n(dy);

    BUG_IF(n != tensor_n(gate) || n != tensor_n(up) || n != tensor_n(dgate) || n != tensor_n(dup));
    point(d, n, 0.6, swiglu_back,
          (struct point){ { f32(dgate), f32(dup) }, { f32(gate), f32(up), f32(dy) } });
}

/* x Phi(x), Phi(x) = erfc(-x / sqrt 2) / 2 with full relative precision far out too;
 * *slope = Phi(x) + x phi(x). */
INLINE vec gelu_erf(vec x, vec *slope)
{
    vec gauss = v_gauss(x), half = 0.5f * v_erfc(v_abs(x) * 0.707106781f, gauss);
    vec cdf = v_if((ivec)(x > 0.0f), 1.0f - half, half);

    *slope = cdf + x * gauss * 0.398942280f;
    return x * cdf;
}

/* x (1 + tanh u) / 2 = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
INLINE vec gelu_tanh(vec x, vec *slope)
{
    vec sq = x * x, rest, s = v_sigmoid(1.595769122f * x * (1.0f + 0.044715f * sq), &rest);

    *slope = s + x * s * rest * 1.595769122f * (1.0f + 0.134145f * sq);
    return x * s;
}

POINT(erf_part, { vec slope; TO(0, gelu_erf(FROM(0), &slope)); })
POINT(tanh_part, { vec slope; TO(0, gelu_tanh(FROM(0), &slope)); })
POINT(erf_back, { vec slope; gelu_erf(FROM(0), &slope); TO(0, FROM(1) * slope); })
POINT(tanh_back, { vec slope; gelu_tanh(FROM(0), &slope); TO(0, FROM(1) * slope); })

void cpu_gelu(struct dev *d, struct tensor y, struct tensor x, bool tanh_form)
{
    BUG_IF(tensor_n(y) != tensor_n(x));
    point(d, tensor_n(y), 0.6, tanh_form ? tanh_part : erf_part,
          (struct point){ { f32(y) }, { f32(x) } });
}

void cpu_gelu_bwd(struct dev *d, struct tensor dx, struct tensor dy, struct tensor x,
                  bool tanh_form)
{
    BUG_IF(tensor_n(dx) != tensor_n(x) || tensor_n(dy) != tensor_n(x));
    point(d, tensor_n(x), 0.7, tanh_form ? tanh_back : erf_back,
          (struct point){ { f32(dx) }, { f32(x), f32(dy) } });
}
