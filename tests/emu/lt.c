/* lt.c - cuBLASLt's part of the backend as the emulator has it: a plain product with float32 sums,
 * each a chain in the order of k, of numbers as they were given, bf16 or float32. */
#include "math/cuda/lt.h"

enum st lt_open(struct dev *d)
{
    (void)d;
    return ST_OK;
}

void lt_close(struct dev *d)
{
    (void)d;
}

static float number(const struct lt_product *g, const struct lt_operand *x, int64_t i, int64_t j)
{
    int64_t at = x->turned ? j * x->ld + i : i * x->ld + j;
    union { uint32_t u; float f; } bits;

    if (!g->bf16)
        return ((const float *)x->p)[at];
    bits.u = (uint32_t)((const uint16_t *)x->p)[at] << 16;
    return bits.f;
}

void lt_run(struct dev *d, const struct lt_product *g)
{
    size_t J = (size_t)g->J, K = (size_t)g->K;
    struct arena *now = arena_new(0);
    float *b = ARENA_NEW(now, float, K *J), *sum = ARENA_NEW(now, float, J);

    (void)d;
    BUG_IF(!b || !sum);
    for (size_t k = 0; k < K; k++)
        for (size_t j = 0; j < J; j++)
            b[k * J + j] = number(g, &g->b, (int64_t)k, (int64_t)j);
    for (int64_t i = 0; i < g->I; i++) {
        memset(sum, 0, J * sizeof *sum);
        for (size_t k = 0; k < K; k++) {
            float a = number(g, &g->a, i, (int64_t)k);
            for (size_t j = 0; j < J; j++)
                sum[j] += a * b[k * J + j];
        }
        for (size_t j = 0; j < J; j++) {
            float *c = g->c + i * g->ldc + j;
            float x = g->bias ? sum[j] + g->bias[j] : sum[j];
            *c = g->add ? *c + x : x;
        }
    }
    arena_free(now);
}

const char *lt_version(void)
{
    return "cuda emulated";
}
