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

/* What a text between quotes holds, besides plain ASCII. */
enum { JSONL_ESCAPED = 1, JSONL_HIGH = 2 };

/* The first byte from `at` on that is a quote, a backslash or a control character; *holds gets JSONL_HIGH if a byte
 * before it is not ASCII. */
#if defined(__SSE2__)
static inline const char *jsonl__behind_plain(const char *at, unsigned *holds) {
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    for (;; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const __m128i stops = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                                           _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control));
        const unsigned stop = (unsigned)_mm_movemask_epi8(stops), high = (unsigned)_mm_movemask_epi8(bytes);
        if (stop) {
            const unsigned before = (stop & (0U - stop)) - 1; /* the bits below the first one */
            if (high & before) *holds |= JSONL_HIGH;
            return at + __builtin_ctz(stop);
        }
        if (high) *holds |= JSONL_HIGH;
    }
}
#else
static inline const char *jsonl__behind_plain(const char *at, unsigned *holds) {
    for (; *at != '"' && *at != '\\' && (unsigned char)*at > 0x1F; at++) {
        if (*at & 0x80) *holds |= JSONL_HIGH;
    }
    return at;
}
#endif

/* The end of the text that begins at `at`, behind the opening quote: its closing quote, or what it cannot hold. */
static inline const char *jsonl__string_end(const char *at, unsigned *holds) {
    for (;;) {
        at = jsonl__behind_plain(at, holds);
        if (*at != '\\') return at;
        *holds |= JSONL_ESCAPED;
        if ((unsigned char)at[1] <= 0x1F) return at; /* cut off */
        at += 2;
    }
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
