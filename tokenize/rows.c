/* rows.c - raw rows parsed, each by itself. */
#include "base/utf8.h"
#include "rows.h"

void rows_start(struct rows *r, const struct chunk *c)
{
    *r = (struct rows){ .chunk = c };
}

void rows_place(const struct rows *r, size_t at)
{
    int64_t line = r->line, column = r->column;

    for (size_t i = 0; i < at && i < r->row.n; i++) {
        column++;
        if (r->row.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    err_place("%s:%lld:%lld", r->chunk->name, (long long)line, (long long)column);
}

/* The scanner's own message, with the place that is known only now. */
static enum st broken(const struct rows *r, size_t at)
{
    char what[300];

    snprintf(what, sizeof what, "%s", err_text());
    err_clear();
    rows_place(r, at);
    return fail(ST_DATA, "%s", what);
}

static enum st parse(const struct rows *r, struct scan *row, struct arena *now)
{
    size_t at = 0;

    err_place(NULL);
    enum st st = scan_next(row, r->row, &at, now);
    if (st == ST_DATA)
        return broken(r, at);
    if (st != ST_OK)
        return st;
    while (at < r->row.n && r->row.p[at] && strchr(" \t\r\n", r->row.p[at]))
        at++;
    if (at == r->row.n)
        return ST_OK;
    rows_place(r, at);
    return fail(ST_DATA, "the row goes on behind its value; write one row a line");
}

static enum st text_row(const struct rows *r, struct scan *row)
{
    struct view v = r->row;
    size_t good = utf8_prefix(v.p, v.n);

    if (good < v.n) {
        rows_place(r, good);
        return fail(ST_DATA, "the text is not UTF-8");
    }
    if (v.n && v.p[v.n - 1] == '\r')
        v.n--;
    *row = (struct scan){ .type = SCAN_TEXT, .text = v, .raw = v };
    return ST_OK;
}

enum st rows_next(struct rows *r, struct scan *row, struct arena *now)
{
    const struct raw_row *raw = (const struct raw_row *)r->chunk->rows.p + r->next;

    if (r->next == r->chunk->n)
        return ST_END;
    r->next++;
    r->row = (struct view){ r->chunk->data.p + raw->at, raw->n };
    r->line = raw->line;
    r->column = raw->column;
    return r->chunk->form == CHUNK_TEXT ? text_row(r, row) : parse(r, row, now);
}
