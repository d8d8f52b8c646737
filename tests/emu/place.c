/* place.c - where the tests of ops run without a GPU: on the CPU, and on the emulator, there once
 * as good as float32 and once as the device is by default: products of numbers that bf16 has are
 * then exact but for their sums.
 *
 * What is a number of threads elsewhere is an order of turns here. */
#include <string.h>

#include "cuda_runtime_api.h"
#include "tests/unit/place.h"

static enum st turned(struct dev **d, const char *name, int threads, struct arena *a)
{
    static uint64_t times;

    emu_turns((enum emu_order)(threads % 3), times++);
    return dev_open(d, name, threads, a);
}

static bool products(const char *test)
{
    return strstr(test, "matmul");
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
    { "cpu", 1, false, NULL, dev_open },
    { "cuda:0,f32", 3, false, ours, turned },
    { "cuda:0", 3, true, products, turned },
    { "cuda:0", 10000, true, rounds, turned },
    { NULL, 0, false, NULL, NULL },
};
