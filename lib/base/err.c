/* err.c - the one message of a process, those kept apart, and its signals.
 *
 * Place and message are kept apart, so that a reader which learns its line and column only after
 * the fault can still give them (err_at).  A line is formatted whole, cleaned of control
 * characters, and leaves in one write: many tools share one stderr. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/utf8.h"

enum { PLACE_MAX = ERR_PLACE_MAX, WHAT_MAX = ERR_WHAT_MAX, SHOWN_MAX = 80 };

static const char *tool = "plait";
static _Thread_local char place[PLACE_MAX];            /* of the next fault */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct err_box process;                         /* the one message; under the lock */
static _Thread_local struct err_box *apart;            /* of this thread; NULL: the process's */

static volatile sig_atomic_t stop;
static pthread_t main_thread;

/* Text from outside made safe for a terminal: controls and broken UTF-8 become '?'.  out takes at
 * most size - 1 bytes of whole characters and a 0; returns how much of s was used. */
static size_t clean(char *out, size_t size, struct view s)
{
    size_t i = 0, n = 0;

    while (i < s.n) {
        int len = utf8_len(s.p + i, s.n - i);
        unsigned char c = (unsigned char)s.p[i];
        bool control = c < 0x20 || c == 0x7f ||
                       (c == 0xc2 && len == 2 && (unsigned char)s.p[i + 1] < 0xa0);
        if (n + (size_t)MAX(len, 1) >= size)
            break;
        if (len == 0 || control)
            out[n++] = '?';
        else
            for (int k = 0; k < len; k++)
                out[n++] = s.p[i + (size_t)k];
        i += (size_t)MAX(len, 1);
    }
    out[n] = 0;
    return i;
}

__attribute__((format(printf, 3, 0)))
static void format(char *out, size_t size, const char *fmt, va_list ap)
{
    char raw[WHAT_MAX];
    int n = vsnprintf(raw, sizeof raw, fmt, ap);

    clean(out, size, (struct view){ raw, n < 0 ? 0 : MIN((size_t)n, sizeof raw - 1) });
}

/* Everything in one write; stderr may be a pipe of many writers. */
static void say(const char *line, size_t n)
{
    ssize_t r;

    do
        r = write(STDERR_FILENO, line, n);
    while (r < 0 && errno == EINTR);
}

static void say_line(const char *where, const char *what)
{
    char line[PLACE_MAX + WHAT_MAX + 256];
    int n = snprintf(line, sizeof line, "%s: %s%s%s\n", tool, where, *where ? ": " : "", what);

    say(line, MIN((size_t)MAX(n, 0), sizeof line - 1));
}

void err_tool(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;

    if (argv0 && *argv0)
        tool = slash && slash[1] ? slash + 1 : argv0;
    signal(SIGPIPE, SIG_DFL);
    /* A closed 0, 1 or 2 must not become a data file: hold it with what refuses its use */
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
                return;
}

const char *err_tool_name(void)
{
    return tool;
}

void err_place(const char *fmt, ...)
{
    va_list ap;

    place[0] = 0;
    if (!fmt)
        return;
    va_start(ap, fmt);
    format(place, sizeof place, fmt, ap);
    va_end(ap);
}

static struct err_box *box(void)
{
    return apart ? apart : &process;
}

void err_at(const char *fmt, ...)
{
    struct err_box *b = box();
    va_list ap;

    pthread_mutex_lock(&lock);
    va_start(ap, fmt);
    if (b->kept)
        format(b->place, sizeof b->place, fmt, ap);
    va_end(ap);
    pthread_mutex_unlock(&lock);
}

bool err_placed(void)
{
    return box()->kept && *box()->place;
}

static void keep(const char *where, const char *what)
{
    struct err_box *b = box();

    pthread_mutex_lock(&lock);
    if (!b->kept) {
        b->kept = true;
        snprintf(b->place, sizeof b->place, "%s", where);
        snprintf(b->what, sizeof b->what, "%s", what);
    }
    pthread_mutex_unlock(&lock);
}

void err_apart(struct err_box *b)
{
    apart = b;
    if (b)
        err_clear();
}

void err_take(const struct err_box *b)
{
    if (b->kept)
        keep(b->place, b->what);
}

enum st fail(enum st st, const char *fmt, ...)
{
    char what[WHAT_MAX];
    va_list ap;

    va_start(ap, fmt);
    format(what, sizeof what, fmt, ap);
    va_end(ap);
    keep(place, what);
    return st;
}

enum st fail_sys(const char *fmt, ...)
{
    int error = errno;
    char what[WHAT_MAX - 128], full[WHAT_MAX];
    va_list ap;

    va_start(ap, fmt);
    format(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(full, sizeof full, "%s: %s", what, strerror(error));
    keep(place, full);
    return ST_SYS;
}

const char *err_text(void)
{
    static _Thread_local char text[PLACE_MAX + WHAT_MAX + 2];
    const struct err_box *b = box();

    if (!b->kept)
        return "";
    snprintf(text, sizeof text, "%s%s%s", b->place, *b->place ? ": " : "", b->what);
    return text;
}

void err_clear(void)
{
    struct err_box *b = box();

    b->kept = false;
    b->place[0] = b->what[0] = 0;
}

void warn(const char *fmt, ...)
{
    char what[WHAT_MAX];
    va_list ap;

    va_start(ap, fmt);
    format(what, sizeof what, fmt, ap);
    va_end(ap);
    say_line("", what);
}

const char *shown(struct view name)
{
    static _Thread_local char ring[4][SHOWN_MAX + 1];
    static _Thread_local int next;
    char *s = ring[next++ & 3];

    if (clean(s, SHOWN_MAX + 1, name) < name.n) {
        clean(s, SHOWN_MAX - 2, name);
        memcpy(s + strlen(s), "...", 4);
    }
    return s;
}

int done(enum st st)
{
    if (st != ST_OK && process.kept)
        say_line(process.place, process.what);
    if ((fflush(stdout) != 0 || ferror(stdout)) && (st == ST_OK || st == ST_END)) {
        int error = errno;
        char what[WHAT_MAX];
        snprintf(what, sizeof what, "cannot write: %s", strerror(error));
        say_line("stdout", what);
        return ST_SYS;
    }
    return (int)st;
}

/* A signal may reach any thread, but only the main thread waits in a read: wake that one. */
static void on_stop(int sig)
{
    int error = errno;

    if (!pthread_equal(pthread_self(), main_thread))
        pthread_kill(main_thread, sig);
    stop = 1;
    errno = error;
}

static void stop_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
}

void sig_init(void)
{
    struct sigaction act = { .sa_handler = on_stop };

    main_thread = pthread_self();
    stop_set(&act.sa_mask);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGUSR1, &act, NULL);
}

bool sig_stop(void)
{
    return stop != 0;
}

void sig_again(void)
{
    stop = 0;
}

bool sig_stop_wait(int wait_ms)
{
    struct timespec now, end;
    sigset_t ours, before;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += wait_ms / 1000;
    end.tv_nsec += wait_ms % 1000 * 1000000L;
    stop_set(&ours);
    pthread_sigmask(SIG_BLOCK, &ours, &before);    /* none slips in between the look and the wait */
    while (!stop) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t left = (int64_t)(end.tv_sec - now.tv_sec) * 1000000000;
        left += end.tv_nsec - now.tv_nsec;
        if (left <= 0)
            break;
        struct timespec wait = { left / 1000000000, left % 1000000000 };
        ppoll(NULL, 0, &wait, &before);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return stop != 0;
}
