/* infer.c - windows of rows through the model.
 *
 * The pass (the device's activations) is made once for --micro-tokens and again, larger, only
 * when a single tree is longer than that; everything else of a window goes back to the arena
 * when the window is done. */
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "infer.h"
#include "whole.h"

#define TOKENIZER_BYTES_MAX (256 << 20)

enum { LOGITS_MAX = 1 << 24 };                 /* of a model in host memory at a time */

struct infer {
    const char   *folder, *ref_folder;
    struct config c;                           /* what rows must fit */
    struct dev   *d;
    struct model *m, *ref;                     /* ref NULL: none */
    struct pass  *pass, *ref_pass;
    struct arena *pass_a;                      /* of the passes alone, which may be made anew */
    bool          ranks, kl;                   /* asked for */
    int64_t       micro_tokens, max_tokens, max_targets;
};

const char *infer_folder(const struct folders *f)
{
    return f->adapter ? f->adapter : f->base;
}

/* The tokenizer a folder was made for, as 64 hexadecimal digits: of its tokenizer.json, or where
 * a checkpoint of rows of the built-in one has none, as step noted it.  *hex is "" where nothing
 * tells. */
static enum st tokenizer_of(char hex[65], const char *folder, struct arena *a)
{
    char *path = arena_printf(a, "%s/tokenizer.json", folder);
    char *state = arena_printf(a, "%s/state/step.json", folder);
    const char *noted = "";
    uint8_t sha[32];
    struct view file;
    json_t *root;
    enum st st = ST_OK;

    hex[0] = 0;
    if (!path || !state)
        return ST_SYS;
    if (access(path, F_OK) == 0) {
        struct arena *once = arena_new(0);
        if ((st = file_read(path, &file, TOKENIZER_BYTES_MAX, once)) == ST_OK) {
            sha_of(file.p, file.n, sha);
            hex_of(sha, sizeof sha, hex);
        }
        arena_free(once);
    } else if (access(state, F_OK) == 0 && (st = json_open(&root, state)) == ST_OK) {
        st = json_text_or(state, root, "tokenizer", "", &noted);
        snprintf(hex, 65, "%s", noted);
        json_decref(root);
    }
    return st;
}

/* Rows of another tokenizer than the folder's: every id would mean something else.  An adapter that
 * brings none has its base's. */
static enum st check_tokenizer(const struct folders *f, const struct header *h, const char *stream,
                               struct arena *a)
{
    char own[65], theirs[65];
    const char *folder = infer_folder(f);
    enum st st = tokenizer_of(own, folder, a);

    if (st == ST_OK && !*own && f->adapter)
        st = tokenizer_of(own, folder = f->base, a);

    hex_of(h->tokenizer, sizeof h->tokenizer, theirs);
    if (st != ST_OK || !*own || strcmp(own, theirs) == 0)
        return st;
    err_place("%s", shown(view_of(stream)));
    return fail(ST_DATA, "its rows are of tokenizer %.16s, the model in '%s' of %.16s; "
                "re-run tokenize with the model's", theirs, shown(view_of(folder)), own);
}

static enum st check_vocabulary(const struct header *h, const char *stream, int64_t V,
                                const struct folders *f)
{
    if (h->vocab <= V)
        return ST_OK;
    err_place("%s", shown(view_of(stream)));
    return fail(ST_DATA, "its tokenizer has %lld ids, the model in '%s' only %lld; they do not "
                "belong together", (long long)h->vocab, shown(view_of(infer_folder(f))),
                (long long)V);
}

enum st infer_open(struct infer **to, const struct folders *f, const struct header *h,
                   const char *stream, const char *device, int threads, int64_t micro_tokens,
                   struct arena *a)
{
    struct infer *v = ARENA_NEW(a, struct infer, 1);
    struct lora *l = ARENA_NEW(a, struct lora, 1);
    struct config c = { 0 };
    char *config = arena_printf(a, "%s/config.json", f->base);
    enum st st;

    *to = v;
    if (!v || !l || !config)
        return ST_SYS;
    v->folder = infer_folder(f);
    v->micro_tokens = micro_tokens;
    v->pass_a = arena_new(0);
    if ((st = check_tokenizer(f, h, stream, a)) != ST_OK ||
        (st = config_read(&c, config, a)) != ST_OK ||
        (st = check_vocabulary(h, stream, c.V, f)) != ST_OK)
        return st;
    if ((st = dev_open(&v->d, device, threads, a)) != ST_OK ||
        (st = folders_open(&v->m, f, l, v->d, false, a)) != ST_OK)
        return st;
    v->c = v->m->c;
    return ST_OK;
}

struct model *infer_model(const struct infer *v)
{
    return v->m;
}

void infer_ranks(struct infer *v)
{
    v->ranks = true;
}

enum st infer_against(struct infer *v, const struct folders *ref, const struct header *h,
                      const char *stream, struct arena *a)
{
    struct lora *l;
    enum st st;

    if (v->ref)
        return ST_OK;
    if (!(l = ARENA_NEW(a, struct lora, 1)))
        return ST_SYS;
    v->ref_folder = infer_folder(ref);
    if ((st = check_tokenizer(ref, h, stream, a)) != ST_OK ||
        (st = folders_open(&v->ref, ref, l, v->d, false, a)) != ST_OK ||
        (st = check_vocabulary(h, stream, v->ref->c.V, ref)) != ST_OK)
        return st;
    v->c.positions = MIN(v->m->c.positions, v->ref->c.positions);
    v->c.V = MIN(v->m->c.V, v->ref->c.V);
    return ST_OK;
}

enum st infer_divergence(struct infer *v)
{
    v->kl = true;
    if (v->ref->c.V == v->m->c.V)
        return ST_OK;
    err_place("%s", shown(view_of(v->ref_folder)));
    return fail(ST_DATA, "a vocabulary of %lld, that of '%s' is %lld; no divergence can be taken",
                (long long)v->ref->c.V, shown(view_of(v->folder)), (long long)v->m->c.V);
}

/* Passes that hold the largest pack of the batch. */
static enum st room(struct infer *v, const struct batch *b)
{
    int64_t tokens = MAX(batch_max_tokens(b), v->micro_tokens);
    int64_t targets = MAX(batch_max_targets(b), v->micro_tokens);

    if (v->pass && tokens <= v->max_tokens && targets <= v->max_targets)
        return ST_OK;
    if (v->pass)
        pass_free(v->pass);
    if (v->ref_pass)
        pass_free(v->ref_pass);
    v->pass = v->ref_pass = NULL;
    arena_back(v->pass_a, 0);
    v->max_tokens = MAX(tokens, v->max_tokens);
    v->max_targets = MAX(targets, v->max_targets);
    enum st st = pass_new(&v->pass, v->m, v->max_tokens, v->max_targets, false, v->pass_a);
    if (st == ST_OK && v->ref)
        st = pass_new(&v->ref_pass, v->ref, v->max_tokens, v->max_targets, false, v->pass_a);
    return st;
}

/* What is known of a pack's targets once it has gone through. */
struct known {
    float   *logp, *ref;                       /* [n_targets]; ref, rank and kl NULL unless asked */
    uint8_t *hit;
    int32_t *rank;
    double  *kl;
};

static enum st known_new(struct known *k, const struct infer *v, int64_t n, struct arena *a)
{
    *k = (struct known){ .logp = ARENA_NEW(a, float, n), .hit = ARENA_NEW(a, uint8_t, n) };
    if (!k->logp || !k->hit || (v->ranks && !(k->rank = ARENA_NEW(a, int32_t, n))) ||
        (v->ref && !(k->ref = ARENA_NEW(a, float, n))) ||
        (v->kl && !(k->kl = ARENA_NEW(a, double, n))))
        return ST_SYS;
    return ST_OK;
}

/* What takes the logits, some targets at a time. */
static enum st look_at_all(struct infer *v, const struct pack *pack, struct known *k,
                           struct arena *a)
{
    int64_t V = v->m->c.V, n = pack->n_targets, some = MIN(n, MAX(1, LOGITS_MAX / V));
    size_t mark = arena_mark(a);
    float *x = ARENA_NEW(a, float, some * V), *y = v->kl ? ARENA_NEW(a, float, some * V) : NULL;
    enum st st = x && (y || !v->kl) ? ST_OK : ST_SYS;

    for (int64_t at = 0; at < n && st == ST_OK; at += some) {
        int64_t many = MIN(some, n - at);
        if ((st = model_logits_of(v->m, v->pass, at, many, x)) == ST_OK && v->kl)
            st = model_logits_of(v->ref, v->ref_pass, at, many, y);
        if (st == ST_OK)
            st = dev_sync(v->d);
        if (st == ST_OK && v->ranks)
            whole_rank(k->rank + at, x, pack->target + at, many, V, v->d->threads);
        if (st == ST_OK && v->kl)
            whole_kl(k->kl + at, x, y, many, V, v->d->threads);
    }
    arena_back(a, mark);
    return st;
}

static enum st run_pack(struct infer *v, const struct pack *pack, struct known *k, struct arena *a)
{
    enum st st = known_new(k, v, pack->n_targets, a);

    if (st != ST_OK)
        return st;
    model_forward(v->m, v->pass, pack, NULL, k->logp, k->hit);
    if (v->ref)
        model_forward(v->ref, v->ref_pass, pack, NULL, k->ref, NULL);
    return v->ranks || v->kl ? look_at_all(v, pack, k, a) : ST_OK;
}

/* A label's mismatched completion, as a row of its own behind it. */
static enum st add_other(struct batch *b, const struct rec *r)
{
    struct rec other = *r;

    other.completion = r->other;
    other.completion_span = r->other_span;
    return batch_add(b, &other);
}

static enum st collect(struct batch *b, struct item *item, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!item[i].scored)
            continue;
        enum st st = batch_add(b, &item[i].rec);
        if (st == ST_OK && item[i].rec.other.n)
            st = add_other(b, &item[i].rec);
        if (st != ST_OK) {
            err_at("%s:%lld", shown(view_of(item[i].stream)), (long long)item[i].at);
            return st;
        }
    }
    return ST_OK;
}

/* From the targets' log-probabilities of all packs to a sum per sequence, in the order of the
 * targets. */
static struct sum sum_of(const struct seq *s, const struct known *k)
{
    struct sum sum = { .n = s->n, .token = k->logp + s->first,
                       .rank = k->rank ? k->rank + s->first : NULL };

    for (int64_t j = s->first; j < s->first + s->n; j++) {
        sum.logp += (double)k->logp[j];
        sum.hits += k->hit[j];
        sum.kl += k->kl ? k->kl[j] : 0;
        sum.ref += k->ref ? (double)k->ref[j] : 0;
    }
    return sum;
}

static enum st spread(const struct infer *v, const struct batch *b, const struct known *known,
                      struct item *item, int64_t n, struct arena *a)
{
    int64_t row = 0;
    struct sum *sum = ARENA_NEW(a, struct sum, b->n_seqs);

    if (!sum)
        return ST_SYS;
    for (int64_t i = 0; i < n; i++) {
        if (!item[i].scored)
            continue;
        const struct row *r = &b->row[row++];
        item[i].n_seqs = r->n_seqs;
        item[i].seq = sum + r->seq;
        if (item[i].rec.other.n)
            item[i].n_seqs += b->row[row++].n_seqs;
        for (int64_t k = r->seq; k < r->seq + item[i].n_seqs; k++) {
            sum[k] = sum_of(&b->seq[k], &known[b->seq[k].pack]);
            if (!isfinite(sum[k].logp) || !isfinite(sum[k].kl + sum[k].ref)) {
                err_place("%s:%lld", shown(view_of(item[i].stream)), (long long)item[i].at);
                return fail(ST_DATA, "its log-probability is no finite number; the weights in "
                            "'%s'%s are broken", shown(view_of(v->folder)),
                            v->ref ? " or --ref" : "");
            }
        }
    }
    return ST_OK;
}

enum st infer_items(struct infer *v, struct item *item, int64_t n, struct progress *progress,
                    struct arena *a)
{
    struct batch *b;
    enum st st;

    if ((st = batch_new(&b, &v->c, a)) != ST_OK || (st = collect(b, item, n)) != ST_OK ||
        b->n_rows == 0 || (st = batch_pack(b, v->micro_tokens, BATCH_ROOTS)) != ST_OK ||
        (st = room(v, b)) != ST_OK)
        return st;

    struct known *known = ARENA_NEW(a, struct known, b->n_packs);
    if (!known)
        return ST_SYS;
    for (int64_t p = 0; p < b->n_packs; p++) {
        if (sig_stop())
            return ST_STOP;
        if ((st = run_pack(v, &b->pack[p], &known[p], a)) != ST_OK)
            return st;
        progress_at(progress, (double)item[0].row + (double)(n * (p + 1)) / (double)b->n_packs,
                    NULL);
    }
    if ((st = dev_sync(v->d)) != ST_OK)
        return st;
    return spread(v, b, known, item, n, a);
}

int64_t infer_positions(const struct infer *v)
{
    return v->m->c.positions;
}

void infer_close(struct infer *v)
{
    if (!v)
        return;
    if (v->pass)
        pass_free(v->pass);
    if (v->ref_pass)
        pass_free(v->ref_pass);
    arena_free(v->pass_a);
    if (v->d)
        dev_close(v->d);
}
