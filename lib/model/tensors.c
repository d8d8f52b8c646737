/* tensors.c - tensors of the device to and from safetensors files, a block at a time: no second
 * copy of a model is ever in memory. */
#include "model/tensors.h"

#include "base/file.h"
#include "base/json.h"
#include "model/half.h"

#define BLOCK (256 << 10)                      /* numbers read, converted and written at once */

static enum dtype type_on_disk(const struct tensor *t, enum dtype type)
{
    return t->type == I32 ? I32 : type;        /* whole numbers stay so */
}

static const char *type_name(enum dtype type)
{
    return type == BF16 ? "BF16" : type == F16 ? "F16" : type == I32 ? "I32" : "F32";
}

static int64_t type_bytes(enum dtype type)
{
    return type == BF16 || type == F16 ? 2 : 4;
}

/* n floats at p become what lies on the disk, in place. */
static void shrink(void *p, int64_t n, enum dtype type)
{
    const float *from = p;
    uint16_t *to = p;

    if (type == BF16)
        for (int64_t i = 0; i < n; i++) {
            uint16_t v = f32_to_bf16(from[i]);
            memcpy(to + i, &v, 2);
        }
    else if (type == F16)
        for (int64_t i = 0; i < n; i++) {
            uint16_t v = f32_to_f16(from[i]);
            memcpy(to + i, &v, 2);
        }
}

static enum st put_header(struct buf *b, int64_t n, char *const *name, const struct tensor *t,
                          enum dtype type, const char *base)
{
    int64_t at = 0;
    enum st st = buf_printf(b, "{\"__metadata__\":{\"format\":\"pt\"");

    if (st == ST_OK && base)
        st = buf_printf(b, ",\"base\":\"%s\"", base);
    if (st == ST_OK)
        st = buf_printf(b, "}");

    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        enum dtype disk = type_on_disk(&t[i], type);
        int64_t end = at + tensor_n(t[i]) * type_bytes(disk);
        if ((st = buf_printf(b, ",")) != ST_OK ||
            (st = json_put_text(b, view_of(name[i]))) != ST_OK ||
            (st = buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", type_name(disk))) != ST_OK)
            return st;
        for (int j = 0; j < t[i].rank && st == ST_OK; j++)
            st = buf_printf(b, j ? ",%lld" : "%lld", (long long)t[i].d[j]);
        if (st == ST_OK)
            st = buf_printf(b, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)end);
        at = end;
    }
    if (st == ST_OK)
        st = buf_printf(b, "}");
    while (st == ST_OK && b->n % 8)
        st = buf_add(b, " ", 1);
    return st;
}

static enum st put_tensor(struct file *f, const struct tensor *t, struct dev *d, enum dtype type,
                          float *block)
{
    int64_t n = tensor_n(*t);

    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t k = MIN(BLOCK, n - at);
        dev_get_floats(d, t, at, k, block);
        shrink(block, k, type);
        enum st st = file_write(f, block, (size_t)(k * type_bytes(type)));
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum st put_all(struct file *f, int64_t n, char *const *name, const struct tensor *t,
                       struct dev *d, enum dtype type, const char *base, float *block)
{
    struct buf head = { 0 };
    uint8_t len[8];
    enum st st = put_header(&head, n, name, t, type, base);

    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)head.n >> 8 * i);
    if (st == ST_OK)
        st = file_write(f, len, 8);
    if (st == ST_OK)
        st = file_write(f, head.p, head.n);
    buf_free(&head);
    for (int64_t i = 0; i < n && st == ST_OK; i++)
        st = put_tensor(f, &t[i], d, type_on_disk(&t[i], type), block);
    return st;
}

enum st tensors_save(const char *path, int64_t n, char *const *name, const struct tensor *t,
                     struct dev *d, enum dtype type, struct arena *a)
{
    return tensors_save_of(path, n, name, t, d, type, NULL, a);
}

enum st tensors_save_of(const char *path, int64_t n, char *const *name, const struct tensor *t,
                        struct dev *d, enum dtype type, const char *base, struct arena *a)
{
    struct file f;
    size_t mark = arena_mark(a);
    float *block = ARENA_NEW(a, float, BLOCK);
    enum st st;

    if (!block)
        return ST_SYS;
    if ((st = file_new(&f, path, a)) == ST_OK) {
        if ((st = put_all(&f, n, name, t, d, type, base, block)) == ST_OK)
            st = file_commit(&f);
        else
            file_drop(&f);
    }
    arena_back(a, mark);
    return st;
}

static void put_shape(char *to, size_t room, int rank, const int64_t *d)
{
    size_t n = 0;

    to[0] = 0;
    for (int i = 0; i < rank && n < room; i++)
        n += (size_t)snprintf(to + n, room - n, i ? ",%lld" : "%lld", (long long)d[i]);
}

static enum st wrong_shape(const struct safe_tensor *on, const struct tensor *t)
{
    char has[200], want[200];

    put_shape(has, sizeof has, on->rank, on->d);
    put_shape(want, sizeof want, t->rank, t->d);
    return fail(ST_DATA, "tensor '%s' has shape [%s], not [%s]", shown(view_of(on->name)), has,
                want);
}

enum st tensors_check(const struct safe *s, const struct safe_tensor *on, const struct tensor *t)
{
    bool same = on->rank == t->rank;

    for (int i = 0; same && i < on->rank; i++)
        same = on->d[i] == t->d[i];
    err_place("%s", s->path);
    if (!same)
        return wrong_shape(on, t);
    bool number = !strcmp(on->dtype, "F32") || !strcmp(on->dtype, "BF16") ||
                  !strcmp(on->dtype, "F16");
    if (t->type == I32 ? strcmp(on->dtype, "I32") != 0 : !number)
        return fail(ST_DATA, "tensor '%s' is %s; %s can be read", shown(view_of(on->name)),
                    on->dtype, t->type == I32 ? "only I32" : "F32, BF16 and F16");
    return ST_OK;
}

enum st tensors_read(const struct safe *s, const struct safe_tensor *on, const struct tensor *t,
                     struct dev *d, struct arena *a)
{
    size_t mark = arena_mark(a);
    int64_t room = MAX(1, MIN(BLOCK, on->n));
    float *block = ARENA_NEW(a, float, room);
    uint16_t *half = ARENA_NEW(a, uint16_t, room);
    bool bf16 = strcmp(on->dtype, "BF16") == 0, wide = !bf16 && strcmp(on->dtype, "F16") != 0;
    bool as_is = t->type == BF16 && !t->low;
    int64_t size = wide ? 4 : 2;
    enum st st = tensors_check(s, on, t);

    if (!block || !half)
        return ST_SYS;
    BUG_IF(as_is && !bf16);
    for (int64_t at = 0; at < on->n && st == ST_OK; at += room) {
        int64_t k = MIN(room, on->n - at);
        st = safe_read(s, on->begin + at * size, wide ? (void *)block : (void *)half,
                       (size_t)(k * size));
        for (int64_t i = 0; !wide && !as_is && i < k; i++)
            block[i] = bf16 ? bf16_to_f32(half[i]) : f16_to_f32(half[i]);
        if (st == ST_OK && as_is)
            dev_put(d, (uint16_t *)t->p + at, half, (size_t)k * 2);
        else if (st == ST_OK)
            dev_put_floats(d, t, at, k, block);
    }
    arena_back(a, mark);
    return st;
}

enum st tensors_load(const char *path, int64_t n, char *const *name, const struct tensor *t,
                     struct dev *d, struct arena *a)
{
    struct safe s;
    size_t mark = arena_mark(a);
    enum st st = safe_open(&s, path, a);

    if (st != ST_OK)
        return st;
    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        const struct safe_tensor *on = safe_find(&s, name[i]);
        err_place("%s", path);
        st = on ? tensors_read(&s, on, &t[i], d, a)
                : fail(ST_DATA, "tensor '%s' is missing", shown(view_of(name[i])));
    }
    safe_close(&s);
    arena_back(a, mark);
    return st;
}
