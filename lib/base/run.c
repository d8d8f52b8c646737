/* run.c - what the machine lends.
 *
 * A container's share is less than the machine: threads are the least of affinity and the CPU
 * quotas of our cgroup and its ancestors, memory likewise.  Both cgroup versions are read. */
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/run.h"

/* The first bytes of a small file of the kernel's; false when it cannot be read. */
static bool slurp(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");

    if (!f)
        return false;
    out[fread(out, 1, size - 1, f)] = 0;
    return fclose(f) == 0;
}

/* Our path under a cgroup controller; "" names version 2.  False when the kernel lists none. */
static bool cgroup_path(const char *controller, char *out, size_t size)
{
    char all[8192], *next = all, *line;

    if (!slurp("/proc/self/cgroup", all, sizeof all))
        return false;
    while ((line = strsep(&next, "\n"))) {             /* 4:cpu,cpuacct:/path  or  0::/path */
        strsep(&line, ":");
        char *names = strsep(&line, ":"), *name;
        bool ours = names && *names == 0 && *controller == 0;
        while (names && *controller && (name = strsep(&names, ",")))
            ours |= strcmp(name, controller) == 0;
        if (ours && line) {
            snprintf(out, size, "%s", line);
            return true;
        }
    }
    return false;
}

/* Calls take() with the text of `file` in our cgroup and each of its ancestors, the root included:
 * inside a container the path may be the host's while the mount shows our own group as root. */
static void cgroup_walk(const char *controller, const char *mount, const char *file,
                        void (*take)(const char *text, double *least), double *least)
{
    char path[4096], name[8192], text[256];

    if (!cgroup_path(controller, path, sizeof path))
        return;
    for (;;) {
        char *slash = strrchr(path, '/');
        snprintf(name, sizeof name, "%s%s/%s", mount, path, file);
        if (slash && slash[1] == 0)
            snprintf(name, sizeof name, "%s%s%s", mount, path, file);
        if (slurp(name, text, sizeof text))
            take(text, least);
        if (!slash || (slash == path && slash[1] == 0))
            break;
        slash[slash == path] = 0;
    }
}

static void take_cpu(const char *text, double *least)  /* "150000 100000" or "max 100000" */
{
    double quota, period;

    if (sscanf(text, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
        *least = fmin(*least, quota / period);
}

static void take_quota(const char *text, double *least)
{
    double quota;

    if (sscanf(text, "%lf", &quota) == 1 && quota > 0)
        *least = fmin(*least, quota / 100000);       /* the period of 0.1 s that all set-ups keep */
}

static void take_bytes(const char *text, double *least)
{
    double bytes;

    if (sscanf(text, "%lf", &bytes) == 1 && bytes > 0)
        *least = fmin(*least, bytes);
}

static int affinity(void)
{
    for (int n_cpus = 1024; n_cpus <= 1 << 20; n_cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)n_cpus);
        size_t size = CPU_ALLOC_SIZE((size_t)n_cpus);
        if (!set)
            break;
        int n = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (n > 0)
            return n;
    }
    return (int)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
}

int run_threads(void)
{
    double least = affinity();

    cgroup_walk("", "/sys/fs/cgroup", "cpu.max", take_cpu, &least);
    cgroup_walk("cpu", "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", take_quota, &least);
    return (int)fmax(1, floor(least));
}

int64_t run_memory(void)
{
    double least = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    cgroup_walk("", "/sys/fs/cgroup", "memory.max", take_bytes, &least);
    cgroup_walk("memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", take_bytes, &least);
    return (int64_t)least;
}

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double run_clock(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double run_cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* VmHWM, because the figure of getrusage() counts what our parent had before it became us. */
int64_t run_peak(void)
{
    char text[4096];
    struct rusage use;
    long long kb;

    if (slurp("/proc/self/status", text, sizeof text)) {
        const char *line = strstr(text, "\nVmHWM:");
        if (line && sscanf(line, " VmHWM: %lld", &kb) == 1)
            return (int64_t)kb * 1024;
    }
    getrusage(RUSAGE_SELF, &use);
    return (int64_t)use.ru_maxrss * 1024;
}
