/* rec.h - the record: one msgpack map, its kinds, fields and limits (manual page records(5)).
 *
 * A record in memory is a view: its bytes, and the fields decoded into pointers into those bytes.
 * Every kind uses the same struct; a field that a kind does not have is empty.  A kind unknown to
 * this version keeps REC_OTHER and its bytes, so an old `mix` passes new kinds through.  Token ids
 * are msgpack bin, little-endian, 2 or 4 bytes wide as the header says. */
#ifndef REC_H
#define REC_H

#include "stream/mp.h"

#define REC_BYTES_MAX  MP_BYTES_MAX            /* one record */
#define REC_DEPTH_MAX  MP_DEPTH_MAX
#define REC_STATE_MAX  4096                    /* step.state */
#define REC_SPANS_MAX  (1 << 20)
#define REC_CHOICES_MAX (1 << 16)
#define REC_WHY        128                     /* room for what rec_take() has to say */

enum rec_kind {
    REC_OTHER, REC_HEADER, REC_END,
    REC_TEXT, REC_SFT, REC_PREF, REC_LABEL, REC_CHOICE, REC_PROMPT, REC_GEN, REC_STEP, REC_METRIC,
};
const char *rec_kind_name(enum rec_kind k);    /* "sft" */

enum obj { OBJ_SFT, OBJ_PREF, OBJ_BOTH };    /* an objective of the study; never a number outside */
const char *obj_name(enum obj o);              /* "sft", "pref", "both" */

enum why { WHY_UPDATE, WHY_REFRESH, WHY_EVAL };
const char *why_name(enum why w);

struct ids {                               /* n token ids of `width` bytes; p need not be aligned */
    const uint8_t *p;
    int64_t        n;
    int            width;
};
static inline uint32_t ids_at(struct ids v, int64_t i)
{
    const uint8_t *p = v.p + i * v.width;
    return v.width == 2
               ? (uint32_t)(p[0] | p[1] << 8)
               : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

struct span { int64_t begin, end; };           /* [begin, end) of the side's own ids */

/* Trained tokens of a side.  given false: the field is absent and all ids of the side are
 * trained. */
struct spans {
    const struct span *v;                      /* ascending, disjoint, within the ids */
    int64_t            n;
    bool               given;
};

/* sum of log-probabilities (natural), of n trained tokens */
struct ref_sum { double sum; int64_t n; };
struct ref {                                   /* the reference column of a pair */
    bool           given;
    uint8_t        key[8];
    struct ref_sum chosen, rejected;           /* of a `label`: its completion, and `other` */
};

struct step_rec {                              /* the fields of a `step` record */
    int64_t     i;                             /* updates made before this step */
    enum obj    obj;
    /* field `w`: {sft, pref}; the loss is their weighted sum */
    double      weight_sft, weight_pref;
    bool        train;                         /* false: a measurement */
    enum why    why;
    bool        use;                /* train on the rows last measured for this objective; n is 0 */
    struct view phase;                        /* sequential's phase, "sft" or "pref"; empty: none */
    struct view state;                         /* the mixer's own, opaque, <= REC_STATE_MAX bytes */
    struct view mix;          /* a msgpack map name -> number, as it stands; copied to the metric */
    int64_t     n;                             /* the records that follow belong to this step */
};

struct choice { struct ids ids; int64_t chars; };

struct rec {
    const uint8_t *raw;                        /* the whole record */
    size_t         raw_bytes;
    enum rec_kind  kind;
    struct view    t, src;                     /* kind as text, source name */
    uint64_t       id;        /* XXH3 of kind and source text; field `id` is bin of 8, big-endian */
    double         w;                          /* weight, 1 where absent */
    struct ids     ids;                        /* text, sft, gen */
    struct spans   span;                       /* sft */
    struct ids     prompt;                     /* pref, label, choice, prompt, gen */
    struct ids     chosen, rejected;           /* pref */
    struct spans   chosen_span, rejected_span;
    struct ids     completion;                 /* label */
    struct spans   completion_span;
    bool           good;                       /* label */
    struct ids     other;                      /* label: completion of another prompt; n 0: none */
    struct spans   other_span;
    struct ref     ref;
    struct choice *choices;                    /* choice */
    int64_t        n_choices, answer;
    const int64_t *right;                      /* choice: [n_right] where several are right, the */
    int64_t        n_right;                    /* answer among them; 0: answer alone */
    struct view    group, answer_text;         /* choice; prompt, gen */
    struct view    text, finish;               /* gen */
    int64_t        n_gen;                      /* gen: which sample */
    struct step_rec step;
    int64_t        n_tokens;                   /* ids of all sides, the prompt once: a row's cost */
    int64_t        n_trained;                  /* trained tokens of all sides, not `other` */
};

/* Decodes and checks raw[n_bytes], one msgpack map, against `width` of the header and the rules
 * above.  Bounds are walked: depth, counts against the bytes that remain, no key twice.  Spans
 * and choices are built in `a`.  ST_OK or ST_DATA (message names field and fault; the place is
 * the caller's). */
enum st rec_read(struct rec *r, const void *raw, size_t n_bytes, int width,
                 struct arena *a) must_use;
/* The same for the record at the start of bytes that may hold more, or only a part of it.
 *   ST_OK    *r, raw_bytes long
 *   ST_END   the bytes end inside the record
 *   ST_DATA  broken; why says what, fail() was not called;  ST_SYS the arena is full */
enum st rec_take(struct rec *r, const void *p, size_t n_bytes, int width, struct arena *a,
                 char why[REC_WHY]) must_use;
/* Sets n_tokens and n_trained of a record put together by hand from its sides and spans. */
void rec_count(struct rec *r);

/* A number or boolean among the record's own top-level fields: metrics, ends.  False: no such
 * field. */
bool rec_number(const struct rec *r, const char *key, double *v);
/* The raw msgpack bytes of a top-level field, {NULL, 0} when absent. */
struct view rec_field(const struct rec *r, const char *key);

/* Every (name, number) pair of a record or of a raw msgpack map such as step.mix; nested maps are
 * skipped.
 * Starts with *at = 0; false at the end. */
bool rec_each(struct view map, size_t *at, struct view *name, double *v);

/* Appends the record as msgpack: what rec_read() would read back, fields in a fixed order, so
 * that equal records are equal bytes.  Unknown fields are not kept: a stage that adds a column
 * uses rec_add_ref().  For the kinds from text to step. */
enum st rec_write(struct buf *b, const struct rec *r, int width) must_use;
/* Appends raw with the field `ref` added or replaced; everything else byte for byte. */
enum st rec_add_ref(struct buf *b, const struct rec *r, const struct ref *ref) must_use;
/* The same with the fields `other` and, where given, `other_span` added to a label without. */
enum st rec_add_other(struct buf *b, const struct rec *r, struct ids other,
                      const struct spans *span) must_use;

/* Ids from 32-bit values in the header's width, n * width bytes. */
void ids_put(uint8_t *to, const uint32_t *v, int64_t n, int width);

/* The record as one line of JSON (ids as arrays of numbers, bin of other kinds as hex), without
 * the line's end. */
enum st rec_json(struct buf *b, const struct rec *r) must_use;

/* XXH3-64 of kind and text: field `id`.  Several texts are joined by a 0 byte. */
uint64_t rec_id(enum rec_kind k, const struct view *text, int64_t n_texts);

#endif
