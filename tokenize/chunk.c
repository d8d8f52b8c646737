/* chunk.c - where raw rows end: a line end, or the bracket that closes an item of an array.
 *
 * One pass at the speed of memchr.  It finds the end of a broken row too, so such a row costs that
 * row only. */
#include "base/file.h"
#include "chunk.h"

enum { READ_BYTES = 64 << 10 };

struct chunker {
    struct input *in;
    const char   *path;
    enum chunk_form form;
    struct chunk *to;                          /* being filled */
    size_t        at;                          /* bytes of its data used */
    bool          eof, begun, closed;          /* of an array: after '[', after ']' */
    int64_t       line, column;                /* of the byte at `at`, from 1 */
    struct buf    rest;                        /* read, and behind the last chunk's rows */
    struct chunk  first;
    bool          looked;                      /* first is there, and was not handed out */
};

enum st chunk_open(struct chunker **out, const char *path, struct arena *a)
{
    struct chunker *c = *out = ARENA_NEW(a, struct chunker, 1);

    if (!c)
        return ST_SYS;
    c->path = path;
    c->line = c->column = 1;
    return input_open(&c->in, path, a);
}

void chunk_free(struct chunk *c)
{
    buf_free(&c->data);
    buf_free(&c->rows);
}

void chunk_close(struct chunker *c)
{
    chunk_free(&c->first);
    buf_free(&c->rest);
    input_close(c->in);
}

const char *chunk_name(const struct chunker *c)
{
    return input_name(c->in);
}

static enum st too_long(const struct chunker *c)
{
    err_place("%s:%lld", chunk_name(c), (long long)c->line);
    return fail(ST_DATA, "a row of more than %d MiB; split it", ROW_BYTES_MAX >> 20);
}

/* More bytes behind those there, which may move. */
static enum st fill(struct chunker *c)
{
    struct buf *d = &c->to->data;
    size_t row = d->n - c->at, got;            /* a row that is long, few reads */
    size_t want = MAX(MAX(row, (size_t)READ_BYTES), CHUNK_BYTES - MIN(d->n, (size_t)CHUNK_BYTES));

    if (row > ROW_BYTES_MAX)
        return too_long(c);
    if (buf_room(d, want) != ST_OK)
        return ST_SYS;
    enum st st = input_read(c->in, d->p + d->n, want, &got);
    if (st != ST_OK)
        return st;
    d->n += got;
    c->eof = got == 0;
    return ST_OK;
}

/* Moves on over n bytes, counting lines. */
static void advance(struct chunker *c, size_t n)
{
    const char *p = c->to->data.p + c->at, *end = p + n, *nl;

    c->at += n;
    while (p < end && (nl = memchr(p, '\n', (size_t)(end - p)))) {
        c->line++;
        c->column = 1;
        p = nl + 1;
    }
    c->column += end - p;
}

/* The next n bytes are a row. */
static enum st take(struct chunker *c, size_t n)
{
    struct raw_row row = { c->at, n, c->line, c->column };

    if (n > ROW_BYTES_MAX)
        return too_long(c);
    if (buf_add(&c->to->rows, &row, sizeof row) != ST_OK)
        return ST_SYS;
    c->to->n++;
    return ST_OK;
}

/* The next line that is not blank, without its line end. */
static enum st next_line(struct chunker *c)
{
    enum st st;

    for (size_t seen = 0;;) {
        const char *p = c->to->data.p + c->at, *nl = NULL;
        size_t there = c->to->data.n - c->at;
        if (there > seen)
            nl = memchr(p + seen, '\n', there - seen);
        if (!nl && !c->eof) {
            seen = there;
            if ((st = fill(c)) != ST_OK)
                return st;
            continue;
        }
        size_t n = nl ? (size_t)(nl - p) : there, blank = 0;
        while (blank < n && (p[blank] == ' ' || p[blank] == '\t' || p[blank] == '\r'))
            blank++;
        st = blank < n ? take(c, n) : nl ? ST_OK : ST_END;
        c->at += n + (nl != NULL);
        c->line += nl != NULL;
        if (blank < n || !nl)
            return st;
        seen = 0;
    }
}

/* Over white space; *byte is the one that stands there, or -1 at the end. */
static enum st skip_space(struct chunker *c, int *byte)
{
    const struct buf *d = &c->to->data;
    enum st st;

    for (;;) {
        size_t n = c->at;
        while (n < d->n && (d->p[n] == ' ' || (d->p[n] >= '\t' && d->p[n] <= '\r')))
            n++;
        advance(c, n - c->at);
        *byte = n < d->n ? (unsigned char)d->p[n] : -1;
        if (*byte >= 0 || c->eof)
            return ST_OK;
        if ((st = fill(c)) != ST_OK)
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

/* The length of the value at `at`: up to the bracket that closes it, or for anything else to a
 * comma, bracket or space. */
static enum st value_length(struct chunker *c, size_t *len)
{
    const struct buf *d = &c->to->data;
    size_t i = c->at;
    int depth = 0;
    enum st st;

    for (;;) {
        bool more = i >= d->n;
        if (!more && d->p[i] == '"') {
            size_t end = string_end(d, i);
            more = end == 0;
            i = more ? i : end;
        } else if (!more) {
            char b = d->p[i];
            if (b == '{' || b == '[')
                depth++;
            else if (depth && (b == '}' || b == ']'))
                depth--;
            else if (depth == 0 && b && strchr(",]} \t\r\n", b))
                break;
            i++;
            if (depth == 0 && (b == '}' || b == ']'))
                break;
        }
        if (more && c->eof) {
            i = d->n;
            break;
        }
        if (more && (st = fill(c)) != ST_OK)
            return st;
    }
    *len = i - c->at;
    return ST_OK;
}

static enum st broken(const struct chunker *c, const char *what)
{
    err_place("%s:%lld:%lld", chunk_name(c), (long long)c->line, (long long)c->column);
    return fail(ST_DATA, "%s", what);
}

static enum st next_item(struct chunker *c)
{
    size_t n;
    int b;
    enum st st = skip_space(c, &b);

    if (st != ST_OK)
        return st;
    if (!c->begun) {
        advance(c, 1);
        c->begun = true;
        st = skip_space(c, &b);
    } else if (!c->closed && b == ',') {
        advance(c, 1);
        if ((st = skip_space(c, &b)) == ST_OK && b == ']')
            return broken(c, "a comma before the end of the array");
    } else if (!c->closed && b >= 0 && b != ']') {
        return broken(c, "a comma or ] must stand here");
    }
    if (st != ST_OK)
        return st;
    if (!c->closed && b == ']') {
        advance(c, 1);
        c->closed = true;
        if ((st = skip_space(c, &b)) != ST_OK)
            return st;
    }
    if (c->closed)
        return b < 0 ? ST_END : broken(c, "something stands behind the array");
    if (b < 0)
        return broken(c, "the array is not closed; the file was cut");
    if ((st = value_length(c, &n)) != ST_OK)
        return st;
    if (n == 0)
        return broken(c, "a value must stand here");
    st = take(c, n);
    advance(c, n);
    return st;
}

static bool ends_in(const char *name, size_t n, const char *end)
{
    size_t k = strlen(end);

    return n >= k && memcmp(name + n - k, end, k) == 0;
}

static enum st find_form(struct chunker *c)
{
    size_t n = strlen(c->path);
    enum st st;
    int b;

    while (c->to->data.n < 3 && !c->eof)
        if ((st = fill(c)) != ST_OK)
            return st;
    if (c->to->data.n >= 3 && memcmp(c->to->data.p, "\xef\xbb\xbf", 3) == 0)
        c->at = 3;                             /* a byte order mark */
    n -= ends_in(c->path, n, ".gz") ? 3 : ends_in(c->path, n, ".zst") ? 4 : 0;
    if (ends_in(c->path, n, ".txt")) {
        c->form = CHUNK_TEXT;
        return ST_OK;
    }
    if ((st = skip_space(c, &b)) != ST_OK)
        return st;
    c->form = b == '{' ? CHUNK_LINES : b == '[' ? CHUNK_ARRAY : CHUNK_TEXT;
    return ST_OK;
}

/* Rows until it is enough. */
static enum st cut(struct chunker *c)
{
    struct chunk *to = c->to;
    enum st st = buf_add(&to->data, c->rest.p, c->rest.n);

    if (st == ST_OK && c->form == CHUNK_UNKNOWN)
        st = find_form(c);
    to->form = c->form;
    while (st == ST_OK) {
        if (to->n == CHUNK_ROWS || (to->n && c->at >= CHUNK_BYTES))
            break;
        if (to->n && c->at == to->data.n && !c->eof && !input_ready(c->in))
            break;
        st = c->form == CHUNK_ARRAY ? next_item(c) : next_line(c);
    }
    c->rest.n = 0;
    return st == ST_OK ? buf_add(&c->rest, to->data.p + c->at, to->data.n - c->at) : st;
}

static void next(struct chunker *c, struct chunk *to)
{
    if (to->data.cap > 4 * CHUNK_BYTES)        /* it held a long row: that memory goes back */
        buf_free(&to->data);
    c->to = to;
    c->at = to->data.n = to->rows.n = 0;
    to->n = 0;
    to->name = chunk_name(c);
    err_apart(&to->said);
    to->then = cut(c);
    err_apart(NULL);
}

void chunk_next(struct chunker *c, struct chunk *to)
{
    if (!c->looked) {
        next(c, to);
        return;
    }
    struct chunk t = *to;                      /* its buffers for those of the first */
    *to = c->first;
    c->first = t;
    c->looked = false;
}

bool chunk_ready(const struct chunker *c)
{
    return c->looked || input_ready(c->in);
}

const struct chunk *chunk_first(struct chunker *c)
{
    if (!c->looked)
        next(c, &c->first);
    c->looked = true;
    return &c->first;
}
