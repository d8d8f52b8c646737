/* jfunc.h - the functions of the four lists, declared; for those who define them. */
#ifndef JFUNC_H
#define JFUNC_H

#include "chat/jvalue.h"

#define JFUNC(name)                                                                                \
    enum st name(struct jrun *w, struct jvalue self, const struct jargs *a, struct jvalue *out)

#define UNKNOWN(...)
#define FILTER(name, function, params, needed) JFUNC(jfilter_##function) must_use;
#include "chat/jfilter.def"
#undef FILTER
#define TEST(name, function, params, needed) JFUNC(jtest_##function) must_use;
#include "chat/jtest.def"
#undef TEST
#define METHOD(kind, name, function, params, needed) JFUNC(jmethod_##function) must_use;
#include "chat/jmethod.def"
#undef METHOD
#define GLOBAL(name, params, needed) JFUNC(jglobal_##name) must_use;
#include "chat/jglobal.def"
#undef GLOBAL
#undef UNKNOWN

/* jlist.c, for others: an own copy of the items, to be changed; the keys that a filter compares
 * them by; a generator of a list's items. */
enum st jlist_items(struct jrun *w, struct jvalue v, struct jvalue **at, size_t *n) must_use;
enum st jlist_keys(struct jrun *w, const struct jvalue *at, size_t n, struct jvalue path,
                   struct jvalue otherwise, bool case_sensitive, struct jvalue **key) must_use;
enum st jlist_iter(struct jrun *w, struct jvalue list, struct jvalue *out) must_use;
/* jmethod.c */
enum st jmethod_put_replace(struct jrun *w, struct view s, struct view from, struct view to,
                            int64_t most, struct jvalue *out) must_use;

#endif
