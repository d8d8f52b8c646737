/* hh.c - preference transcripts of Anthropic's HH-RLHF (Bai et al. 2022, arXiv:2204.05862): two
 * whole conversations.
 *
 * The prompt is what both have in common, up to their last common `Assistant:`; what follows are
 * the sides.  Mostly that is one answer each.  Where the two part earlier, a side goes on with
 * more turns, of which only the assistant's are trained. With --template none the transcripts
 * stay as they are written, markers and spaces included. */
#include "schema.h"

static const struct view human = { "\n\nHuman:", 8 }, assistant = { "\n\nAssistant:", 12 };

struct marker { size_t begin, end; enum role role; };

static bool next_marker(struct view s, size_t from, struct marker *m)
{
    for (size_t i = from; i + human.n <= s.n; i++) {
        const char *p = memmem(s.p + i, s.n - i, "\n\n", 2);
        if (!p)
            return false;
        i = (size_t)(p - s.p);
        bool h = s.n - i >= human.n && memcmp(p, human.p, human.n) == 0;
        bool a = s.n - i >= assistant.n && memcmp(p, assistant.p, assistant.n) == 0;
        if (h || a) {
            *m = (struct marker){ i, i + (h ? human.n : assistant.n),
                                  h ? ROLE_USER : ROLE_ASSISTANT };
            return true;
        }
    }
    return false;
}

/* The turns of s, of which the first has no marker any more. */
static enum st read_turns(const struct fields *f, struct view s, enum role first, size_t at,
                          struct turns *out)
{
    struct marker m;
    int64_t n = 1;

    for (size_t i = 0; next_marker(s, i, &m); i = m.end)
        n++;
    if (turns_room(f, out, n) != ST_OK)
        return ST_SYS;
    size_t begin = 0;
    enum role role = first;
    while (out->n < n) {
        bool more = next_marker(s, begin, &m);
        struct view text = { s.p + begin, (more ? m.begin : s.n) - begin };
        out->v[out->n++] = (struct turn){ .role = role, .text = text, .train = true, .at = at };
        if (more) {
            begin = m.end;
            role = m.role;
        }
    }
    return ST_OK;
}

/* The bytes both begin with, up to and with their last common `Assistant:`; 0: there is none. */
static size_t common_prompt(struct view a, struct view b)
{
    size_t n = 0, cut = 0;
    struct marker m;

    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    struct view common = { a.p, n };
    for (size_t i = 0; next_marker(common, i, &m); i = m.end)
        if (m.role == ROLE_ASSISTANT)
            cut = m.end;
    return cut;
}

static bool is_transcript(const struct scan *v)
{
    struct marker m;

    return v && v->type == SCAN_TEXT && next_marker(v->text, 0, &m) && m.begin == 0;
}

static bool fits(const struct fields *f)
{
    return is_transcript(field(f, "chosen")) && is_transcript(field(f, "rejected")) &&
           !field(f, "prompt");
}

static enum st read_side(const struct fields *f, struct view s, size_t at, const char *name,
                         struct turns *out)
{
    enum st st = read_turns(f, s, ROLE_ASSISTANT, at, out);

    if (st != ST_OK)
        return st;
    if (out->v[out->n - 1].role != ROLE_ASSISTANT)
        return misfit(f, at, "the %s transcript does not end with the assistant", name);
    if (f->verbatim && out->n > 1)
        return misfit(f, at, "the transcripts part before their last answer, which --template none "
                      "cannot mask; try --template plain");
    return ST_OK;
}

/* The first user turn, for the split: the same whatever the template. */
static bool find_key(const struct turns *t, struct row *out)
{
    for (int64_t i = 0; i < t->n; i++)
        if (t->v[i].role == ROLE_USER) {
            out->key = t->v[i].text;
            return true;
        }
    return false;
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *c = field(f, "chosen"), *r = field(f, "rejected");
    struct view chosen, rejected;
    struct turns all;
    enum st st;

    out->kind = REC_PREF;
    if ((st = field_text(f, "chosen", false, &chosen)) != ST_OK ||
        (st = field_text(f, "rejected", false, &rejected)) != ST_OK)
        return st;
    if (!is_transcript(c) || !is_transcript(r))
        return misfit(f, is_transcript(c) ? r->at : c->at,
                      "a transcript must begin with two line ends and 'Human:' or "
                      "'Assistant:'; for other pairs use --schema pairs");
    size_t cut = common_prompt(chosen, rejected);
    if (cut == 0)
        return misfit(f, c->at, "the transcripts have no 'Assistant:' in common");
    struct view prompt = { chosen.p, cut - assistant.n };
    struct marker m;
    if (!next_marker((struct view){ chosen.p, cut }, 0, &m))
        return misfit(f, c->at, "the transcripts have no turn in common");
    if (f->verbatim)
        st = turns_room(f, &out->turns, 1);
    else if (m.end < cut)
        st = read_turns(f, (struct view){ prompt.p + m.end, prompt.n - m.end }, m.role, c->at,
                        &out->turns);
    if (st == ST_OK && f->verbatim)
        out->turns.v[out->turns.n++] =
            (struct turn){ .role = ROLE_USER, .text = { chosen.p, cut }, .at = c->at };
    if (st == ST_OK)
        st = read_side(f, (struct view){ chosen.p + cut, chosen.n - cut }, c->at, "chosen",
                       &out->chosen);
    if (st == ST_OK)
        st = read_side(f, (struct view){ rejected.p + cut, rejected.n - cut }, r->at, "rejected",
                       &out->rejected);
    if (st != ST_OK)
        return st;

    if ((st = row_extras(f, out)) != ST_OK)
        return st;
    struct view *source = source_room(f, out, 2);
    if (!source)
        return ST_SYS;
    source[0] = chosen;
    source[1] = rejected;
    if (!f->verbatim)
        all = out->turns;
    else if ((st = read_turns(f, (struct view){ chosen.p + m.end, chosen.n - m.end }, m.role, c->at,
                              &all)) != ST_OK)
        return st;
    if (!find_key(&all, out))
        find_key(&out->chosen, out);
    return ST_OK;
}

const struct schema schema_hh = {
    .name = "hh", .line = "two transcripts of Human: and Assistant: turns, one preferred",
    .columns = "chosen, rejected; optional weight",
    .fits = fits, .read = read_row,
};
