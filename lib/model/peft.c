/* peft.c - PEFT folders in and out.
 *
 * What PEFT has and we have not is refused by its field: an adapter computed almost right is worse
 * than none. */
#include "model/peft.h"

#include <math.h>

#include "base/file.h"
#include "model/tensors.h"

/* ---- adapter_config.json ---- */

static enum st refuse(const char *path, const char *key, const char *what)
{
    err_place("%s", path);
    return fail(ST_DATA, "'%s' %s", key, what);
}

/* Missing, null, false or empty: what the field asks for is not asked for. */
static bool off(json_t *v)
{
    bool holds = json_is_object(v) || json_is_array(v);

    return !v || json_is_null(v) || json_is_false(v) ||
           (holds && json_object_size(v) + json_array_size(v) == 0);
}

static enum st check_fields(const char *path, json_t *o)
{
    static const char *const not_here[] = {
        "use_dora", "lora_bias", "rank_pattern", "alpha_pattern", "modules_to_save",
        "layers_to_transform", "exclude_modules", "layer_replication", "megatron_config",
        "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "use_qalora",
        "use_bdlora", "arrow_config", "kasa_config", "monteclora_config", "velora_config",
    };
    const char *type, *bias;
    enum st st = json_text_or(path, o, "peft_type", "", &type);

    if (st == ST_OK)
        st = json_text_or(path, o, "bias", "none", &bias);
    if (st != ST_OK)
        return st;
    if (strcmp(type, "LORA") != 0)
        return refuse(path, "peft_type", "is not LORA, which alone is supported");
    if (strcmp(bias, "none") != 0)
        return refuse(path, "bias", "is not none: trained biases are not supported");
    for (int64_t i = 0; i < countof(not_here); i++)
        if (!off(json_object_get(o, not_here[i])))
            return refuse(path, not_here[i], "is set, which is not supported");
    json_t *init = json_object_get(o, "init_lora_weights");
    if (json_is_string(init) && strcmp(json_string_value(init), "gaussian") != 0)
        return refuse(path, "init_lora_weights", "may change the base's own weights and is not "
                      "supported; convert the adapter as PEFT's save_pretrained does");
    return ST_OK;
}

static enum st read_targets(struct lora *l, const char *path, json_t *v, struct arena *a)
{
    size_t n = json_is_string(v) ? 1 : json_array_size(v);

    if (n == 0 || n > LORA_TARGETS_MAX)
        return refuse(path, "target_modules", "is no list of modules' names, or too long a one");
    for (size_t i = 0; i < n; i++) {
        json_t *name = json_is_string(v) ? v : json_array_get(v, i);
        if (!json_is_string(name) || json_string_length(name) == 0 ||
            strlen(json_string_value(name)) != json_string_length(name))
            return refuse(path, "target_modules", "is no list of modules' names");
        if (!(l->target[i] = arena_text(a, view_of(json_string_value(name)))))
            return ST_SYS;
    }
    if (json_is_string(v) && strcmp(l->target[0], "all-linear") != 0)
        return refuse(path, "target_modules", "is a pattern, which is not supported; list the "
                                              "modules' names");
    l->n_targets = (int64_t)n;
    return ST_OK;
}

static enum st read_config(struct lora *l, const char *path, json_t *o, struct arena *a)
{
    enum st st;

    if (!json_is_object(o)) {
        err_place("%s", path);
        return fail(ST_DATA, "not a JSON object");
    }
    if ((st = check_fields(path, o)) != ST_OK ||
        (st = json_int_or(path, o, "r", 1, LORA_RANK_MAX, 8, &l->rank)) != ST_OK ||
        (st = json_real_or(path, o, "lora_alpha", 8, &l->alpha)) != ST_OK ||
        (st = json_real_or(path, o, "lora_dropout", 0, &l->dropout)) != ST_OK ||
        (st = json_bool_or(path, o, "use_rslora", false, &l->rslora)) != ST_OK)
        return st;
    if (!(fabs(l->alpha) <= 1e6))
        return refuse(path, "lora_alpha", "is no number within 1e6");
    if (!(l->dropout >= 0 && l->dropout < .999))
        return refuse(path, "lora_dropout", "is not between 0 and 0.999");
    return read_targets(l, path, json_object_get(o, "target_modules"), a);
}

enum st peft_read(struct lora *l, const char *dir, struct arena *a)
{
    char *path = arena_printf(a, "%s/" PEFT_CONFIG, dir);
    json_t *root;
    enum st st = path ? json_open(&root, path) : ST_SYS;

    if (st != ST_OK)
        return st;
    *l = (struct lora){ .path = path };
    st = read_config(l, path, root, a);
    json_decref(root);
    return st;
}

static enum st put_config(struct buf *b, const struct config *c, const char *base)
{
    const struct lora *l = c->lora;
    const char *turned = c->family == FAMILY_GPT2 ? "true" : "false";
    enum st st = buf_printf(b, "{\n  \"base_model_name_or_path\": ");

    if (st != ST_OK || json_put_text(b, view_of(base)) ||
        buf_printf(b, ",\n  \"bias\": \"none\",\n  \"fan_in_fan_out\": %s,\n"
                      "  \"inference_mode\": true,\n  \"init_lora_weights\": true,\n"
                      "  \"lora_alpha\": ", turned) ||
        json_put_real(b, l->alpha) || buf_printf(b, ",\n  \"lora_dropout\": ") ||
        json_put_real(b, l->dropout) ||
        buf_printf(b, ",\n  \"modules_to_save\": null,\n  \"peft_type\": \"LORA\",\n"
                      "  \"r\": %lld,\n  \"target_modules\": [", (long long)l->rank))
        return ST_SYS;
    for (int64_t i = 0; st == ST_OK && i < l->n_targets; i++) {
        st = buf_printf(b, "%s\n    ", i ? "," : "");
        if (st == ST_OK)
            st = json_put_text(b, view_of(l->target[i]));
    }
    if (st == ST_OK)
        st = buf_printf(b, "\n  ],\n  \"task_type\": \"CAUSAL_LM\",\n  \"use_dora\": false,\n"
                           "  \"use_rslora\": %s\n}\n", l->rslora ? "true" : "false");
    return st;
}

/* ---- adapter_model.safetensors ---- */

/* Names and tensors in PEFT's form; B's, which lie turned here, have places in `block`. */
struct form { int64_t n; char **name; struct tensor *t; float *block; };

static bool is_turned(const struct param *p)
{
    return strstr(p->name, ".lora_B.") != NULL;
}

static enum st form_new(struct form *f, const struct model *m, struct arena *a)
{
    const struct params *all = &m->adapters;

    *f = (struct form){ .n = all->n, .name = ARENA_NEW(a, char *, all->n),
                        .t = ARENA_NEW(a, struct tensor, all->n) };
    if (!f->name || !f->t || !(f->block = dev_alloc(m->d, all->n_bytes)))
        return ST_SYS;
    for (int64_t i = 0; i < f->n; i++) {
        const struct param *p = &all->param[i];
        f->name[i] = p->name;
        f->t[i] = p->w;
        if (is_turned(p))
            f->t[i] = tensor2(f->block + p->at, p->w.d[1], p->w.d[0]);
    }
    return ST_OK;
}

/* to[cols rows] = from[rows cols] turned, both on the device. */
static enum st turn(struct dev *d, struct tensor to, struct tensor from, struct arena *a)
{
    size_t mark = arena_mark(a), bytes = (size_t)tensor_n(from) * sizeof(float);
    int64_t rows = from.d[0], cols = from.d[1];
    float *x = arena_get(a, bytes), *y = arena_get(a, bytes);

    if (!x || !y)
        return ST_SYS;
    dev_get(d, x, from.p, bytes);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y[j * rows + i] = x[i * cols + j];
    dev_put(d, to.p, y, bytes);
    arena_back(a, mark);
    return ST_OK;
}

static enum st turn_all(const struct form *f, const struct model *m, bool out, struct arena *a)
{
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < f->n; i++) {
        const struct param *p = &m->adapters.param[i];
        if (is_turned(p))
            st = turn(m->d, out ? f->t[i] : p->w, out ? p->w : f->t[i], a);
    }
    return st;
}

enum st peft_save_tensors(const struct model *m, const char *path, const uint8_t base[32],
                          enum dtype type, struct arena *a)
{
    size_t mark = arena_mark(a);
    char hex[65];
    struct form f;
    enum st st = form_new(&f, m, a);

    hex_of(base, 32, hex);
    if (st == ST_OK)
        st = turn_all(&f, m, true, a);
    if (st == ST_OK)
        st = tensors_save_of(path, f.n, f.name, f.t, m->d, type, hex, a);
    dev_free(m->d, f.block);
    arena_back(a, mark);
    return st;
}

enum st peft_save(const struct model *m, const char *dir, const char *base_dir,
                  const uint8_t base[32], enum dtype type, struct arena *a)
{
    char *config = arena_printf(a, "%s/" PEFT_CONFIG, dir);
    char *path = arena_printf(a, "%s/" PEFT_TENSORS, dir);
    struct buf b = { 0 };

    if (!config || !path)
        return ST_SYS;
    enum st st = put_config(&b, &m->c, base_dir);
    if (st == ST_OK)
        st = file_save(config, b.p, b.n, a);
    buf_free(&b);
    return st == ST_OK ? peft_save_tensors(m, path, base, type, a) : st;
}

/* Tensors without a place, and the base that the file is of. */
static enum st check_file(const struct form *f, const char *path, const char *base,
                          struct arena *a)
{
    struct safe s;
    uint8_t is[32];
    char hex[65];
    enum st st = safe_open(&s, path, a);

    if (st != ST_OK)
        return st;
    safe_close(&s);
    err_place("%s", path);
    for (int64_t i = 0; st == ST_OK && i < s.n; i++) {
        bool ours = false;
        for (int64_t j = 0; j < f->n && !ours; j++)
            ours = strcmp(f->name[j], s.t[i].name) == 0;
        if (!ours)
            st = fail(ST_DATA, "tensor '%s' has no place beside this model; is it an adapter of "
                               "this base?", shown(view_of(s.t[i].name)));
    }
    if (st != ST_OK || !*s.base || (st = weights_hash(is, base, a)) != ST_OK)
        return st;
    hex_of(is, 32, hex);
    err_place("%s", path);
    if (strcmp(hex, s.base) != 0)
        return fail(ST_DATA, "an adapter of the weights %.16s, and those in '%s' are %.16s; name "
                             "its own base", s.base, shown(view_of(base)), hex);
    return ST_OK;
}

enum st peft_load(struct model *m, const char *path, const char *base, struct arena *a)
{
    size_t mark = arena_mark(a);
    struct form f;
    enum st st = form_new(&f, m, a);

    if (st == ST_OK)
        st = check_file(&f, path, base, a);
    if (st == ST_OK)
        st = tensors_load(path, f.n, f.name, f.t, m->d, a);
    if (st == ST_OK)
        st = turn_all(&f, m, false, a);
    dev_free(m->d, f.block);
    arena_back(a, mark);
    if (st == ST_OK)
        err_place(NULL);
    return st;
}
