/* state.c - a run's numbers as step.json, and back. */
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/opt.h"
#include "state.h"

#define GIVEN_BYTES_MAX ((size_t)1 << 32)      /* rows of a step */

/* Whole numbers, by name. */
#define NUMBERS(s) {                                                                  \
    { "i", &(s)->i }, { "t", &(s)->t }, { "phase_start", &(s)->phase_start },         \
    { "num_tokens", &(s)->num_tokens }, { "metrics_bytes", &(s)->metrics_bytes },     \
    { "timing_bytes", &(s)->timing_bytes }, { "steps", &(s)->steps },                 \
    { "vocab", &(s)->vocab }, { "mixer_bytes", &(s)->mixer_bytes },                   \
}

/* Likewise; a file without them means 0. */
#define COUNTS(s) {                                                                   \
    { "skipped", &(s)->skipped }, { "content", &(s)->content },                       \
    { "content_at", &(s)->content_at }, { "t_pref", &(s)->t_pref },                   \
}

static enum st write_json(struct buf *b, const struct state *s, const struct header *h)
{
    struct { const char *name; const int64_t *v; } number[] = NUMBERS(s), count[] = COUNTS(s);
    char ref[65], tokenizer[65];
    enum st st = buf_printf(b, "{\n");

    for (int64_t i = 0; st == ST_OK && i < countof(number); i++)
        st = buf_printf(b, "  \"%s\": %lld,\n", number[i].name, (long long)*number[i].v);
    for (int64_t i = 0; st == ST_OK && i < countof(count); i++)
        if (*count[i].v)
            st = buf_printf(b, "  \"%s\": %lld,\n", count[i].name, (long long)*count[i].v);
    hex_of(s->ref, 32, ref);
    hex_of(s->tokenizer, 32, tokenizer);
    if (st != ST_OK || buf_printf(b, "  \"phase\": ") || json_put_text(b, view_of(s->phase)) ||
        buf_printf(b, ",\n  \"stop_at\": ") || json_put_text(b, view_of(s->stop_at)) ||
        buf_printf(b, ",\n  \"recipe\": ") || json_put_text(b, view_of(s->recipe)) ||
        buf_printf(b, ",\n  \"ref\": \"%s\",\n  \"tokenizer\": \"%s\",\n  \"commands\": [", ref,
                   tokenizer))
        return ST_SYS;
    for (int64_t i = 0; i <= h->n_commands; i++) {
        struct view command = i < h->n_commands ? h->command[i] : view_of(opt_command());
        if (buf_printf(b, "%s\n    ", i ? "," : "") || json_put_text(b, command))
            return ST_SYS;
    }
    return buf_printf(b, "\n  ]\n}\n");
}

static const char *given_path(const char *dir, int obj, struct arena *a)
{
    const char *path = arena_printf(a, "%s/state/given-%s", dir, obj_name((enum obj)obj));
    return path ? path : "";
}

enum st state_save(const struct state *s, const struct header *h, const char *dir, struct arena *a)
{
    char *json = arena_printf(a, "%s/state/step.json", dir);
    char *mixer = arena_printf(a, "%s/state/mixer", dir);
    struct buf b = { 0 };

    if (!json || !mixer)
        return ST_SYS;
    enum st st = write_json(&b, s, h);
    if (st == ST_OK)
        st = file_save(json, b.p, b.n, a);
    if (st == ST_OK)
        st = file_save(mixer, s->mixer, (size_t)s->mixer_bytes, a);
    for (int o = 0; o < 2 && st == ST_OK; o++)
        if (s->given[o].n)
            st = file_save(given_path(dir, o, a), s->given[o].p, s->given[o].n, a);
    buf_free(&b);
    return st;
}

static bool unhex(const char *text, uint8_t out[32])
{
    unsigned byte;

    if (!text || strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
        return false;
    for (int i = 0; i < 32; i++) {
        sscanf(text + 2 * i, "%2x", &byte);
        out[i] = (uint8_t)byte;
    }
    return true;
}

static enum st read_json(struct state *s, json_t *root, const char *place)
{
    struct { const char *name; int64_t *v; } number[] = NUMBERS(s), count[] = COUNTS(s);
    const char *phase, *ref, *tokenizer, *recipe, *stop_at;
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < countof(number); i++)
        st = json_int(place, root, number[i].name, 0, (int64_t)1 << 52, number[i].v);
    for (int64_t i = 0; st == ST_OK && i < countof(count); i++)
        st = json_int_or(place, root, count[i].name, 0, (int64_t)1 << 52, 0, count[i].v);
    if (st == ST_OK)
        st = json_text_or(place, root, "phase", "", &phase);
    if (st == ST_OK)
        st = json_text_or(place, root, "recipe", "", &recipe);
    if (st == ST_OK)
        st = json_text_or(place, root, "stop_at", "", &stop_at);
    if (st == ST_OK)
        st = json_text_or(place, root, "ref", "", &ref);
    if (st == ST_OK)
        st = json_text_or(place, root, "tokenizer", "", &tokenizer);
    if (st != ST_OK)
        return st;
    if (!unhex(ref, s->ref) || !unhex(tokenizer, s->tokenizer) || strlen(phase) >= STATE_PHASE_MAX)
        return fail(ST_DATA, "'phase', 'ref' or 'tokenizer' is not what step writes");
    snprintf(s->phase, sizeof s->phase, "%s", phase);
    snprintf(s->stop_at, sizeof s->stop_at, "%s", stop_at);
    snprintf(s->recipe, sizeof s->recipe, "%s", recipe);
    return ST_OK;
}

enum st state_load(struct state *s, const char *dir, struct arena *a)
{
    char *json = arena_printf(a, "%s/state/step.json", dir);
    char *mixer = arena_printf(a, "%s/state/mixer", dir);
    json_t *root = NULL;
    struct view v;

    *s = (struct state){ 0 };
    if (!json || !mixer)
        return ST_SYS;
    enum st st = json_open(&root, json);
    if (st != ST_OK)
        return st;
    err_place("%s", json);
    st = read_json(s, root, json);
    json_decref(root);
    if (st == ST_OK)
        st = file_read(mixer, &v, REC_STATE_MAX, a);
    if (st != ST_OK)
        return st;
    if ((int64_t)v.n != s->mixer_bytes) {
        err_place("%s", mixer);
        return fail(ST_DATA, "%zu bytes where step.json says %lld", v.n, (long long)s->mixer_bytes);
    }
    memcpy(s->mixer, v.p, v.n);
    err_place(NULL);
    for (int o = 0; o < 2 && st == ST_OK; o++)
        if (access(given_path(dir, o, a), F_OK) == 0)
            st = file_read(given_path(dir, o, a), &s->given[o], GIVEN_BYTES_MAX, a);
    return st;
}

bool state_tokenizer(uint8_t sha[32], const char *dir, struct arena *a)
{
    char *json = arena_printf(a, "%s/tokenizer.json", dir);
    char *step = arena_printf(a, "%s/state/step.json", dir);
    struct state *s = ARENA_NEW(a, struct state, 1);
    struct view v;
    bool there = false;

    if (!json || !step || !s)
        return false;
    if (access(step, R_OK) == 0 && state_load(s, dir, a) == ST_OK) {
        memcpy(sha, s->tokenizer, 32);
        there = true;
    } else if (access(json, R_OK) == 0 && file_read(json, &v, (size_t)256 << 20, a) == ST_OK) {
        sha_of(v.p, v.n, sha);
        there = true;
    }
    if (!there)
        err_clear();
    return there;
}
