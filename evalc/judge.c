/* judge.c - the user's judge at the other end of two pipes. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "judge.h"

enum {
    AHEAD_BYTES  = 1 << 20,                    /* questions that wait to be read */
    ANSWER_BYTES = 1 << 20,                    /* of one line */
    READ_BYTES   = 1 << 16,
};

struct judge {
    const char *command;
    pid_t       pid;                           /* 0: it has been waited for */
    int         to, from;                      /* its stdin and stdout; -1: closed */
    struct buf  ask;                           /* questions, of which n_sent bytes are gone */
    size_t      n_sent;
    struct buf  heard;                         /* the begin of an answer */
    struct buf  share;                         /* double [n_asked]; NaN: not answered */
    int64_t     n_asked, n_answered, n_lines;
};

/* ---- the process ---- */

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Both ends are closed in programs started later; ours never wait. */
static enum st pipes(int in[2], int out[2])
{
    in[0] = in[1] = out[0] = out[1] = -1;
    if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
        fcntl(in[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0)
        return ST_OK;
    return fail_sys("no pipes to and from the judge");
}

static int spawn(struct judge *j, int in, int out)
{
    extern char **environ;
    char *argv[] = { "sh", "-c", (char *)j->command, NULL };
    posix_spawn_file_actions_t files;
    int bad = posix_spawn_file_actions_init(&files);

    if (bad)
        return bad;
    if (!(bad = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO)) &&
        !(bad = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO)))
        bad = posix_spawn(&j->pid, "/bin/sh", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return bad;
}

enum st judge_open(struct judge **to, const char *command, struct arena *a)
{
    struct judge *j = ARENA_NEW(a, struct judge, 1);
    int in[2], out[2];
    enum st st;

    *to = j;
    if (!j)
        return ST_SYS;
    err_place("--judge");
    j->command = command;
    st = pipes(in, out);
    j->to = in[1];
    j->from = out[0];
    if (st == ST_OK && (errno = spawn(j, in[0], out[1]))) {
        j->pid = 0;
        st = fail_sys("'%s' cannot be started", shown(view_of(command)));
    }
    shut(&in[0]);
    shut(&out[1]);
    err_place(NULL);
    return st;
}

/* How it ended, where that is the fault. */
static enum st wait_for(struct judge *j)
{
    int status = 0;

    while (j->pid && waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
        if (sig_stop())
            return ST_STOP;
    j->pid = 0;
    if (WIFSIGNALED(status) && sig_stop_wait(1000))        /* the same signal may have reached us */
        return ST_STOP;
    err_place("--judge");
    if (WIFSIGNALED(status))
        return fail(ST_SYS, "'%s' was ended by signal %d after %lld answers",
                    shown(view_of(j->command)), WTERMSIG(status), (long long)j->n_answered);
    if (WEXITSTATUS(status) != 0)
        return fail(ST_SYS, "'%s' exited with %d after %lld answers", shown(view_of(j->command)),
                    WEXITSTATUS(status), (long long)j->n_answered);
    return ST_OK;
}

/* ---- answers ---- */

static enum st verdict(json_t *o, double *share)
{
    json_t *winner = json_object_get(o, "winner"), *score = json_object_get(o, "score");
    const char *who = json_string_value(winner);

    *share = json_is_number(score) ? json_number_value(score) : NAN;
    if (who)
        *share = strcmp(who, "a") == 0 ? 1 : strcmp(who, "b") == 0 ? 0
               : strcmp(who, "tie") == 0 ? 0.5 : NAN;
    if (!winner == !score || !(*share >= 0 && *share <= 1))
        return fail(ST_DATA, "an answer is {\"winner\":\"a\"}, \"b\" or \"tie\", or else "
                    "{\"score\":S} with S from 0 to 1");
    return ST_OK;
}

static enum st take(struct judge *j, json_t *o)
{
    double *v = (double *)j->share.p, share;
    json_t *id = json_object_get(o, "id");
    long long k = id ? json_integer_value(id) : j->n_lines - 1;
    enum st st = verdict(o, &share);

    if (st != ST_OK)
        return st;
    if ((id && !json_is_integer(id)) || k < 0 || k >= j->n_asked)
        return fail(ST_DATA, "it answers a question that was not asked; %lld were",
                    (long long)j->n_asked);
    if (!isnan(v[k]))
        return fail(ST_DATA, "question %lld has its answer already; an answer without \"id\" is "
                    "for the question of its line", k);
    v[k] = share;
    j->n_answered++;
    return ST_OK;
}

static enum st line(struct judge *j, struct view text)
{
    json_error_t e;
    json_t *o = json_loadb(text.p, text.n, 0, &e);
    enum st st;

    j->n_lines++;
    err_place("--judge:%lld", (long long)j->n_lines);
    st = json_is_object(o) ? take(j, o)
       : fail(ST_DATA, "'%s' is no JSON object; an answer is one, on a line of its own",
              shown(text));
    json_decref(o);
    err_place(NULL);
    return st;
}

/* All whole lines of what was heard; at its end also one without a line feed. */
static enum st lines(struct judge *j, bool end)
{
    struct view rest = { j->heard.p, j->heard.n };
    enum st st = ST_OK;

    while (st == ST_OK && rest.n) {
        const char *stop = memchr(rest.p, '\n', rest.n);
        if (!stop && !end)
            break;
        size_t n = stop ? (size_t)(stop - rest.p) : rest.n;
        st = line(j, (struct view){ rest.p, n });
        n += stop != NULL;
        rest = (struct view){ rest.p + n, rest.n - n };
    }
    if (rest.n)
        memmove(j->heard.p, rest.p, rest.n);
    j->heard.n = rest.n;
    if (st == ST_OK && rest.n > ANSWER_BYTES) {
        err_place("--judge:%lld", (long long)j->n_lines + 1);
        st = fail(ST_DATA, "a line of more than %d bytes; an answer is one JSON object",
                  ANSWER_BYTES);
    }
    return st;
}

/* ---- both pipes ---- */

/* What the judge takes now.  That it reads no more is no fault: its answers are counted. */
static enum st send(struct judge *j)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(j->to, j->ask.p + j->n_sent, j->ask.n - j->n_sent);
    int bad = n < 0 ? errno : 0;

    signal(SIGPIPE, before);
    if (bad == EPIPE) {
        shut(&j->to);
        n = (ssize_t)(j->ask.n - j->n_sent);
    } else if (bad && bad != EAGAIN && bad != EINTR) {
        errno = bad;
        return fail_sys("--judge: cannot write to it");
    }
    j->n_sent += (size_t)MAX(n, 0);
    if (j->n_sent == j->ask.n || j->n_sent > AHEAD_BYTES) {
        j->ask.n -= j->n_sent;
        memmove(j->ask.p, j->ask.p + j->n_sent, j->ask.n);
        j->n_sent = 0;
    }
    return ST_OK;
}

static enum st hear(struct judge *j)
{
    enum st st = buf_room(&j->heard, READ_BYTES);
    ssize_t n = st == ST_OK ? read(j->from, j->heard.p + j->heard.n, READ_BYTES) : 0;

    if (st != ST_OK)
        return st;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? ST_OK
                                                 : fail_sys("--judge: cannot read its answers");
    j->heard.n += (size_t)n;
    if (n == 0)
        shut(&j->from);
    return lines(j, n == 0);
}

/* What can be written and read now, or with `wait` once something can. */
static enum st turn(struct judge *j, bool wait)
{
    bool ready = j->to >= 0 && j->n_sent < j->ask.n;
    struct pollfd p[2] = { { j->from, POLLIN, 0 }, { ready ? j->to : -1, POLLOUT, 0 } };
    int n = poll(p, 2, wait ? -1 : 0);

    if (sig_stop())
        return ST_STOP;
    if (n < 0)
        return errno == EINTR ? ST_OK : fail_sys("--judge: cannot wait for it");
    enum st st = p[1].revents ? send(j) : ST_OK;
    return st == ST_OK && p[0].revents ? hear(j) : st;
}

/* It closed its stdout. */
static enum st gone(struct judge *j)
{
    enum st st = wait_for(j);

    err_place("--judge");
    if (st == ST_OK && j->n_answered < j->n_asked)
        st = fail(ST_DATA, "'%s' ended after %lld answers to %lld questions; it answers each on a "
                  "line", shown(view_of(j->command)), (long long)j->n_answered,
                  (long long)j->n_asked);
    err_place(NULL);
    return st;
}

static enum st put(struct judge *j, const char *name, struct view text)
{
    enum st st = text.p ? buf_printf(&j->ask, ",\"%s\":", name) : ST_OK;

    return st == ST_OK && text.p ? json_put_text(&j->ask, text) : st;
}

enum st judge_ask(struct judge *j, const struct question *q)
{
    const double none = NAN;
    enum st st = buf_add(&j->share, &none, sizeof none);

    if (st != ST_OK || (st = buf_printf(&j->ask, "{\"id\":%lld", (long long)j->n_asked)) != ST_OK ||
        (st = put(j, "src", q->src)) != ST_OK || (st = put(j, "prompt", q->prompt)) != ST_OK ||
        (st = put(j, "answer", q->truth)) != ST_OK || (st = put(j, "a", q->a)) != ST_OK ||
        (st = put(j, "b", q->b)) != ST_OK || (st = buf_printf(&j->ask, "}\n")) != ST_OK)
        return st;
    j->n_asked++;
    st = turn(j, false);
    while (st == ST_OK && j->from >= 0 && j->ask.n - j->n_sent > AHEAD_BYTES)
        st = turn(j, true);
    return st == ST_OK && j->from < 0 ? gone(j) : st;
}

enum st judge_end(struct judge *j, const double **share, struct progress *p)
{
    enum st st = ST_OK;

    while (st == ST_OK && j->from >= 0) {
        if (j->n_sent == j->ask.n)
            shut(&j->to);
        st = turn(j, true);
        progress_at(p, (double)j->n_answered, NULL);
    }
    *share = (const double *)j->share.p;
    return st == ST_OK ? gone(j) : st;
}

void judge_close(struct judge *j)
{
    if (!j)
        return;
    shut(&j->to);
    shut(&j->from);
    if (j->pid)
        kill(j->pid, SIGTERM);
    buf_free(&j->ask);
    buf_free(&j->heard);
    buf_free(&j->share);
}
