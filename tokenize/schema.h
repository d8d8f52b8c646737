/* schema.h - what a schema is: how the columns of a row become turns, sides or a text.
 *
 * A schema knows the shape of raw rows and nothing of templates, tokens or masks.  To add one:
 * tokenize/schema/NAME.c with `const struct schema schema_NAME`, a line in schema.def, and a
 * golden. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "stream/rec.h"
#include "chat/chat.h"
#include "fault.h"

struct turns {
    struct turn *v;
    int64_t      n;
};

/* A row as a schema has read it; all of it in fields.a or a view of the row. */
struct row {
    enum rec_kind      kind;                   /* REC_TEXT to REC_PROMPT */
    struct view        text;                   /* text */
    struct turns       turns;                  /* sft: all; of others the prompt */
    struct turns       chosen, rejected;       /* pref: behind the prompt, an answer first */
                                               /* label: chosen is the completion */
                                               /* choice: chosen has a turn for each choice */
    const int64_t     *chars;                  /* [chosen.n] choice: code points of each */
    int64_t            answer;                 /* choice: the right one, from 0 */
    const int64_t     *right;                  /* [n_right] choice: where several are, all */
    int64_t            n_right;
    struct view        group;                  /* choice: what it is counted with; or none */
    struct view        answer_text;            /* prompt: what can be checked; or none */
    bool               good;                   /* label */
    double             w;                      /* sft, pref, label: the column weight, or 1 */
    const struct scan *tools, *documents;      /* what a template may show; or none */
    struct view        key;                    /* of --split: the first user turn, or the text */
    const struct view *source;                 /* [n_source] the record's id: the row's own text */
    int64_t            n_source;
};

struct map { struct view column, name; };      /* --map COLUMN=NAME */

/* What a schema reads from. */
struct fields {
    const struct scan *row;
    const struct map  *map;                    /* [n_map] */
    int64_t            n_map;
    bool               verbatim;               /* --template none: transcripts as written */
    const struct rows *rows;                   /* for places */
    struct faults     *faults;
    struct arena      *a;                      /* the row's own */
};

struct schema {
    const char *name, *line;
    const char *columns;                       /* for people; every column it asks for, by name */
    /* Could this row be one?  For `auto`. */
    bool (*fits)(const struct fields *f);
    /* ST_OK; ST_DATA by misfit(); ST_SYS */
    enum st (*read)(const struct fields *f, struct row *out);
};

#define SCHEMA(name) extern const struct schema schema_##name;
#include "schema.def"
#undef SCHEMA

const struct schema *schema_find(const char *name);    /* NULL: none of that name */
const char *schema_names(void);                        /* "hh, pairs, ..." */
const struct schema *schema_auto(const struct fields *f);      /* NULL: no schema fits the row */

/* Does the schema ask for this column?  By its `columns`. */
bool schema_asks(const struct schema *s, struct view column);

/* ---- for schemas ---- */

/* A row that does not fit; `at` is the scan.at of what is wrong. */
enum st misfit(const struct fields *f, size_t at, const char *fmt, ...) like_printf(3, 4);

/* The column, by its name in the file; NULL where it is missing or null. */
const struct scan *field(const struct fields *f, const char *column);

/* The text of a column.  Missing or null: {NULL, 0} where it is optional, else a misfit. */
enum st field_text(const struct fields *f, const char *column, bool optional,
                   struct view *text) must_use;

/* A list of messages: objects with `role` and `content`, or `from` and `value`; roles system,
 * user or human, assistant or gpt, tool or observation, and function_call, whose text is the calls
 * in JSON.  A content may be a list of texts, and missing beside tool calls or reasoning.  `train`
 * false or `weight` 0 clears the turn's flag. */
enum st field_turns(const struct fields *f, const struct scan *list, struct turns *out) must_use;

/* One turn from a text or from one message; a text takes the role given. */
enum st field_turn(const struct fields *f, const struct scan *v, enum role role,
                   struct turn *out) must_use;

/* A list of messages, or one turn from a text or a message. */
enum st field_side(const struct fields *f, const struct scan *v, enum role role,
                   struct turns *out) must_use;

/* The column `system`, where there is one, as a turn before the others. */
enum st field_system(const struct fields *f, struct turns *turns) must_use;

/* A truth: JSON's own, or 1 and 0, or their names as text. */
bool field_is_truth(const struct scan *v);
enum st field_truth(const struct fields *f, const struct scan *v, bool *truth) must_use;

/* Room for n turns, or n views for row.source, in the row's arena. */
enum st turns_room(const struct fields *f, struct turns *t, int64_t n) must_use;
struct view *source_room(const struct fields *f, struct row *out, int64_t n);  /* NULL: ST_SYS */

/* What a turn says, for ids and comparisons: its text, or its JSON where it has more. */
struct view turn_source(const struct turn *t);

/* The columns weight, tools and documents. */
enum st row_extras(const struct fields *f, struct row *out) must_use;

/* Sets out->source to role and text of all turns of row, and out->key to its first user turn, or
 * to its first turn where it has no user; and row_extras(). */
enum st row_from_turns(const struct fields *f, struct row *out) must_use;

/* A pair as an instruction row: its prompt and its chosen side, which is what --side chosen asks
 * for; the rejected one is forgotten.  Key and split stay the pair's. */
enum st row_chosen(const struct fields *f, struct row *row) must_use;

/* Two texts with a separator between them, in the row's arena; a itself where b is empty. */
enum st join(const struct fields *f, struct view a, const char *between, struct view b,
             struct view *out) must_use;

#endif
