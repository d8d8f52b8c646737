/* backend.h - what a device is made of, for those who write one: memory, copies, and its ops.
 *
 * Each backend gives one `struct backend`, listed in backend.def, and a table of ops.  A build
 * without one of them links its stand-in (nocuda.c), which only tells how to get it. */
#ifndef BACKEND_H
#define BACKEND_H

#include "math/dev.h"

struct backend {
    const char *name;                          /* what --device calls it */
    /* Versions of what it is built on; "" for a stand-in. */
    const char *(*version)(void);
    /* Whether `auto` may take it: quiet, and cheap where there is no such device. */
    bool (*there)(void);
    /* Fills in *d (op, name, own); rest: what follows the name, from its ':' or ',' on.
     *   ST_USAGE: no such form, or not in this build;  ST_SYS: the machine has none */
    enum st (*open)(struct dev *d, const char *rest, struct arena *a);
    void  (*close)(struct dev *d);
    /* As dev.h has them; alloc gets n_bytes > 0 or 0 alike. */
    void *(*alloc)(struct dev *d, size_t n_bytes);
    void  (*free)(struct dev *d, void *p);     /* p is never NULL */
    void  (*put)(struct dev *d, void *to, const void *host, size_t n_bytes);    /* n_bytes > 0 */
    void  (*get)(struct dev *d, void *host, const void *from, size_t n_bytes);
    void  (*zero)(struct dev *d, void *p, size_t n_bytes);
    enum st (*sync)(struct dev *d);
    size_t  (*scratch_bytes)(const struct dev *d, const struct dev_pass *p);
    int64_t (*lends)(const struct dev *d);     /* dev_memory() */
};

#define BACKEND(name, forms) extern const struct backend name##_backend;
#include "math/backend.def"
#undef BACKEND

#endif
