/* main.c - mix: records in training order, each optimiser step announced. */
#include "mixer.h"

static struct args arg = {
    .out = "-", .to = "auto", .lambda = 0.5, .epochs = 1, .rows_sft = 16, .rows_pref = 16,
    .window = 4096, .steps = INT64_MIN, .seed_data = INT64_MIN, .seed_draw = INT64_MIN,
};

#define POLICY(name) "|" #name
static const char names[] =
#include "policy.def"
    ;
#undef POLICY

#define FLAG(name, to, line)            { 0, name, OPT_FLAG, to, NULL, line, 0, 0 }
#define TEXT(name, to, arg, line)       { 0, name, OPT_TEXT, to, arg, line, 0, 0 }
#define LIST(name, to, arg, line)       { 0, name, OPT_LIST, to, arg, line, 0, 0 }
#define INT(name, to, arg, line, n, m)  { 0, name, OPT_INT, to, arg, line, n, m }
#define REAL(name, to, arg, line, n, m) { 0, name, OPT_REAL, to, arg, line, n, m }

static const struct opt opts[] = {
    { 'p', "policy", OPT_TEXT, &arg.policy, names + 1, "how a step's objective is chosen", 0, 0 },
    LIST("sft", &arg.sft, "FILE[:WEIGHT]", "rows for supervised fine-tuning; may be repeated"),
    LIST("pref", &arg.pref, "FILE[:WEIGHT]", "rows for preference learning; may be repeated"),
    REAL("lambda", &arg.lambda, "L", "weight or share of pref", 0, 1),
    INT("steps", &arg.steps, "N", "optimiser steps, 0: without end; else by --epochs", 0, 1e15),
    REAL("epochs", &arg.epochs, "E", "without --steps: the batches of E passes", 1e-9, 1e9),
    INT("rows-sft", &arg.rows_sft, "N", "rows of a batch", 1, 1e9),
    INT("rows-pref", &arg.rows_pref, "N", "pairs of a batch", 1, 1e9),
    INT("tokens-sft", &arg.tokens_sft, "N", "instead: rows until N tokens are trained", 0, 1e12),
    INT("tokens-pref", &arg.tokens_pref, "N", "likewise", 0, 1e12),
    INT("seed", &arg.seed, "N", "same seed, same order", 0, 0),
    INT("seed-data", &arg.seed_data, "N", "of the rows' order, if it is not --seed", 0, 0),
    INT("seed-draw", &arg.seed_draw, "N", "of the policy's draws, if it is not --seed", 0, 0),
    INT("shuffle-window", &arg.window, "N", "rows among which a pipe is shuffled", 1, 1e8),
    LIST("held-sft", &arg.held_sft, "FILE", "held-out rows, measured at the start and the end"),
    LIST("held-pref", &arg.held_pref, "FILE", "held-out pairs, likewise"),
    INT("held-rows", &arg.held_rows, "N", "only N of each, spread evenly, 0: all", 0, 1e9),
    INT("eval-every", &arg.eval_every, "N", "measure them every N steps too, 0: not", 0, 1e15),
    FLAG("allow-overlap", &arg.allow_overlap, "train on held-out rows all the same"),
    TEXT("feedback", &arg.feedback, "FIFO", "where step tells its losses"),
    INT("delay", &arg.delay, "D", "decide by losses D steps older", 0, LOSSES_DELAY_MAX),
    TEXT("resume", &arg.resume, "DIR", "go on from the newest checkpoint of step --out DIR"),
    TEXT("branch", &arg.branch, "DIR", "where that has none yet, from this one, as step --branch"),
    TEXT("log", &arg.log, "FILE", "write every decision, its losses and rows"),
    FLAG("plan", &arg.plan, "print what the run would be, and write nothing"),
    { 'o', "out", OPT_TEXT, &arg.out, "FILE", "where the stream goes, - for stdout", 0, 0 },
    TEXT("to", &arg.to, "auto|json|raw|shard", "its form"),
    { 'q', "quiet", OPT_FLAG, &arg.quiet, NULL, "no warnings", 0, 0 },
    { 0, NULL, OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static struct opt_tool tool = {
    .name = "mix", .line = "rows in training order, each optimiser step announced",
    .usage = "--policy NAME [--sft FILE]... [--pref FILE]... [OPTION]...",
    .groups = { { NULL, opts } },
};

static struct mixer mixer = { .arg = &arg };

int main(int argc, char **argv)
{
    enum st st;

    err_tool(argv[0]);
    sig_init();
    policy_groups(tool.groups + 1, countof(tool.groups) - 1);
    st = opt_parse(&tool, argc, argv, &arg.n_operands);
    if (st == ST_END)
        return done(ST_OK);
    if (st == ST_OK) {
        arg.operand = argv + 1;
        arg.steps = opt_given("steps") ? arg.steps : 0;
        arg.seed_data = opt_given("seed-data") ? arg.seed_data : arg.seed;
        arg.seed_draw = opt_given("seed-draw") ? arg.seed_draw : arg.seed;
        st = mixer_run(&mixer);
        mixer_free(&mixer);
    }
    int code = done(st);
    if (strcmp(arg.to, "json") != 0)
        out_unbegun(arg.out, st);
    return code;
}
