/* versus.h - two sets of answers to the same prompts, answer by answer: pairs, and what they say.
 *
 * The samples of a prompt are one unit for every error.  Beside the plain rate is the one that a
 * logistic regression on the difference of the lengths leaves at equal lengths: the length term of
 * AlpacaEval's, without its term of how hard a prompt is, which is fitted over many models. */
#ifndef VERSUS_H
#define VERSUS_H

#include "figure.h"

struct pair {                                  /* an answer of the first set, and its partner */
    uint64_t    unit, prompt;                  /* hashes: of src and id, of the prompt's ids */
    int64_t     sample, order;
    bool        paired;
    int64_t     chars[2];                      /* of the first's text and the second's */
    double      reward[2];                     /* of implicit rewards */
    struct view asked, text;                   /* for a judge: the prompt, the first's answer, */
    int64_t     question;                      /* how many pairs were asked about before it */
    int64_t     source, row;                   /* key of the second's row */
    uint64_t    id;
    double      share[2];                      /* the first's share, shown first and shown second */
    double      win;                           /* what it wins: 1, 0, or between */
};

/* Of v[n]: in the order versus_find() needs.  The first of key's prompt and sample that has no
 * partner yet; NULL: there is none. */
void versus_sort(struct pair *v, int64_t n);
struct pair *versus_find(struct pair *v, int64_t n, const struct pair *key);

struct versus {
    double   level;                            /* of the interval */
    int64_t  draws;                            /* resamples of the bootstrap */
    uint64_t seed;
    bool     judged;                           /* by `share`, else by `reward` */
};

/* eval/win/...: the rates of v[n], of which at least one is paired; it loses those that are not.
 * ST_SYS: no memory. */
enum st versus_put(struct figures *f, const struct versus *how, struct pair *v, int64_t n,
                   struct arena *a) must_use;

#endif
