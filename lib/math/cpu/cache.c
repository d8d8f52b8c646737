/* cache.c - attention over a cache of pages; and the largest of a row.
 *
 * A page is a block of attention.c: keys lie turned, [E][64], as its products take them, values as
 * rows of whole vectors.  So nothing is gathered or turned when a token looks back: one position
 * reads every byte of its row's cache once, which is what bounds it.  A task is a run of tokens of
 * one stretch and one key head. */
#include "math/cpu/attention.h"

_Static_assert(CACHE_PAGE == KEYS, "a page is a block of keys");

struct put { struct pages to; struct heads k, v; const struct stretches *s; int64_t Ep; };

static void put_part(void *of, int64_t begin, int64_t end)
{
    const struct put *p = of;
    int64_t E = p->to.E, head = cache_head(E), n = 0;

    for (int64_t i = begin; i < end; i++) {
        while (i >= p->s->v[n].end)
            n++;
        const struct stretch *at = &p->s->v[n];
        int64_t pos = at->pos + (i - at->begin), in = pos % KEYS;
        int64_t page = p->s->list[at->pages + pos / KEYS];
        for (int64_t g = 0; g < p->to.G; g++) {
            const float *k = p->k.p + i * p->k.row + g * p->k.head;
            const float *v = p->v.p + i * p->v.row + g * p->v.head;
            float *kt = p->to.k + (page * p->to.G + g) * head + in;
            float *to = p->to.v + (page * p->to.G + g) * head + in * p->Ep;
            for (int64_t e = 0; e < E; e++)
                kt[e * KEYS] = k[e];
            for (int64_t e = 0; e < p->Ep; e += LANES)
                v_store(to + e, e < E ? v_row(v, e, E) : v_zero());
        }
    }
}

void cpu_cache_put(struct dev *d, struct pages to, struct heads k, struct heads v,
                   const struct stretches *s)
{
    struct put p = { to, k, v, s, round_lanes(to.E) };

    BUG_IF(k.n != to.G || v.n != to.G || k.E != to.E || v.E != to.E);
    cpu_share(d, s->n_tokens, 1, 2 * (double)(to.G * to.E), put_part, &p);
}

struct piece { int32_t stretch, begin, end; };
struct looks {
    struct att              a;
    struct pages            c;
    const struct stretches *s;
    const struct piece     *piece;
};

static void look_task(void *of, int64_t i, int worker)
{
    const struct looks *k = of;
    const struct att *a = &k->a;
    const struct piece *p = &k->piece[i / k->c.G];
    const struct stretch *s = &k->s->v[p->stretch];
    struct att_scratch t = att_carve(a, worker);
    int64_t g = i % k->c.G, rows = p->end - p->begin, pos = s->pos + (p->begin - s->begin);

    for (int64_t h = 0; h < a->group; h++)
        att_begin(a, &t, h * RUN, rows);
    for (int64_t b0 = att_first(a, pos); b0 < pos + rows; b0 += KEYS) {
        int64_t b1 = MIN(b0 + KEYS, pos + rows);
        int64_t at = (k->s->list[s->pages + b0 / KEYS] * k->c.G + g) * cache_head(k->c.E);
        for (int64_t h = 0; h < a->group; h++)
            for (int64_t r = MAX(0, b0 - pos), many; r < rows; r += many) {
                const float *q = a->q.p + (p->begin + r) * a->q.row +
                                 (g * a->group + h) * a->q.head;
                many = MIN(ROWS, rows - r);
                att_block(a, &t, h * RUN + r, q, many, pos + r, b0, b1, k->c.k + at, k->c.v + at);
            }
    }
    for (int64_t h = 0; h < a->group; h++)
        att_finish(a, &t, p->begin, rows, g * a->group + h, h * RUN);
}

void cpu_attention_cache(struct dev *d, struct heads o, struct heads q, struct pages c,
                         const struct stretches *s, double scale, int64_t window)
{
    struct heads key = { c.k, c.G, c.E, 0, 0 };
    struct looks k = { att_of(q, key, key, NULL, scale, window), c, s, NULL };
    int64_t most = s->n + s->n_tokens / RUN, n = 0;
    size_t list = (size_t)round_lanes(3 * most);
    float *p = cpu_scratch(d, (list + (size_t)d->threads * k.a.own) * sizeof(float));

    BUG_IF(o.n != q.n || o.E != q.E);
    if (!p)
        return;
    struct piece *piece = (struct piece *)p;
    for (int32_t j = 0; j < (int32_t)s->n; j++)
        for (int32_t i = s->v[j].begin; i < s->v[j].end; i += RUN)
            piece[n++] = (struct piece){ j, i, MIN(i + RUN, s->v[j].end) };
    k.piece = piece;
    k.a.o = o;
    k.a.scratch = p + list;
    cpu_tasks(d, n * c.G, look_task, &k);
}

struct largest { int32_t *best; const float *x; int64_t V; };

static void largest_part(void *of, int64_t begin, int64_t end)
{
    const struct largest *k = of;

    for (int64_t i = begin; i < end; i++) {
        const float *x = k->x + i * k->V;
        vec top = v_splat(-__builtin_inff());
        ivec bad = { 0 };
        int32_t at = 0;
        for (int64_t j = 0; j < k->V; j += LANES) {
            vec now = k->V - j >= LANES ? v_load(x + j)
                    : v_if(v_first(k->V - j), v_load_part(x + j, k->V - j), top);
            bad |= (ivec)(now != now);
            top = v_max(top, now);
        }
        float most = v_top(top);
        for (int l = 0; l < LANES; l++)
            at |= bad[l];
        k->best[i] = -1;
        for (int64_t j = 0; !at && j < k->V; j++)
            if (x[j] == most) {
                k->best[i] = (int32_t)j;
                break;
            }
    }
}

void cpu_argmax(struct dev *d, int32_t *best, struct tensor x)
{
    struct largest k = { best, f32(x), x.d[1] };

    BUG_IF(x.rank != 2 || x.d[1] < 1 || x.d[1] > INT32_MAX);
    cpu_share(d, x.d[0], 1, 0.2 * (double)k.V, largest_part, &k);
}
