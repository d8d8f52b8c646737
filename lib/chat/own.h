/* own.h - the two kinds of chat, for each other alone. */
#ifndef CHAT_OWN_H
#define CHAT_OWN_H

#include "chat/chat.h"

/* Both render the turns up to the last wanted one; prompt: all, and what stands before the
 * answer. */
enum st layout_render(struct rendering *r, const struct chat *c, const struct talk *t,
                     bool prompt) must_use;
enum st program_render(struct rendering *r, const struct chat *c, const struct talk *t, bool prompt,
                       struct arena *a) must_use;

/* How many turns stand up to the last wanted one, it included. */
int64_t talk_wanted(const struct talk *t);

/* Begins the set of markers: begin and end tokens; and one more, where it is not yet there. */
enum st markers_new(struct chat *c, const struct tokenizer *t, struct arena *a) must_use;
enum st markers_add(struct chat *c, const struct tokenizer *t, int64_t id) must_use;

#endif
