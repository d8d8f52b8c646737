/* content.c - --stop-at: the run ends where both held-out losses are good enough.
 *
 * Twice running, so that one lucky measurement ends nothing.  A resumed run sees again what was
 * measured after its checkpoint, and must not count it twice. */
#include "base/opt.h"
#include "doing.h"

enum { CONTENT_RUNNING = 2 };

enum st content_plan(double at[2], const char *text, struct arena *a)
{
    const char *comma = text ? strchr(text, ',') : NULL;

    at[OBJ_SFT] = at[OBJ_PREF] = NAN;
    if (!text)
        return ST_OK;
    err_place("--stop-at");
    if (!comma || strlen(text) >= STATE_PHASE_MAX)
        return fail(ST_USAGE, "'%s' is not two held-out losses S,P, of sft and of pref",
                    shown(view_of(text)));
    const char *sft = arena_text(a, (struct view){ text, (size_t)(comma - text) });
    enum st st = sft ? opt_number("--stop-at", sft, &at[OBJ_SFT]) : ST_SYS;
    return st == ST_OK ? opt_number("--stop-at", comma + 1, &at[OBJ_PREF]) : st;
}

void content_begin(struct run *r)
{
    struct state *s = &r->state;
    const char *now = r->plan->stop_at ? r->plan->stop_at : "";

    if (strcmp(s->stop_at, now) != 0)
        s->content = s->content_at = 0;
    snprintf(s->stop_at, sizeof s->stop_at, "%s", now);
}

void content_see(struct run *r, const struct doing *t)
{
    struct state *s = &r->state;
    struct content *c = &r->content;

    for (int o = 0; o < 2; o++)
        if (doing_takes(&r->step, o)) {
            c->loss[o] = tally_loss(&t->tally[o]);
            c->seen[o] = r->step.i + 1;
        }
    if (isnan(c->at[0]) || c->seen[0] != c->seen[1] || s->content_at == r->step.i + 1)
        return;
    s->content_at = r->step.i + 1;
    s->content = c->loss[0] <= c->at[0] && c->loss[1] <= c->at[1] ? s->content + 1 : 0;
}

bool content_reached(const struct run *r)
{
    const int64_t *seen = r->content.seen;             /* again, where the run is resumed */

    return !isnan(r->content.at[0]) && r->state.content >= CONTENT_RUNNING && seen[0] > 0 &&
           seen[0] == seen[1];
}
