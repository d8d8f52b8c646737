/* ckpt.c - one folder per checkpoint, a link to the newest. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ckpt.h"
#include "model/peft.h"
#include "seal.h"

enum { CHECKPOINTS_MAX = 1 << 20, TOKENIZER_BYTES_MAX = 256 << 20 };

/* ---- opening ---- */

enum st ckpt_type(enum dtype *type, const char *name)
{
    static const char *const names[] = { "f32", "bf16", "f16" };
    static const enum dtype types[] = { F32, BF16, F16 };

    for (int i = 0; i < countof(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *type = types[i];
            return ST_OK;
        }
    err_place("--save-dtype");
    return fail(ST_USAGE, "'%s' is neither f32, bf16 nor f16", shown(view_of(name)));
}

static enum st remove_left(const struct ckpt *k, struct arena *a)
{
    char **name, *path;
    int64_t n;
    enum st st = seal_names(k->out, ".tmp-", &name, &n, CHECKPOINTS_MAX, a);

    for (int64_t i = 0; st == ST_OK && i < n; i++) {
        if (!(path = arena_printf(a, "%s/%s", k->out, name[i])))
            return ST_SYS;
        struct stat is;
        if (lstat(path, &is) == 0 && S_ISDIR(is.st_mode))
            st = dir_remove(path);
        else
            unlink(path);
    }
    return st;
}

enum st ckpt_open(struct ckpt *k, bool resume, struct arena *a)
{
    enum st st = dir_make(k->out);
    char *link = arena_printf(a, "%s/latest", k->out);
    struct stat is;

    k->saved = k->lock = -1;
    if (st != ST_OK || !link)
        return st != ST_OK ? st : ST_SYS;
    err_place("%s", k->out);
    k->lock = open(k->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k->lock < 0)
        return fail_sys("cannot open the folder");
    if (flock(k->lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return fail(ST_SYS, "another step is at work in it; wait for it or give another --out");
    if (!resume && lstat(link, &is) == 0)
        return fail(ST_USAGE, "holds a run already; go on with --resume or give another --out");
    return remove_left(k, a);
}

void ckpt_close(struct ckpt *k)
{
    if (k->lock >= 0)
        close(k->lock);
    k->lock = -1;
}

/* ---- finding ---- */

/* 123 of "step-00000123", -1 of any other name. */
static int64_t number_of(const char *name)
{
    char *end;

    if (strncmp(name, "step-", 5) != 0 || strspn(name + 5, "0123456789") != strlen(name + 5) ||
        strlen(name) < 13 || strlen(name) > 20)
        return -1;
    return strtoll(name + 5, &end, 10);
}

static int up(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Numbers of the checkpoints there are, rising. */
static enum st numbers(const struct ckpt *k, int64_t **v, int64_t *n, struct arena *a)
{
    char **name;
    int64_t all;
    enum st st = seal_names(k->out, "step-", &name, &all, CHECKPOINTS_MAX, a);

    *n = 0;
    if (st != ST_OK || !(*v = ARENA_NEW(a, int64_t, all + 1)))
        return st != ST_OK ? st : ST_SYS;
    for (int64_t i = 0; i < all; i++)
        if (number_of(name[i]) >= 0)
            (*v)[(*n)++] = number_of(name[i]);
    qsort(*v, (size_t)*n, sizeof **v, up);
    return ST_OK;
}

static enum st move_link(const struct ckpt *k, int64_t i, struct arena *a)
{
    char *link = arena_printf(a, "%s/latest", k->out), to[32];
    char *temp = arena_printf(a, "%s/.tmp-latest", k->out);

    if (!link || !temp)
        return ST_SYS;
    snprintf(to, sizeof to, "step-%08lld", (long long)i);
    unlink(temp);
    if (symlink(to, temp) < 0 || rename(temp, link) < 0) {
        err_place("%s", link);
        return fail_sys("cannot move the link");
    }
    return dir_sync(k->out);
}

enum st ckpt_find(struct ckpt *k, char **dir, struct arena *a)
{
    char *link = arena_printf(a, "%s/latest", k->out), to[64];
    int64_t n, *v;

    *dir = NULL;
    if (!link)
        return ST_SYS;
    ssize_t len = readlink(link, to, sizeof to - 1);
    if (len < 0)
        return ST_OK;
    to[len] = 0;
    int64_t newest = number_of(to);
    enum st st = numbers(k, &v, &n, a);
    for (int64_t j = n - 1; st == ST_OK && j >= 0; j--) {
        if (newest >= 0 && v[j] > newest)
            continue;
        if (!(*dir = arena_printf(a, "%s/step-%08lld", k->out, (long long)v[j])))
            return ST_SYS;
        if (seal_check(*dir, a) != ST_OK) {
            warn("%s; trying the checkpoint before it", err_text());
            err_clear();
            continue;
        }
        k->saved = v[j];
        return v[j] == newest ? ST_OK : move_link(k, v[j], a);
    }
    *dir = NULL;
    if (st != ST_OK)
        return st;
    err_place("%s", k->out);
    return fail(ST_DATA, "no checkpoint in it is whole; start again with another --out");
}

enum st ckpt_last(const struct ckpt *c, const char **dir, int64_t k, struct arena *a)
{
    char *link = arena_printf(a, "%s/latest", c->out), to[64];
    int64_t n, *v;

    if (!link)
        return ST_SYS;
    ssize_t len = readlink(link, to, sizeof to - 1);
    to[MAX(len, 0)] = 0;
    err_place("%s", c->out);
    if (number_of(to) < 0)
        return fail(ST_USAGE, "is no folder of checkpoints; name the --out of a run");
    enum st st = numbers(c, &v, &n, a);
    while (st == ST_OK && n && v[n - 1] > number_of(to))
        n--;
    err_place("%s", c->out);
    if (st == ST_OK && n < k)
        return fail(ST_USAGE, "has %lld checkpoints and not %lld; train with --keep %lld, or 0",
                    (long long)n, (long long)k, (long long)k);
    for (int64_t j = 0; st == ST_OK && j < k; j++) {
        dir[j] = arena_printf(a, "%s/step-%08lld", c->out, (long long)v[n - k + j]);
        st = dir[j] ? seal_check(dir[j], a) : ST_SYS;
    }
    return st;
}

/* ---- loading ---- */

/* Names and values of the parameters: exact, beside a model.safetensors of fewer bits. */
static enum st exact(const struct model *m, char ***name, struct tensor **t, struct arena *a)
{
    if (!(*name = ARENA_NEW(a, char *, m->n_params)) ||
        !(*t = ARENA_NEW(a, struct tensor, m->n_params)))
        return ST_SYS;
    for (int64_t i = 0; i < m->n_params; i++) {
        (*name)[i] = m->param[i].name;
        (*t)[i] = m->param[i].w;
    }
    return ST_OK;
}

enum st ckpt_exact(const char *dir, const char *base, struct model *m, struct arena *a)
{
    char *weights = arena_printf(a, "%s/state/weights.safetensors", dir), **name;
    struct tensor *t;

    if (!weights)
        return ST_SYS;
    if (access(weights, F_OK) != 0)
        return ST_OK;
    if (m->c.lora)
        return peft_load(m, weights, base, a);
    enum st st = exact(m, &name, &t, a);
    return st == ST_OK ? tensors_load(weights, m->n_params, name, t, m->d, a) : st;
}

enum st ckpt_load(const struct ckpt *k, const char *dir, struct model *m, struct optim *o,
                  struct arena *a)
{
    char *adapters = arena_printf(a, "%s/" PEFT_TENSORS, dir);
    char *moments = arena_printf(a, "%s/state/optim.safetensors", dir);
    enum st st = adapters && moments ? ST_OK : ST_SYS;

    if (st == ST_OK)
        st = m->c.lora ? peft_load(m, adapters, k->base, a) : weights_load(m, dir, a);
    if (st == ST_OK)
        st = ckpt_exact(dir, k->base, m, a);
    return st == ST_OK ? optim_load(o, moments, a) : st;
}

/* ---- saving ---- */

enum st ckpt_files(const struct ckpt *k, const char *to, struct arena *a)
{
    static const char *const names[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "generation_config.json", "chat_template.jinja",
    };
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && k->files && i < countof(names); i++) {
        size_t mark = arena_mark(a);
        char *from = arena_printf(a, "%s/%s", k->files, names[i]);
        char *path = arena_printf(a, "%s/%s", to, names[i]);
        struct view v;
        if (!from || !path)
            return ST_SYS;
        if (access(from, F_OK) != 0)
            continue;
        st = file_read(from, &v, TOKENIZER_BYTES_MAX, a);
        if (st == ST_OK)
            st = file_save(path, v.p, v.n, a);
        arena_back(a, mark);
    }
    return st;
}

/* What trains, in the form that other programs read, and exactly. */
static enum st put_weights(const struct ckpt *k, const char *dir, const struct model *m,
                           struct arena *a)
{
    char *path = arena_printf(a, "%s/state/weights.safetensors", dir), **name;
    bool lora = m->c.lora != NULL;
    struct tensor *t;
    enum st st = path ? ST_OK : ST_SYS;

    if (st == ST_OK)
        st = lora ? peft_save(m, dir, k->base, k->base_hash, k->type, a)
                  : weights_save(m, dir, k->type, a);
    if (st != ST_OK || k->type == F32)
        return st;
    if (lora)
        return peft_save_tensors(m, path, k->base_hash, F32, a);
    st = exact(m, &name, &t, a);
    return st == ST_OK ? tensors_save(path, m->n_params, name, t, m->d, F32, a) : st;
}

static enum st fill(const struct ckpt *k, const char *dir, const struct model *m,
                    const struct optim *o, const struct state *s, const struct header *h,
                    struct arena *a)
{
    char *state = arena_printf(a, "%s/state", dir);
    char *moments = arena_printf(a, "%s/state/optim.safetensors", dir);

    if (!state || !moments)
        return ST_SYS;
    enum st st = dir_make(state);
    if (st == ST_OK)
        st = put_weights(k, dir, m, a);
    if (st == ST_OK)
        st = optim_save(o, moments, a);
    if (st == ST_OK)
        st = state_save(s, h, dir, a);
    if (st == ST_OK)
        st = ckpt_files(k, dir, a);
    return st == ST_OK ? seal_write(dir, a) : st;
}

/* Renamed first, so that a crash leaves no half checkpoint under a good one's name. */
static enum st remove_one(const struct ckpt *k, int64_t i, struct arena *a)
{
    char *path = arena_printf(a, "%s/step-%08lld", k->out, (long long)i);
    char *temp = arena_printf(a, "%s/.tmp-old-%08lld", k->out, (long long)i);

    if (!path || !temp)
        return ST_SYS;
    enum st st = dir_remove(temp);
    if (st != ST_OK || access(path, F_OK) != 0)
        return st;
    if (rename(path, temp) < 0) {
        err_place("%s", path);
        return fail_sys("cannot rename the folder");
    }
    return dir_remove(temp);
}

static enum st prune(const struct ckpt *k, struct arena *a)
{
    int64_t n, *v;
    enum st st = numbers(k, &v, &n, a);

    /* left by a crash, or by a run that was longer */
    while (st == ST_OK && n && v[n - 1] > k->saved)
        st = remove_one(k, v[--n], a);
    for (int64_t j = 0; st == ST_OK && k->keep && j < n - k->keep; j++)
        st = remove_one(k, v[j], a);
    return st;
}

enum st ckpt_save(struct ckpt *k, const struct model *m, const struct optim *o,
                  const struct state *s, const struct header *h, struct arena *a)
{
    size_t mark = arena_mark(a);
    char *temp = arena_printf(a, "%s/.tmp-step-%08lld", k->out, (long long)s->i);
    char *path = arena_printf(a, "%s/step-%08lld", k->out, (long long)s->i);

    if (!temp || !path)
        return ST_SYS;
    enum st st = dir_make(temp);
    if (st == ST_OK)
        st = fill(k, temp, m, o, s, h, a);
    if (st == ST_OK)
        st = remove_one(k, s->i, a);
    if (st == ST_OK && rename(temp, path) < 0) {
        err_place("%s", path);
        st = fail_sys("cannot rename '%s' to it", shown(view_of(temp)));
    }
    if (st != ST_OK) {                         /* room for others; the message is kept already */
        if (dir_remove(temp) != ST_OK)
            warn("%s: cannot remove it", temp);
        return st;
    }
    st = dir_sync(k->out);
    if (st == ST_OK)
        st = move_link(k, s->i, a);
    if (st != ST_OK)
        return st;
    k->saved = s->i;
    st = prune(k, a);
    arena_back(a, mark);
    return st;
}
