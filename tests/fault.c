/* fault.c - a library for LD_PRELOAD that makes one call of a program fail.
 *
 *     FAULT=write:3        the third write(2) fails with ENOSPC
 *     FAULT=write:3+       it and all after it do: a full disk
 *     FAULT=read:1:EIO     with another error: a name below, or a number
 *
 * Kinds: read, write, fsync, rename, and alloc, which is what the program itself asks for:
 * libraries have their own ways to fail at the start.  FAULT_FIRED=FILE is made when the fault has
 * struck, so that a test which counts n up knows when it has been through them all.  Standard error
 * is never touched. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NONE, READ, WRITE, FSYNC, RENAME, ALLOC };

static const struct {
    const char *name;
    enum kind   kind;
    int         error;
} kinds[] = {
    { "read", READ, EIO }, { "write", WRITE, ENOSPC }, { "fsync", FSYNC, EIO },
    { "rename", RENAME, EACCES }, { "alloc", ALLOC, ENOMEM },
};

static const struct {
    const char *name;
    int         error;
} errors[] = { { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EPIPE", EPIPE },
               { "EINTR", EINTR } };

static struct {
    enum kind   asked, kind;                           /* kind: NONE before main() */
    int         error;
    long        n;                                     /* which call */
    bool        on;                                    /* and all after it */
    const char *fired;
    uintptr_t   from, to;                              /* where the program's own code lies */
} plan;
static atomic_long count;

int __libc_start_main(int (*entry)(int, char **, char **), int argc, char **argv,
                      void (*first)(void), void (*last)(void), void (*unload)(void), void *stack);
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

/* The program comes first of all loaded objects. */
static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X)) {
            plan.from = info->dlpi_addr + p->p_vaddr;
            plan.to = plan.from + p->p_memsz;
        }
    }
    return 1;
}

static __attribute__((constructor)) void init(void)
{
    const char *text = getenv("FAULT"), *colon = text ? strchr(text, ':') : NULL;
    enum kind kind = NONE;

    if (!colon)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strlen(kinds[i].name) == (size_t)(colon - text) &&
            strncmp(kinds[i].name, text, (size_t)(colon - text)) == 0) {
            kind = kinds[i].kind;
            plan.error = kinds[i].error;
        }
    char *rest;
    plan.n = strtol(colon + 1, &rest, 10);
    plan.on = *rest == '+';
    rest += plan.on;
    if (*rest == ':') {
        plan.error = atoi(rest + 1);
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
            if (strcmp(errors[i].name, rest + 1) == 0)
                plan.error = errors[i].error;
    }
    if (kind == NONE || plan.n < 1 || (*rest && *rest != ':') || plan.error <= 0) {
        fprintf(stderr, "fault: FAULT='%s' is not KIND:N[+][:ERROR]\n", text);
        _exit(2);
    }
    plan.fired = getenv("FAULT_FIRED");
    dl_iterate_phdr(find_program, NULL);
    unsetenv("LD_PRELOAD");                            /* this program, not those it starts */
    plan.asked = kind;
}

/* What runs before main() is not the program's: a library that is linked in registers itself. */
static int (*program)(int argc, char **argv, char **env);

static int begin(int argc, char **argv, char **env)
{
    plan.kind = plan.asked;
    return program(argc, argv, env);
}

int __libc_start_main(int (*entry)(int, char **, char **), int argc, char **argv,
                      void (*first)(void), void (*last)(void), void (*unload)(void), void *stack)
{
    int (*start)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                 void (*)(void), void *) = dlsym(RTLD_NEXT, "__libc_start_main");

    program = entry;
    return start(begin, argc, argv, first, last, unload, stack);
}

/* True, with errno set, when this call is to fail. */
static bool strikes(enum kind kind)
{
    if (plan.kind != kind)
        return false;
    long n = atomic_fetch_add(&count, 1) + 1;
    if (n != plan.n && !(plan.on && n > plan.n))
        return false;
    if (plan.fired) {
        int fd = open(plan.fired, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0)
            close(fd);
    }
    errno = plan.error;
    return true;
}

#define ASKED_BY_PROGRAM ((uintptr_t)__builtin_return_address(0) - plan.from < plan.to - plan.from)
#define ALLOC_STRIKES (plan.kind == ALLOC && ASKED_BY_PROGRAM && strikes(ALLOC))

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t read(int fd, void *p, size_t n)
{
    return strikes(READ) ? -1 : REAL(read)(fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    return strikes(READ) ? -1 : REAL(pread)(fd, p, n, at);
}

ssize_t write(int fd, const void *p, size_t n)
{
    return fd != STDERR_FILENO && strikes(WRITE) ? -1 : REAL(write)(fd, p, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    return fd != STDERR_FILENO && strikes(WRITE) ? -1 : REAL(writev)(fd, v, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return strikes(WRITE) ? -1 : REAL(pwrite)(fd, p, n, at);
}

int fsync(int fd)
{
    return strikes(FSYNC) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return strikes(FSYNC) ? -1 : REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
    return strikes(RENAME) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return strikes(RENAME) ? -1 : REAL(renameat)(from_fd, from, to_fd, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return strikes(RENAME) ? -1 : REAL(renameat2)(from_fd, from, to_fd, to, flags);
}

void *malloc(size_t n)
{
    return ALLOC_STRIKES ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return ALLOC_STRIKES ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return ALLOC_STRIKES ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return ALLOC_STRIKES ? NULL : __libc_memalign(align, n);
}

int posix_memalign(void **p, size_t align, size_t n)
{
    int error = errno;

    *p = ALLOC_STRIKES ? NULL : __libc_memalign(align, n);
    errno = error;
    return *p ? 0 : ENOMEM;
}
