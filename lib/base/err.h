/* err.h - one status, which is also the exit code, and one message per failure.
 *
 * The library returns; main speaks, once.  Who finds a fault calls fail(), which keeps the first
 * message of the process; everybody above passes the status up untouched; done(), the last call of
 * main, prints it as `tool: place: what; mend` in one write and returns the exit code.
 * The first message wins among threads too.  Where the order of the work and not of the clock is
 * to decide, a thread keeps its message in a box of its own, which is taken over when its turn
 * comes. */
#ifndef ERR_H
#define ERR_H

#include <stdarg.h>
#include "base/base.h"

enum st {                /* also the exit codes: who calls a pipeline can */
    ST_OK    = 0,        /*   mend the command, mend the data, or try again */
    ST_END   = 1,        /* no more records; of a question: the answer is no */
    ST_USAGE = 2,        /* bad option or recipe; nothing was started */
    ST_DATA  = 3,        /* a record, shard or weight file broke its contract */
    ST_SYS   = 4,        /* file, memory, device, a killed neighbour; the same run may work later */
    ST_STOP  = 5,        /* asked to stop, all saved; start again to go on */
};

/* The tool's name for messages: the last part of argv0.  Also sets SIGPIPE back to its default
 * where it was inherited ignored, and holds a closed stdin, stdout or stderr so that no file gets
 * its number. */
void err_tool(const char *argv0);
const char *err_tool_name(void);

/* Where the next fault would be: "chat.rec:1841", "rows.jsonl:3:17", "--lr".  Kept until the next
 * call; fmt NULL: nowhere.  Cheap enough to be called per record?  No: readers keep numbers and
 * call this only when they fail. */
void err_place(const char *fmt, ...) like_printf(1, 2);

/* Keeps the message (the first of the process wins, with the place of that moment) and returns st.
 * what: no capital, no full stop, names from outside in single quotes; then "; " and how to mend
 * it. fail_sys appends ": strerror(errno)" and is for ST_SYS. */
enum st fail(enum st st, const char *fmt, ...) like_printf(2, 3);
enum st fail_sys(const char *fmt, ...) like_printf(1, 2);

/* Gives the kept message its place: for who learns line and column only after the fault, as the
 * caller of scan_next() does.  Without a kept message it does nothing. */
void err_at(const char *fmt, ...) like_printf(1, 2);

/* True for a kept message that has a place already: its finder knew better. */
bool err_placed(void);

/* The kept message without the tool's name ("" when none), and forgetting it: for `--lenient`,
 * which counts bad rows instead of ending, and for tests.  The text is this thread's until it asks
 * again. */
const char *err_text(void);
void err_clear(void);

/* A message kept apart, for work done ahead of its turn. */
#define ERR_PLACE_MAX 1024
#define ERR_WHAT_MAX  2048
struct err_box { bool kept; char place[ERR_PLACE_MAX], what[ERR_WHAT_MAX]; };

/* From here on this thread's fail(), err_at(), err_text() and err_clear() go by the box, which is
 * emptied first; NULL: by the process's message again, as at the start. */
void err_apart(struct err_box *box);
/* The box's message, if it has one, becomes the one this thread goes by, if that has none. */
void err_take(const struct err_box *box);

/* One whole line on stderr, `tool: what`, in one write; the run goes on. */
void warn(const char *fmt, ...) like_printf(1, 2);

/* A name from outside, safe to print: control characters replaced, cut at 80 bytes with "...".
 * Returns one of four rotating buffers of this thread. */
const char *shown(struct view name);

/* Prints the kept message, if any and st is not ST_OK, then checks that stdout took every byte
 * (`step --help >/dev/full` gives 4).  Returns the exit code. */
int done(enum st st) must_use;

/* Signals.  After sig_init(), TERM, INT and USR1 only set a wish, which sig_stop() tells; blocking
 * reads and waits return early with EINTR (no SA_RESTART).  sig_init also installs nothing else. */
void sig_init(void);
bool sig_stop(void);
/* Forgets the wish, where it was for a part of the work alone: one answer of a chat. */
void sig_again(void);
/* True when a stop signal came, waiting up to wait_ms for one: a cut stream counts as a stop where
 * the same signal that killed the writer reaches us within a second. */
bool sig_stop_wait(int wait_ms);

#endif
