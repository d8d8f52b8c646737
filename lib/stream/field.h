/* field.h - the fields of a record as the walk over its map finds them; for rec.c and field.c
 * alone. */
#ifndef FIELD_H
#define FIELD_H

#include "stream/rec.h"

/* Fields this version knows, by length of name. */
#define FIELDS                                                                                     \
    X(T, "t")                                                                                      \
    X(W, "w") X(N, "n") X(I, "i") X(ID, "id") X(SRC, "src") X(IDS, "ids") X(REF, "ref")            \
        X(OBJ, "obj") X(WHY, "why") X(USE, "use") X(MIX, "mix") X(SPAN, "span") X(GOOD, "good")    \
            X(TEXT, "text") X(CHARS, "chars") X(GROUP, "group") X(RIGHT, "right")        \
                X(TRAIN, "train")                                                                  \
                X(PHASE, "phase") X(STATE, "state") X(PROMPT, "prompt") X(CHOSEN, "chosen")        \
                    X(ANSWER, "answer") X(FINISH, "finish") X(CHOICES, "choices")                  \
                        X(REJECTED, "rejected") X(COMPLETION, "completion")                        \
                            X(CHOSEN_SPAN, "chosen_span") X(REJECTED_SPAN, "rejected_span")        \
                                X(COMPLETION_SPAN, "completion_span")
enum field {
#define X(id, text) F_##id,
    FIELDS
#undef X
    N_FIELDS
};
extern const char field_name[N_FIELDS][16];

struct take {
    struct mp      v[N_FIELDS];
    struct view    mix;                        /* the whole value of that field */
    uint32_t       have;
    struct mp_in   in;
    const uint8_t *end;                        /* of the record, once walked */
    int            width;
    struct arena  *arena;
    char          *why;
    enum st        st;                         /* ST_SYS where the arena said no */
};

static inline bool has(const struct take *t, enum field f)
{
    return t->have >> f & 1;
}

/* Says in t->why what is wrong; false. */
bool field_bad(struct take *t, const char *fmt, ...) like_printf(2, 3);
/* The fields that r->kind has, checked, into *r. */
bool field_take(struct take *t, struct rec *r) must_use;

#endif
