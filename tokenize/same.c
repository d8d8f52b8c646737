/* same.c - files told apart by device and number, not by name. */
#include <sys/stat.h>
#include <unistd.h>

#include "same.h"

/* False where there is none, or it is no regular file: a pipe or device may be both. */
static bool look(const char *name, int std, struct stat *s)
{
    int r = strcmp(name, "-") == 0 ? fstat(std, s) : stat(name, s);

    return r == 0 && S_ISREG(s->st_mode);
}

static bool same(const char *written, const char *name, int std)
{
    struct stat a, b;

    return look(written, STDOUT_FILENO, &a) && look(name, std, &b) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static enum st check(const char *option, const char *written, const char *const *read, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (same(written, read[i], STDIN_FILENO)) {
            err_place("--%s", option);
            return fail(ST_USAGE, "'%s' is one of the files that are read; write to another",
                        shown(view_of(written)));
        }
    return ST_OK;
}

enum st same_files(const struct setup *s, const char *const *files, int64_t n_files)
{
    const struct { const char *option, *name; } written[] = { { "out", s->show ? NULL : s->out },
                                                              { "report", s->report } };
    const struct { const char *const *v; int64_t n; } read[] = {
        { files, n_files },   { s->exclude.v, s->exclude.n }, { &s->tokenizer, 1 },
        { &s->shots, s->shots != NULL },
        { &s->chat, 1 },      { s->vars.v, s->vars.n },
    };
    enum st st = ST_OK;

    for (int i = 0; i < countof(written) && st == ST_OK; i++)
        for (int k = 0; k < countof(read) && written[i].name && st == ST_OK; k++)
            st = check(written[i].option, written[i].name, read[k].v, read[k].n);
    if (st != ST_OK || !s->report || s->show)
        return st;
    if (strcmp(s->report, s->out) != 0 && !same(s->report, s->out, STDOUT_FILENO))
        return ST_OK;
    err_place("--report");
    return fail(ST_USAGE, "'%s' is --out as well; write to another", shown(view_of(s->report)));
}
