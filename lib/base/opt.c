/* opt.c - the parser: one walk over argv.
 *
 * It is taken twice, first only to look: a mistake anywhere, or a question such as --help, leaves
 * every variable with its default, which --help then prints.  Texts for people are in help.c. */
#include <errno.h>
#include <math.h>

#include "base/help.h"
#include "base/mem.h"
#include "base/opt.h"

static struct {
    const char *name[OPT_LIST_MAX];            /* long names given, each once */
    int n;
} given;

static struct buf command;

enum st opt_number(const char *place, const char *text, double *value)
{
    char *end = (char *)text;
    size_t body = strspn(text, "+-.0123456789eE");   /* no hex, no nan, no white space */

    errno = 0;
    double v = strtod(text, &end);
    err_place("%s", place);
    if (end == text || *end || body != strlen(text))
        return fail(ST_USAGE, "'%s' is not a number", shown(view_of(text)));
    if (!isfinite(v))
        return fail(ST_USAGE, "'%s' is too large for a number", shown(view_of(text)));
    err_place(NULL);
    *value = v;
    return ST_OK;
}

/* A whole number: 12, 64k, 1e5, 1.5M */
static enum st integer(const char *place, const char *text, int64_t *value)
{
    static const char suffix[] = "kMG";
    size_t n = strlen(text);
    const char *s = n > 1 ? strchr(suffix, text[n - 1]) : NULL;
    int64_t scale = 1, v;
    char digits[64], *end;
    double real;

    if (s)
        for (const char *c = suffix; c <= s; c++)
            scale *= 1000;
    snprintf(digits, sizeof digits, "%.*s", (int)MIN(n - (s != NULL), sizeof digits), text);
    errno = 0;
    v = strtoll(digits, &end, 10);
    if (end != digits && !*end && !errno && n < sizeof digits &&
        strspn(digits, "+-0123456789") == strlen(digits)) {
        if (!__builtin_mul_overflow(v, scale, value))
            return ST_OK;
    } else {
        enum st st = opt_number(place, digits, &real);
        err_place("%s", place);
        if (st != ST_OK) {
            err_clear();
            return fail(ST_USAGE, "'%s' is not a whole number", shown(view_of(text)));
        }
        real *= (double)scale;
        if (fabs(real) <= 0x1p53) {
            if (real != floor(real))
                return fail(ST_USAGE, "'%s' is not a whole number", shown(view_of(text)));
            *value = (int64_t)real;
            err_place(NULL);
            return ST_OK;
        }
    }
    err_place("%s", place);
    return fail(ST_USAGE, "'%s' is too large", shown(view_of(text)));
}

static enum st bounded(const struct opt *o, const char *place, double v, const char *text)
{
    if ((o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max))
        return ST_OK;
    err_place("%s", place);
    const char *s = shown(view_of(text));
    if (o->max >= 0x1p62)
        return fail(ST_USAGE, "%s is out of bounds; the least is %.15g", s, o->min);
    if (o->min <= -0x1p62)
        return fail(ST_USAGE, "%s is out of bounds; the most is %.15g", s, o->max);
    return fail(ST_USAGE, "%s is out of bounds; give %.15g to %.15g", s, o->min, o->max);
}

/* Checks the text and, where assign, puts it where the option's value goes. */
static enum st take(const struct opt *o, const char *text, bool assign)
{
    char place[128];
    int64_t i = 0;
    double r = 0;
    enum st st = ST_OK;

    snprintf(place, sizeof place, "--%s", o->name);
    if (o->type == OPT_INT)
        st = integer(place, text, &i);
    else if (o->type == OPT_REAL)
        st = opt_number(place, text, &r);
    if (st == ST_OK && (o->type == OPT_INT || o->type == OPT_REAL))
        st = bounded(o, place, o->type == OPT_INT ? (double)i : r, text);
    if (st != ST_OK || !assign)
        return st;
    switch (o->type) {
    case OPT_FLAG: *(bool *)o->to = true;        break;
    case OPT_INT:  *(int64_t *)o->to = i;        break;
    case OPT_REAL: *(double *)o->to = r;         break;
    case OPT_TEXT: *(const char **)o->to = text; break;
    case OPT_LIST: {
        struct opt_list *list = o->to;
        if (list->n == OPT_LIST_MAX) {
            err_place("%s", place);
            return fail(ST_USAGE, "given more than %d times", OPT_LIST_MAX);
        }
        list->v[list->n++] = text;
        break;
    }
    }
    return ST_OK;
}

/* The first option of that name (name.p NULL: that letter) from *group, *opt on; both move on. */
static const struct opt *next(const struct opt_tool *t, struct view name, char letter, int *group,
                              int *opt)
{
    for (; *group < countof(t->groups) && t->groups[*group].opts; ++*group, *opt = 0)
        for (const struct opt *o = &t->groups[*group].opts[*opt]; o->name; o++) {
            ++*opt;
            if (name.p ? view_is(name, o->name) : letter && o->short_name == letter)
                return o;
        }
    return NULL;
}

static const struct opt *find(const struct opt_tool *t, struct view name, char letter)
{
    int group = 0, opt = 0;
    return next(t, name, letter, &group, &opt);
}

/* Sets every option of that name: two losses may both have a --beta. */
static enum st set_all(const struct opt_tool *t, const struct opt *o, const char *text, bool assign)
{
    struct view name = view_of(o->name);
    int group = 0, opt = 0;
    enum st st;

    while ((o = next(t, name, 0, &group, &opt)))
        if ((st = take(o, text, assign)) != ST_OK)
            return st;
    if (assign && !opt_given(name.p)) {
        BUG_IF(given.n == OPT_LIST_MAX);
        given.name[given.n++] = name.p;
    }
    return ST_OK;
}

bool opt_given(const char *name)
{
    for (int i = 0; i < given.n; i++)
        if (strcmp(given.name[i], name) == 0)
            return true;
    return false;
}

static enum st unknown(const struct opt_tool *t, struct view name)
{
    const char *near = help_near(t, name);

    err_place("--%s", shown(name));
    if (near)
        return fail(ST_USAGE, "no such option; did you mean --%s", near);
    return fail(ST_USAGE, "no such option; see %s --help", t->name);
}

static enum st missing(const struct opt *o)
{
    err_place("--%s", o->name);
    return fail(ST_USAGE, "its value is missing; give --%s %s", o->name, o->arg ? o->arg : "VALUE");
}

/* --name, --name=value, --name value.  *i moves over a value taken from the next word. */
static enum st long_option(const struct opt_tool *t, int argc, char **argv, int *i, bool assign)
{
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    struct view name = { word, equals ? (size_t)(equals - word) : strlen(word) };
    const struct opt *o = find(t, name, 0);

    if (!o)
        return unknown(t, name);
    if (o->type == OPT_FLAG && equals) {
        err_place("--%s", o->name);
        return fail(ST_USAGE, "it takes no value");
    }
    if (o->type == OPT_FLAG)
        return set_all(t, o, "", assign);
    if (!equals && ++*i >= argc)
        return missing(o);
    return set_all(t, o, equals ? equals + 1 : argv[*i], assign);
}

/* -n value, -nvalue, -qv for two flags */
static enum st short_options(const struct opt_tool *t, int argc, char **argv, int *i, bool assign)
{
    enum st st = ST_OK;

    for (const char *c = argv[*i] + 1; *c && st == ST_OK; c++) {
        const struct opt *o = find(t, (struct view){ 0 }, *c);
        if (!o) {
            err_place("-%s", shown((struct view){ c, 1 }));
            return fail(ST_USAGE, "no such option; see %s --help", t->name);
        }
        if (o->type == OPT_FLAG) {
            st = set_all(t, o, "", assign);
            continue;
        }
        if (!c[1] && ++*i >= argc)
            return missing(o);
        return set_all(t, o, c[1] ? c + 1 : argv[*i], assign);
    }
    return st;
}

static enum st walk(const struct opt_tool *t, int argc, char **argv, bool assign, int *n_operands)
{
    enum st st = ST_OK;
    bool options = true;
    int n = 0;

    for (int i = 1; i < argc && st == ST_OK; i++) {
        char *word = argv[i];
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && word[0] == '-' && word[1] == '-') {
            if (help_answer(t, word))
                return ST_END;
            st = long_option(t, argc, argv, &i, assign);
        } else if (options && word[0] == '-' && word[1]) {
            st = short_options(t, argc, argv, &i, assign);
        } else {
            if (assign)
                argv[1 + n] = word;
            n++;
        }
    }
    *n_operands = n;
    return st;
}

static enum st keep_command(const char *name, int argc, char **argv)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    enum st st = buf_add(&command, name, strlen(name));

    for (int i = 1; i < argc && st == ST_OK; i++) {
        const char *w = argv[i];
        st = buf_add(&command, " ", 1);
        if (*w && w[strspn(w, plain)] == 0) {
            if (st == ST_OK)
                st = buf_add(&command, w, strlen(w));
            continue;
        }
        if (st == ST_OK)
            st = buf_add(&command, "'", 1);
        for (; *w && st == ST_OK; w++)
            st = *w == '\'' ? buf_add(&command, "'\\''", 4) : buf_add(&command, w, 1);
        if (st == ST_OK)
            st = buf_add(&command, "'", 1);
    }
    return st == ST_OK ? buf_add(&command, "", 1) : st;
}

const char *opt_command(void)
{
    return command.n ? command.p : "";
}

enum st opt_parse(const struct opt_tool *tool, int argc, char **argv, int *n_operands)
{
    given.n = 0;
    command.n = 0;
    enum st st = keep_command(tool->name, argc, argv);
    if (st == ST_OK)
        st = walk(tool, argc, argv, false, n_operands);
    if (st == ST_OK)
        st = walk(tool, argc, argv, true, n_operands);
    return st;
}
