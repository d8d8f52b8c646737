/* jfunc.c - the lists of functions as tables. */
#include "chat/jfunc.h"

#define UNKNOWN(name) { name, "*", 0, NULL },
static const struct jfunc filters[] = {
#define FILTER(name, function, params, needed) { name, params, needed, jfilter_##function },
#include "chat/jfilter.def"
#undef FILTER
};

static const struct jfunc tests[] = {
#define TEST(name, function, params, needed) { name, params, needed, jtest_##function },
#include "chat/jtest.def"
#undef TEST
};

static const struct jfunc globals[] = {
#define GLOBAL(name, params, needed) { #name, params, needed, jglobal_##name },
#include "chat/jglobal.def"
#undef GLOBAL
};
#undef UNKNOWN

static const struct { enum jkind kind; struct jfunc f; } methods[] = {
#define METHOD(kind, name, function, params, needed)                                               \
    { J_##kind, { name, params, needed, jmethod_##function } },
#define UNKNOWN(kind, name) { J_##kind, { name, "*", 0, NULL } },
#include "chat/jmethod.def"
#undef METHOD
#undef UNKNOWN
};

static bool is(const struct jfunc *f, struct view name)
{
    return name.n && f->name[0] == name.p[0] && view_is(name, f->name);
}

static const struct jfunc *find(const struct jfunc *f, int64_t n, struct view name)
{
    for (int64_t i = 0; i < n; i++)
        if (is(&f[i], name))
            return &f[i];
    return NULL;
}

const struct jfunc *jfunc_filter(struct view name)
{
    return find(filters, countof(filters), name);
}

const struct jfunc *jfunc_test(struct view name)
{
    return find(tests, countof(tests), name);
}

const struct jfunc *jfunc_global(struct view name)
{
    return find(globals, countof(globals), name);
}

const struct jfunc *jfunc_method(enum jkind kind, struct view name)
{
    if (kind == J_BOOL)
        kind = J_INT;
    for (int64_t i = 0; i < countof(methods); i++)
        if (methods[i].kind == kind && is(&methods[i].f, name))
            return &methods[i].f;
    return NULL;
}
