/* jsort.c - a stable sort whose comparisons may fail: merges of ever longer runs. */
#include "chat/jvalue.h"

struct pair { struct jvalue key, value; };

static enum st merge(struct jrun *w, const struct pair *from, size_t low, size_t mid, size_t high,
                     bool reverse, struct pair *to)
{
    size_t i = low, k = mid;
    int order;
    enum st st;

    for (size_t n = low; n < high; n++) {
        bool right = i == mid;
        if (!right && k < high) {
            if ((st = jvalue_order(w, from[k].key, from[i].key, &order)) != ST_OK)
                return st;
            right = reverse ? order == 1 : order == -1;
        }
        to[n] = right ? from[k++] : from[i++];
    }
    return jrun_spend(w, (high - low) * 8);
}

enum st jsort(struct jrun *w, struct jvalue *v, struct jvalue *key, size_t n, bool reverse)
{
    struct pair *from = jrun_get(w, n * sizeof *from), *to = jrun_get(w, n * sizeof *to);
    enum st st;

    if (!from || !to)
        return ST_SYS;
    for (size_t i = 0; i < n; i++)
        from[i] = (struct pair){ key[i], v[i] };
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t i = 0; i < n; i += 2 * width)
            if ((st = merge(w, from, i, MIN(i + width, n), MIN(i + 2 * width, n), reverse, to)) !=
                ST_OK)
                return st;
        struct pair *other = from;
        from = to;
        to = other;
    }
    for (size_t i = 0; i < n; i++) {
        key[i] = from[i].key;
        v[i] = from[i].value;
    }
    return ST_OK;
}
