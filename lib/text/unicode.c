/* unicode.c - classes over utf8proc, held to the Unicode versions the tokenizers library uses. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "text/unicode.h"

/* Letters and numbers that Unicode 15.1 and 16 added, for utf8proc of an earlier version. */
static const struct unicode_range new_letters[] = {
    { 0x1c89, 0x1c8a },   { 0xa7cb, 0xa7cd },   { 0xa7da, 0xa7dc },   { 0x105c0, 0x105f3 },
    { 0x10d4a, 0x10d65 }, { 0x10d6f, 0x10d85 }, { 0x10ec2, 0x10ec4 }, { 0x11380, 0x11389 },
    { 0x1138b, 0x1138b }, { 0x1138e, 0x1138e }, { 0x11390, 0x113b5 }, { 0x113b7, 0x113b7 },
    { 0x113d1, 0x113d1 }, { 0x113d3, 0x113d3 }, { 0x11bc0, 0x11be0 }, { 0x13460, 0x143fa },
    { 0x16100, 0x1611d }, { 0x16d40, 0x16d6c }, { 0x18cff, 0x18cff }, { 0x1e5d0, 0x1e5ed },
    { 0x1e5f0, 0x1e5f0 }, { 0x2ebf0, 0x2ee5d },
};
static const struct unicode_range new_numbers[] = {
    { 0x10d40, 0x10d49 }, { 0x116d0, 0x116e3 }, { 0x11bf0, 0x11bf9 }, { 0x16130, 0x16139 },
    { 0x16d70, 0x16d79 }, { 0x1ccf0, 0x1ccf9 }, { 0x1e5f1, 0x1e5fa },
};

/* Of \w, but neither letter, mark, number nor connector, or only since Unicode 15.1. */
static const struct unicode_range more_words[] = {
    { 0x897, 0x897 },     { 0x200c, 0x200d },   { 0x24b6, 0x24e9 },   { 0x10d40, 0x10d49 },
    { 0x10d69, 0x10d6d }, { 0x10efc, 0x10efc }, { 0x113b8, 0x113c0 }, { 0x113c2, 0x113c2 },
    { 0x113c5, 0x113c5 }, { 0x113c7, 0x113ca }, { 0x113cc, 0x113d0 }, { 0x113d2, 0x113d2 },
    { 0x113e1, 0x113e2 }, { 0x116d0, 0x116e3 }, { 0x11bf0, 0x11bf9 }, { 0x11f5a, 0x11f5a },
    { 0x1611e, 0x16139 }, { 0x16d70, 0x16d79 }, { 0x1ccf0, 0x1ccf9 }, { 0x1e5ee, 0x1e5ef },
    { 0x1e5f1, 0x1e5fa }, { 0x1f130, 0x1f149 }, { 0x1f150, 0x1f169 }, { 0x1f170, 0x1f189 },
};
/* Numbers of Unicode 17. */
static const struct unicode_range newer_numbers[] = {
    { 0x11de0, 0x11de9 }, { 0x16ff4, 0x16ff6 },
};
/* Punctuation younger than Unicode 8, and what is none in between. */
static const struct unicode_range young_punctuation[] = {
    { 0x61d, 0x61d },     { 0x9fd, 0xa76 },     { 0xc77, 0xc84 },     { 0x1b7d, 0x1b7e },
    { 0x2e43, 0x2e5d },   { 0x10ead, 0x10f89 }, { 0x1144b, 0x1145d }, { 0x11660, 0x116b9 },
    { 0x1183b, 0x1183b }, { 0x11944, 0x11b09 }, { 0x11c41, 0x11c71 }, { 0x11ef7, 0x11fff },
    { 0x12ff1, 0x12ff2 }, { 0x16e97, 0x16e9a }, { 0x16fe2, 0x16fe2 }, { 0x1e95e, 0x1e95f },
};
/* What was punctuation in Unicode 8. */
static const struct unicode_range old_punctuation[] = {
    { 0x166d, 0x166d },   { 0x111c9, 0x111c9 },
};
/* Marks younger than Unicode 9, and what is none in between. */
static const struct unicode_range young_marks[] = {
    { 0x7fd, 0x7fd },     { 0x897, 0x8d3 },     { 0x9fe, 0x9fe },     { 0xafa, 0xaff },
    { 0xb55, 0xb55 },     { 0xc04, 0xc3c },     { 0xcf3, 0xd00 },     { 0xd3b, 0xd3c },
    { 0xd81, 0xd81 },     { 0xeba, 0xeba },     { 0xece, 0xece },     { 0x1715, 0x1715 },
    { 0x180f, 0x180f },   { 0x1abf, 0x1aff },   { 0x1cf7, 0x1cf7 },   { 0x1df6, 0x1dfa },
    { 0xa82c, 0xa82c },   { 0xa8ff, 0xa8ff },   { 0x10d24, 0x10d6d }, { 0x10eab, 0x10f85 },
    { 0x11070, 0x11074 }, { 0x110c2, 0x110c2 }, { 0x11145, 0x11146 }, { 0x111c9, 0x111c9 },
    { 0x111ce, 0x111cf }, { 0x11241, 0x11241 }, { 0x1133b, 0x1133b }, { 0x113b8, 0x113ff },
    { 0x1145e, 0x1145e }, { 0x1182c, 0x1183a }, { 0x11930, 0x11b67 }, { 0x11d31, 0x11d97 },
    { 0x11ef3, 0x11f5a }, { 0x13440, 0x13455 }, { 0x1611e, 0x1612f }, { 0x16f4f, 0x16f4f },
    { 0x16f7f, 0x16f87 }, { 0x16fe4, 0x16ff1 }, { 0x1cf00, 0x1cf46 }, { 0x1e08f, 0x1e136 },
    { 0x1e2ae, 0x1e2ef }, { 0x1e4ec, 0x1e4ef }, { 0x1e5ee, 0x1e5ef }, { 0x1e6e3, 0x1e6f5 },
};
/* What was a mark in Unicode 9. */
static const struct unicode_range old_marks[] = {
    { 0x1cf2, 0x1cf3 },
};
/* Capitals that Unicode 16 and 17 added. */
static const struct { int32_t first, last, lower; } new_capitals[] = {
    { 0x1c89, 0x1c89, 0x1c8a }, { 0xa7cb, 0xa7cb, 0x264 }, { 0xa7cc, 0xa7cc, 0xa7cd },
    { 0xa7ce, 0xa7ce, 0xa7cf }, { 0xa7d2, 0xa7d2, 0xa7d3 }, { 0xa7d4, 0xa7d4, 0xa7d5 },
    { 0xa7da, 0xa7da, 0xa7db }, { 0xa7dc, 0xa7dc, 0x19b }, { 0x10d50, 0x10d65, 0x10d70 },
    { 0x16ea0, 0x16eb8, 0x16ebb },
};

const char *unicode_library(void)
{
    static char text[40];

    snprintf(text, sizeof text, "utf8proc %s", utf8proc_version());
    return text;
}

bool unicode_within(const struct unicode_range *v, int64_t n, int32_t c)
{
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (c > v[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && c >= v[low].first;
}

int32_t unicode_at(const char *p, size_t n, int *len)
{
    const unsigned char *s = (const unsigned char *)p;

    switch (*len = utf8_len(p, n)) {
    case 1:  return s[0];
    case 2:  return (s[0] & 0x1f) << 6 | (s[1] & 0x3f);
    case 3:  return (s[0] & 0x0f) << 12 | (s[1] & 0x3f) << 6 | (s[2] & 0x3f);
    case 4:  return (s[0] & 0x07) << 18 | (s[1] & 0x3f) << 12 | (s[2] & 0x3f) << 6 | (s[3] & 0x3f);
    default: *len = 1; return -1;
    }
}

static bool is_space(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

enum uni unicode_class(int32_t c)
{
    if (c < 0)
        return UNI_OTHER;
    if (is_space(c))
        return UNI_SPACE;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_LO:
        return UNI_LETTER;
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO:
        return UNI_NUMBER;
    case UTF8PROC_CATEGORY_CN:
        return UNICODE_WITHIN(new_letters, c) ? UNI_LETTER
             : UNICODE_WITHIN(new_numbers, c) ? UNI_NUMBER : UNI_OTHER;
    default:
        return UNI_OTHER;
    }
}

bool unicode_word(int32_t c)
{
    if (c < 0)
        return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return unicode_class(c) == UNI_LETTER || UNICODE_WITHIN(more_words, c);
    }
}

bool unicode_number(int32_t c)
{
    return unicode_class(c) == UNI_NUMBER || UNICODE_WITHIN(newer_numbers, c);
}

bool unicode_punctuation(int32_t c)
{
    if (c < 0x80)
        return c > ' ' && c < 0x7f && unicode_class(c) == UNI_OTHER;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_PC: case UTF8PROC_CATEGORY_PD: case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE: case UTF8PROC_CATEGORY_PI: case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return !UNICODE_WITHIN(young_punctuation, c);
    default:
        return UNICODE_WITHIN(old_punctuation, c);
    }
}

bool unicode_mark(int32_t c)
{
    if (c < 0x300)
        return false;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
        return !UNICODE_WITHIN(young_marks, c);
    default:
        return UNICODE_WITHIN(old_marks, c);
    }
}

int unicode_lower(int32_t c, int32_t out[3])
{
    out[0] = c;
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    } else if (c == 0x130) {                   /* the one that becomes two */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    } else {
        out[0] = utf8proc_tolower(c);
        for (int i = 0; out[0] == c && i < countof(new_capitals); i++)
            if (c >= new_capitals[i].first && c <= new_capitals[i].last)
                out[0] = new_capitals[i].lower + (c - new_capitals[i].first);
    }
    return 1;
}

static bool is_blank(int32_t c)
{
    return is_space(c) || (c >= 0x1c && c <= 0x1f);
}

struct view unicode_trim(struct view s)
{
    int len;

    while (s.n && is_blank(unicode_at(s.p, s.n, &len)))
        s.p += len, s.n -= (size_t)len;
    while (s.n) {
        size_t at = s.n - 1;
        while (at > 0 && s.n - at < 4 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at--;
        if (!is_blank(unicode_at(s.p + at, s.n - at, &len)) || at + (size_t)len != s.n)
            break;
        s.n = at;
    }
    return s;
}
