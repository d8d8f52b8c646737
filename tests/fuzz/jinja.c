/* jinja.c - any bytes as a template with variables: an object of JSON, a zero byte, the template.
 *
 * Without the zero, all of it is a template and the variables are a small conversation.  It must be
 * refused with a place, or rendered, or fail with a place; ranges must rise and lie in the text,
 * and a second render must give the same. */
#include "chat/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char usual[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"caf\xc3\xa9 1\"}, {\"role\":"
    " \"assistant\", \"content\": null, \"tool_calls\": [{\"name\": \"f\", \"arguments\":"
    " {\"a\": [1, 2.5]}}]}], \"x\": {\"items\": 3, \"b\": \"text\"},"
    " \"n\": 12345678901234567890, \"t\": true}";

static void failed(enum st st)
{
    BUG_IF(st != ST_DATA && st != ST_SYS);
    BUG_IF(!*err_text() || (st == ST_DATA && strncmp(err_text(), "t:", 2) != 0));
    err_clear();
}

static enum st render(const struct jinja *j, const struct scan *vars, struct jinja_out *out,
                      struct arena *a)
{
    static const struct tm date = { .tm_mday = 1, .tm_year = 100, .tm_wday = 6 };
    struct jinja_var v[64];
    int64_t n = MIN(vars->n, countof(v));

    for (int64_t i = 0; i < n; i++)
        v[i] = (struct jinja_var){ arena_text(a, vars->key[i]), &vars->item[i] };
    enum st st = jinja_render(j, v, n, &date, out, a);
    if (st != ST_OK) {
        failed(st);
        return st;
    }
    const struct jinja_range *r = (const void *)out->generation.p;
    size_t last = 0;
    for (size_t i = 0; i < out->generation.n / sizeof *r; i++) {
        BUG_IF(r[i].begin < last || r[i].end <= r[i].begin || r[i].end > out->text.n);
        last = r[i].end;
    }
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct view all = { (const char *)data, n }, json = VIEW(usual), source = all;
    const char *zero = n ? memchr(data, 0, n) : NULL;
    struct arena *a = arena_new((size_t)1 << 30);
    struct jinja_out out[2] = { { { 0 }, { 0 } } };
    struct scan vars;
    struct jinja *j;
    size_t at = 0;
    enum st st;

    if (zero) {
        json.p = all.p;
        json.n = (size_t)(zero - all.p);
        source = (struct view){ zero + 1, n - json.n - 1 };
    }
    if (scan_next(&vars, json, &at, a) == ST_OK && vars.type == SCAN_OBJECT) {
        if ((st = jinja_read(&j, source, "t", a)) != ST_OK)
            failed(st);
        else if (render(j, &vars, &out[0], a) == ST_OK) {
            BUG_IF(render(j, &vars, &out[1], a) != ST_OK);
            BUG_IF(out[0].text.n != out[1].text.n ||
                   (out[0].text.n && memcmp(out[0].text.p, out[1].text.p, out[0].text.n) != 0));
        }
    }
    jinja_out_free(&out[0]);
    jinja_out_free(&out[1]);
    arena_free(a);
    err_clear();
    return 0;
}
