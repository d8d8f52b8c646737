/* replay.c - the stream of an earlier run again, from its log: the same step records, the same
 * rows.
 *
 * Nothing is decided: bytes of step records lie in the log, rows are fetched by number.  So the
 * run can be given to another `step`, without feedback, whatever the policy was. */
#include "mixer.h"

static const char *log_name;

struct replay {
    struct mixer  *m;
    struct in     *log;
    struct cursor *source[4 * SOURCE_MAX];     /* by their number in the log; NULL: none */
};

static struct view text_of(const struct rec *r, const char *key)
{
    struct view f = rec_field(r, key);
    struct mp_in c = { (const uint8_t *)f.p, (const uint8_t *)f.p + f.n, NULL };
    struct mp v = { 0 };

    if (!f.p || !mp_next(&c, &v) || (v.type != MP_TEXT && v.type != MP_BIN))
        return (struct view){ NULL, 0 };
    return (struct view){ (const char *)v.p, v.n };
}

static enum st broken(struct replay *p, const char *what)
{
    err_place("%s:%lld", in_name(p->log), (long long)in_count(p->log));
    return fail(ST_DATA, "%s; is this a file that mix --log wrote?", what);
}

/* Opens the file that a `source` record names, which must be what it was. */
static enum st open_source(struct replay *p, const struct rec *r)
{
    struct source_how how = { 0 };
    struct view name = text_of(r, "name");
    double n, rows, print;
    uint32_t now;
    enum st st;

    if (!name.p || !rec_number(r, "n", &n) || !rec_number(r, "rows", &rows) ||
        !rec_number(r, "print", &print) || !rec_number(r, "weight", &how.weight) ||
        !(n >= 0 && n < countof(p->source)) || p->source[(int)n])
        return broken(p, "a source record without its 'n', 'name', 'weight', 'rows' and 'print'");
    how.obj = view_is(text_of(r, "obj"), "pref") ? OBJ_PREF : OBJ_SFT;
    how.index = (int64_t)n;
    if (!(how.name = arena_text(p->m->arena, name)))
        return ST_SYS;
    err_place(NULL);
    if ((st = source_open(&p->source[(int)n], &how, p->m->arena)) != ST_OK)
        return st;
    struct cursor *c = p->source[(int)n];
    if (c->n_rows == 0) {
        err_place("%s", how.name);
        return fail(ST_USAGE, "a pipe; rows are fetched by number, put them into a file so named");
    }
    if ((st = source_print(c, &now)) != ST_OK)
        return st;
    if ((rows > 0 && (double)c->n_rows != rows) || (rows > 0 && (double)now != print)) {
        err_place("%s", how.name);
        return fail(ST_DATA, "not the file that the log is of, which had %.0f rows", rows);
    }
    return header_same(p->m->header, in_name(p->log), c->header, how.name);
}

static enum st send_row(struct replay *p, struct mp_in *c)
{
    struct mp pair = { 0 }, source = { 0 }, row = { 0 };
    struct line l;
    enum st st;

    if (!mp_next(c, &pair) || pair.type != MP_ARRAY || pair.n != 2 || !mp_next(c, &source) ||
        source.type != MP_INT || !mp_next(c, &row) || row.type != MP_INT || source.i < 0 ||
        source.i >= countof(p->source) || !p->source[source.i] || row.i < 0 ||
        row.i >= p->source[source.i]->n_rows)
        return broken(p, "a row that no source of the log has");
    if ((st = source_row(p->source[source.i], row.i, &l)) != ST_OK)
        return st;
    return out_put(p->m->out, l.raw, l.n_bytes, l.n_tokens);
}

static enum st send_decision(struct replay *p, const struct rec *r)
{
    struct view step = text_of(r, "step"), rows = rec_field(r, "rows");
    struct mp_in c = { (const uint8_t *)rows.p, (const uint8_t *)rows.p + rows.n, NULL };
    struct mp v = { 0 };
    double use;
    enum st st;

    if (!step.p || !rows.p || !rec_number(r, "use", &use) || !mp_next(&c, &v) || v.type != MP_ARRAY)
        return broken(p, "a decision without its 'step', 'rows' and 'use'");
    if ((st = out_put(p->m->out, step.p, step.n, 0)) != ST_OK)
        return st;
    for (size_t k = 0; use == 0 && k < v.n; k++)
        if ((st = send_row(p, &c)) != ST_OK)
            return st;
    return p->m->live ? out_flush(p->m->out) : ST_OK;
}

static enum st open_log(struct replay *p)
{
    const struct args *g = p->m->arg;
    const char *name = log_name ? log_name : g->n_operands == 1 ? g->operand[0] : NULL;
    const struct header *h;
    enum st st;

    if (g->sft.n + g->pref.n || !name)
        return fail(ST_USAGE, "--policy replay takes a log and nothing else; it names its files");
    if ((st = in_open(&p->log, name, p->m->arena)) != ST_OK ||
        (st = in_header(p->log, &h)) != ST_OK)
        return st;
    if (!(p->m->header = ARENA_NEW(p->m->arena, struct header, 1)))
        return ST_SYS;
    *p->m->header = *h;
    p->m->header->mixed = true;
    return ST_OK;
}

static enum st play(struct replay *p)
{
    struct rec r;
    enum st st;

    while ((st = in_next(p->log, &r)) == ST_OK) {
        if (sig_stop())
            return ST_STOP;
        if (view_is(r.t, "source") && !p->m->out)
            st = open_source(p, &r);
        else if (view_is(r.t, "decision")) {
            if (!p->m->out && (st = mixer_out(p->m)) != ST_OK)
                return st;
            st = send_decision(p, &r);
        } else
            st = broken(p, "a record that is neither a source nor a decision");
        if (st != ST_OK)
            return st;
    }
    return st;
}

static enum st run(struct mixer *m)
{
    struct replay p = { .m = m };
    struct view state = { NULL, 0 };
    enum st st = open_log(&p);

    if (st == ST_OK)
        st = play(&p);
    if (st == ST_END) {
        state = in_end(p.log)->state;
        st = m->out ? ST_OK : broken(&p, "no decision in it");
    }
    if (m->out)
        st = out_close(m->out, st, state);
    m->out = NULL;
    for (int64_t k = 0; k < countof(p.source); k++)
        source_close(p.source[k]);
    if (p.log)
        in_close(p.log);
    return st;
}

const struct policy policy_replay = {
    .name = "replay", .line = "the stream of an earlier run, from its --log",
    .opts = { { 0, "replay-log", OPT_TEXT, &log_name, "FILE", "the log; or as an operand", 0, 0 } },
    .run = run,
};
