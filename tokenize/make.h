/* make.h - a row as a schema has read it -> the tokens of its records.
 *
 * Turns are rendered, encoded and masked by mask.h; here the sides of a record are cut where
 * their texts part, and fitted into --max-tokens. */
#ifndef MAKE_H
#define MAKE_H

#include "schema.h"

enum mask { MASK_LAST, MASK_ALL, MASK_FLAG };
enum truncate { TRUNCATE_ASK, TRUNCATE_DROP, TRUNCATE_START, TRUNCATE_END, TRUNCATE_LEFT };

struct seq {                                   /* tokens, and for each whether it is trained */
    uint32_t *id;
    uint8_t  *trained;
    int64_t   n, n_prefix;                     /* the first n_prefix are the tokenizer's own */
};

/* What a row became: the record's tokens.  Views of the maker, good until the next row. */
struct made {
    enum rec_kind kind;
    uint64_t      id;
    struct seq    seq;                         /* text, sft: all; of others the prompt */
    struct seq    chosen, rejected;            /* label: chosen is the completion */
    struct seq   *choices;                     /* [n_choices] */
    int64_t       n_choices;
    const struct row *row;                     /* what it was: weight, answer, group */
    bool          cut, cut_end;                /* by --truncate; and its end token with it */
    bool          ended;                       /* what is trained has its end token */
};

/* Tokens of the record, the prompt once; and those that are trained. */
int64_t made_tokens(const struct made *m);
int64_t made_trained(const struct made *m);

/* What becomes of it; called once per record: a long document is several.  */
typedef enum st made_sink(void *arg, const struct made *m);

struct maker {
    const struct tokenizer *t;
    const struct chat      *chat;
    enum mask               mask;
    enum truncate           truncate;
    bool                    shift, specials;   /* --boundary shift; --specials allow */
    int64_t                 max_tokens;
    struct faults          *faults;
    made_sink              *sink;
    void                   *arg;

    struct encoder         *encoder;           /* maker_open() fills the rest */
    struct rendering        rendering;
    struct encoding         encoding;
    struct buf              ids[2], flags[2];
};

enum st maker_open(struct maker *m, struct arena *a) must_use;
void maker_close(struct maker *m);

/* Makes the records of one row.  ST_OK: made, or dropped by the user's policy; ST_DATA: a fault;
 * ST_SYS; or what the sink said. */
enum st maker_row(struct maker *m, const struct rows *rows, const struct row *row,
                  struct arena *a) must_use;

#endif
