/* main.c - step: step records in, a better model out. */
#include "loss.h"
#include "math/dev.h"
#include "train.h"

static struct plan arg = {
    .input = "-", .device = "auto", .sft_loss = "sft", .pref_loss = "dpo", .schedule = "constant",
    .decay_type = "1-sqrt", .decay_steps = 0.1, .nan = "stop",
    .recompute = "auto", .dtype = "f32", .moments = "shared",
    .phase = "fresh", .save_dtype = "f32", .lr = 1e-5, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8,
    .clip = 1, .micro_tokens = 4096, .save_every = 500, .keep = 2,
    .lora_targets = "all-linear", .lora_alpha = NAN,
    .lr_sft = NAN, .lr_pref = NAN, .seed_init = INT64_MIN,     /* no default: --lr, --seed */
};

#define TEXT(name, to, arg, line)           { 0, name, OPT_TEXT, &to, arg, line, 0, 0 }
#define FLAG(name, to, line)                { 0, name, OPT_FLAG, &to, NULL, line, 0, 0 }
#define INT(name, to, line, max)            { 0, name, OPT_INT, &to, "N", line, 0, max }
#define REAL(name, to, line, min, max)      { 0, name, OPT_REAL, &to, "X", line, min, max }

static const struct opt opts[] = {
    TEXT("model", arg.model, "DIR", "Hugging Face folder to start from"),
    TEXT("init", arg.init, "CONFIG.json", "start from random weights of this shape instead"),
    { 'o', "out", OPT_TEXT, &arg.out, "DIR", "folder for checkpoints and metrics", 0, 0 },
    TEXT("branch", arg.branch, "DIR",
         "where --out has no checkpoint yet: begin at this one, under these options"),
    FLAG("resume", arg.resume, "go on from the newest whole checkpoint in --out, if there is one"),
    INT("steps", arg.steps, "stop after N updates; 0: when the stream ends", 1e15),
    TEXT("sft-loss", arg.sft_loss, "NAME", "loss of sft and text rows"),
    TEXT("pref-loss", arg.pref_loss, "NAME", "loss of pref rows"),
    TEXT("ref", arg.ref, "DIR", "the weights the reference column was made with, if not --model"),
    REAL("lr", arg.lr, "learning rate", 0, 1e6),
    REAL("lr-sft", arg.lr_sft, "of updates of the sft objective alone, if not --lr", 0, 1e6),
    REAL("lr-pref", arg.lr_pref, "of updates of the pref objective alone, if not --lr", 0, 1e6),
    TEXT("schedule", arg.schedule, "NAME",
         "constant, linear, cosine, inverse-sqrt or wsd, after the warm-up"),
    INT("warmup", arg.warmup, "updates over which the rate rises, in every phase", 1e15),
    REAL("min-lr", arg.min_lr, "share of the rate that the schedule falls to", 0, 1),
    REAL("decay-steps", arg.decay_steps,
         "wsd: updates over which the rate falls in the end; below 1: their share of all", 0, 1e15),
    TEXT("decay-type", arg.decay_type, "NAME", "wsd: linear, cosine or 1-sqrt, how it falls"),
    INT("timescale", arg.timescale,
        "inverse-sqrt: updates after the warm-up until 1/sqrt(2); 0: the warm-up's, else 10000",
        1e15),
    REAL("beta1", arg.beta1, "AdamW: decay of the mean gradient", 0, 0.999999),
    REAL("beta2", arg.beta2, "AdamW: decay of the mean squared gradient", 0, 0.99999999),
    REAL("eps", arg.eps, "AdamW: added to the root", 1e-30, 1),
    REAL("weight-decay", arg.decay, "AdamW: decoupled, of matrices only", 0, 1e6),
    REAL("clip", arg.clip, "largest gradient norm; 0: any", 0, 1e30),
    TEXT("phase", arg.phase, "NAME", "fresh: moments cleared, warm-up again; or keep"),
    TEXT("moments", arg.moments, "shared|each",
         "AdamW's moments: one set for both objectives, or one for each"),
    TEXT("nan", arg.nan, "stop|skip=N",
         "what a loss or gradient that is no number does; N: updates of the run that it may cost"),
    TEXT("stop-at", arg.stop_at, "S,P",
         "end where the held-out losses of sft and pref are at most these, twice running"),
    TEXT("adapter", arg.adapter, "DIR", "PEFT folder to go on with beside --model, its base"),
    INT("lora-rank", arg.lora_rank, "train adapters of rank N, and no weight of --model",
        LORA_RANK_MAX),
    REAL("lora-alpha", arg.lora_alpha, "they count X / rank times; not given: twice the rank",
         -1e6, 1e6),
    REAL("lora-dropout", arg.lora_dropout, "share of their inputs dropped in updates", 0, 0.999),
    TEXT("lora-targets", arg.lora_targets, "NAME,...",
         "projections that get one, by their names in the model"),
    FLAG("lora-rslora", arg.lora_rslora, "--lora-alpha / the root of the rank instead"),
    REAL("neftune-alpha", arg.neftune,
         "noise on the embeddings in updates of sft rows: +-X / sqrt(tokens * width); 0: none", 0,
         1e6),
    FLAG("merge", arg.merge, "write --model with its adapter as plain weights, and train nothing"),
    TEXT("average", arg.average, "DIR,...|last=K",
         "write the mean of these models, or of --model's last K checkpoints, and train nothing"),
    TEXT("feedback", arg.feedback, "FIFO", "where mix waits for the losses"),
    { 0, "micro-tokens", OPT_INT, &arg.micro_tokens, "N",
      "tokens of one pass; their number changes a result by rounding alone", 1, 1 << 30 },
    INT("probe-every", arg.probe_every,
        "tell the cosine of both objectives' gradients before every N-th update; 0: never", 1e15),
    TEXT("dtype", arg.dtype, "f32|bf16",
         "what products read the weights that train as; bf16: with the rest of a float32 apart"),
    TEXT("recompute", arg.recompute, "auto|none|layers",
         "what of a layer the backward computes again; auto: all but its input, where memory asks"),
    FLAG("no-share", arg.no_share, "compute the prompt of a pair once for each side"),
    INT("save-every", arg.save_every, "updates between checkpoints; 0: only at the end", 1e15),
    INT("keep", arg.keep, "newest checkpoints that stay; 0: all", 1e9),
    TEXT("save-dtype", arg.save_dtype, "TYPE", "of model.safetensors: f32, bf16 or f16"),
    TEXT("device", arg.device, "NAME", "auto, cpu[,bf16] or cuda[:N][,f32]"),
    INT("threads", arg.threads, "0: what affinity and cgroup allow", 4096),
    INT("seed", arg.seed, "of everything random: the weights of --init, noise in updates", 9e18),
    INT("seed-init", arg.seed_init, "of the weights of --init, if not --seed", 9e18),
    TEXT("to", arg.to, "FORM", "metrics on stdout as json or raw, on a terminal too"),
    { 'q', "quiet", OPT_FLAG, &arg.quiet, NULL, "no progress on the terminal", 0, 0 },
    { 0, NULL, OPT_FLAG, NULL, NULL, NULL, 0, 0 },
};

static struct opt_tool tool = {
    .name = "step", .line = "train a model on the steps that mix decides",
    .usage = "{--model DIR [--adapter DIR] | --init CONFIG.json | --branch DIR} --out DIR "
             "[OPTION]... [FILE]",
    .groups = { { NULL, opts } },
};

int main(int argc, char **argv)
{
    struct arena *a = arena_new(0);
    int operands;

    err_tool(argv[0]);
    sig_init();
    tool.version = dev_version();
    loss_groups(tool.groups + 1, countof(tool.groups) - 1);
    enum st st = opt_parse(&tool, argc, argv, &operands);
    if (st == ST_OK && operands > 1)
        st = fail(ST_USAGE, "one stream at a time; cat joins several");
    const char *mode = arg.merge ? "merge" : arg.average ? "average" : NULL;
    if (st == ST_OK && mode)
        st = plain_options(&tool, mode, operands);
    if (st == ST_OK) {
        arg.input = operands ? argv[1] : "-";
        st = arg.merge ? merge(&arg, a) : arg.average ? average(&arg, a) : train(&arg, a);
    } else if (st == ST_END) {
        st = ST_OK;                                    /* --help was answered */
    }
    arena_free(a);
    return done(st);
}
