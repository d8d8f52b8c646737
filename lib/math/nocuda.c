/* nocuda.c - stands in for cuda/ in a build without it, and tells how to get it. */
#include "math/backend.h"

static const char *version(void)
{
    return "";
}

static bool there(void)
{
    return false;
}

static enum st refuse(struct dev *d, const char *rest, struct arena *a)
{
    (void)d;
    (void)rest;
    (void)a;
    return fail(ST_USAGE, "--device: 'cuda' is not in this build; this build has cpu; "
                "make CUDA=1 where nvcc is");
}

const struct backend cuda_backend = { .name = "cuda", .version = version, .there = there,
                                      .open = refuse };
