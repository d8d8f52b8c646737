/* jansson.h - the one name of jansson's that headers on the way to a model mention. */
#ifndef JANSSON_H
#define JANSSON_H

typedef void json_t;

#endif
