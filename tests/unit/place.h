/* place.h - where the tests of ops run: the devices a test program was linked with. */
#ifndef PLACE_H
#define PLACE_H

#include "math/dev.h"

struct place {
    const char *name;                              /* as --device has it; NULL ends the list */
    double      loose;                             /* times the CPU's tolerances */
    bool        coarse;                            /* inputs are numbers that bf16 has */
    bool        spare;                             /* left out where the machine has it not */
    bool      (*only)(const char *test);           /* NULL: all tests */
    /* dev_open(), but that the host sees the device's memory and an op is done when it returns */
    enum st   (*open)(struct dev **d, const char *name, int threads, struct arena *a);
};

extern const struct place places[];

#endif
