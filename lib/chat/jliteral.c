/* jliteral.c - strings and numbers as Python writes them in a source. */
#include <errno.h>

#include "base/utf8.h"
#include "chat/jnode.h"
#include "text/unicode.h"

static int hex(char c)
{
    if ((unsigned)(c - '0') < 10)
        return c - '0';
    return (unsigned)((c | 0x20) - 'a') < 6 ? (c | 0x20) - 'a' + 10 : 99;
}

struct escape { const char *p; size_t n, used; char *out; };   /* behind the backslash */

/* Up to `most` digits of a base; -1: fewer than `least`. */
static int32_t number_at(struct escape *e, size_t at, int base, size_t least, size_t most)
{
    int64_t c = 0;
    size_t i = 0;

    for (; i < most && at + i < e->n && hex(e->p[at + i]) < base; i++)
        c = c * base + hex(e->p[at + i]);
    e->used = at + i;
    return i < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : (int32_t)c;
}

/* A backslash before a letter beyond ASCII stands before that letter's own escape: Jinja has the
 * text go through ASCII. */
static void escaped_letter(struct escape *e)
{
    char text[12];
    int len;
    int32_t c = unicode_at(e->p, e->n, &len);

    int n = snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x",
                     (unsigned)c);
    memcpy(e->out, text, (size_t)n);
    e->out += n;
    e->used = (size_t)len;
}

/* One escape; false: broken. */
static bool escape(struct escape *e)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = e->p[0];
    const char *at = c ? strchr(from, c) : NULL;
    int32_t code = 0;

    e->used = 1;
    if (c == '\n')
        return true;
    if (at) {
        *e->out++ = to[at - from];
        return true;
    }
    if ((unsigned char)c >= 0x80) {
        escaped_letter(e);
        return true;
    }
    if (c >= '0' && c <= '7')
        code = number_at(e, 0, 8, 1, 3);
    else if (c == 'x')
        code = number_at(e, 1, 16, 2, 2);
    else if (c == 'u')
        code = number_at(e, 1, 16, 4, 4);
    else if (c == 'U')
        code = number_at(e, 1, 16, 8, 8);
    else if (c == 'N')
        return false;
    else {
        *e->out++ = '\\';
        *e->out++ = c;
        return true;
    }
    if (code < 0)
        return false;
    e->out += utf8_put(e->out, (uint32_t)code);
    return true;
}

static enum st text(struct jread *r, const struct jtoken *t, struct jvalue *v)
{
    struct view s = { t->text.p + 1, t->text.n - 2 };
    const char *at = s.n ? memchr(s.p, '\\', s.n) : NULL;

    *v = jvalue_text(s.p, s.n);
    if (!at)
        return ST_OK;
    char *out = arena_get(r->a, s.n * 3 + 1);      /* "\" and two bytes of a letter become six */
    if (!out)
        return ST_SYS;
    struct escape e = { .out = out };
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] != '\\') {
            *e.out++ = s.p[i++];
            continue;
        }
        e.p = s.p + i + 1;
        e.n = s.n - i - 1;
        if (!escape(&e))
            return jlex_fail(r, (uint32_t)(t->at + 1 + i),
                             "an escape that is broken, or names no character by number");
        i += 1 + e.used;
    }
    *v = jvalue_text(out, (size_t)(e.out - out));
    return ST_OK;
}

enum st jliteral(struct jread *r, const struct jtoken *t, struct jvalue *v)
{
    char plain[64];
    size_t n = 0;

    if (t->kind == JT_TEXT)
        return text(r, t, v);
    for (size_t i = 0; i < t->text.n; i++)
        if (t->text.p[i] != '_') {
            if (n == sizeof plain - 1)
                return jlex_fail(r, t->at, "a number of too many digits");
            plain[n++] = t->text.p[i];
        }
    plain[n] = 0;
    if (t->kind == JT_FLOAT) {
        *v = jvalue_float(strtod(plain, NULL));
        return ST_OK;
    }
    char mark = n > 1 ? plain[1] | 0x20 : 0;
    int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    errno = 0;
    long long i = strtoll(base == 10 ? plain : plain + 2, NULL, base);
    if (errno == ERANGE)
        return jlex_fail(r, t->at, "an integer beyond 64 bits");
    *v = jvalue_int(i);
    return ST_OK;
}
