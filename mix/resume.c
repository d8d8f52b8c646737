/* resume.c - going on where step saved.
 *
 * The checkpoint after update k holds the state from before step k, for step had no reason to
 * wait for another record: so step k is decided once more, silently, with the losses of
 * metrics.rec, and writing begins with step k + 1. */
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "mixer.h"

static enum st updates_made(int64_t *i, const char *name)
{
    json_t *root;
    enum st st = json_open(&root, name);

    if (st != ST_OK)
        return st;
    st = json_int(name, root, "i", 1, INT64_MAX / 2, i);
    json_decref(root);
    return st;
}

static bool is_there(const char *name)
{
    struct stat s;

    return stat(name, &s) == 0 || errno != ENOENT;
}

/* The checkpoint to go on from, and the losses of its run: the newest of --resume; where there is
 * none yet, that of --branch, itself or the newest of a folder of them.  *from NULL: none. */
static enum st find(const struct args *g, const char **from, const char **metrics, struct arena *a)
{
    const char *latest, *own;

    *from = NULL;
    if (g->resume) {
        latest = arena_printf(a, "%s/latest", g->resume);
        if (!latest || !(*metrics = arena_printf(a, "%s/metrics.rec", g->resume)))
            return ST_SYS;
        if (is_there(latest)) {
            *from = latest;
            return ST_OK;
        }
    }
    if (!g->branch)
        return ST_OK;
    if (!(own = arena_printf(a, "%s/state/mixer", g->branch)))
        return ST_SYS;
    bool one = is_there(own);
    *from = one ? g->branch : arena_printf(a, "%s/latest", g->branch);
    *metrics = arena_printf(a, one ? "%s/../metrics.rec" : "%s/metrics.rec", g->branch);
    return *from && *metrics ? ST_OK : ST_SYS;
}

enum st resume_take(struct mixer *m)
{
    struct arena *a = m->arena;
    const char *from, *metrics, *mixer, *step;
    struct view saved;
    enum st st = find(m->arg, &from, &metrics, a);

    if (st != ST_OK || !from)                          /* nothing saved yet: a first start */
        return st;
    mixer = arena_printf(a, "%s/state/mixer", from);
    step = arena_printf(a, "%s/state/step.json", from);
    if (!mixer || !step)
        return ST_SYS;
    if ((st = updates_made(&m->first, step)) != ST_OK ||
        (st = file_read(mixer, &saved, REC_STATE_MAX, a)) != ST_OK)
        return st;
    err_place("%s", mixer);
    if ((st = state_take(m, saved)) != ST_OK)
        return st;
    if (m->i >= m->first)
        return fail(ST_DATA, "the state is of step %lld, after the checkpoint's %lld updates",
                    (long long)m->i, (long long)m->first);
    err_place(NULL);
    return m->arg->feedback ? losses_past(&m->losses, metrics, m->i, m->first, &m->study, a)
                            : ST_OK;
}
