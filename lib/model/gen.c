/* gen.c - rows into packs, tokens out of logits.
 *
 * A row is let in, in the order of the line, when the pages of its longest possible answer are
 * free: so no row ever has to give its pages back before its end.  Pages hang in chains, a row's
 * and that of the free ones. */
#include "model/gen.h"

#include "base/rng.h"

struct gen {
    struct gen_setup s;
    struct model    *m;
    struct pass     *pass;
    struct cache    *cache;
    struct arena    *own;                      /* what goes with the cache: it may be made anew */
    int64_t          n_pages, n_free;
    int32_t         *link, free;               /* [n_pages] the page behind a page; first free */
    struct gen_row **row;                      /* [n_rows <= batch] under way */
    int64_t          n_rows, n_line;
    struct gen_row  *first, *last;             /* in line */
    struct next      next;
    struct gen_row **target;                   /* [next.n_targets] whose they are */
    int32_t         *best;
    float           *logits;                   /* [batch V] host; NULL while greedy */
    struct sampler   sampler;
};

const char *gen_finish_name(enum gen_finish f)
{
    static const char *const names[] = { "going", "stop", "length" };

    return names[f];
}

static int64_t row_end(const struct gen *g, const struct gen_row *r)
{
    return MIN(r->n_prompt + r->max_new, g->m->c.positions);
}

static int64_t row_pages(const struct gen *g, const struct gen_row *r)
{
    return (row_end(g, r) + CACHE_PAGE - 1) / CACHE_PAGE;
}

/* The cache and all that is as large as it. */
static enum st make_cache(struct gen *g, int64_t n_pages)
{
    cache_free(g->cache);
    g->cache = NULL;
    arena_back(g->own, 0);
    g->n_pages = g->n_free = n_pages;
    g->link = ARENA_NEW(g->own, int32_t, n_pages);
    g->next.list = ARENA_NEW(g->own, int32_t, n_pages);
    if (!g->link || !g->next.list)
        return ST_SYS;
    for (int64_t i = 0; i < n_pages; i++)
        g->link[i] = (int32_t)(i + 1);
    g->free = 0;
    return cache_new(&g->cache, g->m, n_pages, g->s.batch, g->own);
}

enum st gen_new(struct gen **to, struct model *m, const struct gen_setup *s, struct arena *a)
{
    struct gen *g = ARENA_NEW(a, struct gen, 1);
    enum st st;

    BUG_IF(s->batch < 1);
    *to = g;
    if (!g)
        return ST_SYS;
    g->s = *s;
    g->m = m;
    g->own = arena_new(0);
    int64_t batch = s->batch, tokens = MAX(s->micro_tokens, batch), V = m->c.V;
    g->row = ARENA_NEW(a, struct gen_row *, batch);
    g->target = ARENA_NEW(a, struct gen_row *, batch);
    g->best = ARENA_NEW(a, int32_t, batch);
    g->next.row = ARENA_NEW(a, struct stretch, batch);
    g->next.at = ARENA_NEW(a, int32_t, batch);
    g->next.token = ARENA_NEW(a, int32_t, tokens);
    g->next.pos = ARENA_NEW(a, int32_t, tokens);
    if (!g->row || !g->target || !g->best || !g->next.row || !g->next.at || !g->next.token ||
        !g->next.pos)
        return ST_SYS;
    if (!sampling_greedy(&s->how) && (!(g->logits = ARENA_NEW(a, float, batch * V)) ||
                                      sampler_new(&g->sampler, V, a) != ST_OK))
        return ST_SYS;
    if ((st = pass_new(&g->pass, m, tokens, batch, false, a)) != ST_OK)
        return st;
    return make_cache(g, (MAX(s->cache_tokens, 1) + CACHE_PAGE - 1) / CACHE_PAGE);
}

void gen_free(struct gen *g)
{
    if (!g)
        return;
    cache_free(g->cache);
    if (g->pass)
        pass_free(g->pass);
    arena_free(g->own);
}

enum st gen_add(struct gen *g, struct gen_row *r)
{
    if (r->n_prompt < 1)
        return fail(ST_DATA, "a prompt without a token; there is nothing to go on from");
    if (r->n_prompt >= g->m->c.positions)
        return fail(ST_DATA, "a prompt of %lld tokens, and the model has %lld positions; cut it "
                    "(tokenize --max-tokens)", (long long)r->n_prompt,
                    (long long)g->m->c.positions);
    r->n = r->n_prompt;
    r->fed = 0;
    r->finish = GEN_GOING;
    r->next = NULL;
    *(g->last ? &g->last->next : &g->first) = r;
    g->last = r;
    g->n_line++;
    return ST_OK;
}

int64_t gen_waiting(const struct gen *g)
{
    return g->n_line;
}

int64_t gen_going(const struct gen *g)
{
    return g->n_line + g->n_rows;
}

/* ---- pages ---- */

static void take_pages(struct gen *g, struct gen_row *r, int64_t n)
{
    r->page = r->last_page = g->free;
    for (int64_t i = 1; i < n; i++)
        r->last_page = g->link[r->last_page];
    g->free = g->link[r->last_page];
    g->n_free -= n;
}

static void give_pages(struct gen *g, const struct gen_row *r)
{
    g->link[r->last_page] = g->free;
    g->free = r->page;
    g->n_free += row_pages(g, r);
}

void gen_drop(struct gen *g)
{
    for (int64_t i = 0; i < g->n_rows; i++)
        give_pages(g, g->row[i]);
    g->n_rows = g->n_line = 0;
    g->first = g->last = NULL;
}

/* Rows of the line come in while there are places and pages. */
static enum st let_in(struct gen *g)
{
    enum st st;

    while (g->first && g->n_rows < g->s.batch) {
        struct gen_row *r = g->first;
        int64_t need = row_pages(g, r);
        if (need > g->n_pages && g->n_rows == 0 && (st = make_cache(g, need)) != ST_OK)
            return st;
        if (need > g->n_free)
            break;
        take_pages(g, r, need);
        g->first = r->next;
        g->last = g->first ? g->last : NULL;
        g->n_line--;
        g->row[g->n_rows++] = r;
    }
    return ST_OK;
}

/* ---- a step ---- */

/* The next `take` tokens of the row. */
static void put_row(struct gen *g, struct gen_row *r, int64_t take)
{
    struct next *x = &g->next;
    int64_t end = r->fed + take;

    x->row[x->n_rows++] = (struct stretch){ (int32_t)x->n_tokens, (int32_t)(x->n_tokens + take),
                                            (int32_t)r->fed, (int32_t)x->n_list };
    int32_t page = r->page;
    for (int64_t p = 0; p < end; p += CACHE_PAGE, page = g->link[page])
        x->list[x->n_list++] = page;
    for (; r->fed < end; r->fed++) {
        x->token[x->n_tokens] = r->id[r->fed];
        x->pos[x->n_tokens++] = (int32_t)r->fed;
    }
    if (end == r->n) {
        g->target[x->n_targets] = r;
        x->at[x->n_targets++] = (int32_t)x->n_tokens - 1;
    }
}

/* Rows being written first, which take a token each; prompts share what room is left. */
static void fill(struct gen *g)
{
    int64_t room = MAX(g->s.micro_tokens, g->s.batch);

    g->next.n_tokens = g->next.n_rows = g->next.n_list = g->next.n_targets = 0;
    for (int64_t i = 0; i < g->n_rows; i++)
        if (g->row[i]->n - g->row[i]->fed == 1)
            put_row(g, g->row[i], 1);
    for (int64_t i = 0; i < g->n_rows; i++) {
        int64_t take = MIN(g->row[i]->n - g->row[i]->fed, room - g->next.n_tokens);
        if (take > 0)
            put_row(g, g->row[i], take);
    }
}

/* The token behind target j, or -1: its logits are no finite numbers. */
static int32_t choose(struct gen *g, int64_t j)
{
    const struct gen_row *r = g->target[j];

    if (!g->logits)
        return g->best[j];
    if (!sampler_left(&g->sampler, &g->s.how, g->logits + j * g->m->c.V, r->id, r->n))
        return -1;
    uint64_t own = rng(g->s.seed, RNG_STREAM(RNG_SAMPLE, r->sample), r->key);
    return sampler_take(&g->sampler, rng_unit(own, RNG_STREAM(RNG_SAMPLE, 0),
                                              (uint64_t)(r->n - r->n_prompt)));
}

static enum st write_token(struct gen *g, struct gen_row *r, int32_t token)
{
    if (token < 0)
        return fail(ST_DATA, "the model's logits are no finite numbers; its weights are broken");
    r->id[r->n++] = token;
    if (r->n == row_end(g, r))
        r->finish = GEN_LENGTH;
    for (int64_t i = 0; i < g->s.n_end; i++)
        if (token == g->s.end[i])
            r->finish = GEN_STOP;
    return g->s.token ? g->s.token(g->s.arg, r) : ST_OK;
}

enum st gen_step(struct gen *g)
{
    enum st st = let_in(g);
    int64_t left = 0;

    if (st != ST_OK || g->n_rows == 0)
        return st;
    fill(g);
    model_next(g->m, g->pass, g->cache, &g->next);
    if (g->next.n_targets && g->logits)
        next_logits(g->cache, g->pass, g->logits);
    else if (g->next.n_targets)
        next_best(g->cache, g->pass, g->best);
    if ((st = dev_sync(g->m->d)) != ST_OK)
        return st;
    for (int64_t j = 0; j < g->next.n_targets; j++)
        if ((st = write_token(g, g->target[j], choose(g, j))) != ST_OK)
            return st;
    for (int64_t i = 0; i < g->n_rows; i++)
        if (g->row[i]->finish != GEN_GOING)
            give_pages(g, g->row[i]);
        else
            g->row[left++] = g->row[i];
    g->n_rows = left;
    return ST_OK;
}
