/* run.c - what the machine lends, and the progress line, which only a terminal sees. */
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/run.h"
#include "tests/check.h"

static void threads_follow_affinity(void **state)
{
    cpu_set_t all, one;

    (void)state;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    CHECK(run_threads() >= 1 && run_threads() <= CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(run_threads() == 1);
    CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
}

static void memory_and_time(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    CHECK(run_memory() > 1 << 20);
    CHECK(run_memory() <= (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    int64_t before = run_peak();
    double clock = run_clock(), cpu = run_cpu();
    memset(arena_get(a, 64 << 20), 1, 64 << 20);
    CHECK(run_peak() >= before && run_peak() >= 60 << 20);
    CHECK(run_clock() > clock && run_cpu() > cpu);
    CHECK(run_cpu() - cpu < 60 && run_clock() - clock < 60);
    arena_free(a);
}

/* What progress writes while stderr is `fd`, as far as it can be read from `from`. */
static const char *drawn(int fd, int from, double base, bool quiet)
{
    static char text[2048];
    struct progress p;
    int keep = dup(2);

    dup2(fd, 2);
    progress_start(&p, "step 12", "tokens", 2e6, base, quiet);
    p.start -= 10;                                     /* as if ten seconds had passed */
    p.last -= 10;
    progress_at(&p, 1e6, "loss 0.693");
    progress_at(&p, 1.5e6, NULL);                      /* within a second: not drawn */
    progress_end(&p);
    dup2(keep, 2);
    close(keep);
    size_t n = 0;
    for (ssize_t r; (r = read(from, text + n, sizeof text - 1 - n)) > 0; )
        n += (size_t)r;
    text[n] = 0;
    return text;
}

static void progress_is_for_terminals(void **state)
{
    int fd[2], pty = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct winsize size = { .ws_row = 24, .ws_col = 100 };

    (void)state;
    CHECK(pipe2(fd, O_NONBLOCK) == 0);
    CHECK_STR(drawn(fd[1], fd[0], 0, false), "");
    close(fd[0]);
    close(fd[1]);
    if (pty < 0 || grantpt(pty) != 0 || unlockpt(pty) != 0) {
        print_message("skipped: this machine lends no pseudo terminal\n");
        skip();
    }
    int terminal = open(ptsname(pty), O_RDWR | O_NOCTTY);
    CHECK(terminal >= 0 && ioctl(terminal, TIOCSWINSZ, &size) == 0);
    CHECK_STR(drawn(terminal, pty, 0, true), "");
    CHECK_STR(drawn(terminal, pty, 0, false),
              "\rstep 12  1M of 2M  50%  100k tokens/s  0:10 left  loss 0.693\033[K\r\033[K");
    CHECK_STR(drawn(terminal, pty, 5e5, false),
              "\rstep 12  1M of 2M  50%  50k tokens/s  0:20 left  loss 0.693\033[K\r\033[K");
    size.ws_col = 30;
    CHECK(ioctl(terminal, TIOCSWINSZ, &size) == 0);
    CHECK_STR(drawn(terminal, pty, 0, false), "\rstep 12  1M of 2M  50%  100k \033[K\r\033[K");
    close(terminal);
    close(pty);
}

int main(void)
{
    return RUN(TEST(threads_follow_affinity), TEST(memory_and_time),
               TEST(progress_is_for_terminals));
}
