/* setup.c - the words of the options, and the tokenizer they name. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "setup.h"

static enum st choose(const char *option, const char *value, const char *const *names, int n,
                      int *which)
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

enum st setup_map(const struct setup *s, struct fields *f, struct arena *a)
{
    const struct opt_list *list = &s->map;
    int64_t n = 0;

    for (int64_t i = 0; i < list->n; i++)
        for (const char *p = list->v[i]; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
            n++;
    struct map *map = ARENA_NEW(a, struct map, MAX(n, 1));
    if (!map)
        return ST_SYS;
    f->map = map;
    for (int64_t i = 0; i < list->n; i++)
        for (const char *p = list->v[i]; p;) {
            size_t len = strcspn(p, ",");
            const char *eq = memchr(p, '=', len);
            if (!eq || eq == p || eq + 1 == p + len) {
                err_place("--map");
                return fail(ST_USAGE, "'%s' is not COLUMN=NAME", shown(view_of(list->v[i])));
            }
            map[f->n_map++] = (struct map){ { p, (size_t)(eq - p) },
                                            { eq + 1, (size_t)(p + len - eq - 1) } };
            p = p[len] ? p + len + 1 : NULL;
        }
    return ST_OK;
}

enum st setup_maker(const struct setup *s, struct maker *m)
{
    static const char *const masks[] = { "last", "all", "flag" };
    static const char *const truncates[] = { "ask", "drop", "keep-start", "keep-end",
                                             "prompt-left" };
    static const char *const boundaries[] = { "error", "shift" };
    static const char *const specials[] = { "error", "allow" };
    static const char *const splits[] = { "train", "held" };
    static const char *const sides[] = { "chosen" };
    int mask, truncate, boundary, special, split, side;
    enum st st;

    if ((st = choose("mask", s->mask, masks, countof(masks), &mask)) != ST_OK ||
        (st = choose("truncate", s->truncate, truncates, countof(truncates), &truncate)) != ST_OK ||
        (st = choose("boundary", s->boundary, boundaries, 2, &boundary)) != ST_OK ||
        (st = choose("specials", s->specials, specials, countof(specials), &special)) != ST_OK ||
        (s->split && (st = choose("split", s->split, splits, countof(splits), &split)) != ST_OK) ||
        (s->side && (st = choose("side", s->side, sides, countof(sides), &side)) != ST_OK))
        return st;
    if (opt_given("held") && !s->split) {
        err_place("--held");
        return fail(ST_USAGE, "it does nothing without --split");
    }
    m->mask = (enum mask)mask;
    m->truncate = (enum truncate)truncate;
    m->shift = boundary == 1;
    m->specials = special == 1;
    m->max_tokens = s->max_tokens;
    return ST_OK;
}

enum st setup_form(const struct setup *s, enum out_form *form)
{
    static const char *const names[] = { "auto", "raw", "shard", "json" };
    static const enum out_form forms[] = { OUT_AUTO, OUT_RAW, OUT_SHARD, OUT_JSON };
    int which;
    enum st st = choose("to", s->to, names, countof(names), &which);

    if (st == ST_OK)
        *form = forms[which];
    return st;
}

/* ---- the tokenizer ---- */

static bool is_folder(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* special_tokens_map.json and tokenizer_config.json beside the tokenizer.json, where they are; the
 * latter has the last word. */
static enum st read_config(struct tokenizer *t, const char *folder, struct arena *a)
{
    static const char *const names[] = { "special_tokens_map.json", "tokenizer_config.json" };
    enum st st = ST_OK;

    for (int i = 0; i < countof(names) && st == ST_OK; i++) {
        const char *path = arena_printf(a, "%s/%s", folder, names[i]);
        struct view json;
        if (!path)
            return ST_SYS;
        if (access(path, F_OK) == 0 &&
            (st = file_read(path, &json, SETUP_JSON_BYTES_MAX, a)) == ST_OK)
            st = tokenizer_config(t, json, path);
    }
    return st;
}

enum st setup_folder(const struct setup *s, const char **folder, struct arena *a)
{
    const char *name = s->tokenizer, *slash = strrchr(name, '/');

    *folder = NULL;
    if (strcmp(name, "bytes") != 0 && is_folder(name))
        *folder = name;
    else if (strcmp(slash ? slash + 1 : name, "tokenizer.json") == 0)
        *folder = !slash ? "." : slash == name ? "/"
                : arena_text(a, (struct view){ name, (size_t)(slash - name) });
    else
        return ST_OK;
    return *folder ? ST_OK : ST_SYS;
}

static enum st read_files(struct tokenizer **t, const struct setup *s, struct arena *a,
                          struct arena *tmp)
{
    const char *folder, *path = s->tokenizer;
    struct view json;
    enum st st = setup_folder(s, &folder, tmp);

    if (st == ST_OK && folder == path && !(path = arena_printf(tmp, "%s/tokenizer.json", path)))
        st = ST_SYS;
    if (st == ST_OK)
        st = file_read(path, &json, SETUP_JSON_BYTES_MAX, tmp);
    if (st == ST_OK)
        st = tokenizer_read(t, json, path, a);
    return st == ST_OK && folder ? read_config(*t, folder, tmp) : st;
}

static enum st name_token(const struct tokenizer *t, const char *option, const char *text,
                          int64_t *id)
{
    if (!text)
        return ST_OK;
    err_place("--%s", option);
    if ((*id = tokenizer_find(t, text)) < 0)
        return fail(ST_USAGE, "the tokenizer has no added token '%s'", shown(view_of(text)));
    return ST_OK;
}

/* --bos NAME is also put before every text, --bos none keeps the tokenizer from adding one. */
static enum st set_bos(struct tokenizer *t, const char *text)
{
    enum st st = ST_OK;

    if (text && strcmp(text, "none") == 0) {
        t->bos = -1;
        t->n_prefix = 0;
    } else if (text && (st = name_token(t, "bos", text, &t->bos)) == ST_OK) {
        t->prefix[0] = (uint32_t)t->bos;
        t->n_prefix = 1;
    }
    return st;
}

enum st setup_tokenizer(const struct setup *s, struct tokenizer **t, struct arena *a)
{
    enum st st = ST_OK;

    if (strcmp(s->tokenizer, "bytes") == 0) {
        if (!(*t = tokenizer_bytes(a)))
            return ST_SYS;
    } else {
        struct arena *tmp = arena_new(0);
        st = read_files(t, s, a, tmp);
        arena_free(tmp);
    }
    if (st == ST_OK)
        st = set_bos(*t, s->bos);
    return st == ST_OK ? name_token(*t, "eos", s->eos, &(*t)->eos) : st;
}
