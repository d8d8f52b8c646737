/* open.c - the tokenizer named on the command line. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "work.h"

enum { TOKENIZER_BYTES_MAX = 256 << 20 };

static bool is_folder(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* tokenizer_config.json beside the tokenizer.json, where there is one. */
static enum st read_config(struct tokenizer *t, const char *folder, struct arena *a)
{
    const char *path = arena_printf(a, "%s/tokenizer_config.json", folder);
    struct view json;

    if (!path)
        return ST_SYS;
    if (access(path, F_OK) != 0)
        return ST_OK;
    enum st st = file_read(path, &json, TOKENIZER_BYTES_MAX, a);
    return st == ST_OK ? tokenizer_config(t, json, path) : st;
}

static enum st read_files(struct tokenizer **t, const char *name, struct arena *a, struct arena *tmp)
{
    const char *slash = strrchr(name, '/'), *folder = NULL, *path = name;
    struct view json;

    if (is_folder(name)) {
        folder = name;
        path = arena_printf(tmp, "%s/tokenizer.json", name);
    } else if (strcmp(slash ? slash + 1 : name, "tokenizer.json") == 0) {
        folder = slash ? arena_text(tmp, (struct view){ name, (size_t)(slash - name) }) : ".";
    }
    if (!path)
        return ST_SYS;
    enum st st = file_read(path, &json, TOKENIZER_BYTES_MAX, tmp);
    if (st == ST_OK)
        st = tokenizer_read(t, json, path, a);
    return st == ST_OK && folder ? read_config(*t, *folder ? folder : "/", tmp) : st;
}

static enum st name_token(const struct tokenizer *t, const char *option, const char *text, int64_t *id)
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

enum st tokenizer_open(struct tokenizer **t, const struct setup *s, struct arena *a)
{
    enum st st = ST_OK;

    if (strcmp(s->tokenizer, "bytes") == 0) {
        if (!(*t = tokenizer_bytes(a)))
            return ST_SYS;
    } else {
        struct arena *tmp = arena_new(0);
        st = read_files(t, s->tokenizer, a, tmp);
        arena_free(tmp);
    }
    if (st == ST_OK)
        st = set_bos(*t, s->bos);
    return st == ST_OK ? name_token(*t, "eos", s->eos, &(*t)->eos) : st;
}
