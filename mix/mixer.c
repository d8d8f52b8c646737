/* mixer.c - the loop, and how it ends whoever ends first. */
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "log.h"
#include "mixer.h"

/* ---- one step ---- */

static enum st measure(struct mixer *m)
{
    int64_t most = m->policy->measured_rows ? *m->policy->measured_rows : 0;
    enum st st;

    for (int o = 0; o < 2; o++) {
        const struct batch *b[2] = { NULL, NULL };
        struct step_rec s = { .obj = (enum obj)o, .why = WHY_REFRESH, .weight_sft = o == OBJ_SFT,
                              .weight_pref = o == OBJ_PREF };
        if ((st = side_next(&m->side[o], &m->batch[o])) != ST_OK)
            return st;
        bool whole = most == 0 || batch_n(&m->batch[o]) <= most;
        if (!whole)
            m->batch[o].rows.n = (size_t)most * sizeof(struct coming);
        b[o] = &m->batch[o];
        if ((st = send_step(m, &s, b)) != ST_OK)
            return st;
        m->measured[o] = whole && m->i >= m->first;
    }
    return ST_OK;
}

static enum st decide(struct mixer *m, struct pick *p)
{
    enum st st;

    if (m->dry && (m->policy->needs & NEED_LOSSES)) {  /* a plan knows no losses: halves */
        struct study even = m->study;
        even.lambda = 0.5;
        policy_weighted.pick(&even, NULL, m->i, p);
        return ST_OK;
    }
    st = losses_learn(&m->losses, m->policy, &m->study, m->state, m->i);
    if (st == ST_OK)
        m->policy->pick(&m->study, m->state, m->i, p);
    return st;
}

/* Both objectives or one, as p says.  ST_END: a pipe has no row left for it. */
static enum st update(struct mixer *m, const struct pick *p)
{
    const struct batch *b[2] = { NULL, NULL };
    bool use = true;
    enum st st = figures_put(m);

    for (int o = 0; o < 2 && st == ST_OK; o++) {
        if (p->obj != OBJ_BOTH && p->obj != (enum obj)o)
            continue;
        st = side_next(&m->side[o], &m->batch[o]);
        b[o] = &m->batch[o];
        use = use && m->measured[o];
    }
    if (st != ST_OK)
        return st;
    struct step_rec s = { .obj = p->obj, .weight_sft = p->weight_sft, .weight_pref = p->weight_pref,
                          .train = true, .why = WHY_UPDATE, .use = use, .phase = view_of(p->phase),
                          .mix = { m->figures.p, m->figures.n } };
    st = send_step(m, &s, b);
    for (int o = 0; o < 2; o++)
        if (b[o]) {
            side_take(b[o], m->i);
            m->measured[o] = false;
        }
    return st;
}

/* The pipes are empty: the last measurement, unless it was just taken. */
static enum st ends_early(struct mixer *m, bool measured)
{
    bool held = m->held[0].n_sources + m->held[1].n_sources > 0;

    if (m->study.steps && !m->arg->quiet)
        warn("no rows are left at step %lld of %lld; the run ends here", (long long)m->i,
             (long long)m->study.steps);
    return held && !measured ? held_send(m) : ST_OK;
}

enum st mixer_loop(struct mixer *m)
{
    struct pick p;
    enum st st;

    for (;; m->i++) {
        bool due = held_due(m);
        if (sig_stop())
            return ST_STOP;
        if ((st = state_put(m)) != ST_OK || (due && (st = held_send(m)) != ST_OK))
            return st;
        if (m->study.steps && m->i >= m->study.steps)
            break;
        if (m->policy->refresh && m->policy->refresh(&m->study, m->i) && (st = measure(m)) != ST_OK)
            return st;
        if ((st = decide(m, &p)) != ST_OK)
            return st;
        if ((st = update(m, &p)) == ST_END) {
            if ((st = ends_early(m, due)) != ST_OK)
                return st;
            break;
        }
        if (st != ST_OK)
            return st;
    }
    return losses_learn(&m->losses, m->policy, &m->study, m->state, INT64_MAX);
}

/* ---- beginning and end ---- */

/* Nothing is written that is read, and the log is not the stream. */
static enum st apart(struct mixer *m)
{
    const char *const written[][2] = { { "out", m->arg->out }, { "log", m->arg->log } };
    struct cursor *all[4 * SOURCE_MAX];
    int64_t n = mixer_sources(m, all);
    enum st st = ST_OK;

    for (int i = 0; i < countof(written) && written[i][1]; i++) {
        st = file_unread(written[i][0], written[i][1], (const char *const *)m->arg->operand,
                         m->arg->n_operands);
        for (int64_t k = 0; k < n && st == ST_OK; k++)
            st = file_unread(written[i][0], written[i][1], &all[k]->how.name, 1);
        if (st != ST_OK)
            return st;
    }
    return m->arg->log ? file_apart("log", m->arg->log, "out", m->arg->out) : ST_OK;
}

enum st mixer_out(struct mixer *m)
{
    static const struct { const char *name; enum out_form form; } forms[] = {
        { "auto", OUT_AUTO }, { "json", OUT_JSON }, { "raw", OUT_RAW }, { "shard", OUT_SHARD },
    };
    int64_t k = 0;

    while (k < countof(forms) && strcmp(forms[k].name, m->arg->to) != 0)
        k++;
    if (k == countof(forms)) {
        err_place("--to");
        return fail(ST_USAGE, "'%s' is no form; say auto, json, raw or shard",
                    shown(view_of(m->arg->to)));
    }
    err_place(NULL);
    enum st st = apart(m);
    if (st == ST_OK)
        st = out_open(&m->out, m->arg->out, m->header, forms[k].form, m->arena);
    struct stat s;
    m->live = st == ST_OK && fstat(out_fd(m->out), &s) == 0 && !S_ISREG(s.st_mode);
    return st;
}

/* With feedback somebody must read what we write while we write it. */
static enum st check_reader(const struct mixer *m)
{
    bool std = strcmp(m->arg->out, "-") == 0;
    struct stat s;

    if (std ? fstat(1, &s) == 0 && S_ISREG(s.st_mode)
            : stat(m->arg->out, &s) != 0 || S_ISREG(s.st_mode)) {
        err_place("--feedback");
        return fail(ST_USAGE, "nobody trains on a file while it is written; pipe mix into step");
    }
    return ST_OK;
}

static enum st begin(struct mixer *m)
{
    enum st st;

    if ((st = resume_take(m)) != ST_OK)
        return st;
    if (m->arg->feedback && ((st = check_reader(m)) != ST_OK ||
        (st = feedback_open(&m->losses.fb, m->arg->feedback, m->arg->quiet, m->arena)) != ST_OK))
        return st;
    m->header->start = m->first;
    if ((st = mixer_out(m)) != ST_OK)
        return st;
    if (m->losses.fb)
        feedback_watch(m->losses.fb, out_fd(m->out));
    m->live = m->live && (m->losses.fb || mixer_pipes(m));     /* else we never wait */
    if (!m->arg->log)
        return ST_OK;
    signal(SIGPIPE, SIG_IGN);                          /* the log is to be ended before we go */
    return log_open(&m->log, m);
}

static bool reader_left(const struct mixer *m)
{
    struct pollfd p = { out_fd(m->out), 0, 0 };
    return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

static enum st finish(struct mixer *m, enum st st)
{
    struct view state = { m->saved.p, m->saved.n };
    bool left = m->out && m->log && st == ST_SYS && reader_left(m);
    bool gone = feedback_gone(m->losses.fb);

    if (st == ST_END)                                  /* step had enough */
        st = ST_OK;
    enum st logged = log_close(m->log, left ? ST_OK : st, state);
    m->log = NULL;
    if (left) {                                        /* as without a log: by SIGPIPE, no word */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (!m->out || gone)
        return st == ST_OK ? logged : st;
    st = out_close(m->out, st == ST_OK ? logged : st, state);
    m->out = NULL;
    return st;
}

enum st mixer_run(struct mixer *m)
{
    enum st st = ST_OK;

    m->arena = arena_new(0);
    if (m->arg->policy && (st = policy_find(&m->policy, m->arg->policy)) != ST_OK)
        return st;
    if ((st = policy_options(m->policy)) != ST_OK)
        return st;
    if (m->policy && m->policy->run)
        return m->policy->run(m);
    if ((st = mixer_setup(m)) != ST_OK)
        return st;
    if (m->arg->plan)
        return plan_print(m);
    if ((st = begin(m)) == ST_OK)
        st = mixer_loop(m);
    return finish(m, st);
}

void mixer_free(struct mixer *m)
{
    struct cursor *all[4 * SOURCE_MAX];
    int64_t n = mixer_sources(m, all);

    for (int64_t k = 0; k < n; k++)
        source_close(all[k]);
    for (int o = 0; o < 2; o++) {
        buf_free(&m->batch[o].rows);
        buf_free(&m->held_batch[o].rows);
    }
    feedback_close(m->losses.fb);
    buf_free(&m->saved);
    buf_free(&m->rec);
    buf_free(&m->figures);
    if (!m->out)                                       /* else its reader is gone: it stays */
        arena_free(m->arena);
}
