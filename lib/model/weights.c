/* weights.c - a model's parameters out of a Hugging Face folder and into one. */
#include "model/weights.h"

#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "model/tensors.h"

#define SHARDS_MAX 4096

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The files that an index names, each once.  A name may not lead out of the folder. */
static enum st shards_of_index(struct shards *s, const char *path, json_t *index, struct arena *a)
{
    json_t *map = json_object_get(index, "weight_map"), *v;
    const char *key;

    err_place("%s", path);
    if (!json_is_object(map))
        return fail(ST_DATA, "'weight_map' is missing or no object");
    if (!(s->name = ARENA_NEW(a, char *, SHARDS_MAX)))
        return ST_SYS;
    json_object_foreach(map, key, v) {
        const char *file = json_string_value(v);
        bool known = false;
        if (!file || !*file || strlen(file) != json_string_length(v) || strchr(file, '/'))
            return fail(ST_DATA, "'weight_map' of '%s' is not the name of a file beside it",
                        shown(view_of(key)));
        for (int64_t i = s->n; i-- > 0 && !known;)
            known = strcmp(s->name[i], file) == 0;
        if (known)
            continue;
        if (s->n == SHARDS_MAX)
            return fail(ST_DATA, "it names more than %d files", SHARDS_MAX);
        if (!(s->name[s->n++] = arena_text(a, view_of(file))))
            return ST_SYS;
    }
    qsort(s->name, (size_t)s->n, sizeof *s->name, by_text);
    return ST_OK;
}

enum st shards_find(struct shards *s, const char *dir, struct arena *a)
{
    char *one = arena_printf(a, "%s/model.safetensors", dir);
    char *index = arena_printf(a, "%s/model.safetensors.index.json", dir);
    json_t *root;
    enum st st;

    *s = (struct shards){ 0 };
    if (!one || !index)
        return ST_SYS;
    if (is_there(one) || !is_there(index)) {
        if (!is_there(one)) {
            err_place("%s", dir);
            return fail(ST_SYS, "has neither model.safetensors nor model.safetensors.index.json; "
                                "name a model's folder with its weights as safetensors");
        }
        s->n = 1;
        s->name = ARENA_NEW(a, char *, 1);
        if (s->name)
            s->name[0] = arena_text(a, view_of("model.safetensors"));
        return s->name && s->name[0] ? ST_OK : ST_SYS;
    }
    if ((st = json_open(&root, index)) != ST_OK)
        return st;
    st = shards_of_index(s, index, root, a);
    json_decref(root);
    return st;
}

struct wanted { const struct param *p; bool seen; };

static int by_param(const void *a, const void *b)
{
    return strcmp(((const struct wanted *)a)->p->name, ((const struct wanted *)b)->p->name);
}

static struct wanted *sorted_params(const struct model *m, struct arena *a)
{
    struct wanted *w = ARENA_NEW(a, struct wanted, m->n_params);

    for (int64_t i = 0; w && i < m->n_params; i++)
        w[i].p = &m->param[i];
    if (w)
        qsort(w, (size_t)m->n_params, sizeof *w, by_param);
    return w;
}

static bool ends(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* Tensors that older files carry and that no arithmetic needs: rotary tables, causal masks, a head
 * beside tied embeddings. */
static bool harmless(const struct model *m, const char *name)
{
    bool neox = m->c.family == FAMILY_NEOX, gpt2 = m->c.family == FAMILY_GPT2;

    return ends(name, ".rotary_emb.inv_freq") ||
           (neox && (ends(name, ".attention.bias") || ends(name, ".attention.masked_bias"))) ||
           (gpt2 && (ends(name, ".attn.bias") || ends(name, ".attn.masked_bias"))) ||
           (m->c.tied && strcmp(name, neox ? "embed_out.weight" : "lm_head.weight") == 0);
}

/* The parameter a tensor is for.  Older GPT-2 files leave out the prefix "transformer.". */
static struct wanted *find(const struct model *m, struct wanted *w, const char *name)
{
    char full[256];
    struct param key = { .name = (char *)(uintptr_t)name };
    struct wanted ask = { &key, false }, *at;

    at = bsearch(&ask, w, (size_t)m->n_params, sizeof *w, by_param);
    if (at || m->c.family != FAMILY_GPT2)
        return at;
    snprintf(full, sizeof full, "transformer.%s", name);
    key.name = full;
    return bsearch(&ask, w, (size_t)m->n_params, sizeof *w, by_param);
}

static enum st load_shard(struct model *m, struct wanted *w, const struct safe *s, struct arena *a)
{
    enum st st;

    for (int64_t i = 0; i < s->n; i++) {
        const struct safe_tensor *t = &s->t[i];
        struct wanted *at = find(m, w, t->name);
        err_place("%s", s->path);
        if (!at && harmless(m, t->name))
            continue;
        if (!at)
            return fail(ST_DATA,
                        "tensor '%s' has no place in this model; is config.json the right one?",
                        shown(view_of(t->name)));
        if (at->seen)
            return fail(ST_DATA, "tensor '%s' is in two files", shown(view_of(t->name)));
        at->seen = true;
        if ((st = tensors_read(s, t, &at->p->w, m->d, a)) != ST_OK)
            return st;
    }
    return ST_OK;
}

enum st weights_load(struct model *m, const char *dir, struct arena *a)
{
    size_t mark = arena_mark(a);
    struct wanted *w = sorted_params(m, a);
    struct shards files;
    struct safe s;
    enum st st = w ? shards_find(&files, dir, a) : ST_SYS;

    for (int64_t i = 0; st == ST_OK && i < files.n; i++) {
        char *path = arena_printf(a, "%s/%s", dir, files.name[i]);
        if ((st = path ? safe_open(&s, path, a) : ST_SYS) != ST_OK)
            break;
        st = load_shard(m, w, &s, a);
        safe_close(&s);
    }
    err_place("%s", dir);
    for (int64_t i = 0; st == ST_OK && i < m->n_params; i++)
        if (!w[i].seen)
            st = fail(ST_DATA, "tensor '%s' is missing from its weights",
                      shown(view_of(w[i].p->name)));
    if (st == ST_OK)
        err_place(NULL);
    arena_back(a, mark);
    return st;
}

enum st weights_held(enum dtype *type, const char *dir, struct arena *a)
{
    size_t mark = arena_mark(a);
    struct shards files;
    struct safe s;
    enum st st = shards_find(&files, dir, a);

    *type = BF16;
    for (int64_t i = 0; st == ST_OK && i < files.n; i++) {
        char *path = arena_printf(a, "%s/%s", dir, files.name[i]);
        if ((st = path ? safe_open(&s, path, a) : ST_SYS) != ST_OK)
            break;
        for (int64_t k = 0; k < s.n; k++)
            if (s.t[k].rank == 2 && strcmp(s.t[k].dtype, "BF16") != 0)
                *type = F32;
        safe_close(&s);
    }
    arena_back(a, mark);
    return st;
}

enum st weights_save(const struct model *m, const char *dir, enum dtype type, struct arena *a)
{
    size_t mark = arena_mark(a);
    char *path = arena_printf(a, "%s/model.safetensors", dir);
    char **name = ARENA_NEW(a, char *, m->n_params);
    struct tensor *t = ARENA_NEW(a, struct tensor, m->n_params);
    enum st st;

    if (!path || !name || !t)
        return ST_SYS;
    for (int64_t i = 0; i < m->n_params; i++) {
        name[i] = m->param[i].name;
        t[i] = m->param[i].w;
    }
    if ((st = tensors_save(path, m->n_params, name, t, m->d, type, a)) == ST_OK)
        st = config_write(&m->c, dir, type, a);
    arena_back(a, mark);
    return st;
}
