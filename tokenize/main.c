/* main.c - tokenize: rows of instructions, preferences or text -> records of token ids. */
#include "text/unicode.h"
#include "work.h"

static struct setup arg = {
    .schema = "auto", .chat = "auto", .mask = "last", .truncate = "ask", .boundary = "error",
    .specials = "error", .out = "-", .to = "auto", .max_tokens = 2048, .held = 0.1, .n_shots = 5,
};

static const struct opt opts[] = {
    { 't', "tokenizer",  OPT_TEXT, &arg.tokenizer,   "DIR|FILE",
      "folder with tokenizer.json, the file itself, or bytes", 0, 0 },
    { 's', "schema",     OPT_TEXT, &arg.schema,      "NAME",
      "auto, hh, pairs, kto, choice, prompt, sharegpt, messages, alpaca, completion or text",
      0, 0 },
    {  0,  "map",        OPT_LIST, &arg.map,         "COLUMN=NAME,...",
      "what the file calls the schema's columns", 0, 0 },
    {  0,  "template",   OPT_TEXT, &arg.chat,        "NAME",
      "auto, none, plain, chatml, llama3, one of the tokenizer's, or FILE.jinja", 0, 0 },
    {  0,  "template-vars", OPT_LIST, &arg.vars,     "NAME=VALUE|FILE",
      "what a Jinja template is told beside the row, or a JSON object of it", 0, 0 },
    {  0,  "date",       OPT_TEXT, &arg.date,        "YYYY-MM-DD",
      "the day that a Jinja template is told (default 2024-07-26)", 0, 0 },
    {  0,  "mask",       OPT_TEXT, &arg.mask,        "WHICH",
      "trained answers: last, all, or by each message's flag", 0, 0 },
    { 'n', "max-tokens", OPT_INT,  &arg.max_tokens,  "N",
      "longest record; a longer text becomes several", 2, 16 << 20 },
    {  0,  "truncate",   OPT_TEXT, &arg.truncate,    "HOW",
      "ask, drop, keep-start, keep-end or prompt-left", 0, 0 },
    {  0,  "split",      OPT_TEXT, &arg.split,       "PART",
      "only the rows of this part: train or held", 0, 0 },
    {  0,  "held",       OPT_REAL, &arg.held,        "SHARE",
      "share of prompts held out", 0, 1 },
    {  0,  "side",       OPT_TEXT, &arg.side,        "chosen",
      "pairs become sft rows of their chosen side", 0, 0 },
    {  0,  "shots",      OPT_TEXT, &arg.shots,       "FILE",
      "examples to put before each question of choice", 0, 0 },
    {  0,  "n-shots",    OPT_INT,  &arg.n_shots,     "N",
      "how many: the first of the question's subject", 1, 1000 },
    {  0,  "shots-seed", OPT_INT,  &arg.shots_seed,  "N",
      "draw them for each question instead", 0, 0 },
    {  0,  "describe",   OPT_TEXT, &arg.describe,    "TEXT",
      "said before the examples; {subject} is the question's", 0, 0 },
    {  0,  "source",     OPT_TEXT, &arg.source,      "NAME",
      "source of all rows (default each file's stem)", 0, 0 },
    {  0,  "boundary",   OPT_TEXT, &arg.boundary,    "HOW",
      "a token across prompt and answer: error or shift", 0, 0 },
    {  0,  "specials",   OPT_TEXT, &arg.specials,    "HOW",
      "template tokens within a row's text: error or allow", 0, 0 },
    {  0,  "bos",        OPT_TEXT, &arg.bos,         "TOKEN",
      "before every text, or none (default the tokenizer's)", 0, 0 },
    {  0,  "eos",        OPT_TEXT, &arg.eos,         "TOKEN",
      "end token (default the tokenizer's)", 0, 0 },
    {  0,  "lenient",    OPT_FLAG, &arg.lenient,     NULL,
      "leave bad rows out, count them by cause", 0, 0 },
    {  0,  "dedup",      OPT_FLAG, &arg.dedup,       NULL,
      "leave rows out whose text stood before", 0, 0 },
    {  0,  "exclude",    OPT_LIST, &arg.exclude,     "FILE",
      "rows whose prompts may not be among these", 0, 0 },
    {  0,  "stats",      OPT_FLAG, &arg.stats,       NULL,
      "print lengths and the account on stderr", 0, 0 },
    {  0,  "report",     OPT_TEXT, &arg.report,      "FILE",
      "write the account as JSON", 0, 0 },
    {  0,  "show",       OPT_INT,  &arg.show,        "N",
      "print N records, trained tokens marked, and stop", 0, 1e9 },
    { 'o', "out",        OPT_TEXT, &arg.out,         "FILE",
      "where records go, - for stdout", 0, 0 },
    {  0,  "to",         OPT_TEXT, &arg.to,          "FORM",
      "auto, raw, shard or json", 0, 0 },
    {  0,  "threads",    OPT_INT,  &arg.threads,     "N",
      "0: what the machine lends; same bytes with any", 0, 256 },
    { 'q', "quiet",      OPT_FLAG, &arg.quiet,       NULL,
      "no progress, no notes", 0, 0 },
    { 0 },
};

static struct opt_tool tool = {
    .name = "tokenize", .line = "rows of instructions, preferences or text to records of token ids",
    .usage = "--tokenizer DIR|FILE|bytes [OPTION]... [FILE]...",
    .groups = { { NULL, opts } },
};

int main(int argc, char **argv)
{
    static const char *const input[] = { "-" };
    struct arena *a = arena_new(0);
    int n_files;

    err_tool(argv[0]);
    sig_init();
    tool.version = arena_printf(a, "%s, %s", unicode_library(), split_library());
    enum st st = opt_parse(&tool, argc, argv, &n_files);
    if (st == ST_END) {                                    /* --help was answered */
        arena_free(a);
        return done(ST_OK);
    }
    if (st == ST_OK && !arg.tokenizer) {
        err_place("--tokenizer");
        st = fail(ST_USAGE, "missing; name a folder with tokenizer.json, the file, or bytes");
    }
    if (st == ST_OK)
        st = work(&arg, n_files ? (const char *const *)argv + 1 : input, n_files ? n_files : 1, a);
    arena_free(a);
    int code = done(st);
    if (strcmp(arg.to, "json") != 0 && !arg.show)
        out_unbegun(arg.out, st);
    return code;
}
