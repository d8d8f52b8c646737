/* replay.c - runs a fuzz target over every file of the folders given: the corpus as a test, without
 * libFuzzer.  A target aborts when it finds a fault; the file that did it is named first. */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PATH_BYTES = 4096, CASE_BYTES_MAX = 64 << 20 };

static char running[PATH_BYTES];

static void on_fault(int sig)
{
    static const char before[] = "replay: fault in ";

    if (write(2, before, sizeof before - 1) < 0 || write(2, running, strlen(running)) < 0 ||
        write(2, "\n", 1) < 0)
        _exit(4);
    signal(sig, SIG_DFL);
    raise(sig);
}

static enum st one(const char *path)
{
    struct arena *a = arena_new(0);
    struct view v;

    snprintf(running, sizeof running, "%s", path);
    enum st st = file_read(path, &v, CASE_BYTES_MAX, a);
    if (st == ST_OK)
        LLVMFuzzerTestOneInput((const uint8_t *)v.p, v.n);
    arena_free(a);
    err_clear();
    err_place(NULL);
    return st;
}

/* A file, or a folder and all below it. */
static enum st replay(const char *path, int *n_cases)
{
    struct stat is;
    enum st st = ST_OK;

    if (stat(path, &is) < 0)
        return fail_sys("cannot open '%s'", path);
    if (!S_ISDIR(is.st_mode)) {
        ++*n_cases;
        return one(path);
    }
    DIR *d = opendir(path);
    if (!d)
        return fail_sys("cannot open '%s'", path);
    for (struct dirent *e; st == ST_OK && (e = readdir(d)); ) {
        char inner[PATH_BYTES];
        if (e->d_name[0] == '.')
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) >= PATH_BYTES)
            st = fail(ST_SYS, "'%s' has too long a name below it", path);
        else
            st = replay(inner, n_cases);
    }
    closedir(d);
    return st;
}

int main(int argc, char **argv)
{
    enum st st = ST_OK;
    int n_cases = 0;

    err_tool("replay");
    signal(SIGABRT, on_fault);
    signal(SIGSEGV, on_fault);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc && st == ST_OK; i++)
        st = replay(argv[i], &n_cases);
    if (st == ST_OK)
        printf("%d cases\n", n_cases);
    return done(st);
}
