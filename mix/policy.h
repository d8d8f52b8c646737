/* policy.h - what a policy is: the order of objectives, decided step by step.
 *
 * A policy sees the study, its own few numbers and the losses that came back; it sees no rows, no
 * files and no clock.  What it decides for step i is a function of (study, state, i), and its
 * state is a row of doubles that the mixer saves in every step record: so any run resumes
 * anywhere, and two runs with the same losses are the same run.  A policy is one file in policy/
 * and one line in policy.def; tests/unit/policy.c walks that list. */
#ifndef POLICY_H
#define POLICY_H

#include "base/opt.h"
#include "stream/rec.h"

#define POLICY_STATE_MAX   32                  /* numbers of one policy */
#define POLICY_FIGURES_MAX 8

enum {
    NEED_LOSSES = 1,                           /* decides by losses: --feedback, and files */
    NEED_LENGTH = 2,                           /* must know how many steps there will be */
};

struct study {                                 /* what every policy may know */
    double   lambda;                           /* weight or probability of pref */
    uint64_t seed_draw;
    int64_t  steps;                            /* in all; 0: not known */
    int64_t  delay;                            /* decision i uses losses up to i - 1 - delay */
    bool     quiet;                            /* no warnings */
};

struct pick {                                  /* a decision */
    enum obj    obj;
    double      weight_sft, weight_pref;       /* of the losses; 1 and 0 for a single objective */
    const char *phase;                         /* NULL: none */
};

struct seen {                                  /* a loss that came back, never of OBJ_BOTH */
    int64_t  i;
    enum obj obj;
    enum why why;                              /* update or refresh: held-out ones nobody sees */
    double   loss;                             /* finite */
};

struct figure { const char *name; double value; };

struct mixer;

struct policy {
    const char *name, *line, *paper;           /* paper NULL: nobody's */
    unsigned    needs;                         /* NEED_* */
    int64_t     n_state;                       /* numbers of state, all 0 at the start */
    struct opt  opts[8];                       /* its own, shown under its name; the last empty */
    const int64_t *measured_rows;              /* a refresh's rows at most, 0 or NULL: a batch */

    /* Refuses what its options cannot mean, and warns.  May be NULL. */
    enum st (*check)(const struct study *s);
    /* True when both objectives are to be measured, on their coming rows, just before update i.
     * NULL: never. */
    bool (*refresh)(const struct study *s, int64_t i);
    void (*pick)(const struct study *s, const double *state, int64_t i, struct pick *p);
    /* In the order in which the losses were taken.  NULL: losses change nothing. */
    void (*learn)(const struct study *s, double *state, const struct seen *m);
    /* What is worth a curve just before update i; returns how many.  May be NULL. */
    int  (*figures)(const struct study *s, const double *state, int64_t i,
                    struct figure f[POLICY_FIGURES_MAX]);

    /* Instead of all the above: a whole run that is no sequence of decisions (cat, replay). */
    enum st (*run)(struct mixer *m);
};

#define POLICY(name) extern const struct policy policy_##name;
#include "policy.def"
#undef POLICY

extern const struct policy *const policies[];  /* all of policy.def, ended by NULL */

/* The policy by its name.  ST_USAGE lists those there are. */
enum st policy_find(const struct policy **p, const char *name) must_use;

/* ST_USAGE: an option was given that belongs to another policy than p (NULL: none is named); a
 * study must not believe it was heeded. */
enum st policy_options(const struct policy *p) must_use;

/* Appends a group of options for each policy that has some; g ends with an empty one and holds
 * n. */
void policy_groups(struct opt_group *g, int64_t n);

/* The decision to train on one objective, its loss unscaled. */
static inline struct pick policy_single(enum obj o)
{
    return (struct pick){ .obj = o, .weight_sft = o == OBJ_SFT, .weight_pref = o == OBJ_PREF };
}

#endif
