/* weights.c - config.json and safetensors headers from anybody: refused or sound, never more.
 *
 * What starts like an object is read as a config, anything else as a safetensors file. */
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "model/model.h"
#include "model/safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void a_config(const char *path, struct arena *a)
{
    struct config c;

    enum st st = config_read(&c, path, a);
    BUG_IF(st != ST_OK && !*err_text());
    if (st != ST_OK)
        return;
    BUG_IF(c.V < 1 || c.D < 1 || c.L < 1 || c.H < 1 || c.G < 1 || c.F < 1 || c.E < 2 ||
           c.positions < 1);
    BUG_IF(c.H % c.G || (c.n_freq < 1) != (c.family == FAMILY_GPT2) || 2 * c.n_freq > c.E ||
           c.bos >= c.V || c.eos >= c.V);
    for (int64_t i = 0; i < c.L; i++)
        BUG_IF(c.window[i] < 0 || c.window[i] >= c.positions);
    for (int64_t j = 0; j < c.n_freq; j++)
        BUG_IF(!(c.freq[j] >= 0) || !isfinite(c.freq[j]));
    BUG_IF(!isfinite(model_flops(&c, 1 << 20, 1 << 20)));
}

static void a_file(const char *path, size_t n, struct arena *a)
{
    struct safe s;
    int64_t at = -1, sum = 0;

    enum st st = safe_open(&s, path, a);
    BUG_IF(st != ST_OK && !*err_text());
    if (st != ST_OK)
        return;
    for (int64_t i = 0; i < s.n; i++) {
        const struct safe_tensor *t = &s.t[i];
        int64_t bytes = t->end - t->begin;
        BUG_IF(safe_find(&s, t->name) != t || t->begin < 8 || bytes < 0 || t->end > (int64_t)n ||
               t->rank > SAFE_RANK_MAX);
        char *p = arena_get(a, (size_t)MAX(bytes, 1));
        BUG_IF(!p || safe_read(&s, t->begin, p, (size_t)bytes) != ST_OK);
        at = at < 0 ? t->begin : MIN(at, t->begin);
        sum += bytes;
    }
    BUG_IF(s.n && at + sum != (int64_t)n);
    safe_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new((size_t)64 << 20);
    char path[64];
    int fd = memfd_create("case", MFD_CLOEXEC);

    BUG_IF(fd < 0 || fd_write(fd, "case", data, n) != ST_OK);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (n && data[0] == '{')
        a_config(path, a);
    else
        a_file(path, n, a);
    close(fd);
    arena_free(a);
    err_clear();
    return 0;
}
