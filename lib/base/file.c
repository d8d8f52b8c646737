/* file.c - files appear whole or not at all.
 *
 * The temporary name is NAME.tmp in the same folder, locked while it is written: two runs that
 * write one file find each other out, and what a killed run left is taken over by the next. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

static enum st connect_to(struct file *f)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    err_place("%s", f->path);
    if (strlen(f->path) >= sizeof to.sun_path)
        return fail(ST_SYS, "the name is too long for a socket");
    memcpy(to.sun_path, f->path, strlen(f->path));
    f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->fd < 0 || connect(f->fd, (struct sockaddr *)&to, sizeof to) < 0)
        return fail_sys("cannot connect");
    return ST_OK;
}

/* A pipe, device or socket already there: written in place. */
static enum st open_special(struct file *f, mode_t mode)
{
    if (S_ISSOCK(mode))
        return connect_to(f);
    do
        f->fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    while (f->fd < 0 && errno == EINTR && !sig_stop());
    if (f->fd >= 0)
        return ST_OK;
    if (errno == EINTR)
        return ST_STOP;
    err_place("%s", f->path);
    return fail_sys("cannot open");
}

/* Takes the temporary name for us alone.  A file that another run renamed or removed between our
 * open and our lock is not the one under the name any more: then again. */
static enum st open_temp(struct file *f)
{
    struct stat ours, named;

    for (;;) {
        f->fd = open(f->temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (f->fd < 0)
            return fail_sys("cannot create");
        if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
            return fail(ST_SYS, "another program is writing it; wait for it or give another name");
        if (fstat(f->fd, &ours) == 0 && stat(f->temp, &named) == 0 && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev)
            break;
        close(f->fd);
    }
    return ftruncate(f->fd, 0) == 0 ? ST_OK : fail_sys("cannot empty the temporary file");
}

enum st file_new(struct file *f, const char *path, struct arena *a)
{
    struct stat is;
    char *real;

    *f = (struct file){ .fd = -1 };
    if (!(f->path = arena_text(a, view_of(path))))
        return ST_SYS;
    if (strcmp(path, "-") == 0) {
        f->fd = STDOUT_FILENO;
        return ST_OK;
    }
    bool there = stat(path, &is) == 0;
    err_place("%s", path);
    if (there && S_ISDIR(is.st_mode))
        return fail(ST_SYS, "is a folder; give the name of a file");
    if (there && !S_ISREG(is.st_mode))
        return open_special(f, is.st_mode);
    /* through a link: the file it names is replaced */
    if (there && (real = realpath(path, NULL))) {
        f->path = arena_text(a, view_of(real));
        mem_release(real);
        if (!f->path)
            return ST_SYS;
    }
    if (!(f->temp = arena_printf(a, "%s.tmp", f->path)))
        return ST_SYS;
    enum st st = open_temp(f);
    if (st != ST_OK) {
        if (f->fd >= 0)
            close(f->fd);                              /* the name may be another's: it stays */
        f->fd = -1;
        f->temp = NULL;
        return st;
    }
    err_place(NULL);
    return ST_OK;
}

enum st fd_write(int fd, const char *name, const void *p, size_t n)
{
    const char *s = p;

    while (n) {
        ssize_t r = write(fd, s, MIN(n, (size_t)1 << 30));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            err_place("%s", name);
            return fail_sys("cannot write");
        }
        s += r;
        n -= (size_t)r;
    }
    return ST_OK;
}

enum st file_write(struct file *f, const void *p, size_t n)
{
    return fd_write(f->fd, f->fd == STDOUT_FILENO ? "stdout" : f->path, p, n);
}

/* The folder of a path, in the arena-less way: into out. */
static enum st folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;

    if (n >= size)
        return fail(ST_SYS, "the name is too long");
    memcpy(out, slash ? path : ".", n);
    out[n] = 0;
    if (n == 0)
        memcpy(out, "/", 2);
    return ST_OK;
}

enum st file_commit(struct file *f)
{
    char folder[4096];
    enum st st = ST_OK;

    BUG_IF(f->fd < 0);
    err_place("%s", f->path);
    if (f->temp) {
        if (fsync(f->fd) < 0)
            st = fail_sys("cannot write it to the disk");
        else if (rename(f->temp, f->path) < 0)      /* still locked: nobody takes the name before */
            st = fail_sys("cannot rename '%s' to it", shown(view_of(f->temp)));
        if (st != ST_OK) {
            file_drop(f);
            return st;
        }
        f->temp = NULL;
        st = folder_of(f->path, folder, sizeof folder);
        if (st == ST_OK)
            st = dir_sync(folder);
    }
    if (f->fd != STDOUT_FILENO && close(f->fd) < 0 && st == ST_OK)
        st = fail_sys("cannot close");
    f->fd = -1;
    if (st == ST_OK)
        err_place(NULL);
    return st;
}

void file_drop(struct file *f)
{
    if (f->fd < 0)
        return;
    if (f->temp)
        unlink(f->temp);
    if (f->fd != STDOUT_FILENO)
        close(f->fd);
    f->fd = -1;
    f->temp = NULL;
}

enum st file_read(const char *path, struct view *data, size_t max_bytes, struct arena *a)
{
    struct stat is;
    enum st st = ST_OK;
    size_t n = 0, cap = 4096;
    ssize_t r = 1;

    *data = (struct view){ 0 };
    err_place("%s", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_sys("cannot open");
    if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_size > 0 &&
        (size_t)is.st_size <= max_bytes)
        cap = (size_t)is.st_size + 1;          /* the end of the file is seen in the last byte */
    char *p = arena_get(a, cap);
    while (p && st == ST_OK && r != 0 && n <= max_bytes) {
        r = read(fd, p + n, cap - n);
        if (r < 0 && errno != EINTR)
            st = fail_sys("cannot read");
        n += (size_t)MAX(r, 0);
        if (n == cap) {                        /* of no known size, or it grew */
            char *more = arena_get(a, cap *= 2);
            p = more ? memcpy(more, p, n) : NULL;
        }
    }
    close(fd);
    if (!p)
        return ST_SYS;
    if (st == ST_OK && n > max_bytes)
        st = fail(ST_DATA, "has more than %zu bytes; is it the right file", max_bytes);
    if (st != ST_OK)
        return st;
    *data = (struct view){ p, n };
    err_place(NULL);
    return ST_OK;
}

enum st file_save(const char *path, const void *p, size_t n, struct arena *a)
{
    struct file f;
    enum st st = file_new(&f, path, a);

    if (st == ST_OK)
        st = file_write(&f, p, n);
    if (st == ST_OK)
        return file_commit(&f);
    file_drop(&f);
    return st;
}
