/* same.c - what tokenize reads and what it writes. */
#include "base/file.h"
#include "same.h"

enum st same_files(const struct setup *s, const char *const *files, int64_t n_files)
{
    const struct { const char *option, *name; } written[] = { { "out", s->show ? NULL : s->out },
                                                              { "report", s->report } };
    const struct { const char *const *v; int64_t n; } read[] = {
        { files, n_files },   { s->exclude.v, s->exclude.n }, { &s->tokenizer, 1 },
        { &s->shots, 1 },     { &s->chat, 1 },                { s->vars.v, s->vars.n },
    };
    enum st st = ST_OK;

    for (int i = 0; i < countof(written) && st == ST_OK; i++)
        for (int k = 0; k < countof(read) && written[i].name && st == ST_OK; k++)
            st = file_unread(written[i].option, written[i].name, read[k].v, read[k].n);
    if (st != ST_OK || !s->report || s->show)
        return st;
    return file_apart("report", s->report, "out", s->out);
}
