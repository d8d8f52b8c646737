/* weights.c - folders in and out, hostile headers, the hash and its cache.
 *
 * `weights --write DIR` writes a folder for every golden config with the logits of one row: for
 * tests/tool/transformers.sh, which loads them in transformers. */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/half.h"
#include "model/safe.h"
#include "model/weights.h"
#include "tests/check.h"

static const char *const goldens[] = {
    "llama", "llama-tied", "neox", "neox-serial", "llama3", "linear", "mistral", "mistral-window",
    "qwen2", "qwen2-window", "qwen3", "olmo2", "olmo2-tied", "gpt2", "gpt2-untied",
};

static char *top;
static struct arena *a;
static struct dev *d;

static char *below(const char *name)
{
    return arena_printf(a, "%s/%s", top, name);
}

static struct model *model_of(const char *golden, uint64_t seed, bool train)
{
    struct config *c = ARENA_NEW(a, struct config, 1);
    struct model *m;

    CHECK_ST(config_read(c, arena_printf(a, "tests/golden/model-%s/config.json", golden), a),
             ST_OK);
    CHECK_ST(model_new(&m, c, d, train, a), ST_OK);
    model_init(m, seed);
    return m;
}

static bool same_weights(const struct model *x, const struct model *y)
{
    return x->n_bytes == y->n_bytes && memcmp(x->w, y->w, x->n_bytes) == 0;
}

static void halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float b = bf16_to_f32((uint16_t)h), f = f16_to_f32((uint16_t)h);
        CHECK(isnan(b) ? isnan(bf16_to_f32(f32_to_bf16(b))) : f32_to_bf16(b) == h);
        CHECK(isnan(f) ? isnan(f16_to_f32(f32_to_f16(f))) : f32_to_f16(f) == h);
    }
    CHECK_NEAR(f16_to_f32(1), 0x1p-24, 0);
    CHECK_NEAR(f16_to_f32(0x7bff), 65504, 0);
    CHECK(f32_to_f16(65519.f) == 0x7bff && f32_to_f16(65520.f) == 0x7c00);
    CHECK(f32_to_f16(1 + 0x1p-11f) == 0x3c00 &&
          f32_to_f16(1 + 3 * 0x1p-11f) == 0x3c02); /* ties to even */
    CHECK(f32_to_bf16(1 + 0x1p-8f) == 0x3f80 && f32_to_bf16(1 + 3 * 0x1p-8f) == 0x3f82);
}

static void first_values(void **state)
{
    struct model *x = model_of("neox", 7, false), *y = model_of("neox", 7, false),
                 *z = model_of("neox", 8, false);
    double sum = 0, sq = 0;

    (void)state;
    CHECK(same_weights(x, y) && !same_weights(x, z));
    for (int64_t i = 0; i < x->n_params; i++) {
        const struct param *p = &x->param[i];
        bool norm = strstr(p->name, "norm.weight") != NULL;
        CHECK(p->decay == (p->w.rank == 2));
        for (int64_t j = 0; j < tensor_n(p->w) && p->w.rank == 1; j++)
            CHECK(f32(p->w)[j] == norm);
    }
    int64_t n = tensor_n(x->embed->w);
    for (int64_t j = 0; j < n; j++) {
        sum += (double)f32(x->embed->w)[j];
        sq += pow((double)f32(x->embed->w)[j], 2);
    }
    CHECK_NEAR(sum / (double)n, 0, 4 * .02 / sqrt((double)n));
    CHECK_NEAR(sqrt(sq / (double)n), .02, .02 * 4 / sqrt(2 * (double)n));
}

static void out_and_in(void **state)
{
    static const enum dtype types[] = { F32, BF16, F16 };
    static const char *const names[] = { "\"float32\"", "\"bfloat16\"", "\"float16\"" };

    (void)state;
    for (int64_t g = 0; g < countof(goldens); g++)
        for (int64_t t = 0; t < 3; t++) {
            size_t mark = arena_mark(a);
            struct model *x = model_of(goldens[g], 1, false), *y = model_of(goldens[g], 2, false);
            struct config c;
            char *dir = below("out");
            CHECK_ST(dir_make(dir), ST_OK);
            CHECK_ST(weights_save(x, dir, types[t], a), ST_OK);
            CHECK_ST(config_read(&c, below("out/config.json"), a), ST_OK);
            CHECK(strstr(c.json, names[t]) &&
                  (strstr(c.json, "ForCausalLM") || strstr(c.json, "GPT2LMHeadModel")));
            CHECK(c.D == x->c.D && c.n_freq == x->c.n_freq && c.tied == x->c.tied);
            CHECK(!c.n_freq || c.freq[c.n_freq - 1] == x->c.freq[c.n_freq - 1]);
            CHECK(memcmp(c.window, x->c.window, (size_t)c.L * sizeof *c.window) == 0);
            CHECK_ST(weights_load(y, dir, a), ST_OK);
            CHECK(same_weights(x, y) == (types[t] == F32));
            for (int64_t i = 0; i < x->n_params; i++)
                for (int64_t j = 0; j < tensor_n(x->param[i].w); j++) {
                    float v = f32(x->param[i].w)[j];
                    float want = t == 0 ? v : t == 1 ? bf16_to_f32(f32_to_bf16(v))
                                                     : f16_to_f32(f32_to_f16(v));
                    CHECK(f32(y->param[i].w)[j] == want);
                }
            model_free(x);
            model_free(y);
            CHECK_ST(dir_remove(dir), ST_OK);
            arena_back(a, mark);
        }
}

static void hashes(void **state)
{
    uint8_t h[32], of[32], again[32];
    struct model *x = model_of("llama", 1, false);
    char *dir = below("hash"), *cache = below("hash/.weights.sha256"), hex[65];
    struct view text;

    (void)state;
    CHECK_ST(dir_make(dir), ST_OK);
    CHECK_ST(weights_save(x, dir, F32, a), ST_OK);
    CHECK_ST(weights_hash(h, dir, a), ST_OK);
    CHECK_ST(weights_hash_model(of, x, a), ST_OK);
    CHECK(memcmp(h, of, 32) == 0);
    CHECK_ST(file_read(cache, &text, 1000, a), ST_OK);
    hex_of(h, 32, hex);
    CHECK(strncmp(text.p, hex, 64) == 0);

    /* the cache is believed while the files are the same, and no longer */
    char *lie = arena_printf(a, "%064d%s", 0, text.p + 64);
    CHECK_ST(file_save(cache, lie, strlen(lie), a), ST_OK);
    CHECK_ST(weights_hash(again, dir, a), ST_OK);
    CHECK(again[0] == 0 && again[31] == 0);
    f32(x->param[3].w)[1] += 1;
    CHECK_ST(weights_save(x, dir, F32, a), ST_OK);
    CHECK_ST(weights_hash(again, dir, a), ST_OK);
    CHECK_ST(weights_hash_model(of, x, a), ST_OK);
    CHECK(memcmp(again, of, 32) == 0 && memcmp(again, h, 32) != 0);

    /* as hashlib takes it from the file */
    CHECK_ST(weights_hash(h, "tests/golden/model-llama", a), ST_OK);
    hex_of(h, 32, hex);
    CHECK_STR(hex, "d10d8a2d8e74dd3d598e7a63592f79aef0075df5ec33442dd7b0a6b3f80b7b69");
    unlink("tests/golden/model-llama/.weights.sha256");

    /* shards: the same tensors elsewhere are the same weights */
    struct model *y = model_of("neox", 1, false);
    CHECK_ST(weights_load(y, "tests/golden/model-neox", a), ST_OK);
    CHECK_ST(weights_hash_model(of, y, a), ST_OK);
    CHECK_ST(weights_hash(h, "tests/golden/model-neox", a), ST_OK);
    CHECK(memcmp(h, of, 32) == 0);
    unlink("tests/golden/model-neox/.weights.sha256");
}

/* A file of a header and `n_data` bytes behind it. */
static char *safe_file(const char *header, size_t n_data)
{
    struct buf b = { 0 };
    char *path = below("t.safetensors");
    uint64_t n = strlen(header);

    for (int i = 0; i < 8; i++)
        CHECK_ST(buf_add(&b, &(char){ (char)(n >> 8 * i) }, 1), ST_OK);
    CHECK_ST(buf_add(&b, header, n), ST_OK);
    for (size_t i = 0; i < n_data; i++)
        CHECK_ST(buf_add(&b, "\0", 1), ST_OK);
    CHECK_ST(file_save(path, b.p, b.n, a), ST_OK);
    buf_free(&b);
    return path;
}

#define T(type, shape, from, to)                                                                   \
    "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void hostile_headers(void **state)
{
    static const struct { const char *header; size_t n; const char *say; } bad[] = {
        { "", 0, "no JSON object" },
        { "{", 0, "" },
        { "[]", 0, "no JSON object" },
        { "{} {}", 0, "behind its header" },
        { "{}", 4, "longer than its tensors" },
        { "{\"a\":1}", 0, "no JSON object" },
        { "{\"a\":{}}", 0, "lacks" },
        { "{\"a\":" T("F33", "[1]", 0, 4) "}", 4, "unknown dtype" },
        { "{\"a\":" T("F32", "[1]", 0, 8) "}", 8, "not its bytes" },
        { "{\"a\":" T("F32", "[2]", 4, 12) "}", 12, "hole" },
        { "{\"a\":" T("F32", "[2]", 0, 8) "}", 4, "outside the file" },
        { "{\"a\":" T("F32", "[2]", 8, 0) "}", 8, "outside the file" },
        { "{\"a\":" T("F32", "[-2]", 0, 8) "}", 8, "cannot be" },
        { "{\"a\":" T("F32", "[1.5]", 0, 8) "}", 8, "cannot be" },
        { "{\"a\":" T("F32", "[4294967296,4294967296,4294967296]", 0, 0) "}", 0, "cannot be" },
        { "{\"a\":" T("F32", "[4611686018427387904]", 0, 0) "}", 0, "cannot be" },
        { "{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, "8 dimensions" },
        { "{\"a\":" T("F32", "[1]", 0, 4) ",\"b\":" T("F32", "[1]", 0, 4) "}", 4, "overlaps" },
        { "{\"a\":" T("F32", "[1]", 0, 4) ",\"a\":" T("F32", "[1]", 4, 8) "}", 8, "twice" },
        { "{\"a\":" T("F32", "[1]", 0, 4) "", 4, "no JSON object" },
        { "{\"a\":" T("F32", "[1]", 0, 4) ",}", 4, "no JSON object" },
        { "{\"a\\u0000b\":" T("F32", "[1]", 0, 4) "}", 4, "no JSON object" },
    };
    struct safe s;

    (void)state;
    for (int64_t i = 0; i < countof(bad); i++) {
        CHECK_ST(safe_open(&s, safe_file(bad[i].header, bad[i].n), a), ST_DATA);
        CHECK(strstr(err_text(), bad[i].say) && strstr(err_text(), "t.safetensors"));
        err_clear();
    }
    CHECK_ST(file_save(below("short"), "\377\377\377\377\377\377\377\377{}", 10, a), ST_OK);
    CHECK_ST(safe_open(&s, below("short"), a), ST_DATA);
    err_clear();
    CHECK_ST(safe_open(&s, below("none"), a), ST_SYS);
    err_clear();
    static const char good[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                               "\"b\":" T("BF16", "[2,3]", 4, 16) ","
                               "\"a\":" T("F32", "[]", 0, 4) ","
                               "\"e\":" T("F32", "[0]", 4, 4) " }  ";
    CHECK_ST(safe_open(&s, safe_file(good, 16), a), ST_OK);
    CHECK(s.n == 3 && safe_find(&s, "b")->n == 6 && safe_find(&s, "a")->rank == 0 &&
          !safe_find(&s, "c"));
    safe_close(&s);
}

/* The folder of golden `name` with one tensor renamed, dropped or reshaped is refused by that
 * tensor's name. */
static void wrong_tensors(void **state)
{
    static const struct { const char *from, *to, *say; } bad[] = {
        { "model.norm.weight", "model.nurm.weight", "'model.nurm.weight' has no place" },
        { "model.norm.weight", "rotary_emb.inv_fr", "'rotary_emb.inv_fr' has no place" },
        { "\"dtype\":\"F32\"", "\"dtype\":\"I32\"", "is I32" },
        { "\"shape\":[24,16]", "\"shape\":[16,24]", "has shape" },
    };
    struct view text;
    struct model *m = model_of("llama", 1, false);
    char *dir = below("wrong"), *path = below("wrong/model.safetensors");

    (void)state;
    CHECK_ST(dir_make(dir), ST_OK);
    for (int64_t i = 0; i < countof(bad); i++) {
        CHECK_ST(weights_save(m, dir, F32, a), ST_OK);
        CHECK_ST(file_read(path, &text, 1 << 20, a), ST_OK);
        char *at = memmem(text.p, text.n, bad[i].from, strlen(bad[i].from));
        CHECK(at && strlen(bad[i].from) == strlen(bad[i].to));
        memcpy(at, bad[i].to, strlen(bad[i].to));
        CHECK_ST(file_save(path, text.p, text.n, a), ST_OK);
        CHECK_ST(weights_load(m, dir, a), ST_DATA);
        if (!strstr(err_text(), bad[i].say))
            check_failed(__FILE__, __LINE__, "'%s' lacks '%s'", err_text(), bad[i].say);
        err_clear();
    }
    CHECK_ST(unlink(path) == 0 ? ST_OK : ST_SYS, ST_OK);
    CHECK_ST(weights_load(m, dir, a), ST_SYS);
    CHECK(strstr(err_text(), "neither model.safetensors"));
    err_clear();
    static const char *const index[] = { "{\"weight_map\":{\"a\":\"../x\"}}",
                                         "{\"weight_map\":{\"a\":3}}", "{}",
                                         "{\"weight_map\":{\"a\":\"\"}}", "{\"weight_map\":[]}" };
    for (int64_t i = 0; i < countof(index); i++) {
        char *at = below("wrong/model.safetensors.index.json");
        CHECK_ST(file_save(at, index[i], strlen(index[i]), a), ST_OK);
        CHECK_ST(weights_load(m, dir, a), ST_DATA);
        CHECK(strstr(err_text(), "weight_map"));
        err_clear();
    }
}

/* Files of GPT-2 from before the prefix "transformer.", with the masks they carry. */
static void old_names(void **state)
{
    struct model *x = model_of("gpt2", 1, false), *y = model_of("gpt2", 2, false);
    int64_t n = x->n_params;
    char *dir = below("old"), **name = ARENA_NEW(a, char *, n + 1);
    struct tensor *t = ARENA_NEW(a, struct tensor, n + 1);
    float mask[4] = { 0 };

    (void)state;
    for (int64_t i = 0; i < n; i++) {
        CHECK(strncmp(x->param[i].name, "transformer.", 12) == 0);
        name[i] = x->param[i].name + 12;
        t[i] = x->param[i].w;
    }
    name[n] = "h.0.attn.bias";
    t[n] = tensor2(mask, 2, 2);
    CHECK_ST(dir_make(dir), ST_OK);
    CHECK_ST(tensors_save(below("old/model.safetensors"), n + 1, name, t, d, F32, a), ST_OK);
    CHECK_ST(weights_load(y, dir, a), ST_OK);
    CHECK(same_weights(x, y));
    name[n] = "wte.bias";
    CHECK_ST(tensors_save(below("old/model.safetensors"), n + 1, name, t, d, F32, a), ST_OK);
    CHECK_ST(weights_load(y, dir, a), ST_DATA);
    CHECK(strstr(err_text(), "'wte.bias' has no place"));
    err_clear();
}

static void any_tensors(void **state)
{
    char *names[] = { "m", "count \"x\"" };
    float m[6] = { 1, -2, 3, 4, 5, .1f }, m2[6] = { 0 };
    int32_t n[3] = { 7, -8, INT32_MAX }, n2[3] = { 0 };
    struct tensor t[] = { tensor2(m, 2, 3), tensor1(n, 3) },
                  u[] = { tensor2(m2, 2, 3), tensor1(n2, 3) };
    char *path = below("state.safetensors"), *none[] = { "v" };

    (void)state;
    t[1].type = u[1].type = I32;
    CHECK_ST(tensors_save(path, 2, names, t, d, F32, a), ST_OK);
    CHECK_ST(tensors_load(path, 2, names, u, d, a), ST_OK);
    CHECK(memcmp(m, m2, sizeof m) == 0 && memcmp(n, n2, sizeof n) == 0);
    CHECK_ST(tensors_load(path, 1, none, u, d, a), ST_DATA);
    CHECK(strstr(err_text(), "'v' is missing"));
    err_clear();
    u[0] = tensor2(m2, 3, 2);
    CHECK_ST(tensors_load(path, 1, names, u, d, a), ST_DATA);
    CHECK(strstr(err_text(), "has shape [2,3], not [3,2]"));
    err_clear();
}

/* ---- for transformers ---- */

static enum st write_logits(struct model *m, const char *dir)
{
    int32_t token[12], pos[12];
    struct seg seg = { 0, 12, -1 };
    struct pack p = { { 12, 1, &seg, pos }, token, 12, pos, token, NULL };
    float *logits = ARENA_NEW(a, float, 12 * m->c.V);
    char *names[] = { "token", "logits" };
    struct tensor t[] = { tensor1(token, 12), tensor2(logits, 12, m->c.V) };
    struct pass *pass;

    for (int32_t i = 0; i < 12; i++) {
        pos[i] = i;
        token[i] = (int32_t)(i * 7 % m->c.V);
    }
    t[0].type = I32;
    enum st st = pass_new(&pass, m, 12, 12, false, a);
    if (st != ST_OK)
        return st;
    model_forward(m, pass, &p, NULL, NULL, NULL);
    if ((st = model_logits(m, pass, logits)) != ST_OK)
        return st;
    return tensors_save(arena_printf(a, "%s/logits.safetensors", dir), 2, names, t, d, F32, a);
}

static enum st write_all(const char *to)
{
    enum st st = ST_OK;

    for (int64_t g = 0; g < countof(goldens) && st == ST_OK; g++) {
        char *dir = arena_printf(a, "%s/%s", to, goldens[g]);
        enum dtype type = g % 3 == 1 ? BF16 : g % 3 == 2 ? F16 : F32;
        struct model *m = model_of(goldens[g], 5, false);
        for (int64_t i = 0; i < m->n_params; i++)      /* biases and norms are to matter */
            for (int64_t j = 0; j < tensor_n(m->param[i].w); j++)
                f32(m->param[i].w)[j] = f32(m->param[i].w)[j] * 8 + (float)(j % 5) * .03125f;
        if ((st = dir_make(dir)) == ST_OK && (st = weights_save(m, dir, type, a)) == ST_OK &&
            (st = weights_load(m, dir, a)) == ST_OK)
            st = write_logits(m, dir);
    }
    return st;
}

int main(int argc, char **argv)
{
    a = arena_new(0);
    err_tool(argv[0]);
    if (dev_open(&d, "cpu", 2, a) != ST_OK)
        return done(ST_SYS);
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return done(write_all(argv[2]));
    if (!(top = arena_printf(a, "/tmp/plait-weights-%d", (int)getpid())) || dir_make(top) != ST_OK)
        return done(ST_SYS);
    int failed = RUN(TEST(halves), TEST(first_values), TEST(out_and_in), TEST(hashes),
                     TEST(hostile_headers), TEST(wrong_tensors), TEST(old_names),
                     TEST(any_tensors));
    if (dir_remove(top) != ST_OK)
        failed = 1;
    dev_close(d);
    arena_free(a);
    return failed;
}
