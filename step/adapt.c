/* adapt.c - adapters beside the weights: from --lora-*, or those --adapter goes on with. */
#include "train.h"

static enum st usage(const char *option, const char *what)
{
    err_place("--%s", option);
    return fail(ST_USAGE, "%s", what);
}

enum st adapt_check(const struct plan *p)
{
    static const char *const of_rank[] = { "lora-alpha", "lora-dropout", "lora-targets",
                                           "lora-rslora" };
    static const char own[] = "the adapter of --adapter has its own; leave it out";
    bool given = opt_given("lora-rank");

    for (int64_t i = 0; !given && i < countof(of_rank); i++)
        if (opt_given(of_rank[i]))
            return usage(of_rank[i], p->adapter ? own : "does nothing without --lora-rank");
    if (given && p->adapter)
        return usage("lora-rank", own);
    if (given && p->lora_rank < 1)
        return usage("lora-rank", "the least is 1; leave it out to train every weight");
    if ((given || p->adapter) && !p->model)
        return usage(given ? "lora-rank" : "adapter",
                     "an adapter needs a base that is kept; name it by --model");
    return ST_OK;
}

enum st adapt_find(struct run *r)
{
    const struct plan *p = r->plan;

    if (p->lora_rank == 0 && !r->from.adapter)
        return ST_OK;
    if (!(r->lora = ARENA_NEW(r->a, struct lora, 1)))
        return ST_SYS;
    if (p->lora_rank == 0)
        return peft_read(r->lora, r->from.adapter, r->a);
    if (r->from.adapter)
        return usage("lora-rank", "--model is an adapter and has its own; leave it out, or merge "
                                  "it first (--merge)");
    *r->lora = (struct lora){ .rank = p->lora_rank, .dropout = p->lora_dropout,
                              .rslora = p->lora_rslora };
    r->lora->alpha = opt_given("lora-alpha") ? p->lora_alpha : 2 * (double)p->lora_rank;
    return lora_targets(r->lora, p->lora_targets, r->a);
}

void adapt_recipe(const struct run *r, char *text, size_t room)
{
    const struct lora *l = r->lora;

    if (!l)
        return;
    int n = snprintf(text, room, " --lora-rank %lld --lora-alpha %.9g --lora-dropout %.9g%s%s",
                 (long long)l->rank, l->alpha, l->dropout, l->rslora ? " --lora-rslora" : "",
                 r->from.adapter ? " --adapter" : "");
    if (l->dropout > 0 && n < (int)room)
        n += snprintf(text + n, room - (size_t)n, " --seed %lld", (long long)r->plan->seed);
    for (int64_t i = 0; i < l->n_targets && n < (int)room; i++)
        n += snprintf(text + n, room - (size_t)n, "%s%s", i ? "," : " --lora-targets ",
                      l->target[i]);
}
