/* rig.c - the other side of mix, for tests: small files of rows, and a `step` that trains
 * nothing.
 *
 *     rig rows KIND N FIRST FILE [BYTES]   rows FIRST .. FIRST + N - 1 of a kind (sft, pref, text)
 *     rig step [OPTION]...                 reads steps, checks them, answers losses by a formula
 *     rig look FILE                        one line per step record and per row
 *
 * The loss of an objective after n of its updates is start * rate^n, so every choice of a policy
 * can be worked out by hand.  Without arguments it plays a short round with itself, as the unit
 * tests are called. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/opt.h"
#include "tests/check.h"
#include "tests/unit/rigrows.h"

static struct {
    const char *feedback, *out;
    double      sft, pref, rate_sft, rate_pref;
    int64_t     save, stop, die, fail, wait_ms;
    bool        quiet, resume, rows, close, other;
} arg = { .sft = 2, .pref = 1, .rate_sft = 0.9, .rate_pref = 0.95,
          .save = -1, .stop = -1, .die = -1, .fail = -1 };

static const struct opt opts[] = {
    { 0, "feedback",  OPT_TEXT, &arg.feedback,  "FIFO", "tell losses there", 0, 0 },
    { 0, "out",       OPT_TEXT, &arg.out,       "DIR", "metrics.rec and a checkpoint", 0, 0 },
    { 0, "sft",       OPT_REAL, &arg.sft,       "F", "loss of sft before any update", 0, 0 },
    { 0, "pref",      OPT_REAL, &arg.pref,      "F", "loss of pref", 0, 0 },
    { 0, "rate-sft",  OPT_REAL, &arg.rate_sft,  "F", "what an update leaves of it", 0, 0 },
    { 0, "rate-pref", OPT_REAL, &arg.rate_pref, "F", "likewise", 0, 0 },
    { 0, "save",      OPT_INT,  &arg.save,      "N", "checkpoint after N updates", 0, 0 },
    { 0, "stop",      OPT_INT,  &arg.stop,      "N", "be content after N updates", 0, 0 },
    { 0, "die",       OPT_INT,  &arg.die,       "N", "be killed after N updates", 0, 0 },
    { 0, "fail",      OPT_INT,  &arg.fail,      "N", "fail with a message after N updates", 0, 0 },
    { 0, "close",     OPT_FLAG, &arg.close,     NULL, "with --fail: no end record", 0, 0 },
    { 0, "wait",      OPT_INT,  &arg.wait_ms,   "MS", "before each update", 0, 0 },
    { 0, "resume",    OPT_FLAG, &arg.resume,    NULL, "go on from the checkpoint in --out", 0, 0 },
    { 0, "rows",      OPT_FLAG, &arg.rows,      NULL, "print the rows of updates", 0, 0 },
    { 0, "other",     OPT_FLAG, &arg.other,     NULL, "rows of another tokenizer", 0, 0 },
    { 'q', "quiet",   OPT_FLAG, &arg.quiet,     NULL, "print nothing", 0, 0 },
    { 0, NULL, OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static const struct opt_tool tool = {
    .name = "rig", .line = "the other side of mix, for tests", .usage = "rows|step|look ...",
    .groups = { { NULL, opts } },
};

/* ---- step ---- */

struct held { int64_t n, row[4096]; };         /* rows last measured of an objective */

struct fake {
    struct in  *in;
    struct out *feedback, *metrics;
    const struct header *header;
    struct held held[2], now;
    int64_t made, updates[2];
    double  shown_sft, shown_pref;
};

static double loss_of(const struct fake *f, enum obj o)
{
    double sft = arg.sft * pow(arg.rate_sft, (double)f->updates[0]);
    double pref = arg.pref * pow(arg.rate_pref, (double)f->updates[1]);
    return o == OBJ_SFT ? sft : o == OBJ_PREF ? pref : sft + pref;
}

static enum st metric(struct fake *f, const struct step_rec *s, struct buf *b)
{
    b->n = 0;
    if (mp_map(b, 5) || mp_text(b, VIEW("t")) || mp_text(b, VIEW("metric")) ||
        mp_text(b, VIEW("i")) || mp_int(b, s->i) || mp_text(b, VIEW("obj")) ||
        mp_text(b, view_of(obj_name(s->obj))) || mp_text(b, VIEW("why")) ||
        mp_text(b, view_of(why_name(s->why))) || mp_text(b, VIEW("loss")) ||
        mp_real(b, loss_of(f, s->obj)))
        return ST_SYS;
    if (f->metrics && (out_put(f->metrics, b->p, b->n, 0) || out_flush(f->metrics)))
        return ST_SYS;
    if (f->feedback && (out_put(f->feedback, b->p, b->n, 0) || out_flush(f->feedback))) {
        err_clear();                                   /* mix is gone: the stream tells */
        (void)!out_close(f->feedback, ST_SYS, (struct view){ NULL, 0 });
        f->feedback = NULL;
    }
    return ST_OK;
}

static void save(const struct fake *f, struct view state)
{
    char path[512], json[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/latest/state", arg.out);
    if (dir_make(path) != ST_OK)
        return;
    snprintf(path, sizeof path, "%s/latest/state/mixer", arg.out);
    if ((file = fopen(path, "wb"))) {
        fwrite(state.p, 1, state.n, file);
        fclose(file);
    }
    snprintf(json, sizeof json,
             "{\"i\": %lld, \"metrics_bytes\": %lld, \"sft\": %lld, \"pref\": %lld}\n",
             (long long)f->made, (long long)out_bytes(f->metrics), (long long)f->updates[0],
             (long long)f->updates[1]);
    snprintf(path, sizeof path, "%s/latest/state/step.json", arg.out);
    if ((file = fopen(path, "w"))) {
        fputs(json, file);
        fclose(file);
    }
}

/* Numbers of a checkpoint; false: none. */
static bool load(struct fake *f, int64_t *bytes)
{
    char path[512];
    long long v[4];

    snprintf(path, sizeof path, "%s/latest/state/step.json", arg.out);
    FILE *file = fopen(path, "r");
    bool ok = file &&
              fscanf(file, "{\"i\": %lld, \"metrics_bytes\": %lld, \"sft\": %lld, \"pref\": %lld}",
                     v, v + 1, v + 2, v + 3) == 4;
    if (file)
        fclose(file);
    if (ok) {
        f->made = v[0];
        *bytes = v[1];
        f->updates[0] = v[2];
        f->updates[1] = v[3];
    }
    return ok;
}

/* The rows of a step: its own, or with `use` those measured last. */
static enum st take_rows(struct fake *f, const struct step_rec *s)
{
    struct rec r;

    f->now.n = 0;
    for (int64_t k = 0; k < s->n; k++) {
        enum st st = in_next(f->in, &r);
        if (st != ST_OK)
            return st == ST_END ? fail(ST_DATA, "rows are missing") : st;
        if (k < countof(f->now.row))
            f->now.row[f->now.n++] = rig_row(&r);
    }
    if (s->use && (s->n || s->obj == OBJ_BOTH || f->held[s->obj].n == 0))
        return fail(ST_DATA, "step %lld uses rows that nobody holds", (long long)s->i);
    if (s->use)
        f->now = f->held[s->obj];
    if (s->why == WHY_REFRESH)
        f->held[s->obj] = f->now;
    else if (s->train && s->obj != OBJ_BOTH)
        f->held[s->obj].n = 0;
    return ST_OK;
}

static void tell(struct fake *f, const struct step_rec *s)
{
    if (arg.quiet)
        return;
    printf("%lld %s %s%s n %lld", (long long)s->i, obj_name(s->obj), why_name(s->why),
           s->use ? " use" : "", (long long)s->n);
    if (s->phase.n)
        printf(" phase %.*s", (int)s->phase.n, s->phase.p);
    if (arg.rows && s->train)
        for (int64_t k = 0; k < f->now.n; k++)
            printf(" %lld", (long long)f->now.row[k]);
    printf("\n");
}

static void leave(struct fake *f)
{
    if (f->made == arg.die) {
        fflush(stdout);
        raise(SIGKILL);
    }
}

/* One step record and all that follows from it. */
static enum st one(struct fake *f, const struct rec *r, struct buf *b, struct arena *a)
{
    struct rec keep;
    enum st st = rec_copy(&keep, r, a);

    if (st != ST_OK)
        return st;
    struct step_rec s = keep.step;
    if (r->kind != REC_STEP || s.i != f->made)
        return fail(ST_DATA, "a '%s' record of step %lld instead of step %lld",
                    rec_kind_name(r->kind), (long long)s.i, (long long)f->made);
    if ((st = take_rows(f, &s)) != ST_OK)
        return st;
    tell(f, &s);
    if (s.train && arg.wait_ms)
        usleep((useconds_t)arg.wait_ms * 1000);
    if ((st = metric(f, &s, b)) != ST_OK || !s.train)
        return st;
    for (int o = 0; o < 2; o++)
        f->updates[o] += s.obj == OBJ_BOTH || s.obj == (enum obj)o;
    f->made++;
    if (f->made == arg.save)
        save(f, s.state);
    leave(f);
    if (f->made == arg.fail)
        return fail(ST_DATA, "the rig fails as it was told");
    return f->made == arg.stop ? ST_END : ST_OK;
}

static enum st open_metrics(struct fake *f, struct arena *a)
{
    char *name = arena_printf(a, "%s/metrics.rec", arg.out);
    int64_t bytes = -1;

    if (arg.resume)
        load(f, &bytes);
    enum st st = name ? dir_make(arg.out) : ST_SYS;
    return st == ST_OK ? out_append(&f->metrics, name, f->header, bytes, a) : st;
}

static enum st play(struct fake *f, struct arena *a)
{
    struct buf b = { 0 };
    struct rec r;
    enum st st = in_header(f->in, &f->header);
    int64_t start = f->header->start;

    if (st == ST_OK && arg.out)
        st = open_metrics(f, a);
    if (st == ST_OK && start != f->made)
        st = fail(ST_DATA, "the stream starts at %lld, the checkpoint is of %lld", (long long)start,
                  (long long)f->made);
    if (st == ST_OK && arg.feedback)
        st = out_open(&f->feedback, arg.feedback, f->header, OUT_RAW, a);
    while (st == ST_OK && (st = in_next(f->in, &r)) == ST_OK) {
        size_t mark = arena_mark(a);
        st = one(f, &r, &b, a);
        arena_back(a, mark);
    }
    buf_free(&b);
    if (st == ST_END)
        st = ST_OK;
    fflush(stdout);
    if (f->feedback && !(arg.close && st != ST_OK)) {
        if (out_close(f->feedback, st, (struct view){ NULL, 0 }) != st)
            err_clear();
    }
    if (f->metrics) {
        enum st kept = out_close(f->metrics, ST_OK, (struct view){ NULL, 0 });
        st = st == ST_OK ? kept : st;
    }
    return st;
}

static enum st fake_step(struct arena *a)
{
    static struct fake f;
    enum st st;

    signal(SIGPIPE, SIG_IGN);
    if ((st = in_open(&f.in, "-", a)) != ST_OK)
        return st;
    st = play(&f, a);
    in_close(f.in);
    return st;
}

static enum st look(const char *name, struct arena *a)
{
    struct in *in;
    struct rec r;
    enum st st = in_open(&in, name, a);

    if (st != ST_OK)
        return st;
    while ((st = in_next(in, &r)) == ST_OK) {
        if (r.kind == REC_STEP)
            printf("%lld %s %s%s %g %g n %lld\n", (long long)r.step.i, obj_name(r.step.obj),
                   why_name(r.step.why), r.step.use ? " use" : "", r.step.weight_sft,
                   r.step.weight_pref, (long long)r.step.n);
        else
            printf("  %s %lld\n", rec_kind_name(r.kind), (long long)rig_row(&r));
    }
    in_close(in);
    return st == ST_END ? ST_OK : st;
}

/* ---- by itself ---- */

static void rows_come_back(void **state)
{
    struct arena *a = arena_new(0);
    char name[] = "/tmp/rig-XX" "XX" "XX";
    int fd = mkstemp(name);
    struct in *in;
    struct rec r;

    (void)state;
    CHECK(fd >= 0);
    close(fd);
    CHECK_ST(rig_rows("pref", 70, 5, name, 0, false, a), ST_OK);
    CHECK_ST(in_open(&in, name, a), ST_OK);
    for (int64_t i = 0; i < 70; i++) {
        CHECK_ST(in_next(in, &r), ST_OK);
        CHECK(r.kind == REC_PREF && rig_row(&r) == 5 + i);
    }
    CHECK_ST(in_next(in, &r), ST_END);
    in_close(in);
    unlink(name);
    arena_free(a);
}

static int64_t number(const char *text)
{
    double v = 0;
    return opt_number("number", text, &v) == ST_OK ? (int64_t)v : 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return RUN(TEST(rows_come_back));
    int n;
    err_tool(argv[0]);
    static struct arena *a;                            /* --close leaves an open stream in it */
    a = arena_new(0);
    enum st st = opt_parse(&tool, argc, argv, &n);
    if (st == ST_OK && n >= 5 && strcmp(argv[1], "rows") == 0)
        st = rig_rows(argv[2], number(argv[3]), number(argv[4]), argv[5],
                       n > 5 ? number(argv[6]) : 0, arg.other, a);
    else if (st == ST_OK && n == 1 && strcmp(argv[1], "step") == 0)
        st = fake_step(a);
    else if (st == ST_OK && n == 2 && strcmp(argv[1], "look") == 0)
        st = look(argv[2], a);
    else if (st == ST_OK)
        st = fail(ST_USAGE, "rig rows KIND N FIRST FILE [BYTES] | rig step | rig look FILE");
    if (!arg.close)
        arena_free(a);
    return done(st);
}
