/* decode.c - tokens back to text, one at a time. */
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

struct state {
    struct buf held, made;                     /* not final yet; the token at work */
    int64_t    seen;                           /* tokens, or characters stripped */
};

struct decoder {
    const struct tokenizer *t;
    bool                    specials;
    int64_t                 n_out;             /* tokens that came out at the end */
    struct state            state[DECODE_STEPS_MAX];
};

/* ---- building ---- */

/* Whether one of the first n steps makes one text of the tokens. */
static bool is_fused(const struct decode *d, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (d->step[i].kind == DECODE_FUSE || d->step[i].kind == DECODE_BYTES)
            return true;
    return false;
}

enum st decode_add(struct decode *d, struct decode_step v, const char *name)
{
    if (d->n == DECODE_STEPS_MAX)
        return fail(ST_DATA, "more than %d decoders in a sequence", DECODE_STEPS_MAX);
    if (is_fused(d, d->n) && v.kind != DECODE_FUSE && v.kind != DECODE_STRIP)
        return fail(ST_DATA, "the decoder '%s' behind Fuse or ByteLevel is not supported", name);
    d->step[d->n++] = v;
    return ST_OK;
}

/* ---- the steps: each gives what it makes of a token to the next ---- */

static enum st push(struct decoder *d, int64_t i, struct view s, struct buf *out);

static bool is_at(struct view s, size_t i, struct view what)
{
    return s.n - i >= what.n && memcmp(s.p + i, what.p, what.n) == 0;
}

/* `from` in s replaced, as state->made. */
static enum st replaced(struct state *w, struct view s, struct view from, struct view to)
{
    size_t done = 0;

    w->made.n = 0;
    for (const char *hit; (hit = memmem(s.p + done, s.n - done, from.p, from.n));) {
        size_t at = (size_t)(hit - s.p);
        if (buf_add(&w->made, s.p + done, at - done) != ST_OK ||
            buf_add(&w->made, to.p, to.n) != ST_OK)
            return ST_SYS;
        done = at + from.n;
    }
    return buf_add(&w->made, s.p + done, s.n - done);
}

/* How many bytes at p begin a well-formed sequence that the end of the text cuts, or a broken one;
 * at least 1. */
static size_t part_of(const char *p, size_t n)
{
    char whole[4];
    unsigned char c = (unsigned char)p[0];
    size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2, k;

    if (c < 0xc2 || c > 0xf4)
        return 1;
    for (k = 1; k < MIN(n, need); k++) {       /* does any ending make it whole? */
        bool fits = false;
        memcpy(whole, p, k + 1);
        memset(whole + k + 1, 0x80, sizeof whole - k - 1);
        fits = utf8_len(whole, need) > 0;
        if (!fits && k + 1 < need) {
            memset(whole + k + 1, 0xbf, sizeof whole - k - 1);
            fits = utf8_len(whole, need) > 0;
        }
        if (!fits)
            break;
    }
    return k;
}

/* Bytes to text: what is no UTF-8 becomes U+FFFD, what may become UTF-8 is held. */
static enum st flush_bytes(struct decoder *d, int64_t i, bool end, struct buf *out)
{
    struct state *w = &d->state[i];
    const char *p = w->held.p;
    size_t n = w->held.n, at = 0, from = 0;
    enum st st = ST_OK;

    while (at < n && st == ST_OK) {
        size_t len = (size_t)utf8_len(p + at, n - at);
        if (len) {
            at += len;
            continue;
        }
        len = part_of(p + at, n - at);
        if (at + len == n && !end && (unsigned char)p[at] >= 0xc2 && (unsigned char)p[at] <= 0xf4)
            break;
        if (at > from)
            st = push(d, i + 1, (struct view){ p + from, at - from }, out);
        if (st == ST_OK)
            st = push(d, i + 1, VIEW("\xef\xbf\xbd"), out);
        from = at += len;
    }
    if (st == ST_OK && at > from)
        st = push(d, i + 1, (struct view){ p + from, at - from }, out);
    if (n > at)
        memmove(w->held.p, p + at, n - at);
    w->held.n = n - at;
    return st;
}

/* A run of byte tokens is text when all of it is UTF-8, else one U+FFFD a byte. */
static enum st flush_run(struct decoder *d, int64_t i, struct buf *out)
{
    struct state *w = &d->state[i];
    size_t n = w->held.n, at = 0;
    enum st st = ST_OK;

    while (at < n) {
        int len = utf8_len(w->held.p + at, n - at);
        if (!len)
            break;
        at += (size_t)len;
    }
    w->held.n = 0;
    if (n && at == n)
        return push(d, i + 1, (struct view){ w->held.p, n }, out);
    for (at = 0; at < n && st == ST_OK; at++)
        st = push(d, i + 1, VIEW("\xef\xbf\xbd"), out);
    return st;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum st push_fallback(struct decoder *d, int64_t i, struct view s, struct buf *out)
{
    if (s.n == 6 && memcmp(s.p, "<0x", 3) == 0 && s.p[5] == '>' && hex(s.p[3]) >= 0 &&
        hex(s.p[4]) >= 0) {
        char byte = (char)(hex(s.p[3]) << 4 | hex(s.p[4]));
        return buf_add(&d->state[i].held, &byte, 1);
    }
    enum st st = flush_run(d, i, out);
    return st == ST_OK ? push(d, i + 1, s, out) : st;
}

static enum st push_bytes(struct decoder *d, int64_t i, struct view s, struct buf *out)
{
    struct state *w = &d->state[i];
    size_t n;

    if (buf_room(&w->held, s.n + 1) != ST_OK)
        return ST_SYS;
    if (!rewrite_bytes(s, w->held.p + w->held.n, &n)) {
        memcpy(w->held.p + w->held.n, s.p, s.n);
        n = s.n;
    }
    w->held.n += n;
    return flush_bytes(d, i, false, out);
}

static enum st push_strip(struct decoder *d, int64_t i, struct view s, struct buf *out)
{
    const struct decode_step *v = &d->t->decode.step[i];
    struct state *w = &d->state[i];

    if (!is_fused(&d->t->decode, i))
        w->seen = 0;
    while (w->seen < v->n && is_at(s, 0, v->from)) {
        s = (struct view){ s.p + v->from.n, s.n - v->from.n };
        w->seen++;
    }
    if (s.n)
        w->seen = v->n;
    return push(d, i + 1, s, out);
}

static enum st push_mark(struct decoder *d, int64_t i, struct view s, struct buf *out)
{
    const struct decode_step *v = &d->t->decode.step[i];
    struct state *w = &d->state[i];

    if (replaced(w, s, v->from, w->seen++ == 0 && v->front ? VIEW("") : VIEW(" ")) != ST_OK)
        return ST_SYS;
    return push(d, i + 1, (struct view){ w->made.p, w->made.n }, out);
}

/* The last token is known as such at the end, so each waits for the next. */
static enum st push_suffix(struct decoder *d, int64_t i, const struct view *s, struct buf *out)
{
    const struct decode_step *v = &d->t->decode.step[i];
    struct state *w = &d->state[i];
    struct view held = { w->held.p, w->held.n };
    enum st st = ST_OK;

    if (w->seen > 0) {
        if (replaced(w, held, v->from, s ? VIEW(" ") : VIEW("")) != ST_OK)
            return ST_SYS;
        st = push(d, i + 1, (struct view){ w->made.p, w->made.n }, out);
    }
    w->held.n = 0;
    w->seen++;
    return st == ST_OK && s ? buf_add(&w->held, s->p, s->n) : st;
}

static enum st push(struct decoder *d, int64_t i, struct view s, struct buf *out)
{
    const struct decode *v = &d->t->decode;
    struct state *w = &d->state[i];

    if (i == v->n) {
        if (v->spaced && d->n_out++ > 0 && buf_add(out, " ", 1) != ST_OK)
            return ST_SYS;
        return buf_add(out, s.p, s.n);
    }
    switch (v->step[i].kind) {
    case DECODE_BYTES:    return push_bytes(d, i, s, out);
    case DECODE_FALLBACK: return push_fallback(d, i, s, out);
    case DECODE_MARK:     return push_mark(d, i, s, out);
    case DECODE_STRIP:    return push_strip(d, i, s, out);
    case DECODE_SUFFIX:   return push_suffix(d, i, &s, out);
    case DECODE_FUSE:     return push(d, i + 1, s, out);
    case DECODE_REPLACE:  break;
    }
    if (replaced(w, s, v->step[i].from, v->step[i].to) != ST_OK)
        return ST_SYS;
    return push(d, i + 1, (struct view){ w->made.p, w->made.n }, out);
}

/* ---- the decoder ---- */

struct decoder *decoder_new(const struct tokenizer *t, bool specials, struct arena *a)
{
    struct decoder *d = ARENA_NEW(a, struct decoder, 1);

    if (d)
        *d = (struct decoder){ .t = t, .specials = specials };
    return d;
}

void decoder_free(struct decoder *d)
{
    for (int i = 0; i < DECODE_STEPS_MAX; i++) {
        buf_free(&d->state[i].held);
        buf_free(&d->state[i].made);
    }
}

enum st decoder_put(struct decoder *d, uint32_t id, struct buf *out)
{
    const struct tokenizer *t = d->t;
    const struct added *v = tokenizer_added(t, id);
    struct view s = v ? v->sought : bpe_bytes(t->bpe, id);   /* as the library has it */

    if (!s.p || (v && v->special && !d->specials))
        return ST_OK;
    if (v || !t->decode.alphabet)
        return push(d, 0, s, out);
    if (buf_add(&d->state[0].held, s.p, s.n) != ST_OK) /* bytes already */
        return ST_SYS;
    return flush_bytes(d, 0, false, out);
}

enum st decoder_end(struct decoder *d, struct buf *out)
{
    enum st st = ST_OK;

    for (int64_t i = 0; i < d->t->decode.n && st == ST_OK; i++) {
        switch (d->t->decode.step[i].kind) {
        case DECODE_BYTES:    st = flush_bytes(d, i, true, out); break;
        case DECODE_FALLBACK: st = flush_run(d, i, out); break;
        case DECODE_SUFFIX:   st = push_suffix(d, i, NULL, out); break;
        default:              break;
        }
        d->state[i].held.n = 0;
        d->state[i].seen = 0;
    }
    d->n_out = 0;
    return st;
}

enum st tokenizer_decode(const struct tokenizer *t, const uint32_t *id, int64_t n, bool specials,
                         struct buf *out)
{
    struct decoder d = { .t = t, .specials = specials };
    enum st st = ST_OK;

    for (int64_t i = 0; i < n && st == ST_OK; i++)
        st = decoder_put(&d, id[i], out);
    if (st == ST_OK)
        st = decoder_end(&d, out);
    decoder_free(&d);
    return st;
}
