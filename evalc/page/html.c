/* html.c - escaping, once for each form that leaves. */
#include <math.h>

#include "html.h"

void put(struct html *h, const char *fmt, ...)
{
    char few[256];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(few, sizeof few, fmt, ap);
    va_end(ap);
    if (n < 0 || h->st != ST_OK)
        return;
    if (n < (int)sizeof few) {
        h->st = buf_add(&h->b, few, (size_t)n);
        return;
    }
    if ((h->st = buf_room(&h->b, (size_t)n + 1)) != ST_OK)
        return;
    va_start(ap, fmt);
    vsnprintf(h->b.p + h->b.n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    h->b.n += (size_t)n;
}

static void add(struct html *h, const char *p, size_t n)
{
    if (h->st == ST_OK)
        h->st = buf_add(&h->b, p, n);
}

/* Bytes of the UTF-8 character at p; 0: it is none. */
static size_t character(const unsigned char *p, size_t n)
{
    size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

    if (len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (len == 3 && ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f))) ||
               (len == 4 && ((*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))) ||
               (len == 3 && *p == 0xef && p[1] == 0xbf && p[2] >= 0xbe) ||
               (len == 2 && *p == 0xc2 && p[1] < 0xa0);
    return bad ? 0 : len;
}

/* Character by character: what `instead` names, a '?' for what cannot be shown, or itself. */
static void escaped(struct html *h, struct view s, const char *(*instead)(char c))
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = character((const unsigned char *)s.p + i, s.n - i);
        const char *other = len == 1 ? instead((char)c) : NULL;
        if (len == 0 || (len == 1 && (c < ' ' || c == 0x7f) && c != '\n'))
            other = c == '\t' ? " " : "?";
        if (other)
            add(h, other, strlen(other));
        else
            add(h, s.p + i, len);
        i += MAX(len, 1);
    }
}

static const char *of_html(char c)
{
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" :
           c == '\'' ? "&#39;" : NULL;
}

static const char *of_latex(char c)
{
    static const char *const special[][2] = {
        { "\\", "\\textbackslash{}" }, { "{", "\\{" }, { "}", "\\}" }, { "$", "\\$" },
        { "&", "\\&" }, { "#", "\\#" }, { "_", "\\_" }, { "%", "\\%" },
        { "~", "\\textasciitilde{}" }, { "^", "\\textasciicircum{}" }, { "\n", " " },
        { "<", "\\textless{}" }, { ">", "\\textgreater{}" }, { "|", "\\textbar{}" },
    };

    for (int64_t i = 0; i < countof(special); i++)
        if (c == *special[i][0])
            return special[i][1];
    return NULL;
}

static const char *of_csv(char c)
{
    return c == '"' ? "\"\"" : NULL;
}

void put_text(struct html *h, struct view s) { escaped(h, s, of_html); }
void put_latex(struct html *h, struct view s) { escaped(h, s, of_latex); }

void put_csv(struct html *h, struct view s)
{
    bool quoted = false;

    for (size_t i = 0; i < s.n; i++)
        quoted = quoted || strchr("\",\n\r", s.p[i]);
    if (quoted)
        put(h, "\"");
    escaped(h, s, of_csv);
    if (quoted)
        put(h, "\"");
}

void put_real(struct html *h, double v, int digits, bool sign)
{
    char text[64];

    if (!isfinite(v)) {
        put(h, "-");
        return;
    }
    snprintf(text, sizeof text, sign ? "%+.*f" : "%.*f", digits, v);
    bool zero = strspn(text, "+-0.") == strlen(text);
    put(h, "%s", zero && strchr("+-", *text) ? text + 1 : text);
}

void put_count(struct html *h, double v)
{
    char text[64];

    if (!isfinite(v)) {
        put(h, "-");
        return;
    }
    int n = snprintf(text, sizeof text, "%.0f", v);
    for (int i = 0; i < n; i++)
        put(h, "%s%c", i > 0 && (n - i) % 3 == 0 && text[i - 1] != '-' && n > 4 ? "\u202f" : "",
            text[i]);
}
