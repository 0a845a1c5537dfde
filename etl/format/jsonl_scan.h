/* The tokens of JSON: where blanks, texts and numbers end. Every loop ends at a byte that its token cannot hold, and a
 * text has PEAL_BLOCK_PADDING bytes of zero behind it, so nothing here asks where the text ends. Private to JSON Lines.
 * Source: RFC 8259. */
#ifndef PEAL_ETL_FORMAT_JSONL_SCAN_H
#define PEAL_ETL_FORMAT_JSONL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Behind the blanks. A newline is one within an array; in JSON Lines it ends the record. */
static inline const char *jsonl__behind_blanks(const char *at, bool newline_is_blank) {
    while ((unsigned char)*at <= ' ') {
        if (*at != ' ' && *at != '\t' && *at != '\r' && !(*at == '\n' && newline_is_blank)) break;
        at++;
    }
    return at;
}

/* The first byte from `at` on that is a quote, a backslash or a control character. *high becomes true if a byte before
 * it is not ASCII. */
#if defined(__SSE2__)
static inline const char *jsonl__behind_plain(const char *at, bool *high) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    for (;; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const __m128i stops = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                                           _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control));
        const unsigned stop = (unsigned)_mm_movemask_epi8(stops), beyond = (unsigned)_mm_movemask_epi8(bytes);
        if (stop) {
            const unsigned before = (stop & (0U - stop)) - 1; /* the bits below the first one */
            *high = *high || (beyond & before);
            return at + __builtin_ctz(stop);
        }
        *high = *high || beyond;
    }
}
#else
static inline const char *jsonl__behind_plain(const char *at, bool *high) {
    for (; *at != '"' && *at != '\\' && (unsigned char)*at > 0x1F; at++) *high = *high || (*at & 0x80);
    return at;
}
#endif

/* A text between its quotes, as it stands there. */
typedef struct jsonl__string {
    const char *end; /* of the text: its closing quote, if it is whole */
    bool whole, escaped, high;
} jsonl__string;

/* The text that begins at `at`, behind the opening quote. */
static inline jsonl__string jsonl__string_at(const char *at) {
    jsonl__string out = {.end = at};
    for (;;) {
        out.end = jsonl__behind_plain(out.end, &out.high);
        if (*out.end != '\\') break;
        out.escaped = true;
        if ((unsigned char)out.end[1] <= 0x1F) break; /* cut off */
        out.end += 2;
    }
    out.whole = *out.end == '"';
    return out;
}

static inline bool jsonl__is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Behind the digits; NULL if there is none at `at`. */
static inline const char *jsonl__behind_digits(const char *at) {
    if (!jsonl__is_digit(*at)) return NULL;
    while (jsonl__is_digit(*at)) at++;
    return at;
}

/* Behind the number that begins at `at` with a digit or a minus sign. NULL if it is none, and *fault is where a digit
 * was expected. */
static inline const char *jsonl__behind_number(const char *at, const char **fault) {
    if (*at == '-') at++;
    *fault = at;
    const char *end = *at == '0' ? at + 1 : jsonl__behind_digits(at);
    if (end && *end == '.') {
        *fault = end + 1;
        end = jsonl__behind_digits(end + 1);
    }
    if (end && (*end == 'e' || *end == 'E')) {
        end += end[1] == '+' || end[1] == '-' ? 2 : 1;
        *fault = end;
        end = jsonl__behind_digits(end);
    }
    return end;
}

#endif
