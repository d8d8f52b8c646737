/* report.c - the page of a study: what pipelines/joint.sh left in a folder, on one page, and the
 * same numbers for a terminal, a spreadsheet and a paper.
 *
 * Nothing is measured here.  All is read before anything is written. */
#include <limits.h>

#include "base/file.h"
#include "page/page.h"
#include "walk.h"

static const char *csv, *runs, *latex, *table;             /* NULL: not asked for */
static double level = 0.95;

static const struct opt opts[] = {
    { 0, "csv", OPT_TEXT, &csv, "FILE", "the means over seeds, with their intervals, as CSV", 0,
      0 },
    { 0, "runs", OPT_TEXT, &runs, "FILE", "every run as CSV", 0, 0 },
    { 0, "latex", OPT_TEXT, &latex, "FILE", "the means as a LaTeX tabular", 0, 0 },
    { 0, "table", OPT_TEXT, &table, "FILE", "the verdict and the means for a terminal", 0, 0 },
    { 0, "level", OPT_REAL, &level, "P", "of the intervals over seeds", 0.5, 0.9999 },
    { 0 },
};

static void terminal(struct html *h, const struct page *p)
{
    put(h, "%s\n", shown(p->title));
    means_text(h, p);
    headline_put(h, p, false);
    verdict_put(h, p, false);
    if (p->missing.b.n) {
        put(h, "missing:\n");
        put(h, "%.*s", (int)p->missing.b.n, p->missing.b.p);
    }
}

enum { OUTPUTS = 5 };

struct output {
    const char *option, *name;                 /* name NULL: not asked for */
    void      (*make)(struct html *, const struct page *);
    struct html text;
};

/* What the study is made of stands in its folder beside the pages and tables of it. */
static enum st spare(const struct output *o, const char *folder)
{
    static const char *const made_of[] = { ".rec", ".json", ".safetensors", "/title", "/settings" };
    char in[PATH_MAX], file[PATH_MAX];

    if (!realpath(folder, in) || !realpath(o->name, file))
        return ST_OK;                          /* nothing is there to be replaced */
    size_t n = strlen(in), length = strlen(file);
    for (int64_t i = 0; i < countof(made_of); i++) {
        size_t end = strlen(made_of[i]);
        if (strncmp(file, in, n) != 0 || file[n] != '/' || length < n + end ||
            strcmp(file + length - end, made_of[i]) != 0)
            continue;
        err_place("--%s", o->option);
        return fail(ST_USAGE, "'%s' is a file of the study; write to another",
                    shown(view_of(o->name)));
    }
    return ST_OK;
}

static enum st check(const struct output *out, char *const *name, int n)
{
    static const char *const others[] = { "to", "label", "items", "model", "adapter", "device",
                                          "threads", "micro-tokens" };
    int to_stdout = 0;
    enum st st;

    for (int64_t i = 0; i < countof(others); i++)
        if (opt_given(others[i])) {
            err_place("--%s", others[i]);
            return fail(ST_USAGE, "--task report reads what others wrote and writes a page; its "
                        "records come from --task pareto");
        }
    for (int i = 0; i < OUTPUTS; i++)
        to_stdout += out[i].name && strcmp(out[i].name, "-") == 0;
    if (to_stdout > 1)
        return fail(ST_USAGE, "only one of page and tables can go to stdout; name files with -o, "
                    "--csv, --runs, --latex, --table");
    for (int i = 0; i < OUTPUTS; i++)
        for (int k = 0; k < i && out[i].name; k++)
            if ((st = file_apart(out[i].option, out[i].name, out[k].option, out[k].name)) != ST_OK)
                return st;
    if (n != 1 || strcmp(name[0], "-") == 0)
        return fail(ST_USAGE, "--task report takes one folder, the --out of pipelines/joint.sh");
    for (int i = 0; i < OUTPUTS; i++)
        if (out[i].name && (st = spare(&out[i], name[0])) != ST_OK)
            return st;
    return ST_OK;
}

static enum st write_out(struct output *o, struct arena *a)
{
    struct file f;
    enum st st = file_new(&f, o->name, a);

    if (st != ST_OK)
        return st;
    if ((st = file_write(&f, o->text.b.p, o->text.b.n)) == ST_OK)
        return file_commit(&f);
    file_drop(&f);
    return st;
}

static enum st alone(const struct setup *s, char *const *name, int n, struct arena *a)
{
    struct output out[OUTPUTS] = {
        { .option = "out", .name = s->out, .make = page_put },
        { .option = "csv", .name = csv, .make = means_csv },
        { .option = "runs", .name = runs, .make = runs_csv },
        { .option = "latex", .name = latex, .make = means_latex },
        { .option = "table", .name = table, .make = terminal },
    };
    struct page p = { 0 };
    enum st st = check(out, name, n);

    if (st == ST_OK)
        st = page_read(&p, name[0], a);
    p.level = level;
    for (int i = 0; st == ST_OK && i < OUTPUTS; i++)
        if (out[i].name) {
            out[i].make(&out[i].text, &p);
            st = out[i].text.st;
        }
    for (int i = 0; st == ST_OK && i < OUTPUTS; i++)
        if (out[i].name)
            st = write_out(&out[i], a);
    for (int i = 0; i < OUTPUTS; i++)
        buf_free(&out[i].text.b);
    page_free(&p);
    return st;
}

const struct task task_report = {
    .name = "report", .line = "the page of a study: a folder of pipelines/joint.sh in, HTML out",
    .paper = "Fernando et al. 2024, arXiv:2410.15483 (figures 1 to 4)",
    .reports = true, .opts = opts, .alone = alone,
};
