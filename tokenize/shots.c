/* shots.c - the examples of a file by subject; the first of them, or a draw for each question.
 *
 * The draw is a function of the seed and the question, so it depends neither on threads nor on the
 * rows before.  The first ones are the same for all questions of a subject, and that is what lets
 * evalc compute them once. */
#include "base/rng.h"
#include "shots.h"

struct example {
    struct view question, answer, subject;
    uint64_t    id;                            /* the record's, had it been one */
};

struct subject { struct view name; struct buf list; };         /* list: int64_t, examples */

struct shots {
    struct source_in *in;
    int64_t           n_in;
    struct arena     *a;
    struct view       describe;
    int64_t           n_asked;
    bool              draw;
    uint64_t          seed;
    struct buf        example, subject;        /* struct example; struct subject */
};

static int64_t n_examples(const struct shots *x)
{
    return (int64_t)(x->example.n / sizeof(struct example));
}

static struct subject *find(const struct shots *x, struct view name)
{
    struct subject *all = (struct subject *)x->subject.p;

    for (size_t i = 0; i < x->subject.n / sizeof *all; i++)
        if (view_eq(all[i].name, name))
            return &all[i];
    return NULL;
}

/* ---- the file ---- */

static enum st keep(struct shots *x, struct view text, struct view *to)
{
    char *copy = arena_text(x->a, text);

    *to = (struct view){ copy, text.n };
    return copy ? ST_OK : ST_SYS;
}

static enum st add(struct shots *x, const struct row *row)
{
    struct example e = { .id = rec_id(row->kind, row->source, row->n_source) };
    int64_t at = n_examples(x);
    struct subject *s;
    enum st st;

    if ((st = keep(x, row->turns.v[0].text, &e.question)) != ST_OK ||
        (st = keep(x, row->chosen.v[row->answer].text, &e.answer)) != ST_OK ||
        (st = keep(x, row->group, &e.subject)) != ST_OK ||
        (st = buf_add(&x->example, &e, sizeof e)) != ST_OK)
        return st;
    if (e.subject.n == 0)
        return ST_OK;
    if (!(s = find(x, e.subject))) {
        struct subject new = { .name = e.subject };
        if ((st = buf_add(&x->subject, &new, sizeof new)) != ST_OK)
            return st;
        s = find(x, e.subject);
    }
    return buf_add(&s->list, &at, sizeof at);
}

static enum st read_rows(struct shots *x, const struct chunk *c, struct fields *f)
{
    struct rows rows;
    struct scan scan;
    enum st st;

    rows_start(&rows, c);
    f->rows = &rows;
    f->row = &scan;
    while ((st = rows_next(&rows, &scan, f->a)) == ST_OK) {
        struct row row = { 0 };
        if (scan.type != SCAN_OBJECT)
            return misfit(f, scan.at, "a row must be an object");
        if ((st = schema_choice.read(f, &row)) != ST_OK || (st = add(x, &row)) != ST_OK)
            return st;
        arena_back(f->a, 0);
    }
    return st == ST_END ? ST_OK : st;
}

static enum st read_file(struct shots *x, const struct setup *s, struct fields *f)
{
    struct chunk c = { 0 };
    enum st st = source_open(s, f, &s->shots, 1, &x->in, &x->n_in, x->a);

    while (st == ST_OK) {
        chunk_next(x->in->chunks, &c);
        if ((st = read_rows(x, &c, f)) == ST_OK && c.then != ST_OK) {
            err_take(&c.said);
            st = c.then;
        }
    }
    chunk_free(&c);
    return st == ST_END ? ST_OK : st;
}

/* ---- before the first row ---- */

static enum st check(const struct setup *s, const struct source_in *in, int64_t n_in)
{
    static const char *const of_shots[] = { "n-shots", "shots-seed" };

    for (int i = 0; i < countof(of_shots); i++)
        if (opt_given(of_shots[i]) && !s->shots) {
            err_place("--%s", of_shots[i]);
            return fail(ST_USAGE, "it does nothing without --shots");
        }
    err_place(s->shots ? "--shots" : "--describe");
    for (int64_t i = 0; i < n_in && (s->shots || s->describe); i++)
        if (in[i].schema != &schema_choice)
            return fail(ST_USAGE, "it goes with --schema choice, and '%s' is read as %s",
                        shown(view_of(in[i].name)), in[i].schema->name);
    err_place(NULL);
    return ST_OK;
}

enum st shots_read(struct shots **to, const struct setup *s, const struct source_in *in,
                   int64_t n_in, const struct fields *f, struct arena *a)
{
    struct faults faults = { 0 };
    struct fields own = *f;
    struct shots *x;
    enum st st = check(s, in, n_in);

    if (st != ST_OK || (!s->shots && !s->describe))
        return st;
    if (!(x = *to = ARENA_NEW(a, struct shots, 1)))
        return ST_SYS;
    x->a = a;
    x->describe = s->describe ? view_of(s->describe) : VIEW("");
    x->n_asked = s->shots ? s->n_shots : 0;
    x->draw = opt_given("shots-seed");
    x->seed = (uint64_t)s->shots_seed;
    if (!s->shots)
        return ST_OK;
    own.faults = &faults;
    own.a = arena_new(0);
    st = read_file(x, s, &own);
    arena_free(own.a);
    err_place("--shots");
    if (st == ST_OK && n_examples(x) < x->n_asked)
        return fail(ST_USAGE, "'%s' has %lld rows, and --n-shots asks for %lld",
                    shown(view_of(s->shots)), (long long)n_examples(x), (long long)x->n_asked);
    err_place(NULL);
    return st;
}

void shots_free(struct shots *x)
{
    if (!x)
        return;
    for (int64_t i = 0; i < x->n_in; i++)
        chunk_close(x->in[i].chunks);
    for (size_t i = 0; i < x->subject.n / sizeof(struct subject); i++)
        buf_free(&((struct subject *)x->subject.p)[i].list);
    buf_free(&x->subject);
    buf_free(&x->example);
}

/* ---- a question ---- */

/* The examples for it into pick[n_asked]. */
static enum st choose(const struct shots *x, const struct fields *f, const struct row *row,
                      const struct example **pick)
{
    const struct example *all = (const struct example *)x->example.p;
    const struct subject *s = row->group.n ? find(x, row->group) : NULL;
    const int64_t *list = s ? (const int64_t *)s->list.p : NULL;
    bool by_subject = row->group.n && x->subject.n;
    int64_t n = s ? (int64_t)(s->list.n / sizeof *list) : by_subject ? 0 : n_examples(x), k = 0;
    uint64_t id = rec_id(row->kind, row->source, row->n_source);

    for (int64_t i = 0; i < n && k < x->n_asked; i++) {
        int64_t at = i;
        if (x->draw)
            at = (int64_t)rng_perm(x->seed ^ id, RNG_STREAM(RNG_SHUFFLE, 0), (uint64_t)n,
                                   (uint64_t)i);
        const struct example *e = &all[list ? list[at] : at];
        if (e->id != id)
            pick[k++] = e;
    }
    if (k == x->n_asked)
        return ST_OK;
    return misfit(f, f->row->at, "only %lld other examples%s%s%s in --shots, and --n-shots asks "
                  "for %lld", (long long)k, by_subject ? " of the subject '" : "",
                  by_subject ? shown(row->group) : "", by_subject ? "'" : "",
                  (long long)x->n_asked);
}

/* The description with the row's subject in it, its underscores spaces. */
static enum st describe(const struct shots *x, const struct fields *f, const struct row *row,
                        struct view *to)
{
    static const char mark[] = "{subject}";
    const size_t n = sizeof mark - 1;
    const struct view d = x->describe;
    char *p = arena_get(f->a, d.n * (1 + row->group.n) + 1);

    if (!p)
        return ST_SYS;
    *to = (struct view){ p, 0 };
    for (size_t i = 0; i < d.n;) {
        if (d.n - i < n || memcmp(d.p + i, mark, n) != 0) {
            p[to->n++] = d.p[i++];
            continue;
        }
        if (row->group.n == 0)
            return misfit(f, f->row->at, "no subject, which --describe asks for");
        for (size_t k = 0; k < row->group.n; k++)
            p[to->n++] = row->group.p[k] == '_' ? ' ' : row->group.p[k];
        i += n;
    }
    return ST_OK;
}

/* All in one text before the question's. */
static enum st as_text(const struct shots *x, const struct fields *f, struct row *row,
                       struct view about, const struct example *const *pick)
{
    struct view *to = &row->turns.v[0].text, parts[4];
    size_t n = about.n + 2 + to->n + 1;

    for (int64_t i = 0; i < x->n_asked; i++)
        n += pick[i]->question.n + pick[i]->answer.n + 2;
    char *p = arena_get(f->a, n), *from = p;
    if (!p)
        return ST_SYS;
    for (int64_t i = -1; i <= x->n_asked; i++) {
        int k = 0;
        if (i < 0)
            parts[k++] = about;
        else if (i < x->n_asked)
            parts[k++] = pick[i]->question, parts[k++] = pick[i]->answer;
        else
            parts[k++] = *to;
        if (i < 0 ? about.n > 0 : i < x->n_asked)
            parts[k++] = VIEW("\n\n");
        for (int j = 0; j < k; p += parts[j++].n)
            if (parts[j].n)
                memcpy(p, parts[j].p, parts[j].n);
    }
    *to = (struct view){ from, (size_t)(p - from) };
    return ST_OK;
}

static enum st as_turns(const struct shots *x, const struct fields *f, struct row *row,
                        struct view about, const struct example *const *pick)
{
    struct turns all;
    size_t at = f->row->at;
    enum st st = turns_room(f, &all, 1 + 2 * x->n_asked + row->turns.n);

    if (st != ST_OK)
        return st;
    if (about.n)
        all.v[all.n++] = (struct turn){ .role = ROLE_SYSTEM, .text = about, .at = at };
    for (int64_t i = 0; i < x->n_asked; i++) {
        all.v[all.n++] = (struct turn){ .role = ROLE_USER, .text = pick[i]->question, .at = at };
        all.v[all.n++] = (struct turn){ .role = ROLE_ASSISTANT, .text = pick[i]->answer, .at = at };
    }
    for (int64_t i = 0; i < row->turns.n; i++)
        all.v[all.n++] = row->turns.v[i];
    row->turns = all;
    return ST_OK;
}

enum st shots_add(const struct shots *x, const struct fields *f, struct row *row)
{
    const struct example **pick = ARENA_NEW(f->a, const struct example *, MAX(x->n_asked, 1));
    struct view about;
    enum st st;

    if (!pick)
        return ST_SYS;
    if ((st = choose(x, f, row, pick)) != ST_OK || (st = describe(x, f, row, &about)) != ST_OK)
        return st;
    return f->verbatim ? as_text(x, f, row, about, pick) : as_turns(x, f, row, about, pick);
}
