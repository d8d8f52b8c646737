/* lt.c - products by cuBLASLt, opened when a device is: a build with CUDA starts without it.
 *
 * The library counts rows and columns the other way round: C^T[J I] = B^T A^T, so its first operand
 * is our B.  Which of its kernels runs is its own estimate and no measurement: a measurement's
 * outcome changes with the day, and the sum's order with it. */
#include <cublasLt.h>
#include <dlfcn.h>

#include "math/cuda/lt.h"

#define WORKSPACE_BYTES ((size_t)32 << 20)
#define TEXT_(x)        #x
#define TEXT(x)         TEXT_(x)
#define LIBRARY         "libcublasLt.so." TEXT(CUBLAS_VER_MAJOR)

#define CALLS(X)                                                                         \
    X(cublasLtCreate) X(cublasLtDestroy) X(cublasLtMatmul) X(cublasLtMatmulAlgoCheck)    \
    X(cublasLtMatmulAlgoGetHeuristic) X(cublasLtMatmulDescInit_internal)                 \
    X(cublasLtMatmulDescSetAttribute) X(cublasLtMatrixLayoutInit_internal)               \
    X(cublasLtMatmulPreferenceInit_internal) X(cublasLtMatmulPreferenceSetAttribute)     \
    X(cublasLtGetStatusString)

struct calls {
#define CALL(name) __typeof__(&name) name;
    CALLS(CALL)
#undef CALL
};

/* What a kernel is chosen for: everything but the number of tokens. */
struct key {
    int64_t  I, J, K, ldc;
    uint32_t whole[3];                         /* bytes that rows of A, B, C are aligned to */
    int8_t   a_turned, b_turned, bf16, bias, add, spare[7];
};
struct choice { struct key key; cublasLtMatmulAlgo_t algo; };

struct lt {
    void            *library;
    struct calls     call;
    cublasLtHandle_t handle;
    void            *workspace;
    struct buf       choices;                  /* struct choice */
};

struct problem {                               /* as the library sees it */
    cublasLtMatmulDescOpaque_t   desc;
    cublasLtMatrixLayoutOpaque_t a, b, c;
};

static bool lt_ok(struct dev *d, cublasStatus_t s, const char *what)
{
    if (s == CUBLAS_STATUS_SUCCESS)
        return true;
    if (d->own->fault == ST_OK)
        d->own->fault = fail(ST_SYS, "--device: '%s': a product's %s failed: %s", d->own->name,
                             what, d->own->lt->call.cublasLtGetStatusString(s));
    return false;
}

enum st lt_open(struct dev *d)
{
    struct lt *lt = d->own->lt = ARENA_NEW(d->own->a, struct lt, 1);

    if (!lt)
        return ST_SYS;
    if (!(lt->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL)))
        return fail(ST_SYS, "--device: '%s': " LIBRARY " is not found: %s; install the CUDA "
                    "toolkit of the build, or set LD_LIBRARY_PATH", d->own->name, dlerror());
    struct { const char *name; void **to; } all[] = {
#define CALL(name) { #name, (void **)(void *)&lt->call.name },
        CALLS(CALL)
#undef CALL
    };
    for (int64_t i = 0; i < countof(all); i++)
        if (!(*all[i].to = dlsym(lt->library, all[i].name)))
            return fail(ST_SYS, "--device: '%s': " LIBRARY " has no %s", d->own->name, all[i].name);
    if (!lt_ok(d, lt->call.cublasLtCreate(&lt->handle), "library"))
        return d->own->fault;
    lt->workspace = cuda_scratch(d, CUDA_LIBRARY, WORKSPACE_BYTES);
    return lt->workspace ? ST_OK : ST_SYS;
}

void lt_close(struct dev *d)
{
    struct lt *lt = d->own->lt;

    if (!lt)
        return;
    if (lt->handle)
        lt->call.cublasLtDestroy(lt->handle);
    buf_free(&lt->choices);
    if (lt->library)
        dlclose(lt->library);
    d->own->lt = NULL;
}

/* What lies in `rows` rows, ld numbers apart, is the library's matrix of so many columns. */
static bool layout(struct dev *d, cublasLtMatrixLayoutOpaque_t *to, bool bf16, int64_t rows,
                   int64_t cols, int64_t ld)
{
    struct calls *c = &d->own->lt->call;

    return lt_ok(d, c->cublasLtMatrixLayoutInit_internal(to, sizeof *to,
                                                         bf16 ? CUDA_R_16BF : CUDA_R_32F,
                                                         (uint64_t)cols, (uint64_t)rows, ld),
                 "layout");
}

static bool set(struct dev *d, struct problem *p, cublasLtMatmulDescAttributes_t what,
                const void *value, size_t n_bytes)
{
    return lt_ok(d, d->own->lt->call.cublasLtMatmulDescSetAttribute(&p->desc, what, value, n_bytes),
                 "description");
}

static bool state(struct dev *d, const struct lt_product *g, struct problem *p)
{
    struct calls *c = &d->own->lt->call;
    cublasOperation_t ta = g->b.turned ? CUBLAS_OP_T : CUBLAS_OP_N,
                      tb = g->a.turned ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;

    return lt_ok(d, c->cublasLtMatmulDescInit_internal(&p->desc, sizeof p->desc,
                                                       CUBLAS_COMPUTE_32F, CUDA_R_32F),
                 "description") &&
           set(d, p, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta) &&
           set(d, p, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb) &&
           (!g->bias || (set(d, p, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue) &&
                         set(d, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &g->bias, sizeof g->bias))) &&
           layout(d, &p->a, g->bf16, g->b.turned ? g->J : g->K, g->b.turned ? g->K : g->J,
                  g->b.ld) &&
           layout(d, &p->b, g->bf16, g->a.turned ? g->K : g->I, g->a.turned ? g->I : g->K,
                  g->a.ld) &&
           layout(d, &p->c, false, g->I, g->J, g->ldc);
}

static uint32_t alignment(const void *p, int64_t ld, size_t number)
{
    uintptr_t bits = (uintptr_t)p | (uintptr_t)ld * number;

    return bits % 16 == 0 ? 16 : bits % 8 == 0 ? 8 : bits % 4 == 0 ? 4 : 2;
}

static struct key key_of(const struct lt_product *g)
{
    size_t number = g->bf16 ? 2 : 4;

    return (struct key){ g->I, g->J, g->K, g->ldc,
                         { alignment(g->a.p, g->a.ld, number), alignment(g->b.p, g->b.ld, number),
                           alignment(g->c, g->ldc, 4) },
                         g->a.turned, g->b.turned, g->bf16, g->bias != NULL, g->add, { 0 } };
}

/* The library's first choice; what lies behind the pointers is not looked at. */
static bool choose(struct dev *d, const struct lt_product *g, cublasLtMatmulAlgo_t *algo)
{
    struct key k = key_of(g);
    struct lt *lt = d->own->lt;
    struct calls *c = &lt->call;
    struct problem p;
    cublasLtMatmulPreferenceOpaque_t want;
    cublasLtMatmulHeuristicResult_t found;
    size_t workspace = WORKSPACE_BYTES;
    uint32_t unsplit = CUBLASLT_REDUCTION_SCHEME_NONE;
    struct { cublasLtMatmulPreferenceAttributes_t what; const void *value; size_t n; } set[] = {
        { CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace },
        { CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &unsplit, sizeof unsplit },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &k.whole[1], 4 },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &k.whole[0], 4 },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &k.whole[2], 4 },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &k.whole[2], 4 },
    };
    int n = 0;

    if (!state(d, g, &p) ||
        !lt_ok(d, c->cublasLtMatmulPreferenceInit_internal(&want, sizeof want), "preference"))
        return false;
    for (int64_t i = 0; i < countof(set); i++)
        if (!lt_ok(d, c->cublasLtMatmulPreferenceSetAttribute(&want, set[i].what, set[i].value,
                                                              set[i].n), "preference"))
            return false;
    cublasStatus_t s = c->cublasLtMatmulAlgoGetHeuristic(lt->handle, &p.desc, &p.a, &p.b, &p.c,
                                                         &p.c, &want, 1, &found, &n);
    if (!lt_ok(d, s, "choice") ||
        !lt_ok(d, n ? found.state : CUBLAS_STATUS_NOT_SUPPORTED, "choice"))
        return false;
    *algo = found.algo;
    return true;
}

/* The kept choice for these weights, made at the first of their products. */
static bool chosen(struct dev *d, const struct lt_product *g, cublasLtMatmulAlgo_t *algo)
{
    struct buf *all = &d->own->lt->choices;
    struct choice *c = (struct choice *)all->p, fresh;
    struct lt_product some = *g;

    *(g->tokens_summed ? &some.K : &some.I) = LT_TOKENS;
    memset(&fresh, 0, sizeof fresh);
    fresh.key = key_of(&some);
    for (size_t i = 0; i < all->n / sizeof *c; i++)
        if (memcmp(&c[i].key, &fresh.key, sizeof fresh.key) == 0) {
            *algo = c[i].algo;
            return true;
        }
    if (!choose(d, &some, &fresh.algo))
        return false;
    *algo = fresh.algo;
    if (buf_add(all, &fresh, sizeof fresh) != ST_OK)
        d->own->fault = ST_SYS;
    return true;
}

void lt_run(struct dev *d, const struct lt_product *g)
{
    struct lt *lt = d->own->lt;
    struct problem p;
    cublasLtMatmulAlgo_t algo;
    cublasLtMatmulHeuristicResult_t fits;
    float one = 1, add = g->add ? 1 : 0;

    if (!chosen(d, g, &algo) || !state(d, g, &p))
        return;
    if (lt->call.cublasLtMatmulAlgoCheck(lt->handle, &p.desc, &p.a, &p.b, &p.c, &p.c, &algo,
                                         &fits) != CUBLAS_STATUS_SUCCESS ||
        fits.workspaceSize > WORKSPACE_BYTES)
        if (!choose(d, g, &algo))
            return;
    lt_ok(d, lt->call.cublasLtMatmul(lt->handle, &p.desc, &one, g->b.p, &p.a, g->a.p, &p.b, &add,
                                     g->c, &p.c, g->c, &p.c, &algo, lt->workspace, WORKSPACE_BYTES,
                                     d->own->stream),
          "run");
}

const char *lt_version(void)
{
    return "cuda " TEXT(CUDART_VERSION) ", cublasLt " TEXT(CUBLAS_VER_MAJOR) "." TEXT(
        CUBLAS_VER_MINOR);
}
