/* cmocka.h - what tests/check.h takes from cmocka, for a machine that has a GPU and little else. */
#ifndef CMOCKA_H
#define CMOCKA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct CMUnitTest { const char *name; void (*run)(void **state); };
#define cmocka_unit_test(f) { #f, f }
#define print_error(...)    fprintf(stderr, __VA_ARGS__)
#define test_malloc         malloc
#define test_free           free

static jmp_buf cmocka_out;

_Noreturn static inline void _fail(const char *file, int line)
{
    (void)file;
    (void)line;
    longjmp(cmocka_out, 1);
}

static bool cmocka_passes(const struct CMUnitTest *test)
{
    void *state = NULL;

    if (setjmp(cmocka_out) != 0)
        return false;
    test->run(&state);
    return true;
}

static inline int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests,
                                          size_t n, void *before, void *after)
{
    int failed = 0;

    (void)before;
    (void)after;
    for (size_t i = 0; i < n; i++) {
        bool ok = cmocka_passes(&tests[i]);
        printf("%s  %s: %s\n", ok ? "pass" : "FAIL", group, tests[i].name);
        fflush(stdout);
        failed += !ok;
    }
    return failed;
}

#endif
