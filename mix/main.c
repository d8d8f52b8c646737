/* main.c - records in training order, each optimiser step announced. */
#include "mixer.h"

static struct args arg = {
    .out = "-", .to = "auto", .lambda = 0.5, .epochs = 1, .rows_sft = 16, .rows_pref = 16, .seed = 0, .window = 4096,
};

static const struct opt opts[] = {
    { 'p', "policy",      OPT_TEXT, &arg.policy,      "NAME", "how each step's objective is chosen (below)", 0, 0 },
    {  0,  "sft",         OPT_LIST, &arg.sft,         "FILE[:WEIGHT]", "rows for supervised fine-tuning; may be repeated", 0, 0 },
    {  0,  "pref",        OPT_LIST, &arg.pref,        "FILE[:WEIGHT]", "preference rows; may be repeated", 0, 0 },
    { 'l', "lambda",      OPT_REAL, &arg.lambda,      "L", "weight or share of pref", 0, 1 },
    { 'n', "steps",       OPT_INT,  &arg.steps,       "N", "optimiser steps, 0: without end", 0, 1e15 },
    {  0,  "epochs",      OPT_REAL, &arg.epochs,      "E", "instead of --steps: the batches of E passes over all rows", 1e-9, 1e9 },
    {  0,  "rows-sft",    OPT_INT,  &arg.rows_sft,    "N", "rows of a batch", 1, 1e9 },
    {  0,  "rows-pref",   OPT_INT,  &arg.rows_pref,   "N", "pairs of a batch", 1, 1e9 },
    {  0,  "tokens-sft",  OPT_INT,  &arg.tokens_sft,  "N", "instead: rows until N tokens are trained", 0, 1e12 },
    {  0,  "tokens-pref", OPT_INT,  &arg.tokens_pref, "N", "likewise", 0, 1e12 },
    { 's', "seed",        OPT_INT,  &arg.seed,        "N", "same seed, same order", 0, 0 },
    {  0,  "seed-data",   OPT_INT,  &arg.seed_data,   "N", "of the rows' order (default: --seed)", 0, 0 },
    {  0,  "seed-draw",   OPT_INT,  &arg.seed_draw,   "N", "of the policy's draws (default: --seed)", 0, 0 },
    {  0,  "shuffle-window", OPT_INT, &arg.window,    "N", "rows among which a pipe is shuffled, 1: its order", 1, 1e8 },
    {  0,  "held-sft",    OPT_LIST, &arg.held_sft,    "FILE", "held-out rows, measured at the start and the end", 0, 0 },
    {  0,  "held-pref",   OPT_LIST, &arg.held_pref,   "FILE", "held-out pairs, likewise", 0, 0 },
    {  0,  "held-rows",   OPT_INT,  &arg.held_rows,   "N", "so many of each, spread evenly, 0: all", 0, 1e9 },
    {  0,  "eval-every",  OPT_INT,  &arg.eval_every,  "N", "measure them every N steps too", 0, 1e15 },
    {  0,  "allow-overlap", OPT_FLAG, &arg.allow_overlap, NULL, "train on held-out rows all the same", 0, 0 },
    {  0,  "feedback",    OPT_TEXT, &arg.feedback,    "FIFO", "where step tells its losses", 0, 0 },
    {  0,  "delay",       OPT_INT,  &arg.delay,       "D", "decide by losses D steps older", 0, LOSSES_DELAY_MAX },
    {  0,  "resume",      OPT_TEXT, &arg.resume,      "DIR", "go on from the newest checkpoint of step --out DIR", 0, 0 },
    {  0,  "log",         OPT_TEXT, &arg.log,         "FILE", "write every decision, its losses and rows", 0, 0 },
    {  0,  "plan",        OPT_FLAG, &arg.plan,        NULL, "print what the run would be, and write nothing", 0, 0 },
    { 'o', "out",         OPT_TEXT, &arg.out,         "FILE", "where the stream goes, - for stdout", 0, 0 },
    {  0,  "to",          OPT_TEXT, &arg.to,          "auto|json|raw|shard", "its form", 0, 0 },
    { 'q', "quiet",       OPT_FLAG, &arg.quiet,       NULL, "no warnings", 0, 0 },
    { 0 },
};

static struct opt_tool tool = {
    .name = "mix", .line = "rows in training order, each optimiser step announced",
    .usage = "--policy NAME [--sft FILE]... [--pref FILE]... [OPTION]...", .groups = { { NULL, opts } },
};

static struct mixer mixer = { .arg = &arg };           /* static: a run that ends by a signal leaves nothing unreachable */

int main(int argc, char **argv)
{
    enum st st;

    err_tool(argv[0]);
    policy_groups(tool.groups + 1, countof(tool.groups) - 1);
    st = opt_parse(&tool, argc, argv, &arg.n_operands);
    if (st == ST_END)
        return done(ST_OK);
    if (st == ST_OK) {
        arg.operand = argv + 1;
        arg.seed_data = opt_given("seed-data") ? arg.seed_data : arg.seed;
        arg.seed_draw = opt_given("seed-draw") ? arg.seed_draw : arg.seed;
        sig_init();
        st = mixer_run(&mixer);
        mixer_free(&mixer);
    }
    return done(st);
}
