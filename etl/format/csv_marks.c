/* Where records and fields end. A block without quotes, the common case, is scanned 64 bytes at a time. */
#include <string.h>

#include "etl/format/csv.h"

#if defined(__SSE2__)
#include <emmintrin.h>

static inline uint64_t equal_mask(const char *text, __m128i wanted) {
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + 16 * i));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << (16 * i);
    }
    return mask;
}

static size_t marks_without_quotes(const char *text, size_t size, char delimiter, uint32_t *marks) {
    const __m128i separator = _mm_set1_epi8(delimiter), newline = _mm_set1_epi8('\n');
    size_t count = 0;
    for (size_t at = 0; at < size; at += 64) {
        uint64_t mask = equal_mask(text + at, separator) | equal_mask(text + at, newline);
        if (size - at < 64) mask &= (UINT64_C(1) << (size - at)) - 1;
        for (; mask; mask &= mask - 1) marks[count++] = (uint32_t)(at + (size_t)__builtin_ctzll(mask));
    }
    return count;
}
#else
static size_t marks_without_quotes(const char *text, size_t size, char delimiter, uint32_t *marks) {
    size_t count = 0;
    for (size_t at = 0; at < size; at++) {
        if (text[at] == delimiter || text[at] == '\n') marks[count++] = (uint32_t)at;
    }
    return count;
}
#endif

static size_t marks_with_quotes(const char *text, size_t size, char delimiter, bool trim, uint32_t *marks,
                                size_t *open_quote) {
    size_t count = 0;
    bool at_field_begin = true;
    for (size_t at = 0; at < size; at++) {
        char c = text[at];
        if (c == delimiter || c == '\n') {
            marks[count++] = (uint32_t)at;
            at_field_begin = true;
        } else if (c == '"' && at_field_begin) {
            size_t begin = at++;
            for (; at < size; at++) {
                if (text[at] != '"') continue;
                if (at + 1 < size && text[at + 1] == '"') {
                    at++;
                } else {
                    break;
                }
            }
            if (at >= size) *open_quote = begin;
            at_field_begin = false;
        } else if (!(trim && (c == ' ' || c == '\t'))) {
            at_field_begin = false;
        }
    }
    return count;
}

size_t format__csv_marks(const char *text, size_t size, char delimiter, bool trim, uint32_t *marks,
                         size_t *open_quote) {
    *open_quote = SIZE_MAX;
    if (!memchr(text, '"', size)) return marks_without_quotes(text, size, delimiter, marks);
    return marks_with_quotes(text, size, delimiter, trim, marks, open_quote);
}

uint64_t format__count_newlines(const char *text, size_t size) {
    uint64_t count = 0;
    while (size > 0) {
        size_t chunk = size < 4096 ? size : 4096;
        unsigned lines = 0;
        for (size_t i = 0; i < chunk; i++) lines += text[i] == '\n';
        count += lines;
        text += chunk;
        size -= chunk;
    }
    return count;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

csv_field format__csv_field(char *begin, char *end, bool trim) {
    if (trim) {
        while (begin < end && is_blank(*begin)) begin++;
        while (end > begin && is_blank(end[-1])) end--;
    }
    if (end - begin < 2 || *begin != '"' || end[-1] != '"') {
        return (csv_field){.text = begin, .length = (size_t)(end - begin)};
    }
    begin++;
    end--;
    char *out = memchr(begin, '"', (size_t)(end - begin));
    if (!out) return (csv_field){.text = begin, .length = (size_t)(end - begin), .quoted = true};
    for (char *in = out; in < end; in++) {
        *out++ = *in;
        if (*in == '"' && in + 1 < end && in[1] == '"') in++;
    }
    return (csv_field){.text = begin, .length = (size_t)(out - begin), .quoted = true};
}

size_t format__byte_order_mark(const char *text, size_t size) {
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}
