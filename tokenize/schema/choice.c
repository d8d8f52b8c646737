/* choice.c - a question, the answers there are to choose from, and which of them is right.
 *
 * Prompts are those of lm-evaluation-harness without examples, so that scores compare:
 *
 *     MMLU        question, a line for each choice, `Answer:`; the letters are what is scored
 *     ARC         `Question: `, question, `Answer:`
 *     HellaSwag   the context, its markup taken out
 *     TruthfulQA  `Q: `, question, `A:` (mc1_targets, or by --map mc2_targets)
 *
 * With --template none the choice follows the prompt and a space, and white space at the prompt's
 * end is the choice's; else prompt and choice are the turns of the user and the assistant. */
#include "schema.h"
#include "text/unicode.h"

struct question {
    struct view  prompt;
    struct turns choices;
    int64_t      answer;
    int64_t     *right, n_right;               /* all that are, where they are told by labels */
    size_t       at;                           /* where the answer stands */
};

static const struct scan *mc1(const struct fields *f)
{
    return field(f, "mc1_targets");
}

static bool fits(const struct fields *f)
{
    bool arc = field(f, "question") && field(f, "choices") &&
               (field(f, "answer") || field(f, "answerKey"));

    return arc || (field(f, "endings") && field(f, "label")) || (field(f, "question") && mc1(f));
}

static enum st add_choice(const struct fields *f, const struct scan *v, struct question *q)
{
    if (v->type != SCAN_TEXT)
        return misfit(f, v->at, "a choice that is no text");
    q->choices.v[q->choices.n++] = (struct turn){
        .role = ROLE_ASSISTANT, .text = v->text, .train = true, .at = v->at
    };
    return ST_OK;
}

/* A list of texts. */
static enum st add_choices(const struct fields *f, const struct scan *v, struct question *q)
{
    if (!v || v->type != SCAN_ARRAY)
        return misfit(f, v ? v->at : f->row->at, "choices must be a list of texts");
    enum st st = turns_room(f, &q->choices, v->n);
    for (int32_t i = 0; i < v->n && st == ST_OK; i++)
        st = add_choice(f, &v->item[i], q);
    return st;
}

/* An index from 0, as number or text, or a letter from A. */
static enum st answer_of(const struct fields *f, const struct scan *v, struct question *q)
{
    int64_t i = -1;

    if (!v)
        return misfit(f, f->row->at, "no column that tells the answer");
    q->at = v->at;
    if (v->type == SCAN_NUMBER && v->number >= 0 && v->number < REC_CHOICES_MAX)
        i = (int64_t)v->number == v->number ? (int64_t)v->number : -1;
    if (v->type == SCAN_TEXT && v->text.n == 1) {
        char c = v->text.p[0];
        i = c >= 'A' && c <= 'Z' ? c - 'A' : c >= '0' && c <= '9' ? c - '0' : -1;
    }
    q->answer = i;
    return ST_OK;
}

static enum st around(const struct fields *f, const char *before, const struct scan *v,
                      const char *after, struct view *out)
{
    enum st st;

    if (!v || v->type != SCAN_TEXT)
        return misfit(f, v ? v->at : f->row->at, "a question that is no text");
    if ((st = join(f, view_of(before), "", v->text, out)) != ST_OK)
        return st;
    return join(f, *out, "\n", view_of(after), out);
}

/* ---- the shapes ---- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static enum st read_mmlu(const struct fields *f, struct question *q)
{
    const struct scan *question = field(f, "question");
    struct view text = { 0 };
    enum st st;

    if ((st = add_choices(f, field(f, "choices"), q)) != ST_OK ||
        (st = answer_of(f, field(f, "answer"), q)) != ST_OK ||
        (st = field_text(f, "question", false, &text)) != ST_OK)
        return st;
    if (q->choices.n >= countof(letters))
        return misfit(f, question->at, "more choices than letters");
    text = unicode_trim(text);
    for (int64_t i = 0; i < q->choices.n && st == ST_OK; i++) {
        const char between[] = { '\n', letters[i], '.', ' ', 0 };
        struct view choice = q->choices.v[i].text;
        st = join(f, text, between, choice.n ? choice : VIEW(" "), &text);
        q->choices.v[i].text = (struct view){ &letters[i], 1 };
    }
    return st == ST_OK ? join(f, text, "\n", VIEW("Answer:"), &q->prompt) : st;
}

/* choices: {"text": [...], "label": [...]} or [{"text": ..., "label": ...}, ...]. */
static const struct scan *arc_label(const struct scan *choices, int64_t i)
{
    const struct scan *list = scan_find(choices, "label");

    if (choices->type == SCAN_ARRAY)
        return i < choices->n ? scan_find(&choices->item[i], "label") : NULL;
    return list && list->type == SCAN_ARRAY && i < list->n ? &list->item[i] : NULL;
}

static enum st read_arc(const struct fields *f, struct question *q)
{
    const struct scan *choices = field(f, "choices"), *key = field(f, "answerKey");
    enum st st = ST_OK;

    if (choices->type == SCAN_OBJECT) {
        st = add_choices(f, scan_find(choices, "text"), q);
    } else {
        st = turns_room(f, &q->choices, choices->n);
        for (int32_t i = 0; i < choices->n && st == ST_OK; i++) {
            const struct scan *text = scan_find(&choices->item[i], "text");
            st = add_choice(f, text ? text : &choices->item[i], q);
        }
    }
    if (st != ST_OK)
        return st;
    if (!key || key->type != SCAN_TEXT)
        return misfit(f, key ? key->at : f->row->at, "no text in the column 'answerKey'");
    q->answer = -1;
    q->at = key->at;
    for (int64_t i = 0; i < q->choices.n && q->answer < 0; i++) {
        const struct scan *label = arc_label(choices, i);
        if (label && view_eq(label->text, key->text))
            q->answer = i;
    }
    return around(f, "Question: ", field(f, "question"), "Answer:", &q->prompt);
}

/* `label` may be a number or text; the markup of WikiHow in brackets goes. */
static enum st clean(const struct fields *f, struct view s, struct view *out)
{
    char *p = arena_get(f->a, 2 * s.n + 1);

    if (!p)
        return ST_SYS;
    *out = (struct view){ p, 0 };
    s = unicode_trim(s);
    for (size_t i = 0; i < s.n;) {
        const char *line = memchr(s.p + i, '\n', s.n - i);
        size_t n = line ? (size_t)(line - s.p) - i : s.n - i;
        const char *close = s.p[i] == '[' ? memchr(s.p + i, ']', n) : NULL;
        if (s.n - i >= 8 && memcmp(s.p + i, " [title]", 8) == 0) {
            p[out->n++] = '.';
            p[out->n++] = ' ';
            i += 8;
        } else if (close) {
            i = (size_t)(close - s.p) + 1;
        } else {
            p[out->n++] = s.p[i++];
        }
    }
    size_t n = 0;                              /* two spaces are one; of three, two stay */
    for (size_t i = 0; i < out->n; i++) {
        p[n++] = p[i];
        i += p[i] == ' ' && i + 1 < out->n && p[i + 1] == ' ';
    }
    out->n = n;
    return ST_OK;
}

/* First letter upper, the others lower, of ASCII. */
static enum st capitalized(const struct fields *f, struct view *s)
{
    char *p = arena_text(f->a, *s);

    if (!p)
        return ST_SYS;
    for (size_t i = 0; i < s->n; i++) {
        bool lower = p[i] >= 'a' && p[i] <= 'z', upper = p[i] >= 'A' && p[i] <= 'Z';
        if (i == 0 ? lower : upper)
            p[i] ^= 0x20;
    }
    s->p = p;
    return ST_OK;
}

static enum st read_hellaswag(const struct fields *f, struct question *q)
{
    struct view activity, context, second;
    enum st st;

    if ((st = add_choices(f, field(f, "endings"), q)) != ST_OK ||
        (st = answer_of(f, field(f, "label"), q)) != ST_OK ||
        (st = field_text(f, "activity_label", true, &activity)) != ST_OK)
        return st;
    if (field(f, "ctx_a") && field(f, "ctx_b")) {
        if ((st = field_text(f, "ctx_a", false, &context)) != ST_OK ||
            (st = field_text(f, "ctx_b", false, &second)) != ST_OK ||
            (st = capitalized(f, &second)) != ST_OK ||
            (st = join(f, context, " ", second, &context)) != ST_OK)
            return st;
    } else if ((st = field_text(f, "ctx", false, &context)) != ST_OK) {
        return st;
    }
    if (activity.n && (st = join(f, activity, ": ", context, &context)) != ST_OK)
        return st;
    for (int64_t i = 0; i < q->choices.n && st == ST_OK; i++)
        st = clean(f, q->choices.v[i].text, &q->choices.v[i].text);
    return st == ST_OK ? clean(f, context, &q->prompt) : st;
}

/* {"choices": [...], "labels": [1, 0, ...]}, or {"the choice": 1, "another": 0, ...}. */
static enum st read_truthful(const struct fields *f, struct question *q)
{
    const struct scan *v = mc1(f), *labels = scan_find(v, "labels");
    enum st st = ST_OK;

    q->answer = -1;
    q->at = v->at;
    if (v->type != SCAN_OBJECT)
        return misfit(f, v->at, "the column 'mc1_targets' is no object");
    if (labels) {
        st = add_choices(f, scan_find(v, "choices"), q);
    } else {
        st = turns_room(f, &q->choices, v->n);
        for (int32_t i = 0; i < v->n && st == ST_OK; i++)
            q->choices.v[q->choices.n++] = (struct turn){
                .role = ROLE_ASSISTANT, .text = v->key[i], .train = true, .at = v->item[i].at
            };
        labels = v;
    }
    if (!(q->right = ARENA_NEW(f->a, int64_t, MAX(q->choices.n, 1))))
        return ST_SYS;
    for (int64_t i = 0; i < labels->n && i < q->choices.n; i++)
        if (labels->item[i].type == SCAN_NUMBER && labels->item[i].number == 1)
            q->right[q->n_right++] = i;
    q->answer = q->n_right ? q->right[0] : -1;
    return st == ST_OK ? around(f, "Q: ", field(f, "question"), "A:", &q->prompt) : st;
}

static enum st read_shape(const struct fields *f, struct question *q)
{
    const struct scan *choices = field(f, "choices");

    if (field(f, "endings"))
        return read_hellaswag(f, q);
    if (mc1(f))
        return read_truthful(f, q);
    if (choices && (choices->type == SCAN_OBJECT || field(f, "answerKey")))
        return read_arc(f, q);
    return read_mmlu(f, q);
}

/* ---- the row ---- */

static int64_t code_points(struct view s)
{
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

/* Under --template none: prompt, a space, choice. */
static enum st apart(const struct fields *f, struct question *q)
{
    const char *from = q->prompt.p + q->prompt.n;
    struct view all = q->prompt, space;
    enum st st = ST_OK;

    while (q->prompt.n && unicode_trim((struct view){ q->prompt.p + q->prompt.n - 1, 1 }).n == 0)
        q->prompt.n--;
    space = (struct view){ q->prompt.p + q->prompt.n, 0 };
    space.n = (size_t)(from - space.p);
    BUG_IF(all.n != q->prompt.n + space.n);
    for (int64_t i = 0; i < q->choices.n && st == ST_OK; i++)
        if (q->choices.v[i].text.n)
            st = join(f, space, " ", q->choices.v[i].text, &q->choices.v[i].text);
    return st;
}

static enum st read_row(const struct fields *f, struct row *out)
{
    struct question q = { 0 };
    enum st st = read_shape(f, &q);

    out->kind = REC_CHOICE;
    if (st != ST_OK || (st = field_text(f, "subject", true, &out->group)) != ST_OK)
        return st;
    if (q.choices.n < 2 || q.choices.n > REC_CHOICES_MAX)
        return misfit(f, q.at, "%lld choices; there must be two or more, and at most %d",
                      (long long)q.choices.n, REC_CHOICES_MAX);
    if (q.answer < 0 || q.answer >= q.choices.n)
        return misfit(f, q.at, "the answer is none of the %lld choices", (long long)q.choices.n);
    int64_t *chars = ARENA_NEW(f->a, int64_t, q.choices.n);
    if (!chars || turns_room(f, &out->turns, 1) != ST_OK)
        return ST_SYS;
    for (int64_t i = 0; i < q.choices.n; i++)
        chars[i] = code_points(q.choices.v[i].text);
    if (f->verbatim && (st = apart(f, &q)) != ST_OK)
        return st;
    out->turns.v[out->turns.n++] =
        (struct turn){ .role = ROLE_USER, .text = q.prompt, .at = f->row->at };
    out->chosen = q.choices;
    out->chars = chars;
    out->answer = q.answer;
    out->right = q.right;
    out->n_right = q.n_right > 1 ? q.n_right : 0;
    return row_from_turns(f, out);
}

const struct schema schema_choice = {
    .name = "choice", .line = "a question and the answers to choose from, one of them right",
    .columns = "question, choices, answer, subject; or question, choices, answerKey; or ctx or "
               "ctx_a and ctx_b, endings, label, activity_label; or question, mc1_targets",
    .fits = fits, .read = read_row,
};
