/* chat.c - a conversation with a checkpoint: a line from a person, an answer as it is written.
 *
 * The whole conversation goes through the model's chat template each time, as in training, and
 * through the model.  Stdin and stdout may be pipes. */
#include <errno.h>
#include <unistd.h>

#include "answer.h"
#include "base/file.h"
#include "base/utf8.h"
#include "task.h"
#include "walk.h"

static struct manner manner = MANNER;
static const char *template = "auto", *system_text;

static const struct opt opts[] = {
    { 0, "template", OPT_TEXT, &template, "NAME",
      "auto: the folder's; or as tokenize has them: none, plain, chatml, llama3, a file", 0, 0 },
    { 0, "system", OPT_TEXT, &system_text, "TEXT", "a first turn of the system", 0, 0 },
    MANNER_OPTS(manner),
    { 0 },
};

struct talker {
    const struct setup *s;
    struct arena   *a, *once;                  /* once: of a rendering */
    struct folders  folders;
    struct dev     *d;
    struct model   *m;
    struct words    words;
    struct chat     chat;
    struct encoder *encoder;
    struct gen     *gen;
    struct answer   answer;
    struct buf      turns, id, in, shown;      /* turns: struct turn, whose texts the arena has */
    size_t          printed;                   /* bytes of the answer that are out */
    bool            terminal, eof, begun;      /* begun: the answer in hand is being written */
};

/* ---- lines in ---- */

/* The next line without its end, in t->in until the next call.  ST_END: there is none. */
static enum st next_line(struct talker *t, struct view *line, size_t *used)
{
    char *end;

    if (*used)
        memmove(t->in.p, t->in.p + *used, t->in.n - *used);
    t->in.n -= *used;
    *used = 0;
    while (!(end = t->in.n ? memchr(t->in.p, '\n', t->in.n) : NULL) && !t->eof) {
        if (buf_room(&t->in, 4096) != ST_OK)
            return ST_SYS;
        ssize_t n = read(STDIN_FILENO, t->in.p + t->in.n, 4096);
        if (sig_stop())
            return ST_STOP;
        if (n < 0 && errno != EINTR)
            return fail_sys("stdin: cannot read");
        t->eof = n == 0;
        t->in.n += n > 0 ? (size_t)n : 0;
    }
    if (!end && t->in.n == 0)
        return ST_END;
    *line = (struct view){ t->in.p, end ? (size_t)(end - t->in.p) : t->in.n };
    *used = line->n + (end != NULL);
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return ST_OK;
}

/* ---- the answer out ---- */

/* What is sure of the text and not out yet; on a terminal without control characters. */
static enum st print(struct talker *t)
{
    struct answer *v = &t->answer;
    struct view text = { v->text.p + t->printed, v->sure - t->printed };

    t->shown.n = 0;
    if (v->sure <= t->printed)
        return ST_OK;
    if (words_clean(&t->shown, text) != ST_OK)
        return ST_SYS;
    for (size_t i = 0; t->terminal && i < t->shown.n; i++) {
        unsigned char c = (unsigned char)t->shown.p[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            t->shown.p[i] = '?';
    }
    t->printed = v->sure;
    return fd_write(STDOUT_FILENO, "stdout", t->shown.p, t->shown.n);
}

static enum st token(void *arg, struct gen_row *r)
{
    struct talker *t = arg;
    enum st st = answer_token(&t->answer, &manner);

    (void)r;
    return st == ST_OK ? print(t) : st;
}

/* ---- the conversation ---- */

static enum st add_turn(struct talker *t, enum role role, struct view text)
{
    struct turn turn = { .role = role, .text = { arena_text(t->a, text), text.n } };

    return turn.text.p ? buf_add(&t->turns, &turn, sizeof turn) : ST_SYS;
}

static enum st begin(struct talker *t)
{
    t->turns.n = 0;
    return system_text ? add_turn(t, ROLE_SYSTEM, view_of(system_text)) : ST_OK;
}

/* The conversation's ids, up to where the model speaks. */
static enum st encode(struct talker *t)
{
    struct talk talk = { .turn = (const struct turn *)t->turns.p,
                         .n = (int64_t)(t->turns.n / sizeof(struct turn)) };
    struct rendering r = { 0 };
    enum st st = chat_prompt(&r, &t->chat, &talk, t->once);

    t->id.n = 0;
    if (st == ST_OK)
        st = words_encode(&t->words, &t->chat, t->encoder, r.text, &t->id);
    rendering_free(&r);
    arena_back(t->once, 0);
    return st;
}

/* The answer to the last turn, written as it comes.  ST_DATA: this conversation cannot be; its
 * message is kept, and where nothing is `begun` a person may go on without the turn. */
static enum st reply(struct talker *t)
{
    int64_t n = 0;
    enum st st = encode(t);

    if (st != ST_OK)
        return st;
    n = (int64_t)(t->id.n / sizeof(int32_t));
    if ((st = answer_begin(&t->answer, &t->words, (const int32_t *)t->id.p, n, manner.max_new,
                           t->a)) != ST_OK)
        return st;
    t->answer.row.key = (uint64_t)(t->turns.n / sizeof(struct turn));
    t->printed = 0;
    if ((st = gen_add(t->gen, &t->answer.row)) != ST_OK)
        return st;
    t->begun = true;
    while (st == ST_OK && t->answer.row.finish == GEN_GOING) {
        st = gen_step(t->gen);
        if (st == ST_OK && sig_stop()) {       /* this answer alone */
            sig_again();
            gen_drop(t->gen);
            t->answer.sure = t->answer.text.n;
            st = print(t);
            break;
        }
    }
    if (st == ST_OK)
        st = fd_write(STDOUT_FILENO, "stdout", "\n", 1);
    t->shown.n = 0;
    if (st == ST_OK)
        st = words_clean(&t->shown, (struct view){ t->answer.text.p, t->answer.text.n });
    return st == ST_OK ? add_turn(t, ROLE_ASSISTANT, (struct view){ t->shown.p, t->shown.n }) : st;
}

static enum st talk(struct talker *t)
{
    bool person = isatty(STDIN_FILENO), asks = person && t->terminal && !t->s->quiet;
    struct view line;
    size_t used = 0;
    int64_t n_lines = 0;
    enum st st = begin(t);

    while (st == ST_OK) {
        if (asks && (st = fd_write(STDOUT_FILENO, "stdout", "> ", 2)) != ST_OK)
            break;
        if ((st = next_line(t, &line, &used)) != ST_OK)
            break;
        err_place("stdin:%lld", (long long)++n_lines);
        if (view_is(line, "/new")) {
            st = begin(t);
            continue;
        }
        size_t mark = t->turns.n;
        struct view marker;
        t->begun = false;
        if (utf8_prefix(line.p, line.n) != line.n || chat_marked(&t->chat, line, &marker))
            st = fail(ST_DATA, "the line %s; say it otherwise",
                      utf8_prefix(line.p, line.n) == line.n ? "holds a special token"
                                                            : "is not UTF-8");
        else if ((st = add_turn(t, ROLE_USER, line)) == ST_OK)
            st = reply(t);
        if (st == ST_DATA && !t->begun && person) {
            warn("%s; /new begins afresh", err_text());
            err_clear();
            t->turns.n = mark;
            st = ST_OK;
        }
        err_place(NULL);
    }
    if (asks && (st == ST_END || st == ST_STOP))
        (void)!write(STDOUT_FILENO, "\n", 1);
    return st == ST_END ? ST_OK : st;
}

/* ---- before it ---- */

static enum st open_model(struct talker *t)
{
    struct lora *l = ARENA_NEW(t->a, struct lora, 1);
    enum st st;

    if (!l)
        return ST_SYS;
    if ((st = folders_find(&t->folders, t->s->model, t->s->adapter, t->a)) != ST_OK ||
        (st = words_open(&t->words, &t->folders, manner.tokenizer, NULL, t->a)) != ST_OK ||
        (st = words_template(&t->words, template, &t->chat, t->a)) != ST_OK ||
        (st = words_end(&t->words, t->chat.end)) != ST_OK ||
        (st = manner_check(&manner, &t->words)) != ST_OK ||
        (st = dev_open(&t->d, t->s->device, (int)t->s->threads, t->a)) != ST_OK ||
        (st = folders_open(&t->m, &t->folders, l, t->d, false, t->a)) != ST_OK)
        return st;
    if (t->words.t->vocab > t->m->c.V)
        return fail(ST_DATA, "the tokenizer has %lld ids, the model in '%s' only %lld; they do not "
                    "belong together", (long long)t->words.t->vocab,
                    shown(view_of(t->s->model)), (long long)t->m->c.V);
    struct gen_setup s = { .how = manner.how, .seed = (uint64_t)manner.seed, .batch = 1,
                           .micro_tokens = t->s->micro_tokens, .cache_tokens = 4096,
                           .end = t->words.end, .n_end = t->words.n_end, .token = token,
                           .arg = t };
    if (!(t->encoder = encoder_new(t->words.t, t->a)))
        return ST_SYS;
    return gen_new(&t->gen, t->m, &s, t->a);
}

static enum st check(const struct setup *s, int n_operands)
{
    static const char *const none[] = { "out", "to", "label", "items" };

    err_place("--task chat");
    if (n_operands)
        return fail(ST_USAGE, "it reads lines of text from stdin and no files");
    for (int64_t i = 0; i < countof(none); i++)
        if (opt_given(none[i])) {
            err_place("--%s", none[i]);
            return fail(ST_USAGE, "--task chat writes text to stdout and no records");
        }
    err_place("--model");
    if (!s->model)
        return fail(ST_USAGE, "--task chat needs one");
    err_place(NULL);
    return ST_OK;
}

static enum st run(const struct setup *s, char *const *name, int n, struct arena *a)
{
    struct talker t = { .s = s, .a = a, .once = arena_new(0),
                        .terminal = isatty(STDOUT_FILENO) };
    enum st st = check(s, n);

    (void)name;
    if (st == ST_OK && (st = open_model(&t)) == ST_OK)
        st = talk(&t);
    gen_free(t.gen);
    answer_free(&t.answer);
    if (t.encoder)
        encoder_free(t.encoder);
    words_close(&t.words);
    if (t.d)
        dev_close(t.d);
    buf_free(&t.turns);
    buf_free(&t.id);
    buf_free(&t.in);
    buf_free(&t.shown);
    arena_free(t.once);
    return st;
}

const struct task task_chat = {
    .name = "chat", .line = "talks: an answer to every line of stdin", .opts = opts, .alone = run,
};
