/* generate.c - how fast rows are written: one row, beside what memory gives, and many at once.
 *
 * A token of one row reads every weight but the embedding once, so memory's read speed is what
 * bounds it; the yardstick is a sum over as many bytes by as many threads in the same run.  With
 * arguments, DIR NEW [DEVICE]: the model of a folder writes NEW tokens behind each line of ids on
 * stdin, and prints them and the seconds of the fastest turn, for generate_peers.py. */
#include <math.h>

#include "model/gen.h"
#include "model/weights.h"
#include "tests/bench/bench.h"

enum { ROWS_MAX = 64, PROMPT_MAX = 2048 };

struct rig { struct arena *a; struct dev *d; struct model *m; };

/* Seconds of the fastest of `turns`, one after the other in the same memory. */
static double write_rows(struct rig *g, struct gen_row *row, int64_t n, int turns)
{
    struct gen_setup s = { .how = { 0, 0, 1, 0, 1 }, .batch = 32, .micro_tokens = 512,
                           .cache_tokens = 32768 };
    struct gen_row now[ROWS_MAX];
    double best = INFINITY;
    struct gen *gen;

    if (gen_new(&gen, g->m, &s, g->a) != ST_OK)
        exit(done(ST_SYS));
    for (int turn = 0; turn < turns; turn++) {
        memcpy(now, row, (size_t)n * sizeof *row);
        double start = run_clock();
        for (int64_t i = 0; i < n; i++)
            if (gen_add(gen, &now[i]) != ST_OK)
                exit(done(ST_DATA));
        while (gen_going(gen))
            if (gen_step(gen) != ST_OK)
                exit(done(ST_DATA));
        best = MIN(best, run_clock() - start);
    }
    memcpy(row, now, (size_t)n * sizeof *row);
    gen_free(gen);
    return best;
}

/* Bytes a second that all threads together read. */
static double read_speed(struct rig *g)
{
    double best = 0;

    for (int turn = 0; turn < BENCH_TURNS; turn++) {
        double start = run_clock(), sum = 0;
        g->d->op->sumsq(g->d, &sum, tensor1(g->m->w, (int64_t)(g->m->n_bytes / sizeof(float))));
        double speed = (double)g->m->n_bytes / (run_clock() - start);
        best = speed > best ? speed : best;
    }
    return best;
}

static struct gen_row row_of(struct rig *g, int64_t n_prompt, int64_t max_new)
{
    struct gen_row r = { .n_prompt = n_prompt, .max_new = max_new };

    if (!(r.id = ARENA_NEW(g->a, int32_t, n_prompt + max_new)))
        exit(done(ST_SYS));
    for (int64_t i = 0; i < n_prompt; i++)
        r.id[i] = (int32_t)(rng(3, RNG_TEST, (uint64_t)i) % (uint64_t)g->m->c.V);
    return r;
}

static void of_config(struct rig *g)
{
    struct gen_row row[32];
    double one[3], many[3];
    int64_t bytes = g->m->n_weights - g->m->c.V * g->m->c.D;
    double ceiling = read_speed(g) / (double)bytes / sizeof(float);

    for (int turn = 0; turn < 3; turn++) {
        row[0] = row_of(g, 16, 64);
        one[turn] = 64 / write_rows(g, row, 1, 1);
        for (int64_t i = 0; i < 32; i++)
            row[i] = row_of(g, 8 + (i * 37) % 120, 32);
        many[turn] = 32 * 32 / write_rows(g, row, 32, 1);
    }
    bench_line("70M, one row", bench_median(one, 3), "tok/s", "reading the weights", ceiling, .7,
               true);
    bench_line("70M, 32 rows of mixed length", bench_median(many, 3), "tok/s",
               "32 times one row", 32 * one[1], .2, true);
}

static void of_lines(struct rig *g, int64_t max_new)
{
    static char line[16 * PROMPT_MAX];
    struct gen_row row[ROWS_MAX];
    int64_t n = 0;

    while (n < ROWS_MAX && fgets(line, sizeof line, stdin)) {
        row[n] = row_of(g, PROMPT_MAX, max_new);
        row[n].n_prompt = 0;
        char *end = line;
        for (char *at = line; row[n].n_prompt < PROMPT_MAX; at = end) {
            long id = strtol(at, &end, 10);
            if (end == at)
                break;
            row[n].id[row[n].n_prompt++] = (int32_t)id;
        }
        n++;
    }
    double took = write_rows(g, row, n, BENCH_TURNS);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = row[i].n_prompt; j < row[i].n; j++)
            printf("%d%s", row[i].id[j], j + 1 < row[i].n ? " " : "\n");
    printf("seconds %.6f\n", took);
}

int main(int argc, char **argv)
{
    struct rig g = { .a = arena_new(0) };
    struct config c = { 0 };
    const char *config = argc > 2 ? arena_printf(g.a, "%s/config.json", argv[1])
                                  : "tests/bench/70m.json";
    enum st st;

    err_tool(argv[0]);
    if ((st = dev_open(&g.d, argc > 3 ? argv[3] : "cpu", 0, g.a)) != ST_OK ||
        (st = config_read(&c, config, g.a)) != ST_OK ||
        (argc > 2 && (st = weights_held(&c.held, argv[1], g.a)) != ST_OK) ||
        (st = model_new(&g.m, &c, g.d, false, g.a)) != ST_OK ||
        (argc > 2 && (st = weights_load(g.m, argv[1], g.a)) != ST_OK))
        return done(st);
    if (argc > 2) {
        of_lines(&g, strtoll(argv[2], NULL, 10));
    } else {
        model_init(g.m, 1);
        of_config(&g);
    }
    dev_close(g.d);
    arena_free(g.a);
    return done(ST_OK);
}
