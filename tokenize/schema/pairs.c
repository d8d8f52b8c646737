/* pairs.c - two answers to one prompt, one preferred.
 *
 * The prompt is a column (a text or messages), or implicit: what chosen and rejected, both lists
 * of messages, begin with, or of two texts the words they begin with. */
#include "schema.h"

static const struct scan *prompt_of(const struct fields *f)
{
    const struct scan *v = field(f, "prompt");

    v = v ? v : field(f, "conversations");
    v = v ? v : field(f, "messages");
    return v ? v : field(f, "question");
}

static bool fits(const struct fields *f)
{
    return field(f, "chosen") && field(f, "rejected");
}

/* Sides that are whole conversations: what both begin with becomes the prompt. */
static enum st implicit_turns(const struct fields *f, struct row *out, size_t at)
{
    struct turns *c = &out->chosen, *r = &out->rejected;
    int64_t n = 0;

    while (n < c->n - 1 && n < r->n - 1 && c->v[n].role == r->v[n].role &&
           view_eq(turn_source(&c->v[n]), turn_source(&r->v[n])))
        n++;
    while (n > 0 && c->v[n].role != ROLE_ASSISTANT)
        n--;
    if (n == 0)
        return misfit(f, at, "chosen and rejected have no prompt in common");
    out->turns = (struct turns){ c->v, n };
    c->v += n, c->n -= n;
    r->v += n, r->n -= n;
    return ST_OK;
}

/* Two texts: the words both begin with; the white space before the first different word goes to
 * the answers. */
static enum st implicit_text(const struct fields *f, struct row *out, size_t at)
{
    struct turn *c = out->chosen.v, *r = out->rejected.v;
    size_t n = 0;

    while (n < c->text.n && n < r->text.n && c->text.p[n] == r->text.p[n])
        n++;
    while (n > 0 && !strchr(" \n\t\r", c->text.p[n - 1]))
        n--;
    while (n > 0 && strchr(" \n\t\r", c->text.p[n - 1]))
        n--;
    if (n == 0)
        return misfit(f, at, "no column 'prompt', and chosen and rejected have no words in common; "
                      "name it with --map prompt=NAME");
    if (turns_room(f, &out->turns, 1) != ST_OK)
        return ST_SYS;
    out->turns.v[out->turns.n++] =
        (struct turn){ .role = ROLE_USER, .text = { c->text.p, n }, .at = c->at };
    c->text.p += n, c->text.n -= n;
    r->text.p += n, r->text.n -= n;
    return ST_OK;
}

static enum st check_side(const struct fields *f, const struct turns *t, const struct scan *v,
                          const char *name)
{
    if (t->n == 0 || t->v[0].role != ROLE_ASSISTANT || t->v[t->n - 1].role != ROLE_ASSISTANT)
        return misfit(f, v->at, "the %s side must begin and end with the assistant", name);
    return ST_OK;
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *c = field(f, "chosen"), *r = field(f, "rejected"), *prompt = prompt_of(f);
    struct view text;
    enum st st;

    out->kind = REC_PREF;
    if (!c || !r)
        return field_text(f, c ? "rejected" : "chosen", false, &text);
    if ((st = field_side(f, c, ROLE_ASSISTANT, &out->chosen)) != ST_OK ||
        (st = field_side(f, r, ROLE_ASSISTANT, &out->rejected)) != ST_OK)
        return st;
    bool whole =
        c->type == SCAN_ARRAY && out->chosen.n > 0 && out->chosen.v[0].role != ROLE_ASSISTANT;
    if (whole && (!prompt || prompt->type == SCAN_TEXT))       /* a text says it once more */
        st = implicit_turns(f, out, c->at);
    else if (prompt)
        st = field_side(f, prompt, ROLE_USER, &out->turns);
    else if (c->type == SCAN_TEXT && r->type == SCAN_TEXT)
        st = implicit_text(f, out, c->at);
    else
        st = misfit(f, f->row->at, "no column 'prompt'; name it with --map prompt=NAME");
    if (st == ST_OK)
        st = check_side(f, &out->chosen, c, "chosen");
    if (st == ST_OK)
        st = check_side(f, &out->rejected, r, "rejected");
    if (st == ST_OK)
        st = field_system(f, &out->turns);
    return st == ST_OK ? row_from_turns(f, out) : st;
}

const struct schema schema_pairs = {
    .name = "pairs", .line = "a prompt and two answers, one preferred; the prompt may be implicit",
    .columns = "chosen, rejected; prompt, conversations, messages or question; "
               "optional system, tools, documents, weight",
    .fits = fits, .read = read_row,
};
