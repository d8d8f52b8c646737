/* check.h - CHECK and CHECK_NEAR over cmocka.
 *
 * A comparison must be true to pass: a NaN on either side fails.  A unit test is
 *
 *     #include "tests/check.h"
 *     static void adds(void **state) { (void)state; CHECK(1 + 1 == 2); }
 *     int main(void) { return RUN(TEST(adds)); }
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail                                            /* ours: base/err.h */

#include "base/err.h"

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            check_failed(__FILE__, __LINE__, "%s", #cond);                                         \
    } while (0)

/* |a - b| <= tol */
#define CHECK_NEAR(a, b, tol)                                                                      \
    do {                                                                                           \
        double a_ = (double)(a), b_ = (double)(b), tol_ = (double)(tol);                           \
        if (!(fabs(a_ - b_) <= tol_))                                                              \
            check_failed(__FILE__, __LINE__, "%s is %.17g, not %.17g (off by %.3g, at most %.3g)", \
                         #a, a_, b_, fabs(a_ - b_), tol_);                                         \
    } while (0)

/* A status, with the kept message shown where it is not the one wanted. */
#define CHECK_ST(call, want)                                                                       \
    do {                                                                                           \
        int got_ = (int)(call), want_ = (int)(want);                                               \
        if (got_ != want_)                                                                         \
            check_failed(__FILE__, __LINE__, "%s gave %d, not %d; %s", #call, got_, want_,         \
                         err_text());                                                              \
    } while (0)

#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *a_ = (a), *b_ = (b);                                                           \
        if (!a_ || !b_ || strcmp(a_, b_) != 0)                                                     \
            check_failed(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, a_ ? a_ : "(null)",   \
                         b_ ? b_ : "(null)");                                                      \
    } while (0)

/* A name for mkstemp() and mkdtemp() */
#define TEMP(name) "/tmp/plait-" name "-XX" "XX" "XX"

#define TEST(f) cmocka_unit_test(f)
#define RUN(...)                                                                                   \
    check_run(sizeof((const struct CMUnitTest[]){ __VA_ARGS__ }) / sizeof(struct CMUnitTest),      \
              (const struct CMUnitTest[]){ __VA_ARGS__ })

_Noreturn static inline void check_failed(const char *file, int line, const char *fmt, ...)
    like_printf(3, 4);
_Noreturn static inline void check_failed(const char *file, int line, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    print_error("%s:%d: %s\n", file, line, text);
    _fail(file, line);                                 /* jumps out of the test */
    abort();
}

/* How many of the tests failed, as an exit status. */
static inline int check_run(size_t n, const struct CMUnitTest *tests)
{
    return _cmocka_run_group_tests("", tests, n, NULL, NULL) != 0;
}

#endif
