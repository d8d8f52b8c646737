/* jtest.c - the tests that stand behind `is`. */
#include <math.h>

#include "chat/jfunc.h"
#include "chat/jnode.h"
#include "chat/jtext.h"

/* A test that only looks at the kind of the value. */
#define KIND(test, condition)                                                                      \
    JFUNC(jtest_##test)                                                                            \
    {                                                                                              \
        (void)w;                                                                                   \
        (void)a;                                                                                   \
        *out = jvalue_bool(condition);                                                             \
        return ST_OK;                                                                              \
    }

KIND(boolean, self.kind == J_BOOL)
KIND(callable, jcall_able(self))
KIND(defined, self.kind != J_UNDEFINED)
KIND(undefined, self.kind == J_UNDEFINED)
KIND(escaped, self.kind == J_TEXT && self.flag & J_SAFE)
KIND(true, self.kind == J_BOOL && self.i)
KIND(false, self.kind == J_BOOL && !self.i)
KIND(none, self.kind == J_NONE)
KIND(float, self.kind == J_FLOAT)
KIND(integer, self.kind == J_INT || self.kind == J_BIG)
KIND(number, jvalue_number(self) || self.kind == J_BIG)
KIND(string, self.kind == J_TEXT)
KIND(mapping, self.kind == J_DICT)
KIND(iterable, jiter_can(self))
KIND(sequence, jvalue_list(self) || self.kind == J_TEXT || self.kind == J_DICT ||
               self.kind == J_RANGE || self.kind == J_UNDEFINED)
KIND(sameas, jvalue_same(self, a->at[0]))
KIND(filter, self.kind == J_TEXT && jfunc_filter(jvalue_view(self)))
KIND(test, self.kind == J_TEXT && jfunc_test(jvalue_view(self)))

static enum st remainder_is(struct jrun *w, struct jvalue v, struct jvalue by, int64_t want,
                            struct jvalue *out)
{
    bool yes;
    enum st st = jop_binary(w, '%', v, by, out);

    if (st != ST_OK || (st = jvalue_equal(w, *out, jvalue_int(want), &yes)) != ST_OK)
        return st;
    *out = jvalue_bool(yes);
    return ST_OK;
}

JFUNC(jtest_odd)         { (void)a; return remainder_is(w, self, jvalue_int(2), 1, out); }
JFUNC(jtest_even)        { (void)a; return remainder_is(w, self, jvalue_int(2), 0, out); }
JFUNC(jtest_divisibleby) { return remainder_is(w, self, a->at[0], 0, out); }

static enum st is_case(struct jrun *w, struct jvalue v, bool upper, struct jvalue *out)
{
    enum st st = jvalue_as_text(w, v, &v);

    *out = jvalue_bool(st == ST_OK && jtext_is_case(jvalue_view(v), upper));
    return st;
}

JFUNC(jtest_upper) { (void)a; return is_case(w, self, true, out); }
JFUNC(jtest_lower) { (void)a; return is_case(w, self, false, out); }

static enum st equal(struct jrun *w, struct jvalue x, struct jvalue y, bool want,
                     struct jvalue *out)
{
    bool yes = false;
    enum st st = jvalue_equal(w, x, y, &yes);

    *out = jvalue_bool(yes == want);
    return st;
}

JFUNC(jtest_eq) { return equal(w, self, a->at[0], true, out); }
JFUNC(jtest_ne) { return equal(w, self, a->at[0], false, out); }

JFUNC(jtest_in)
{
    bool yes = false;
    enum st st = jvalue_in(w, self, a->at[0], &yes);

    *out = jvalue_bool(yes);
    return st;
}

#define ORDER(test, condition)                                                                     \
    JFUNC(jtest_##test)                                                                            \
    {                                                                                              \
        int order = 2;                                                                             \
        enum st st = jvalue_order(w, self, a->at[0], &order);                                      \
        *out = jvalue_bool(condition);                                                             \
        return st;                                                                                 \
    }

ORDER(lt, order == -1)
ORDER(le, order == -1 || order == 0)
ORDER(gt, order == 1)
ORDER(ge, order == 1 || order == 0)
