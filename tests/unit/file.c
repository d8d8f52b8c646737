/* file.c - whole or not at all, compressed input, folders, SHA-256. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "tests/check.h"

static char dir[] = TEMP("file");
static struct arena *a;

static const char *in_dir(const char *name)
{
    const char *p = arena_printf(a, "%s/%s", dir, name);
    CHECK(p);
    return p;
}

static bool there(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0;
}

static void content_is(const char *path, const char *text)
{
    struct view v;
    CHECK_ST(file_read(path, &v, 1 << 20, a), ST_OK);
    CHECK(view_is(v, text) && v.p[v.n] == 0);
}

static void whole_or_not_at_all(void **state)
{
    struct file f, g;
    const char *p = in_dir("out"), *temp = in_dir("out.tmp");

    (void)state;
    CHECK_ST(file_save(p, "old", 3, a), ST_OK);
    CHECK_ST(file_new(&f, p, a), ST_OK);
    CHECK_ST(file_write(&f, "new text", 8), ST_OK);
    content_is(p, "old");
    CHECK(there(temp));
    CHECK_ST(file_new(&g, p, a), ST_SYS);              /* one writer at a time */
    CHECK(strstr(err_text(), "another program is writing it"));
    err_clear();
    CHECK(there(temp));
    CHECK_ST(file_commit(&f), ST_OK);
    content_is(p, "new text");
    CHECK(!there(temp));
    file_drop(&f);
    CHECK_ST(file_new(&f, p, a), ST_OK);
    file_drop(&f);
    content_is(p, "new text");
    CHECK(!there(temp));
    CHECK_ST(file_save(temp, "left by a killed run", 20, a), ST_OK);
    CHECK_ST(file_save(p, "third", 5, a), ST_OK);
    content_is(p, "third");
    CHECK(!there(temp));
    CHECK_ST(file_new(&f, dir, a), ST_SYS);
    CHECK(strstr(err_text(), "is a folder"));
    err_clear();
    CHECK_ST(file_new(&f, in_dir("none/out"), a), ST_SYS);
    CHECK(strstr(err_text(), "none/out: cannot create: No such file"));
    err_clear();
    CHECK(symlink("out", in_dir("link")) == 0);        /* a link stays one */
    CHECK_ST(file_save(in_dir("link"), "by link", 7, a), ST_OK);
    content_is(p, "by link");
    struct stat s;
    CHECK(lstat(in_dir("link"), &s) == 0 && S_ISLNK(s.st_mode));
}

static void pipes_and_devices_stay(void **state)
{
    struct file f;
    struct stat s;
    const char *p = in_dir("fifo");
    char got[8] = "";

    (void)state;
    CHECK(mkfifo(p, 0666) == 0);
    int fd = open(p, O_RDONLY | O_NONBLOCK);
    CHECK_ST(file_new(&f, p, a), ST_OK);
    CHECK_ST(file_write(&f, "abc", 3), ST_OK);
    CHECK_ST(file_commit(&f), ST_OK);
    CHECK(read(fd, got, sizeof got) == 3 && strcmp(got, "abc") == 0);
    close(fd);
    CHECK(stat(p, &s) == 0 && S_ISFIFO(s.st_mode));
    CHECK_ST(file_save("/dev/null", "abc", 3, a), ST_OK);
    CHECK_ST(file_save("/dev/full", "abc", 3, a), ST_SYS);
    CHECK_STR(err_text(), "/dev/full: cannot write: No space left on device");
    err_clear();

    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", in_dir("socket"));
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0);
    CHECK_ST(file_save(at.sun_path, "xyz", 3, a), ST_OK);
    int peer = accept(fd, NULL, NULL);
    CHECK(read(peer, got, sizeof got) == 3 && memcmp(got, "xyz", 3) == 0);
    close(peer);
    close(fd);
}

static void small_files(void **state)
{
    struct view v;
    const char *p = in_dir("small");

    (void)state;
    CHECK_ST(file_save(p, "12345", 5, a), ST_OK);
    CHECK_ST(file_read(p, &v, 5, a), ST_OK);
    CHECK_ST(file_read(p, &v, 4, a), ST_DATA);
    CHECK(strstr(err_text(), "has more than 4 bytes"));
    err_clear();
    CHECK_ST(file_save(p, "", 0, a), ST_OK);
    content_is(p, "");
    /* says it has no bytes, and has */
    CHECK_ST(file_read("/proc/self/stat", &v, 1 << 20, a), ST_OK);
    CHECK(v.n > 10);
    CHECK_ST(file_read(in_dir("none"), &v, 5, a), ST_SYS);
    err_clear();
    CHECK_ST(file_read(dir, &v, 5, a), ST_SYS);
    err_clear();
}

static void folders(void **state)
{
    (void)state;
    CHECK_ST(dir_make(in_dir("d/e//f/")), ST_OK);
    CHECK_ST(dir_make(in_dir("d/e/f")), ST_OK);
    CHECK_ST(file_save(in_dir("d/e/f/x"), "x", 1, a), ST_OK);
    CHECK_ST(dir_make(in_dir("d/e/f/x")), ST_SYS);
    CHECK(strstr(err_text(), "is not a folder"));
    err_clear();
    CHECK_ST(dir_make(in_dir("d/e/f/x/y")), ST_SYS);
    err_clear();
    CHECK_ST(dir_make(""), ST_SYS);
    err_clear();
    CHECK_ST(file_save(in_dir("stays"), "x", 1, a), ST_OK);
    CHECK(symlink("../stays", in_dir("d/link")) == 0 && symlink("..", in_dir("d/e/up")) == 0);
    CHECK_ST(dir_sync(in_dir("d")), ST_OK);
    CHECK_ST(dir_remove(in_dir("d")), ST_OK);
    CHECK(!there(in_dir("d")) && there(in_dir("stays")));
    CHECK_ST(dir_remove(in_dir("d")), ST_OK);
    CHECK_ST(dir_sync(in_dir("d")), ST_SYS);
    err_clear();
}

/* Reads all of a file in bites of `bite` bytes and compares. */
static enum st read_all(const char *path, struct view want, size_t bite)
{
    struct input *in;
    struct buf b = { 0 };
    size_t got = 1, mark = arena_mark(a);

    err_clear();
    enum st st = input_open(&in, path, a);
    if (st != ST_OK)
        return st;
    while (st == ST_OK && got) {
        CHECK_ST(buf_room(&b, bite), ST_OK);
        st = input_read(in, b.p + b.n, bite, &got);
        b.n += got;
    }
    if (st == ST_OK)
        CHECK(view_eq((struct view){ b.p, b.n }, want));
    input_close(in);
    buf_free(&b);
    arena_back(a, mark);
    return st;
}

enum { TEXT = 700000 };
static char text[TEXT];

static size_t gzip(char *out, size_t cap, const char *p, size_t n)
{
    z_stream z = { .next_in = (unsigned char *)p, .avail_in = (unsigned)n,
                   .next_out = (unsigned char *)out, .avail_out = (unsigned)cap };
    CHECK(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static size_t zstd(char *out, size_t cap, const char *p, size_t n)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    size_t r = ZSTD_compress2(c, out, cap, p, n);
    CHECK(!ZSTD_isError(r));
    ZSTD_freeCCtx(c);
    return r;
}

static void check_packed(size_t (*pack)(char *, size_t, const char *, size_t))
{
    static char packed[2 * TEXT];
    const char *p = in_dir("packed");
    size_t half = pack(packed, sizeof packed, text, TEXT / 2);
    size_t n = half + pack(packed + half, sizeof packed - half, text + TEXT / 2, TEXT / 2);
    static const size_t bites[] = { 1000, 4096, 65536, 1 << 20 };

    CHECK_ST(file_save(p, packed, n, a), ST_OK);       /* two members read through */
    for (int i = 0; i < (int)countof(bites); i++)
        CHECK_ST(read_all(p, (struct view){ text, TEXT }, bites[i]), ST_OK);
    CHECK_ST(file_save(p, packed, half, a), ST_OK);
    CHECK_ST(read_all(p, (struct view){ text, TEXT / 2 }, 65536), ST_OK);
    for (size_t cut = 4; cut < n; cut = cut * 5 / 4 + 1) {
        CHECK_ST(file_save(p, packed, cut + (cut == half), a), ST_OK);
        CHECK_ST(read_all(p, (struct view){ 0 }, 65536), ST_DATA);
    }
    CHECK_ST(file_save(p, packed, n - 1, a), ST_OK);
    CHECK_ST(read_all(p, (struct view){ 0 }, 65536), ST_DATA);
    CHECK(strstr(err_text(), "stops in the middle"));
    for (int flip = 12; flip < 4000; flip += 371) {
        packed[flip] ^= 16;
        CHECK_ST(file_save(p, packed, n, a), ST_OK);
        CHECK_ST(read_all(p, (struct view){ 0 }, 65536), ST_DATA);
        packed[flip] ^= 16;
    }
    memcpy(packed + n, "tail", 4);
    CHECK_ST(file_save(p, packed, n + 1, a), ST_OK);
    CHECK_ST(read_all(p, (struct view){ 0 }, 65536), ST_DATA);
    CHECK_ST(file_save(p, packed, n + 4, a), ST_OK);
    CHECK_ST(read_all(p, (struct view){ 0 }, 65536), ST_DATA);
    n = pack(packed, sizeof packed, "", 0);
    CHECK_ST(file_save(p, packed, n, a), ST_OK);
    CHECK_ST(read_all(p, (struct view){ "", 0 }, 10), ST_OK);
    err_clear();
}

static void plain_input(void **state)
{
    const char *p = in_dir("plain");

    (void)state;
    for (size_t n = 0; n < TEXT; n = n * 3 + 1) {
        CHECK_ST(file_save(p, text, n, a), ST_OK);
        CHECK_ST(read_all(p, (struct view){ text, n }, 1000), ST_OK);
        CHECK_ST(read_all(p, (struct view){ text, n }, 1 << 20), ST_OK);
    }
    CHECK_ST(file_save(p, "\x1f", 1, a), ST_OK);     /* one byte of a magic number is still plain */
    CHECK_ST(read_all(p, VIEW("\x1f"), 10), ST_OK);
    CHECK_ST(file_save(p, "(\xb5/", 3, a), ST_OK);
    CHECK_ST(read_all(p, VIEW("(\xb5/"), 10), ST_OK);
    CHECK_ST(read_all(in_dir("none"), VIEW(""), 10), ST_SYS);
    CHECK_ST(read_all(dir, VIEW(""), 10), ST_SYS);
    err_clear();
}

static void compressed_input(void **state)
{
    (void)state;
    check_packed(gzip);
    check_packed(zstd);
}

/* A frame that asks for a window of 2 GiB is refused before any memory is taken for it. */
static void window_is_limited(void **state)
{
    static const char frame[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
    const char *p = in_dir("window");

    (void)state;
    CHECK_ST(file_save(p, frame, sizeof frame - 1, a), ST_OK);
    CHECK_ST(read_all(p, VIEW(""), 10), ST_DATA);
    CHECK(strstr(err_text(), "window over 128 MiB"));
    err_clear();
}

static void a_stop_ends_the_wait(void **state)
{
    const char *p = in_dir("waits");
    int status;

    (void)state;
    CHECK(mkfifo(p, 0666) == 0);
    int fd = open(p, O_RDWR);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct input *in = NULL;
        sig_init();
        _exit(input_open(&in, p, a));
    }
    usleep(50000);
    kill(pid, SIGTERM);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == ST_STOP);
    close(fd);
}

static void sha256(void **state)
{
    uint8_t out[32];
    char hex[65];

    (void)state;
    sha_of("abc", 3, out);
    hex_of(out, 32, hex);
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct sha *s = sha_new();
    for (int i = 0; i < 1000; i++)
        sha_add(s, "aaaaaaaaaa", 10);
    sha_end(s, out);
    hex_of(out, 32, hex);
    CHECK_STR(hex, "27dd1f61b867b6a0f6e9d8a41c43231de52107e53ae424de8f847b821db4b711");
}

int main(void)
{
    uint64_t x = 88172645463325252u;

    if (!mkdtemp(dir))
        return 1;
    a = arena_new(0);
    for (int i = 0; i < TEXT; i++) {                   /* packs to about half */
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        text[i] = "0123456789abcdef"[x >> 60];
    }
    int failed = RUN(TEST(whole_or_not_at_all), TEST(pipes_and_devices_stay), TEST(small_files),
                     TEST(folders), TEST(plain_input), TEST(compressed_input),
                     TEST(window_is_limited), TEST(a_stop_ends_the_wait),
                     TEST(sha256));
    if (dir_remove(dir) != ST_OK)
        failed = 1;
    arena_free(a);
    return failed;
}
