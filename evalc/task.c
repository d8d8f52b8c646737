/* task.c - the list of tasks and the choice among them.
 *
 * An option that belongs to a task which does not run is refused: a study must not believe it
 * was heeded. */
#include "task.h"

const struct task *const tasks[] = {
#define TASK(name) &task_##name,
#include "task.def"
#undef TASK
    NULL,
};

static const struct task *find(struct view name)
{
    for (int64_t i = 0; tasks[i]; i++)
        if (view_is(name, tasks[i]->name))
            return tasks[i];
    return NULL;
}

static enum st unknown(struct view name)
{
    char all[512] = "";

    for (int64_t i = 0; tasks[i]; i++) {
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", tasks[i]->name);
    }
    if (name.n == 0)
        return fail(ST_USAGE, "no task named; choose from %s", all);
    return fail(ST_USAGE, "no task is called '%s'; choose from %s", shown(name), all);
}

static bool has_option(const struct task *t, const char *name)
{
    for (const struct opt *o = t->opts; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

static enum st unheeded(const char *option)
{
    char all[512] = "";

    for (int64_t i = 0; tasks[i]; i++)
        if (has_option(tasks[i], option)) {
            size_t n = strlen(all);
            snprintf(all + n, sizeof all - n, "%s%s", n ? " or " : "", tasks[i]->name);
        }
    err_place("--%s", option);
    return fail(ST_USAGE, "belongs to --task %s", all);
}

/* Every option given belongs to the tool or to a task that runs. */
static enum st check_options(const struct task *const picked[])
{
    for (int64_t i = 0; tasks[i]; i++)
        for (const struct opt *o = tasks[i]->opts; o && o->name; o++) {
            bool heeded = !opt_given(o->name);
            for (int64_t k = 0; picked[k]; k++)
                heeded = heeded || has_option(picked[k], o->name);
            if (!heeded)
                return unheeded(o->name);
        }
    return ST_OK;
}

enum st task_pick(const struct task *picked[], int64_t max, const struct opt_list *names)
{
    int64_t n = 0;

    err_place("--task");
    for (int64_t i = 0; i < names->n; i++)
        for (const char *s = names->v[i], *comma; s; s = comma ? comma + 1 : NULL) {
            comma = strchr(s, ',');
            struct view name = { s, comma ? (size_t)(comma - s) : strlen(s) };
            const struct task *t = find(name);
            if (!t)
                return unknown(name);
            for (int64_t k = 0; k < n; k++)
                if (picked[k] == t)
                    return fail(ST_USAGE, "'%s' is named twice", t->name);
            if (n + 1 >= max)
                return fail(ST_USAGE, "more than %lld tasks", (long long)max - 1);
            picked[n++] = t;
        }
    if (n == 0)
        return unknown((struct view){ 0 });
    picked[n] = NULL;
    for (int64_t k = 0; k < n; k++)
        if (n > 1 && (picked[k]->copies || picked[k]->reports || picked[k]->alone))
            return fail(ST_USAGE, "'%s' stands alone; run evalc once more for the others",
                        picked[k]->name);
    err_place(NULL);
    return check_options(picked);
}
