/* jformat.c - one number or text in its format, as Python writes it. */
#include <math.h>

#include "chat/jformat.h"
#include "chat/jtext.h"

/* Digits with a comma or underscore between each three, before a point or exponent. */
static void grouped(char *text, size_t size, char mark)
{
    char *p = text + (*text == '-' || *text == '+' || *text == ' ');
    size_t n = strspn(p, "0123456789");

    for (size_t k = n; k > 3; k -= 3) {
        size_t len = strlen(text) + 1;
        if (len + 1 > size)
            return;
        memmove(p + k - 2, p + k - 3, strlen(p + k - 3) + 1);
        p[k - 3] = mark;
    }
}

/* A number in its own text, sign and all. */
enum st jformat_number(struct jrun *w, const struct jspec *s, struct jvalue v,
                       char out[JFORMAT_BYTES])
{
    const size_t size = JFORMAT_BYTES;
    const char *sign = s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
    char type = s->type, text[32];
    int precision = s->precision;
    int64_t i = v.i;

    if (type && strchr("dxXobc", type)) {
        uint64_t m = i < 0 ? -(uint64_t)i : (uint64_t)i;
        const char *mark = !s->alternate ? "" : type == 'x' ? "0x" : type == 'X' ? "0X"
                         : type == 'o' ? "0o" : type == 'b' ? "0b" : "";
        char digits[70], *p = digits + sizeof digits;
        unsigned base = type == 'd' ? 10 : type == 'o' ? 8 : type == 'b' ? 2 : 16;
        *--p = 0;
        do
            *--p = (type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[m % base];
        while (m /= base);
        snprintf(out, size, "%s%s%s", i < 0 ? "-" : sign, mark, p);
    } else {
        double f = v.kind == J_FLOAT ? v.f : (double)i, shown = fabs(f);
        if (!isfinite(f)) {
            snprintf(out, size, "%s%s", signbit(f) && !isnan(f) ? "-" : sign,
                     isnan(f) ? "nan" : "inf");
            return ST_OK;
        }
        if (type == 0 && precision < 0) {
            jvalue_float_text(shown, text);
            snprintf(out, size, "%s%s", signbit(f) ? "-" : sign, text);
        } else {
            if (type == 0)
                return jrun_fail(w, "a precision without a type is not supported; write 'g'");
            char f_type = type == '%' ? 'f' : type;
            char how[12];
            snprintf(how, sizeof how, s->alternate ? "%%#.*%c" : "%%.*%c", f_type);
            int n = snprintf(out, size, "%s", signbit(f) ? "-" : sign);
            n += snprintf(out + n, size - (size_t)n, how, precision < 0 ? 6 : precision,
                          type == '%' ? shown * 100 : shown);
            if (type == '%')
                snprintf(out + n, size - (size_t)n, "%%");
        }
    }
    if (s->group)
        grouped(out, size, s->group);
    return ST_OK;
}

static enum st fill(struct buf *b, struct view s, int64_t n)
{
    enum st st = ST_OK;

    for (; n > 0 && st == ST_OK; n--)
        st = buf_add(b, s.p, s.n);
    return st;
}

/* The text in its width; '=' fills behind the sign. */
enum st jformat_put(struct jrun *w, const struct jspec *s, struct view text, struct buf *b)
{
    int64_t more = s->width - (int64_t)jtext_count(text);
    size_t sign = 0;
    enum st st = jrun_spend(w, text.n + (size_t)MAX(more, 0));

    if (s->align == '=') {
        sign = text.n && strchr("+- ", *text.p) != NULL;
        if (text.n >= sign + 2 && s->alternate && text.p[sign] == '0' && s->type &&
            strchr("xXob", s->type))
            sign += 2;
    }
    int64_t left = s->align == '<' ? 0 : s->align == '^' ? more / 2 : more;
    if (st != ST_OK || (st = buf_add(b, text.p, sign)) != ST_OK ||
        (st = fill(b, s->fill, left)) != ST_OK ||
        (st = buf_add(b, text.p + sign, text.n - sign)) != ST_OK)
        return st;
    return more > 0 ? fill(b, s->fill, more - left) : ST_OK;
}

enum st jformat_put_text(struct jrun *w, const struct jspec *s, struct view text,
                         struct buf *b)
{
    if (s->precision >= 0)
        text.n = jtext_byte(text, (size_t)s->precision);
    return jformat_put(w, s, text, b);
}

/* str() or repr() of the value, taken out of the text again. */
enum st jformat_told(struct jrun *w, struct jvalue v, bool repr, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st;

    if (!repr)
        return jvalue_as_text(w, v, out);
    return (st = jvalue_repr(w, v, b)) == ST_OK ? jrun_cut(w, b, n, out) : st;
}

int jformat_digits(struct view f, size_t *at)
{
    int n = 0;

    for (; *at < f.n && (unsigned)(f.p[*at] - '0') < 10; ++*at)
        n = MIN(n * 10 + (f.p[*at] - '0'), JFORMAT_WIDTH_MAX + 1);
    return n;
}
