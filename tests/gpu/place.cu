/* place.cu - where the tests of ops run on a GPU: memory that the host sees too, and ops that are
 * done when they return, since the tests look at once. */
#include "math/cuda/common.cuh"
extern "C" {
#include "math/backend.h"
#include "tests/unit/place.h"
}

enum { MOST = 1 << 16 };

static void *lent[MOST];
static int64_t n_lent;

template <class T, T f> struct synced;
template <class... A, void (*F)(struct dev *, A...)>
struct synced<void (*)(struct dev *, A...), F> {
    static void call(struct dev *d, A... a)
    {
        F(d, a...);
        cuda_ok(d, cudaStreamSynchronize(d->own->stream), "an op");
    }
};

static void *lend(struct dev *d, size_t n_bytes)
{
    BUG_IF(n_lent == MOST);
    if (!cuda_ok(d, cudaHostAlloc(&lent[n_lent], n_bytes + 1, cudaHostAllocDefault), "memory"))
        return NULL;
    memset(lent[n_lent], 0, n_bytes);
    return lent[n_lent++];
}

/* All goes back when the device does. */
static void keep(struct dev *d, void *p)
{
    (void)d;
    (void)p;
}

static void give_back(struct dev *d)
{
    cudaStreamSynchronize(d->own->stream);
    while (n_lent)
        cudaFreeHost(lent[--n_lent]);
    cuda_backend.close(d);
}

static enum st seen(struct dev **out, const char *name, int threads, struct arena *a)
{
    static struct ops ops;
    static struct backend shared;
    enum st st = dev_open(out, name, threads, a);

    if (st != ST_OK)
        return st;
#define OP(name) ops.name = synced<decltype(&cuda_##name), cuda_##name>::call;
#include "math/ops.def"
#undef OP
    shared = *(*out)->backend;
    shared.alloc = lend;
    shared.free = keep;
    shared.close = give_back;
    (*out)->backend = &shared;
    (*out)->op = &ops;
    return ST_OK;
}

static bool products(const char *test)
{
    return strstr(test, "matmul");
}

/* What rounds inside, whatever its inputs; and the promises to the bit. */
static bool rounds(const char *test)
{
    return strstr(test, "attention") || strstr(test, "logprob") || !strstr(test, "test_");
}

extern "C" const struct place places[] = {
    { "cuda:0,f32", 10, false, false, NULL, seen },
    { "cuda:0", 10, true, false, products, seen },
    { "cuda:0", 10000, true, false, rounds, seen },
    { NULL, 0, false, false, NULL, NULL },
};
