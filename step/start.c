/* start.c - everything before the first step: the model, the checkpoint to go on from, the
 * reference, the stream, and whether they belong together and fit into the machine. */
#include <unistd.h>

#include "base/file.h"
#include "model/weights.h"
#include "train.h"

/* ---- the command line ---- */

static enum st usage(const char *option, const char *what)
{
    err_place("--%s", option);
    return fail(ST_USAGE, "%s", what);
}

static enum st one_of(const char *option, const char *value, const char *const *names, int n,
                      int *which)
{
    for (*which = 0; *which < n; ++*which)
        if (strcmp(value, names[*which]) == 0)
            return ST_OK;
    err_place("--%s", option);
    return fail(ST_USAGE, "'%s' is neither %s%s%s%s%s", shown(view_of(value)), names[0],
                n > 2 ? ", " : "", n > 2 ? names[1] : "", " nor ", names[n - 1]);
}

static enum st check_plan(struct run *r)
{
    static const char *const phases[] = { "fresh", "keep" };
    static const char *const moments[] = { "shared", "each" };
    static const char *const dtypes[] = { "f32", "bf16" };
    const struct plan *p = r->plan;
    int phase, each, dtype;

    if (!p->out)
        return usage("out", "is missing; name the folder for checkpoints and metrics");
    if (!p->model && !p->init && !p->branch)
        return usage("model", "give it or --init CONFIG.json, to start from random weights");
    if (p->model && p->init)
        return usage("init", "random weights or those of --model, not both");
    enum st st = loss_find(&r->work.loss[OBJ_SFT], p->sft_loss, false);
    if (st == ST_OK)
        st = loss_find(&r->work.loss[OBJ_PREF], p->pref_loss, true);
    if (st == ST_OK)
        st = loss_options(r->work.loss[OBJ_SFT], r->work.loss[OBJ_PREF]);
    if (st == ST_OK)
        st = adapt_check(p);
    if (st == ST_OK)
        st = memory_plan(p);
    if (st == ST_OK)
        st = rate_plan(&r->rate, p);
    if (st == ST_OK)
        st = finite_plan(&r->skips, p->nan);
    if (st == ST_OK)
        st = content_plan(r->content.at, p->stop_at, r->a);
    if (st == ST_OK)
        st = one_of("phase", p->phase, phases, countof(phases), &phase);
    if (st == ST_OK)
        st = one_of("moments", p->moments, moments, countof(moments), &each);
    if (st == ST_OK)
        st = one_of("dtype", p->dtype, dtypes, countof(dtypes), &dtype);
    if (st == ST_OK)
        st = ckpt_type(&r->ckpt.type, p->save_dtype);
    if (st != ST_OK)
        return st;
    r->fresh = phase == 0;
    r->each = each;
    r->halves = dtype == 1;
    r->lr[OBJ_SFT] = opt_given("lr-sft") ? p->lr_sft : p->lr;
    r->lr[OBJ_PREF] = opt_given("lr-pref") ? p->lr_pref : p->lr;
    r->work.micro_tokens = p->micro_tokens;
    r->work.share = !p->no_share;
    r->work.neftune = p->neftune;
    return ST_OK;
}

/* ---- the model ---- */

static uint64_t seed_init(const struct plan *p)
{
    return (uint64_t)(opt_given("seed-init") ? p->seed_init : p->seed);
}

/* The folder of a file, "." where it names none. */
static const char *folder(const char *path, struct arena *a)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return ".";
    return slash == path ? "/" : arena_text(a, (struct view){ path, (size_t)(slash - path) });
}

/* A checkpoint of all weights needs no other folder; whatever else goes on, or begins, does. */
static enum st find_folders(struct run *r, const char *from)
{
    const struct plan *p = r->plan;
    char *whole = arena_printf(r->a, "%s/config.json", from ? from : "");
    enum st st = whole ? ST_OK : ST_SYS;

    if (st == ST_OK && p->model && from && access(whole, F_OK) == 0)
        r->from.base = p->model;
    else if (st == ST_OK && p->model)
        st = folders_find(&r->from, p->model, p->adapter, r->a);
    else if (st == ST_OK && from && access(whole, F_OK) != 0)      /* a branch of adapters */
        st = folders_find(&r->from, from, NULL, r->a);
    if (st == ST_OK && p->ref)
        st = folders_find(&r->ref, p->ref, NULL, r->a);
    return st == ST_OK ? adapt_find(r) : st;
}

/* The folder that has the tokenizer of these, where one has it. */
static const char *tokenizer_folder(const struct folders *f, struct arena *a)
{
    char *own = f->adapter ? arena_printf(a, "%s/tokenizer.json", f->adapter) : NULL;

    return own && access(own, F_OK) == 0 ? f->adapter : f->base;
}

/* The adapters' own beginning, and what their checkpoints say of the base. */
static enum st open_adapters(struct run *r, const char *from)
{
    char *path = arena_printf(r->a, "%s/" PEFT_TENSORS, r->from.adapter ? r->from.adapter : "");
    char *real = realpath(r->from.base, NULL);
    enum st st = ST_OK;

    r->ckpt.base = real ? arena_text(r->a, view_of(real)) : r->from.base;
    mem_release(real);
    r->work.dropout = r->lora->dropout > 0;
    if (!path || !r->ckpt.base)
        return ST_SYS;
    if (!from && r->from.adapter)
        st = peft_load(r->m, path, r->from.base, r->a);
    else if (!from)
        lora_init(r->m, seed_init(r->plan));
    return st == ST_OK ? weights_hash(r->ckpt.base_hash, r->from.base, r->a) : st;
}

/* What the matrices are held in. */
static enum st find_dtype(struct run *r, enum dtype *held)
{
    if (r->halves && r->lora)
        return usage("dtype", "adapters train in float32, and their base is as its folder has it; "
                              "leave it out");
    if (r->halves && !r->d->half)
        return usage("dtype", "products on this --device take float32 alone; leave it out");
    if (r->halves)
        *held = BF16;
    return r->lora && r->from.base && r->d->half ? weights_held(held, r->from.base, r->a) : ST_OK;
}

static enum st open_model(struct run *r, const char *from)
{
    const struct plan *p = r->plan;
    struct config c;
    const char *dir = from && !r->lora ? from : r->from.base;
    char *config =
        dir ? arena_printf(r->a, "%s/config.json", dir) : arena_text(r->a, view_of(p->init));

    if (!config)
        return ST_SYS;
    enum st st = config_read(&c, config, r->a);
    c.lora = r->lora;
    if (st == ST_OK)
        st = dev_open(&r->d, p->device, (int)p->threads, r->a);
    if (st == ST_OK)
        st = find_dtype(r, &c.held);
    if (st == ST_OK)
        st = model_new(&r->m, &c, r->d, true, r->a);
    if (st == ST_OK && (!from || r->lora)) {
        if (r->from.base)
            st = weights_load(r->m, r->from.base, r->a);
        else
            model_init(r->m, seed_init(p));
    }
    if (st == ST_OK && r->lora)
        st = open_adapters(r, from);
    r->work.m = r->m;
    r->ckpt.files = from ? from : dir ? tokenizer_folder(&r->from, r->a) : folder(p->init, r->a);
    return st == ST_OK && !r->ckpt.files ? ST_SYS : st;
}

/* The weights every pair's reference column must have been made with. */
static enum st find_reference(struct run *r, bool resumed)
{
    const struct plan *p = r->plan;
    uint8_t ref[32];
    enum st st;

    if (resumed && !p->ref)
        return ST_OK;
    if (r->ref.base || r->from.base)
        st = folders_hash(ref, r->ref.base ? &r->ref : &r->from, r->a);
    else
        st = weights_hash_model(ref, r->m, r->a);
    if (st != ST_OK)
        return st;
    if (resumed && memcmp(ref, r->state.ref, 32) != 0)
        return usage("ref", "these are not the weights the run began with; leave it out");
    memcpy(r->state.ref, ref, 32);
    return ST_OK;
}

/* ---- the stream ---- */

static enum st check_tokenizer(struct run *r, const char *from)
{
    uint8_t sha[32];
    char ours[17], theirs[17];

    err_place("%s", in_name(r->in));
    if (r->h->vocab > r->m->c.V)
        return fail(ST_DATA, "%lld ids in the vocabulary, the model has %lld; use its tokenizer",
                    (long long)r->h->vocab, (long long)r->m->c.V);
    const char *dir = from ? from : r->from.base ? tokenizer_folder(&r->from, r->a) : NULL;
    if (!dir && state_tokenizer(sha, r->ckpt.files, r->a) &&
        memcmp(sha, r->h->tokenizer, 32) != 0) {
        warn("%s: its tokenizer is not that of the rows, checkpoints go without", r->ckpt.files);
        r->ckpt.files = NULL;
    }
    if (!dir || !state_tokenizer(sha, dir, r->a) || memcmp(sha, r->h->tokenizer, 32) == 0)
        return *err_text() ? ST_DATA : ST_OK;
    hex_of(sha, 8, ours);
    hex_of(r->h->tokenizer, 8, theirs);
    return fail(ST_DATA, "rows of tokenizer %s, a model of %s; tokenize --tokenizer %s", theirs,
                ours, shown(view_of(dir)));
}

static enum st check_header(struct run *r)
{
    const struct plan *p = r->plan;

    err_place("%s", in_name(r->in));
    if (!r->h->mixed)
        return fail(ST_DATA, "no step records; put mix between it and step");
    if (r->h->start != r->state.i)
        return fail(ST_DATA, "the stream starts at step %lld and the model is at %lld; %s",
                    (long long)r->h->start, (long long)r->state.i,
                    r->h->start ? "resume both, mix and step, from one folder"
                                : "run mix with --resume, too");
    enum st st = rate_length(&r->rate, p, p->steps && r->h->steps ? MIN(p->steps, r->h->steps)
                                                                  : MAX(p->steps, r->h->steps));
    if (st != ST_OK)
        return st;
    r->state.steps = r->rate.total;
    memcpy(r->state.tokenizer, r->h->tokenizer, 32);
    r->state.vocab = r->h->vocab;
    err_place(NULL);
    return ST_OK;
}

/* True where the run that is resumed has all its updates and its log is whole. */
static bool finished(const struct run *r)
{
    int64_t steps = r->plan->steps ? r->plan->steps : r->state.steps;

    return steps && r->state.i >= steps && log_finished(r->plan->out, r->a);
}

/* The options that shape the weights, as text: a resume must have the same.  Not --micro-tokens and
 * --no-share, which only round differently and may have to give way to another machine. */
static void recipe(const struct run *r, char text[STATE_RECIPE_MAX])
{
    const struct plan *p = r->plan;
    int n = snprintf(text, STATE_RECIPE_MAX,
                     "--lr %.9g --lr-sft %.9g --lr-pref %.9g --schedule %s --warmup %lld --min-lr "
                     "%.9g --beta1 %.9g --beta2 %.9g --eps %.9g --weight-decay %.9g --clip %.9g "
                     "--phase %s --sft-loss %s --pref-loss %s",
                     p->lr, p->lr_sft, p->lr_pref, p->schedule, (long long)p->warmup, p->min_lr,
                     p->beta1, p->beta2, p->eps, p->decay, p->clip, p->phase, p->sft_loss,
                     p->pref_loss);

    if (n < STATE_RECIPE_MAX)
        n += rate_recipe(&r->rate, p, text + n, (size_t)(STATE_RECIPE_MAX - n));
    if (r->each && n < STATE_RECIPE_MAX)
        n += snprintf(text + n, (size_t)(STATE_RECIPE_MAX - n), " --moments each");
    if (r->halves && n < STATE_RECIPE_MAX)
        n += snprintf(text + n, (size_t)(STATE_RECIPE_MAX - n), " --dtype bf16");
    for (int o = 0; o < 2; o++)
        for (const struct opt *q = r->work.loss[o]->opts; q->name; q++)
            if (q->type == OPT_REAL && n < STATE_RECIPE_MAX)
                n += snprintf(text + n, (size_t)(STATE_RECIPE_MAX - n), " --%s %.9g", q->name,
                              *(const double *)q->to);
    if (p->neftune > 0 && n < STATE_RECIPE_MAX)
        n += snprintf(text + n, (size_t)(STATE_RECIPE_MAX - n), " --neftune-alpha %.9g --seed %lld",
                      p->neftune, (long long)p->seed);
    if (n < STATE_RECIPE_MAX)
        adapt_recipe(r, text + n, (size_t)(STATE_RECIPE_MAX - n));
}

static enum st check_recipe(struct run *r)
{
    char now[STATE_RECIPE_MAX];

    recipe(r, now);
    if (r->state.recipe[0] && strcmp(r->state.recipe, now) != 0) {
        err_place("--resume");
        return fail(ST_USAGE, "the run began with '%s'; go on so, or give another --out",
                    r->state.recipe);
    }
    memcpy(r->state.recipe, now, sizeof now);
    return ST_OK;
}

static enum st open_stream(struct run *r, const char *from)
{
    const struct plan *p = r->plan;
    struct log_where where = { p->out, p->to, p->feedback, -1, -1 };
    enum st st = in_open(&r->in, p->input, r->a);

    if (st == ST_OK)
        st = in_header(r->in, &r->h);
    if (st == ST_OK)
        st = check_tokenizer(r, from);
    if (st == ST_OK)
        st = check_header(r);
    if (from) {
        where.metrics_bytes = r->state.metrics_bytes;
        where.timing_bytes = r->state.timing_bytes;
    }
    return st == ST_OK ? log_open(&r->log, &where, r->h, r->a) : st;
}

static enum st open_optimiser(struct run *r)
{
    const struct plan *p = r->plan;
    enum st st = optim_new(&r->o, r->m, r->a);

    if (st == ST_OK && r->each)
        st = optim_each(r->o);
    if (st != ST_OK)
        return st;
    r->o->beta1 = p->beta1;
    r->o->beta2 = p->beta2;
    r->o->eps = p->eps;
    r->o->decay = p->decay;
    r->o->clip = p->clip;
    r->work.a = r->a;
    return work_open(&r->work);
}

enum st train_start(struct run *r)
{
    char *from = NULL;
    enum st st = check_plan(r);

    if (st == ST_OK)
        st = ckpt_open(&r->ckpt, r->plan->resume, r->a);
    if (st == ST_OK && r->plan->resume)
        st = ckpt_find(&r->ckpt, &from, r->a);
    bool branch = st == ST_OK && !from && r->plan->branch;
    if (branch)
        st = branch_find(&from, r->plan->branch, r->a);
    if (st == ST_OK && from)
        st = state_load(&r->state, from, r->a);
    if (st == ST_OK && branch)
        st = branch_begin(r, from);
    if (st == ST_OK)
        content_begin(r);
    if (st == ST_OK)
        st = find_folders(r, from);
    if (st == ST_OK)
        st = check_recipe(r);
    if (st == ST_OK && from && finished(r))
        return ST_END;
    if (st == ST_OK)
        st = open_model(r, from);
    if (st == ST_OK)
        st = find_reference(r, from != NULL);
    r->bare = r->lora && memcmp(r->state.ref, r->ckpt.base_hash, 32) == 0;
    if (st == ST_OK)
        st = memory_check(r);
    if (st == ST_OK)
        st = open_optimiser(r);
    if (st == ST_OK && from) {
        st = ckpt_load(&r->ckpt, from, r->m, r->o, r->a);
        r->o->t[0] = r->state.t;
        r->o->t[1] = r->state.t_pref;
    }
    if (st == ST_OK)
        st = probe_open(r);
    for (int o = 0; o < 2; o++)
        r->held[o].arena = arena_new(0);
    return st == ST_OK ? open_stream(r, from) : st;
}
