/* dev.c - opening a device, its memory and its limit, and the threads that share work. */
#include "base/run.h"
#include "math/cpu/cpu.h"
#include "tests/check.h"

static void opens(void **state)
{
    struct arena *a = arena_new(0);
    struct dev *d;

    (void)state;
    CHECK_ST(dev_open(&d, "auto", 0, a), ST_OK);
    CHECK(d->threads == run_threads());
    CHECK_STR(d->name, "cpu");
    CHECK(d->op == &cpu_ops);
    dev_close(d);
    CHECK_ST(dev_open(&d, "tpu", 0, a), ST_USAGE);
    CHECK_STR(err_text(), "--device: 'tpu' is none of auto, cuda[:N][,f32], cpu[,bf16]");
    err_clear();
    CHECK_ST(dev_open(&d, "cpu:1", 0, a), ST_USAGE);
    CHECK_STR(err_text(), "--device: 'cpu:1': cpu takes nothing but ,bf16 behind it");
    err_clear();
    arena_free(a);
}

static void memory(void **state)
{
    struct arena *a = arena_new(0);
    struct dev *d;
    char *p[3];

    (void)state;
    CHECK_ST(dev_open(&d, "cpu", 2, a), ST_OK);
    for (size_t n = 1; n < (size_t)40 << 20; n = n * 3 + 1) {
        for (int i = 0; i < 3; i++) {
            p[i] = dev_alloc(d, n);
            CHECK(p[i] && (uintptr_t)p[i] % 64 == 0 && p[i][0] == 0 && p[i][n / 2] == 0 &&
                  p[i][n - 1] == 0);
            memset(p[i], 1 + i, n);
        }
        dev_free(d, p[1]);
        CHECK(p[0][n - 1] == 1 && p[2][0] == 3);
        dev_free(d, p[0]);
        dev_zero(d, p[2], n);
        CHECK(p[2][0] == 0 && p[2][n / 2] == 0 && p[2][n - 1] == 0);
    }
    dev_free(d, NULL);
    CHECK(dev_alloc(d, (size_t)run_memory() + 1) == NULL);
    CHECK(strstr(err_text(), "device memory asked for") != NULL);
    err_clear();
    CHECK(dev_alloc(d, SIZE_MAX - 10) == NULL);
    err_clear();
    CHECK(cpu_scratch(d, (size_t)run_memory() + 1) == NULL);
    CHECK_ST(dev_sync(d), ST_SYS);                 /* kept, told once */
    CHECK_ST(dev_sync(d), ST_OK);
    err_clear();
    dev_close(d);
    arena_free(a);
}

enum { TASKS = 1000 };
static int times[TASKS], worst_worker;

static void note(void *of, int64_t i, int worker)
{
    (void)of;
    times[i]++;
    if (worker > worst_worker)
        worst_worker = worker;
}

static void note_part(void *of, int64_t begin, int64_t end)
{
    (void)of;
    for (int64_t i = begin; i < end; i++)
        times[i]++;
}

/* Every task once, for any number of threads, many jobs in a row. */
static void shares(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct dev *d;
        CHECK_ST(dev_open(&d, "cpu", threads, a), ST_OK);
        for (int job = 0; job < 300; job++) {
            int64_t n = job * 7 % TASKS;
            memset(times, 0, sizeof(times));
            cpu_tasks(d, n, note, NULL);
            for (int64_t i = 0; i < TASKS; i++)
                CHECK(times[i] == (i < n));
            memset(times, 0, sizeof(times));
            cpu_share(d, n, 1 + job % 20, job % 2 ? 1 : 10000, note_part, NULL);
            for (int64_t i = 0; i < TASKS; i++)
                CHECK(times[i] == (i < n));
        }
        CHECK(worst_worker < threads);
        dev_close(d);
    }
    arena_free(a);
}

int main(void)
{
    return RUN(TEST(opens), TEST(memory), TEST(shares));
}
