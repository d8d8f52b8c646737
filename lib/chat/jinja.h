/* jinja.h - the Jinja that chat templates are written in: compiled once, rendered per conversation.
 *
 * A template is a program in a file that people download, so it is parsed whole before the first
 * row: a construct that is not known is an error with the line and column of the template, never a
 * guess.  What is known gives byte for byte what transformers' apply_chat_template gives, whose
 * environment it is: immutable sandbox, trim_blocks, lstrip_blocks, break and continue, `tojson`
 * as json.dumps without escaping, `strftime_now`, `raise_exception`, and `{% generation %}` blocks
 * that mark what the assistant said.  Nothing is read from the machine: the date is the caller's.
 * A render is bounded in steps, depth and bytes, so a template cannot hang a run.
 *
 * Refused, with the place: include, import, extends, block, autoescape, recursive loops; filters
 * and methods that the lists jfilter.def and jmethod.def name as not ours; integers beyond 64
 * bits, save to print them; and a generation block in a macro or set block whose text comes to
 * stand elsewhere than transformers marks it.  One within another is part of it. */
#ifndef JINJA_H
#define JINJA_H

#include <time.h>

#include "base/scan.h"

struct jinja;                                  /* a template; read only: threads share it */

/* Compiles `source`; source and `name`, which is for messages, must stay.  The place is within the
 * message, so err_at() may put that of a row before it.
 *   ST_OK; ST_DATA "name:line:column: what"; ST_SYS */
enum st jinja_read(struct jinja **j, struct view source, const char *name,
                   struct arena *a) must_use;

bool jinja_generation(const struct jinja *j);  /* it has {% generation %} blocks */
bool jinja_uses(const struct jinja *j, const char *variable);  /* it names the variable somewhere */

struct jinja_var { const char *name; const struct scan *value; };      /* NULL: undefined */
struct jinja_range { size_t begin, end; };     /* bytes of the text */

struct jinja_out {                             /* start from {0}, end with jinja_out_free() */
    struct buf text;
    struct buf generation;                     /* struct jinja_range, ascending, disjoint */
};
void jinja_out_free(struct jinja_out *o);

/* Renders anew into *out; `date` is what strftime_now tells.  Takes memory from `a` for the time
 * of the call and gives it back.
 *   ST_OK; ST_DATA what raise_exception said, or a fault of the template with its place; ST_SYS */
enum st jinja_render(const struct jinja *j, const struct jinja_var *v, int64_t n,
                     const struct tm *date, struct jinja_out *out, struct arena *a) must_use;

#endif
