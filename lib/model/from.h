/* from.h - the config.json being read: what config.c and rope.c share. */
#ifndef FROM_H
#define FROM_H

#include "model/model.h"

struct from {                                  /* where the fields come from */
    const char *path;
    json_t     *o;
    const char *type;                          /* model_type */
};

/* ST_DATA: the field, and what is wrong with it, or its value and the supported ones. */
enum st from_refuse(const struct from *f, const char *key, const char *what) must_use;
enum st from_refuse_value(const struct from *f, const char *key, const char *value,
                          const char *supported) must_use;

/* c->freq and c->n_freq, scaled; c's family, sizes and positions are there already. */
enum st rope_read(struct config *c, const struct from *f, struct arena *a) must_use;

#endif
