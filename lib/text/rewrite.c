/* rewrite.c - Metaspace's marks and ByteLevel's alphabet. */
#include "base/utf8.h"
#include "text/rewrite.h"

/* Printable bytes of Latin-1 stand for themselves, the 68 others are U+0100 and up, in order:
 * 0..32, 127..160, 173. */
int32_t rewrite_letter(unsigned char c)
{
    if (c <= 32)
        return 256 + c;
    if (c < 127 || (c > 160 && c != 173))
        return c;
    return c == 173 ? 256 + 67 : 256 + 33 + (c - 127);
}

int rewrite_byte(int32_t c)
{
    if (c >= 256 && c < 256 + 68)
        return c < 256 + 33 ? c - 256 : c < 256 + 67 ? c - 256 - 33 + 127 : 173;
    return c > 32 && c < 256 && rewrite_letter((unsigned char)c) == c ? c : -1;
}

/* Letters that do not stand for themselves are two bytes long. */
bool rewrite_bytes(struct view s, char *out, size_t *n)
{
    char *to = out;

    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        if (c >= 0xc2 && c < 0xe0 && i + 1 < s.n && (s.p[i + 1] & 0xc0) == 0x80)
            c = rewrite_byte((c & 0x1f) << 6 | (s.p[++i] & 0x3f));
        else if (c <= 32 || c >= 127)
            c = -1;
        if (c < 0)
            return false;
        *to++ = (char)c;
    }
    *n = (size_t)(to - out);
    return true;
}

static bool begins(struct view s, struct view with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static enum st put_marks(const struct rewrite *r, struct edit *e, bool first)
{
    struct view s = e->s;
    bool front = r->front == REWRITE_ALWAYS || (r->front == REWRITE_FIRST && first);
    enum st st = ST_OK;

    if (front && s.n && s.p[0] != ' ' && !begins(s, r->mark))
        st = edit_put(e, 0, 0, r->mark);
    for (const char *p = s.p, *stop = s.p + s.n, *hit;
         st == ST_OK && (hit = memchr(p, ' ', (size_t)(stop - p))); p = hit + 1)
        st = edit_put(e, (size_t)(hit - s.p), (size_t)(hit - s.p) + 1, r->mark);
    return st;
}

static enum st put_alphabet(struct edit *e)
{
    enum st st = ST_OK;

    for (size_t i = 0; i < e->s.n && st == ST_OK; i++) {
        unsigned char c = (unsigned char)e->s.p[i];
        char by[4];
        if (c > 32 && c < 127)
            continue;
        size_t n = (size_t)utf8_put(by, (uint32_t)rewrite_letter(c));
        st = edit_put(e, i, i + 1, (struct view){ by, n });
    }
    return st;
}

enum st rewrite_edit(const struct rewrite *r, struct edit *e, bool first)
{
    switch (r->kind) {
    case REWRITE_NONE:
        return ST_OK;
    case REWRITE_SPACE:
        return e->s.n && e->s.p[0] != ' ' ? edit_put(e, 0, 0, VIEW(" ")) : ST_OK;
    case REWRITE_MARK:
        return put_marks(r, e, first);
    case REWRITE_ALPHABET:
        break;
    }
    return put_alphabet(e);
}
