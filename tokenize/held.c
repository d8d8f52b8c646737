/* held.c - the place of a prompt in [0, 1): XXH3 of its normal form, with a key that never
 * changes. */
#include <xxhash.h>

#include "held.h"
#include "text/unicode.h"

#define HELD_SEED 0x706c616974ull              /* "plait": part of what a split means */

enum st held_place(struct held *h, struct view key, double *place)
{
    struct view s;
    bool space = false;
    enum st st = form_text(&h->form, FORM_NFC, key, &s);

    h->text.n = 0;
    if (st != ST_OK || (st = buf_room(&h->text, s.n + 1)) != ST_OK)
        return st;
    for (size_t i = 0; i < s.n;) {
        int len;
        if (unicode_class(unicode_at(s.p + i, s.n - i, &len)) == UNI_SPACE) {
            space = h->text.n > 0;
        } else {
            if (space)
                h->text.p[h->text.n++] = ' ';
            memcpy(h->text.p + h->text.n, s.p + i, (size_t)len);
            h->text.n += (size_t)len;
            space = false;
        }
        i += (size_t)len;
    }
    uint64_t hash = XXH3_64bits_withSeed(h->text.p, h->text.n, HELD_SEED);
    *place = (double)(hash >> 11) * 0x1p-53;
    return ST_OK;
}

void held_free(struct held *h)
{
    forming_free(&h->form);
    buf_free(&h->text);
}
