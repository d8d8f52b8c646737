/* runs.h - whole runs of step for tests: step streams made here, a small starting model, what a run
 * left. */
#ifndef RUNS_H
#define RUNS_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "model/weights.h"
#include "step/train.h"
#include "tests/check.h"

static struct arena *a;
static char dir[] = "/tmp/plait-train-XX" "XX" "XX";
static uint8_t base_hash[32];

/* ---- streams ---- */

static struct out *to;
static bool overflow; /* weights of the next step too large for floats */
static const char *sft_loss = "sft", *pref_loss = "dpo";    /* of the runs */

static inline int64_t below(int64_t sub, int64_t i, int64_t n)
{
    return (int64_t)(rng(3, RNG_STREAM(RNG_TEST, sub), (uint64_t)i) % (uint64_t)n);
}

static inline const char *path(const char *name)
{
    return arena_printf(a, "%s/%s", dir, name);
}

static inline struct header plain_header(int64_t steps, int64_t start)
{
    return (struct header){ .version = HEADER_VERSION, .width = 2, .vocab = 264, .bos = -1,
                            .eos = -1, .pad = -1, .steps = steps, .start = start, .mixed = true };
}

static inline void stream_begin(const char *name, const struct header *h)
{
    CHECK_ST(out_open(&to, path(name), h, OUT_SHARD, a), ST_OK);
}

static inline void stream_end(enum st st)
{
    /* a writer that was stopped leaves no shard: raw streams tell a status in the end record */
    CHECK_ST(out_close(to, st, (struct view){ NULL, 0 }), st);
}

static inline void put(const struct rec *r)
{
    struct buf b = { 0 };
    CHECK_ST(rec_write(&b, r, 2), ST_OK);
    CHECK_ST(out_put(to, b.p, b.n, r->n_tokens), ST_OK);
    buf_free(&b);
}

static inline struct rec make_row(bool pref, int64_t k)
{
    int64_t n_prompt = 4 + below(1, k, 8), n_chosen = 3 + below(2, k, 20),
            n_rejected = 3 + below(3, k, 20);
    int64_t n = n_prompt + n_chosen + n_rejected;
    uint8_t *p = ARENA_NEW(a, uint8_t, 2 * n);
    struct span *span = ARENA_NEW(a, struct span, 1);
    struct rec r = { .kind = pref ? REC_PREF : REC_SFT,
                     .id = (uint64_t)k,
                     .w = 1 + (double)(k % 3) };

    for (int64_t i = 0; i < n; i++)
        ids_put(p + 2 * i, &(uint32_t){ (uint32_t)below(4 + i, k, 264) }, 1, 2);
    r.t = view_of(rec_kind_name(r.kind));
    r.src = k % 2 ? VIEW("odd") : VIEW("even");
    if (pref) {
        r.prompt = (struct ids){ p, n_prompt, 2 };
        r.chosen = (struct ids){ p + 2 * n_prompt, n_chosen, 2 };
        r.rejected = (struct ids){ p + 2 * (n_prompt + n_chosen), n_rejected, 2 };
        r.ref = (struct ref){ .given = true, .chosen = { -5.5 * (double)n_chosen, n_chosen },
                              .rejected = { -5.5 * (double)n_rejected, n_rejected } };
        if (strcmp(pref_loss, "dpo") != 0) {           /* a label, its rejected side as the other */
            r.kind = REC_LABEL;
            r.t = VIEW("label");
            r.completion = r.chosen;
            r.other = r.rejected;
            r.ref.rejected.sum *= 1.1;                 /* so that the baseline is above 0 */
            r.chosen = r.rejected = (struct ids){ 0 };
            r.good = k % 5 < 3;
        }
        batch_ref_key(r.ref.key, base_hash, &r);
    } else {
        *span = (struct span){ n_prompt, n_prompt + n_chosen };
        r.ids = (struct ids){ p, n_prompt + n_chosen, 2 };
        r.span = (struct spans){ span, 1, true };
    }
    rec_count(&r);
    return r;
}

static inline void put_step(struct step_rec s)
{
    struct rec r = { .kind = REC_STEP, .t = VIEW("step"), .step = s };
    char *state = arena_printf(a, "decides %lld", (long long)s.i);

    r.step.weight_sft = overflow ? 1e300 : s.obj == OBJ_BOTH ? 0.3 : s.obj == OBJ_SFT;
    r.step.weight_pref = s.obj == OBJ_BOTH ? 0.7 : s.obj == OBJ_PREF;
    r.step.state = view_of(state);
    put(&r);
}

/* A step and its rows, which are numbered from `from`. */
static inline void step(struct step_rec s, int64_t n, int64_t from)
{
    s.n = n;
    put_step(s);
    for (int64_t k = 0; k < n; k++) {
        struct rec r = make_row(s.obj == OBJ_PREF || (s.obj == OBJ_BOTH && k % 2), from + k);
        put(&r);
    }
}

static inline struct step_rec update(int64_t i, enum obj obj)
{
    return (struct step_rec){ .i = i, .obj = obj, .train = true, .why = WHY_UPDATE };
}

static inline enum obj drawn(int64_t i)
{
    return (enum obj)below(1000, i, 3);
}

/* Updates begin .. end - 1 of a run of drawn objectives; the end tells `st`. */
static inline const char *drawn_stream(const char *name, int64_t begin, int64_t end, int64_t steps)
{
    struct header h = plain_header(steps, begin);

    stream_begin(name, &h);
    for (int64_t i = begin; i < end; i++)
        step(update(i, drawn(i)), 6, 6 * i);
    stream_end(ST_OK);
    return path(name);
}

/* ---- runs ---- */

static inline struct plan defaults(const char *out)
{
    return (struct plan){ .model = path("base"), .out = path(out), .device = "auto", .threads = 2,
                          .sft_loss = sft_loss, .pref_loss = pref_loss, .schedule = "constant",
                          .decay_type = "1-sqrt", .decay_steps = 0.1, .phase = "fresh",
                          .nan = "stop", .recompute = "auto", .dtype = "f32", .moments = "shared",
                          .save_dtype = "f32", .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95,
                          .eps = 1e-8, .clip = 1, .micro_tokens = 4096, .keep = 2,
                          .to = "raw", .quiet = true };
}

static inline enum st run(struct plan p, const char *input)
{
    struct arena *mine = arena_new(0);

    p.input = input;
    fflush(stdout);                                    /* the copy of the metrics goes nowhere */
    int null = open("/dev/null", O_WRONLY), was = dup(1);
    dup2(null, 1);
    enum st st = train(&p, mine);
    dup2(was, 1);
    close(null);
    close(was);
    arena_free(mine);
    return st;
}

static inline struct view bytes(const char *out, const char *name)
{
    struct view v;
    CHECK_ST(file_read(arena_printf(a, "%s/%s/%s", dir, out, name), &v, 1 << 26, a), ST_OK);
    return v;
}

/* The same weights, moments and metrics; headers differ by command lines only, of which there are
 * none. */
static inline void check_same(const char *x, const char *y)
{
    static const char *const files[] = { "latest/model.safetensors",
                                         "latest/state/optim.safetensors", "metrics.rec" };
    for (int64_t i = 0; i < countof(files); i++)
        if (!view_eq(bytes(x, files[i]), bytes(y, files[i])))
            check_failed(__FILE__, __LINE__, "%s of %s and %s differ", files[i], x, y);
}

/* A number of the n-th metric that has why = `why`; false where that has none of this name. */
static inline bool told(double *v, const char *out, enum why why, int64_t n, const char *name)
{
    struct in *in;
    struct rec r;
    bool there = false;
    enum st st;

    CHECK_ST(in_open(&in, arena_printf(a, "%s/%s/metrics.rec", dir, out), a), ST_OK);
    while ((st = in_next(in, &r)) == ST_OK)
        if (r.step.why == why && n-- == 0)
            there = rec_number(&r, name, v);
    in_close(in);
    return there;
}

static inline double metric(const char *out, enum why why, int64_t n, const char *name)
{
    double v = NAN;
    CHECK(told(&v, out, why, n, name));
    return v;
}

/* A refusal: the status, and what the message holds. */
static inline void refused(enum st got, enum st want, const char *words)
{
    CHECK_ST(got, want);
    if (!strstr(err_text(), words))
        check_failed(__FILE__, __LINE__, "\"%s\" has no \"%s\"", err_text(), words);
    err_clear();
}

static inline void flip(const char *name)
{
    int fd = open(path(name), O_RDWR);
    char c;

    CHECK(fd >= 0 && pread(fd, &c, 1, 200) == 1);
    c ^= 16;
    CHECK(pwrite(fd, &c, 1, 200) == 1);
    close(fd);
}

/* ---- the starting model ---- */

static inline bool write_config(void)
{
    static const char config[] =
        "{\"model_type\":\"llama\",\"architectures\":[\"LlamaForCausalLM\"],\"vocab_size\":264,"
        "\"hidden_size\":16,\"num_hidden_layers\":2,\"num_attention_heads\":2,"
        "\"num_key_value_heads\":1,\"intermediate_size\":24,\"max_position_embeddings\":128,"
        "\"rms_norm_eps\":1e-5,\"hidden_act\":\"silu\",\"tie_word_embeddings\":false}";
    return file_save(path("config.json"), config, strlen(config), a) == ST_OK;
}

static inline int setup(void **state)
{
    (void)state;
    struct header h = plain_header(0, 0);
    struct plan p;

    a = arena_new(0);
    if (!mkdtemp(dir) || !write_config())
        return 1;
    p = defaults("base");
    p.model = NULL;
    p.init = path("config.json");
    stream_begin("s", &h);
    stream_end(ST_OK);
    if (run(p, path("s")) != ST_OK)
        return 1;
    /* the starting model, by the name a test takes it */
    if (rename(path("base/step-00000000"), path("start")) < 0 ||
        dir_remove(path("base")) != ST_OK || rename(path("start"), path("base")) < 0 ||
        symlink("x", path("base/latest")) < 0)
        return 1;
    return weights_hash(base_hash, path("base"), a) != ST_OK;
}

static inline int teardown(void **state)
{
    (void)state;
    enum st st = dir_remove(dir);
    arena_free(a);
    return st != ST_OK;
}

#endif
