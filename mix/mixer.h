/* mixer.h - one run of mix: the options, what they were made into, and the loop over steps.
 *
 * Step i goes: state taken; held-out rows sent if they are due; both objectives measured if the
 * policy wants it; the losses that decision i may use are learnt; the policy picks; the step
 * record and its rows leave.  All records of step i carry the state from before it, so whoever
 * resumes from record k decides step k again. */
#ifndef MIXER_H
#define MIXER_H

#include "base/opt.h"
#include "idset.h"
#include "losses.h"
#include "policy.h"
#include "side.h"
#include "stream/io.h"

#define MIXER_PRINTS_MAX 192

struct args {                                  /* as the command line has them */
    const char     *policy, *out, *to, *feedback, *resume, *branch, *log;
    struct opt_list sft, pref, held_sft, held_pref;
    double          lambda, epochs;
    int64_t         steps, rows_sft, rows_pref, tokens_sft, tokens_pref;
    int64_t         seed, seed_data, seed_draw, window, delay, eval_every, held_rows;
    bool            plan, allow_overlap, quiet;
    int             n_operands;
    char          **operand;
};

/* An option or a source, to tell another run from this one. */
struct print { const char *name; uint32_t hash; };

struct mixer {
    const struct args   *arg;
    struct arena        *arena;                /* lives to the end */
    struct study         study;
    const struct policy *policy;
    double               state[POLICY_STATE_MAX];
    struct side          side[2], held[2];     /* by enum obj; n_sources 0: not there */
    struct batch         batch[2], held_batch[2];
    bool                 measured[2];          /* step holds the coming batch, measured */
    struct idset         held_ids;
    struct header       *header;
    int64_t              n_prints;
    struct print         print[MIXER_PRINTS_MAX];
    int64_t              i, first;             /* the step at hand; the first that is written */
    struct buf           saved;                /* state before step i, as it stands in records */
    struct buf           rec, figures;
    struct losses        losses;
    struct out          *out;
    bool                 live;                 /* a reader may wait while we do: flush each step */
    struct log          *log;
    bool                 dry;                  /* --plan: nothing is written, rows are counted */
};

/* setup.c: options to policy, study, sources and header.  Opens nothing for writing. */
enum st mixer_setup(struct mixer *m) must_use;
/* The sources of --sft and --pref and held-out rows as they come in the log: sft, pref, held sft,
 * held pref. */
int64_t mixer_sources(struct mixer *m, struct cursor *all[4 * SOURCE_MAX]);

/* True when a source is a pipe. */
bool    mixer_pipes(const struct mixer *m);

/* mixer.c: the whole run, from options to the end record. */
enum st mixer_run(struct mixer *m) must_use;
/* The loop alone, from m->i on: for --plan. */
enum st mixer_loop(struct mixer *m) must_use;
/* Opens m->out as the options say, with m->header. */
enum st mixer_out(struct mixer *m) must_use;
void    mixer_free(struct mixer *m);

/* send.c: a step record and its rows, to the stream, the log and the list of awaited losses.
 * b[o] NULL: none. */
enum st send_step(struct mixer *m, struct step_rec *s, const struct batch *const b[2]) must_use;

/* held.c: held-out rows.  held_ids() fills m->held_ids; held_send() measures both objectives. */
enum st held_ids(struct mixer *m) must_use;
bool    held_due(const struct mixer *m);
enum st held_send(struct mixer *m) must_use;

/* figures.c: the name of every source in figures: that of its rows where the file has one alone and
 * no file before has it, else sft.1, pref.2 by their places.  And the map for update i, into
 * m->figures. */
enum st figures_names(struct mixer *m) must_use;
enum st figures_put(struct mixer *m) must_use;

/* state.c: what must be known to go on from here. */
enum st state_print(struct mixer *m) must_use;               /* fills m->print */
enum st state_put(struct mixer *m) must_use;                 /* into m->saved */
/* ST_DATA: no state of ours.  ST_USAGE: of a run with other options; the message names the first
 * that differs. */
enum st state_take(struct mixer *m, struct view saved) must_use;

/* resume.c: sets m->i, m->first, positions, policy state and past losses from the checkpoint of
 * --resume or --branch; without one nothing. */
enum st resume_take(struct mixer *m) must_use;

/* plan.c: what the run would be, as a table on stdout. */
enum st plan_print(struct mixer *m) must_use;

#endif
