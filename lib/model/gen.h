/* gen.h - many rows written at once: prompts of any length together, a row that ends makes room for
 * one that waits.
 *
 * Every step takes the next tokens of all rows under way through the model in one pack: of a row
 * that is being written its last token, of one whose prompt is not read yet as much of it as the
 * pack has room for (Yu et al. 2022, Orca; Agrawal et al. 2023, arXiv:2308.16369).  A row's bits do
 * not depend on its company (next.h), and its draws are a function of seed, key, sample and
 * place: so what is written depends on neither batch, pack, cache nor threads. */
#ifndef GEN_H
#define GEN_H

#include "model/next.h"
#include "model/sample.h"

enum gen_finish { GEN_GOING, GEN_STOP, GEN_LENGTH };
const char *gen_finish_name(enum gen_finish f);          /* "stop", "length" */

struct gen_row {                               /* the caller's; gen's from gen_add() to its end */
    int32_t        *id;                        /* [n_prompt + max_new]: the prompt, then what comes,
                                                * an end token with it */
    int64_t         n_prompt, max_new, n;      /* n: all so far; n_prompt at first */
    uint64_t        key;                       /* of the prompt's row */
    int64_t         sample;                    /* which of its answers */
    enum gen_finish finish;
    void           *of;                        /* the caller's own */
    struct gen_row *next;                      /* the rest is gen's */
    int64_t         fed;
    int32_t         page, last_page;
};

struct gen_setup {
    struct sampling how;
    uint64_t        seed;
    int64_t         batch;                     /* rows under way at most */
    int64_t         micro_tokens;              /* tokens of a pack, or batch where that is more */
    int64_t         cache_tokens;              /* positions kept; one longer row is let in alone */
    const int32_t  *end;                       /* [n_end] tokens that end a row */
    int64_t         n_end;
    /* A row has one token more.  finish tells whether that was its last, and may be set to GEN_STOP
     * to make it that: the row is the caller's again when gen_step() returns.  Anything but ST_OK
     * ends gen_step(). */
    enum st       (*token)(void *arg, struct gen_row *r);
    void           *arg;
};

struct gen;
enum st gen_new(struct gen **g, struct model *m, const struct gen_setup *s,
                struct arena *a) must_use;
void gen_free(struct gen *g);                  /* NULL is fine */

/* Puts the row in line.  ST_DATA: no prompt, or one that leaves no position for an answer. */
enum st gen_add(struct gen *g, struct gen_row *r) must_use;
int64_t gen_waiting(const struct gen *g);      /* rows in line */
int64_t gen_going(const struct gen *g);        /* rows under way or in line */

/* One step, if there is anything to do.
 *   ST_OK; ST_DATA a row's logits are no finite numbers; ST_SYS memory or device; or token()'s */
enum st gen_step(struct gen *g) must_use;

/* Forgets all rows: they are the caller's again. */
void gen_drop(struct gen *g);

#endif
