/* merge.c - a base and its adapter become one plain folder. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/opt.h"
#include "train.h"

enum st plain_options(const struct opt_tool *tool, const char *mode, int operands)
{
    static const char *const fit[] = { "model", "out", "save-dtype", "device", "threads", "quiet" };
    bool merging = strcmp(mode, "merge") == 0;

    for (int64_t g = 0; tool->groups[g].opts; g++)
        for (const struct opt *o = tool->groups[g].opts; o->name; o++) {
            bool fits = !opt_given(o->name);
            fits |= strcmp(o->name, mode) == 0 || (merging && strcmp(o->name, "adapter") == 0);
            for (int64_t i = 0; i < countof(fit) && !fits; i++)
                fits = strcmp(o->name, fit[i]) == 0;
            err_place("--%s", o->name);
            if (!fits)
                return fail(ST_USAGE, "does nothing with --%s; leave it out", mode);
        }
    err_place("--%s", mode);
    return operands ? fail(ST_USAGE, "reads no stream; leave out the file") : ST_OK;
}

enum st plain_absent(const char *out)
{
    struct stat is;

    if (lstat(out, &is) != 0)
        return ST_OK;
    err_place("--out");
    return fail(ST_USAGE, "'%s' is there already", shown(view_of(out)));
}

enum st plain_save(const struct model *m, const struct folders *f, const struct plan *p,
                   enum dtype type, struct arena *a)
{
    char *temp = arena_printf(a, "%s.tmp", p->out);
    struct ckpt k = { .files = f->base }, own = { .files = f->adapter };
    enum st st = temp ? dir_remove(temp) : ST_SYS;

    if (st == ST_OK)
        st = dir_make(temp);
    if (st == ST_OK)
        st = weights_save(m, temp, type, a);
    if (st == ST_OK)
        st = ckpt_files(&k, temp, a);
    if (st == ST_OK)                           /* the adapter's own go before */
        st = ckpt_files(&own, temp, a);
    if (st == ST_OK)
        st = dir_sync(temp);
    if (st == ST_OK && rename(temp, p->out) < 0) {
        err_place("%s", p->out);
        st = fail_sys("cannot rename '%s' to it", shown(view_of(temp)));
    }
    if (st != ST_OK && temp && dir_remove(temp) != ST_OK)
        warn("%s: cannot remove it", temp);
    return st;
}

enum st merge(const struct plan *p, struct arena *a)
{
    struct folders f = { 0 };
    struct lora *l = ARENA_NEW(a, struct lora, 1);
    struct dev *d;
    struct model *m;
    enum dtype type;

    if (!p->out || !p->model) {
        err_place("--merge");
        return fail(ST_USAGE, "needs --model, an adapter or a base with --adapter, and --out");
    }
    enum st st = ckpt_type(&type, p->save_dtype);
    if (st == ST_OK)
        st = plain_absent(p->out);
    if (st == ST_OK)
        st = l ? folders_find(&f, p->model, p->adapter, a) : ST_SYS;
    if (st == ST_OK && !f.adapter) {
        err_place("--merge");
        return fail(ST_USAGE, "'%s' is no adapter, nor is one named by --adapter",
                    shown(view_of(p->model)));
    }
    if (st != ST_OK || (st = dev_open(&d, p->device, (int)p->threads, a)) != ST_OK)
        return st;
    st = folders_open(&m, &f, l, d, true, a);
    if (st == ST_OK) {
        lora_merge(m);
        st = dev_sync(d);
    }
    if (st == ST_OK)
        st = plain_save(m, &f, p, type, a);
    dev_close(d);
    return st;
}
