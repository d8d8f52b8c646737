/* base.h - the words every file uses: integer types, attributes, small macros. */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define must_use       __attribute__((warn_unused_result))
#define like_printf(f, a) __attribute__((format(printf, f, a)))
#define countof(a)     ((int64_t)(sizeof(a) / sizeof((a)[0])))
#define MIN(a, b)      ((a) < (b) ? (a) : (b))
#define MAX(a, b)      ((a) > (b) ? (a) : (b))

/* A broken precondition (a wrong shape, a NULL) is our bug: stop at once.  Never for input. */
#define BUG_IF(cond)                                                                   \
    do {                                                                               \
        if (cond) {                                                                    \
            fprintf(stderr, "bug: %s:%d: %s\n", __FILE__, __LINE__, #cond);            \
            abort();                                                                   \
        }                                                                              \
    } while (0)

/* Somebody else's bytes: not ended by a 0, good as long as the owner says.  {NULL, 0} is none. */
struct view {
    const char *p;
    size_t      n;
};

#define VIEW(literal) ((struct view){ (literal), sizeof(literal) - 1 })

static inline struct view view_of(const char *s)
{
    return (struct view){ s, s ? strlen(s) : 0 };
}

static inline bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool view_is(struct view a, const char *s)
{
    return view_eq(a, view_of(s));
}

#endif
