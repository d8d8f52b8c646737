/* jnumber.c - filters that make numbers: int, float, round, abs. */
#include <errno.h>
#include <math.h>

#include "chat/jfunc.h"
#include "chat/jtext.h"

/* The text without white space around it and single _ between digits, 0-ended; false: too long,
 * or no number's text. */
static bool plain(struct jvalue v, char *out, size_t size)
{
    struct view s = jtext_strip(jvalue_view(v), (struct view){ 0 }, true, true);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        bool between = i > 0 && i + 1 < s.n && s.p[i - 1] != '_' && s.p[i + 1] != '_';
        if (s.p[i] == '_' && between)
            continue;
        if (n == size - 1 || s.p[i] == '_' || s.p[i] == 0)
            return false;
        out[n++] = s.p[i];
    }
    out[n] = 0;
    return n > 0;
}

/* As Python's int(text, base). */
static enum st int_of(struct jrun *w, struct jvalue v, int64_t base, int64_t *i, bool *good)
{
    char text[400], *p = text, *end;

    *good = false;
    if (!plain(v, text, sizeof text))
        return v.n >= sizeof text ? jrun_fail(w, "a number of too many digits") : ST_OK;
    bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    char mark = *p == '0' && p[1] ? p[1] | 0x20 : 0;
    int64_t marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked && (base == marked || base == 0)) {
        base = marked;
        p += 2;
    } else if (base == 0) {
        if (*p == '0' && strspn(p, "0") != strlen(p))
            return ST_OK;
        base = 10;
    }
    char first = *p | 0x20, second = *p ? p[1] | 0x20 : 0;
    if ((unsigned)(first - 'a') >= 26 && (unsigned)(*p - '0') >= 10)
        return ST_OK;
    if (*p == '0' && ((second == 'x' && base == 16) || (second == 'b' && base == 2)))
        return ST_OK;                          /* strtoll would take a second mark */
    char sign[402];
    snprintf(sign, sizeof sign, "%s%s", minus ? "-" : "", p);
    errno = 0;
    long long n = strtoll(sign, &end, (int)base);
    if (*end)
        return ST_OK;
    if (errno == ERANGE)
        return jrun_fail(w, "an integer beyond 64 bits");
    *i = n;
    *good = true;
    return ST_OK;
}

/* As Python's float(text). */
static bool float_of(struct jvalue v, double *f)
{
    static const char *const words[] = { "inf", "infinity", "nan" };
    char text[400], *p = text, *end;

    if (!plain(v, text, sizeof text))
        return false;
    p += *p == '-' || *p == '+';
    for (int k = 0; k < countof(words); k++)
        if (strcasecmp(p, words[k]) == 0) {
            *f = k == 2 ? NAN : *text == '-' ? -INFINITY : INFINITY;
            return true;
        }
    if (strspn(p, "0123456789.eE+-") != strlen(p) || *p == '+' || *p == '-')
        return false;
    *f = strtod(text, &end);
    return *end == 0 && end != text;
}

static enum st truncated(struct jrun *w, double f, struct jvalue *out)
{
    if (!(fabs(f) < 0x1p63))
        return jrun_fail(w, "an integer beyond 64 bits");
    *out = jvalue_int((int64_t)f);
    return ST_OK;
}

JFUNC(jfilter_int)
{
    int64_t base = 10, i = 0;
    double f;
    bool good;
    enum st st;

    if ((st = jcall_int(w, a->at[1], "base", &base)) != ST_OK)
        return st;
    *out = a->at[0].kind == J_MISSING ? jvalue_int(0) : a->at[0];
    if (jvalue_whole(self)) {
        *out = jvalue_int(self.i);
    } else if (self.kind == J_BIG) {
        *out = self;
    } else if (self.kind == J_FLOAT) {
        return isnan(self.f) ? ST_OK : truncated(w, self.f, out);
    } else if (self.kind == J_TEXT) {
        if (base != 0 && (base < 2 || base > 36))
            return ST_OK;
        if ((st = int_of(w, self, base, &i, &good)) != ST_OK)
            return st;
        if (good)
            *out = jvalue_int(i);
        else if (float_of(self, &f) && isfinite(f))
            return truncated(w, f, out);
    } else if (self.kind == J_UNDEFINED) {
        return jrun_fail(w, "'%s' is undefined, so it is no number",
                         self.n ? shown(jvalue_view(self)) : "value");
    }
    return ST_OK;
}

JFUNC(jfilter_float)
{
    double f;

    *out = a->at[0].kind == J_MISSING ? jvalue_float(0) : a->at[0];
    if (self.kind == J_FLOAT || jvalue_whole(self))
        *out = jvalue_float(self.kind == J_FLOAT ? self.f : (double)self.i);
    else if (self.kind == J_BIG)
        return jrun_fail(w, "an integer beyond 64 bits can be printed, not computed with");
    else if (self.kind == J_TEXT && float_of(self, &f))
        *out = jvalue_float(f);
    else if (self.kind == J_UNDEFINED)
        return jrun_fail(w, "'%s' is undefined, so it is no number",
                         self.n ? shown(jvalue_view(self)) : "value");
    return ST_OK;
}

JFUNC(jfilter_abs)
{
    (void)a;
    if (self.kind == J_FLOAT) {
        *out = jvalue_float(fabs(self.f));
        return ST_OK;
    }
    if (!jvalue_whole(self))
        return jrun_fail(w, "%s has no absolute value", jvalue_type(self));
    *out = jvalue_int(self.i);
    return self.i < 0 ? jop_negate(w, self, out) : ST_OK;
}

/* To the nearest of so many decimals, of two the even one, by the exact value of the double. */
static double rounded(double f, int64_t precision)
{
    char text[400];

    if (!isfinite(f) || precision > 22)
        return f;
    snprintf(text, sizeof text, "%.*f", (int)precision, f);
    return strtod(text, NULL);
}

JFUNC(jfilter_round)
{
    struct view method = VIEW("common");
    int64_t precision = 0;
    enum st st;

    if ((st = jcall_int(w, a->at[0], "precision", &precision)) != ST_OK ||
        (st = jcall_text(w, a->at[1], "method", &method)) != ST_OK)
        return st;
    if (!view_is(method, "common") && !view_is(method, "ceil") && !view_is(method, "floor"))
        return jrun_fail(w, "the method is 'common', 'ceil' or 'floor'");
    if (!jvalue_number(self))
        return jrun_fail(w, "%s cannot be rounded", jvalue_type(self));
    if (precision < 0)
        return jrun_fail(w, "a precision below 0 is not supported");
    if (view_is(method, "common")) {
        *out = self.kind == J_FLOAT ? jvalue_float(rounded(self.f, precision)) : jvalue_int(self.i);
        return ST_OK;
    }
    double ten = pow(10, (double)precision), f = self.kind == J_FLOAT ? self.f : (double)self.i;
    if (!isfinite(f * ten))
        return jrun_fail(w, "a float that is too large");
    f = view_is(method, "ceil") ? ceil(f * ten) : floor(f * ten);
    *out = jvalue_float((f == 0 ? 0 : f) / ten);       /* of integers: no -0 */
    return ST_OK;
}
