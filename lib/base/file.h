/* file.h - files that appear whole or not at all, and input that may be .gz or .zst. */
#ifndef FILE_H
#define FILE_H

#include "base/mem.h"

/* A file being written under the temporary name PATH.tmp.  commit: fsync of file, rename, fsync of
 * folder, and drop where that fails.  A path already being written by another process is
 * ST_SYS.  An existing FIFO, socket or device named by path is written to, never replaced; "-" is
 * stdout.  A signal or crash leaves only the temporary name, which the next run takes over. */
struct file {
    int   fd;
    char *path, *temp;                      /* temp NULL: written in place (FIFO, device, stdout) */
};

enum st file_new(struct file *f, const char *path, struct arena *a) must_use;
enum st file_write(struct file *f, const void *p, size_t n) must_use;   /* all of it, or ST_SYS */
enum st file_commit(struct file *f) must_use;
void    file_drop(struct file *f);             /* closes and removes the temporary */

/* Whole small files.  file_read adds a 0 behind the data, not counted; over max_bytes: ST_DATA. */
enum st file_read(const char *path, struct view *data, size_t max_bytes, struct arena *a) must_use;
enum st file_save(const char *path, const void *p, size_t n, struct arena *a) must_use;

/* Both names are of one regular file, whatever they are: a pipe or a device may be both.  "-" is
 * stdout where it is written and stdin where it is read. */
bool file_same(const char *written, const char *read);
/* ST_USAGE: `written`, the value of --option, is one of the n files that are read (NULL: none). */
enum st file_unread(const char *option, const char *written, const char *const *read,
                    int64_t n) must_use;
/* ST_USAGE: it is the value of --other too, which is written as well (NULL: not given). */
enum st file_apart(const char *option, const char *written, const char *other,
                   const char *value) must_use;

/* write(2) until all is written, through EINTR.  ST_OK, or ST_SYS with a message naming `name`. */
enum st fd_write(int fd, const char *name, const void *p, size_t n) must_use;

/* fsync of a folder; making a folder and its parents (durably); removing a folder and all in it,
 * where there is one. */
enum st dir_sync(const char *path) must_use;
enum st dir_make(const char *path) must_use;
enum st dir_remove(const char *path) must_use;

/* Sequential input: plain, gzip or zstd (told by the first bytes, never by the name); "-" is stdin.
 * Concatenated gzip members and zstd frames are read through. */
struct input;
enum st input_open(struct input **in, const char *path, struct arena *a) must_use;
/* Up to n bytes into p.  *got 0 is the end.  A cut or corrupt compressed file is ST_DATA; ST_STOP
 * where a stop signal ended the wait. */
enum st input_read(struct input *in, void *p, size_t n, size_t *got) must_use;
/* A read would not wait: bytes are there, or the end is. */
bool input_ready(const struct input *in);
const char *input_name(const struct input *in);      /* "stdin" for "-" */
void input_close(struct input *in);

/* SHA-256 (libcrypto): 32 bytes out. */
struct sha;
struct sha *sha_new(void);
void sha_add(struct sha *s, const void *p, size_t n);
void sha_end(struct sha *s, uint8_t out[32]);        /* frees s */
void sha_of(const void *p, size_t n, uint8_t out[32]);
void hex_of(const uint8_t *p, size_t n, char *out);  /* 2n characters and a 0 */

#endif
