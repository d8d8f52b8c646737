/* io.h - streams: pipe, file, FIFO or shard; header, records, end; one reader and one writer.
 *
 * A stream is one or more parts, each header, records, end (records(5)).  The reader tells raw msgpack from zstd
 * frames by the first bytes and joins parts: header differences that matter (version, id width, tokenizer) are refused.
 * A stream without an end record was cut: ST_SYS (4) from a pipe, ST_DATA (3) from a file, ST_STOP (5) where a stop signal
 * came within a second.  An end record with a status other than 0 hands that status on, without a message. */
#ifndef IO_H
#define IO_H

#include "stream/rec.h"

#define HEADER_SOURCES_MAX  64
#define HEADER_COMMANDS_MAX 64
#define HEADER_SPECIALS_MAX 1024
#define HEADER_VERSION      1

struct source {                                /* what a source's rows were made with */
    struct view src, schema, template;         /* name; schema name; template name */
    uint8_t     template_hash[8];
    struct view mask, truncate, split;         /* "last"; "drop"; "train", "held" or "" */
};

struct header {
    int64_t       version;
    int           width;                       /* 2 or 4 */
    uint8_t       tokenizer[32];               /* SHA-256 of tokenizer.json (or of the built-in's name) */
    int64_t       vocab;
    int64_t       n_specials;
    int64_t       special[HEADER_SPECIALS_MAX];/* ids of special tokens */
    int64_t       bos, eos, pad;               /* -1: none */
    int64_t       n_sources, n_commands;
    struct source source[HEADER_SOURCES_MAX];
    struct view   command[HEADER_COMMANDS_MAX];
    int64_t       steps, start;                /* from mix: in all (0 unknown), and the first i; else 0, 0 */
    bool          mixed;                       /* true in a stream of step records */
};

struct end {
    int64_t     n;                             /* records */
    uint64_t    sum, chain;                    /* order-free and chained XXH3 */
    enum st     status;
    struct view state;                         /* the mixer's final state, or empty */
};

/* ---- reading ---- */

struct in;

/* Called before a read(2) that might block, with the descriptor: returns ST_OK when it may be read, or why not. */
typedef enum st in_wait(void *arg, int fd);

/* Opens a file ("-" is stdin) and reads the first header.  A header is at most REC_BYTES_MAX.
 *   ST_OK; ST_SYS no such file, read failed, or the writer died before its header; ST_DATA not a stream */
enum st in_open(struct in **in, const char *name, struct arena *a) must_use;
/* The same on a descriptor, which stays the caller's; the header is read by the first in_next() or in_header() when lazy. */
enum st in_open_fd(struct in **in, int fd, const char *name, in_wait *wait, void *arg, bool lazy, struct arena *a) must_use;

/* The header of the part being read; sources and commands of all parts so far are merged into it. */
enum st in_header(struct in *in, const struct header **h) must_use;

/* The next record.  *r is a view into the reader's buffer, good until the next call on the same reader; rec_copy() keeps it.
 * Sets err_place() on failure ("a.rec:1841": record numbers from 1).
 *   ST_OK    a record
 *   ST_END   the end record, and its count and sums agree with what was read
 *   ST_DATA  a record breaks its contract, or the file is cut or damaged (its frame is named)
 *   ST_SYS   the read failed, or the writer of a pipe died
 *   other    the writer's own status, passed on */
enum st in_next(struct in *in, struct rec *r) must_use;

const struct end *in_end(const struct in *in);         /* after ST_END: the last part's end record */
int64_t in_count(const struct in *in);                 /* records read so far: the next one's row index */
const char *in_name(const struct in *in);
void in_close(struct in *in);

/* A deep copy of the record into the arena. */
enum st rec_copy(struct rec *to, const struct rec *r, struct arena *a) must_use;

/* ---- random access: files (shards and raw files) ---- */

struct shard;

/* Opens a file for rows by index: the seek table of each part where there is one, else (raw streams, frames without a
 * table) one scan that also checks the sums.  Fails on a cut file unless `recover`, which keeps the good prefix and warns
 * with a count. */
enum st shard_open(struct shard **s, const char *name, bool recover, struct arena *a) must_use;
const struct header *shard_header(const struct shard *s);
int64_t shard_rows(const struct shard *s);
int64_t shard_tokens(const struct shard *s);           /* sum of n_tokens */
/* Row i (0-based); *r good until the next call on the same shard.  Frames are decoded once while reads stay in them (a few
 * recent ones are kept).  Checks the frame's checksum and every record. */
enum st shard_row(struct shard *s, int64_t i, struct rec *r) must_use;

struct frame { int64_t row, rows, tokens, longest; };  /* first row, rows, sum and maximum of n_tokens */
int64_t shard_frames(const struct shard *s);
struct frame shard_frame(const struct shard *s, int64_t f);
/* Reads the whole file once and checks everything: frames, checksums, records, end, seek table. */
enum st shard_verify(struct shard *s) must_use;
void shard_close(struct shard *s);

/* ---- writing ---- */

enum out_form {
    OUT_AUTO,                                  /* raw to stdout, pipes, FIFOs; shard to files; JSON lines to a terminal */
    OUT_RAW, OUT_SHARD, OUT_JSON,
};

struct out;

/* Opens `name` ("-" is stdout) and writes the header, with opt_command() of this program added to its commands (and sorted
 * as they came).  Files appear whole at out_close(ST_OK) only.  JSON shows records as lines and no header or end. */
enum st out_open(struct out **out, const char *name, const struct header *h, enum out_form form, struct arena *a) must_use;
/* One record as msgpack bytes: raw of a record read, or what rec_write() made.  n_tokens feeds the seek table. */
enum st out_put(struct out *out, const void *raw, size_t n_bytes, int64_t n_tokens) must_use;
enum st out_flush(struct out *out) must_use;           /* everything put so far is with the reader */
/* Writes the end record with status st (and state), closes, and publishes the file when st is ST_OK (a stopped or
 * failed writer leaves no file; a pipe gets the status).  Returns st, or the failure to write. */
enum st out_close(struct out *out, enum st st, struct view state) must_use;
int out_fd(const struct out *out);
struct end out_sums(const struct out *out);            /* count and sums so far */

/* A raw stream file that grows in place and is cut back on resume (OUT/metrics.rec).  bytes < 0: start anew. */
enum st out_append(struct out **out, const char *name, const struct header *h, int64_t bytes, struct arena *a) must_use;
int64_t out_bytes(const struct out *out);              /* length of the file so far, flushed or not */

/* Two headers may feed one run: same version, width and tokenizer.  ST_DATA names both and the difference. */
enum st header_same(const struct header *a, const char *name_a, const struct header *b, const char *name_b) must_use;
/* Adds the sources and commands of b that a does not have.  ST_DATA when they are too many. */
enum st header_merge(struct header *a, const struct header *b) must_use;

#endif
