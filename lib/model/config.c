/* config.c - config.json of each family -> one description.
 *
 * Defaults are those of transformers where a field is missing; a field that asks for arithmetic we
 * do not have is an error that names it, because a model computed almost right is worse than none.
 * Dropout fields are not read: training here is without. */
#include "model/model.h"

#include <math.h>

#include "base/file.h"

#define CONFIG_BYTES_MAX (16 << 20)

struct from {                                  /* where the fields come from */
    const char *path;
    json_t     *o;
    const char *type;                          /* model_type */
};

static bool is_type(const struct from *f, const char *name)
{
    return strcmp(f->type, name) == 0;
}

static bool given(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return v && !json_is_null(v);
}

static enum st refuse(const struct from *f, const char *key, const char *what)
{
    err_place("%s", f->path);
    return fail(ST_DATA, "'%s' %s", key, what);
}

static enum st refuse_value(const struct from *f, const char *key, const char *value,
                            const char *supported)
{
    err_place("%s", f->path);
    return fail(ST_DATA, "'%s' is '%s', which is not supported; of this family %s are", key,
                shown(view_of(value)), supported);
}

/* Token ids may be null (none) or, for the end, a list whose first counts. */
static enum st token_id(const struct from *f, const char *key, int64_t dflt, int64_t V, int64_t *id)
{
    json_t *v = json_object_get(f->o, key);
    if (json_is_array(v)) {
        v = json_array_get(v, 0);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= V)
            return refuse(f, key, "is not a list of token ids");
        *id = json_integer_value(v);
        return ST_OK;
    }
    if (v && json_is_null(v)) {
        *id = -1;
        return ST_OK;
    }
    if (!v) {
        *id = dflt < V ? dflt : -1;
        return ST_OK;
    }
    return json_int(f->path, f->o, key, -1, V - 1, id);
}

/* Sliding windows are refused where they would be felt. */
static enum st check_window(const struct config *c, const struct from *f)
{
    bool used = is_type(f, "mistral");
    enum st st;

    if (is_type(f, "qwen2") || is_type(f, "qwen3"))
        if ((st = json_bool_or(f->path, f->o, "use_sliding_window", false, &used)) != ST_OK)
            return st;
    int64_t window = c->positions;
    if (used && !json_object_get(f->o, "sliding_window"))
        window = 4096;
    if (used && given(f->o, "sliding_window"))
        if ((st = json_int(f->path, f->o, "sliding_window", 1, INT64_MAX, &window)) != ST_OK)
            return st;
    if (window < c->positions)
        return refuse(f, "sliding_window",
                      "is below max_position_embeddings; windows are not supported, "
                      "lower max_position_embeddings to the window");
    json_t *types = json_object_get(f->o, "layer_types"), *v;
    size_t i;
    json_array_foreach(types, i, v) {
        const char *type = json_string_value(v);
        bool full = type && strcmp(type, "full_attention") == 0;
        if (!full && !(used && type && strcmp(type, "sliding_attention") == 0))
            return refuse(f, "layer_types", "has a layer without full attention, which is not "
                                            "supported");
    }
    return ST_OK;
}

/* The smoothed scaling of Llama 3.1: long waves are slowed by `factor`, short ones stay, between
 * them a ramp. */
static enum st scale_llama3(struct config *c, const struct from *f, json_t *r)
{
    double factor, low, high, old;
    enum st st;

    if ((st = json_real_or(f->path, r, "factor", 0, &factor)) != ST_OK ||
        (st = json_real_or(f->path, r, "low_freq_factor", 0, &low)) != ST_OK ||
        (st = json_real_or(f->path, r, "high_freq_factor", 0, &high)) != ST_OK ||
        (st = json_real_or(f->path, r, "original_max_position_embeddings", (double)c->positions,
                           &old)) != ST_OK)
        return st;
    if (!(factor >= 1) || !(low > 0) || !(high > low) || !(old >= 1))
        return refuse(f, "rope_scaling",
                      "of type 'llama3' needs factor >= 1, 0 < low_freq_factor < high_freq_factor "
                      "and original_max_position_embeddings");
    for (int64_t j = 0; j < c->n_freq; j++) {
        double wave = 2 * M_PI / c->freq[j];
        if (wave > old / low) {
            c->freq[j] /= factor;
        } else if (wave >= old / high) {
            double smooth = (old / wave - low) / (high - low);
            c->freq[j] = (1 - smooth) * c->freq[j] / factor + smooth * c->freq[j];
        }
    }
    return ST_OK;
}

static enum st scale_rope(struct config *c, const struct from *f, json_t *r)
{
    const char *type, *old;
    double factor;
    enum st st;

    if ((st = json_text_or(f->path, r, "type", "default", &old)) != ST_OK ||
        (st = json_text_or(f->path, r, "rope_type", old, &type)) != ST_OK)
        return st;
    if (strcmp(type, "default") == 0)
        return ST_OK;
    if (strcmp(type, "llama3") == 0)
        return scale_llama3(c, f, r);
    if (strcmp(type, "linear") != 0)
        return refuse_value(f, "rope_type", type, "default, linear and llama3");
    if ((st = json_real_or(f->path, r, "factor", 0, &factor)) != ST_OK)
        return st;
    if (!(factor >= 1))
        return refuse(f, "rope_scaling", "of type 'linear' needs a factor of at least 1");
    for (int64_t j = 0; j < c->n_freq; j++)
        c->freq[j] /= factor;
    return ST_OK;
}

/* Rotary frequencies.  Fields lie in rope_parameters (newer files), or at the top with rope_scaling
 * beside them. */
static enum st read_rope(struct config *c, const struct from *f, struct arena *a)
{
    bool neox = c->family == FAMILY_NEOX;
    double base, part, whole = neox ? .25 : 1;
    enum st st;
    json_t *r = json_object_get(f->o, "rope_scaling");
    if (!json_is_object(r) || json_object_size(r) == 0)
        r = json_object_get(f->o, "rope_parameters");

    if ((st = json_real_or(f->path, f->o, "rope_theta", 10000, &base)) != ST_OK ||
        (neox && (st = json_real_or(f->path, f->o, "rotary_emb_base", base, &base)) != ST_OK) ||
        (st = json_real_or(f->path, f->o, "partial_rotary_factor", whole, &part)) != ST_OK ||
        (neox && (st = json_real_or(f->path, f->o, "rotary_pct", part, &part)) != ST_OK))
        return st;
    if (json_is_object(r))
        if ((st = json_real_or(f->path, r, "rope_theta", base, &base)) != ST_OK ||
            (st = json_real_or(f->path, r, "partial_rotary_factor", part, &part)) != ST_OK)
            return st;
    if (!(base >= 1) || !isfinite(base))
        return refuse(f, neox ? "rotary_emb_base" : "rope_theta", "must be at least 1");
    if (!(part > 0 && part <= 1) || (!neox && part != 1))
        return refuse(f, neox ? "rotary_pct" : "partial_rotary_factor",
                      "is not supported by this family");
    int64_t rotated = (int64_t)((double)c->E * part);
    if (rotated < 2 || rotated % 2)
        return refuse(f, neox ? "rotary_pct" : "head_dim",
                      "gives an odd number of rotated numbers a head");
    c->n_freq = rotated / 2;
    if (!(c->freq = ARENA_NEW(a, double, c->n_freq)))
        return ST_SYS;
    for (int64_t j = 0; j < c->n_freq; j++)
        c->freq[j] = pow(base, -2.0 * (double)j / (double)rotated);
    return json_is_object(r) ? scale_rope(c, f, r) : ST_OK;
}

static enum st read_llama(struct config *c, const struct from *f)
{
    enum st st;
    const char *act;
    bool bias, qwen2 = is_type(f, "qwen2"), llama = is_type(f, "llama");
    int64_t group = llama ? c->H : 0;          /* others have other defaults: it must be */

    c->family = FAMILY_LLAMA;
    c->qk_norm = is_type(f, "qwen3");
    if ((st = json_int_or(f->path, f->o, "num_key_value_heads", 1, c->H, group, &c->G)) != ST_OK ||
        (st = json_int_or(f->path, f->o, "head_dim", 1, 1 << 16, c->D / c->H, &c->E)) != ST_OK ||
        (st = json_real_or(f->path, f->o, "rms_norm_eps", 1e-6, &c->eps)) != ST_OK ||
        (st = json_text_or(f->path, f->o, "hidden_act", "silu", &act)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "attention_bias", false, &bias)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "mlp_bias", false, &c->mlp_bias)) != ST_OK)
        return st;
    if (c->G == 0)
        return refuse(f, "num_key_value_heads", "is missing");
    if (c->H % c->G)
        return refuse(f, "num_key_value_heads", "does not divide num_attention_heads");
    if (!given(f->o, "head_dim") && (c->qk_norm || c->D % c->H))
        return refuse(f, "head_dim", "is missing");
    if (strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
        return refuse_value(f, "hidden_act", act, "silu");
    if (!llama)
        c->mlp_bias = false;
    c->qkv_bias = qwen2 || (bias && (llama || c->qk_norm));
    c->o_bias = !qwen2 && c->qkv_bias;
    return check_window(c, f);
}

static enum st read_neox(struct config *c, const struct from *f)
{
    const char *act;
    enum st st;

    c->family = FAMILY_NEOX;
    c->G = c->H;
    c->E = c->D / c->H;
    c->mlp_bias = true;
    if (c->D % c->H)
        return refuse(f, "num_attention_heads", "does not divide hidden_size");
    if ((st = json_real_or(f->path, f->o, "layer_norm_eps", 1e-5, &c->eps)) != ST_OK ||
        (st = json_text_or(f->path, f->o, "hidden_act", "gelu", &act)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "attention_bias", true, &c->qkv_bias)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "use_parallel_residual", true, &c->parallel)) != ST_OK)
        return st;
    c->o_bias = c->qkv_bias;
    c->gelu_tanh = strcmp(act, "gelu_new") == 0 || strcmp(act, "gelu_fast") == 0 ||
                   strcmp(act, "gelu_pytorch_tanh") == 0;
    if (!c->gelu_tanh && strcmp(act, "gelu") != 0)
        return refuse_value(f, "hidden_act", act,
                            "gelu, gelu_new, gelu_fast and gelu_pytorch_tanh");
    return ST_OK;
}

static enum st read_fields(struct config *c, struct from *f, struct arena *a)
{
    enum st st;
    int64_t n;
    bool neox, qwen;

    if (!json_is_object(f->o)) {
        err_place("%s", f->path);
        return fail(ST_DATA, "not a JSON object");
    }
    if ((st = json_text_or(f->path, f->o, "model_type", "", &f->type)) != ST_OK)
        return st;
    neox = is_type(f, "gpt_neox");
    qwen = is_type(f, "qwen2") || is_type(f, "qwen3");
    if (!neox && !qwen && !is_type(f, "llama") && !is_type(f, "mistral"))
        return refuse_value(f, "model_type", f->type, "llama, mistral, qwen2, qwen3 and gpt_neox");
    if (given(f->o, "quantization_config"))
        return refuse(f, "quantization_config",
                      "is not supported; use the weights before quantisation");
    if ((st = json_int(f->path, f->o, "vocab_size", 1, INT32_MAX, &c->V)) != ST_OK ||
        (st = json_int(f->path, f->o, "hidden_size", 1, 1 << 20, &c->D)) != ST_OK ||
        (st = json_int(f->path, f->o, "intermediate_size", 1, 1 << 24, &c->F)) != ST_OK ||
        (st = json_int(f->path, f->o, "num_hidden_layers", 1, 4096, &c->L)) != ST_OK ||
        (st = json_int(f->path, f->o, "num_attention_heads", 1, 1 << 16, &c->H)) != ST_OK ||
        (st = json_int(f->path, f->o, "max_position_embeddings", 1, INT32_MAX, &n)) != ST_OK ||
        (st = json_real_or(f->path, f->o, "initializer_range", .02, &c->init_std)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "tie_word_embeddings", false, &c->tied)) != ST_OK ||
        (st = token_id(f, "bos_token_id", neox ? 0 : qwen ? -1 : 1, c->V, &c->bos)) != ST_OK ||
        (st = token_id(f, "eos_token_id", qwen ? -1 : 2, c->V, &c->eos)) != ST_OK)
        return st;
    c->positions = n;
    if ((st = neox ? read_neox(c, f) : read_llama(c, f)) != ST_OK)
        return st;
    if (!(c->eps > 0 && c->eps < 1))
        return refuse(f, neox ? "layer_norm_eps" : "rms_norm_eps", "must be between 0 and 1");
    if (!(c->init_std >= 0 && c->init_std <= 1))
        return refuse(f, "initializer_range", "must be between 0 and 1");
    return read_rope(c, f, a);
}

enum st config_read(struct config *c, const char *path, struct arena *a)
{
    struct from f = { path, NULL, "" };
    struct view text;
    enum st st;

    *c = (struct config){ 0 };
    if ((st = file_read(path, &text, CONFIG_BYTES_MAX, a)) != ST_OK ||
        (st = json_open(&f.o, path)) != ST_OK)
        return st;
    st = read_fields(c, &f, a);
    json_decref(f.o);
    c->json = (char *)text.p;
    c->json_bytes = text.n;
    return st;
}
