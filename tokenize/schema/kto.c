/* kto.c - one answer with a label, wanted or not (Ethayarajh et al. 2024, arXiv:2402.01306).
 *
 * The label is TRL's `label` or LLaMA-Factory's `kto_tag`.  The answer is `completion` beside
 * `prompt`, or the last turn of a conversation. */
#include "schema.h"

static const struct scan *label_of(const struct fields *f)
{
    const struct scan *v = field(f, "label");

    return v ? v : field(f, "kto_tag");
}

static const struct scan *list(const struct fields *f)
{
    const struct scan *v = field(f, "messages");

    return v ? v : field(f, "conversations");
}

/* A column called label may be of another kind; one called kto_tag may not. */
static bool fits(const struct fields *f)
{
    const struct scan *v = field(f, "label");

    return (field(f, "kto_tag") || (v && field_is_truth(v))) &&
           (list(f) || (field(f, "prompt") && field(f, "completion")));
}

static enum st read_sides(const struct fields *f, struct row *out)
{
    const struct scan *prompt = field(f, "prompt"), *completion = field(f, "completion");
    struct view text;
    enum st st;

    if (!prompt || !completion)
        return field_text(f, prompt ? "completion" : "prompt", false, &text);
    if ((st = field_side(f, prompt, ROLE_USER, &out->turns)) != ST_OK)
        return st;
    return field_side(f, completion, ROLE_ASSISTANT, &out->chosen);
}

/* The last turn of the list becomes the completion. */
static enum st read_list(const struct fields *f, const struct scan *v, struct row *out)
{
    enum st st = field_turns(f, v, &out->turns);

    if (st != ST_OK)
        return st;
    int64_t n = out->turns.n;
    out->chosen = (struct turns){ out->turns.v + MAX(n - 1, 0), MIN(n, 1) };
    out->turns.n = MAX(n - 1, 0);
    return ST_OK;
}

static enum st read_row(const struct fields *f, struct row *out)
{
    const struct scan *label = label_of(f), *v = list(f);
    enum st st;

    out->kind = REC_LABEL;
    if (!label)
        return misfit(f, f->row->at, "no column 'label'; name it with --map label=NAME, or choose "
                      "another --schema");
    if ((st = field_truth(f, label, &out->good)) != ST_OK ||
        (st = v ? read_list(f, v, out) : read_sides(f, out)) != ST_OK)
        return st;
    const struct turns *c = &out->chosen;
    if (c->n == 0 || c->v[0].role != ROLE_ASSISTANT || c->v[c->n - 1].role != ROLE_ASSISTANT)
        return misfit(f, v ? v->at : f->row->at, "the completion must be the assistant's");
    st = field_system(f, &out->turns);
    return st == ST_OK ? row_from_turns(f, out) : st;
}

const struct schema schema_kto = {
    .name = "kto", .line = "an answer and whether it is wanted",
    .columns = "label or kto_tag; prompt, completion; or messages, or conversations; "
               "optional system, tools, documents, weight",
    .fits = fits, .read = read_row,
};
