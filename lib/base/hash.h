/* hash.h - a quick hash of bytes for tables in memory; who wants to can make equal ones. */
#ifndef HASH_H
#define HASH_H

#include "base/base.h"

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    a = (a ^ (b >> 29)) * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu;
    a ^= a >> 32;
    return a * 0x165667b19e3779f9u;
}

/* The same on every run, not on every machine. */
static inline uint64_t hash_of(struct view s)
{
    uint64_t h = s.n, w = 0;
    uint32_t low, high;

    for (size_t i = 0; i + 8 < s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        h = hash_mix(h, w);
    }
    if (s.n >= 8) {                            /* the last eight, some of them again */
        memcpy(&w, s.p + s.n - 8, 8);
    } else if (s.n >= 4) {
        memcpy(&low, s.p, 4);
        memcpy(&high, s.p + s.n - 4, 4);
        w = (uint64_t)high << 32 | low;
    } else if (s.n) {
        w = (uint64_t)(unsigned char)s.p[0] << 16 | (uint64_t)(unsigned char)s.p[s.n / 2] << 8 |
            (unsigned char)s.p[s.n - 1];
    }
    return hash_mix(h, w);
}

#endif
