/* items.c - a record per row. */
#include "items.h"

#define KEY_FIGURES 3                          /* src, id, row */

enum st items_open(struct items *v, const char *name, const struct header *h, struct arena *a)
{
    return out_open(&v->out, name, h, OUT_AUTO, a);
}

void items_row(struct items *v, struct view src, uint64_t id, int64_t row, struct arena *a)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(id >> (56 - 8 * i));
    v->f = figures_in(a);
    figures_text(&v->f, "src", src);
    figures_bin(&v->f, "id", bytes, sizeof bytes);
    figures_int(&v->f, "row", row);
}

enum st items_put(struct items *v)
{
    enum st st;

    if (v->f.n <= KEY_FIGURES)
        return ST_OK;
    v->bytes.n = 0;
    if ((st = figures_write(&v->bytes, &v->f)) != ST_OK)
        return st;
    return out_put(v->out, v->bytes.p, v->bytes.n, 0);
}

enum st items_close(struct items *v, enum st st)
{
    if (v->out)
        st = out_close(v->out, st, (struct view){ 0 });
    v->out = NULL;
    buf_free(&v->bytes);
    return st;
}
