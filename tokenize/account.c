/* account.c - the account counted, told to people, and as JSON. */
#include "account.h"
#include "base/json.h"

static const struct { const char *name; double q; } quantiles[] = {
    { "min", 0 }, { "p50", .5 }, { "p90", .9 }, { "p99", .99 }, { "max", 1 },
};

struct tally *account_source(struct account *a, const char *name)
{
    int64_t i = 0;

    while (i < a->n_sources && strcmp(a->source[i].name, name) != 0)
        i++;
    BUG_IF(i == HEADER_SOURCES_MAX);
    if (i == a->n_sources)
        a->source[a->n_sources++].name = name;
    return &a->source[i];
}

void account_left_out(struct account *a, enum cause c, const char *what)
{
    if (a->n[c]++ == 0)
        snprintf(a->first[c], sizeof a->first[c], "%s", what);
}

void account_record(struct account *a, struct tally *t, int64_t n_tokens, int64_t n_trained)
{
    a->records++;
    a->tokens += n_tokens;
    a->trained += n_trained;
    t->records++;
    t->tokens += n_tokens;
    t->trained += n_trained;
    lengths_add(&a->lengths, n_tokens);
}

static int64_t sum(const struct account *a, int to)
{
    int64_t n = 0;

    for (int c = CAUSE_NONE + 1; c < to; c++)
        n += a->n[c];
    return n;
}

int64_t account_dropped(const struct account *a)
{
    return sum(a, CAUSES);
}

int64_t account_faults(const struct account *a)
{
    return sum(a, CAUSE_FAULTS);
}

static int64_t quantile(const struct lengths *l, double q)
{
    return q > 0 ? lengths_quantile(l, q) : l->min;
}

/* ---- for people ---- */

void account_tell(const struct account *a, bool asked)
{
    if (!asked && account_dropped(a) - a->n[CAUSE_SPLIT] + a->cut + a->shifted == 0)
        return;
    warn("%lld rows, %lld records of %lld tokens, %lld of them trained", (long long)a->rows,
         (long long)a->records, (long long)a->tokens, (long long)a->trained);
    if (a->n[CAUSE_SPLIT])
        warn("%10lld rows belong to the other split", (long long)a->n[CAUSE_SPLIT]);
    if (a->n[CAUSE_DROP])
        warn("%10lld rows dropped: %s", (long long)a->n[CAUSE_DROP], cause_line(CAUSE_DROP));
    if (a->n[CAUSE_TWICE])
        warn("%10lld rows dropped: %s; first %s", (long long)a->n[CAUSE_TWICE],
             cause_line(CAUSE_TWICE), a->first[CAUSE_TWICE]);
    if (a->shifted)
        warn("%10lld rows with a token across the boundary, which is not trained",
             (long long)a->shifted);
    if (a->cut)
        warn("%10lld rows cut, %lld of them without their end token", (long long)a->cut,
             (long long)a->cut_end);
    for (int c = CAUSE_NONE + 1; c < CAUSE_FAULTS; c++)
        if (a->n[c])
            warn("%10lld rows left out: %s; first %s", (long long)a->n[c], cause_line(c),
                 a->first[c]);
}

/* A length at which bins begin and end well: 1, 2 or 5 with zeros. */
static int64_t round_step(int64_t least)
{
    int64_t step = 1;

    while (step < least)
        for (int i = 0; i < 3 && step < least; i++)
            step = i == 1 ? step / 2 * 5 : step * 2;
    return step;
}

/* Up to the 99th percentile in equal steps; what is longer is one bar more. */
static void histogram(const struct lengths *l, int columns)
{
    enum { BARS = 16 };
    int64_t step = round_step(MAX((lengths_quantile(l, .99) + BARS) / BARS, 1)), most = 1, n;
    int64_t last = (l->max / step > BARS ? BARS : l->max / step), first = l->min / step;
    int room = MAX(MIN(columns, 120) - 40, 8);

    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = MIN(first, last); i <= last; i++) {
            char bar[128] = "", to[24] = "";
            n = lengths_between(l, i * step, i == last ? l->max + 1 : (i + 1) * step);
            most = MAX(most, n);
            if (pass == 0)
                continue;
            memset(bar, '#', (size_t)(room * n / most));
            snprintf(to, sizeof to, "%lld",
                     (long long)(i == last ? l->max : (i + 1) * step - 1));
            warn("%8lld - %-8s %10lld %s", (long long)(i * step), to, (long long)n, bar);
        }
}

void account_stats(const struct account *a, int columns)
{
    for (int64_t i = 0; i < a->n_sources; i++) {
        const struct tally *t = &a->source[i];
        warn("%s: %lld rows, %lld records of %lld tokens, %lld of them trained",
             shown(view_of(t->name)), (long long)t->rows, (long long)t->records,
             (long long)t->tokens, (long long)t->trained);
    }
    if (a->records) {
        const struct lengths *l = &a->lengths;
        warn("tokens of a record: min %lld, p50 %lld, p90 %lld, p99 %lld, max %lld",
             (long long)l->min, (long long)quantile(l, .5), (long long)quantile(l, .9),
             (long long)quantile(l, .99), (long long)l->max);
        histogram(l, columns);
        warn("the end token is trained in %.4g %% of the rows used",
             100 * (double)a->ended / (double)(a->kept + a->cut));
    }
    account_tell(a, true);
}

/* ---- for programs ---- */

static enum st put_causes(struct buf *b, const struct account *a)
{
    const char *comma = "";
    enum st st = buf_printf(b, "  \"causes\": {");

    for (int c = CAUSE_NONE + 1; c < CAUSES && st == ST_OK; c++) {
        if (a->n[c] == 0)
            continue;
        st = buf_printf(b, "%s\n    \"%s\": { \"rows\": %lld, \"first\": ", comma, cause_name(c),
                        (long long)a->n[c]);
        if (st == ST_OK)
            st = json_put_text(b, view_of(a->first[c]));
        if (st == ST_OK)
            st = buf_printf(b, " }");
        comma = ",";
    }
    return st == ST_OK ? buf_printf(b, "%s},\n", *comma ? "\n  " : "") : st;
}

static enum st put_sources(struct buf *b, const struct account *a)
{
    enum st st = buf_printf(b, "  \"sources\": [");

    for (int64_t i = 0; i < a->n_sources && st == ST_OK; i++) {
        const struct tally *t = &a->source[i];
        if ((st = buf_printf(b, "%s\n    { \"source\": ", i ? "," : "")) == ST_OK &&
            (st = json_put_text(b, view_of(t->name))) == ST_OK)
            st = buf_printf(b, ", \"rows\": %lld, \"records\": %lld, \"tokens\": %lld, "
                            "\"trained\": %lld }", (long long)t->rows, (long long)t->records,
                            (long long)t->tokens, (long long)t->trained);
    }
    return st == ST_OK ? buf_printf(b, "\n  ],\n") : st;
}

enum st account_json(struct buf *b, const struct account *a)
{
    const struct { const char *name; int64_t n; } counts[] = {
        { "rows", a->rows }, { "kept", a->kept }, { "cut", a->cut },
        { "dropped", account_dropped(a) }, { "cut_without_end", a->cut_end },
        { "shifted", a->shifted },
        { "records", a->records }, { "tokens", a->tokens }, { "trained", a->trained },
    };
    int64_t used = a->kept + a->cut;
    enum st st = buf_printf(b, "{\n");

    for (int i = 0; i < countof(counts) && st == ST_OK; i++)
        st = buf_printf(b, "  \"%s\": %lld,\n", counts[i].name, (long long)counts[i].n);
    if (st == ST_OK && (st = put_causes(b, a)) == ST_OK)
        st = put_sources(b, a);
    if (st == ST_OK)
        st = buf_printf(b, "  \"lengths\": {");
    for (int i = 0; i < countof(quantiles) && st == ST_OK; i++)
        st = buf_printf(b, "%s \"%s\": %lld", i ? "," : "", quantiles[i].name,
                        (long long)quantile(&a->lengths, quantiles[i].q));
    return st == ST_OK ? buf_printf(b, " },\n  \"end_trained\": %.6f\n}\n",
                                    used ? (double)a->ended / (double)used : 0) : st;
}
