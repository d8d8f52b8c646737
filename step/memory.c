/* memory.c - what a run takes of what the machine lends, known before it begins.
 *
 * Activations are the one part that can be had for less: where keeping them does not fit, those of
 * a layer are computed again in the backward. */
#include "train.h"

enum { RECOMPUTE_AUTO, RECOMPUTE_NONE, RECOMPUTE_LAYERS };

static int which(const char *name)
{
    static const char *const names[] = { "auto", "none", "layers" };
    int i = 0;

    while (i < countof(names) && strcmp(name, names[i]) != 0)
        i++;
    return i;
}

enum st memory_plan(const struct plan *p)
{
    if (which(p->recompute) <= RECOMPUTE_LAYERS)
        return ST_OK;
    err_place("--recompute");
    return fail(ST_USAGE, "'%s' is neither auto, none nor layers", shown(view_of(p->recompute)));
}

static double gib(int64_t bytes)
{
    return (double)bytes / (double)((int64_t)1 << 30);
}

enum st memory_check(struct run *r)
{
    int64_t gradient = (int64_t)model_trained(r->m).n_bytes;
    int64_t fixed = (int64_t)(r->m->n_bytes + r->m->adapters.n_bytes) +
                    (r->each ? 2 : 1) * optim_bytes(r->m) +
                    (r->plan->probe_every ? 2 : 1) * gradient;
    int64_t tokens = r->work.micro_tokens, most = dev_memory(r->m->d);
    int how = which(r->plan->recompute);

    if (most <= 0)
        most = INT64_MAX;
    r->work.recompute = how == RECOMPUTE_LAYERS;
    if (how == RECOMPUTE_AUTO && work_bytes(r->m, tokens, false) > most - fixed)
        r->work.recompute = true;
    int64_t pass = work_bytes(r->m, tokens, r->work.recompute);
    r->work.keep_bytes = MAX(0, (most - fixed - pass) / 2);
    if (pass <= most - fixed)
        return ST_OK;
    err_place(NULL);
    return fail(ST_SYS, "%.2f GiB for weights, gradients and moments and %.2f for the activations "
                        "of %lld tokens are over the %.2f this machine allows; %s",
                gib(fixed), gib(pass), (long long)tokens, gib(most),
                fixed >= most ? "take a smaller model"
                : r->work.recompute ? "lower --micro-tokens"
                                    : "lower --micro-tokens, or give --recompute layers");
}
