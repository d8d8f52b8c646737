/* confout.c - config.json out again: what was read, with the weights' type set.
 *
 * Fields that we do not know are kept as they are, numbers in the shortest form that reads back the
 * same. */
#include "base/file.h"
#include "model/weights.h"

static enum st put_value(struct buf *b, json_t *v, int depth);

static enum st line(struct buf *b, int depth)
{
    return buf_printf(b, "\n%*s", 2 * depth, "");
}

static enum st put_members(struct buf *b, json_t *o, int depth)
{
    const char *key;
    json_t *v;
    bool first = true;
    enum st st = buf_add(b, "{", 1);

    json_object_foreach(o, key, v) {
        if (st == ST_OK && !first)
            st = buf_add(b, ",", 1);
        first = false;
        if (st != ST_OK || (st = line(b, depth + 1)) != ST_OK ||
            (st = json_put_text(b, view_of(key))) != ST_OK || (st = buf_add(b, ": ", 2)) != ST_OK ||
            (st = put_value(b, v, depth + 1)) != ST_OK)
            return st;
    }
    if (st == ST_OK && !first)
        st = line(b, depth);
    return st == ST_OK ? buf_add(b, "}", 1) : st;
}

static enum st put_items(struct buf *b, json_t *o, int depth)
{
    size_t i;
    json_t *v;
    enum st st = buf_add(b, "[", 1);

    json_array_foreach(o, i, v) {
        if (st == ST_OK && i)
            st = buf_add(b, ", ", 2);
        if (st == ST_OK)
            st = put_value(b, v, depth);
    }
    return st == ST_OK ? buf_add(b, "]", 1) : st;
}

/* A real stays one: 10000.0 is not 10000 to a reader that looks at types. */
static enum st put_real(struct buf *b, double v)
{
    size_t from = b->n;
    enum st st = json_put_real(b, v);
    bool marked = false;

    for (size_t i = from; st == ST_OK && i < b->n; i++)
        marked |= strchr(".eEn", b->p[i]) != NULL;
    return st == ST_OK && !marked ? buf_add(b, ".0", 2) : st;
}

static struct view text_of(json_t *v)
{
    return (struct view){ json_string_value(v), json_string_length(v) };
}

static enum st put_value(struct buf *b, json_t *v, int depth)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:  return put_members(b, v, depth);
    case JSON_ARRAY:   return put_items(b, v, depth);
    case JSON_STRING:  return json_put_text(b, text_of(v));
    case JSON_INTEGER: return buf_printf(b, "%lld", (long long)json_integer_value(v));
    case JSON_REAL:    return put_real(b, json_real_value(v));
    case JSON_TRUE:    return buf_printf(b, "true");
    case JSON_FALSE:   return buf_printf(b, "false");
    default:           return buf_printf(b, "null");
    }
}

static const char *class_of(const char *type)
{
    static const char *const names[][2] = {
        { "llama", "LlamaForCausalLM" },       { "mistral", "MistralForCausalLM" },
        { "qwen2", "Qwen2ForCausalLM" },       { "qwen3", "Qwen3ForCausalLM" },
        { "olmo2", "Olmo2ForCausalLM" },       { "gpt_neox", "GPTNeoXForCausalLM" },
        { "gpt2", "GPT2LMHeadModel" },
    };
    for (int64_t i = 0; i < countof(names); i++)
        if (strcmp(type, names[i][0]) == 0)
            return names[i][1];
    return "";
}

static void set_fields(json_t *o, enum dtype type)
{
    const char *name = type == BF16 ? "bfloat16" : type == F16 ? "float16" : "float32";
    json_t *model = json_object_get(o, "model_type");

    json_object_set_new(o, "torch_dtype", json_string(name));
    if (json_object_get(o, "dtype"))
        json_object_set_new(o, "dtype", json_string(name));
    if (!json_is_array(json_object_get(o, "architectures")) && json_is_string(model))
        json_object_set_new(o, "architectures",
                            json_pack("[s]", class_of(json_string_value(model))));
}

enum st config_write(const struct config *c, const char *dir, enum dtype type, struct arena *a)
{
    char *path = arena_printf(a, "%s/config.json", dir);
    struct buf b = { 0 };
    json_error_t e;
    json_t *o = json_loadb(c->json, c->json_bytes, JSON_ALLOW_NUL, &e);
    enum st st;

    if (!o)                                    /* whole numbers beyond 64 bits */
        o = json_loadb(c->json, c->json_bytes, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
    if (!path || !o) {
        json_decref(o);
        return path ? fail(ST_DATA, "config.json does not read back: %s", e.text) : ST_SYS;
    }
    set_fields(o, type);
    if ((st = put_value(&b, o, 0)) == ST_OK && (st = buf_add(&b, "\n", 1)) == ST_OK)
        st = file_save(path, b.p, b.n, a);
    buf_free(&b);
    json_decref(o);
    return st;
}
