/* feedback.c - waiting on two descriptors at once.
 *
 * On Linux a FIFO opened for reading without a writer polls silent until the first writer came,
 * and hung up once it has left: so `seen` needs no bookkeeping in the kernel's stead.  When
 * stdout's reader is gone and step had spoken, its last word is given a second: an end record
 * there tells whether all was well. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/run.h"
#include "feedback.h"

enum { LOOK_MS = 200, LAST_WORD_MS = 1000, SILENT_S = 60, ALONE_S = 600 };

struct feedback {
    const char *name;
    int         fd, out_fd;
    struct in  *in;
    bool        seen, gone;                    /* a writer came; nobody is left */
    bool        quiet, told;                   /* no warnings; the warning was given */
    bool        alone;                         /* who reads our steps has no --feedback */
    int64_t     n;                             /* metrics read */
};

/* The reader of stdout left: may the FIFO still be read? */
static enum st last_word(struct feedback *f, int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };

    f->gone = true;
    f->out_fd = -1;
    if (f->seen && poll(&p, 1, LAST_WORD_MS) > 0)
        return ST_OK;
    return ST_SYS;
}

/* A step that still loads its model has read nothing; one that has read the header opens the
 * FIFO at once. */
static bool all_read(int fd)
{
    int unread;
    return fd >= 0 && ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
}

static enum st wait_for(void *arg, int fd)
{
    struct feedback *f = arg;
    double since = run_clock();

    for (;;) {
        struct pollfd p[2] = { { fd, POLLIN, 0 }, { f->out_fd, 0, 0 } };
        if (sig_stop())
            return ST_STOP;
        if (poll(p, 2, LOOK_MS) < 0 && errno != EINTR) {
            err_place("%s", f->name);
            return fail_sys("cannot wait for losses");
        }
        if (p[0].revents) {
            f->seen = true;
            return ST_OK;
        }
        if (p[1].revents)
            return last_word(f, fd);
        if (f->gone)                                   /* and no last word came */
            return ST_SYS;
        if (run_clock() - since < SILENT_S)
            continue;
        if (!f->seen && run_clock() - since >= ALONE_S && all_read(f->out_fd)) {
            f->alone = true;
            err_place("%s", f->name);
            return fail(ST_SYS,
                        "our steps were read, and nobody opened the FIFO for %d s; give step "
                                "the same --feedback", ALONE_S);
        }
        if (!f->told) {
            f->told = true;
            if (!f->quiet)
                warn(f->seen ? "%s: no loss for %d s; a filter between must flush each step"
                             : "%s: nobody opened it for %d s; is step still loading, and has it "
                               "the same --feedback?",
                     f->name, SILENT_S);
        }
    }
}

enum st feedback_open(struct feedback **f, const char *name, bool quiet, struct arena *a)
{
    struct stat s;

    err_place("--feedback");
    if (stat(name, &s) != 0)
        return errno == ENOENT ? fail(ST_USAGE, "there is no '%s'; make it: mkfifo %s",
                                      shown(view_of(name)), shown(view_of(name)))
                               : fail_sys("'%s'", shown(view_of(name)));
    if (!S_ISFIFO(s.st_mode))
        return fail(ST_USAGE, "'%s' is no FIFO; make one with mkfifo", shown(view_of(name)));
    if (!(*f = ARENA_NEW(a, struct feedback, 1)))
        return ST_SYS;
    **f = (struct feedback){ .name = name, .out_fd = -1, .quiet = quiet };
    (*f)->fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if ((*f)->fd < 0)
        return fail_sys("cannot open '%s'", shown(view_of(name)));
    err_place(NULL);
    return in_open_fd(&(*f)->in, (*f)->fd, name, wait_for, *f, true, a);
}

void feedback_watch(struct feedback *f, int out_fd)
{
    f->out_fd = out_fd;
}

enum st feedback_next(struct feedback *f, struct rec *r)
{
    enum st st = in_next(f->in, r);

    if (st == ST_OK) {
        f->n++;
        if (r->kind == REC_METRIC)
            return ST_OK;
        err_place("%s:%lld", f->name, (long long)f->n);
        return fail(ST_DATA, "a '%s' record instead of a metric; has the FIFO another use?",
                    rec_kind_name(r->kind));
    }
    if (st == ST_STOP && sig_stop())
        return ST_STOP;
    if (st == ST_SYS && !f->alone) {
        bool told = f->gone || f->n == 0;              /* by step itself, or by the shell */
        err_clear();
        f->gone = true;
        err_place("%s", f->name);
        return told ? ST_SYS : fail(ST_SYS, "step was cut off after %lld losses; start again with "
                                    "--resume", (long long)f->n);
    }
    f->gone |= st != ST_DATA && !f->alone;
    return st;
}

bool feedback_gone(const struct feedback *f)
{
    return f && f->gone;
}

void feedback_close(struct feedback *f)
{
    if (!f)
        return;
    if (f->in)
        in_close(f->in);
    if (f->fd >= 0)
        close(f->fd);
}
