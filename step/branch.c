/* branch.c - a run that begins at a checkpoint of another, under a recipe of its own.
 *
 * The new run's logs begin with what the other's held at that checkpoint, so they are those of one
 * run that went on, and mix finds in them the losses it decided by. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "seal.h"
#include "train.h"

#define BLOCK_BYTES (1 << 20)

enum st branch_find(char **dir, const char *name, struct arena *a)
{
    char *own = arena_printf(a, "%s/state/step.json", name);
    char *latest = arena_printf(a, "%s/latest", name), to[64];

    if (!own || !latest)
        return ST_SYS;
    if (access(own, F_OK) == 0) {
        *dir = arena_text(a, view_of(name));
        return *dir ? seal_check(*dir, a) : ST_SYS;
    }
    ssize_t n = readlink(latest, to, sizeof to - 1);
    err_place("--branch");
    if (n < 0)
        return fail(ST_SYS, "'%s' is neither a checkpoint of step nor a folder of them; name "
                            "DIR/step-... of an --out DIR", shown(view_of(name)));
    to[n] = 0;                                         /* the link may move on while we run */
    *dir = arena_printf(a, "%s/%s", name, to);
    return *dir ? seal_check(*dir, a) : ST_SYS;
}

static enum st copy(struct file *to, int from, const char *path, int64_t n_bytes, char *block)
{
    enum st st = ST_OK;

    while (st == ST_OK && n_bytes > 0) {
        ssize_t n = read(from, block, (size_t)MIN(n_bytes, BLOCK_BYTES));
        err_place("%s", path);
        if (n < 0)
            return fail_sys("cannot read it");
        if (n == 0)
            return fail(ST_DATA, "is shorter than its checkpoint says");
        st = file_write(to, block, (size_t)n);
        n_bytes -= n;
    }
    return st;
}

/* The first n_bytes of the log `name` beside the checkpoint -> the log of the new run. */
static enum st copy_log(const struct run *r, const char *from, const char *name, int64_t n_bytes)
{
    size_t mark = arena_mark(r->now);
    char *path = arena_printf(r->now, "%s/../%s", from, name);
    char *to = arena_printf(r->now, "%s/%s", r->plan->out, name);
    char *block = arena_get(r->now, BLOCK_BYTES);
    struct file f;

    if (!path || !to || !block)
        return ST_SYS;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_place("%s", path);
        return fail_sys("cannot open the log beside the checkpoint of --branch");
    }
    enum st st = file_new(&f, to, r->now);
    if (st == ST_OK) {
        if ((st = copy(&f, fd, path, n_bytes, block)) == ST_OK)
            st = file_commit(&f);
        else
            file_drop(&f);
    }
    close(fd);
    arena_back(r->now, mark);
    return st;
}

/* What the checkpoint has must be what this run trains: its weights, and moments of them. */
static enum st same_kind(const struct run *r, const char *from)
{
    bool each = strstr(r->state.recipe, " --moments each") != NULL;
    char *whole = arena_printf(r->a, "%s/config.json", from);

    if (!whole)
        return ST_SYS;
    err_place("--branch");
    if (each != r->each)
        return fail(ST_USAGE, "that run began with --moments %s; give it here too",
                    each ? "each" : "shared");
    if (r->plan->lora_rank > 0 && access(whole, F_OK) == 0)
        return fail(ST_USAGE, "that run trains every weight and has no adapters; leave out "
                              "--lora-rank, or --branch, and begin at its --model");
    err_place(NULL);
    return ST_OK;
}

enum st branch_begin(struct run *r, const char *from)
{
    enum st st = same_kind(r, from);

    r->state.recipe[0] = 0;                            /* its own from here on */
    if (st == ST_OK)
        st = copy_log(r, from, "metrics.rec", r->state.metrics_bytes);
    return st == ST_OK ? copy_log(r, from, "timing.rec", r->state.timing_bytes) : st;
}
