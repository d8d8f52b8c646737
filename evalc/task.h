/* task.h - what a task is, all it may see, and where its results go.
 *
 * A task is one file, task/NAME.c with `const struct task task_NAME`, and one line in task.def.
 * Rows come to it one at a time in the order of the input, already scored by the model; it adds
 * them up and at the end names its figures. It never sees packs, windows or the device, so no
 * figure can depend on them.  evalc --task a,b runs several in one pass: each gets the kinds it
 * asks for, and their figures go into one record.
 *
 * Another task, such as choice, generate or compare, is another file here: kinds and `scored`
 * say what it reads, job.infer is the model for one that does more than read sums, `copies` is
 * for one that answers in records. */
#ifndef TASK_H
#define TASK_H

#include "base/opt.h"
#include "figure.h"
#include "infer.h"
#include "items.h"
#include "report.h"
#include "score.h"

#define TASK_SOURCES_MAX HEADER_SOURCES_MAX
#define TASK_KIND(k)     (1u << (k))
#define TASK_ALL_KINDS   (~0u)

/* A row as a task sees it.  Everything is good until row() returns. */
struct seen {
    const struct rec  *r;                      /* the record as it came */
    int64_t            row;                    /* its number, from 0: with src and id its key */
    int64_t            source;                 /* index of its src into job.source[] */
    int64_t            stream;                 /* where it came from: index into job.stream[] */
    int64_t            n_seqs;                 /* scored: pref 2, choice as many as it has, a label
                                                * with `other` 2, else 1 */
    const struct sum  *seq;                    /* [n_seqs], sides in the record's order, own before
                                                * other */
    void              *own;                    /* what look() left with it */
};

struct setup;                                  /* walk.h */

/* What a task is given.  Fields of `job` are the task's to read; it writes through figures_*()
 * and report_*(). */
struct job {
    struct arena         *a;                   /* lives to the end of the run */
    const struct header  *header;              /* of the rows */
    struct infer         *infer;               /* the model; NULL where no task scores */
    const struct folders *folders;             /* its own, NULL likewise, */
    const char           *model;               /* and the one that names it */
    int64_t               micro_tokens;        /* --micro-tokens */
    struct figures       *figures;             /* end(): the record of the run */
    struct figures       *item;                /* row(): its own figures; NULL: not wanted */
    struct items         *items;               /* end(): for those that come late; NULL likewise */
    struct report        *report;              /* for a task that puts records itself */
    bool                  quiet;               /* no progress on the terminal */
    bool                  others;              /* start() may set it: labels that are scored get a
                                                * mismatched completion (other.h) */
    int64_t               n_streams;
    const char           *const *stream;       /* names of the inputs */
    const char           *out;                 /* and where the result goes, "-": stdout */
    int64_t               n_sources;
    struct view           source[TASK_SOURCES_MAX];   /* names, in the order they came */
};

struct task {
    const char       *name, *line;             /* "loss"; one line of help */
    const char       *paper;                   /* where the figure comes from; may be NULL */
    unsigned          kinds;                   /* TASK_KIND()s that row() gets */
    unsigned          scored;                  /* those the model scores first; 0: runs without */
    unsigned        (*scores)(void);           /* instead of `scored`, where options decide */
    bool              model;                   /* it wants job.infer though nothing is scored */
    bool              copies;                  /* it gives the stream back: it stands alone */
    bool              reports;                 /* it puts records of its own: it stands alone */
    const struct opt *opts;                    /* its own, printed under its name; may be NULL */

    /* Before the first row; may be NULL.  Anything but ST_OK ends the run with nothing written. */
    enum st (*start)(struct job *j);
    /* The rows of a window before they are scored; may be NULL.  It may ask for more of them
     * (item.scored), or score versions of them by infer_items() itself; what it leaves in item.own,
     * made in a, comes with the row.  A task that copies and has this has figures per row too. */
    enum st (*look)(struct job *j, struct item *item, int64_t n, struct progress *p,
                    struct arena *a);
    /* Each row of its kinds.  *s is a view. */
    enum st (*row)(struct job *j, const struct seen *s);
    /* After the last row; may be NULL.  A task that saw no row it could use says so: ST_DATA. */
    enum st (*end)(struct job *j);
    /* At the very end, however it came: gives back what is not the arena's.  May be NULL. */
    void (*leave)(struct job *j);
    /* A task that reads no records does all its work here and has nothing of the above; it refuses
     * the options of the tool that it does not heed. */
    enum st (*alone)(const struct setup *s, char *const *name, int n, struct arena *a);
};

#define TASK(name) extern const struct task task_##name;
#include "task.def"
#undef TASK

extern const struct task *const tasks[];       /* the list, ended by NULL */

/* The tasks named by --task (a list of lists: `a,b`), each once, in that order, ended by NULL.
 * ST_USAGE: none, an unknown one, one that stands alone beside another, or an option of a task
 * that is not among them. */
enum st task_pick(const struct task *picked[], int64_t max, const struct opt_list *names) must_use;

#endif
