/* tiles.h - tile registers as the emulator has them: amx.c compiled with it is emu_amx_kernel(),
 * on any machine whose vectors are as wide as a tile's row.
 *
 * Sums are taken as the instruction takes them: those of lower and of upper halves apart, each
 * multiply-add rounded once, then one to the other and both to C; numbers below 2^-126 are 0. */
#ifndef TILES_H
#define TILES_H

#include "math/cpu/planes.h"

#define amx_kernel emu_amx_kernel
const struct gemm_kernel *amx_kernel(bool bf16);

#ifdef __AVX512BW__
#define TILES

static _Thread_local struct { bool begun; vec row[8][16]; } tiles;

static inline bool tiles_there(void)
{
    return true;
}

static inline void tiles_begin(void)
{
    memset(&tiles, 0x7f, sizeof tiles);            /* 3e38: of no use as it is */
    tiles.begun = true;
}

static inline void tiles_end(void)
{
    tiles.begun = false;
}

static inline void tile_zero(int r)
{
    BUG_IF(!tiles.begun);
    memset(tiles.row[r], 0, sizeof tiles.row[r]);
}

static inline void tile_load(int r, const float *p, size_t bytes)
{
    BUG_IF(!tiles.begun);
    for (int i = 0; i < 16; i++)
        tiles.row[r][i] = v_load(p + (size_t)i * bytes / sizeof(float));
}

static inline void tile_store(int r, float *p, size_t bytes)
{
    BUG_IF(!tiles.begun);
    for (int i = 0; i < 16; i++)
        v_store(p + (size_t)i * bytes / sizeof(float), tiles.row[r][i]);
}

/* Denormals as zero. */
INLINE vec tile_flush(vec x)
{
    return v_if((ivec)(v_abs(x) < 0x1p-126f), v_zero(), x);
}

static inline void tile_dot(int c, int a, int b)
{
    BUG_IF(!tiles.begun);
    for (int i = 0; i < 16; i++) {
        vec low = v_zero(), high = v_zero();
        for (int l = 0; l < 16; l++) {
            int32_t word = ((ivec)tiles.row[a][i])[l];
            ivec both = (ivec)tiles.row[b][l], at = word - (ivec){ 0 };
            low = tile_flush(v_fma(tile_flush((vec)(at << 16)), tile_flush((vec)(both << 16)),
                                   low));
            high = tile_flush(v_fma(tile_flush((vec)(at & PLANE_BITS)),
                                    tile_flush((vec)(both & PLANE_BITS)), high));
        }
        tiles.row[c][i] = tile_flush(tiles.row[c][i] + tile_flush(low + high));
    }
}
#endif

#endif
