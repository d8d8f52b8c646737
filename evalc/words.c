/* words.c - a folder's words, read as tokenize reads them. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "words.h"

enum { JSON_BYTES_MAX = 256 << 20, TEMPLATE_BYTES_MAX = 1 << 20 };

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool is_folder(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* ---- the tokenizer ---- */

static enum st read_config(const struct words *w, struct arena *tmp)
{
    static const char *const names[] = { "special_tokens_map.json", "tokenizer_config.json" };
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && i < countof(names); i++) {
        const char *path = arena_printf(tmp, "%s/%s", w->folder, names[i]);
        struct view json;
        if (!path)
            return ST_SYS;
        if (is_there(path) && (st = file_read(path, &json, JSON_BYTES_MAX, tmp)) == ST_OK)
            st = tokenizer_config(w->t, json, path);
    }
    return st;
}

static enum st read_tokenizer(struct words *w, const char *path, struct arena *a)
{
    struct arena *tmp = arena_new(0);
    struct view json;
    enum st st = file_read(path, &json, JSON_BYTES_MAX, tmp);

    if (st == ST_OK)
        st = tokenizer_read(&w->t, json, path, a);
    if (st == ST_OK && w->folder)
        st = read_config(w, tmp);
    arena_free(tmp);
    return st;
}

/* The checkpoint was trained on rows of the built-in tokenizer, as step noted it. */
static enum st noted_bytes(const char *folder, const struct tokenizer *bytes, bool *is,
                           struct arena *a)
{
    const char *path = arena_printf(a, "%s/state/step.json", folder), *noted;
    char hex[65];
    json_t *root;
    enum st st;

    *is = false;
    if (!path)
        return ST_SYS;
    if (!is_there(path))
        return ST_OK;
    if ((st = json_open(&root, path)) != ST_OK)
        return st;
    st = json_text_or(path, root, "tokenizer", "", &noted);
    hex_of(bytes->sha, sizeof bytes->sha, hex);
    *is = st == ST_OK && strcmp(noted, hex) == 0;
    json_decref(root);
    return st;
}

/* The model's own: folder's tokenizer.json, or the built-in. */
static enum st find(struct words *w, const struct folders *f, const struct header *h,
                    struct arena *a)
{
    const char *folder[] = { f && f->adapter ? f->adapter : f ? f->base : NULL,
                             f ? f->base : NULL };
    bool is = false;
    enum st st = ST_OK;

    for (int i = 0; f && i < 2; i++) {
        const char *path = arena_printf(a, "%s/tokenizer.json", folder[i]);
        if (!path)
            return ST_SYS;
        if (is_there(path)) {
            w->folder = folder[i];
            return read_tokenizer(w, path, a);
        }
    }
    if (!(w->t = tokenizer_bytes(a)))
        return ST_SYS;
    is = h && memcmp(h->tokenizer, w->t->sha, sizeof w->t->sha) == 0;
    for (int i = 0; st == ST_OK && !h && !is && i < 2; i++)
        st = noted_bytes(folder[i], w->t, &is, a);
    if (st == ST_OK && !is && !f)
        return fail(ST_USAGE, "name the rows' tokenizer with --tokenizer");
    if (st == ST_OK && !is)
        return fail(ST_USAGE, "no tokenizer.json in '%s'; name the tokenizer with --tokenizer",
                    shown(view_of(folder[0])));
    return st;
}

static enum st named(struct words *w, const char *name, struct arena *a)
{
    if (strcmp(name, "bytes") == 0)
        return (w->t = tokenizer_bytes(a)) ? ST_OK : ST_SYS;
    const char *path = name, *slash = strrchr(name, '/');
    if (is_folder(name)) {
        w->folder = name;
        path = arena_printf(a, "%s/tokenizer.json", name);
    } else if (strcmp(slash ? slash + 1 : name, "tokenizer.json") == 0) {
        w->folder = slash ? arena_text(a, (struct view){ name, (size_t)(slash - name) }) : ".";
    }
    return path ? read_tokenizer(w, path, a) : ST_SYS;
}

/* ---- ends ---- */

enum st words_end(struct words *w, int64_t id)
{
    for (int64_t i = 0; i < w->n_end; i++)
        if (w->end[i] == id)
            return ST_OK;
    if (id < 0 || id > INT32_MAX)
        return ST_OK;
    if (w->n_end == WORDS_ENDS_MAX)
        return fail(ST_DATA, "more than %d end tokens", WORDS_ENDS_MAX);
    w->end[w->n_end++] = (int32_t)id;
    return ST_OK;
}

/* eos_token_id of a file, a number or a list; *any: the file says something of it. */
static enum st read_ends(struct words *w, const char *path, bool *any)
{
    json_t *root, *v;
    enum st st = json_open(&root, path);

    if (st != ST_OK)
        return st;
    v = json_object_get(root, "eos_token_id");
    size_t n = json_is_array(v) ? json_array_size(v) : json_is_integer(v);
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        json_t *id = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            st = fail(ST_DATA, "%s: 'eos_token_id' holds something that is no token", path);
        else
            st = words_end(w, json_integer_value(id));
    }
    *any = n > 0;
    json_decref(root);
    return st;
}

static enum st ends(struct words *w, const struct folders *f, struct arena *a)
{
    static const char *const names[] = { "generation_config.json", "config.json" };
    bool any = false;
    enum st st = ST_OK;

    for (int64_t i = 0; st == ST_OK && !any && i < countof(names); i++) {
        const char *path = arena_printf(a, "%s/%s", f->base, names[i]);
        if (!path)
            return ST_SYS;
        if (is_there(path))
            st = read_ends(w, path, &any);
    }
    return st == ST_OK ? words_end(w, w->t->eos) : st;
}

enum st words_open(struct words *w, const struct folders *f, const char *name,
                   const struct header *h, struct arena *a)
{
    enum st st;

    *w = (struct words){ 0 };
    err_place(name ? "--tokenizer" : NULL);
    if ((st = name ? named(w, name, a) : find(w, f, h, a)) != ST_OK)
        return st;
    if (h && memcmp(h->tokenizer, w->t->sha, sizeof w->t->sha) != 0)
        return fail(ST_DATA, "the rows were made with another tokenizer than this one");
    err_place(NULL);
    return f ? ends(w, f, a) : ST_OK;
}

void words_close(struct words *w)
{
    if (w->t)
        tokenizer_free(w->t);
    w->t = NULL;
}

/* ---- the template ---- */

/* chat_template of tokenizer_config.json, or chat_template.jinja; *source.p NULL: there is none. */
static enum st own_template(const struct words *w, const char *name, struct view *source,
                            struct arena *a)
{
    const char *path = name ? arena_printf(a, "%s/additional_chat_templates/%s.jinja", w->folder,
                                           name)
                            : arena_printf(a, "%s/chat_template.jinja", w->folder);
    const char *config = arena_printf(a, "%s/tokenizer_config.json", w->folder);
    struct view json;
    enum st st;

    if (!path || !config)
        return ST_SYS;
    if (is_there(path))
        return file_read(path, source, TEMPLATE_BYTES_MAX, a);
    if (!is_there(config))
        return ST_OK;
    if ((st = file_read(config, &json, JSON_BYTES_MAX, a)) == ST_OK)
        st = tokenizer_template(json, config, name, source, a);
    return st == ST_END ? ST_OK : st;
}

enum st words_template(const struct words *w, const char *name, struct chat *c, struct arena *a)
{
    static const struct tm day = { .tm_year = 124, .tm_mon = 6, .tm_mday = 26, .tm_hour = 12 };
    bool is_auto = strcmp(name, "auto") == 0;
    const struct layout *layout = layout_find(name);
    size_t n = strlen(name);
    struct chat_vars vars = { .date = day };   /* the one tokenize takes where none is told */
    struct view source = { 0 };
    enum st st = ST_OK;

    err_place("--template");
    if (strchr(name, '/') || (n > 6 && strcmp(name + n - 6, ".jinja") == 0))
        st = file_read(name, &source, TEMPLATE_BYTES_MAX, a);
    else if (!layout && w->folder)
        st = own_template(w, is_auto || strncmp(name, "chat_template", 13) == 0 ? NULL : name,
                          &source, a);
    if (st != ST_OK)
        return st;
    if (source.p)
        return chat_program(c, source, name, -1, &vars, w->t, a);
    if (is_auto)
        layout = layout_auto(w->t);
    if (!layout)
        return fail(ST_USAGE, "'%s' is none of auto, %s, nor a template of the tokenizer's folder; "
                    "a file's name ends in .jinja", shown(view_of(name)), layout_names());
    return chat_layout(c, layout, w->t, a);
}

enum st words_encode(const struct words *w, const struct chat *c, struct encoder *e,
                     struct view text, struct buf *b)
{
    struct encoding v = { 0 };
    enum st st = tokenizer_encode(e, text, false, &v);
    int32_t bos = (int32_t)c->bos;

    if (st == ST_OK && c->bos >= 0)
        st = buf_add(b, &bos, sizeof bos);
    for (int i = 0; st == ST_OK && c->layout && i < w->t->n_prefix; i++)
        st = buf_add(b, &w->t->prefix[i], sizeof(int32_t));
    if (st == ST_OK)
        st = buf_add(b, v.id, (size_t)v.n * sizeof(int32_t));
    encoding_free(&v);
    return st;
}

enum st words_clean(struct buf *to, struct view text)
{
    enum st st = ST_OK;

    while (st == ST_OK && text.n) {
        size_t n = utf8_prefix(text.p, text.n);
        st = buf_add(to, text.p, n);
        text.p += n;
        text.n -= n;
        if (st == ST_OK && text.n) {
            st = buf_add(to, "\xef\xbf\xbd", 3);
            text.p++;
            text.n--;
        }
    }
    return st;
}
