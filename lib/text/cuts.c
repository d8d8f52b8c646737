/* cuts.c - marks and words, scanned by hand. */
#include "text/cuts.h"
#include "text/unicode.h"

size_t cuts_marked(struct view mark, const char *p, size_t i, size_t n)
{
    bool after = n - i >= mark.n && memcmp(p + i, mark.p, mark.n) == 0;

    for (i += after ? mark.n : 1; i < n;) {
        const char *hit = memmem(p + i, n - i, mark.p, mark.n);
        if (!hit)
            return n;
        size_t at = (size_t)(hit - p);
        if (!after || at != i)
            return at;
        i = at + mark.n;
    }
    return n;
}

int64_t cuts_some(struct view mark, struct view text, size_t *at, uint32_t *bound, int64_t max)
{
    int64_t n = 0;

    for (bound[0] = (uint32_t)*at; *at < text.n && n < max; bound[++n] = (uint32_t)*at)
        *at = cuts_marked(mark, text.p, *at, text.n);
    return n;
}

static int word_kind(int32_t c)
{
    return unicode_word(c) ? 2 : unicode_class(c) == UNI_SPACE ? 0 : 1;
}

/* \w+|[^\w\s]+ in p[from, n). */
bool cuts_word(const char *p, size_t n, size_t from, size_t *begin, size_t *end)
{
    int len, kind = 0;

    for (; from < n && !(kind = word_kind(unicode_at(p + from, n - from, &len)));)
        from += (size_t)len;
    *begin = from;
    while (from < n && word_kind(unicode_at(p + from, n - from, &len)) == kind)
        from += (size_t)len;
    *end = from;
    return kind != 0;
}
