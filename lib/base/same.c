/* same.c - files told apart by device and number, not by name: none may be written that is read. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* False where there is none, or it is no regular file. */
static bool look(const char *name, int std, struct stat *s)
{
    int r = strcmp(name, "-") == 0 ? fstat(std, s) : stat(name, s);

    return r == 0 && S_ISREG(s->st_mode);
}

static bool same(const char *a, int std_a, const char *b, int std_b)
{
    struct stat x, y;

    return look(a, std_a, &x) && look(b, std_b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool file_same(const char *written, const char *read)
{
    return same(written, STDOUT_FILENO, read, STDIN_FILENO);
}

enum st file_unread(const char *option, const char *written, const char *const *read, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (read[i] && file_same(written, read[i])) {
            err_place("--%s", option);
            return fail(ST_USAGE, "'%s' is one of the files that are read; write to another",
                        shown(view_of(written)));
        }
    return ST_OK;
}

enum st file_apart(const char *option, const char *written, const char *other, const char *value)
{
    struct stat s;

    if (!value || strcmp(value, written) != 0) {
        if (!value || !same(written, STDOUT_FILENO, value, STDOUT_FILENO))
            return ST_OK;
    } else if (strcmp(value, "-") != 0 && stat(value, &s) == 0 && !S_ISREG(s.st_mode)) {
        return ST_OK;                          /* /dev/null takes both */
    }
    err_place("--%s", option);
    return fail(ST_USAGE, "'%s' is --%s as well; write to another", shown(view_of(written)), other);
}
