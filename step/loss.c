/* loss.c - the losses there are, by name. */
#include "base/mem.h"
#include "loss.h"

const struct loss *const losses[] = {
#define LOSS(name) &loss_##name,
#include "loss.def"
#undef LOSS
    NULL,
};

enum st loss_find(const struct loss **l, const char *name, bool prefers)
{
    const char *option = prefers ? "--pref-loss" : "--sft-loss";
    char list[512] = "";
    size_t n = 0;

    for (int64_t i = 0; losses[i]; i++) {
        if (loss_prefers(losses[i]) != prefers)
            continue;
        if (strcmp(losses[i]->name, name) == 0) {
            *l = losses[i];
            return ST_OK;
        }
        if (n < sizeof list)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "",
                                  losses[i]->name);
    }
    err_place("%s", option);
    return fail(ST_USAGE, "'%s' is not a loss of that kind; there is %s", shown(view_of(name)),
                list);
}

double loss_eval(const struct loss *l, const struct seen *s, double *dlogp)
{
    double sum = 0;

    if (l->eval)
        return l->eval(s, dlogp);
    for (int64_t i = 0; i < s->n; i += 2) {            /* chosen, rejected */
        struct pair p = { .lw = s->logp[i], .ll = s->logp[i + 1], .nw = s->len[i],
                          .nl = s->len[i + 1] };
        double w = s->w[i] / s->norm, dw = 0, dl = 0;
        if (s->ref) {
            p.c = p.lw - s->ref[i];
            p.r = p.ll - s->ref[i + 1];
        }
        sum += w * l->pair(&p, &dw, &dl);
        dlogp[i] = w * dw;
        dlogp[i + 1] = w * dl;
    }
    return sum;
}

static bool has(const struct loss *l, const char *option)
{
    for (const struct opt *o = l->opts; o->name; o++)
        if (strcmp(o->name, option) == 0)
            return true;
    return false;
}

enum st loss_options(const struct loss *sft, const struct loss *pref)
{
    for (int64_t i = 0; losses[i]; i++)
        for (const struct opt *o = losses[i]->opts; o->name; o++) {
            if (!opt_given(o->name) || has(sft, o->name) || has(pref, o->name))
                continue;
            err_place("--%s", o->name);
            return fail(ST_USAGE, "an option of --%s-loss %s, which is not in use; leave it out",
                        loss_prefers(losses[i]) ? "pref" : "sft", losses[i]->name);
        }
    return ST_OK;
}

void loss_groups(struct opt_group *g, int64_t n)
{
    static char title[32][64];
    int64_t k = 0;

    for (int64_t i = 0; losses[i] && k < MIN(n - 1, countof(title)); i++) {
        if (!losses[i]->opts[0].name)
            continue;
        snprintf(title[k], sizeof title[k], "Options of --%s-loss %s",
                 loss_prefers(losses[i]) ? "pref" : "sft", losses[i]->name);
        g[k] = (struct opt_group){ title[k], losses[i]->opts };
        k++;
    }
    g[k] = (struct opt_group){ NULL, NULL };
}
