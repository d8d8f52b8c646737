/* main.c - evalc: rows and a checkpoint in, scores out; or the same rows with a column more. */
#include "base/run.h"
#include "walk.h"

static struct setup arg = { .device = "auto", .out = "-", .to = "auto", .micro_tokens = 4096 };

static const struct opt opts[] = {
    { 't', "task", OPT_LIST, &arg.tasks, "NAME,...",
      "what to do with the rows; several are done in one pass", 0, 0 },
    { 'm', "model", OPT_TEXT, &arg.model, "DIR",
      "Hugging Face or PEFT folder, or step's OUT (its latest)", 0, 0 },
    {  0,  "adapter", OPT_TEXT, &arg.adapter, "DIR",
      "PEFT folder, or step's OUT, beside --model, its base", 0, 0 },
    { 'o', "out", OPT_TEXT, &arg.out, "FILE", "where the result goes, - for stdout", 0, 0 },
    {  0,  "to", OPT_TEXT, &arg.to, "FORM", "auto, json, raw, shard or table", 0, 0 },
    { 'l', "label", OPT_LIST, &arg.labels, "KEY=VALUE",
      "said in the record; method, lambda and seed are pareto's", 0, 0 },
    {  0,  "items", OPT_TEXT, &arg.items, "FILE",
      "figures of every row, keyed by src, id and row", 0, 0 },
    {  0,  "device", OPT_TEXT, &arg.device, "NAME", "auto, cpu[,bf16] or cuda[:N][,f32]", 0, 0 },
    {  0,  "threads", OPT_INT, &arg.threads, "N", "0: what the machine lends", 0, 1024 },
    {  0,  "micro-tokens", OPT_INT, &arg.micro_tokens, "N",
      "tokens in one forward; never changes a result", 1, 1 << 24 },
    { 'q', "quiet", OPT_FLAG, &arg.quiet, NULL, "no progress on the terminal", 0, 0 },
    { 0 },
};

static struct opt_tool tool = {
    .name = "evalc", .line = "scores of a model on rows, or the rows with the reference column",
    .usage = "--task NAME [OPTION]... [FILE]...",
    .groups = { { NULL, opts } },
};

/* Every task's line, and its options under its name. */
static enum st describe(struct arena *a)
{
    int64_t group = 1;

    tool.version = dev_version();
    for (int64_t i = 0; tasks[i] && group < countof(tool.groups) - 1; i++) {
        static const struct opt none[] = { { 0 } };
        const char *title = arena_printf(a, "--task %s (%s)", tasks[i]->name, tasks[i]->line);
        if (!title)
            return ST_SYS;
        tool.groups[group++] = (struct opt_group){ title, tasks[i]->opts ? tasks[i]->opts : none };
    }
    return ST_OK;
}

int main(int argc, char **argv)
{
    struct arena *a = arena_new(0);
    int n_streams;
    enum st st;

    err_tool(argv[0]);
    sig_init();
    if ((st = describe(a)) == ST_OK)
        st = opt_parse(&tool, argc, argv, &n_streams);
    if (st == ST_END) {                                    /* --help was answered */
        arena_free(a);
        return done(ST_OK);
    }
    if (st == ST_OK)
        st = walk(&arg, argv + 1, n_streams, a);
    arena_free(a);
    return done(st);
}
