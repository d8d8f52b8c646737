/* peft.c - adapter_config.json from anybody: refused or sound, and then beside a model or not,
 * never more. */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/folders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char base[] =
    "{\"model_type\":\"llama\",\"vocab_size\":24,\"hidden_size\":16,\"intermediate_size\":12,"
    "\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
    "\"max_position_embeddings\":64}";

static void put(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    BUG_IF(fd < 0 || fd_write(fd, path, p, n) != ST_OK);
    close(fd);
}

/* Adapters of these beside a small model. */
static void beside(struct lora *l, const char *config, struct arena *a)
{
    struct config c;
    struct dev *d;
    struct model *m;

    BUG_IF(config_read(&c, config, a) != ST_OK || dev_open(&d, "cpu", 1, a) != ST_OK);
    c.lora = l;
    enum st st = model_new(&m, &c, d, true, a);
    BUG_IF(st != ST_OK && (st != ST_DATA || !*err_text()));
    if (st == ST_OK) {
        BUG_IF(m->adapters.n < 2 || m->adapters.n % 2 || m->lowest < 0 || m->lowest > 7);
        lora_init(m, 1);
        lora_merge(m);
    }
    dev_close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char dir[] = "/tmp/plait-fuzz-XX" "XX" "XX";
    struct arena *a = arena_new((size_t)64 << 20);
    struct lora *l = ARENA_NEW(a, struct lora, 1);
    struct folders f;
    char name[2][64];

    BUG_IF(!l || !mkdtemp(dir));
    snprintf(name[0], sizeof name[0], "%s/%s", dir, PEFT_CONFIG);
    snprintf(name[1], sizeof name[1], "%s/base.json", dir);
    put(name[0], data, n);
    put(name[1], base, sizeof base - 1);
    enum st st = folders_find(&f, dir, NULL, a);
    BUG_IF(st != ST_OK && !*err_text());
    err_clear();
    st = peft_read(l, dir, a);
    BUG_IF(st != ST_OK && !*err_text());
    if (st == ST_OK) {
        BUG_IF(l->rank < 1 || l->rank > LORA_RANK_MAX || l->n_targets < 1);
        BUG_IF(!isfinite(lora_scale(l)) || !(l->dropout >= 0 && l->dropout < 1));
        if (l->rank <= 64)
            beside(l, name[1], a);
    }
    unlink(name[0]);
    unlink(name[1]);
    rmdir(dir);
    memcpy(dir + sizeof dir - 7, "XX" "XX" "XX", 6);
    arena_free(a);
    err_clear();
    return 0;
}
