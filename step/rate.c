/* rate.c - schedules of the learning rate. */
#include <math.h>

#include "base/opt.h"
#include "train.h"

static const char *const schedules[] = { "constant", "linear", "cosine", "inverse-sqrt", "wsd" };
static const char *const shapes[] = { "linear", "cosine", "1-sqrt" };

enum { TIMESCALE = 10000 };                    /* of inverse-sqrt without a warm-up */

static double cosine(double x)
{
    return 0.5 * (1 + cos(3.14159265358979323846 * x));
}

/* x in [0, 1] -> what is left */
static double left(enum decay shape, double x)
{
    return shape == DECAY_LINEAR ? 1 - x : shape == DECAY_COSINE ? cosine(x) : 1 - sqrt(x);
}

/* How much of `length` updates that begin at `from` is behind update i. */
static double behind(int64_t i, int64_t from, int64_t length)
{
    return length > 0 ? MIN(1, MAX(0, (double)(i - from) / (double)length)) : 0;
}

double rate_at(const struct rate *r, int64_t i, int64_t phase_start)
{
    double warm = 1, fall = 1, x = behind(i, r->warmup, r->total - r->warmup);

    if (r->warmup > 0)
        warm = MIN(1, (double)(i - phase_start + 1) / (double)r->warmup);
    switch (r->schedule) {
    case SCHEDULE_CONSTANT:
        break;
    case SCHEDULE_LINEAR:
        fall = 1 - x;
        break;
    case SCHEDULE_COSINE:
        fall = cosine(x);
        break;
    case SCHEDULE_INVERSE_SQRT:
        fall = 1 / sqrt((r->timescale + (double)MAX(0, i - r->warmup)) / r->timescale);
        break;
    case SCHEDULE_WSD:
        fall = left(r->shape, behind(i, r->total - r->decay, r->decay));
        break;
    }
    return warm * (r->min_ratio + (1 - r->min_ratio) * fall);
}

/* ---- options ---- */

static enum st usage(const char *option, const char *what)
{
    err_place("--%s", option);
    return fail(ST_USAGE, "%s", what);
}

/* An option that the schedule would not look at. */
static enum st check_own(enum schedule s)
{
    static const struct { const char *option; enum schedule of; } own[] = {
        { "decay-steps", SCHEDULE_WSD }, { "decay-type", SCHEDULE_WSD },
        { "timescale", SCHEDULE_INVERSE_SQRT },
    };

    for (int64_t i = 0; i < countof(own); i++)
        if (opt_given(own[i].option) && s != own[i].of) {
            err_place("--%s", own[i].option);
            return fail(ST_USAGE, "an option of --schedule %s, which is not in use; leave it out",
                        schedules[own[i].of]);
        }
    if (opt_given("min-lr") && s == SCHEDULE_CONSTANT)
        return usage("min-lr", "a constant rate never falls; leave it out or give a --schedule");
    return ST_OK;
}

enum st rate_plan(struct rate *r, const struct plan *p)
{
    int s = 0, d = 0;

    while (s < countof(schedules) && strcmp(schedules[s], p->schedule) != 0)
        s++;
    err_place("--schedule");
    if (s == countof(schedules))
        return fail(ST_USAGE, "'%s' is no schedule; there are constant, linear, cosine, "
                              "inverse-sqrt and wsd", shown(view_of(p->schedule)));
    while (d < countof(shapes) && strcmp(shapes[d], p->decay_type) != 0)
        d++;
    err_place("--decay-type");
    if (d == countof(shapes))
        return fail(ST_USAGE, "'%s' is neither linear, cosine nor 1-sqrt",
                    shown(view_of(p->decay_type)));
    if (p->decay_steps >= 1 && p->decay_steps != floor(p->decay_steps))
        return usage("decay-steps", "is neither a number of updates nor, below 1, a share of all");
    err_place(NULL);
    *r = (struct rate){ .schedule = (enum schedule)s, .shape = (enum decay)d, .warmup = p->warmup,
                        .min_ratio = p->min_lr };
    r->timescale = (double)(p->timescale ? p->timescale : p->warmup ? p->warmup : TIMESCALE);
    return check_own(r->schedule);
}

enum st rate_length(struct rate *r, const struct plan *p, int64_t total)
{
    double steps = p->decay_steps;

    r->total = total;
    if (r->schedule == SCHEDULE_CONSTANT || r->schedule == SCHEDULE_INVERSE_SQRT)
        return ST_OK;
    if (total == 0)
        return usage("schedule", "a rate that falls needs the length of the run; give --steps");
    if (r->schedule != SCHEDULE_WSD)
        return ST_OK;
    r->decay = steps < 1 ? (int64_t)floor(steps * (double)total + 0.5) : (int64_t)steps;
    err_place("--decay-steps");
    if (r->decay + r->warmup > total)
        return fail(ST_USAGE, "a warm-up of %lld updates and a decay of %lld are more than the "
                              "run's %lld; lower one", (long long)r->warmup, (long long)r->decay,
                    (long long)total);
    err_place(NULL);
    return ST_OK;
}

int rate_recipe(const struct rate *r, const struct plan *p, char *text, size_t room)
{
    if (r->schedule == SCHEDULE_WSD)
        return snprintf(text, room, " --decay-steps %.9g --decay-type %s", p->decay_steps,
                        shapes[r->shape]);
    if (r->schedule == SCHEDULE_INVERSE_SQRT)
        return snprintf(text, room, " --timescale %.9g", r->timescale);
    return 0;
}
