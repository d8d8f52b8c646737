/* change.c - texts written anew, and the way back. */
#include "text/change.h"

void changes_clear(struct changes *c)
{
    c->list.n = c->hint[0] = c->hint[1] = 0;
}

void changes_free(struct changes *c)
{
    buf_free(&c->list);
}

/* How many changes begin below `bound`: forward from the last answer, or by halves. */
static size_t below(const struct changes *c, size_t bound, size_t *hint)
{
    const struct change *v = (const struct change *)c->list.p;
    size_t n = c->list.n / sizeof *v, k = *hint;

    if (k > 0 && v[k - 1].begin >= bound) {
        size_t high = k;
        for (k = 0; k < high;) {
            size_t mid = (k + high) / 2;
            if (v[mid].begin < bound)
                k = mid + 1;
            else
                high = mid;
        }
    } else {
        while (k < n && v[k].begin < bound)
            k++;
    }
    return *hint = k;
}

size_t changes_begin(struct changes *c, size_t at)
{
    size_t k = below(c, at + 1, &c->hint[0]);

    if (k == 0)
        return at;
    const struct change *v = (const struct change *)c->list.p + k - 1;
    return at < v->end ? v->was_begin : v->was_end + (at - v->end);
}

size_t changes_end(struct changes *c, size_t at)
{
    size_t k = below(c, at, &c->hint[1]);

    if (k == 0)
        return at;
    const struct change *v = (const struct change *)c->list.p + k - 1;
    return at <= v->end ? v->was_end : v->was_end + (at - v->end);
}

struct edit edit_start(struct view s, struct buf *to, struct changes *c)
{
    to->n = 0;
    changes_clear(c);
    return (struct edit){ .s = s, .to = to, .c = c };
}

enum st edit_put(struct edit *e, size_t begin, size_t end, struct view by)
{
    if (buf_add(e->to, e->s.p + e->done, begin - e->done) != ST_OK)
        return ST_SYS;
    if (e->to->n + by.n + (e->s.n - end) > UINT32_MAX)
        return fail(ST_DATA, "a text of more than 4 GiB once normalised; split it");
    struct change v = { (uint32_t)e->to->n, (uint32_t)(e->to->n + by.n), (uint32_t)begin,
                        (uint32_t)end };
    e->done = end;
    e->changed = true;
    return buf_add(e->to, by.p, by.n) == ST_OK ? buf_add(&e->c->list, &v, sizeof v) : ST_SYS;
}

enum st edit_end(struct edit *e, struct view *out)
{
    *out = e->s;
    if (!e->changed)
        return ST_OK;
    if (buf_add(e->to, e->s.p + e->done, e->s.n - e->done) != ST_OK)
        return ST_SYS;
    *out = (struct view){ e->to->p, e->to->n };
    return ST_OK;
}
