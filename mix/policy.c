/* policy.c - the list of policies and how one is found in it. */
#include "policy.h"

const struct policy *const policies[] = {
#define POLICY(name) &policy_##name,
#include "policy.def"
#undef POLICY
    NULL
};

enum st policy_find(const struct policy **p, const char *name)
{
    char all[256] = "";

    for (int64_t i = 0; policies[i]; i++) {
        if (strcmp(policies[i]->name, name) == 0) {
            *p = policies[i];
            return ST_OK;
        }
        size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", policies[i]->name);
    }
    err_place("--policy");
    return fail(ST_USAGE, "there is no '%s'; there are %s", shown(view_of(name)), all);
}

enum st policy_options(const struct policy *p)
{
    for (int64_t i = 0; policies[i]; i++)
        for (const struct opt *o = policies[i]->opts; policies[i] != p && o->name; o++)
            if (opt_given(o->name)) {
                err_place("--%s", o->name);
                return fail(ST_USAGE, "belongs to --policy %s", policies[i]->name);
            }
    return ST_OK;
}

void policy_groups(struct opt_group *g, int64_t n)
{
    static char title[countof(policies)][64];

    for (int64_t i = 0; policies[i] && n > 1; i++) {
        if (!policies[i]->opts[0].name)
            continue;
        snprintf(title[i], sizeof title[i], "Options of --policy %s", policies[i]->name);
        *g++ = (struct opt_group){ title[i], policies[i]->opts };
        n--;
    }
}
