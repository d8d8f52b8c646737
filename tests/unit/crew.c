/* crew.c - jobs are all done, whoever does them, and taken back in order; messages with them. */
#include <signal.h>
#include <unistd.h>

#include "base/crew.h"
#include "tests/check.h"

enum { JOBS = 200, AHEAD = 5 };

struct square {
    struct crew_job     job;
    int64_t        i, made;
    int            who;
    struct err_box said;
};

static void run(struct crew_job *j, int who)
{
    struct square *s = (struct square *)j;

    err_apart(&s->said);
    s->who = who;
    s->made = s->i * s->i;
    if (s->i % 7 == 3)
        usleep(2000);                          /* later ones overtake it */
    if (s->i % 10 == 9) {
        err_place("job %d", (int)s->i);
        (void)fail(ST_DATA, "%d is bad", (int)s->i);
    }
    err_apart(NULL);
}

static void order_is_the_givers(int64_t threads)
{
    struct arena *a = arena_new(0);
    static struct square ring[AHEAD];
    struct crew *c;

    CHECK_ST(crew_new(&c, threads, a), ST_OK);
    CHECK(crew_size(c) == threads);
    for (int64_t i = 0; i < JOBS + AHEAD; i++) {
        struct square *s = &ring[i % AHEAD];
        if (i >= AHEAD) {
            crew_wait(c, &s->job);
            CHECK(s->i == i - AHEAD && s->made == s->i * s->i);
            CHECK(s->who >= 0 && s->who < threads);
            CHECK(s->said.kept == (s->i % 10 == 9));
            err_take(&s->said);
        }
        *s = (struct square){ .job = { .run = run }, .i = i };
        if (i < JOBS)
            crew_give(c, &s->job);
    }
    CHECK_STR(err_text(), "job 9: 9 is bad");
    err_clear();
    crew_free(c);
    arena_free(a);
}

static void any_number(void **state)
{
    (void)state;
    order_is_the_givers(1);
    order_is_the_givers(2);
    order_is_the_givers(7);
}

/* crew_free() waits for what nobody waited for. */
static void free_waits(void **state)
{
    struct arena *a = arena_new(0);
    struct square s[20];
    struct crew *c;

    (void)state;
    CHECK_ST(crew_new(&c, 3, a), ST_OK);
    for (int i = 0; i < 20; i++) {
        s[i] = (struct square){ .job = { .run = run }, .i = i, .made = -1 };
        crew_give(c, &s[i].job);
    }
    crew_free(c);
    for (int i = 0; i < 20; i++)
        CHECK(s[i].made == i * i);
    crew_free(NULL);
    arena_free(a);
}

static void signals_are_the_mains(struct crew_job *j, int who)
{
    sigset_t set;

    (void)who;
    ((struct square *)j)->made = pthread_sigmask(SIG_BLOCK, NULL, &set) == 0 &&
                                 sigismember(&set, SIGTERM) && sigismember(&set, SIGINT);
}

static void no_signals(void **state)
{
    struct arena *a = arena_new(0);
    struct square s = { .job = { .run = signals_are_the_mains } };
    struct crew *c;
    sigset_t set;

    (void)state;
    CHECK_ST(crew_new(&c, 2, a), ST_OK);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGTERM));
    crew_give(c, &s.job);
    crew_wait(c, &s.job);
    CHECK(s.made == 1);
    crew_free(c);
    arena_free(a);
}

int main(void)
{
    return RUN(TEST(any_number), TEST(free_waits), TEST(no_signals));
}
