/* walk.h - one pass over the input: rows in, through the model, to the tasks, figures out. */
#ifndef WALK_H
#define WALK_H

#include "task.h"

struct setup {                                 /* the command line */
    struct opt_list tasks, labels;
    const char     *model, *adapter;           /* NULL: not given */
    const char     *device, *out, *to, *items; /* items NULL: none */
    int64_t         threads, micro_tokens;     /* threads 0: what the machine lends */
    bool            quiet;
};

/* Runs the tasks over the streams name[n] ("-" is stdin; none is stdin).  Returns the status of
 * the whole, which the output's end record carries too.  Nothing is published unless it is
 * ST_OK. */
enum st walk(const struct setup *s, char *const *name, int n, struct arena *a) must_use;

#endif
