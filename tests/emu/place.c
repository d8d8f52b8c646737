/* place.c - where the tests of ops run without a GPU: on the CPU with what the machine has and with
 * tile registers emulated, and on the emulator; there once as good as float32 and once as the
 * device is by default: products of numbers that bf16 has are then exact but for their sums.
 *
 * What is a number of threads elsewhere is an order of turns here. */
#include <string.h>

#include "cuda_runtime_api.h"
#include "math/cpu/gemm.h"
#include "tests/unit/place.h"

static enum st turned(struct dev **d, const char *name, int threads, struct arena *a)
{
    static uint64_t times;

    emu_turns((enum emu_order)(threads % 3), times++);
    return dev_open(d, name, threads, a);
}

const struct gemm_kernel *emu_amx_kernel(bool bf16);   /* math/cpu/tiles.h */

/* The CPU as one with tile registers is. */
static enum st tiled(struct dev **d, const char *name, int threads, struct arena *a)
{
    enum st st = dev_open(d, "cpu", threads, a);

    if (st == ST_OK && !((*d)->own->gemm = emu_amx_kernel(strstr(name, "bf16")))) {
        dev_close(*d);
        st = fail(ST_SYS, "vectors are narrower than tiles");
    }
    return st;
}

static bool products(const char *test)
{
    return strstr(test, "matmul");
}

/* All that is made of products, company included. */
static bool made_of_products(const char *test)
{
    return products(test) || strstr(test, "product") || strstr(test, "logprob") ||
           strstr(test, "head_rows");
}

static bool head(const char *test)
{
    return strstr(test, "logprob") || strstr(test, "rows");
}

/* What rounds inside, whatever its inputs; and a row's bits where they are attention's. */
static bool rounds(const char *test)
{
    return strstr(test, "attention") || strstr(test, "logprob") || strstr(test, "paths") ||
           strstr(test, "stretches");
}

/* Products are not the GPU's here, so their company proves nothing. */
static bool ours(const char *test)
{
    return !strstr(test, "product_rows");
}

const struct place places[] = {
    { "cpu", 1, false, false, NULL, dev_open },
    { "cpu,bf16", 1, true, true, products, dev_open },
    { "cpu,bf16", 10000, true, true, head, dev_open },
    { "cpu with tiles", 1, false, true, made_of_products, tiled },
    { "cpu with tiles, bf16", 1, true, true, products, tiled },
    { "cpu with tiles, bf16", 10000, true, true, head, tiled },
    { "cuda:0,f32", 3, false, false, ours, turned },
    { "cuda:0", 3, true, false, products, turned },
    { "cuda:0", 10000, true, false, rounds, turned },
    { NULL, 0, false, false, NULL, NULL },
};
