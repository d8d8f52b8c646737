/* program.c - chat templates in Jinja: what they see of a conversation, and where its turns stand.
 *
 * The messages are those of the row, with what transformers does to them before a template sees
 * them: fields that are null are gone, and reasoning stands under both of its names.  Roles have
 * their usual names. */
#include "base/file.h"
#include "chat/own.h"
#include "text/unicode.h"

enum { VAR_MESSAGES, VAR_TOOLS, VAR_DOCUMENTS, VAR_PROMPT, VARS };

static const struct scan no = { .type = SCAN_FALSE, .raw = { "false", 5 } },
                         yes = { .type = SCAN_TRUE, .raw = { "true", 4 } },
                         none = { .type = SCAN_NULL, .raw = { "null", 4 } };

static struct scan text_of(struct view s)
{
    return (struct scan){ .type = SCAN_TEXT, .text = s, .raw = s };
}

/* ---- what a template is given ---- */

static enum st add_token(struct chat *c, const char *name, const struct tokenizer *t, int64_t id,
                         struct arena *a)
{
    const struct added *v = id < 0 ? NULL : tokenizer_added(t, (uint32_t)id);

    if (!v)
        return ST_OK;
    struct scan *value = ARENA_NEW(a, struct scan, 1);
    if (!value)
        return ST_SYS;
    *value = text_of(v->text);
    c->var[c->n_var++] = (struct jinja_var){ name, value };
    return ST_OK;
}

/* The row's own, the special tokens, and what the user said; a later one of a name replaces an
 * earlier one. */
static enum st make_vars(struct chat *c, const struct chat_vars *vars, const struct tokenizer *t,
                         struct arena *a)
{
    static const char *const own[VARS] = { "messages", "tools", "documents",
                                           "add_generation_prompt" };
    enum st st;

    if (!(c->var = ARENA_NEW(a, struct jinja_var, VARS + 4 + vars->n)))
        return ST_SYS;
    for (int i = 0; i < VARS; i++)
        c->var[c->n_var++] = (struct jinja_var){ own[i], &none };
    if ((st = add_token(c, "bos_token", t, t->bos, a)) != ST_OK ||
        (st = add_token(c, "eos_token", t, t->eos, a)) != ST_OK ||
        (st = add_token(c, "pad_token", t, t->pad, a)) != ST_OK ||
        (st = add_token(c, "unk_token", t, t->unk, a)) != ST_OK)
        return st;
    for (int64_t i = 0; i < vars->n; i++) {
        int64_t k = 0;
        while (k < c->n_var && strcmp(c->var[k].name, vars->v[i].name) != 0)
            k++;
        if (k < VARS) {
            err_place("--template-vars");
            return fail(ST_USAGE, "'%s' is the row's own", own[k]);
        }
        c->var[k] = vars->v[i];
        c->n_var = MAX(c->n_var, k + 1);
    }
    return ST_OK;
}

static void hash_one(struct sha *s, struct view v)
{
    sha_add(s, v.p, v.n);
    sha_add(s, "", 1);
}

static void hash(struct chat *c, struct view source)
{
    struct sha *s = sha_new();
    uint8_t full[32];

    hash_one(s, source);
    for (int64_t i = VARS; i < c->n_var; i++) {
        hash_one(s, view_of(c->var[i].name));
        hash_one(s, c->var[i].value->raw);
    }
    if (chat_dated(c)) {
        const int32_t day[] = { c->date.tm_year, c->date.tm_mon, c->date.tm_mday };
        sha_add(s, day, sizeof day);
    }
    sha_end(s, full);
    memcpy(c->hash, full, sizeof c->hash);
}

bool chat_dated(const struct chat *c)
{
    return c->jinja && jinja_uses(c->jinja, "strftime_now");
}

/* ---- messages ---- */

static const struct scan *reasoning_of(const struct scan *m)
{
    static const char *const names[] = { "reasoning_content", "thinking", "reasoning" };

    for (int i = 0; m && i < countof(names); i++) {
        const struct scan *v = scan_find(m, names[i]);
        if (v && v->type != SCAN_NULL)
            return v;
    }
    return NULL;
}

/* As it stands in the row, where nothing has to be changed. */
static bool is_plain(const struct turn *t)
{
    const struct scan *m = t->message, *role = scan_find(m, "role");

    for (int32_t i = 0; i < m->n; i++)
        if (m->item[i].type == SCAN_NULL)
            return false;
    return role && role->type == SCAN_TEXT && view_is(role->text, role_name(t->role)) &&
           !reasoning_of(m);
}

static void add(struct scan *to, const char *name, const struct scan *value)
{
    struct view key = view_of(name);
    int32_t i = 0;

    while (i < to->n && !view_eq(to->key[i], key))
        i++;
    to->key[i] = key;
    to->item[i] = *value;
    to->n = MAX(to->n, i + 1);
}

static enum st message(struct scan *to, const struct turn *t, struct arena *a)
{
    const struct scan *m = t->message, *reasoning = reasoning_of(m);
    struct scan role = text_of(view_of(role_name(t->role))), text = text_of(t->text);

    if (m && is_plain(t)) {
        *to = *m;
        return ST_OK;
    }
    int32_t most = (m ? m->n : 0) + 4;
    *to = (struct scan){ .type = SCAN_OBJECT, .at = t->at };
    to->key = ARENA_NEW(a, struct view, most);
    to->item = ARENA_NEW(a, struct scan, most);
    if (!to->key || !to->item)
        return ST_SYS;
    if (reasoning)
        add(to, "thinking", reasoning);
    if (!m)
        add(to, "role", &role);
    for (int32_t i = 0; m && i < m->n; i++) {
        if (m->item[i].type == SCAN_NULL)
            continue;
        if (view_is(m->key[i], "thinking")) {
            add(to, "thinking", &m->item[i]);
            continue;
        }
        to->key[to->n] = m->key[i];
        to->item[to->n++] = view_is(m->key[i], "role") ? role : m->item[i];
    }
    if (reasoning)
        add(to, "reasoning_content", reasoning);
    if (!m)
        add(to, "content", &text);
    return ST_OK;
}

/* ---- rendering ---- */

struct job {
    const struct chat *c;
    const struct talk *t;
    struct scan        messages;               /* n is set for each rendering */
    struct jinja_var  *var;
    struct arena      *a;
};

static bool has_calls(const struct turn *t)
{
    const struct scan *v = t->message ? scan_find(t->message, "tool_calls") : NULL;

    return v && v->type == SCAN_ARRAY && v->n > 0;
}

/* What a template passes over in silence is told, as of a layout. */
static enum st check_shown(const struct chat *c, const struct talk *t, int64_t n)
{
    const char *lost = NULL;

    for (int64_t i = 0; i < n && !c->calls; i++)
        if (has_calls(&t->turn[i]))
            lost = "tool calls; use another";
    if (t->documents && !jinja_uses(c->jinja, "documents"))
        lost = "documents; leave them out with --map documents=none, or use another";
    if (t->tools && !jinja_uses(c->jinja, "tools"))
        lost = "tools; leave them out with --map tools=none, or use another";
    if (!lost)
        return ST_OK;
    err_place(NULL);
    return fail(ST_DATA, "it does not show %s", lost);
}

static enum st job_open(struct job *j, int64_t n)
{
    enum st st = check_shown(j->c, j->t, n);

    if (st != ST_OK)
        return st;
    if (n > INT32_MAX)
        return fail(ST_DATA, "%lld messages", (long long)n);
    j->messages = (struct scan){ .type = SCAN_ARRAY };
    j->messages.item = ARENA_NEW(j->a, struct scan, MAX(n, 1));
    j->var = ARENA_NEW(j->a, struct jinja_var, j->c->n_var);
    if (!j->messages.item || !j->var)
        return ST_SYS;
    for (int64_t i = 0; i < n; i++)
        if (message(&j->messages.item[i], &j->t->turn[i], j->a) != ST_OK)
            return ST_SYS;
    memcpy(j->var, j->c->var, (size_t)j->c->n_var * sizeof *j->var);
    j->var[VAR_MESSAGES].value = &j->messages;
    if (j->t->tools)
        j->var[VAR_TOOLS].value = j->t->tools;
    if (j->t->documents)
        j->var[VAR_DOCUMENTS].value = j->t->documents;
    return ST_OK;
}

/* The first n messages. */
static enum st run(struct job *j, int64_t n, bool prompt, struct jinja_out *out)
{
    j->messages.n = (int32_t)n;
    j->var[VAR_PROMPT].value = prompt ? &yes : &no;
    return jinja_render(j->c->jinja, j->var, j->c->n_var, &j->c->date, out, j->a);
}

/* Where the first n messages end in the whole text. */
static enum st prefix(struct job *j, struct rendering *r, int64_t n, bool prompt, size_t *end)
{
    enum st st = run(j, n, prompt, &r->piece);

    if (st != ST_OK)
        return st;
    *end = r->piece.text.n;
    if (*end == 0 || (*end <= r->text.n && memcmp(r->piece.text.p, r->text.p, *end) == 0))
        return ST_OK;
    err_place(NULL);
    return n + 1 == talk_wanted(j->t)
         ? fail(ST_DATA, "it writes what precedes the answer otherwise once that follows, so where "
                "it begins cannot be told; use a template with {%% generation %%} blocks")
         : fail(ST_DATA, "it writes the first %lld messages otherwise once more follow, so what is "
                "trained of them cannot be told; use --mask last, or a template with "
                "{%% generation %%} blocks", (long long)n);
}

static enum st put_part(struct rendering *r, int64_t turn, size_t begin, size_t stop, bool empty)
{
    struct part p = { turn, begin, stop, stop, empty || begin >= stop };

    return buf_add(&r->parts, &p, sizeof p);
}

static bool is_empty(const struct turn *t)
{
    return !t->more && unicode_trim(t->text).n == 0;
}

static enum st parts_by_turn(struct job *j, struct rendering *r, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        size_t begin, stop = r->text.n;
        enum st st;
        if (!j->t->want[i])
            continue;
        if ((st = prefix(j, r, i, true, &begin)) != ST_OK ||
            (i + 1 < n && (st = prefix(j, r, i + 1, false, &stop)) != ST_OK) ||
            (st = put_part(r, i, begin, stop, is_empty(&j->t->turn[i]))) != ST_OK)
            return st;
    }
    return ST_OK;
}

/* One block is one answer, or, where all are wanted, all blocks are. */
static enum st parts_by_block(struct job *j, struct rendering *r, int64_t n)
{
    const struct jinja_range *v = (const struct jinja_range *)r->whole.generation.p;
    int64_t blocks = (int64_t)(r->whole.generation.n / sizeof *v), answers = 0, wanted = 0, k = 0;
    enum st st = ST_OK;

    for (int64_t i = 0; i < n; i++) {
        answers += j->t->turn[i].role == ROLE_ASSISTANT;
        wanted += j->t->want[i];
    }
    if (blocks != answers && wanted != answers) {
        err_place(NULL);
        return fail(ST_DATA, "it has %lld generation blocks for %lld turns of the assistant, so "
                    "single ones cannot be told; use --mask all", (long long)blocks,
                    (long long)answers);
    }
    for (int64_t i = 0; i < n && blocks == answers && st == ST_OK; i++) {
        if (j->t->want[i])
            st = put_part(r, i, v[k].begin, v[k].end, is_empty(&j->t->turn[i]));
        k += j->t->turn[i].role == ROLE_ASSISTANT;
    }
    for (; k < blocks && blocks != answers && st == ST_OK; k++)
        st = put_part(r, n - 1, v[k].begin, v[k].end, false);
    return st;
}

enum st program_render(struct rendering *r, const struct chat *c, const struct talk *t, bool prompt,
                       struct arena *a)
{
    struct job j = { .c = c, .t = t, .a = a };
    int64_t n = prompt ? t->n : talk_wanted(t);
    enum st st = ST_OK;

    r->text = (struct view){ 0 };
    if (n == 0)
        return ST_OK;
    if ((st = job_open(&j, n)) != ST_OK || (st = run(&j, n, prompt, &r->whole)) != ST_OK)
        return st;
    r->text = (struct view){ r->whole.text.p, r->whole.text.n };
    r->marked = jinja_generation(c->jinja);
    if (prompt)
        return ST_OK;
    return r->marked ? parts_by_block(&j, r, n) : parts_by_turn(&j, r, n);
}

/* ---- opening ---- */

/* Some tokenizers have `assistant` as a special token: a word is no marker. */
static bool is_word(struct view s)
{
    int len;

    for (size_t i = 0; i < s.n; i += (size_t)len)
        if (!unicode_word(unicode_at(s.p + i, s.n - i, &len)))
            return false;
    return true;
}

/* The special tokens that stand in a text are markers. */
static enum st mark(struct chat *c, const struct tokenizer *t, struct view text)
{
    enum st st = ST_OK;

    for (int64_t i = 0; i < t->n_added && st == ST_OK; i++) {
        struct view v = t->added[i].text;
        if (t->added[i].special && !is_word(v) && text.n && memmem(text.p, text.n, v.p, v.n))
            st = markers_add(c, t, t->added[i].id);
    }
    return st;
}

/* A marker that is put together from pieces, as '<|' + role + '|>', stands in no source but comes
 * out of small conversations; those that the template refuses do not matter. */
static enum st mark_made(struct chat *c, const struct tokenizer *t, struct arena *a)
{
    static const struct turn turn[] = {
        { .role = ROLE_SYSTEM, .text = { "s", 1 } }, { .role = ROLE_USER, .text = { "u", 1 } },
        { .role = ROLE_ASSISTANT, .text = { "a", 1 } }, { .role = ROLE_TOOL, .text = { "t", 1 } },
    };
    static const struct { int from, n; } talks[] = { { 0, 3 }, { 1, 2 }, { 1, 3 }, { 0, 2 } };
    struct rendering r = { 0 };
    enum st st = ST_OK;

    for (int i = 0; i < countof(talks) && st == ST_OK; i++) {
        struct talk talk = { .turn = turn + talks[i].from, .n = talks[i].n };
        st = program_render(&r, c, &talk, true, a);
        if (st == ST_OK)
            st = mark(c, t, r.text);
        if (st == ST_DATA) {
            err_clear();
            st = ST_OK;
        }
    }
    rendering_free(&r);
    return st;
}

enum st chat_program(struct chat *c, struct view source, const char *name, int64_t end,
                     const struct chat_vars *vars, const struct tokenizer *t, struct arena *a)
{
    enum st st;

    *c = (struct chat){ .name = name, .date = vars->date, .end = end, .bos = -1 };
    if (end < 0 && t->eos < 0)
        return fail(ST_USAGE, "the tokenizer names no end token; name it with --eos");
    if ((st = make_vars(c, vars, t, a)) != ST_OK ||
        (st = jinja_read((struct jinja **)&c->jinja, source, name, a)) != ST_OK ||
        (st = markers_new(c, t, a)) != ST_OK || (st = mark(c, t, source)) != ST_OK)
        return st;
    hash(c, source);
    c->calls = memmem(source.p, source.n, "tool_calls", 10);
    return mark_made(c, t, a);
}
