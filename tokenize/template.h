/* template.h - the chat template of a run: --template, --template-vars and --date.
 *
 * auto is the template of the tokenizer's folder: chat_template.jinja, else chat_template of
 * tokenizer_config.json, of several the one called default; else the layout that fits the
 * tokenizer.  Nothing is told to a template that it does not ask for. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "setup.h"

#define TEMPLATE_DATE "2024-07-26"             /* the day Llama 3.1's own template falls back on */

/*   ST_OK; ST_USAGE no such template, or a variable that it does not use; ST_DATA a template that
 *   cannot be read; ST_SYS */
enum st template_open(const struct setup *s, const struct tokenizer *t, struct chat *c,
                      struct arena *a) must_use;

#endif
