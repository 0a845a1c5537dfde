/* Encodings of pages; see charset.h. By iconv of the C library. */
#include "etl/source/pages/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/base/utf8.h"

enum { PRESCAN = 1024, NAME_MOST = 40, PIECE = 1 << 16 };

/* What pages mean by a name where it is not what iconv means by it. All others iconv knows as they are written. */
static const struct label {
    const char *name, *meant;
} labels[] = {
    {"latin1", "windows-1252"},
    {"l1", "windows-1252"},
    {"ascii", "windows-1252"},
    {"us-ascii", "windows-1252"},
    {"iso-8859-1", "windows-1252"},
    {"iso8859-1", "windows-1252"},
    {"iso_8859-1", "windows-1252"},
    {"x-cp1252", "windows-1252"},
    {"iso-8859-9", "windows-1254"},
    {"latin5", "windows-1254"},
    {"iso-8859-11", "windows-874"},
    {"tis-620", "windows-874"},
    {"gb2312", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"shift_jis", "cp932"},
    {"shift-jis", "cp932"},
    {"sjis", "cp932"},
    {"x-sjis", "cp932"},
    {"windows-31j", "cp932"},
    {"euc-kr", "cp949"},
    {"ks_c_5601-1987", "cp949"},
    {"korean", "cp949"},
    {"big5", "big5-hkscs"},
    {"x-euc-jp", "euc-jp"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"utf8", "utf-8"},
    {"unicode-1-1-utf-8", "utf-8"},
    {"x-mac-roman", "macintosh"},
    {"windows-874", "cp874"},
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* The place of `word`, in small letters, in any letters; NULL if it is not there. */
static const char *find(const char *at, const char *end, const char *word) {
    const size_t length = strlen(word);
    for (; (size_t)(end - at) >= length; at++) {
        if (lower(*at) == *word && strncasecmp(at, word, length) == 0) return at;
    }
    return NULL;
}

size_t pages__charset_of(const char *text, size_t length, const char **begin) {
    const char *const end = text + length;
    for (const char *at = text; (at = find(at, end, "charset"));) {
        at += strlen("charset");
        while (at < end && is_blank(*at)) at++;
        if (at == end || *at != '=') continue;
        at++;
        while (at < end && is_blank(*at)) at++;
        const char mark = at < end && (*at == '"' || *at == '\'') ? *at++ : '\0';
        *begin = at;
        while (at < end && (mark ? *at != mark : !is_blank(*at) && !strchr(";\"'>/", *at))) at++;
        if (at > *begin) return (size_t)(at - *begin);
    }
    return 0;
}

/* A <meta> that names a charset, in its own attribute or in the content of http-equiv. */
static size_t prescan(const char *text, size_t size, const char **begin) {
    const char *end = text + (size < PRESCAN ? size : PRESCAN);
    for (const char *at = text; (at = find(at, end, "<"));) {
        if (find(at, end, "<!--") == at) {
            const char *stop = find(at, end, "-->");
            if (!stop) return 0;
            at = stop + 3;
            continue;
        }
        const char *close = memchr(at, '>', (size_t)(end - at));
        if (!close) return 0;
        if (close - at > 6 && find(at, at + 5, "<meta") == at && (is_blank(at[5]) || at[5] == '/')) {
            const size_t length = pages__charset_of(at, (size_t)(close - at), begin);
            if (length) return length;
        }
        at = close;
    }
    return 0;
}

/* A converter from what pages mean by a name; (iconv_t)-1: nobody knows it. */
static iconv_t open_named(const char *name, size_t length) {
    char text[NAME_MOST];
    while (length > 0 && is_blank(name[length - 1])) length--;
    if (length == 0 || length >= sizeof text) return (iconv_t)-1;
    for (size_t i = 0; i < length; i++) {
        text[i] = lower(name[i]);
        /* a slash is no letter of a name: iconv would take what follows for an order */
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '/') return (iconv_t)-1;
    }
    text[length] = '\0';
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strcmp(text, labels[i].name) == 0) return iconv_open("UTF-8", labels[i].meant);
    }
    return iconv_open("UTF-8", text);
}

static peal_status put_unknown(peal_buffer *out, peal_error *err) {
    return peal_buffer_append(out, "\xef\xbf\xbd", 3, err);
}

/* UTF-8 with what is none replaced, byte by byte. */
static peal_status keep_utf8(const char *text, size_t size, peal_buffer *out, peal_error *err) {
    while (size > 0) {
        const size_t right = peal_utf8_error(text, size);
        PEAL_TRY(peal_buffer_append(out, text, right, err));
        if (right == size) break;
        PEAL_TRY(put_unknown(out, err));
        text += right + 1;
        size -= right + 1;
    }
    return PEAL_OK;
}

static peal_status convert(iconv_t state, const uint8_t *bytes, size_t size, peal_buffer *out, peal_error *err) {
    char *from = (char *)bytes;
    while (size > 0) {
        PEAL_TRY(peal_buffer_reserve(out, PIECE, err));
        char *to = (char *)out->data + out->size;
        size_t left = PIECE;
        const size_t result = iconv(state, &from, &size, &to, &left);
        const int problem = result == (size_t)-1 ? errno : 0;
        out->size += PIECE - left;
        if (problem == 0 || problem == E2BIG) continue;
        PEAL_TRY(put_unknown(out, err));
        if (problem == EINVAL) break; /* it ends within a character */
        from++;
        size--;
    }
    return PEAL_OK;
}

static peal_status convert_named(const char *name, size_t length, const uint8_t *bytes, size_t size, peal_buffer *out,
                                 bool *known, peal_error *err) {
    iconv_t state = open_named(name, length);
    *known = state != (iconv_t)-1;
    if (!*known) return PEAL_OK;
    const peal_status status = convert(state, bytes, size, out, err);
    iconv_close(state);
    return status;
}

peal_status pages__to_utf8(const uint8_t *bytes, size_t size, const char *named, peal_buffer *out, peal_error *err) {
    const char *text = (const char *)bytes, *name = NULL;
    bool known = false;
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) return keep_utf8(text + 3, size - 3, out, err);
    if (size >= 2 && memcmp(bytes, "\xff\xfe", 2) == 0)
        return convert_named("utf-16le", 8, bytes + 2, size - 2, out, &known, err);
    if (size >= 2 && memcmp(bytes, "\xfe\xff", 2) == 0)
        return convert_named("utf-16be", 8, bytes + 2, size - 2, out, &known, err);
    if (named) PEAL_TRY(convert_named(named, strlen(named), bytes, size, out, &known, err));
    if (known) return PEAL_OK;
    const size_t length = size ? prescan(text, size, &name) : 0;
    /* a page whose <meta> could be read is not in UTF-16, whatever it says */
    if (length >= 6 && strncasecmp(name, "utf-16", 6) == 0) return keep_utf8(text, size, out, err);
    if (length) PEAL_TRY(convert_named(name, length, bytes, size, out, &known, err));
    if (known) return PEAL_OK;
    if (peal_utf8_error(text, size) == size) return keep_utf8(text, size, out, err);
    return convert_named("windows-1252", 12, bytes, size, out, &known, err);
}
