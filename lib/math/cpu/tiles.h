/* tiles.h - a machine's tile registers: eight, of 16 rows of 64 bytes.  (tests/emu has its own.) */
#ifndef TILES_H
#define TILES_H

#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>

#include "math/cpu/vec.h"

#define TILES                                  /* this build has them */

/* To be asked for once, before a thread begins that uses them; false: not on this machine. */
static inline bool tiles_there(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static inline void tiles_begin(void)
{
    struct { uint8_t palette, start, none[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape = {
        .palette = 1
    };

    for (int i = 0; i < 8; i++) {
        shape.bytes[i] = 64;
        shape.rows[i] = 16;
    }
    _tile_loadconfig(&shape);
}

static inline void tiles_end(void)
{
    _tile_release();
}

/* Registers' numbers are constants.  Rows `bytes` apart. */
#define tile_zero(r)            _tile_zero(r)
#define tile_load(r, p, bytes)  _tile_loadd(r, p, bytes)
#define tile_store(r, p, bytes) _tile_stored(r, p, bytes)
/* c(i, j) += the sum over words l of a(i, l) b(l, j), a word being two bfloat16 */
#define tile_dot(c, a, b)       _tile_dpbf16ps(c, a, b)
#endif

#endif
