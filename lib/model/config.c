/* config.c - config.json of each family -> one description.
 *
 * Defaults are those of transformers where a field is missing; a field that asks for arithmetic we
 * do not have is an error that names it, because a model computed almost right is worse than none.
 * Dropout fields are not read: training here is without. */
#include "base/file.h"
#include "model/from.h"

#define CONFIG_BYTES_MAX (16 << 20)

/* Every model_type, its family, and what transformers takes for ids that are not given. */
static const struct kind {
    const char *type;
    enum family family;
    int64_t     bos, eos;
} kinds[] = {
    { "llama", FAMILY_LLAMA, 1, 2 },      { "mistral", FAMILY_LLAMA, 1, 2 },
    { "qwen2", FAMILY_LLAMA, -1, -1 },    { "qwen3", FAMILY_LLAMA, -1, -1 },
    { "olmo2", FAMILY_LLAMA, -1, 50279 }, { "gpt_neox", FAMILY_NEOX, 0, 2 },
    { "gpt2", FAMILY_GPT2, 50256, 50256 },
};

/* Fields of other families that change the arithmetic; where one is set in ours, nobody knows what
 * was meant. */
static const char *const foreign[] = {
    "quantization_config", "no_rope_layers", "clip_qkv", "attn_logit_softcapping",
    "final_logit_softcapping", "num_local_experts", "num_experts", "embedding_multiplier",
    "attention_multiplier", "residual_multiplier", "logits_scaling", "logit_scale",
};

static bool is_type(const struct from *f, const char *name)
{
    return strcmp(f->type, name) == 0;
}

enum st from_refuse(const struct from *f, const char *key, const char *what)
{
    err_place("%s", f->path);
    return fail(ST_DATA, "'%s' %s", key, what);
}

enum st from_refuse_value(const struct from *f, const char *key, const char *value,
                          const char *supported)
{
    err_place("%s", f->path);
    return fail(ST_DATA, "'%s' is '%s', which is not supported; of this family %s are", key,
                shown(view_of(value)), supported);
}

static bool given(const struct from *f, const char *key)
{
    json_t *v = json_object_get(f->o, key);
    return v && !json_is_null(v);
}

/* Token ids may be null (none) or, for the end, a list whose first counts. */
static enum st token_id(const struct from *f, const char *key, int64_t dflt, int64_t V, int64_t *id)
{
    json_t *v = json_object_get(f->o, key);
    if (json_is_array(v)) {
        v = json_array_get(v, 0);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= V)
            return from_refuse(f, key, "is not a list of token ids");
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

/* What layer_types says of layer i: *slides is left as it is where there is none. */
static enum st layer_type(const struct from *f, json_t *types, int64_t i, bool used, bool *slides)
{
    const char *type = json_string_value(json_array_get(types, (size_t)i));

    if (!types)
        return ST_OK;
    *slides = used && type && strcmp(type, "sliding_attention") == 0;
    if (!*slides && (!type || strcmp(type, "full_attention") != 0))
        return from_refuse(f, "layer_types", "has a layer without full attention, which is not "
                                             "supported where no sliding_window is in use");
    return ST_OK;
}

/* The windows of all layers: all of Mistral's have one, Qwen's from max_window_layers on or as
 * layer_types says; a window as long as the positions is none. */
static enum st read_windows(struct config *c, const struct from *f)
{
    bool mistral = is_type(f, "mistral"), used = mistral, slides;
    int64_t window = 0, from = 0;
    json_t *types = json_object_get(f->o, "layer_types");
    enum st st;

    if (is_type(f, "qwen2") || is_type(f, "qwen3"))
        if ((st = json_bool_or(f->path, f->o, "use_sliding_window", false, &used)) != ST_OK ||
            (st = json_int_or(f->path, f->o, "max_window_layers", 0, INT64_MAX, 28, &from)) !=
                ST_OK)
            return st;
    used = used && !json_is_null(json_object_get(f->o, "sliding_window"));
    if (used && (st = json_int_or(f->path, f->o, "sliding_window", 1, INT64_MAX, 4096,
                                  &window)) != ST_OK)
        return st;
    types = json_is_null(types) ? NULL : types;
    if (types && json_array_size(types) != (size_t)c->L)
        return from_refuse(f, "layer_types", "is not a list with one entry for each layer");
    for (int64_t i = 0; i < c->L; i++) {
        bool rule = slides = used && i >= from;
        if ((st = layer_type(f, types, i, used, &slides)) != ST_OK)
            return st;
        if (mistral && slides != rule && window < c->positions)
            return from_refuse(f, "layer_types", "has a layer without the sliding_window; of "
                                                 "this family all have it");
        c->window[i] = slides && window < c->positions ? window : 0;
    }
    return ST_OK;
}

static enum st read_llama(struct config *c, const struct from *f)
{
    enum st st;
    const char *act;
    bool bias, qwen2 = is_type(f, "qwen2"), llama = is_type(f, "llama");
    bool olmo2 = is_type(f, "olmo2");
    int64_t group = llama || olmo2 ? c->H : 0; /* others have other defaults: it must be */

    c->post_norm = olmo2;
    c->qk_norm = olmo2 ? QK_NORM_WIDTH : is_type(f, "qwen3") ? QK_NORM_HEAD : QK_NORM_NONE;
    if ((st = json_int_or(f->path, f->o, "num_key_value_heads", 1, c->H, group, &c->G)) != ST_OK ||
        (st = json_int_or(f->path, f->o, "head_dim", 1, 1 << 16, c->D / c->H, &c->E)) != ST_OK ||
        (st = json_real_or(f->path, f->o, "rms_norm_eps", olmo2 ? 1e-5 : 1e-6, &c->eps)) != ST_OK ||
        (st = json_text_or(f->path, f->o, "hidden_act", "silu", &act)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "attention_bias", false, &bias)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "mlp_bias", false, &c->mlp_bias)) != ST_OK)
        return st;
    if (c->G == 0)
        return from_refuse(f, "num_key_value_heads", "is missing");
    if (c->H % c->G)
        return from_refuse(f, "num_key_value_heads", "does not divide num_attention_heads");
    if (!given(f, "head_dim") && (c->qk_norm == QK_NORM_HEAD || c->D % c->H))
        return from_refuse(f, "head_dim", "is missing");
    if (strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
        return from_refuse_value(f, "hidden_act", act, "silu");
    if (!llama)
        c->mlp_bias = false;
    c->qkv_bias = qwen2 || (bias && (llama || c->qk_norm));
    c->o_bias = !qwen2 && c->qkv_bias;
    return read_windows(c, f);
}

static enum st read_gelu(struct config *c, const struct from *f, const char *key, const char *dflt)
{
    const char *act;
    enum st st = json_text_or(f->path, f->o, key, dflt, &act);

    if (st != ST_OK)
        return st;
    c->gelu_tanh = strcmp(act, "gelu_new") == 0 || strcmp(act, "gelu_fast") == 0 ||
                   strcmp(act, "gelu_pytorch_tanh") == 0;
    if (!c->gelu_tanh && strcmp(act, "gelu") != 0)
        return from_refuse_value(f, key, act, "gelu, gelu_new, gelu_fast and gelu_pytorch_tanh");
    return ST_OK;
}

static enum st read_gpt2(struct config *c, const struct from *f)
{
    bool scaled, by_layer, cross;
    enum st st;

    c->G = c->H;
    c->E = c->D / c->H;
    c->qkv_bias = c->o_bias = c->mlp_bias = true;
    if (c->D % c->H)
        return from_refuse(f, "n_head", "does not divide n_embd");
    if ((st = json_int_or(f->path, f->o, "n_inner", 1, 1 << 24, 4 * c->D, &c->F)) != ST_OK ||
        (st = json_real_or(f->path, f->o, "layer_norm_epsilon", 1e-5, &c->eps)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "scale_attn_weights", true, &scaled)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "scale_attn_by_inverse_layer_idx", false, &by_layer)) !=
            ST_OK ||
        (st = json_bool_or(f->path, f->o, "add_cross_attention", false, &cross)) != ST_OK)
        return st;
    if (!scaled)
        return from_refuse(f, "scale_attn_weights", "is false, which is not supported");
    if (by_layer)
        return from_refuse(f, "scale_attn_by_inverse_layer_idx", "is not supported");
    if (cross)
        return from_refuse(f, "add_cross_attention", "is not supported");
    return read_gelu(c, f, "activation_function", "gelu_new");
}

static enum st read_neox(struct config *c, const struct from *f)
{
    enum st st;

    c->G = c->H;
    c->E = c->D / c->H;
    c->mlp_bias = true;
    if (c->D % c->H)
        return from_refuse(f, "num_attention_heads", "does not divide hidden_size");
    if ((st = json_real_or(f->path, f->o, "layer_norm_eps", 1e-5, &c->eps)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "attention_bias", true, &c->qkv_bias)) != ST_OK ||
        (st = json_bool_or(f->path, f->o, "use_parallel_residual", true, &c->parallel)) != ST_OK)
        return st;
    c->o_bias = c->qkv_bias;
    return read_gelu(c, f, "hidden_act", "gelu");
}

/* The kind that the file names; refused: another, or one of ours with what is not its own. */
static enum st read_kind(const struct kind **kind, struct from *f)
{
    enum st st;

    if (!json_is_object(f->o)) {
        err_place("%s", f->path);
        return fail(ST_DATA, "not a JSON object");
    }
    if ((st = json_text_or(f->path, f->o, "model_type", "", &f->type)) != ST_OK)
        return st;
    *kind = NULL;
    for (int64_t i = 0; i < countof(kinds); i++)
        if (is_type(f, kinds[i].type))
            *kind = &kinds[i];
    if (!*kind)
        return from_refuse_value(f, "model_type", f->type,
                            "llama, mistral, qwen2, qwen3, olmo2, gpt_neox and gpt2");
    for (int64_t i = 0; i < countof(foreign); i++)
        if (given(f, foreign[i]))
            return from_refuse(f, foreign[i],
                               i ? "is not supported in this family"
                                 : "is not supported; use the weights before quantisation");
    return ST_OK;
}

/* The sizes, by the names of the family. */
static enum st read_sizes(struct config *c, const struct from *f)
{
    bool gpt2 = c->family == FAMILY_GPT2;
    enum st st;

    if ((st = json_int(f->path, f->o, "vocab_size", 1, INT32_MAX, &c->V)) != ST_OK ||
        (st = json_int(f->path, f->o, gpt2 ? "n_embd" : "hidden_size", 1, 1 << 20, &c->D)) !=
            ST_OK ||
        (!gpt2 &&
         (st = json_int(f->path, f->o, "intermediate_size", 1, 1 << 24, &c->F)) != ST_OK) ||
        (st = json_int(f->path, f->o, gpt2 ? "n_layer" : "num_hidden_layers", 1, 4096, &c->L)) !=
            ST_OK ||
        (st = json_int(f->path, f->o, gpt2 ? "n_head" : "num_attention_heads", 1, 1 << 16,
                       &c->H)) != ST_OK ||
        (st = json_int(f->path, f->o, gpt2 ? "n_positions" : "max_position_embeddings", 1,
                       INT32_MAX, &c->positions)) != ST_OK ||
        (st = json_real_or(f->path, f->o, "initializer_range", .02, &c->init_std)) != ST_OK)
        return st;
    return json_bool_or(f->path, f->o, "tie_word_embeddings", gpt2, &c->tied);
}

static enum st read_fields(struct config *c, struct from *f, struct arena *a)
{
    const struct kind *kind = NULL;
    enum st st = read_kind(&kind, f);

    if (st != ST_OK)
        return st;
    c->family = kind->family;
    if ((st = read_sizes(c, f)) != ST_OK ||
        (st = token_id(f, "bos_token_id", kind->bos, c->V, &c->bos)) != ST_OK ||
        (st = token_id(f, "eos_token_id", kind->eos, c->V, &c->eos)) != ST_OK)
        return st;
    if (!(c->window = ARENA_NEW(a, int64_t, c->L)))
        return ST_SYS;
    st = c->family == FAMILY_NEOX   ? read_neox(c, f)
         : c->family == FAMILY_GPT2 ? read_gpt2(c, f)
                                    : read_llama(c, f);
    if (st != ST_OK)
        return st;
    if (!(c->eps > 0 && c->eps < 1))
        return from_refuse(f, c->family == FAMILY_LLAMA  ? "rms_norm_eps"
                              : c->family == FAMILY_NEOX ? "layer_norm_eps"
                                                         : "layer_norm_epsilon",
                           "must be between 0 and 1");
    if (!(c->init_std >= 0 && c->init_std <= 1))
        return from_refuse(f, "initializer_range", "must be between 0 and 1");
    return c->family == FAMILY_GPT2 ? ST_OK : rope_read(c, f, a);
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
