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

enum st resume_take(struct mixer *m)
{
    struct arena *a = m->arena;
    const char *latest = arena_printf(a, "%s/latest", m->arg->resume);
    const char *mixer = arena_printf(a, "%s/latest/state/mixer", m->arg->resume);
    const char *step = arena_printf(a, "%s/latest/state/step.json", m->arg->resume);
    const char *metrics = arena_printf(a, "%s/metrics.rec", m->arg->resume);
    struct view saved;
    struct stat s;
    enum st st;

    if (!latest || !mixer || !step || !metrics)
        return ST_SYS;
    if (stat(latest, &s) != 0 && errno == ENOENT)      /* nothing saved yet: a first start */
        return ST_OK;
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
