/* config.c - what a config.json says, and what is refused by the name of its field. */
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "model/model.h"
#include "tests/check.h"

static char *path;
static struct arena *a;

#define LLAMA                                                                                      \
    "{\"model_type\":\"llama\",\"vocab_size\":24,\"hidden_size\":16,\"intermediate_size\":12,"     \
    "\"num_hidden_layers\":1,\"max_position_embeddings\":64,"

#define GPT2                                                                                       \
    "{\"model_type\":\"gpt2\",\"vocab_size\":24,\"n_embd\":16,\"n_layer\":1,\"n_positions\":64,"

static void refused(void **state)
{
    static const struct { const char *text, *say; } bad[] = {
        { "[]", "not a JSON object" },
        { "{}", "'model_type'" },
        { "{\"model_type\":\"bert\"}", "'model_type' is 'bert'" },
        { "{\"model_type\":\"llama\"}", "'vocab_size' is missing" },
        { LLAMA "\"num_attention_heads\":0}", "'num_attention_heads' is 0" },
        { LLAMA "\"num_attention_heads\":3}", "'head_dim'" },
        { LLAMA "\"num_attention_heads\":4,\"num_key_value_heads\":3}",
          "'num_key_value_heads' does not divide" },
        { LLAMA "\"num_attention_heads\":4,\"hidden_act\":\"relu\"}", "'hidden_act' is 'relu'" },
        { LLAMA "\"num_attention_heads\":4,\"rms_norm_eps\":0}", "'rms_norm_eps'" },
        { LLAMA "\"num_attention_heads\":4,\"rope_theta\":0}", "'rope_theta'" },
        { LLAMA "\"num_attention_heads\":4,\"rope_theta\":\"x\"}", "'rope_theta'" },
        { LLAMA "\"num_attention_heads\":4,\"partial_rotary_factor\":0.5}",
          "'partial_rotary_factor'" },
        { LLAMA "\"num_attention_heads\":16}", "odd number" },
        { LLAMA "\"num_attention_heads\":4,\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}",
          "'rope_type' is 'dynamic'" },
        { LLAMA "\"num_attention_heads\":4,\"rope_parameters\":{\"rope_type\":\"longrope\"}}",
          "'rope_type' is 'longrope'" },
        { LLAMA "\"num_attention_heads\":4,\"rope_scaling\":{\"type\":\"linear\"}}",
          "'rope_scaling' of type 'linear'" },
        { LLAMA
          "\"num_attention_heads\":4,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}}",
          "'llama3'" },
        { LLAMA "\"num_attention_heads\":4,\"quantization_config\":{}}", "'quantization_config'" },
        { LLAMA "\"num_attention_heads\":4,\"eos_token_id\":24}", "'eos_token_id'" },
        { LLAMA "\"num_attention_heads\":4,\"layer_types\":[\"chunked\"]}", "'layer_types'" },
        { LLAMA "\"num_attention_heads\":4,\"layer_types\":[]}", "'layer_types'" },
        { LLAMA "\"num_attention_heads\":4,\"layer_types\":[\"sliding_attention\"]}",
          "'layer_types'" },
        { LLAMA "\"num_attention_heads\":4,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2}}",
          "'rope_type' is 'yarn'" },
        { LLAMA "\"num_attention_heads\":4,\"no_rope_layers\":[1,0]}", "'no_rope_layers'" },
        { LLAMA "\"num_attention_heads\":4,\"final_logit_softcapping\":30}",
          "'final_logit_softcapping'" },
        { "{\"model_type\":\"smollm3\"}", "'model_type' is 'smollm3'" },
        { "{\"model_type\":\"gemma2\"}", "'model_type' is 'gemma2'" },
        { GPT2 "\"n_head\":3}", "'n_head' does not divide" },
        { GPT2 "\"n_head\":4,\"activation_function\":\"relu\"}", "'activation_function'" },
        { GPT2 "\"n_head\":4,\"scale_attn_weights\":false}", "'scale_attn_weights'" },
        { GPT2 "\"n_head\":4,\"scale_attn_by_inverse_layer_idx\":true}",
          "'scale_attn_by_inverse_layer_idx'" },
        { GPT2 "\"n_head\":4,\"add_cross_attention\":true}", "'add_cross_attention'" },
        { GPT2 "\"n_head\":4,\"layer_norm_epsilon\":0}", "'layer_norm_epsilon'" },
        { LLAMA "\"num_attention_heads\":4,\"model_type\":\"x\"}", "" },
    };
    struct config c;

    (void)state;
    for (int64_t i = 0; i < countof(bad); i++) {
        CHECK_ST(file_save(path, bad[i].text, strlen(bad[i].text), a), ST_OK);
        CHECK_ST(config_read(&c, path, a), ST_DATA);
        if (!strstr(err_text(), bad[i].say))
            check_failed(__FILE__, __LINE__, "'%s' lacks '%s'", err_text(), bad[i].say);
        err_clear();
    }
}

/* A config of one text, read. */
static enum st of_text(struct config *c, const char *text)
{
    CHECK_ST(file_save(path, text, strlen(text), a), ST_OK);
    return config_read(c, path, a);
}

/* A window as long as the positions is none; what layers have it, each family says its way. */
static void windows(void **state)
{
    static const char mistral[] =
        "{\"model_type\":\"mistral\",\"vocab_size\":24,\"hidden_size\":16,\"intermediate_size\":12,"
        "\"num_hidden_layers\":1,\"max_position_embeddings\":64,\"num_attention_heads\":4,"
        "\"num_key_value_heads\":2,\"sliding_window\":%d,\"eos_token_id\":[3,4]}";
    static const char qwen[] =
        "{\"model_type\":\"qwen2\",\"vocab_size\":24,\"hidden_size\":16,\"intermediate_size\":12,"
        "\"num_hidden_layers\":3,\"max_position_embeddings\":64,\"num_attention_heads\":4,"
        "\"num_key_value_heads\":2,\"sliding_window\":8,%s}";
    static const struct { const char *say; int64_t window[3]; } of[] = {
        { "\"use_sliding_window\":false", { 0, 0, 0 } },
        { "\"use_sliding_window\":true,\"max_window_layers\":2", { 0, 0, 8 } },
        { "\"use_sliding_window\":true", { 0, 0, 0 } },
        { "\"use_sliding_window\":true,\"layer_types\":[\"sliding_attention\","
          "\"full_attention\",\"sliding_attention\"]", { 8, 0, 8 } },
    };
    struct config c;

    (void)state;
    for (int w = 63; w <= 64; w++) {
        CHECK_ST(of_text(&c, arena_printf(a, mistral, w)), ST_OK);
        CHECK(c.window[0] == (w == 63 ? 63 : 0) && c.bos == 1 && c.eos == 3);
    }
    for (int64_t i = 0; i < countof(of); i++) {
        CHECK_ST(of_text(&c, arena_printf(a, qwen, of[i].say)), ST_OK);
        CHECK(memcmp(c.window, of[i].window, sizeof of[i].window) == 0);
    }
}

/* Llama 3.1's scaling: short waves stay, long ones are slowed, between them a ramp. */
static void rope(void **state)
{
    static const char text[] = LLAMA "\"num_attention_heads\":1,\"rope_parameters\":{"
        "\"rope_type\":\"llama3\",\"rope_theta\":1000,\"factor\":8,\"low_freq_factor\":1,"
        "\"high_freq_factor\":4,\"original_max_position_embeddings\":32}}";
    struct config c;

    (void)state;
    CHECK_ST(file_save(path, text, sizeof text - 1, a), ST_OK);
    CHECK_ST(config_read(&c, path, a), ST_OK);
    CHECK(c.n_freq == 8 && c.E == 16 && c.G == 1 && !c.tied && c.family == FAMILY_LLAMA);
    for (int64_t j = 0; j < 8; j++) {
        double plain = pow(1000, -(double)j / 8), wave = 2 * M_PI / plain;
        if (wave < 8)
            CHECK_NEAR(c.freq[j], plain, 1e-15);
        else if (wave > 32)
            CHECK_NEAR(c.freq[j], plain / 8, 1e-15);
        else
            CHECK(c.freq[j] < plain && c.freq[j] > plain / 8);
    }
}

static void ours(void **state)
{
    static const char *const files[] = { "pipelines/models/tiny.json",
                                         "pipelines/models/small.json", "tests/bench/70m.json",
                                         "tests/golden/models/nano.json",
                                         "tests/golden/models/nano-neox.json" };
    struct config c;

    (void)state;
    for (int64_t i = 0; i < countof(files); i++) {
        CHECK_ST(config_read(&c, files[i], a), ST_OK);
        CHECK(c.V == 264 || c.V == 50304);
        CHECK(c.bos >= 0 && c.eos >= 0);
    }
}

int main(void)
{
    a = arena_new(0);
    err_tool("config");
    if (!(path = arena_printf(a, "/tmp/plait-config-%d.json", (int)getpid())))
        return done(ST_SYS);
    int failed = RUN(TEST(refused), TEST(windows), TEST(rope), TEST(ours));
    unlink(path);
    arena_free(a);
    return failed;
}
