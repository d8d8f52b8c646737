/* extract.c - patterns by PCRE2, and how likely one of k samples is right. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "extract.h"

struct extract {
    pcre2_code       *code;
    pcre2_match_data *data;
    uint32_t          groups;
    bool              last;
};

enum st extract_new(struct extract **to, const char *rule, bool last, struct arena *a)
{
    static const struct { const char *name, *pattern; bool last; } known[] = {
        { "strict", "#### (\\-?[0-9\\.\\,]+)", false },
        { "flexible", "(-?[$0-9.,]{2,})|(-?[0-9]+)", true },
    };
    struct extract *x = ARENA_NEW(a, struct extract, 1);
    const char *pattern = rule;
    PCRE2_SIZE at;
    int error;

    if (!x)
        return ST_SYS;
    x->last = last;
    for (int64_t i = 0; i < countof(known); i++)
        if (strcmp(rule, known[i].name) == 0) {
            pattern = known[i].pattern;
            x->last = known[i].last;
        }
    x->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                            &error, &at, NULL);
    if (!x->code) {
        char why[200] = "";
        pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
        err_place("--match");
        return fail(ST_USAGE, "'%s': %s at %zu", shown(view_of(pattern)), why, (size_t)at);
    }
    *to = x;
    pcre2_jit_compile(x->code, PCRE2_JIT_COMPLETE);        /* else the interpreter does the work */
    pcre2_pattern_info(x->code, PCRE2_INFO_CAPTURECOUNT, &x->groups);
    x->data = pcre2_match_data_create_from_pattern(x->code, NULL);
    return x->data ? ST_OK : fail(ST_SYS, "no memory for a pattern");
}

void extract_free(struct extract *x)
{
    if (!x)
        return;
    pcre2_match_data_free(x->data);
    pcre2_code_free(x->code);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct view trimmed(struct view s)
{
    for (; s.n && is_space(*s.p); s.n--)
        s.p++;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* What counts of the match at hand.  False: there are several groups and none took anything. */
static bool taken(const struct extract *x, struct view text, struct view *found)
{
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(x->data);

    for (uint32_t g = x->groups ? 1 : 0; g <= x->groups; g++) {
        bool set = v[2 * g] != PCRE2_UNSET && v[2 * g + 1] > v[2 * g];
        *found = set ? (struct view){ text.p + v[2 * g], v[2 * g + 1] - v[2 * g] } : VIEW("");
        if (set || x->groups < 2)
            return true;
    }
    return false;
}

enum st extract_find(struct extract *x, struct view text, struct view *found)
{
    PCRE2_SIZE at = 0;
    bool any = false, valid = false;

    while (at <= text.n && (x->last || !any)) {
        int n = pcre2_match(x->code, (PCRE2_SPTR)text.p, text.n, at, 0, x->data, NULL);
        if (n == PCRE2_ERROR_NOMATCH)
            break;
        if (n < 0)
            return fail(ST_DATA, "its text cannot be searched: PCRE2 error %d; try a simpler "
                        "--match", n);
        const PCRE2_SIZE *v = pcre2_get_ovector_pointer(x->data);
        any = true;
        valid = taken(x, text, found);
        at = v[1];
        if (v[1] == v[0])                      /* nothing: go on behind the next character */
            for (at++; at < text.n && ((uint8_t)text.p[at] & 0xc0) == 0x80; at++)
                ;
    }
    if (!valid)
        return ST_END;
    *found = trimmed(*found);
    return ST_OK;
}

enum st extract_form(struct view s, struct view *form, struct arena *a)
{
    static const char mark[] = "#### ";
    const size_t n = sizeof mark - 1;
    char *p = arena_get(a, s.n + 1);

    if (!p)
        return ST_SYS;
    *form = (struct view){ p, 0 };
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ',' && s.p[i] != '$')
            p[form->n++] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    for (size_t i = form->n; i-- > 0;)
        if (form->n - i >= n && memcmp(p + i, mark, n) == 0) {
            *form = (struct view){ p + i + n, form->n - i - n };
            break;
        }
    if (form->n && form->p[form->n - 1] == '.')
        form->n--;
    return ST_OK;
}

double extract_pass(int64_t n, int64_t c, int64_t k)
{
    double none = 1;

    BUG_IF(k < 1 || k > n || c < 0 || c > n);
    if (n - c < k)
        return 1;
    for (int64_t i = n - c + 1; i <= n; i++)
        none *= 1 - (double)k / (double)i;
    return 1 - none;
}
