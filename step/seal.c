/* seal.c - sizes and hashes of a checkpoint's files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/file.h"
#include "base/json.h"
#include "seal.h"

enum { FILES_MAX = 4096, CHUNK = 1 << 20 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum st seal_names(const char *dir, const char *prefix, char ***name, int64_t *n, int64_t max,
                   struct arena *a)
{
    enum st st = ST_OK;
    DIR *d = opendir(dir);

    *n = 0;
    err_place("%s", dir);
    if (!d)
        return fail_sys("cannot open the folder");
    if (!(*name = ARENA_NEW(a, char *, max)))
        st = ST_SYS;
    for (struct dirent *e; st == ST_OK && (errno = 0, e = readdir(d)); ) {
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || strcmp(e->d_name, ".") == 0 ||
            strcmp(e->d_name, "..") == 0)
            continue;
        if (*n == max)
            st = fail(ST_SYS, "more than %lld files", (long long)max);
        else if (!((*name)[(*n)++] = arena_text(a, view_of(e->d_name))))
            st = ST_SYS;
    }
    if (st == ST_OK && errno)
        st = fail_sys("cannot read the folder");
    closedir(d);
    if (st != ST_OK)
        return st;
    qsort(*name, (size_t)*n, sizeof **name, by_name);
    err_place(NULL);
    return ST_OK;
}

/* Size and hash of a file, which is then on the disk where `sync` says so. */
static enum st hash_of(const char *path, bool sync, int64_t *bytes, uint64_t *hash, struct arena *a)
{
    size_t mark = arena_mark(a);
    char *p = arena_get(a, CHUNK);
    XXH3_state_t *x = arena_get(a, sizeof *x);
    enum st st = ST_OK;
    ssize_t n = 1;

    if (!p || !x)
        return ST_SYS;
    err_place("%s", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_sys("cannot open");
    XXH3_INITSTATE(x);
    XXH3_64bits_reset(x);
    *bytes = 0;
    while (n > 0 || (n < 0 && errno == EINTR)) {
        n = read(fd, p, CHUNK);
        if (n > 0)
            XXH3_64bits_update(x, p, (size_t)n);
        *bytes += MAX(n, 0);
    }
    if (n < 0)
        st = fail_sys("cannot read");
    if (st == ST_OK && sync && fsync(fd) < 0)
        st = fail_sys("cannot write it to the disk");
    close(fd);
    *hash = XXH3_64bits_digest(x);
    arena_back(a, mark);
    if (st == ST_OK)
        err_place(NULL);
    return st;
}

/* The files of one folder, each a line. */
static enum st list(struct buf *b, const char *dir, const char *inner, struct arena *a)
{
    char *folder = arena_printf(a, "%s/%s", dir, inner), **name;
    int64_t n, bytes;
    struct stat is;
    uint64_t hash;

    if (!folder)
        return ST_SYS;
    enum st st = seal_names(folder, "", &name, &n, FILES_MAX, a);
    for (int64_t i = 0; st == ST_OK && i < n; i++) {
        char *path = arena_printf(a, "%s%s", folder, name[i]);
        if (!path)
            return ST_SYS;
        if (stat(path, &is) < 0 || !S_ISREG(is.st_mode) || strcmp(name[i], "files.json") == 0)
            continue;
        st = hash_of(path, true, &bytes, &hash, a);
        if (st == ST_OK)
            st = buf_printf(b, "%s\n  \"%s%s\": [%lld, \"%016llx\"]", b->n > 1 ? "," : "", inner,
                            name[i], (long long)bytes, (unsigned long long)hash);
    }
    return st;
}

enum st seal_write(const char *dir, struct arena *a)
{
    char *path = arena_printf(a, "%s/state/files.json", dir);
    struct buf b = { 0 };

    if (!path)
        return ST_SYS;
    enum st st = buf_printf(&b, "{");
    if (st == ST_OK)
        st = list(&b, dir, "", a);
    if (st == ST_OK)
        st = list(&b, dir, "state/", a);
    if (st == ST_OK)
        st = buf_printf(&b, "\n}\n");
    if (st == ST_OK)
        st = file_save(path, b.p, b.n, a);
    buf_free(&b);
    return st == ST_OK ? dir_sync(dir) : st;
}

static enum st check_one(const char *dir, const char *name, json_t *v, struct arena *a)
{
    char *path = arena_printf(a, "%s/%s", dir, name), hex[32];
    json_t *size = json_array_get(v, 0), *sum = json_array_get(v, 1);
    int64_t bytes;
    uint64_t hash;

    if (!path)
        return ST_SYS;
    enum st st = hash_of(path, false, &bytes, &hash, a);
    if (st != ST_OK)
        return st;
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)hash);
    err_place("%s", path);
    if (!json_is_integer(size) || json_integer_value(size) != bytes)
        return fail(ST_DATA, "%lld bytes are not what was written", (long long)bytes);
    if (!json_is_string(sum) || strcmp(json_string_value(sum), hex) != 0)
        return fail(ST_DATA, "its bytes changed since it was written");
    err_place(NULL);
    return ST_OK;
}

enum st seal_check(const char *dir, struct arena *a)
{
    static const char *const needed[][2] = {           /* one or the other */
        { "config.json", "adapter_config.json" },
        { "model.safetensors", "adapter_model.safetensors" },
        { "state/step.json", "" }, { "state/mixer", "" }, { "state/optim.safetensors", "" },
    };
    char *path = arena_printf(a, "%s/state/files.json", dir);
    json_t *root = NULL, *v;
    const char *name;
    enum st st = path ? json_open(&root, path) : ST_SYS;

    if (st != ST_OK)
        return st;
    for (int64_t i = 0; st == ST_OK && i < countof(needed); i++)
        if (!json_object_get(root, needed[i][0]) && !json_object_get(root, needed[i][1])) {
            err_place("%s", path);
            st = fail(ST_DATA, "'%s' is not listed", needed[i][0]);
        }
    json_object_foreach(root, name, v)
        if (st == ST_OK)
            st = check_one(dir, name, v, a);
    json_decref(root);
    return st;
}
