/* hash.c - the 32 bytes that name a model's weights, whatever files they lie in.
 *
 * SHA-256 over the tensors sorted by name; of each: name, 0, type, 0, rank and sizes as 64-bit
 * little-endian numbers, bytes as they are on disk.  Taking it reads all weights, so it is cached
 * beside them with what tells that they are the same files. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/tensors.h"

#define BLOCK_BYTES (1 << 20)
#define CACHE       ".weights.sha256"

static void add_number(struct sha *h, int64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)((uint64_t)v >> 8 * i);
    sha_add(h, b, 8);
}

static void add_name(struct sha *h, const char *name, const char *type, int rank, const int64_t *d)
{
    sha_add(h, name, strlen(name) + 1);
    sha_add(h, type, strlen(type) + 1);
    add_number(h, rank);
    for (int i = 0; i < rank; i++)
        add_number(h, d[i]);
}

struct entry { const struct safe *s; const struct safe_tensor *t; };

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->t->name, ((const struct entry *)b)->t->name);
}

static enum st add_entries(struct sha *h, const struct entry *e, int64_t n, struct arena *a)
{
    char *block = arena_get(a, BLOCK_BYTES);
    enum st st = block ? ST_OK : ST_SYS;

    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        const struct safe_tensor *t = e[i].t;
        err_place("%s", e[i].s->path);
        if (i && strcmp(e[i - 1].t->name, t->name) == 0)
            return fail(ST_DATA, "tensor '%s' is in two files", shown(view_of(t->name)));
        add_name(h, t->name, t->dtype, t->rank, t->d);
        for (int64_t at = t->begin; at < t->end && st == ST_OK; at += BLOCK_BYTES) {
            size_t k = (size_t)MIN(BLOCK_BYTES, t->end - at);
            if ((st = safe_read(e[i].s, at, block, k)) == ST_OK)
                sha_add(h, block, k);
        }
    }
    return st;
}

/* Over all files of a folder at once: names are sorted across them. */
static enum st hash_files(uint8_t out[32], const char *dir, const struct shards *files,
                          struct arena *a)
{
    struct safe *s = ARENA_NEW(a, struct safe, MAX(files->n, 1));
    struct sha *h = sha_new();
    int64_t n = 0, opened = 0;
    enum st st = s ? ST_OK : ST_SYS;

    for (; st == ST_OK && opened < files->n; opened++) {
        char *path = arena_printf(a, "%s/%s", dir, files->name[opened]);
        if ((st = path ? safe_open(&s[opened], path, a) : ST_SYS) != ST_OK)
            break;
        n += s[opened].n;
    }
    struct entry *e = st == ST_OK ? ARENA_NEW(a, struct entry, MAX(n, 1)) : NULL;
    if (e) {
        int64_t k = 0;
        for (int64_t i = 0; i < opened; i++)
            for (int64_t j = 0; j < s[i].n; j++)
                e[k++] = (struct entry){ &s[i], &s[i].t[j] };
        qsort(e, (size_t)n, sizeof *e, by_name);
        st = add_entries(h, e, n, a);
    } else if (st == ST_OK) {
        st = ST_SYS;
    }
    for (int64_t i = 0; i < opened; i++)
        safe_close(&s[i]);
    sha_end(h, out);
    if (st == ST_OK)
        err_place(NULL);
    return st;
}

/* What tells that the files are those hashed: name, size, time and inode of each.  NULL: one cannot
 * be told. */
static char *stamp(const char *dir, const struct shards *files, struct arena *a)
{
    char *all = arena_text(a, view_of(""));
    struct stat is;

    for (int64_t i = 0; all && i < files->n; i++) {
        char *path = arena_printf(a, "%s/%s", dir, files->name[i]);
        if (!path || stat(path, &is) < 0)
            return NULL;
        all = arena_printf(a, "%s%s %lld %lld.%09ld %llu\n", all, files->name[i],
                           (long long)is.st_size, (long long)is.st_mtim.tv_sec, is.st_mtim.tv_nsec,
                           (unsigned long long)is.st_ino);
    }
    return all;
}

static bool unhex(const char *p, uint8_t out[32])
{
    for (int i = 0; i < 64; i++) {
        const char *digits = "0123456789abcdef", *at = p[i] ? strchr(digits, p[i]) : NULL;
        if (!at)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
    }
    return true;
}

static bool cached(uint8_t out[32], const char *cache, const char *now, struct arena *a)
{
    struct view text;

    if (access(cache, R_OK) != 0)
        return false;
    if (file_read(cache, &text, 1 << 20, a) != ST_OK) {
        err_clear();
        return false;
    }
    return text.n > 65 && text.p[64] == '\n' && strcmp(text.p + 65, now) == 0 && unhex(text.p, out);
}

enum st weights_hash_file(uint8_t out[32], const char *dir, const char *name, struct arena *a)
{
    char *one[] = { (char *)(uintptr_t)name };
    struct shards files = { 1, one };
    size_t mark = arena_mark(a);
    enum st st = hash_files(out, dir, &files, a);

    arena_back(a, mark);
    return st;
}

enum st weights_hash(uint8_t out[32], const char *dir, struct arena *a)
{
    size_t mark = arena_mark(a);
    struct shards files;
    char hex[65];
    enum st st = shards_find(&files, dir, a);

    if (st == ST_OK) {
        char *cache = arena_printf(a, "%s/" CACHE, dir), *now = stamp(dir, &files, a);
        if (!cache)
            return ST_SYS;
        if (now && cached(out, cache, now, a)) {
            arena_back(a, mark);
            return ST_OK;
        }
        st = hash_files(out, dir, &files, a);
        if (st == ST_OK && now && access(dir, W_OK) == 0) {
            hex_of(out, 32, hex);
            char *text = arena_printf(a, "%s\n%s", hex, now);
            if (!text || file_save(cache, text, strlen(text), a) != ST_OK)
                err_clear();                   /* it only costs the time */
        }
    }
    arena_back(a, mark);
    return st;
}

static int by_param(const void *a, const void *b)
{
    return strcmp((*(const struct param *const *)a)->name, (*(const struct param *const *)b)->name);
}

enum st weights_hash_model(uint8_t out[32], const struct model *m, struct arena *a)
{
    size_t mark = arena_mark(a);
    const struct param **p = ARENA_NEW(a, const struct param *, m->n_params);
    float *block = arena_get(a, BLOCK_BYTES);
    int64_t room = BLOCK_BYTES / 4;

    if (!p || !block)
        return ST_SYS;
    for (int64_t i = 0; i < m->n_params; i++)
        p[i] = &m->param[i];
    qsort(p, (size_t)m->n_params, sizeof *p, by_param);
    struct sha *h = sha_new();
    for (int64_t i = 0; i < m->n_params; i++) {
        int64_t n = tensor_n(p[i]->w);
        add_name(h, p[i]->name, "F32", p[i]->w.rank, p[i]->w.d);
        for (int64_t at = 0; at < n; at += room) {
            int64_t k = MIN(room, n - at);
            dev_get_floats(m->d, &p[i]->w, at, k, block);
            sha_add(h, block, (size_t)k * 4);
        }
    }
    sha_end(h, out);
    arena_back(a, mark);
    return ST_OK;
}
