/* log.h - every decision, the losses it knew and the rows it took: a stream that `replay` turns
 * into the same run again.
 *
 * The log is a raw stream.  First one `source` record per file: n (its number in rows), name,
 * obj, held, weight, rows, print.  Then a `decision` record per step record: i, obj, why, train,
 * use, loss_sft and loss_pref (the last ones known, where there are any), rows [[source, row],
 * ...] also where use saves sending them, and step, the bytes of the step record.  It grows in
 * place and is flushed with every step, so a run that was cut short leaves what it did; a resumed
 * run cuts it to the steps before its own and goes on. */
#ifndef LOG_H
#define LOG_H

#include "mixer.h"

struct log;

enum st log_open(struct log **g, struct mixer *m) must_use;
/* A row of the step that log_step() will tell of. */
enum st log_row(struct log *g, int64_t source, int64_t row) must_use;
enum st log_step(struct log *g, const struct step_rec *s, struct view raw,
                 const double last[2]) must_use;
enum st log_close(struct log *g, enum st st, struct view state) must_use;      /* NULL is fine */

#endif
