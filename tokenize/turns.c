/* turns.c - what schemas share of conversations: messages, tools, weights, source texts. */
#include <math.h>

#include "schema.h"
#include "text/unicode.h"

static const struct {
    const char *name;
    enum role   role;
    bool        call;                          /* its text is a tool call */
} roles[] = {
    { "system", ROLE_SYSTEM, false },       { "user", ROLE_USER, false },
    { "human", ROLE_USER, false },          { "assistant", ROLE_ASSISTANT, false },
    { "gpt", ROLE_ASSISTANT, false },       { "tool", ROLE_TOOL, false },
    { "observation", ROLE_TOOL, false },    { "function_call", ROLE_ASSISTANT, true },
};

static enum st role_of(const struct fields *f, const struct scan *v, struct turn *out, bool *call)
{
    for (int i = 0; i < countof(roles); i++)
        if (view_is(v->text, roles[i].name)) {
            out->role = roles[i].role;
            *call = roles[i].call;
            return ST_OK;
        }
    return misfit(f, v->at, "the role '%s' is not known; system, user, assistant and tool are",
                  shown(v->text));
}

static const struct scan *either(const struct scan *o, const char *a, const char *b)
{
    const struct scan *v = scan_find(o, a);

    return v ? v : scan_find(o, b);
}

static bool wanted(const struct scan *message)
{
    const struct scan *train = scan_find(message, "train"), *weight = scan_find(message, "weight");

    return !(train && train->type == SCAN_FALSE) &&
           !(weight && weight->type == SCAN_NUMBER && weight->number == 0);
}

/* Tool calls or reasoning. */
static bool has_more(const struct scan *m)
{
    static const char *const names[] = { "tool_calls", "reasoning_content", "thinking",
                                         "reasoning" };

    for (int i = 0; i < countof(names); i++) {
        const struct scan *v = scan_find(m, names[i]);
        if (v && (v->type == SCAN_TEXT ? v->text.n > 0 : v->type == SCAN_ARRAY && v->n > 0))
            return true;
    }
    return false;
}

/* The texts of a content in parts, one behind the other. */
static enum st join_parts(const struct fields *f, const struct scan *parts, struct view *out)
{
    *out = (struct view){ "", 0 };
    for (int32_t i = 0; i < parts->n; i++) {
        const struct scan *type = scan_find(&parts->item[i], "type"),
                          *text = scan_find(&parts->item[i], "text");
        if (!type || !view_is(type->text, "text") || !text || text->type != SCAN_TEXT)
            return misfit(f, parts->item[i].at, "a part of 'content' that is no text");
        if (join(f, *out, "", text->text, out) != ST_OK)
            return ST_SYS;
    }
    return ST_OK;
}

/* ---- tools ---- */

static void member(struct scan *o, const char *key, struct scan value)
{
    o->key[o->n] = view_of(key);
    o->item[o->n++] = value;
}

/* An object with room for n members. */
static enum st object(const struct fields *f, struct scan *o, int32_t n)
{
    *o = (struct scan){ .type = SCAN_OBJECT };
    o->key = ARENA_NEW(f->a, struct view, n);
    o->item = ARENA_NEW(f->a, struct scan, n);
    return o->key && o->item ? ST_OK : ST_SYS;
}

/* {"type": "function", "function": v}, which is what templates know. */
static enum st as_function(const struct fields *f, const struct scan *v, struct scan *out)
{
    const struct scan type = { .type = SCAN_TEXT, .text = VIEW("function"),
                               .raw = VIEW("function") };

    if (v->type != SCAN_OBJECT || scan_find(v, "function") || !scan_find(v, "name")) {
        *out = *v;
        return ST_OK;
    }
    if (object(f, out, 2) != ST_OK)
        return ST_SYS;
    member(out, "type", type);
    member(out, "function", *v);
    return ST_OK;
}

/* A list of functions from JSON within a text, from an object, or from a list of them. */
static enum st functions(const struct fields *f, const struct scan *v, const char *what,
                         struct scan *out)
{
    const struct scan *list = v;
    struct scan inner;
    size_t at = 0;

    if (v->type == SCAN_TEXT) {
        enum st st = scan_next(&inner, v->text, &at, f->a);
        struct scan rest;
        if (st == ST_OK)
            st = scan_next(&rest, v->text, &at, f->a) == ST_END ? ST_OK : ST_DATA;
        if (st == ST_SYS)
            return st;
        if (st != ST_OK) {
            err_clear();
            return misfit(f, v->at, "%s that is not one value of JSON", what);
        }
        list = &inner;
    }
    *out = (struct scan){ .type = SCAN_ARRAY, .raw = v->raw };
    const struct scan *item = list->type == SCAN_ARRAY ? list->item : list;
    int32_t n = list->type == SCAN_ARRAY ? list->n : 1;
    if (!(out->item = ARENA_NEW(f->a, struct scan, MAX(n, 1))))
        return ST_SYS;
    for (; out->n < n; out->n++) {
        if (item[out->n].type != SCAN_OBJECT)
            return misfit(f, v->at, "%s that is no object", what);
        if (as_function(f, &item[out->n], &out->item[out->n]) != ST_OK)
            return ST_SYS;
    }
    return ST_OK;
}

/* A turn of tool calls, told as JSON in its text. */
static enum st tool_call(const struct fields *f, struct turn *t, size_t at)
{
    const struct scan role = { .type = SCAN_TEXT, .text = VIEW("assistant"),
                               .raw = VIEW("assistant") };
    const struct scan text = { .type = SCAN_TEXT, .text = t->text, .raw = t->text, .at = at };
    struct scan *m = ARENA_NEW(f->a, struct scan, 1), calls;
    enum st st = m ? functions(f, &text, "a tool call", &calls) : ST_SYS;

    if (st != ST_OK || (st = object(f, m, 2)) != ST_OK)
        return st;
    calls.raw = (struct view){ 0 };
    member(m, "role", role);
    member(m, "tool_calls", calls);
    t->message = m;
    t->more = true;
    return ST_OK;
}

/* ---- messages ---- */

static enum st content_of(const struct fields *f, const struct scan *m, const struct scan *content,
                          struct turn *out)
{
    bool none = !content || content->type == SCAN_NULL;

    out->text = (struct view){ "", 0 };
    if (none && out->more)
        return ST_OK;
    if (!none && content->type == SCAN_ARRAY)
        return join_parts(f, content, &out->text);
    if (none || content->type != SCAN_TEXT)
        return misfit(f, content ? content->at : m->at, "a message whose 'content' is no text");
    out->text = content->text;
    return ST_OK;
}

static enum st message(const struct fields *f, const struct scan *m, struct turn *out)
{
    const struct scan *role = either(m, "role", "from"), *content = either(m, "content", "value");
    bool call = false;
    enum st st;

    if (m->type != SCAN_OBJECT)
        return misfit(f, m->at, "a message must be an object with 'role' and 'content'");
    if (!role || role->type != SCAN_TEXT)
        return misfit(f, m->at, "a message without a 'role'");
    *out = (struct turn){ .train = wanted(m), .more = has_more(m), .at = m->at };
    if ((st = content_of(f, m, content, out)) != ST_OK ||
        (st = role_of(f, role, out, &call)) != ST_OK)
        return st;
    if (call)
        return tool_call(f, out, content ? content->at : m->at);
    if (scan_find(m, "role") && !scan_find(m, "value"))
        out->message = m;
    return ST_OK;
}

enum st turns_room(const struct fields *f, struct turns *t, int64_t n)
{
    t->n = 0;
    t->v = ARENA_NEW(f->a, struct turn, MAX(n, 1));
    return t->v ? ST_OK : ST_SYS;
}

enum st field_turns(const struct fields *f, const struct scan *list, struct turns *out)
{
    if (list->type != SCAN_ARRAY)
        return misfit(f, list->at, "a list of messages must stand here");
    enum st st = turns_room(f, out, list->n);
    for (int32_t i = 0; i < list->n && st == ST_OK; i++)
        st = message(f, &list->item[i], &out->v[out->n++]);
    return st;
}

enum st field_turn(const struct fields *f, const struct scan *v, enum role role, struct turn *out)
{
    if (v->type == SCAN_OBJECT)
        return message(f, v, out);
    if (v->type != SCAN_TEXT)
        return misfit(f, v->at, "a text or a message must stand here");
    *out = (struct turn){ .role = role, .text = v->text, .train = true, .at = v->at };
    return ST_OK;
}

enum st field_side(const struct fields *f, const struct scan *v, enum role role, struct turns *out)
{
    if (v->type == SCAN_ARRAY)
        return field_turns(f, v, out);
    if (turns_room(f, out, 1) != ST_OK)
        return ST_SYS;
    return field_turn(f, v, role, &out->v[out->n++]);
}

enum st field_system(const struct fields *f, struct turns *turns)
{
    struct view system;
    struct turns all;
    enum st st = field_text(f, "system", true, &system);

    if (st != ST_OK || system.n == 0)
        return st;
    if (turns_room(f, &all, turns->n + 1) != ST_OK)
        return ST_SYS;
    all.v[all.n++] = (struct turn){ .role = ROLE_SYSTEM, .text = system, .at = f->row->at };
    for (int64_t i = 0; i < turns->n; i++)
        all.v[all.n++] = turns->v[i];
    *turns = all;
    return ST_OK;
}

/* 1 or 0, and -1 for what is neither. */
static int truth_of(const struct scan *v)
{
    bool text = v->type == SCAN_TEXT, number = v->type == SCAN_NUMBER;

    if (v->type == SCAN_TRUE || (number && v->number == 1) ||
        (text && (view_is(v->text, "true") || view_is(v->text, "True"))))
        return 1;
    if (v->type == SCAN_FALSE || (number && v->number == 0) ||
        (text && (view_is(v->text, "false") || view_is(v->text, "False"))))
        return 0;
    return -1;
}

bool field_is_truth(const struct scan *v)
{
    return truth_of(v) >= 0;
}

enum st field_truth(const struct fields *f, const struct scan *v, bool *truth)
{
    *truth = truth_of(v) == 1;
    return field_is_truth(v) ? ST_OK
                             : misfit(f, v->at, "a label that is neither true nor false");
}

/* ---- rows ---- */

struct view *source_room(const struct fields *f, struct row *out, int64_t n)
{
    struct view *v = ARENA_NEW(f->a, struct view, MAX(n, 1));

    out->source = v;
    out->n_source = n;
    return v;
}

struct view turn_source(const struct turn *t)
{
    const struct scan *content = t->message ? scan_find(t->message, "content") : NULL;

    return t->message && t->message->raw.p &&
                   (t->more || !content || content->type != SCAN_TEXT)
               ? t->message->raw : t->text;
}

static void put_source(struct view **to, const struct turns *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        *(*to)++ = view_of(role_name(t->v[i].role));
        *(*to)++ = turn_source(&t->v[i]);
    }
}

enum st row_extras(const struct fields *f, struct row *out)
{
    const struct scan *weight = field(f, "weight"), *tools = field(f, "tools"),
                      *documents = field(f, "documents");

    out->w = weight ? weight->number : 1;
    if (weight && (weight->type != SCAN_NUMBER || !isfinite(out->w) || out->w < 0))
        return misfit(f, weight->at, "the column 'weight' is no number of at least 0");
    if (tools && !(tools->type == SCAN_TEXT && unicode_trim(tools->text).n == 0)) {
        struct scan *list = ARENA_NEW(f->a, struct scan, 1);
        enum st st = list ? functions(f, tools, "a tool", list) : ST_SYS;
        if (st != ST_OK)
            return st;
        out->tools = list->n ? list : NULL;
    }
    if (documents && documents->type != SCAN_ARRAY)
        return misfit(f, documents->at, "the column 'documents' is no list");
    for (int32_t i = 0; documents && i < documents->n; i++)
        if (documents->item[i].type != SCAN_OBJECT)
            return misfit(f, documents->item[i].at, "a document that is no object");
    out->documents = documents && documents->n ? documents : NULL;
    return ST_OK;
}

enum st row_from_turns(const struct fields *f, struct row *out)
{
    enum st st = row_extras(f, out);
    int64_t n = 2 * (out->turns.n + out->chosen.n + out->rejected.n), first = 0;
    struct view *to = st == ST_OK ? source_room(f, out, n + 3) : NULL;

    if (!to)
        return st == ST_OK ? ST_SYS : st;
    const struct view *from = to;
    put_source(&to, &out->turns);
    put_source(&to, &out->chosen);
    put_source(&to, &out->rejected);
    if (out->tools)
        *to++ = out->tools->raw;
    if (out->documents)
        *to++ = out->documents->raw;
    if (out->kind == REC_LABEL)
        *to++ = out->good ? VIEW("good") : VIEW("bad");
    out->n_source = to - from;
    const struct turns *t = &out->turns;
    while (first < t->n && t->v[first].role != ROLE_USER)
        first++;
    if (t->n)
        out->key = t->v[first < t->n ? first : 0].text;
    return ST_OK;
}

enum st row_chosen(const struct fields *f, struct row *row)
{
    struct row sft = { .kind = REC_SFT };
    struct view key = row->key;
    enum st st = turns_room(f, &sft.turns, row->turns.n + row->chosen.n);

    if (st != ST_OK)
        return st;
    for (int64_t i = 0; i < row->turns.n; i++)
        sft.turns.v[sft.turns.n++] = row->turns.v[i];
    for (int64_t i = 0; i < row->chosen.n; i++)
        sft.turns.v[sft.turns.n++] = row->chosen.v[i];
    *row = sft;
    st = row_from_turns(f, row);
    row->key = key;
    return st;
}
