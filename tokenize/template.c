/* template.c - which template a run has, and what it is told. */
#include <unistd.h>

#include "base/file.h"
#include "template.h"

enum { TEMPLATE_BYTES_MAX = 1 << 20 };

/* A template and where it was found; source.p NULL: not at all. */
struct found {
    const char *name;
    struct view source;
};

/* ---- where templates are ---- */

static enum st read_file(const char *path, struct found *out, struct arena *a)
{
    const char *slash = strrchr(path, '/');

    out->name = slash ? slash + 1 : path;
    return file_read(path, &out->source, TEMPLATE_BYTES_MAX, a);
}

/* Folder and file, where there is one. */
static enum st read_in(const char *folder, const char *name, struct found *out, struct arena *a)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);

    if (!path)
        return ST_SYS;
    return access(path, F_OK) == 0 ? read_file(path, out, a) : ST_OK;
}

/* In the tokenizer_config.json of a folder, where there is one. */
static enum st read_config(const char *folder, const char *name, struct found *out,
                           struct arena *a)
{
    const char *path = arena_printf(a, "%s/tokenizer_config.json", folder);
    struct arena *tmp;
    struct view json;

    if (!path)
        return ST_SYS;
    if (access(path, F_OK) != 0)
        return ST_OK;
    tmp = arena_new(0);
    enum st st = file_read(path, &json, SETUP_JSON_BYTES_MAX, tmp);
    if (st == ST_OK)
        st = tokenizer_template(json, path, name, &out->source, a);
    arena_free(tmp);
    out->name = name ? name : "chat_template";
    return st == ST_END ? ST_OK : st;
}

/* The tokenizer's own; name NULL: its default. */
static enum st find_own(const struct setup *s, const char *name, struct found *out,
                        struct arena *a)
{
    const char *folder, *file = "chat_template.jinja";
    enum st st = setup_folder(s, &folder, a);

    if (st != ST_OK || !folder)
        return st;
    if (name && !(file = arena_printf(a, "additional_chat_templates/%s.jinja", name)))
        return ST_SYS;
    if ((st = read_in(folder, file, out, a)) != ST_OK)
        return st;
    return out->source.p ? ST_OK : read_config(folder, name, out, a);
}

/* ---- what it is told ---- */

static enum st add_var(struct chat_vars *vars, struct jinja_var *v, struct view name,
                       const struct scan *value, struct arena *a)
{
    v[vars->n++] = (struct jinja_var){ arena_text(a, name), value };
    return v[vars->n - 1].name ? ST_OK : ST_SYS;
}

/* The value of NAME=VALUE: JSON where it is that, else text. */
static enum st read_value(struct view text, struct scan *v, struct arena *a)
{
    struct scan rest;
    size_t at = 0;
    enum st st = scan_next(v, text, &at, a);

    if (st == ST_OK)
        st = scan_next(&rest, text, &at, a) == ST_END ? ST_OK : ST_DATA;
    if (st == ST_OK || st == ST_SYS)
        return st;
    err_clear();
    *v = (struct scan){ .type = SCAN_TEXT, .text = text, .raw = text };
    return ST_OK;
}

static enum st read_object(const char *path, struct scan *v, struct arena *a)
{
    struct view json;
    size_t at = 0;
    enum st st = file_read(path, &json, TEMPLATE_BYTES_MAX, a);

    if (st != ST_OK)
        return st;
    st = scan_next(v, json, &at, a);
    if (st == ST_OK && v->type == SCAN_OBJECT)
        return ST_OK;
    if (st == ST_DATA)
        err_clear();
    err_place("%s", path);
    return st == ST_SYS ? st : fail(ST_USAGE, "no object of JSON; --template-vars takes NAME=VALUE "
                                    "or a file of one");
}

static enum st read_vars(const struct opt_list *list, struct chat_vars *vars, struct arena *a)
{
    struct scan *value = ARENA_NEW(a, struct scan, MAX(list->n, 1));
    int64_t n = 0;
    enum st st = ST_OK;

    if (!value)
        return ST_SYS;
    for (int64_t i = 0; i < list->n && st == ST_OK; i++) {
        const char *eq = strchr(list->v[i], '=');
        st = eq ? read_value(view_of(eq + 1), &value[i], a)
                : read_object(list->v[i], &value[i], a);
        n += st != ST_OK ? 0 : eq ? 1 : value[i].n;
    }
    struct jinja_var *v = st == ST_OK ? ARENA_NEW(a, struct jinja_var, n + 1) : NULL;
    if (!v)
        return st == ST_OK ? ST_SYS : st;
    vars->v = v;
    for (int64_t i = 0; i < list->n && st == ST_OK; i++) {
        const char *eq = strchr(list->v[i], '=');
        if (eq)
            st = add_var(vars, v, (struct view){ list->v[i], (size_t)(eq - list->v[i]) }, &value[i],
                         a);
        for (int32_t k = 0; !eq && k < value[i].n && st == ST_OK; k++)
            st = add_var(vars, v, value[i].key[k], &value[i].item[k], a);
    }
    return st;
}

static enum st read_date(const char *text, struct tm *date)
{
    struct tm given, t = { .tm_hour = 12 };
    const char *rest = strptime(text, "%Y-%m-%d", &t);

    given = t;
    if (rest && *rest == 0 && timegm(&t) != -1 && t.tm_mday == given.tm_mday) {
        *date = t;
        return ST_OK;
    }
    err_place("--date");
    return fail(ST_USAGE, "'%s' is no day of the form YYYY-MM-DD", shown(view_of(text)));
}

/* ---- the template ---- */

static enum st open_program(const struct setup *s, const struct tokenizer *t,
                            const struct found *found, struct chat *c, struct arena *a)
{
    struct chat_vars vars = { 0 };
    enum st st;

    if ((st = read_vars(&s->vars, &vars, a)) != ST_OK ||
        (st = read_date(s->date ? s->date : TEMPLATE_DATE, &vars.date)) != ST_OK)
        return st;
    err_place("--template");
    if ((st = chat_program(c, found->source, found->name, s->eos ? t->eos : -1, &vars, t,
                           a)) != ST_OK)
        return st;
    err_place("--template-vars");
    for (int64_t i = 0; i < vars.n; i++)
        if (!jinja_uses(c->jinja, vars.v[i].name))
            return fail(ST_USAGE, "template %s uses no variable '%s'", c->name,
                        shown(view_of(vars.v[i].name)));
    if (s->date && !chat_dated(c)) {
        err_place("--date");
        return fail(ST_USAGE, "template %s does not ask for the day", c->name);
    }
    if (!s->quiet && t->bos < 0 && jinja_uses(c->jinja, "bos_token"))
        warn("template %s asks for bos_token, and the tokenizer names none; --bos TOKEN does",
             c->name);
    if (!s->quiet && chat_dated(c) && !s->date)
        warn("template %s asks for the day and is told " TEMPLATE_DATE "; --date names another",
             c->name);
    return ST_OK;
}

static enum st open_layout(const struct setup *s, const struct tokenizer *t,
                          const struct layout *layout, struct chat *c, struct arena *a)
{
    if (s->vars.n || s->date) {
        err_place(s->vars.n ? "--template-vars" : "--date");
        return fail(ST_USAGE, "template %s is not written in Jinja and takes no variables",
                    layout->name);
    }
    err_place("--template");
    return chat_layout(c, layout, t, a);
}

enum st template_open(const struct setup *s, const struct tokenizer *t, struct chat *c,
                      struct arena *a)
{
    const char *name = s->chat;
    const struct layout *layout = layout_find(name);
    size_t n = strlen(name);
    bool is_auto = strcmp(name, "auto") == 0;
    struct found found = { 0 };
    enum st st = ST_OK;

    if (strchr(name, '/') || (n > 6 && strcmp(name + n - 6, ".jinja") == 0))
        st = read_file(name, &found, a);
    else if (!layout)
        st = find_own(s, is_auto ? NULL : name, &found, a);
    if (st != ST_OK)
        return st;
    if (!found.source.p && is_auto)
        layout = layout_auto(t);
    if (!found.source.p && !layout) {
        err_place("--template");
        return fail(ST_USAGE, "'%s' is none of auto, %s, nor a template of the tokenizer's folder; "
                    "a file's name ends in .jinja", shown(view_of(name)), layout_names());
    }
    st = found.source.p ? open_program(s, t, &found, c, a) : open_layout(s, t, layout, c, a);
    if (st == ST_OK && is_auto && !s->quiet)
        warn("template %s", c->name);
    return st;
}
