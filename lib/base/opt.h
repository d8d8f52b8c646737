/* opt.h - one option table, three readers: the parser, --help, and the OPTIONS of the manual page.
 *
 * Every tool understands --help (stdout, exit 0, with defaults read from the variables), --version
 * and --man (mdoc for @OPTIONS@, used by the build only).  Numbers are parsed to the last character
 * and accept 1e-5, and the suffixes k, M, G (powers of 1000) for integers.  `--name value`,
 * `--name=value`, `-n value`, `-nvalue`; flags take no value; `--` ends options; operands may stand
 * anywhere. */
#ifndef OPT_H
#define OPT_H

#include "base/err.h"

enum opt_type {
    OPT_FLAG,            /* bool *           */
    OPT_INT,             /* int64_t *        */
    OPT_REAL,            /* double *         */
    OPT_TEXT,            /* const char **    (points into argv) */
    OPT_LIST,            /* struct opt_list *: may be given many times */
};

#define OPT_LIST_MAX 256

struct opt_list {
    int64_t     n;
    const char *v[OPT_LIST_MAX];
};

struct opt {
    char          short_name;        /* 0: none */
    const char   *name;              /* long name without the dashes; NULL ends a table */
    enum opt_type type;
    void         *to;                /* where the value goes; holds the default before parsing:
                                      * NULL, INT64_MIN or NaN where there is none */
    const char   *arg;               /* the value's name in --help: "N", "FILE", "auto|cpu" */
    const char   *line;              /* one line of help */
    double        min, max;          /* bounds of INT and REAL; both 0: none */
};

/* A titled table, so that a policy's or a loss's own options print under its name. */
struct opt_group {
    const char       *title;         /* NULL: the tool's own; "Options of --policy maxright" */
    const struct opt *opts;
};

struct opt_tool {
    const char *name;                /* "mix" */
    const char *line;                /* what it is, in one line */
    const char *usage;               /* "[OPTION]... [FILE]..." */
    const char *version;             /* further text of --version (libraries); may be NULL */
    struct opt_group groups[32];     /* ended by one whose opts are NULL */
};

/* Every name may stand in several groups (two losses with --beta): all of them are set.
 * Operands are moved to the front of argv + 1; *n_operands says how many.
 *   ST_OK     parsed
 *   ST_END    --help, --version or --man was answered: main returns done(ST_OK)
 *   ST_USAGE  unknown name, missing value, a number that is not one or is out of bounds */
enum st opt_parse(const struct opt_tool *tool, int argc, char **argv, int *n_operands) must_use;

/* True when the option was given on the command line: tells a default from the same value given. */
bool opt_given(const char *name);

/* The command line as one string, words quoted for sh where needed: the header's provenance. */
const char *opt_command(void);

/* One number, to the last character.  place is told in the message ("--sft"). ST_OK or ST_USAGE. */
enum st opt_number(const char *place, const char *text, double *value) must_use;

#endif
