/* few.h - the product of few rows, as a row that is being written needs it. */
#ifndef FEW_H
#define FEW_H

#include "math/cpu/gemm.h"

#define FEW_ROWS 96                            /* from here on packing the weights pays */

/* gemm_all() of a product whose B is a weight that lies by columns (b.row 1), g->I at most
 * FEW_ROWS, mode SET or ADD: to the bit. */
void few_all(struct dev *d, const struct gemm *g);

#endif
