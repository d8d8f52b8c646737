/* opt.c - the parser and the texts made from one table. */
#include <unistd.h>

#include "base/opt.h"
#include "tests/check.h"

static struct {
    bool quiet;
    int64_t seed, steps;
    double lambda, beta_dpo, beta_ipo;
    const char *out;
    struct opt_list sft;
} arg;

static const struct opt own[] = {
    { 'q', "quiet",  OPT_FLAG, &arg.quiet,  NULL,   "say nothing", 0, 0 },
    {  0,  "seed",   OPT_INT,  &arg.seed,   "N",    "same seed, same order", 0, 0 },
    { 'n', "steps",  OPT_INT,  &arg.steps,  "N",    "how many", 1, 1e6 },
    { 'l', "lambda", OPT_REAL, &arg.lambda, "L",    "weight of the preference objective", 0, 1 },
    { 'o', "out",    OPT_TEXT, &arg.out,    "FILE", "where to", 0, 0 },
    {  0,  "sft",    OPT_LIST, &arg.sft,    "FILE", "a source", 0, 0 },
    { 0 },
};
static const struct opt dpo[] = {
    { 0, "beta", OPT_REAL, &arg.beta_dpo, "B", "strength of the reference", 0, 0 },
    { 0 },
};
static const struct opt ipo[] = {
    { 0, "beta", OPT_REAL, &arg.beta_ipo, "B", "strength", 0, 0 },
    { 0 },
};
static const struct opt_tool tool = {
    .name = "mix", .line = "records in training order", .usage = "[OPTION]... [FILE]...",
    .version = "zstd 1.5.4",
    .groups = { { NULL, own }, { "Options of --pref-loss dpo", dpo },
                { "Options of --pref-loss ipo", ipo } },
};

static char *argv[32];
static int n_operands;

/* Parses the words of a line, divided by single spaces. */
static enum st parse(const char *line)
{
    static char text[1024];
    int argc = 1;

    memset(&arg, 0, sizeof arg);
    arg.steps = 1000;
    arg.lambda = 0.5;
    arg.beta_dpo = arg.beta_ipo = 0.1;
    arg.out = "-";
    snprintf(text, sizeof text, "%s", line);
    argv[0] = (char *)"bin/mix";
    for (char *s = text, *w; *line && (w = strsep(&s, " ")); )
        argv[argc++] = w;
    argv[argc] = NULL;
    err_clear();
    err_place(NULL);
    return opt_parse(&tool, argc, argv, &n_operands);
}

static void values(void **state)
{
    (void)state;
    CHECK_ST(parse("a --seed 7 --lambda=.25 -o x b -q --sft s1 -n5 --sft=s2 -- -c"), ST_OK);
    CHECK(arg.seed == 7 && arg.lambda == 0.25 && arg.quiet && arg.steps == 5);
    CHECK_STR(arg.out, "x");
    CHECK(arg.sft.n == 2);
    CHECK_STR(arg.sft.v[1], "s2");
    CHECK(n_operands == 3);
    CHECK_STR(argv[1], "a");
    CHECK_STR(argv[2], "b");
    CHECK_STR(argv[3], "-c");
    CHECK(opt_given("seed") && opt_given("sft") && !opt_given("beta"));
    CHECK_ST(parse("--beta 0.3 -qo - -"), ST_OK);
    CHECK(arg.beta_dpo == 0.3 && arg.beta_ipo == 0.3 && arg.quiet && n_operands == 1);
    CHECK_STR(argv[1], "-");
    CHECK(opt_given("beta") && !opt_given("seed"));
    CHECK_ST(parse("--seed -5 --out --lambda"), ST_OK);
    CHECK(arg.seed == -5);
    CHECK_STR(arg.out, "--lambda");
}

static void numbers(void **state)
{
    static const struct { const char *text; int64_t is; } good[] = {
        { "64k", 64000 }, { "2M", 2000000 }, { "3G", 3000000000 }, { "1e5", 100000 },
        { "1.5k", 1500 }, { "9223372036854775807", INT64_MAX }, { "+3", 3 }, { "-0", 0 },
        { "007", 7 },
    };
    static const char *const bad[] = {
        "", "k", "1x", "x", "0x10", "1.5", "1e-5", "nan", "inf", "9223372036854775808", "1e30",
        "9223372036854775807k", "--", "1kk", "1K",
    };
    static const char *const bad_real[] = { "", "1e-5x", "nan", "inf", "-inf", "0x1p3", "1e999",
                                            " 1", "1,5", "." };
    char line[64];
    double v;

    (void)state;
    for (int i = 0; i < (int)countof(good); i++) {
        snprintf(line, sizeof line, "--seed %s", good[i].text);
        CHECK_ST(parse(line), ST_OK);
        CHECK(arg.seed == good[i].is);
    }
    for (int i = 0; i < (int)countof(bad); i++) {
        snprintf(line, sizeof line, "--seed=%s", bad[i]);
        CHECK_ST(parse(line), ST_USAGE);
        CHECK(strncmp(err_text(), "--seed: ", 8) == 0);
    }
    CHECK_ST(parse("-l 1e-5"), ST_OK);
    CHECK(arg.lambda == 1e-5);
    for (int i = 0; i < (int)countof(bad_real); i++) {
        err_clear();
        CHECK_ST(opt_number("--x", bad_real[i], &v), ST_USAGE);
    }
    err_clear();
    CHECK_ST(opt_number("--sft", "2.5e3", &v), ST_OK);
    CHECK(v == 2500);
}

static void mistakes(void **state)
{
    static const struct { const char *line, *text; } cases[] = {
        { "--bogus",         "--bogus: no such option; see mix --help" },
        { "--lamda 1",       "--lamda: no such option; did you mean --lambda" },
        { "-z",              "-z: no such option; see mix --help" },
        { "--seed",          "--seed: its value is missing; give --seed N" },
        { "-o",              "--out: its value is missing; give --out FILE" },
        { "--quiet=1",       "--quiet: it takes no value" },
        { "--lambda 1e-5x",  "--lambda: '1e-5x' is not a number" },
        { "--lambda 1.01",   "--lambda: 1.01 is out of bounds; give 0 to 1" },
        { "--steps 0",       "--steps: 0 is out of bounds; give 1 to 1000000" },
        { "--seed 1.5",      "--seed: '1.5' is not a whole number" },
        { "--seed 1e30",     "--seed: '1e30' is too large" },
    };

    (void)state;
    for (int i = 0; i < (int)countof(cases); i++) {
        CHECK_ST(parse(cases[i].line), ST_USAGE);
        CHECK_STR(err_text(), cases[i].text);
    }
    CHECK_ST(parse("--seed 3 --bogus"), ST_USAGE);
    CHECK(arg.seed == 0);                              /* a mistake leaves every variable alone */
    err_clear();
}

static void command_line(void **state)
{
    (void)state;
    CHECK_ST(parse("a -o it's$x --seed=1"), ST_OK);
    CHECK_STR(opt_command(), "mix a -o 'it'\\''s$x' --seed=1");
    CHECK_ST(parse("--out= b"), ST_OK);
    CHECK_STR(opt_command(), "mix --out= b");
}

/* What a line prints on stdout. */
static const char *printed(const char *line)
{
    static char text[8192];
    FILE *f = tmpfile();
    int keep = dup(1);

    fflush(stdout);
    dup2(fileno(f), 1);
    enum st st = parse(line);
    fflush(stdout);
    dup2(keep, 1);
    close(keep);
    CHECK_ST(st, ST_END);
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

static void help(void **state)
{
    (void)state;
    CHECK_STR(printed("--seed 5 --lambda 0.1 --help"),
              "mix - records in training order\n"
              "\n"
              "usage: mix [OPTION]... [FILE]...\n"
              "\n"
              "Options:\n"
              "  -q, --quiet                 say nothing\n"
              "      --seed N                same seed, same order (default 0)\n"
              "  -n, --steps N               how many (default 1000)\n"
              "  -l, --lambda L              weight of the preference objective (default 0.5)\n"
              "  -o, --out FILE              where to (default -)\n"
              "      --sft FILE              a source\n"
              "      --help                  print this and exit\n"
              "      --version               print version, compiler and libraries, and exit\n"
              "\n"
              "Options of --pref-loss dpo:\n"
              "      --beta B                strength of the reference (default 0.1)\n"
              "\n"
              "Options of --pref-loss ipo:\n"
              "      --beta B                strength (default 0.1)\n"
              "\n"
              "Numbers accept 1e-5 and, where whole, k, M and G for powers of 1000."
              "  More: man mix\n");
    const char *v = printed("--version");
    CHECK(strncmp(v, "mix (plait) ", 12) == 0 && strstr(v, "compiler: ") && strstr(v, "-march=") &&
          strstr(v, "\nzstd 1.5.4\n"));
    const char *man = ".Bl -tag -width Ds\n.It Fl q , Fl \\-quiet\nsay nothing.\n"
                      ".It Fl \\-seed Ar \"N\"\nsame seed, same order\n(default 0).\n";
    CHECK(strncmp(printed("--man"), man, strlen(man)) == 0);
}

int main(void)
{
    return RUN(TEST(values), TEST(numbers), TEST(mistakes), TEST(command_line), TEST(help));
}
