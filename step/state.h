/* state.h - what a run must know to go on beside weights and moments: a checkpoint's numbers. */
#ifndef STATE_H
#define STATE_H

#include "stream/io.h"

#define STATE_PHASE_MAX  64
#define STATE_RECIPE_MAX 1024

struct state {
    int64_t i;                                 /* updates made */
    int64_t t;                                 /* of these since the moments were last cleared */
    int64_t t_pref;                            /* --moments each: t is sft's, this is pref's */
    int64_t phase_start;                       /* i at which the phase began */
    char    phase[STATE_PHASE_MAX];
    int64_t skipped;                           /* updates of these that --nan passed over */
    int64_t content, content_at;               /* evaluations running that are at stop_at; the last
                                                * counted was before update content_at - 1 */
    int64_t num_tokens;                        /* tokens computed in updates */
    int64_t metrics_bytes, timing_bytes;       /* of the logs after the last update */
    int64_t steps;                             /* updates the run was to have; 0 unknown */
    uint8_t ref[32];                           /* the reference weights of the run */
    uint8_t tokenizer[32];                     /* of the streams it was trained on, vocab ids */
    int64_t vocab;
    uint8_t mixer[REC_STATE_MAX];              /* `state` of the last update's step record */
    int64_t mixer_bytes;
    struct view given[2]; /* by enum obj: the rows it was given last, raw; n 0: not kept */
    char    stop_at[STATE_PHASE_MAX];          /* --stop-at, as it was given */
    char    recipe[STATE_RECIPE_MAX];          /* the options that shape the weights */
};

/* DIR/state/step.json, mixer and, where rows are kept, given-sft and given-pref.  The commands are
 * the stream's, for people. */
enum st state_save(const struct state *s, const struct header *h, const char *dir,
                   struct arena *a) must_use;
enum st state_load(struct state *s, const char *dir, struct arena *a) must_use;

/* The tokenizer that the model in DIR is known to have been trained with: by state/step.json of a
 * checkpoint, else by its tokenizer.json.  False: nothing there says, or err_text() does. */
bool state_tokenizer(uint8_t sha[32], const char *dir, struct arena *a);

#endif
