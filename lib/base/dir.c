/* dir.c - folders: made with their parents, made durable, removed with all in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum st dir_sync(const char *path)
{
    err_place("%s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_sys("cannot open the folder");
    /* Some file systems know no fsync of a folder; those that do tell real faults apart */
    bool bad = fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS;
    enum st st = bad ? fail_sys("cannot write the folder to the disk") : ST_OK;
    close(fd);
    if (st == ST_OK)
        err_place(NULL);
    return st;
}

static enum st make_one(const char *path)
{
    struct stat is;

    if (mkdir(path, 0777) == 0) {
        char *slash = strrchr(path, '/');
        if (slash == path)
            return dir_sync("/");
        if (!slash)
            return dir_sync(".");
        *slash = 0;                                    /* path is dir_make's own copy */
        enum st st = dir_sync(path);
        *slash = '/';
        return st;
    }
    int error = errno;
    if (error == EEXIST && stat(path, &is) == 0) {
        if (S_ISDIR(is.st_mode))
            return ST_OK;
        return fail(ST_SYS, "'%s' is not a folder", shown(view_of(path)));
    }
    errno = error;
    return fail_sys("cannot make the folder");
}

enum st dir_make(const char *path)
{
    char part[4096];
    size_t n = strlen(path);
    enum st st = ST_OK;

    err_place("%s", path);
    if (n >= sizeof part)
        return fail(ST_SYS, "the name is too long");
    if (n == 0)
        return fail(ST_SYS, "a folder needs a name");
    memcpy(part, path, n + 1);
    while (n > 1 && part[n - 1] == '/')
        part[--n] = 0;
    for (char *s = part + 1; *s && st == ST_OK; s++) {
        if (*s != '/' || s[-1] == '/')
            continue;
        *s = 0;
        st = make_one(part);
        *s = '/';
        err_place("%s", path);
    }
    if (st == ST_OK)
        st = make_one(part);
    if (st == ST_OK)
        err_place(NULL);
    return st;
}

/* Empties the folder open at fd, which is closed.  Links are removed, never followed. */
static bool empty(int fd)
{
    DIR *d = fdopendir(fd);
    bool ok = d != NULL;

    if (!d) {
        close(fd);
        return false;
    }
    for (struct dirent *e; ok && (errno = 0, e = readdir(d)); ) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) == 0)
            continue;
        int inner = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        ok = inner >= 0 && empty(inner) && unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0;
    }
    int error = errno;
    closedir(d);
    errno = error;
    return ok && error == 0;
}

enum st dir_remove(const char *path)
{
    err_place("%s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        err_place(NULL);
        return ST_OK;
    }
    if (fd < 0 || !empty(fd) || rmdir(path) < 0)
        return fail_sys("cannot remove the folder");
    err_place(NULL);
    return ST_OK;
}
