/* dev.h - a device: memory, copies, its ops, and the fault it keeps.  The only owner of device
 * memory.  What stands behind it is a backend (backend.h). */
#ifndef DEV_H
#define DEV_H

#include "base/mem.h"
#include "math/tensor.h"

struct ops;
struct backend;

struct dev {
    const struct ops *op;                      /* d->op->rmsnorm(d, ...) */
    const char       *name;                    /* "cpu" */
    int               threads;                 /* of the host */
    bool              half;                    /* ops take weights of BF16 (ops.h) */
    const struct backend *backend;
    struct dev_own   *own;                     /* the backend's: scratch, handles */
};

/* name: "auto" (the best there is) or a form of a backend of this build (backend.def); anything
 * else is ST_USAGE naming what this build has, and a device that the machine has not is ST_SYS.
 * threads 0: run_threads(). */
enum st dev_open(struct dev **d, const char *name, int threads, struct arena *a) must_use;
void dev_close(struct dev *d);                 /* frees all device memory */

/* n bytes on the device, zeroed, aligned to 64; lives until dev_close() or dev_free().  NULL:
 * fail(ST_SYS) was called, telling how much was asked and what the machine has. */
void *dev_alloc(struct dev *d, size_t n_bytes) must_use;
void  dev_free(struct dev *d, void *p);
/* Enqueued; host may change as soon as this returns. */
void  dev_put(struct dev *d, void *to, const void *host, size_t n_bytes);
/* Waits for what was enqueued. */
void  dev_get(struct dev *d, void *host, const void *from, size_t n_bytes);
void  dev_zero(struct dev *d, void *p, size_t n_bytes);
/* n numbers of t from `at` on, as floats of the host, and back; BF16 with low as the floats that
 * both are, and BF16 without is not put. */
void  dev_get_floats(struct dev *d, const struct tensor *t, int64_t at, int64_t n, float *to);
void  dev_put_floats(struct dev *d, const struct tensor *t, int64_t at, int64_t n,
                     const float *from);
/* The most that the ops of a pass of such a size take for themselves while they run, beside what
 * dev_alloc() gave. */
struct dev_pass { int64_t tokens, targets, V, D, F, H, G, E; bool back; };
size_t dev_scratch_bytes(const struct dev *d, const struct dev_pass *p);
/* Bytes it lends in all, what is taken included; 0: not known. */
int64_t dev_memory(const struct dev *d);
/* Waits for everything; a device fault since the last call comes back here. */
enum st dev_sync(struct dev *d) must_use;

/* Versions of what the backends are built on, for --version. */
const char *dev_version(void);

#endif
