/* rows.c - raw rows, one at a time, from a buffer that holds the row at hand and what was read
 * behind it.
 *
 * The end of a row is found first (a line end, or the bracket that closes an item of an array),
 * by a scan that knows strings and nothing else; then the row is parsed by itself.  So a broken
 * row costs that row only. */
#include "base/file.h"
#include "base/utf8.h"
#include "rows.h"

enum { READ_BYTES = 1 << 18 };

enum form { UNKNOWN, LINES, ARRAY, TEXT };

struct rows {
    struct input *in;
    const char   *path;
    enum form     form;
    struct buf    data;
    size_t        at;                          /* bytes of data used */
    bool          eof, lost, again;
    bool          begun, closed;               /* of an array: after '[', after ']' */
    int64_t       line, column;                /* of data.p[at], from 1 */
    struct view   row;                         /* the row read last */
    int64_t       row_line, row_column;
};

enum st rows_open(struct rows **out, const char *path, struct arena *a)
{
    struct rows *r = *out = ARENA_NEW(a, struct rows, 1);

    if (!r)
        return ST_SYS;
    r->path = path;
    r->line = r->column = 1;
    return input_open(&r->in, path, a);
}

void rows_close(struct rows *r)
{
    buf_free(&r->data);
    input_close(r->in);
}

/* More bytes behind those there; what was used is dropped first.  Offsets from r->at stay true. */
static enum st fill(struct rows *r)
{
    size_t got;

    if (r->at > 0) {
        memmove(r->data.p, r->data.p + r->at, r->data.n - r->at);
        r->data.n -= r->at;
        r->at = 0;
    }
    if (r->data.n > ROW_BYTES_MAX) {
        r->lost = true;
        err_place("%s:%lld", rows_name(r), (long long)r->line);
        return fail(ST_DATA, "a row of more than %d MiB; split it", ROW_BYTES_MAX >> 20);
    }
    size_t want = MAX((size_t)READ_BYTES, r->data.n);  /* so that a long row is few reads */
    if (buf_room(&r->data, want) != ST_OK)
        return ST_SYS;
    enum st st = input_read(r->in, r->data.p + r->data.n, want, &got);
    if (st != ST_OK)
        return st;
    r->data.n += got;
    r->eof = got == 0;
    return ST_OK;
}

/* Moves on over n bytes, counting lines. */
static void advance(struct rows *r, size_t n)
{
    const char *p = r->data.p + r->at, *end = p + n, *nl;

    r->at += n;
    while ((nl = memchr(p, '\n', (size_t)(end - p)))) {
        r->line++;
        r->column = 1;
        p = nl + 1;
    }
    r->column += end - p;
}

static void take(struct rows *r, size_t n)
{
    r->row = (struct view){ r->data.p + r->at, n };
    r->row_line = r->line;
    r->row_column = r->column;
    advance(r, n);
}

/* The scanner's own message, with the place that is known only now. */
static enum st broken(struct rows *r, size_t at)
{
    char what[300];

    snprintf(what, sizeof what, "%s", err_text());
    err_clear();
    rows_place(r, at);
    return fail(ST_DATA, "%s", what);
}

static enum st parse(struct rows *r, struct scan *row, struct arena *now)
{
    size_t at = 0;

    err_place(NULL);
    enum st st = scan_next(row, r->row, &at, now);
    if (st == ST_DATA)
        return broken(r, at);
    if (st != ST_OK)
        return st;
    while (at < r->row.n && strchr(" \t\r\n", r->row.p[at]))
        at++;
    if (at == r->row.n)
        return ST_OK;
    rows_place(r, at);
    return fail(ST_DATA, "the row goes on behind its value; write one row a line");
}

/* The next line that is not blank, without its line end. */
static enum st next_line(struct rows *r)
{
    enum st st;

    for (size_t seen = 0;;) {
        const char *p = r->data.p + r->at, *nl = NULL;
        size_t there = r->data.n - r->at;
        if (there > seen)
            nl = memchr(p + seen, '\n', there - seen);
        if (!nl && !r->eof) {
            seen = there;
            if ((st = fill(r)) != ST_OK)
                return st;
            continue;
        }
        size_t n = nl ? (size_t)(nl - p) : there, blank = 0;
        while (blank < n && strchr(" \t\r", p[blank]) && p[blank])
            blank++;
        if (blank < n) {
            take(r, n);
            if (nl)
                advance(r, 1);
            return ST_OK;
        }
        if (!nl)
            return ST_END;
        advance(r, n + 1);
        seen = 0;
    }
}

/* Over white space; *c is the byte that stands there, or -1 at the end. */
static enum st skip_space(struct rows *r, int *c)
{
    enum st st;

    for (;;) {
        size_t n = r->at;
        while (n < r->data.n &&
               (r->data.p[n] == ' ' || (r->data.p[n] >= '\t' && r->data.p[n] <= '\r')))
            n++;
        advance(r, n - r->at);
        *c = n < r->data.n ? (unsigned char)r->data.p[n] : -1;
        if (*c >= 0 || r->eof)
            return ST_OK;
        if ((st = fill(r)) != ST_OK)
            return st;
    }
}

/* Where the string that began at s, its quote, ends: behind the closing quote.  0: not in data. */
static size_t string_end(const struct buf *d, size_t s)
{
    const char *q;

    for (size_t i = s + 1; i < d->n && (q = memchr(d->p + i, '"', d->n - i));
         i = (size_t)(q - d->p) + 1) {
        size_t slashes = 0;
        while (q[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return (size_t)(q - d->p) + 1;
    }
    return 0;
}

/* The length of the value at r->at: up to the bracket that closes it, or for anything else to a
 * comma, bracket or space. */
static enum st value_length(struct rows *r, size_t *len)
{
    size_t i = 0;                              /* from r->at, which fill() moves */
    int depth = 0;
    enum st st;

    for (;;) {
        bool more = r->at + i >= r->data.n;
        if (!more) {
            char c = r->data.p[r->at + i];
            if (c == '"') {
                size_t end = string_end(&r->data, r->at + i);
                more = end == 0;
                if (!more)
                    i = end - r->at;
            } else if (c == '{' || c == '[') {
                depth++;
                i++;
            } else if ((c == '}' || c == ']') && depth > 0) {
                i++;
                if (--depth == 0)
                    break;
            } else if (depth == 0 && strchr(",]} \t\r\n", c) && c) {
                break;
            } else {
                i++;
            }
        }
        if (more && r->eof) {
            i = r->data.n - r->at;
            break;
        }
        if (more && (st = fill(r)) != ST_OK)
            return st;
    }
    *len = i;
    return ST_OK;
}

static enum st array_broken(struct rows *r, const char *what)
{
    r->lost = true;
    err_place("%s:%lld:%lld", rows_name(r), (long long)r->line, (long long)r->column);
    return fail(ST_DATA, "%s", what);
}

static enum st next_item(struct rows *r)
{
    size_t n;
    int c;
    enum st st = skip_space(r, &c);

    if (st != ST_OK)
        return st;
    if (!r->begun) {
        advance(r, 1);
        r->begun = true;
        st = skip_space(r, &c);
    } else if (!r->closed && c == ',') {
        advance(r, 1);
        if ((st = skip_space(r, &c)) == ST_OK && c == ']')
            return array_broken(r, "a comma before the end of the array");
    } else if (!r->closed && c >= 0 && c != ']') {
        return array_broken(r, "a comma or ] must stand here");
    }
    if (st != ST_OK)
        return st;
    if (!r->closed && c == ']') {
        advance(r, 1);
        r->closed = true;
        if ((st = skip_space(r, &c)) != ST_OK)
            return st;
    }
    if (r->closed)
        return c < 0 ? ST_END : array_broken(r, "something stands behind the array");
    if (c < 0)
        return array_broken(r, "the array is not closed; the file was cut");
    if ((st = value_length(r, &n)) != ST_OK)
        return st;
    if (n == 0)
        return array_broken(r, "a value must stand here");
    take(r, n);
    return ST_OK;
}

static bool ends_in(const char *name, size_t n, const char *end)
{
    size_t k = strlen(end);

    return n >= k && memcmp(name + n - k, end, k) == 0;
}

static enum st find_form(struct rows *r)
{
    size_t n = strlen(r->path);
    enum st st;
    int c;

    while (r->data.n < 3 && !r->eof)
        if ((st = fill(r)) != ST_OK)
            return st;
    if (r->data.n >= 3 && memcmp(r->data.p, "\xef\xbb\xbf", 3) == 0)
        r->at = 3;                             /* a byte order mark */
    n -= ends_in(r->path, n, ".gz") ? 3 : ends_in(r->path, n, ".zst") ? 4 : 0;
    if (ends_in(r->path, n, ".txt")) {
        r->form = TEXT;
        return ST_OK;
    }
    if ((st = skip_space(r, &c)) != ST_OK)
        return st;
    r->form = c == '{' ? LINES : c == '[' ? ARRAY : TEXT;
    return ST_OK;
}

static enum st text_row(struct rows *r, struct scan *row)
{
    struct view v = r->row;

    for (size_t i = 0; i < v.n;) {
        int len = (unsigned char)v.p[i] < 0x80 ? 1 : utf8_len(v.p + i, v.n - i);
        if (len == 0) {
            rows_place(r, i);
            return fail(ST_DATA, "the text is not UTF-8");
        }
        i += (size_t)len;
    }
    if (v.n && v.p[v.n - 1] == '\r')
        v.n--;
    *row = (struct scan){ .type = SCAN_TEXT, .text = v, .raw = v };
    return ST_OK;
}

enum st rows_next(struct rows *r, struct scan *row, struct arena *now)
{
    enum st st = r->form == UNKNOWN ? find_form(r) : ST_OK;

    if (st == ST_OK && !r->again)
        st = r->form == ARRAY ? next_item(r) : next_line(r);
    r->again = false;
    if (st != ST_OK)
        return st;
    return r->form == TEXT ? text_row(r, row) : parse(r, row, now);
}

void rows_again(struct rows *r)
{
    r->again = r->row.p != NULL;
}

bool rows_lost(const struct rows *r)
{
    return r->lost;
}

const char *rows_name(const struct rows *r)
{
    return input_name(r->in);
}

int64_t rows_line(const struct rows *r)
{
    return r->row_line;
}

void rows_place(const struct rows *r, size_t at)
{
    int64_t line = r->row_line, column = r->row_column;

    for (size_t i = 0; i < at && i < r->row.n; i++) {
        column++;
        if (r->row.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    err_place("%s:%lld:%lld", rows_name(r), (long long)line, (long long)column);
}
