/* jop.c - arithmetic as Python does it, on 64 bits: what would pass them is an error. */
#include <math.h>

#include "chat/jnode.h"
#include "chat/jtext.h"

static enum st wrong(struct jrun *w, char op, struct jvalue a, struct jvalue b)
{
    char name[3] = { op, 0, 0 };
    struct jvalue u = a.kind == J_UNDEFINED ? a : b;

    if (op == JT_FLOOR || op == JT_POW)
        name[0] = name[1] = op == JT_FLOOR ? '/' : '*';
    if (u.kind == J_UNDEFINED)
        return jrun_fail(w, "'%s' is undefined; '%s' needs a value",
                         u.n ? shown(jvalue_view(u)) : "value", name);
    return jrun_fail(w, "'%s' does not go with %s and %s", name, jvalue_type(a), jvalue_type(b));
}

static enum st too_large(struct jrun *w)
{
    return jrun_fail(w, "an integer beyond 64 bits");
}

static enum st by_zero(struct jrun *w)
{
    return jrun_fail(w, "a division by zero");
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;

    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static enum st int_power(struct jrun *w, int64_t a, int64_t b, struct jvalue *out)
{
    int64_t r = 1;

    if (b < 0) {
        if (a == 0)
            return by_zero(w);
        *out = jvalue_float(pow((double)a, (double)b));
        return ST_OK;
    }
    while (b) {
        if (b & 1 && __builtin_mul_overflow(r, a, &r))
            return too_large(w);
        b >>= 1;
        if (b && __builtin_mul_overflow(a, a, &a))
            return too_large(w);
    }
    *out = jvalue_int(r);
    return ST_OK;
}

static enum st integers(struct jrun *w, char op, int64_t a, int64_t b, struct jvalue *out)
{
    int64_t r = 0;
    bool over = false;

    switch (op) {
    case '+': over = __builtin_add_overflow(a, b, &r); break;
    case '-': over = __builtin_sub_overflow(a, b, &r); break;
    case '*': over = __builtin_mul_overflow(a, b, &r); break;
    case JT_POW:
        return int_power(w, a, b, out);
    case '/': case JT_FLOOR: case '%':
        if (b == 0)
            return by_zero(w);
        if (op == '/') {
            *out = jvalue_float((double)((long double)a / (long double)b));
            return ST_OK;
        }
        over = b == -1 && a == INT64_MIN;
        if (!over)
            r = op == '%' ? a - b * floor_div(a, b) : floor_div(a, b);
        break;
    }
    *out = jvalue_int(r);
    return over ? too_large(w) : ST_OK;
}

/* Python's float // and %: the remainder has the sign of the divisor. */
static void float_divmod(double a, double b, double *q, double *r)
{
    *r = fmod(a, b);
    *q = (a - *r) / b;
    if (*r != 0) {
        if ((b < 0) != (*r < 0)) {
            *r += b;
            *q -= 1;
        }
    } else {
        *r = copysign(0, b);
    }
    if (*q != 0) {
        double whole = floor(*q);
        *q = *q - whole > 0.5 ? whole + 1 : whole;
    } else {
        *q = copysign(0, a / b);
    }
}

static enum st floats(struct jrun *w, char op, double a, double b, struct jvalue *out)
{
    double q, r;

    switch (op) {
    case '+': r = a + b; break;
    case '-': r = a - b; break;
    case '*': r = a * b; break;
    case JT_POW:
        if (a == 0 && b < 0)
            return by_zero(w);
        r = pow(a, b);
        if (isnan(r) && !isnan(a) && !isnan(b))
            return jrun_fail(w, "a power that is a complex number");
        if (isinf(r) && !isinf(a) && !isinf(b))
            return jrun_fail(w, "a float that is too large");
        break;
    default:
        if (b == 0)
            return by_zero(w);
        if (op == '/') {
            r = a / b;
            break;
        }
        float_divmod(a, b, &q, &r);
        r = op == '%' ? r : q;
        break;
    }
    *out = jvalue_float(r);
    return ST_OK;
}

static double as_float(struct jvalue v)
{
    return v.kind == J_FLOAT ? v.f : (double)v.i;
}

/* Either side of a sum of which one is Markup: that one as it is, other text escaped. */
static enum st escaped(struct jrun *w, struct jvalue v, struct jvalue *out)
{
    struct buf *b = jrun_text(w);
    size_t n = b->n;
    enum st st;

    *out = v;
    if (v.flag & J_SAFE)
        return ST_OK;
    if ((st = jtext_escape(jvalue_view(v), b)) != ST_OK)
        return st;
    return jrun_cut(w, b, n, out);
}

static enum st join(struct jrun *w, struct jvalue a, struct jvalue b, struct jvalue *out)
{
    enum st st;
    uint8_t safe = (a.flag | b.flag) & J_SAFE;

    if (safe && ((st = escaped(w, a, &a)) != ST_OK || (st = escaped(w, b, &b)) != ST_OK))
        return st;
    size_t n = (size_t)a.n + b.n;
    if (n > JRUN_TEXT_MAX)
        return jrun_fail(w, "a text of more than %d MiB", JRUN_TEXT_MAX >> 20);
    char *p = jrun_get(w, n);
    if (!p)
        return ST_SYS;
    memcpy(p, a.s, a.n);
    memcpy(p + a.n, b.s, b.n);
    *out = jvalue_text(p, n);
    out->flag = safe;
    return jrun_spend(w, n);
}

static enum st join_lists(struct jrun *w, struct jvalue a, struct jvalue b, struct jvalue *out)
{
    size_t n = (size_t)a.n + b.n;
    struct jvalue *at = n > UINT32_MAX / 2 ? NULL : jrun_get(w, n * sizeof *at);

    if (!at)
        return n > UINT32_MAX / 2 ? jrun_fail(w, "a list that is too long") : ST_SYS;
    for (size_t i = 0; i < n; i++)
        at[i] = i < a.n ? jvalue_item(a, i) : jvalue_item(b, i - a.n);
    *out = jvalue_of((enum jkind)a.kind, at, n);
    return jrun_spend(w, n * 16);
}

static enum st repeat(struct jrun *w, struct jvalue v, int64_t times, struct jvalue *out)
{
    size_t size = v.kind == J_TEXT ? 1 : sizeof(struct jvalue), bytes;

    times = MAX(times, 0);
    if (v.n == 0)
        times = 0;
    if (__builtin_mul_overflow((size_t)v.n * size, (size_t)times, &bytes) || bytes > JRUN_TEXT_MAX)
        return jrun_fail(w, "%s of more than %d MiB", jvalue_type(v), JRUN_TEXT_MAX >> 20);
    char *p = jrun_get(w, bytes);
    if (!p)
        return ST_SYS;
    for (int64_t k = 0; k < times; k++) {
        if (v.kind == J_TEXT)
            memcpy(p + (size_t)k * v.n, v.s, v.n);
        else
            for (size_t i = 0; i < v.n; i++)
                ((struct jvalue *)(void *)p)[(size_t)k * v.n + i] = jvalue_item(v, i);
    }
    *out = jvalue_of((enum jkind)v.kind, p, (size_t)v.n * (size_t)times);
    out->flag = v.flag & J_SAFE;
    return jrun_spend(w, bytes);
}

static bool repeatable(struct jvalue v)
{
    return v.kind == J_TEXT || jvalue_list(v);
}

enum st jop_binary(struct jrun *w, char op, struct jvalue a, struct jvalue b, struct jvalue *out)
{
    if (a.kind == J_TEXT && b.kind == J_TEXT && op == '+')
        return join(w, a, b, out);
    if (jvalue_whole(a) && jvalue_whole(b))
        return integers(w, op, a.i, b.i, out);
    if (jvalue_number(a) && jvalue_number(b))
        return floats(w, op, as_float(a), as_float(b), out);
    if (a.kind == J_BIG || b.kind == J_BIG)
        return jrun_fail(w, "an integer beyond 64 bits can be printed, not computed with");
    if (op == '+' && a.kind == b.kind && jvalue_list(a))
        return join_lists(w, a, b, out);
    if (op == '*' && repeatable(a) && jvalue_whole(b))
        return repeat(w, a, b.i, out);
    if (op == '*' && repeatable(b) && jvalue_whole(a))
        return repeat(w, b, a.i, out);
    if (op == '%' && a.kind == J_TEXT) {
        if (a.flag & J_SAFE)
            return jrun_fail(w, "'%%' of a safe string is not supported; use '~'");
        return jpercent(w, jvalue_view(a), b, out);
    }
    return wrong(w, op, a, b);
}

enum st jop_negate(struct jrun *w, struct jvalue v, struct jvalue *out)
{
    if (v.kind == J_FLOAT) {
        *out = jvalue_float(-v.f);
        return ST_OK;
    }
    if (!jvalue_whole(v))
        return jrun_fail(w, "%s has no negative", jvalue_type(v));
    *out = jvalue_int(0);
    return __builtin_sub_overflow((int64_t)0, v.i, &out->i) ? too_large(w) : ST_OK;
}
