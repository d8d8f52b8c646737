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

/* ---- tests ---- */

static enum st simple(const char *source, const char *vars, struct jinja_out *out)
{
    struct scan given;
    size_t at = 0, mark = arena_mark(a);
    struct jinja *j;
    enum st st;

    CHECK_ST(scan_next(&given, view_of(vars), &at, a), ST_OK);
    struct jinja_var v[8] = { { NULL, NULL } };
    for (int32_t i = 0; i < given.n; i++)
        v[i] = (struct jinja_var){ arena_text(a, given.key[i]), &given.item[i] };
    if ((st = jinja_read(&j, view_of(source), "t", a)) == ST_OK) {
        size_t before = arena_mark(a);
        st = jinja_render(j, v, given.n, &date, out, a);
        CHECK(arena_mark(a) == before);
    }
    arena_back(a, mark);
    return st;
}

static void as_transformers_has_it(void **state)
{
    struct jinja_out out = { 0 };
    struct view rows;
    size_t at = 0;
    int errors = 0, n = 0;

    (void)state;
    CHECK_ST(file_read("tests/golden/jinja/cases.jsonl", &rows, 8 << 20, a), ST_OK);
    for (struct scan row; scan_next(&row, rows, &at, a) == ST_OK; n++) {
        const struct scan *text = scan_find(&row, "text"), *want = scan_find(&row, "ranges");
        const char *name = arena_text(a, scan_find(&row, "name")->text);
        enum st st = render(&row, name, &out, a);
        if (!text) {
            CHECK_ST(st, ST_DATA);
            CHECK(strncmp(err_text(), name, strlen(name)) == 0);
            err_clear();
            errors++;
            continue;
        }
        CHECK_ST(st, ST_OK);
        const struct jinja_range *r = (const void *)out.generation.p;
        if (!view_eq(text->text, (struct view){ out.text.p, out.text.n }))
            check_failed(__FILE__, __LINE__, "%s: row %d is\n%.*s\nnot\n%.*s", name, n,
                         (int)out.text.n, out.text.p, (int)text->text.n, text->text.p);
        CHECK(out.generation.n == (size_t)want->n * sizeof *r);
        for (int32_t i = 0; i < want->n; i++)
            CHECK((double)r[i].begin == want->item[i].item[0].number &&
                  (double)r[i].end == want->item[i].item[1].number);
    }
    CHECK(n == 28 && errors > 0 && errors < 10);
    jinja_out_free(&out);
}

struct wrong { const char *source, *error; };

/* Each has its whole message. */
static void check_wrong(const struct wrong *v, int64_t n)
{
    struct jinja_out out = { 0 };

    for (int64_t i = 0; i < n; i++) {
        CHECK_ST(simple(v[i].source, "{\"x\": {\"a\": 1}, \"big\": 123456789012345678901}", &out),
                 ST_DATA);
        CHECK_STR(err_text(), v[i].error);
        err_clear();
    }
    jinja_out_free(&out);
}

static void faults_of_reading(void **state)
{
    static const struct wrong v[] = {
        { "a\n  {% foo %}", "t:2:6: tag 'foo' is not known, or closes nothing that is open" },
        { "{% if x %}", "t:1:11: the template ends before 'elif'" },
        { "{% if x %}{% endfor %}",
          "t:1:14: tag 'endfor' is not known, or not here; 'elif' is open" },
        { "{{ x|foo }}", "t:1:6: filter 'foo' is not known" },
        { "{{ x|pprint }}", "t:1:6: filter 'pprint' is not supported" },
        { "{{ x is foo }}", "t:1:9: test 'foo' is not known" },
        { "\xc3\xa9 {% include 'x' %}",
          "t:1:6: tag 'include' is not supported; a chat template is one file" },
        { "{% for x in y recursive %}{% endfor %}",
          "t:1:15: recursive loops are not supported; write a macro" },
        { "{{ 'abc }}", "t:1:4: a string is never closed" },
        { "x {# y", "t:1:3: a comment is never closed" },
        { "{% raw %}", "t:1:1: a raw block is never closed" },
        { "{{ a", "t:1:1: a tag is never closed" },
        { "{{ (a] }}", "t:1:6: ']' closes nothing that is open" },
        { "{{ a b }}", "t:1:6: the tag's end must stand here, not 'b'" },
        { "{{ }}", "t:1:4: an expression must stand here, not the tag's end" },
        { "{% set 1 = 2 %}", "t:1:8: nothing can be assigned to this; name a variable" },
        { "{% break %}", "t:1:4: there is no loop here to leave or go on with" },
        { "{% for i in x %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
          "t:1:36: there is no loop here to leave or go on with" },
        { "{% for i in x %}{% set loop = 1 %}{% endfor %}",
          "t:1:24: 'loop' cannot be set within a loop" },
        { "{{ 99999999999999999999 }}", "t:1:4: an integer beyond 64 bits" },
        { "{{ \xff }}", "t:1:4: not UTF-8" },
        { "{{ self.x }}", "t:1:4: 'self' is not supported; a chat template is one file" },
    };

    (void)state;
    check_wrong(v, countof(v));
}

static void faults_of_rendering(void **state)
{
    static const struct wrong v[] = {
        { "\n\n{{ x.y.z }}", "t:3:7: 'y' is undefined, so it has no 'z'" },
        { "{{ nothing.y }}", "t:1:11: 'nothing' is undefined, so it has no 'y'" },
        { "{{ 'a' + 1 }}", "t:1:8: '+' does not go with a string and an integer" },
        { "{{ 'a' + nothing }}", "t:1:8: 'nothing' is undefined; '+' needs a value" },
        { "{{ raise_exception('no\x01: ' ~ 1) }}", "t:1:4: no?: 1" },
        { "{{ 1 // 0 }}", "t:1:6: a division by zero" },
        { "{{ 2 ** 63 }}", "t:1:6: an integer beyond 64 bits" },
        { "{{ big + 1 }}", "t:1:8: an integer beyond 64 bits can be printed, not computed with" },
        { "{{ x|join(1, 2, 3) }}", "t:1:6: join() takes at most 2 arguments" },
        { "{{ x|replace('a') }}", "t:1:6: replace(): 'new' is missing" },
        { "{{ x|join(q=1) }}", "t:1:6: join() has no parameter 'q'" },
        { "{{ x.append(1) }}", "t:1:5: 'append' is undefined, so it cannot be called" },
        { "{{ [1]|map('q')|list }}", "t:1:17: filter 'q' is not known" },
        { "{% set a, b = [1] %}", "t:1:8: 2 values are wanted, there are 1" },
        { "{% set x.y = 1 %}",
          "t:1:8: only a namespace has attributes that can be set, not a dict" },
        { "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "t:1:34: f takes at most 1 arguments" },
        { "{% set a %}b{% generation %}c{% endgeneration %}{% endset %}{{ a }}",
          "t:1:16: a generation block whose text does not stand where it was written; keep it out "
          "of macros and set blocks" },
        { "{{ [1]|select }}", "t:1:8: a generator has no text; make a list of it, or name what it "
                              "holds" },
        { "{{ 'a'.encode() }}", "t:1:7: 'encode' of a string is not supported" },
    };

    (void)state;
    check_wrong(v, countof(v));
}

/* What would take for ever, or all memory, is stopped. */
static void limits(void **state)
{
    static const char *const v[] = {
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000000) %}{% endfor %}",
        "{{ 'abcdefgh' * 99999999 }}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}"
            "{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}"
            "{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}"
            "{% endfor %}{{ ns.l }}",
        "{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
        "{{ ''.center(999999999) }}",
        "{% for a in range(99999) %}{% if (('a' * 99999) ~ 'b').count('aab') %}{% endif %}"
            "{% endfor %}",
    };
    struct jinja_out out = { 0 };
    char deep[5000];

    (void)state;
    for (int i = 0; i < countof(v); i++) {
        CHECK_ST(simple(v[i], "{}", &out), ST_DATA);
        CHECK(strncmp(err_text(), "t:1:", 4) == 0);
        err_clear();
    }
    memset(deep, '(', sizeof deep);
    memcpy(deep, "{{ ", 3);
    deep[sizeof deep - 1] = 0;
    CHECK_ST(simple(deep, "{}", &out), ST_DATA);
    CHECK(strstr(err_text(), "nested too deeply"));
    err_clear();
    for (size_t i = 3; i < sizeof deep - 1; i++)
        deep[i] = i % 2 ? '1' : '+';
    memcpy(deep + sizeof deep - 5, "1 }}", 4);
    CHECK_ST(simple(deep, "{}", &out), ST_DATA);
    CHECK(strstr(err_text(), "nested too deeply"));
    err_clear();
    jinja_out_free(&out);
}

static void what_a_template_tells(void **state)
{
    struct jinja *j;

    (void)state;
    CHECK_ST(jinja_read(&j, view_of("{% for m in messages %}{% set k = m %}{{ k }}{% endfor %}"
                                    "{% if tools %}{% generation %}x{% endgeneration %}"
                                    "{% endif %}"),
                        "t", a), ST_OK);
    CHECK(jinja_generation(j) && jinja_uses(j, "messages") && jinja_uses(j, "tools"));
    CHECK(!jinja_uses(j, "m") && !jinja_uses(j, "k") && !jinja_uses(j, "documents"));
    CHECK_ST(jinja_read(&j, view_of("{# {% generation %} #}"), "t", a), ST_OK);
    CHECK(!jinja_generation(j));
}

int main(int argc, char **argv)
{
    a = arena_new(0);
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve();
    return RUN(TEST(as_transformers_has_it), TEST(faults_of_reading),
               TEST(faults_of_rendering), TEST(limits), TEST(what_a_template_tells));
}
