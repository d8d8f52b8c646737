/* progress.c - one line for people, rewritten in place; nothing where stderr is no terminal. */
#include <math.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/run.h"

/* 950, 12.3k, 4.56M: three digits */
static const char *short_number(double v, char *out, size_t size)
{
    static const char unit[] = " kMGTP";
    int u = 0;

    while (fabs(v) >= 999.5 && unit[u + 1]) {
        v /= 1000;
        u++;
    }
    snprintf(out, size, u ? "%.3g%c" : "%.3g", v, unit[u]);
    return out;
}

static const char *short_time(double s, char *out, size_t size)
{
    long long t = (long long)(s + 0.5);

    if (t >= 3600)
        snprintf(out, size, "%lld:%02lld:%02lld", t / 3600, t / 60 % 60, t % 60);
    else
        snprintf(out, size, "%lld:%02lld", t / 60, t % 60);
    return out;
}

void progress_start(struct progress *p, const char *what, const char *unit, double total,
                    double base, bool quiet)
{
    *p = (struct progress){ .what = what, .unit = unit, .total = total, .base = base };
    p->on = !quiet && isatty(STDERR_FILENO);
    p->start = p->last = p->on ? run_clock() : 0;
}

int progress_columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? MIN(w.ws_col, 400) : 80;
}

void progress_at(struct progress *p, double amount, const char *extra)
{
    char line[512], out[640], a[32], b[32];

    if (!p->on)
        return;
    double now = run_clock();
    if (now - p->last < 1)
        return;
    p->last = now;
    double rate = (amount - p->base) / (now - p->start);
    size_t size = sizeof line, n;
    n = (size_t)snprintf(line, size, "%s  %s", p->what, short_number(amount, a, sizeof a));
    if (p->total > 0 && n < size)
        n += (size_t)snprintf(line + n, size - n, " of %s  %.0f%%",
                              short_number(p->total, b, sizeof b), floor(100 * amount / p->total));
    if (n < size)
        n += (size_t)snprintf(line + n, size - n, "  %s %s/s", short_number(rate, a, sizeof a),
                              p->unit);
    if (p->total > amount && rate > 0 && n < size)
        n += (size_t)snprintf(line + n, size - n, "  %s left",
                              short_time((p->total - amount) / rate, b, sizeof b));
    if (extra && n < size)
        snprintf(line + n, size - n, "  %s", extra);
    int len = snprintf(out, sizeof out, "\r%.*s\033[K", progress_columns() - 1, line);
    p->drawn = write(STDERR_FILENO, out, MIN((size_t)len, sizeof out - 1)) > 0;
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        p->drawn = write(STDERR_FILENO, "\r\033[K", 4) < 0;
    p->on = false;
}
