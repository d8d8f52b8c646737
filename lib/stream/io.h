/* io.h - streams: pipe, file, FIFO or shard; header, records, end; one reader and one writer.
 *
 * A stream is one or more parts, each header, records, end (records(5)).  The reader tells raw
 * msgpack from zstd frames by the first bytes and joins parts: header differences that matter
 * (version, id width, tokenizer) are refused.  A stream without an end record was cut: ST_SYS (4)
 * from a pipe, ST_DATA (3) from a file, ST_STOP (5) where a stop signal came within a second.  An
 * end record with a status other than 0 hands that status on, without a message. */
#ifndef IO_H
#define IO_H

#include "stream/header.h"
#include "stream/shard.h"

/* ---- reading ---- */

struct in;

/* Called before a read(2) that might block, with the descriptor: returns ST_OK when it may be
 * read, or why not. */
typedef enum st in_wait(void *arg, int fd);

/* Opens a file ("-" is stdin) and reads the first header.  A header is at most REC_BYTES_MAX.
 *   ST_OK; ST_SYS no such file, read failed, or the writer died before its header; ST_DATA not a
 *   stream */
enum st in_open(struct in **in, const char *name, struct arena *a) must_use;
/* The same on a descriptor, which stays the caller's; the header is read by the first in_next()
 * or in_header() when lazy. */
enum st in_open_fd(struct in **in, int fd, const char *name, in_wait *wait, void *arg, bool lazy,
                   struct arena *a) must_use;

/* The header of the part being read, with the sources and commands of all parts so far. */
enum st in_header(struct in *in, const struct header **h) must_use;

/* The next record.  *r is a view into the reader's buffer, good until the next call on the same
 * reader; rec_copy() keeps it.  Sets err_place() on failure ("a.rec:1841": record numbers from 1).
 *   ST_OK    a record
 *   ST_END   the end record, and its count and sums agree with what was read
 *   ST_DATA  a record breaks its contract, or the file is cut or damaged (its frame is named)
 *   ST_SYS   the read failed, or the writer of a pipe died
 *   other    the writer's own status, passed on */
enum st in_next(struct in *in, struct rec *r) must_use;

const struct end *in_end(const struct in *in);        /* after ST_END: the last part's end record */
int64_t in_count(const struct in *in);           /* records read so far: the next one's row index */
const char *in_name(const struct in *in);
void in_close(struct in *in);

/* A deep copy of the record into the arena. */
enum st rec_copy(struct rec *to, const struct rec *r, struct arena *a) must_use;

/* ---- writing ---- */

enum out_form {
    OUT_AUTO,            /* raw to stdout, pipes, FIFOs; shard to files; JSON lines to a terminal */
    OUT_RAW, OUT_SHARD, OUT_JSON,
};

struct out;

/* Opens `name` ("-" is stdout) and writes the header, with opt_command() of this program added to
 * its commands.  Files appear whole at out_close(ST_OK) only.  JSON
 * shows records as lines and no header or end. */
enum st out_open(struct out **out, const char *name, const struct header *h, enum out_form form,
                 struct arena *a) must_use;
/* One record as msgpack bytes: raw of a record read, or what rec_write() made.  n_tokens feeds
 * the seek table. */
enum st out_put(struct out *out, const void *raw, size_t n_bytes, int64_t n_tokens) must_use;
/* The same of a record whose end_hash() is known. */
enum st out_put_hashed(struct out *out, const void *raw, size_t n_bytes, int64_t n_tokens,
                       uint64_t hash) must_use;
/* From here on the frames of a shard are compressed by the crew, which outlives the writer; the
 * bytes written are the same. */
struct crew;                                   /* base/crew.h */
enum st out_crew(struct out *out, struct crew *crew, struct arena *a) must_use;
enum st out_flush(struct out *out) must_use;          /* everything put so far is with the reader */
/* Writes the end record with status st (and state), closes, and publishes the file when st is
 * ST_OK (a stopped or failed writer leaves no file; a pipe gets the status).  Returns st, or the
 * failure to write. */
enum st out_close(struct out *out, enum st st, struct view state) must_use;
/* For a program that fails before its header, at the very end of main: a pipe on stdout is told
 * the status, so that the reader passes it on and the cause is told once.  `name` is where the
 * stream was meant to go, and nothing is done unless it is "-" and no header was written,
 * nor where stdout is what stderr is: people read there. */
void out_unbegun(const char *name, enum st st);
int out_fd(const struct out *out);
struct end out_sums(const struct out *out);            /* count and sums so far */

/* A raw stream file that grows in place and is cut back on resume (OUT/metrics.rec).  bytes < 0:
 * start anew. */
enum st out_append(struct out **out, const char *name, const struct header *h, int64_t bytes,
                   struct arena *a) must_use;
int64_t out_bytes(const struct out *out);            /* length of the file so far, flushed or not */

#endif
