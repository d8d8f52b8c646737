/* jvalue.h - values of templates as Python has them, and the run that computes them; for j*.c.
 *
 * A value is 16 bytes and never changes; what it points to lies in the row, in the template or in
 * the run's memory, which is all given back at the end of a render.  Lists and dicts of the row
 * stay its scan trees and are read through jvalue_item() and jvalue_pair(). */
#ifndef JVALUE_H
#define JVALUE_H

#include "chat/jinja.h"

enum jkind {
    J_MISSING,                                 /* a variable never set, an argument not given */
    J_UNDEFINED,                               /* s, n: the name that was asked for */
    J_NONE, J_BOOL, J_INT,
    J_BIG,                                     /* s, n: an integer beyond 64 bits, as it stands */
    J_FLOAT, J_TEXT,
    J_LIST, J_TUPLE, J_DICT, J_RANGE,
    J_KEYS, J_VALUES, J_ITEMS,                 /* views of a dict */
    J_ITER,                                    /* a generator: gives each item once */
    J_NAMESPACE, J_LOOP, J_MACRO, J_GLOBAL, J_METHOD, J_CYCLER, J_JOINER,
};

enum {
    J_SCAN = 1,                                /* LIST, DICT and views: of the row */
    J_SAFE = 2,                                /* TEXT: Markup; sums escape what is not */
    J_GROUP = 4,                               /* TUPLE: of groupby, with names */
};

struct jvalue {
    uint8_t  kind, flag;
    uint32_t n;                                /* bytes, items or pairs */
    union {
        int64_t              i;                /* BOOL, INT */
        double               f;
        const char          *s;
        const struct jvalue *item;
        const struct jpair  *pair;
        const struct scan   *scan;
        void                *p;
        const void          *cp;
    };
};

struct jpair { struct jvalue key, value; };
struct jnamed { struct view name; struct jvalue value; };

struct jargs {                                 /* of a call */
    const struct jvalue *at;                   /* [n] */
    const struct jnamed *named;                /* [n_named] */
    int64_t              n, n_named;
};

struct jrange { int64_t start, stop, step, n; };
struct jspace { struct jnamed *at; int64_t n, cap; };                  /* a namespace */
/* A generation block: its text, which stands at `begin` if all is well; s NULL: it surely does. */
struct jrange_text { size_t begin; struct jvalue text; uint32_t at; };
struct jcycler { struct jvalue *at; int64_t n, i; };
struct jjoiner { struct jvalue sep; bool used; };

struct jnode;
struct jframe {                                /* the variables of a function that runs */
    struct jframe *up;                         /* of the one it is written in */
    struct jvalue *slot;
};
struct jmacro { const struct jnode *node; struct jframe *frame; };

struct jrun {                                  /* a render */
    const struct jinja *j;
    const struct tm    *date;
    struct arena       *a;
    struct jinja_out   *out;
    struct jframe      *frame;
    struct jvalue      *global;                /* of the names that the template does not set */
    char               *p, *end;               /* memory at hand */
    size_t              chunk, memory;         /* the next chunk's bytes; bytes taken so far */
    int64_t             steps;
    int                 depth, capture;
    bool                full;                  /* it asked for more memory than a run may have */
    enum { J_NEXT, J_BREAK, J_CONTINUE } flow;
    uint32_t            at;                    /* the byte of the template that is computed */
    size_t              shown;                 /* bytes of text before the statement that writes */
    struct buf          ranges;                /* struct jrange_text */
    struct jvalue       block;                 /* what a set or filter block has caught */
    bool                generating;            /* within a generation block */
};

/* A function of templates: a filter, a test, a method or a global. */
struct jfunc {
    const char *name;
    const char *params;                        /* "old new count"; "*": any */
    int         needed;                        /* how many of them must be given */
    enum st   (*call)(struct jrun *w, struct jvalue self, const struct jargs *a,
                      struct jvalue *out);     /* NULL: known to Jinja, not to us */
};
struct jmethod { const struct jfunc *func; struct jvalue self; };

enum {
    JRUN_STEPS_MAX = 50000000, JRUN_DEPTH_MAX = 3000, JRUN_MEMORY_MAX = 256 << 20,
    JRUN_TEXT_MAX = 64 << 20, JRUN_RANGE_MAX = 100000,
};

static inline struct jvalue jvalue_none(void) { return (struct jvalue){ .kind = J_NONE }; }
static inline struct jvalue jvalue_bool(bool b)
{
    return (struct jvalue){ .kind = J_BOOL, .i = b };
}
static inline struct jvalue jvalue_int(int64_t i)
{
    return (struct jvalue){ .kind = J_INT, .i = i };
}
static inline struct jvalue jvalue_float(double f)
{
    return (struct jvalue){ .kind = J_FLOAT, .f = f };
}
static inline struct jvalue jvalue_text(const char *s, size_t n)
{
    return (struct jvalue){ .kind = J_TEXT, .n = (uint32_t)n, .s = s };
}
static inline struct jvalue jvalue_undefined(struct view name)
{
    return (struct jvalue){ .kind = J_UNDEFINED, .n = (uint32_t)name.n, .s = name.p };
}
static inline struct jvalue jvalue_of(enum jkind kind, const void *p, size_t n)
{
    return (struct jvalue){ .kind = (uint8_t)kind, .n = (uint32_t)n, .cp = p };
}
static inline struct view jvalue_view(struct jvalue v) { return (struct view){ v.s, v.n }; }
static inline bool jvalue_number(struct jvalue v)      /* bool, int or float; BIG is none */
{
    return v.kind == J_BOOL || v.kind == J_INT || v.kind == J_FLOAT;
}
static inline bool jvalue_whole(struct jvalue v) { return v.kind == J_BOOL || v.kind == J_INT; }
static inline bool jvalue_list(struct jvalue v) { return v.kind == J_LIST || v.kind == J_TUPLE; }

struct jvalue jvalue_scan(const struct scan *s);
static inline struct jvalue jvalue_item(struct jvalue v, size_t i)     /* LIST, TUPLE */
{
    return v.flag & J_SCAN ? jvalue_scan(&v.scan->item[i]) : v.item[i];
}
struct jpair jvalue_pair(struct jvalue v, size_t i);                   /* DICT and its views */

/* What Python calls the type, for messages. */
const char *jvalue_type(struct jvalue v);
bool jvalue_truth(struct jvalue v);
bool jvalue_same(struct jvalue a, struct jvalue b);                    /* `is` */

/* ST_DATA: nested too deeply, or cannot be compared, hashed, counted, looked into. */
enum st jvalue_equal(struct jrun *w, struct jvalue a, struct jvalue b, bool *yes) must_use;
enum st jvalue_order(struct jrun *w, struct jvalue a, struct jvalue b, int *order) must_use;
enum st jvalue_in(struct jrun *w, struct jvalue v, struct jvalue in, bool *yes) must_use;
enum st jvalue_length(struct jrun *w, struct jvalue v, int64_t *n) must_use;
enum st jvalue_find(struct jrun *w, struct jvalue dict, struct jvalue key, struct jvalue *v,
                    bool *found) must_use;
enum st jvalue_hashable(struct jrun *w, struct jvalue v) must_use;

/* str() and repr(), appended; and str() as a value, which is v itself where it is text. */
enum st jvalue_str(struct jrun *w, struct jvalue v, struct buf *b) must_use;
enum st jvalue_repr(struct jrun *w, struct jvalue v, struct buf *b) must_use;
enum st jvalue_as_text(struct jrun *w, struct jvalue v, struct jvalue *out) must_use;
void jvalue_float_text(double f, char out[32]);

/* jinja.c: a fault at w->at, memory of the run (NULL: told), steps spent on n units of work. */
enum st jrun_fail(struct jrun *w, const char *fmt, ...) like_printf(2, 3);
void *jrun_get(struct jrun *w, size_t n_bytes) must_use;
enum st jrun_spend(struct jrun *w, size_t n) must_use;
enum st jrun_copy(struct jrun *w, const void *p, size_t n, struct jvalue *out) must_use;
/* The bytes that were appended to b since it had n of them, taken out of it as a text. */
enum st jrun_cut(struct jrun *w, struct buf *b, size_t n, struct jvalue *out) must_use;
static inline struct buf *jrun_text(struct jrun *w) { return &w->out->text; }  /* work space too */

/* jiter.c: over anything that Python iterates.  *more false: no item is left. */
struct jiter { struct jvalue of; size_t i; };
enum st jiter_start(struct jrun *w, struct jvalue v, struct jiter *it) must_use;
enum st jiter_next(struct jrun *w, struct jiter *it, struct jvalue *v, bool *more) must_use;
enum st jiter_list(struct jrun *w, struct jvalue v, struct jvalue *list) must_use;
bool jiter_can(struct jvalue v);

/* A generator: `next` is asked for the next item. */
struct jgen {
    enum st (*next)(struct jrun *w, struct jgen *g, struct jvalue *v, bool *more);
    struct jiter        from;
    struct jframe      *frame;
    struct jvalue       source, path;
    struct jargs        args;
    const struct jfunc *func;                  /* the filter or test that is applied */
    bool                started, reject, attribute;
    size_t              i;
};
enum st jiter_new(struct jrun *w, struct jgen g, struct jvalue *out) must_use;

/* jattr.c.  special: a name that is no key where it is asked for with a dot. */
bool jattr_special(struct view name);
enum st jattr_get(struct jrun *w, struct jvalue v, struct view name, struct jvalue *out) must_use;
enum st jattr_item(struct jrun *w, struct jvalue v, struct jvalue key, struct jvalue *out) must_use;
enum st jattr_slice(struct jrun *w, struct jvalue v, const struct jvalue part[3],
                    struct jvalue *out) must_use;
/* The attribute of filters: "a.b.0" or an integer; `otherwise`, unless MISSING, for what is
 * undefined. */
enum st jattr_path(struct jrun *w, struct jvalue v, struct jvalue path, struct jvalue otherwise,
                   struct jvalue *out) must_use;

/* jglobal.c: ST_DATA: a name that a namespace cannot have. */
enum st jspace_set(struct jrun *w, struct jspace *s, struct view name, struct jvalue v) must_use;

/* jop.c: the operators by their character, `f` being // and `p` being **. */
enum st jop_binary(struct jrun *w, char op, struct jvalue a, struct jvalue b,
                   struct jvalue *out) must_use;
enum st jop_negate(struct jrun *w, struct jvalue v, struct jvalue *out) must_use;

/* jcall.c: a value called; a function called, its arguments put in order first. */
enum st jcall_value(struct jrun *w, struct jvalue f, const struct jargs *a,
                    struct jvalue *out) must_use;
enum st jcall_func(struct jrun *w, const struct jfunc *f, struct jvalue self,
                   const struct jargs *a, struct jvalue *out) must_use;
enum st jcall_macro(struct jrun *w, const struct jmacro *m, const struct jargs *a,
                    struct jvalue *out) must_use;
bool jcall_able(struct jvalue v);
/* Arguments of a type, or a default where they are missing (or None).  ST_DATA: another type. */
enum st jcall_int(struct jrun *w, struct jvalue v, const char *what, int64_t *i) must_use;
enum st jcall_text(struct jrun *w, struct jvalue v, const char *what, struct view *s) must_use;

/* Lists of functions; NULL: none of that name. */
const struct jfunc *jfunc_filter(struct view name);
const struct jfunc *jfunc_test(struct view name);
const struct jfunc *jfunc_global(struct view name);
const struct jfunc *jfunc_method(enum jkind kind, struct view name);

/* jpercent.c, jbraces.c: `%` of Python's strings, and str.format. */
enum st jpercent(struct jrun *w, struct view f, struct jvalue args,
                        struct jvalue *out) must_use;
enum st jbraces(struct jrun *w, struct view f, const struct jargs *a,
                       struct jvalue *out) must_use;

/* jjson.c: json.dumps() with the arguments of tojson. */
enum st jjson_put(struct jrun *w, struct jvalue v, const struct jargs *a, struct buf *b) must_use;
/* jsort.c: v[n] sorted by key[n], stable. */
enum st jsort(struct jrun *w, struct jvalue *v, struct jvalue *key, size_t n,
              bool reverse) must_use;

#endif
