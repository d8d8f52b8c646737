/* cuda.c - the CUDA backend as a device, on the emulator: what may be said of it, what a machine
 * lacks, memory and copies, every call that can fail, and that the emulator finds a missing
 * barrier. */
#include <cuda_runtime_api.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "math/cuda/cuda.h"
#include "tests/check.h"

void race_turn(struct dev *d, int *to, const int *from, bool barrier);    /* tests/emu/race.cu */
void race_shift(struct dev *d, int *to, const int *from, bool barrier);
void race_part(struct dev *d, bool apart);

static struct arena *a;

static void refused(const char *name, enum st want, const char *why)
{
    struct dev *d = NULL;

    CHECK_ST(dev_open(&d, name, 1, a), want);
    CHECK_STR(err_text(), why);
    CHECK(d == NULL);
    err_clear();
}

static void opens(void **state)
{
    struct dev *d;

    (void)state;
    a = arena_new(0);
    refused("cuda:", ST_USAGE, "--device: 'cuda:': after ':' comes the number of a GPU, from 0");
    refused("cuda:-1", ST_USAGE,
            "--device: 'cuda:-1': after ':' comes the number of a GPU, from 0");
    refused("cuda:99999999999999999999", ST_USAGE,
            "--device: 'cuda:99999999999999999999': after ':' comes the number of a GPU, from 0");
    refused("cuda:0,bf16", ST_USAGE,
            "--device: 'cuda:0,bf16' is none of the forms cuda[:N][,f32]");
    refused("cuda:1", ST_SYS, "--device: 'cuda:1': this machine has 1, numbered from 0");
    refused("cudax", ST_USAGE, "--device: 'cudax' is none of auto, cuda[:N][,f32], cpu[,bf16]");
    emu_devices(1, 75);
    refused("cuda", ST_SYS,
            "--device: 'cuda:0' is of compute capability 7.5; 8.0 is the least");
    CHECK_ST(dev_open(&d, "auto", 1, a), ST_OK);
    CHECK_STR(d->name, "cpu");
    dev_close(d);
    emu_devices(0, 0);
    refused("cuda", ST_SYS, "--device: 'cuda:0': no GPU can be used here: no CUDA-capable device "
            "is detected; --device cpu");
    CHECK_ST(dev_open(&d, "auto", 1, a), ST_OK);
    CHECK_STR(d->name, "cpu");
    dev_close(d);
    emu_devices(2, 90);
    CHECK_ST(dev_open(&d, "auto", 1, a), ST_OK);
    CHECK_STR(d->name, "cuda");
    CHECK(!d->own->f32);
    dev_close(d);
    CHECK_ST(dev_open(&d, "cuda:1,f32", 1, a), ST_OK);
    CHECK(d->own->id == 1 && d->own->f32);
    dev_close(d);
    emu_devices(1, 90);
    arena_free(a);
}

/* Uploads of any size, through their stages, and back. */
static void memory(void **state)
{
    static char to[9 << 20], from[9 << 20];
    struct dev *d;

    (void)state;
    a = arena_new(0);
    CHECK_ST(dev_open(&d, "cuda", 1, a), ST_OK);
    for (size_t n = 1; n < sizeof to; n = n * 5 + 3) {
        char *p = dev_alloc(d, n), *q = dev_alloc(d, n);
        CHECK(p && q);
        dev_get(d, to, p, n);
        CHECK(to[0] == 0 && to[n - 1] == 0);
        for (size_t i = 0; i < n; i++)
            from[i] = (char)(i * 7 + n);
        dev_put(d, p, from, n);
        memset(from, 1, n);                        /* it may change at once */
        dev_get(d, to, p, n);
        for (size_t i = 0; i < n; i++)
            CHECK(to[i] == (char)(i * 7 + n));
        dev_free(d, p);
        dev_zero(d, q, n);
        dev_get(d, to, q, n);
        CHECK(to[0] == 0 && to[n - 1] == 0);
    }
    CHECK(dev_alloc(d, SIZE_MAX / 2) == NULL);
    CHECK(strstr(err_text(), "of device memory asked for") != NULL);
    err_clear();
    CHECK(cuda_scratch(d, CUDA_OP, SIZE_MAX / 2) == NULL);
    CHECK_ST(dev_sync(d), ST_SYS);                 /* kept, told once */
    CHECK_ST(dev_sync(d), ST_OK);
    err_clear();
    dev_close(d);
    arena_free(a);
}

/* Opening, two copies and two ops, with the n-th call failing, for every n. */
static enum st all_of_it(void)
{
    struct dev *d;
    enum st st = dev_open(&d, "cuda", 1, a);
    float host[64] = { 0 };

    if (st != ST_OK)
        return st;
    float *p = dev_alloc(d, sizeof host);
    if (!p) {
        dev_close(d);
        return ST_SYS;
    }
    struct tensor x = tensor2(p, 8, 8), none = { 0 };
    dev_put(d, p, host, sizeof host);
    d->op->add(d, x, x, x);
    d->op->matmul(d, mat_of(x), mat_of(x), x, none, false);
    d->op->sumsq(d, (double *)p, x);
    dev_get(d, host, p, sizeof host);
    st = dev_sync(d);
    CHECK(st != ST_OK || host[2] == 0);
    emu_fail_in(0);
    CHECK_ST(dev_sync(d), ST_OK);
    dev_close(d);
    return st;
}

static void failures(void **state)
{
    (void)state;
    a = arena_new(0);
    CHECK_ST(all_of_it(), ST_OK);
    for (int64_t n = 1; n < 40; n++) {
        emu_fail_in(n);
        enum st st = all_of_it();
        bool unused = n > 23;                      /* those of closing say nothing */
        CHECK(st == ST_SYS || unused);
        CHECK(st == ST_OK || *err_text());
        err_clear();
    }
    CHECK_ST(all_of_it(), ST_OK);
    arena_free(a);
}

/* Heads that are too wide are told of and nothing is written. */
static void limits(void **state)
{
    struct dev *d;
    struct seg seg = { 0, 1, -1 };
    struct forest f = { 1, 1, &seg, &(int32_t){ 0 } };

    (void)state;
    a = arena_new(0);
    CHECK_ST(dev_open(&d, "cuda", 1, a), ST_OK);
    float *p = dev_alloc(d, 2048 * sizeof *p);
    struct heads x = { p, 1, 320, 320, 320 };
    d->op->attention(d, x, tensor2(p, 1, 1), x, x, x, &f, 1, 0);
    CHECK_ST(dev_sync(d), ST_SYS);
    CHECK_STR(err_text(), "--device: 'cuda:0': heads wider than 256; --device cpu has them");
    err_clear();
    dev_close(d);
    arena_free(a);
}

/* y[n M] = x[n K] w[M K]^T + bias and back, of numbers that lie anywhere. */
static void linear(struct dev *d, float *p, int64_t n, int64_t K, int64_t M, bool back)
{
    struct mat x = { p, n, K, K }, y = { p, n, M, M };

    d->op->matmul(d, y, x, tensor2(p, M, K), tensor1(p, M), false);
    if (!back)
        return;
    d->op->matmul_dx(d, x, y, tensor2(p, M, K), false);
    d->op->matmul_dw(d, tensor2(p, M, K), tensor1(p, M), y, x);
}

/* The ops of a pass of such a size. */
static void pass(struct dev *d, const struct dev_pass *k, float *p)
{
    int64_t N = k->tokens, n = k->targets, D = k->D, H = k->H, G = k->G, E = k->E, HE = H * E;
    struct heads q = { p, H, E, HE, E }, kv = { p, G, E, G * E, E };
    struct tensor x = tensor2(p, N, D), y = tensor2(p, n, D), w = tensor2(p, k->V, D),
                  each = tensor1(p, n);
    struct seg *seg = ARENA_NEW(a, struct seg, N);
    struct forest f = { N, N, dev_alloc(d, (size_t)N * sizeof *seg), NULL };
    int32_t *target = dev_alloc(d, (size_t)n * sizeof *target);

    CHECK(seg && f.seg && target);
    for (int32_t i = 0; i < N; i++)
        seg[i] = (struct seg){ i, i + 1, -1 };
    dev_put(d, f.seg, seg, (size_t)N * sizeof *seg);
    linear(d, p, N, D, HE + 2 * G * E, k->back);
    linear(d, p, N, HE, D, k->back);
    linear(d, p, N, D, k->F, k->back);
    linear(d, p, N, k->F, D, k->back);
    d->op->attention(d, q, tensor2(p, N, H), q, kv, kv, &f, 1, 0);
    d->op->logprob(d, each, each, each, each, y, w, target, NULL, y, w);
    if (k->back) {
        d->op->attention_bwd(d, q, kv, kv, q, q, tensor2(p, N, H), q, kv, kv, &f, 1, 0);
        d->op->rmsnorm_bwd(d, tensor2(p, N * H, E), tensor1(p, E), tensor2(p, N * H, E),
                           tensor2(p, N * H, E), tensor1(p, E), tensor1(p, N * H));
        d->op->rmsnorm_bwd(d, x, tensor1(p, D), x, x, tensor1(p, D), tensor1(p, N));
        d->op->logprob_bwd(d, y, w, y, w, each, target, p);
    }
    CHECK_ST(dev_sync(d), ST_OK);
}

/* What ops take for themselves is not over what was told, and not far below. */
static void scratch(void **state)
{
    static const struct dev_pass size[] = {
        { 70, 40, 300, 64, 96, 4, 2, 16, false },
        { 70, 40, 300, 64, 96, 4, 2, 16, true },
        { 200, 3, 8, 8, 40, 40, 1, 4, true },
        { 9, 9, 8, 16, 640, 1, 1, 16, true },
    };

    (void)state;
    a = arena_new(0);
    for (int64_t i = 0; i < 2 * countof(size); i++) {
        struct dev *d;
        size_t took = 0, told;
        CHECK_ST(dev_open(&d, i % 2 ? "cuda" : "cuda:0,f32", 1, a), ST_OK);
        float *p = dev_alloc(d, 200000 * sizeof *p);
        CHECK(p);
        CHECK(dev_memory(d) >= (int64_t)(200000 * sizeof *p));
        pass(d, &size[i / 2], p);
        for (int k = 0; k < CUDA_SCRATCHES; k++)
            took += d->own->scratch_bytes[k];
        told = dev_scratch_bytes(d, &size[i / 2]);
        if (!(took <= told && told <= 2 * took))
            check_failed(__FILE__, __LINE__, "%d: took %zu, told %zu", (int)i, took, told);
        dev_close(d);
    }
    arena_free(a);
}

/* How many of the orders of turns give a kernel's right result. */
static int right(struct dev *d, void (*kernel)(struct dev *, int *, const int *, bool), int *want,
                 bool barrier)
{
    int from[128], to[128], n = 0;

    for (int i = 0; i < 128; i++)
        from[i] = i * i;
    for (int order = EMU_FORWARD; order <= EMU_RANDOM; order++) {
        emu_turns((enum emu_order)order, 5);
        kernel(d, to, from, barrier);
        n += memcmp(to, want, sizeof to) == 0;
    }
    emu_turns(EMU_FORWARD, 0);
    return n;
}

/* Without their barrier kernels come out wrong in some order, and threads that part before one are
 * told of. */
static void races(void **state)
{
    struct dev *d;
    int turned[128], shifted[128], status;

    (void)state;
    a = arena_new(0);
    CHECK_ST(dev_open(&d, "cuda", 1, a), ST_OK);
    for (int i = 0; i < 128; i++) {
        turned[i] = (127 - i) * (127 - i);
        shifted[i] = i * i + (i ? (i - 1) * (i - 1) : 0);
    }
    CHECK(right(d, race_turn, turned, true) == 3);
    CHECK(right(d, race_turn, turned, false) < 3);
    CHECK(right(d, race_shift, shifted, true) == 3);
    CHECK(right(d, race_shift, shifted, false) < 3);
    race_part(d, false);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        close(2);
        race_part(d, true);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    dev_close(d);
    arena_free(a);
}

int main(void)
{
    return RUN(TEST(opens), TEST(memory), TEST(failures), TEST(limits), TEST(scratch),
               TEST(races));
}
