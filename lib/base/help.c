/* help.c - --help, --version, the OPTIONS of the manual page, and "did you mean".
 *
 * All of it comes from the option table; defaults are read from the variables the table points
 * to. */
#include <math.h>

#include "base/help.h"

enum { COLUMN = 30, WIDTH = 100 };

static const struct opt standard[] = {
    { 0, "help",    OPT_FLAG, NULL, NULL, "print this and exit", 0, 0 },
    { 0, "version", OPT_FLAG, NULL, NULL, "print version, compiler and libraries, and exit", 0, 0 },
    { 0, NULL, OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

/* The default as text; "" where there is none worth telling, or none: INT64_MIN, NaN. */
static const char *standing(const struct opt *o, char *out, size_t size)
{
    out[0] = 0;
    if (!o->to)
        return out;
    if (o->type == OPT_INT && *(const int64_t *)o->to != INT64_MIN)
        snprintf(out, size, "%lld", (long long)*(const int64_t *)o->to);
    else if (o->type == OPT_REAL && !isnan(*(const double *)o->to))
        snprintf(out, size, "%.15g", *(const double *)o->to);
    else if (o->type == OPT_TEXT && *(const char *const *)o->to)
        snprintf(out, size, "%s", *(const char *const *)o->to);
    else if (o->type == OPT_FLAG && *(const bool *)o->to)
        snprintf(out, size, "on");
    return out;
}

/* Words from `column` on, broken before WIDTH. */
static void wrap(const char *text, int column)
{
    int at = column;

    for (const char *word = text; *word; ) {
        int n = (int)strcspn(word, " ");
        if (at + n >= WIDTH && at > column)
            at = printf("\n%*s", column, "") - 1;
        at += printf("%.*s", n, word);
        word += n;
        if (*word == ' ' && (word += strspn(word, " ")) && *word)
            at += printf(" ");
    }
    printf("\n");
}

static void help_line(const struct opt *o)
{
    char value[256], text[1024];

    int n = o->short_name ? printf("  -%c, --%s", o->short_name, o->name)
                          : printf("      --%s", o->name);
    if (o->arg && o->type != OPT_FLAG)
        n += printf(" %s", o->arg);
    if (n + 2 > COLUMN)
        printf("\n%*s", COLUMN, "");
    else
        printf("%*s", COLUMN - n, "");
    standing(o, value, sizeof value);
    snprintf(text, sizeof text, *value ? "%s (default %s)" : "%s", o->line, value);
    wrap(text, COLUMN);
}

static void help(const struct opt_tool *t)
{
    printf("%s - %s\n\nusage: %s %s\n", t->name, t->line, t->name, t->usage);
    for (int g = 0; g < countof(t->groups) && t->groups[g].opts; g++) {
        const char *colon = g == 0 || t->groups[g].opts->name ? ":" : "";
        printf("\n%s%s\n", t->groups[g].title ? t->groups[g].title : "Options", colon);
        for (const struct opt *o = t->groups[g].opts; o->name; o++)
            help_line(o);
        if (g == 0)
            for (const struct opt *o = standard; o->name; o++)
                help_line(o);
    }
    printf("\nNumbers accept 1e-5 and, where whole, k, M and G for powers of 1000.  More: man %s\n",
           t->name);
}

/* Text within mdoc: backslashes doubled, no line begins with a control character of roff. */
static void roff(const char *text)
{
    if (*text == '.' || *text == '\'')
        printf("\\&");
    for (; *text; text++) {
        if (*text == '\\')
            printf("\\e");
        else if (*text == '-')
            printf("\\-");
        else
            putchar(*text);
    }
}

/* An argument of a macro: quoted, so that words stay together and none is taken for a macro. */
static void roff_word(const char *text)
{
    printf(" \"");
    for (; *text; text++) {
        if (*text == '"')
            printf("\"\"");
        else if (*text == '\\')
            printf("\\e");
        else
            putchar(*text);
    }
    putchar('"');
}

static void man_item(const struct opt *o)
{
    char value[256];

    printf(".It");
    if (o->short_name)
        printf(" Fl %c ,", o->short_name);
    printf(" Fl \\-%s", o->name);
    if (o->arg && o->type != OPT_FLAG) {
        printf(" Ar");
        roff_word(o->arg);
    }
    printf("\n");
    roff(o->line);
    if (*standing(o, value, sizeof value)) {
        printf("\n(default ");
        roff(value);
        printf(")");
    }
    printf(".\n");
}

static void man(const struct opt_tool *t)
{
    for (int g = 0; g < countof(t->groups) && t->groups[g].opts; g++) {
        if (t->groups[g].title)
            printf(".Ss %s\n", t->groups[g].title);
        if (g > 0 && !t->groups[g].opts->name)               /* its line is all there is to say */
            continue;
        printf(".Bl -tag -width Ds\n");
        for (const struct opt *o = t->groups[g].opts; o->name; o++)
            man_item(o);
        if (g == 0)
            for (const struct opt *o = standard; o->name; o++)
                man_item(o);
        printf(".El\n");
    }
}

static void version(const struct opt_tool *t)
{
#if defined(__clang__)
    const char *compiler = "clang";
#else
    const char *compiler = "gcc";
#endif
    printf("%s (plait) %s\ncompiler: %s %s\nbuild: %s\n", t->name, VERSION, compiler, __VERSION__,
           BUILD);
    if (t->version)
        printf("%s\n", t->version);
}

bool help_answer(const struct opt_tool *t, const char *word)
{
    if (strcmp(word, "--help") == 0)
        help(t);
    else if (strcmp(word, "--version") == 0)
        version(t);
    else if (strcmp(word, "--man") == 0)
        man(t);
    else
        return false;
    return true;
}

/* Letters to insert, drop or change to make b of a (Levenshtein); 99 for names over 31 letters. */
static int distance(struct view a, const char *b)
{
    int row[32], n = (int)strlen(b);

    if (n > 31 || a.n > 31)
        return 99;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; i <= (int)a.n; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = corner + (a.p[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

const char *help_near(const struct opt_tool *t, struct view name)
{
    const char *best = NULL;
    int least = 3;                          /* two slips at most, and fewer than half the letters */

    for (int g = 0; g < countof(t->groups) && t->groups[g].opts; g++)
        for (const struct opt *o = t->groups[g].opts; o->name; o++) {
            int d = distance(name, o->name);
            if (d < least && 2 * d < (int)strlen(o->name)) {
                least = d;
                best = o->name;
            }
        }
    return best;
}
