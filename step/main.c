/* main.c - step: step records in, a better model out. */
#include "loss.h"
#include "math/dev.h"
#include "train.h"

static struct plan arg = {
    .input = "-", .device = "auto", .sft_loss = "sft", .pref_loss = "dpo", .schedule = "constant", .phase = "fresh",
    .save_dtype = "f32", .lr = 1e-5, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .clip = 1, .micro_tokens = 4096,
    .save_every = 500, .keep = 2,
};

static const struct opt opts[] = {
    { 0, "model", OPT_TEXT, &arg.model, "DIR", "Hugging Face folder to start from", 0, 0 },
    { 0, "init", OPT_TEXT, &arg.init, "CONFIG.json", "start from random weights of this shape instead", 0, 0 },
    { 'o', "out", OPT_TEXT, &arg.out, "DIR", "folder for checkpoints and metrics", 0, 0 },
    { 0, "resume", OPT_FLAG, &arg.resume, NULL, "go on from the newest whole checkpoint in --out, if there is one", 0, 0 },
    { 0, "steps", OPT_INT, &arg.steps, "N", "stop after N updates; 0: when the stream ends", 0, 1e15 },
    { 0, "sft-loss", OPT_TEXT, &arg.sft_loss, "NAME", "loss of sft and text rows", 0, 0 },
    { 0, "pref-loss", OPT_TEXT, &arg.pref_loss, "NAME", "loss of pref rows", 0, 0 },
    { 0, "ref", OPT_TEXT, &arg.ref, "DIR", "the weights the reference column was made with, if not --model", 0, 0 },
    { 0, "lr", OPT_REAL, &arg.lr, "R", "learning rate", 0, 1e6 },
    { 0, "lr-sft", OPT_REAL, &arg.lr_sft, "R", "of updates of the sft objective alone, if not --lr", 0, 1e6 },
    { 0, "lr-pref", OPT_REAL, &arg.lr_pref, "R", "of updates of the pref objective alone, if not --lr", 0, 1e6 },
    { 0, "schedule", OPT_TEXT, &arg.schedule, "NAME", "constant, linear or cosine, after the warm-up", 0, 0 },
    { 0, "warmup", OPT_INT, &arg.warmup, "N", "updates over which the rate rises, in every phase", 0, 1e15 },
    { 0, "min-lr", OPT_REAL, &arg.min_lr, "X", "share of the rate that the schedule falls to", 0, 1 },
    { 0, "beta1", OPT_REAL, &arg.beta1, "B", "AdamW: decay of the mean gradient", 0, 0.999999 },
    { 0, "beta2", OPT_REAL, &arg.beta2, "B", "AdamW: decay of the mean squared gradient", 0, 0.99999999 },
    { 0, "eps", OPT_REAL, &arg.eps, "E", "AdamW: added to the root", 1e-30, 1 },
    { 0, "weight-decay", OPT_REAL, &arg.decay, "W", "AdamW: decoupled, of matrices only", 0, 1e6 },
    { 0, "clip", OPT_REAL, &arg.clip, "C", "largest gradient norm; 0: any", 0, 1e30 },
    { 0, "phase", OPT_TEXT, &arg.phase, "NAME", "fresh: a new phase clears the moments and warms up again; or keep", 0, 0 },
    { 0, "feedback", OPT_TEXT, &arg.feedback, "FIFO", "where mix waits for the losses", 0, 0 },
    { 0, "micro-tokens", OPT_INT, &arg.micro_tokens, "N", "tokens of one pass; the result does not depend on it", 1, 1 << 30 },
    { 0, "no-share", OPT_FLAG, &arg.no_share, NULL, "compute the prompt of a pair once for each side", 0, 0 },
    { 0, "save-every", OPT_INT, &arg.save_every, "N", "updates between checkpoints; 0: only at the end", 0, 1e15 },
    { 0, "keep", OPT_INT, &arg.keep, "N", "newest checkpoints that stay; 0: all", 0, 1e9 },
    { 0, "save-dtype", OPT_TEXT, &arg.save_dtype, "TYPE", "of model.safetensors: f32, bf16 or f16", 0, 0 },
    { 0, "device", OPT_TEXT, &arg.device, "NAME", "auto or cpu", 0, 0 },
    { 0, "threads", OPT_INT, &arg.threads, "N", "0: what affinity and cgroup allow", 0, 4096 },
    { 0, "seed", OPT_INT, &arg.seed, "N", "of everything random", 0, 9e18 },
    { 0, "seed-init", OPT_INT, &arg.seed_init, "N", "of the weights of --init, if not --seed", 0, 9e18 },
    { 0, "to", OPT_TEXT, &arg.to, "FORM", "metrics on stdout as json or raw, on a terminal too", 0, 0 },
    { 'q', "quiet", OPT_FLAG, &arg.quiet, NULL, "no progress on the terminal", 0, 0 },
    { 0, NULL, OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static struct opt_tool tool = {
    .name = "step", .line = "train a model on the steps that mix decides",
    .usage = "{--model DIR | --init CONFIG.json} --out DIR [OPTION]... [FILE]", .groups = { { NULL, opts } },
};

int main(int argc, char **argv)
{
    struct arena *a = arena_new(0);
    int operands;

    err_tool(argv[0]);
    tool.version = dev_version();
    loss_groups(tool.groups + 1, countof(tool.groups) - 1);
    enum st st = opt_parse(&tool, argc, argv, &operands);
    if (st == ST_OK && operands > 1)
        st = fail(ST_USAGE, "one stream at a time; cat joins several");
    if (st == ST_OK) {
        arg.input = operands ? argv[1] : "-";
        st = train(&arg, a);
    } else if (st == ST_END) {
        st = ST_OK;                                    /* --help was answered */
    }
    arena_free(a);
    return done(st);
}
