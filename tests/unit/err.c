/* err.c - the message, its place, what is shown of foreign names, and the exit code. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static void first_message_wins(void **state)
{
    (void)state;
    err_place("rows.jsonl:%d", 3);
    CHECK_ST(fail(ST_DATA, "no field '%s'", "ids"), ST_DATA);
    err_place("elsewhere");
    CHECK_ST(fail(ST_SYS, "later"), ST_SYS);
    CHECK_STR(err_text(), "rows.jsonl:3: no field 'ids'");
    err_at("rows.jsonl:%d:%d", 3, 17);
    CHECK_STR(err_text(), "rows.jsonl:3:17: no field 'ids'");
    err_clear();
    CHECK_STR(err_text(), "");
    err_at("nothing kept");
    CHECK_STR(err_text(), "");
    err_place(NULL);
    errno = ENOENT;
    CHECK_ST(fail_sys("cannot open"), ST_SYS);
    CHECK_STR(err_text(), "cannot open: No such file or directory");
    err_clear();
}

static void *fails_apart(void *box)
{
    CHECK_STR(err_text(), "");
    err_apart(box);
    err_place("row 2");
    CHECK_ST(fail(ST_DATA, "second"), ST_DATA);
    CHECK_STR(err_text(), "row 2: second");
    return NULL;
}

/* What a thread said first is told second where its turn comes second. */
static void boxes_wait_their_turn(void **state)
{
    struct err_box early, late, none;
    pthread_t t;

    (void)state;
    CHECK(pthread_create(&t, NULL, fails_apart, &late) == 0 && pthread_join(t, NULL) == 0);
    CHECK_STR(err_text(), "");
    err_apart(&none);
    err_apart(&early);
    err_place("row 1");
    CHECK_ST(fail(ST_DATA, "first"), ST_DATA);
    CHECK_ST(fail(ST_DATA, "not this"), ST_DATA);
    err_apart(NULL);
    CHECK_STR(err_text(), "");
    err_place("elsewhere");
    err_take(&none);
    CHECK_STR(err_text(), "");
    err_take(&early);
    err_take(&late);
    CHECK_STR(err_text(), "row 1: first");
    err_at("row %d", 7);
    CHECK_STR(err_text(), "row 7: first");
    err_clear();
    err_take(&late);
    CHECK_STR(err_text(), "row 2: second");
    err_clear();
    err_apart(&late);                          /* and it begins empty again */
    CHECK_STR(err_text(), "");
    err_apart(NULL);
    err_place(NULL);
}

static void controls_are_replaced(void **state)
{
    (void)state;
    err_place("a\nb");
    CHECK_ST(fail(ST_DATA, "bad \033[31m '%s'", "x\ry\xff"), ST_DATA);
    CHECK_STR(err_text(), "a?b: bad ?[31m 'x?y?'");
    err_clear();
    err_place(NULL);
    CHECK_STR(shown(VIEW("tab\tand\0zero")), "tab?and?zero");
    CHECK_STR(shown(VIEW("\xc2\x9b" "31m caf\xc3\xa9")), "?31m caf\xc3\xa9");
    CHECK_STR(shown((struct view){ NULL, 0 }), "");
}

static void long_names_are_cut(void **state)
{
    char name[200];

    (void)state;
    memset(name, 'x', sizeof name);
    CHECK(strlen(shown((struct view){ name, 80 })) == 80);
    const char *s = shown((struct view){ name, 81 });
    CHECK(strlen(s) == 80 && strcmp(s + 77, "...") == 0);
    for (int i = 0; i + 1 < 200; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    s = shown((struct view){ name, sizeof name });      /* never half a character */
    CHECK(strlen(s) == 79 && strcmp(s + 76, "...") == 0);
    CHECK(shown(VIEW("a")) != shown(VIEW("b")));
}

/* Runs f in a child whose stderr, or where stdout_full /dev/full as stdout, is ours to read. */
static int child(int (*f)(void), bool stdout_full, char *text, size_t size)
{
    int pipe_fd[2], status;
    ssize_t n = 0, r;

    CHECK(pipe(pipe_fd) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_fd[1], 2);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        if (stdout_full)
            dup2(open("/dev/full", O_WRONLY), 1);
        _exit(f());
    }
    close(pipe_fd[1]);
    while ((r = read(pipe_fd[0], text + n, size - 1 - (size_t)n)) > 0)
        n += r;
    text[n] = 0;
    close(pipe_fd[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int ends_badly(void)
{
    err_tool("/usr/bin/step");
    err_place("--lr");
    return done(fail(ST_USAGE, "'1e-5x' is not a number"));
}

static int warns_and_is_fine(void)
{
    err_tool("mix");
    warn("only %d rows\nheld", 7);
    err_place("x");
    (void)fail(ST_DATA, "counted, not told");
    return done(ST_OK);
}

static int fills_stdout(void)
{
    err_tool("step");
    printf("help\n");
    return done(ST_OK);
}

static int stops(void)
{
    err_tool("step");
    sig_init();
    if (sig_stop() || sig_stop_wait(0))
        return 10;
    raise(SIGUSR1);
    return sig_stop() && sig_stop_wait(1000) ? done(ST_STOP) : 11;
}

static int waits_for_a_stop(void)
{
    err_tool("step");
    sig_init();
    if (fork() == 0) {
        usleep(50000);
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    return sig_stop_wait(5000) ? 0 : 12;
}

static int read_is_woken(void)
{
    int fd[2];
    char c;

    sig_init();
    if (pipe(fd) != 0)
        return 13;
    if (fork() == 0) {
        usleep(50000);
        kill(getppid(), SIGINT);
        _exit(0);
    }
    return read(fd[0], &c, 1) < 0 && errno == EINTR && sig_stop() ? 0 : 14;
}

static int sigpipe_is_default(void)
{
    int fd[2];

    signal(SIGPIPE, SIG_IGN);
    err_tool("mix");
    if (pipe(fd) != 0)
        return 15;
    close(fd[0]);
    return write(fd[1], "x", 1) < 0 ? 16 : 17;
}

static int closed_stdout_is_held(void)
{
    close(1);
    err_tool("mix");
    printf("x");
    return open("/dev/null", O_RDONLY) > 2 ? done(ST_OK) : 18;
}

static void exit_codes_and_lines(void **state)
{
    char text[4096];

    (void)state;
    CHECK(child(ends_badly, false, text, sizeof text) == 2);
    CHECK_STR(text, "step: --lr: '1e-5x' is not a number\n");
    CHECK(child(warns_and_is_fine, false, text, sizeof text) == 0);
    CHECK_STR(text, "mix: only 7 rows?held\n");
    CHECK(child(fills_stdout, true, text, sizeof text) == 4);
    CHECK_STR(text, "step: stdout: cannot write: No space left on device\n");
    CHECK(child(closed_stdout_is_held, false, text, sizeof text) == 4);
}

static void signals(void **state)
{
    char text[4096];

    (void)state;
    CHECK(child(stops, false, text, sizeof text) == 5);
    CHECK_STR(text, "");
    CHECK(child(waits_for_a_stop, false, text, sizeof text) == 0);
    CHECK(child(read_is_woken, false, text, sizeof text) == 0);
    CHECK(child(sigpipe_is_default, false, text, sizeof text) == 128 + SIGPIPE);
}

int main(void)
{
    return RUN(TEST(first_message_wins), TEST(boxes_wait_their_turn),
               TEST(controls_are_replaced), TEST(long_names_are_cut),
               TEST(exit_codes_and_lines), TEST(signals));
}
