/* double.h - from here on float is double: what the model's sources are compiled a second time
 * with, into $B/double.a, so that double.c can hold them against PyTorch in float64.
 *
 * Every header from outside comes first and is left as it is, and `single` is what float was.  A
 * room compiled as ever is called with bytes, whole numbers and doubles alone: base, and of math
 * what dev.h has. */
#ifndef DOUBLE_H
#define DOUBLE_H

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

typedef float single;

#define float double

#endif
