/* source.h - a cursor over one source of rows: shuffled, endless where it is a file.
 *
 * A cursor's whole state is how many rows it has given, over all epochs; what stands at any
 * position is a function of the seed.  So looking ahead, measuring rows that stay next in line,
 * and going on after a resume are one thing: asking for a position.  Rows are handed on byte for
 * byte; of what is in them mix looks at kind and lengths. */
#ifndef SOURCE_H
#define SOURCE_H

#include "base/mem.h"
#include "stream/header.h"
#include "stream/rec.h"

#define SOURCE_MAX HEADER_SOURCES_MAX

struct line {                                  /* a row as mix sees it */
    const void   *raw;
    size_t        n_bytes;
    enum rec_kind kind;
    uint64_t      id;
    int64_t       row;                         /* its number in the file or pipe, from 0 */
    int64_t       n_tokens, n_trained;
};

struct idset;

struct source_how {
    const char *name;                          /* a file, a FIFO, or - */
    enum obj    obj;                           /* kinds that cannot serve it are refused */
    double      weight;
    bool        shuffle;                       /* false: file order (held-out rows, replay) */
    uint64_t    seed;
    int64_t     index;                         /* of the source among all: its own shuffle */
    int64_t     window;                        /* rows, of a pipe */
    const struct idset *held;                  /* ids no row may have; NULL: none */
};

struct cursor {
    struct source_how how;
    const struct header *header;
    int64_t  n_rows;                           /* of the file; 0: a pipe, nobody knows */
    int64_t  n_tokens;                         /* likewise */
    int64_t  taken;                            /* rows given so far: the state */
    int64_t  tokens, last;                     /* trained tokens of these; updates made once one of
                                                * them was given, 0: none was */
    const char *label;                         /* its name in figures */
    struct {                                   /* what was sent, for --plan */
        int64_t rows, tokens, trained;
    } used, measured;
    struct source_own *own;
};

/* ST_OK; ST_DATA no stream, cut, no rows; ST_SYS */
enum st source_open(struct cursor **c, const struct source_how *how, struct arena *a) must_use;

/* The row at position p >= c->taken, good until the next call on the same cursor.
 *   ST_OK
 *   ST_END   the pipe ended before it
 *   ST_DATA  a kind that this objective cannot train on, a held-out row, or damage */
enum st source_row(struct cursor *c, int64_t p, struct line *l) must_use;

/* n more rows are used; a pipe forgets them. */
void source_take(struct cursor *c, int64_t n);

/* All rows of a file, once, in file order: to count, and to check against held-out ids. */
typedef enum st source_each(void *arg, const struct line *l);
enum st source_scan(struct cursor *c, source_each *f, void *arg) must_use;

/* 32 bits over weight, rows, lengths and some of the rows: to tell another file from this one. */
enum st source_print(struct cursor *c, uint32_t *print) must_use;

void source_close(struct cursor *c);

#endif
