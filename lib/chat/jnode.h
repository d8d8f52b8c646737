/* jnode.h - a template as a tree, and the stages that make it; for j*.c.
 *
 *     source -> tokens (jlex.c) -> nodes (jparse.c statements, jexpr.c expressions)
 *            -> variables as places in frames (jscope.c)
 *
 * What the children of a node are stands beside its kind.  Lists are linked by `next`. */
#ifndef JNODE_H
#define JNODE_H

#include "chat/jvalue.h"

enum jnode_kind {
    /* expressions */
    JN_CONST,                                  /* value */
    JN_NAME,                                   /* value: its text; up, slot */
    JN_BLOCK,                                  /* the text that a filter block has caught */
    JN_ATTR,                                   /* a.value */
    JN_ITEM,                                   /* a[b] */
    JN_SLICE,                                  /* a[b:c:d], each of them or NULL */
    JN_CALL,                                   /* a(b...) */
    JN_FILTER, JN_TEST,                        /* a | func(b...), a is func(b...) */
    JN_BINARY,                                 /* a op b */
    JN_NEG, JN_POS, JN_NOT,                    /* of a */
    JN_AND, JN_OR,                             /* a, b */
    JN_CONCAT,                                 /* a ~ ... */
    JN_COMPARE, JN_OPERAND,                    /* a, then operands b...: each op a */
    JN_COND,                                   /* b if a else c, or NULL */
    JN_LIST, JN_TUPLE,                         /* a... */
    JN_DICT,                                   /* a...: key, value, key, value */
    JN_NAMED, JN_STAR, JN_STARS,               /* arguments value=a, *a, **a */
    JN_NSREF,                                  /* a.value as the target of set */
    /* statements */
    JN_OUTPUT,                                 /* a... */
    JN_SET,                                    /* a = b */
    JN_SETBLOCK,                               /* a = scope c through the filters b, or NULL */
    JN_IF,                                     /* a then b... elif c... (each an IF) else d... */
    JN_FOR,                                    /* a in b: scope c, else scope d, if scope e */
    JN_MACRO,                                  /* value(params a...) scope b */
    JN_CALLBLOCK,                              /* macro a, for the call b */
    JN_FILTERBLOCK,                            /* scope c; its last is b */
    JN_WITH,                                   /* a... = b... scope c */
    JN_GENERATION,                             /* scope c */
    JN_BREAK, JN_CONTINUE,
    JN_SCOPE,                                  /* a...: with variables of its own */
};

/* What a scope does to one of its variables as it is entered. */
struct jload { int32_t slot, from_up, from; };         /* from_up JLOAD_NONE: it becomes MISSING */
enum { JLOAD_NONE = -2, JLOAD_GLOBAL = -1 };

struct jnode {
    uint8_t  kind, op;
    bool     flag;                             /* FOR: `loop` is named; TEST, OPERAND in: not;
                                                * ATTR: dicts have a method so called */
    uint8_t  extra;                            /* MACRO: JMACRO_* */
    uint32_t at;                               /* byte of the source */
    int32_t  up, slot;                         /* NAME: frames up, or JLOAD_GLOBAL */
    int32_t  n;                                /* SCOPE: loads; MACRO: slots; lists: members */
    int32_t  height;                           /* of an expression: of the tree below it */
    struct jvalue       value;
    struct jnode       *next, *a, *b, *c, *d, *e;
    const struct jfunc *func;                  /* FILTER, TEST; ATTR: the method of texts */
    const struct jload *load;                  /* [n] */
};
enum { JMACRO_CALLER = 1, JMACRO_KWARGS = 2, JMACRO_VARARGS = 4 };

struct jinja {                                 /* a template */
    const char        *name;
    struct view        source;
    struct jnode      *body;                   /* SCOPE */
    int32_t            n_slots;
    struct view       *global;                 /* [n_global] names that the template does not set */
    int32_t            n_global;
    bool               generation;
};

enum {                                         /* tokens; operators are their character */
    JT_END = 0, JT_DATA = 1, JT_BLOCK_BEGIN, JT_BLOCK_END, JT_VAR_BEGIN, JT_VAR_END, JT_NAME,
    JT_TEXT, JT_INT, JT_FLOAT,
    JT_POW = 'p', JT_FLOOR = 'f', JT_EQ = 'e', JT_NE = 'n', JT_GE = 'g', JT_LE = 'l',
};
struct jtoken { int kind; uint32_t at; struct view text; };

struct jread {                                 /* a template as it is read */
    const char   *name;
    struct view   source;
    struct arena *a;
    struct buf    token;                       /* struct jtoken, the last one JT_END */
    struct jtoken *t;                          /* the one that is looked at */
    int           depth, loops;
    bool          generation;
};
enum { JREAD_BYTES_MAX = 1 << 20, JREAD_DEPTH_MAX = 200, JREAD_HEIGHT_MAX = 500,
       JREAD_NAMES_MAX = 4096 };

enum st jlex_fail(const struct jread *r, uint32_t at, const char *fmt, ...) like_printf(3, 4);
/* The place of a byte, "name:line:column". */
void jlex_place(const char *name, struct view source, size_t at, char *out, size_t size);
enum st jlex(struct jread *r) must_use;

/* jliteral.c: the value of a token TEXT, INT or FLOAT. */
enum st jliteral(struct jread *r, const struct jtoken *t, struct jvalue *v) must_use;

/* jterm.c: nodes and tokens. */
struct jnode *jterm_new(struct jread *r, enum jnode_kind kind, uint32_t at);   /* NULL: ST_SYS */
/* A node above a and b, or the lists that they begin. */
enum st jterm_over(struct jread *r, enum jnode_kind kind, uint32_t at, struct jnode *a,
                   struct jnode *b, struct jnode **out) must_use;
enum st jterm_enter(struct jread *r) must_use;                     /* one level deeper */
enum st jterm_unexpected(struct jread *r, const char *what);
enum st jterm_expect(struct jread *r, int kind, const char *what) must_use;
static inline bool jterm_at(const struct jread *r, const char *word)
{
    return r->t->kind == JT_NAME && view_is(r->t->text, word);
}
bool jterm_skip(struct jread *r, const char *word);
enum st jterm_primary(struct jread *r, bool target, struct jnode **n) must_use;
/* |filter... around *n; inline_first: the first one stands without its bar. */
enum st jterm_filters(struct jread *r, struct jnode **n, bool inline_first) must_use;
enum st jterm(struct jread *r, bool filters, struct jnode **n) must_use;

/* jexpr.c.  A tuple may stand without parentheses, up to the tag's end or a word. */
enum st jexpr(struct jread *r, struct jnode **n) must_use;
enum st jexpr_or(struct jread *r, struct jnode **n) must_use;                  /* no `if` */
enum st jexpr_tuple(struct jread *r, bool cond, const char *until, bool parens,
                    struct jnode **n) must_use;

enum st jparse(struct jread *r, struct jnode **body) must_use;
enum st jscope(struct jread *r, struct jinja *j) must_use;

/* jeval.c, jexec.c */
enum st jeval(struct jrun *w, const struct jnode *n, struct jvalue *out) must_use;
enum st jeval_args(struct jrun *w, const struct jnode *arg, struct jargs *a) must_use;
enum st jexec_scope(struct jrun *w, const struct jnode *scope) must_use;
enum st jexec_enter(struct jrun *w, const struct jnode *scope) must_use;
enum st jexec_assign(struct jrun *w, const struct jnode *target, struct jvalue v) must_use;
enum st jexec_capture(struct jrun *w, const struct jnode *scope, struct jvalue *out) must_use;
static inline struct jvalue *jexec_slot(struct jrun *w, int32_t up, int32_t slot)
{
    struct jframe *f = w->frame;

    if (up == JLOAD_GLOBAL)
        return &w->global[slot];
    while (up-- > 0)
        f = f->up;
    return &f->slot[slot];
}
/* A loop as `loop` tells of it. */
struct jloop {
    struct jiter  it;
    struct jvalue of, now, before, after;      /* after MISSING: not looked at yet */
    bool          after_end;                   /* looked at, and there is none */
    int64_t       index, length;               /* -1: not counted yet */
    const struct jnode *node;
    struct jargs  changed;
    bool          has_changed;
};
enum st jloop_next(struct jrun *w, struct jloop *l, struct jvalue *v, bool *more) must_use;
enum st jloop_get(struct jrun *w, struct jloop *l, struct view name, struct jvalue *out,
                  bool *known) must_use;

#endif
