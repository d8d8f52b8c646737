/* help.h - what an option table says to people; opt.c's other half. */
#ifndef HELP_H
#define HELP_H

#include "base/opt.h"

/* Answers --help, --version or --man on stdout; false when word is none of them. */
bool help_answer(const struct opt_tool *t, const char *word);

/* The tool's option nearest to a mistyped name, or NULL where none is near. */
const char *help_near(const struct opt_tool *t, struct view name);

#endif
