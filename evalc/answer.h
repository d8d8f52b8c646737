/* answer.h - a row that is being written, as text: decoded token by token, and cut where a stop
 * string begins. */
#ifndef ANSWER_H
#define ANSWER_H

#include "base/opt.h"
#include "model/gen.h"
#include "words.h"

struct manner {                                /* options of how an answer is to be written */
    struct sampling how;
    int64_t         max_new, seed;
    struct opt_list stops;
    const char     *tokenizer;
};

#define MANNER { .how = { 0, 0, 1, 0, 1 }, .max_new = 256 }

/* The options that set one, for a task's table. */
#define MANNER_OPTS(m)                                                                             \
    { 0, "max-new-tokens", OPT_INT, &(m).max_new, "N", "an answer has no more", 1, 1 << 24 },      \
    { 0, "temperature", OPT_REAL, &(m).how.temperature, "T",                                       \
      "logits are divided by it before a token is drawn; 0: the most probable token", 0, 1e6 },    \
    { 0, "top-k", OPT_INT, &(m).how.top_k, "K", "draw from the K most probable; 0: from all",      \
      0, 1 << 30 },                                                                                \
    { 0, "top-p", OPT_REAL, &(m).how.top_p, "P",                                                   \
      "draw from the fewest that have probability P together", 0, 1 },                             \
    { 0, "min-p", OPT_REAL, &(m).how.min_p, "P",                                                   \
      "not from those less probable than P times the most probable", 0, 1 },                       \
    { 0, "repetition-penalty", OPT_REAL, &(m).how.repetition, "R",                                 \
      "logits of tokens already in the row are divided by it, or if negative multiplied",          \
      1e-3, 1e3 },                                                                                 \
    { 0, "stop", OPT_LIST, &(m).stops, "TEXT", "an answer ends before it; may be given again",     \
      0, 0 },                                                                                      \
    { 0, "seed", OPT_INT, &(m).seed, "N", "same seed, same draws", 0, 0 },                         \
    { 0, "tokenizer", OPT_TEXT, &(m).tokenizer, "DIR",                                             \
      "the model's tokenizer, where its folder has none: a folder, tokenizer.json or bytes", 0, 0 }

/* Rules of drawing are for a temperature above 0 and stop strings are not empty, else ST_USAGE; one
 * that is a special token becomes an end of *w and no string.  Keeps what is left in m->stops. */
enum st manner_check(struct manner *m, struct words *w) must_use;

struct answer {
    struct gen_row  row;
    struct buf      id;                        /* row.id */
    struct buf      text;                      /* so far */
    size_t          sure;                      /* bytes of it that no stop string can take back */
    struct decoder *decoder;
};

/* A prompt, and room for what is written; row's own fields are the caller's.  Used again and again,
 * from {0}. */
enum st answer_begin(struct answer *v, const struct words *w, const int32_t *prompt,
                     int64_t n_prompt, int64_t max_new, struct arena *a) must_use;
/* Its last token into the text; sets row.finish where a stop string came.  Once the row is
 * finished, text is whole and sure. */
enum st answer_token(struct answer *v, const struct manner *m) must_use;
void answer_free(struct answer *v);

#endif
