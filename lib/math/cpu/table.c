/* table.c - the CPU backend, from the list. */
#include "math/ops.h"

const struct ops cpu_ops = {
#define OP(name) .name = cpu_##name,
#include "math/ops.def"
#undef OP
};
