/* folders.c - what --model and --adapter name, its hash, and the model in it. */
#include "model/folders.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"

/* ---- finding them ---- */

static bool has(const char *dir, const char *file)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof path, "%s/%s", dir, file) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

/* dir, or what its `latest` points to now, whichever holds one of the files; NULL: neither.  The
 * link may move on while we run, so it is followed once. */
static enum st settle(const char **to, const char *dir, const char *const file[2], struct arena *a)
{
    char *latest = arena_printf(a, "%s/latest", dir);

    *to = dir;
    for (int at = 0; latest && at < 2; at++) {
        const char *in = at ? latest : dir;
        if (!has(in, file[0]) && !(file[1] && has(in, file[1])))
            continue;
        if (at == 0)
            return ST_OK;
        char *real = realpath(latest, NULL);
        if (!real)
            return fail_sys("'%s'", shown(view_of(latest)));
        *to = arena_text(a, view_of(real));
        mem_release(real);
        return *to ? ST_OK : ST_SYS;
    }
    *to = NULL;
    return latest ? ST_OK : ST_SYS;
}

/* The base that an adapter's config names. */
static enum st base_of(const char **base, const char *adapter, struct arena *a)
{
    char *path = arena_printf(a, "%s/" PEFT_CONFIG, adapter);
    const char *name;
    json_t *root;
    enum st st = path ? json_open(&root, path) : ST_SYS;

    if (st != ST_OK)
        return st;
    st = json_text_or(path, root, "base_model_name_or_path", "", &name);
    if (st == ST_OK && !*name) {
        err_place("%s", path);
        st = fail(ST_DATA, "'base_model_name_or_path' is missing; name the base: --model BASE "
                           "--adapter %s", shown(view_of(adapter)));
    }
    if (st == ST_OK && !(*base = arena_text(a, view_of(name))))
        st = ST_SYS;
    json_decref(root);
    if (st == ST_OK && !has(*base, "config.json")) {
        err_place("%s", path);
        st = fail(ST_DATA, "its base '%s' is not here; name it: --model BASE --adapter %s",
                  shown(view_of(*base)), shown(view_of(adapter)));
    }
    return st;
}

enum st folders_find(struct folders *f, const char *dir, const char *adapter, struct arena *a)
{
    static const char *const model[] = { "config.json", PEFT_CONFIG };
    static const char *const only[] = { PEFT_CONFIG, NULL };
    enum st st = settle(&f->base, dir, model, a);

    f->adapter = NULL;
    if (st == ST_OK && !f->base) {
        err_place("%s", dir);
        return fail(ST_SYS, "no config.json there, nor in its latest/; name a Hugging Face folder "
                            "or the OUT of step");
    }
    if (st == ST_OK && adapter) {
        st = settle(&f->adapter, adapter, only, a);
        if (st == ST_OK && !f->adapter) {
            err_place("%s", adapter);
            return fail(ST_SYS, "no " PEFT_CONFIG " there, nor in its latest/; name a PEFT folder "
                                "or the OUT of step");
        }
    }
    if (st != ST_OK)
        return st;
    if (adapter && !has(f->base, "config.json")) {
        err_place("%s", f->base);
        return fail(ST_DATA, "is an adapter itself; name the base with config.json");
    }
    if (adapter || !has(f->base, PEFT_CONFIG))
        return ST_OK;
    f->adapter = f->base;
    return base_of(&f->base, f->adapter, a);
}

/* ---- what is in them ---- */

enum st folders_hash(uint8_t out[32], const struct folders *f, struct arena *a)
{
    struct lora *l = ARENA_NEW(a, struct lora, 1);
    uint8_t of[32];
    enum st st = weights_hash(out, f->base, a);

    if (st != ST_OK || !f->adapter)
        return st;
    if (!l)
        return ST_SYS;
    if ((st = peft_read(l, f->adapter, a)) != ST_OK ||
        (st = weights_hash_file(of, f->adapter, PEFT_TENSORS, a)) != ST_OK)
        return st;
    char *scale = arena_printf(a, "%.17g", lora_scale(l));
    if (!scale)
        return ST_SYS;
    struct sha *h = sha_new();
    sha_add(h, out, 32);
    sha_add(h, of, sizeof of);
    sha_add(h, scale, strlen(scale) + 1);
    sha_end(h, out);
    return ST_OK;
}

enum st folders_open(struct model **m, const struct folders *f, struct lora *l, struct dev *d,
                       bool change, struct arena *a)
{
    char *config = arena_printf(a, "%s/config.json", f->base);
    char *path = f->adapter ? arena_printf(a, "%s/" PEFT_TENSORS, f->adapter) : NULL;
    struct config c;

    if (!config || (f->adapter && !path))
        return ST_SYS;
    enum st st = config_read(&c, config, a);
    if (st == ST_OK && f->adapter)
        st = peft_read(c.lora = l, f->adapter, a);
    if (st == ST_OK && d->half && !change)
        st = weights_held(&c.held, f->base, a);
    if (st == ST_OK)
        st = model_new(m, &c, d, false, a);
    if (st == ST_OK)
        st = weights_load(*m, f->base, a);
    if (st != ST_OK || !f->adapter)
        return st;
    return peft_load(*m, path, f->base, a);
}
