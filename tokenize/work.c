/* work.c - the run: inputs and their schemas, the header, then row by row.
 *
 * All inputs are opened and their first rows looked at before a byte is written, so that the header can name every
 * source's schema and a wrong name or column costs nothing. */
#include <unistd.h>

#include "base/run.h"
#include "held.h"
#include "put.h"
#include "show.h"
#include "work.h"

enum { HELD_ENOUGH = 200 };

struct source_in { struct rows *rows; const struct schema *schema; const char *name; };

struct run {
    const struct setup *s;
    struct arena       *a, *now;               /* the run's, and the row's */
    struct tokenizer   *t;
    struct maker        maker;
    struct faults       faults;
    struct fields       fields;
    struct source_in   *in;
    int64_t             n_in;
    struct put          put;
    struct held         held;
    int64_t             n_held;
    struct buf          shown;
    const struct rows  *at;                    /* the file being read */
    struct progress     progress;
};

/* ---- options ---- */

static enum st choose(const char *option, const char *value, const char *const *names, int n, int *which)
{
    for (*which = 0; *which < n; ++*which)
        if (strcmp(value, names[*which]) == 0)
            return ST_OK;
    err_place("--%s", option);
    struct buf list = { 0 };
    enum st st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++)
        st = buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    st = fail(ST_USAGE, "'%s' is none of %s", shown(view_of(value)), list.p);
    buf_free(&list);
    return st;
}

static enum st parse_map(struct run *r)
{
    const struct opt_list *list = &r->s->map;
    int64_t n = 0;

    for (int64_t i = 0; i < list->n; i++)
        for (const char *p = list->v[i]; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
            n++;
    struct map *map = ARENA_NEW(r->a, struct map, MAX(n, 1));
    if (!map)
        return ST_SYS;
    r->fields.map = map;
    for (int64_t i = 0; i < list->n; i++)
        for (const char *p = list->v[i]; p;) {
            size_t len = strcspn(p, ",");
            const char *eq = memchr(p, '=', len);
            if (!eq || eq == p || eq + 1 == p + len) {
                err_place("--map");
                return fail(ST_USAGE, "'%s' is not COLUMN=NAME", shown(view_of(list->v[i])));
            }
            map[r->fields.n_map++] = (struct map){ { p, (size_t)(eq - p) }, { eq + 1, (size_t)(p + len - eq - 1) } };
            p = p[len] ? p + len + 1 : NULL;
        }
    return ST_OK;
}

static enum st parse_options(struct run *r)
{
    static const char *const masks[] = { "last", "all", "flag" };
    static const char *const truncates[] = { "ask", "drop", "keep-start", "keep-end", "prompt-left" };
    static const char *const boundaries[] = { "error", "shift" }, *const specials[] = { "error", "allow" };
    static const char *const splits[] = { "train", "held" };
    const struct setup *s = r->s;
    int mask, truncate, boundary, special, split;
    enum st st;

    if ((st = choose("mask", s->mask, masks, countof(masks), &mask)) != ST_OK ||
        (st = choose("truncate", s->truncate, truncates, countof(truncates), &truncate)) != ST_OK ||
        (st = choose("boundary", s->boundary, boundaries, countof(boundaries), &boundary)) != ST_OK ||
        (st = choose("specials", s->specials, specials, countof(specials), &special)) != ST_OK ||
        (s->split && (st = choose("split", s->split, splits, countof(splits), &split)) != ST_OK))
        return st;
    r->maker = (struct maker){ .mask = (enum mask)mask, .truncate = (enum truncate)truncate, .shift = boundary == 1,
                               .specials = special == 1, .max_tokens = s->max_tokens };
    return parse_map(r);
}

/* ---- inputs ---- */

/* The file's name without folder, compression and extension. */
static const char *stem(const char *path, struct arena *a)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);

    if (strcmp(path, "-") == 0)
        return "stdin";
    if (n > 3 && strcmp(name + n - 3, ".gz") == 0)
        n -= 3;
    else if (n > 4 && strcmp(name + n - 4, ".zst") == 0)
        n -= 4;
    for (size_t i = n; i-- > 1;)
        if (name[i] == '.') {
            n = i;
            break;
        }
    return arena_text(a, (struct view){ name, n });
}

/* The schema that the first row's columns fit. */
static enum st find_schema(struct run *r, struct source_in *in)
{
    struct scan row;

    if (strcmp(r->s->schema, "auto") != 0) {
        in->schema = schema_find(r->s->schema);
        err_place("--schema");
        return in->schema ? ST_OK : fail(ST_USAGE, "'%s' is none of auto, %s", shown(view_of(r->s->schema)),
                                         schema_names());
    }
    size_t mark = arena_mark(r->now);
    enum st st = rows_next(in->rows, &row, r->now);
    if (st == ST_END) {
        err_place("%s", rows_name(in->rows));
        return fail(ST_DATA, "no rows, so no schema can be found; name it with --schema");
    }
    if (st != ST_OK)
        return st;
    r->fields.row = &row;
    r->fields.rows = in->rows;
    if (!(in->schema = schema_auto(&r->fields))) {
        rows_place(in->rows, row.at);
        return fail(ST_DATA, "no schema fits the columns of this row; name it with --schema, and columns with --map");
    }
    rows_again(in->rows);
    arena_back(r->now, mark);
    return ST_OK;
}

static enum st open_inputs(struct run *r, const char *const *files, int64_t n)
{
    if (n > HEADER_SOURCES_MAX)
        return fail(ST_USAGE, "%lld files, the most is %d; join them with cat", (long long)n, HEADER_SOURCES_MAX);
    if (!(r->in = ARENA_NEW(r->a, struct source_in, n)))
        return ST_SYS;
    for (int64_t i = 0; i < n; i++) {
        struct source_in *in = &r->in[i];
        enum st st = rows_open(&in->rows, files[i], r->a);
        if (st != ST_OK)
            return st;
        r->n_in++;
        in->name = r->s->source ? r->s->source : stem(files[i], r->a);
        if (!in->name)
            return ST_SYS;
        if ((st = find_schema(r, in)) != ST_OK)
            return st;
        if (!r->s->quiet && strcmp(r->s->schema, "auto") == 0)
            warn("%s: schema %s", rows_name(in->rows), in->schema->name);
    }
    return ST_OK;
}

static enum st find_chat(struct run *r)
{
    const char *name = r->s->chat;
    bool all_text = true;

    for (int64_t i = 0; i < r->n_in; i++)
        all_text &= r->in[i].schema == &schema_text;
    err_place("--template");
    if (all_text)
        r->maker.chat = &chat_none;
    else if (strcmp(name, "auto") == 0)
        r->maker.chat = chat_auto(r->t);
    else if (!(r->maker.chat = chat_find(name)))
        return fail(ST_USAGE, "'%s' is none of auto, %s", shown(view_of(name)), chat_names());
    if (!r->s->quiet && !all_text && strcmp(name, "auto") == 0)
        warn("template %s", r->maker.chat->name);
    r->fields.verbatim = r->maker.chat == &chat_none;
    return chat_check(r->maker.chat, r->t, &r->maker.end, &r->maker.bos);
}

/* ---- output ---- */

static enum st sink(void *arg, const struct made *m)
{
    struct run *r = arg;
    char place[300];
    enum st st;

    r->faults.records++;
    if (r->s->show == 0)
        return put_record(&r->put, m);
    snprintf(place, sizeof place, "%s:%lld", rows_name(r->at), (long long)rows_line(r->at));
    r->shown.n = 0;
    st = show_record(&r->shown, r->t, m, place, isatty(STDOUT_FILENO));
    if (st == ST_OK && fwrite(r->shown.p, 1, r->shown.n, stdout) != r->shown.n) {
        err_place("stdout");
        return fail_sys("cannot write");
    }
    return st;
}

static enum st make_header(struct run *r, struct header *h)
{
    const struct tokenizer *t = r->t;

    *h = (struct header){ .version = HEADER_VERSION, .width = t->vocab <= 65536 ? 2 : 4, .vocab = t->vocab,
                          .bos = t->bos, .eos = t->eos, .pad = t->pad };
    memcpy(h->tokenizer, t->sha, sizeof h->tokenizer);
    for (int64_t i = 0; i < t->n_added && h->n_specials < HEADER_SPECIALS_MAX; i++)
        if (t->added[i].special)
            h->special[h->n_specials++] = t->added[i].id;
    for (int64_t i = 0; i < r->n_in; i++) {
        struct source s = {
            .src = view_of(r->in[i].name), .schema = view_of(r->in[i].schema->name),
            .template = view_of(r->maker.chat->name), .mask = view_of(r->s->mask),
            .truncate = view_of(r->s->truncate), .split = view_of(r->s->split ? r->s->split : ""),
        };
        bool known = false;
        chat_hash(r->maker.chat, s.template_hash);
        for (int64_t k = 0; k < h->n_sources; k++)
            known |= view_eq(h->source[k].src, s.src) && view_eq(h->source[k].schema, s.schema);
        if (!known)
            h->source[h->n_sources++] = s;
    }
    return ST_OK;
}

static enum st open_output(struct run *r)
{
    static const char *const forms[] = { "auto", "raw", "shard", "json" };
    static const enum out_form form[] = { OUT_AUTO, OUT_RAW, OUT_SHARD, OUT_JSON };
    struct header *h = ARENA_NEW(r->a, struct header, 1);
    int which;
    enum st st;

    if (!h)
        return ST_SYS;
    if ((st = choose("to", r->s->to, forms, countof(forms), &which)) != ST_OK || (st = make_header(r, h)) != ST_OK)
        return st;
    r->put.width = h->width;
    return out_open(&r->put.out, r->s->out, h, form[which], r->a);
}

/* ---- rows ---- */

/* ST_END: the row belongs to the other split. */
static enum st in_split(struct run *r, const struct row *row)
{
    double place;

    if (!r->s->split)
        return ST_OK;
    enum st st = held_place(&r->held, row->key, &place);
    if (st != ST_OK)
        return st;
    bool is_held = place < r->s->held;
    r->n_held += is_held;
    if (is_held == (strcmp(r->s->split, "held") == 0))
        return ST_OK;
    r->faults.outside++;
    return ST_END;
}

static enum st one_row(struct run *r, const struct source_in *in, const struct scan *scan)
{
    struct row row = { 0 };
    enum st st;

    r->fields.row = scan;
    r->fields.rows = in->rows;
    if (scan->type != SCAN_OBJECT && scan->type != SCAN_TEXT)
        return misfit(&r->fields, scan->at, "a row must be an object");
    if ((st = in->schema->read(&r->fields, &row)) != ST_OK)
        return st;
    if ((st = in_split(r, &row)) != ST_OK)
        return st == ST_END ? ST_OK : st;
    return maker_row(&r->maker, in->rows, &row, r->now);
}

/* The next row of the file and all that comes of it; a fault is forgiven where it may be. */
static enum st step_row(struct run *r, const struct source_in *in)
{
    size_t mark = arena_mark(r->now);
    struct scan scan;

    if (sig_stop())
        return ST_STOP;
    enum st st = rows_next(in->rows, &scan, r->now);
    if (st == ST_END)
        return st;
    r->faults.rows++;
    if (st == ST_OK)
        st = one_row(r, in, &scan);
    else if (st == ST_DATA)
        r->faults.last = CAUSE_JSON;
    if (st == ST_DATA && r->s->lenient && r->faults.last != CAUSE_NONE && !rows_lost(in->rows)) {
        fault_forgive(&r->faults);
        st = ST_OK;
    }
    arena_back(r->now, mark);
    return st;
}

static enum st all_rows(struct run *r)
{
    enum st st = ST_OK;

    progress_start(&r->progress, "tokenize", "rows", 0, 0, r->s->quiet || r->s->show);
    for (int64_t i = 0; i < r->n_in && st == ST_OK; i++) {
        r->at = r->in[i].rows;
        r->put.src = view_of(r->in[i].name);
        while ((st = step_row(r, &r->in[i])) == ST_OK) {
            if (r->s->show && r->faults.records >= r->s->show)
                break;
            progress_at(&r->progress, (double)r->faults.rows, NULL);
        }
        if (st == ST_END)
            st = ST_OK;
        else
            break;
    }
    progress_end(&r->progress);
    return st;
}

/* The account, and what a healthy run should not look like. */
static enum st tell(struct run *r)
{
    int64_t faults = 0;

    r->faults.tokens = r->put.tokens;
    r->faults.trained = r->put.trained;
    faults_tell(&r->faults, !r->s->quiet && r->progress.on);
    for (int c = 0; c < CAUSES; c++)
        faults += r->faults.n[c];
    if (r->s->split && !r->s->show && !r->s->quiet && r->n_held < HELD_ENOUGH)
        warn("only %lld rows are held out; fewer than %d make noise, take a larger --held", (long long)r->n_held,
             HELD_ENOUGH);
    if (faults && r->faults.records == 0) {
        err_place(NULL);
        return fail(ST_DATA, "none of the %lld rows could be used", (long long)r->faults.rows);
    }
    return ST_OK;
}

static void close_all(struct run *r)
{
    for (int64_t i = 0; i < r->n_in; i++)
        rows_close(r->in[i].rows);
    if (r->maker.encoder)
        maker_close(&r->maker);
    if (r->t)
        tokenizer_free(r->t);
    put_free(&r->put);
    held_free(&r->held);
    buf_free(&r->shown);
    arena_free(r->now);
}

static enum st start(struct run *r, const char *const *files, int64_t n_files)
{
    enum st st;

    if ((st = parse_options(r)) != ST_OK || (st = tokenizer_open(&r->t, r->s, r->a)) != ST_OK ||
        (st = open_inputs(r, files, n_files)) != ST_OK || (st = find_chat(r)) != ST_OK)
        return st;
    r->maker.t = r->t;
    r->maker.faults = &r->faults;
    r->maker.sink = sink;
    r->maker.arg = r;
    if ((st = maker_open(&r->maker, r->a)) != ST_OK)
        return st;
    return r->s->show ? ST_OK : open_output(r);
}

enum st work(const struct setup *s, const char *const *files, int64_t n_files, struct arena *a)
{
    struct run r = { .s = s, .a = a, .now = arena_new(0) };
    enum st st;

    r.fields.faults = &r.faults;
    r.fields.a = r.now;
    st = start(&r, files, n_files);
    if (st == ST_OK)
        st = all_rows(&r);
    if (st == ST_OK)
        st = tell(&r);
    if (r.put.out)
        st = out_close(r.put.out, st, (struct view){ 0 });
    close_all(&r);
    return st;
}
