/* logprob.cu - the head: log-probabilities of targets and their gradient, never holding [n V].
 *
 * Rows are taken in chunks whose logits fit CHUNK numbers: a product, one pass of a block per row
 * for maximum, sums, target and first arg max, and then in place coef (1[v = target] - e^(logit -
 * lse)), which two products carry to dx and dw.  The second look at a row finds it in L2. */
#include "math/cuda/common.cuh"

#define CHUNK   ((int64_t)32 << 20)            /* logits held */
#define THREADS 512

struct head {
    float         *logit;                      /* [rows V] */
    float         *logp, *lse, *hit, *entropy; /* [rows]; logp NULL: lse is given */
    const int32_t *target;
    const float   *coef;                       /* NULL: no gradient */
    int64_t        V;
};

/* A row's maximum, its first place, and the sums of e^(x - maximum) and that times x - maximum, of
 * two parts. */
struct top { float most, sum, dot; int32_t at; };

static __device__ void lower(struct top *t, float most)
{
    float by = t->sum ? expf(t->most - most) : 0;

    t->dot = t->sum ? (t->dot + t->sum * (t->most - most)) * by : 0;
    t->sum = t->sum * by;
    t->most = most;
}

static __device__ struct top higher(struct top a, struct top b)
{
    return b.most > a.most || (b.most == a.most && b.at < a.at) ? b : a;
}

static __device__ struct top join(struct top a, struct top b)
{
    struct top best = higher(a, b);

    lower(&a, best.most);
    lower(&b, best.most);
    return { best.most, a.sum + b.sum, a.dot + b.dot, best.at };
}

/* All threads' t made one by TWO, in every thread. */
template <struct top (*TWO)(struct top, struct top)> static __device__ struct top fold(struct top t)
{
    struct top *part = (struct top *)shared_floats();

    part[threadIdx.x] = t;
    for (int h = THREADS / 2; h; h /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < h)
            part[threadIdx.x] = TWO(part[threadIdx.x], part[threadIdx.x + h]);
    }
    __syncthreads();
    return part[0];
}

/* NaN comes through in the sums. */
static __device__ struct top row_top(const float *x, int64_t V)
{
    struct top t = { -INFINITY, 0, 0, INT32_MAX };

    for (int64_t v = threadIdx.x; v < V; v += THREADS)
        if (x[v] > t.most) {
            t.most = x[v];
            t.at = (int32_t)v;
        }
    for (int64_t v = threadIdx.x; v < V; v += THREADS) {
        float down = x[v] - t.most, e = expf(down);
        t.sum += e;
        t.dot += e ? e * down : 0;             /* e is 0: down may be infinite */
    }
    return fold<join>(t);
}

static __global__ void k_head(struct head k)
{
    int64_t i = blockIdx.x, target = k.target[i];
    float *x = k.logit + i * k.V, lse;

    if (k.logp) {
        float own = x[target];
        struct top t = row_top(x, k.V);
        double all = (double)t.most + log((double)t.sum);
        lse = (float)all;
        if (threadIdx.x == 0) {
            k.lse[i] = lse;
            k.logp[i] = (float)((double)own - all);
            k.hit[i] = t.at == target ? 1 : 0;
            k.entropy[i] = (float)(log((double)t.sum) - (double)t.dot / (double)t.sum);
        }
    } else {
        lse = k.lse[i];
    }
    if (!k.coef)
        return;
    float coef = k.coef[i];
    for (int64_t v = threadIdx.x; v < k.V; v += THREADS)
        x[v] = (v == target ? coef : 0) - coef * expf(x[v] - lse);
}

size_t cuda_logprob_bytes(int64_t n, int64_t V, int64_t *rows)
{
    *rows = MAX(1, MIN(n, CHUNK / V));
    return (size_t)(*rows * V) * sizeof(float);
}

/* All rows, chunk by chunk. */
static void run(struct dev *d, struct head k, struct tensor x, struct tensor w, struct tensor dx,
                struct tensor dw)
{
    int64_t n = x.d[0], D = x.d[1], V = w.d[0], rows;

    k.V = V;
    k.logit = (float *)cuda_scratch(d, CUDA_OP, cuda_logprob_bytes(n, V, &rows));
    for (int64_t i = 0; k.logit && i < n; i += rows) {
        int64_t some = MIN(rows, n - i);
        struct mat logit = { k.logit, some, V, V }, xs = { f32(x) + i * D, some, D, D };
        struct head at = k;
        at.logp = k.logp ? k.logp + i : NULL;
        at.lse = k.lse + i;
        at.hit = k.hit ? k.hit + i : NULL;
        at.entropy = k.entropy ? k.entropy + i : NULL;
        at.target = k.target + i;
        at.coef = k.coef ? k.coef + i : NULL;
        cuda_matmul(d, logit, xs, w, tensor1(NULL, 0), false);
        launch(d, some, THREADS, THREADS * sizeof(struct top), k_head, at);
        if (!k.coef)
            continue;
        cuda_matmul_dx(d, { f32(dx) + i * D, some, D, D }, logit, w, false);
        if (dw.p)
            cuda_matmul_dw(d, dw, tensor1(NULL, 0), logit, xs);
    }
}

extern "C" void cuda_logprob(struct dev *d, struct tensor logp, struct tensor lse,
                             struct tensor hit, struct tensor entropy, struct tensor x,
                             struct tensor w, const int32_t *target, const float *coef,
                             struct tensor dx, struct tensor dw)
{
    int64_t n = x.d[0];

    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != x.d[1]);
    BUG_IF(tensor_n(logp) != n || tensor_n(lse) != n || tensor_n(hit) != n ||
           tensor_n(entropy) != n);
    BUG_IF(coef && (!dx.p || tensor_n(dx) != n * x.d[1]));
    BUG_IF(coef && dw.p && tensor_n(dw) != tensor_n(w));
    run(d, { NULL, f32(logp), f32(lse), f32(hit), f32(entropy), target, coef, 0 }, x, w, dx, dw);
}

extern "C" void cuda_logprob_bwd(struct dev *d, struct tensor dx, struct tensor dw,
                                 struct tensor x, struct tensor w, struct tensor lse,
                                 const int32_t *target, const float *coef)
{
    BUG_IF(x.rank != 2 || w.rank != 2 || w.d[1] != x.d[1] || !coef);
    BUG_IF(tensor_n(dx) != x.d[0] * x.d[1] || tensor_n(lse) != x.d[0]);
    run(d, { NULL, NULL, f32(lse), NULL, NULL, target, coef, 0 }, x, w, dx, dw);
}

/* ---- the largest of a row: a block each */

static __global__ void k_argmax(int32_t *best, const float *x, int64_t V)
{
    const float *row = x + blockIdx.x * V;
    struct top t = { -INFINITY, 0, 0, INT32_MAX };
    int none = 0;

    for (int64_t v = threadIdx.x; v < V; v += THREADS) {
        none |= row[v] != row[v];
        t = higher(t, { row[v], 0, 0, (int32_t)v });
    }
    none = __syncthreads_or(none);
    t = fold<higher>(t);
    if (threadIdx.x == 0)
        best[blockIdx.x] = none ? -1 : t.at;
}

extern "C" void cuda_argmax(struct dev *d, int32_t *best, struct tensor x)
{
    BUG_IF(x.rank != 2 || x.d[1] < 1 || x.d[1] > INT32_MAX);
    launch(d, x.d[0], THREADS, THREADS * sizeof(struct top), k_argmax, best, (const float *)f32(x),
           x.d[1]);
}
