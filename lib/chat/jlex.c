/* jlex.c - the source of a template cut into tokens, white space taken out as trim_blocks and
 * lstrip_blocks do it.
 *
 * Text between tags is one token; `-` takes all white space on its side away, a block or comment
 * that is not preceded on its line takes the spaces before it and the line end behind it, `+` keeps
 * them.  Ends of tags are only seen where all parentheses are closed, as in Jinja. */
#include "base/utf8.h"
#include "chat/jnode.h"
#include "chat/jtext.h"
#include "text/unicode.h"

enum { CLOSERS_MAX = 200 };

struct lex {
    struct jread *r;
    struct view   s;
    size_t        at;
    bool          line_start;                  /* the last thing cut off ended in a line end */
    char          closer[CLOSERS_MAX];
    int           n_closers;
};

void jlex_place(const char *name, struct view source, size_t at, char *out, size_t size)
{
    int line = 1, column = 1;

    for (size_t i = 0; i < at && i < source.n; i++) {
        column += (source.p[i] & 0xc0) != 0x80;
        if (source.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    snprintf(out, size, "%s:%d:%d", name, line, column);
}

enum st jlex_fail(const struct jread *r, uint32_t at, const char *fmt, ...)
{
    char place[300], what[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    jlex_place(r->name, r->source, at, place, sizeof place);
    return fail(ST_DATA, "%s: %s", place, what);
}

static enum st put(struct lex *x, int kind, size_t at, size_t end)
{
    struct jtoken t = { kind, (uint32_t)at, { x->s.p + at, end - at } };

    return buf_add(&x->r->token, &t, sizeof t);
}

static bool is(const struct lex *x, size_t at, const char *text)
{
    size_t n = strlen(text);

    return x->s.n - at >= n && memcmp(x->s.p + at, text, n) == 0;
}

static size_t spaces(const struct lex *x, size_t at)
{
    return x->s.n - jtext_lstrip((struct view){ x->s.p + at, x->s.n - at }).n;
}

/* Where the end of a tag at `at` ends: `-` and all space behind it, `+`, or with trim a line end.
 * 0: none is here. */
static size_t tag_end(const struct lex *x, size_t at, const char *close, bool trim)
{
    if (is(x, at, "-") && is(x, at + 1, close))
        return spaces(x, at + 3);
    if (trim && is(x, at, "+") && is(x, at + 1, close))
        return at + 3;
    if (!is(x, at, close))
        return 0;
    return at + 2 + (trim && is(x, at + 2, "\n"));
}

static void passed(struct lex *x, size_t end)
{
    x->line_start = end > x->at && x->s.p[end - 1] == '\n';
    x->at = end;
}

/* The text [from, to) before a tag whose sign follows `to`. */
static enum st data(struct lex *x, size_t from, size_t to, char sign, bool block)
{
    struct view v = { x->s.p + from, to - from };

    if (sign == '-') {
        v = jtext_rstrip(v);
    } else if (block && sign != '+') {
        size_t line = v.n;
        while (line > 0 && v.p[line - 1] != '\n')
            line--;
        struct view rest = { v.p + line, v.n - line };
        if ((line > 0 || x->line_start) && rest.n && jtext_lstrip(rest).n == 0)
            v.n = line;
    }
    return v.n ? put(x, JT_DATA, from, from + v.n) : ST_OK;
}

static char sign_at(const struct lex *x, size_t at)
{
    return at < x->s.n && (x->s.p[at] == '-' || x->s.p[at] == '+') ? x->s.p[at] : 0;
}

/* `{% raw %}` at `at`: where it ends; 0: another tag.  end: of `{% endraw %}`. */
static size_t raw_tag(const struct lex *x, size_t at, const char *word, bool end)
{
    if (!is(x, at, "{%"))
        return 0;
    at += 2;
    at = spaces(x, at + (sign_at(x, at) != 0));
    if (!is(x, at, word))
        return 0;
    return tag_end(x, spaces(x, at + strlen(word)), "%}", end);
}

static enum st raw(struct lex *x, size_t begin, size_t from)
{
    size_t end = 0, at;

    passed(x, from);
    for (at = from; at < x->s.n && !(end = raw_tag(x, at, "endraw", true)); at++)
        ;
    if (!end)
        return jlex_fail(x->r, (uint32_t)begin, "a raw block is never closed");
    enum st st = data(x, from, at, sign_at(x, at + 2), true);
    passed(x, end);
    return st;
}

static enum st comment(struct lex *x, size_t begin)
{
    size_t end = 0;

    for (size_t at = x->at; at < x->s.n && !end; at++)
        end = tag_end(x, at, "#}", true);
    if (!end)
        return jlex_fail(x->r, (uint32_t)begin, "a comment is never closed");
    passed(x, end);
    return ST_OK;
}

static size_t digits(const struct lex *x, size_t at, const char *set)
{
    size_t from = at;

    while (at < x->s.n && ((x->s.p[at] && strchr(set, x->s.p[at])) ||
                           (x->s.p[at] == '_' && at > from && at + 1 < x->s.n && x->s.p[at + 1] &&
                            strchr(set, x->s.p[at + 1]))))
        at++;
    return at;
}

/* The number at x->at. */
static enum st number(struct lex *x)
{
    static const char dec[] = "0123456789";
    size_t at = x->at, end = digits(x, at, dec), tail = end, e;
    bool real = false;
    char mark = at + 1 < x->s.n ? x->s.p[at + 1] | 0x20 : 0;

    if (!(at > 0 && x->s.p[at - 1] == '.')) {
        if (tail < x->s.n && x->s.p[tail] == '.' && (e = digits(x, tail + 1, dec)) > tail + 1) {
            tail = e;
            real = true;
        }
        if (tail < x->s.n && (x->s.p[tail] | 0x20) == 'e') {
            size_t from = tail + 1 + (sign_at(x, tail + 1) != 0);
            if ((e = digits(x, from, dec)) > from) {
                tail = e;
                real = true;
            }
        }
    }
    if (real) {
        end = tail;
    } else if (x->s.p[at] == '0') {
        const char *set = mark == 'x' ? "0123456789abcdefABCDEF" : mark == 'o' ? "01234567"
                        : mark == 'b' ? "01" : NULL;
        size_t from = at + 2;
        if (set && from < x->s.n && x->s.p[from] == '_')
            from++;
        if (set && (e = digits(x, from, set)) > from)
            end = e;
        else
            end = digits(x, at, "0");
    }
    enum st st = put(x, real ? JT_FLOAT : JT_INT, at, end);
    passed(x, end);
    return st;
}

static bool name_char(struct view s, size_t at, bool first, int *len)
{
    unsigned char c = (unsigned char)s.p[at];

    *len = 1;
    if (c < 0x80)
        return (unsigned)((c | 0x20) - 'a') < 26 || c == '_' ||
               (!first && (unsigned)(c - '0') < 10);
    return unicode_word(unicode_at(s.p + at, s.n - at, len));
}

static enum st text(struct lex *x)
{
    char quote = x->s.p[x->at];
    size_t at = x->at + 1;

    while (at < x->s.n && x->s.p[at] != quote)
        at += 1 + (x->s.p[at] == '\\');
    if (at >= x->s.n)
        return jlex_fail(x->r, (uint32_t)x->at, "a string is never closed");
    enum st st = put(x, JT_TEXT, x->at, at + 1);
    passed(x, at + 1);
    return st;
}

static enum st operator(struct lex *x)
{
    static const char two[][3] = { "**", "//", "==", "!=", ">=", "<=" };
    static const char kind[] = { JT_POW, JT_FLOOR, JT_EQ, JT_NE, JT_GE, JT_LE };
    char c = x->s.p[x->at];

    for (int i = 0; i < countof(two); i++)
        if (is(x, x->at, two[i])) {
            enum st st = put(x, kind[i], x->at, x->at + 2);
            passed(x, x->at + 2);
            return st;
        }
    if (!c || !strchr("+-/*%~[](){}><=.:|,;", c)) {
        int len;
        unicode_at(x->s.p + x->at, x->s.n - x->at, &len);
        return jlex_fail(x->r, (uint32_t)x->at, "'%s' has no meaning here",
                         shown((struct view){ x->s.p + x->at, (size_t)len }));
    }
    const char *open = strchr("{}()[]", c);
    if (open && (c == '{' || c == '(' || c == '[')) {
        if (x->n_closers == CLOSERS_MAX)
            return jlex_fail(x->r, (uint32_t)x->at, "nested too deeply");
        x->closer[x->n_closers++] = open[1];
    } else if (open && (x->n_closers == 0 || x->closer[--x->n_closers] != c)) {
        return jlex_fail(x->r, (uint32_t)x->at, "'%c' closes nothing that is open", c);
    }
    enum st st = put(x, c, x->at, x->at + 1);
    passed(x, x->at + 1);
    return st;
}

/* What stands within a tag, up to and with its end. */
static enum st tag(struct lex *x, size_t begin, bool block)
{
    const char *close = block ? "%}" : "}}";
    enum st st = ST_OK;
    size_t end;
    int len;

    x->n_closers = 0;
    while (st == ST_OK && x->at < x->s.n) {
        unsigned char c = (unsigned char)x->s.p[x->at];
        if (x->n_closers == 0 && (end = tag_end(x, x->at, close, block))) {
            st = put(x, block ? JT_BLOCK_END : JT_VAR_END, x->at, x->at);
            passed(x, end);
            return st;
        }
        if ((end = spaces(x, x->at)) > x->at) {
            passed(x, end);
        } else if ((unsigned)(c - '0') < 10) {
            st = number(x);
        } else if (c == '"' || c == '\'') {
            st = text(x);
        } else if (name_char(x->s, x->at, true, &len)) {
            for (end = x->at; end < x->s.n && name_char(x->s, end, end == x->at, &len);)
                end += (size_t)len;
            st = put(x, JT_NAME, x->at, end);
            passed(x, end);
        } else {
            st = operator(x);
        }
    }
    return st == ST_OK ? jlex_fail(x->r, (uint32_t)begin, "a tag is never closed") : st;
}

/* The next place of `{%`, `{{` or `{#`; the source's end where there is none. */
static size_t next_tag(const struct lex *x)
{
    const char *p = x->s.p + x->at, *end = x->s.p + x->s.n;

    while (p < end && (p = memchr(p, '{', (size_t)(end - p)))) {
        if (p + 1 < end && (p[1] == '%' || p[1] == '{' || p[1] == '#'))
            return (size_t)(p - x->s.p);
        p++;
    }
    return x->s.n;
}

enum st jlex(struct jread *r)
{
    struct lex x = { .r = r, .s = r->source, .line_start = true };
    enum st st = ST_OK;

    while (st == ST_OK && x.at < x.s.n) {
        size_t from = x.at, begin = next_tag(&x);
        if (begin == x.s.n) {
            st = put(&x, JT_DATA, from, begin);
            break;
        }
        char sign = sign_at(&x, begin + 2), mark = x.s.p[begin + 1];
        if ((st = data(&x, from, begin, sign, mark != '{')) != ST_OK)
            break;
        size_t end = raw_tag(&x, begin, "raw", false);
        passed(&x, begin + 2 + (sign != 0));
        if (end)
            st = raw(&x, begin, end);
        else if (mark == '#')
            st = comment(&x, begin);
        else if ((st = put(&x, mark == '%' ? JT_BLOCK_BEGIN : JT_VAR_BEGIN, begin, x.at)) == ST_OK)
            st = tag(&x, begin, mark == '%');
    }
    return st == ST_OK ? put(&x, JT_END, x.s.n, x.s.n) : st;
}
