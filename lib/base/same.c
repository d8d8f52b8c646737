/* same.c - files told apart by device and number, not by name: none may be written that is read. */
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* False where there is none, or it is no regular file. */
static bool look(const char *name, int std, struct stat *s)
{
    int r = strcmp(name, "-") == 0 ? fstat(std, s) : stat(name, s);

    return r == 0 && S_ISREG(s->st_mode);
}

/* Neither is there, and both will be under one name of one folder. */
static bool will_be(const char *a, const char *b)
{
    const char *name[2] = { a, b };
    struct stat in[2];

    for (int i = 0; i < 2; i++) {
        const char *last = strrchr(name[i], '/');
        char folder[PATH_MAX] = ".";
        if (last && (size_t)(last - name[i]) < sizeof folder - 1)
            snprintf(folder, sizeof folder, "%.*s", (int)(last - name[i]) + 1, name[i]);
        if (strcmp(name[i], "-") == 0 || access(name[i], F_OK) == 0 || stat(folder, &in[i]) != 0)
            return false;
        name[i] = last ? last + 1 : name[i];
    }
    return strcmp(name[0], name[1]) == 0 && in[0].st_dev == in[1].st_dev &&
           in[0].st_ino == in[1].st_ino;
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
        if (!value || (!same(written, STDOUT_FILENO, value, STDOUT_FILENO) &&
                       !will_be(written, value)))
            return ST_OK;
    } else if (strcmp(value, "-") != 0 && stat(value, &s) == 0 && !S_ISREG(s.st_mode)) {
        return ST_OK;                          /* /dev/null takes both */
    }
    err_place("--%s", option);
    return fail(ST_USAGE, "'%s' is --%s as well; write to another", shown(view_of(written)), other);
}
