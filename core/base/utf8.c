/* Checks UTF-8 sequence by sequence; see utf8.h. */
#include "core/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the sequence that begins at `at`, or 0 if it is ill-formed. */
static size_t sequence(const uint8_t *at, size_t left) {
    uint8_t first = at[0], least = 0x80, most = 0xBF;
    size_t size;
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) {
        size = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        size = 3;
        if (first == 0xE0) least = 0xA0; /* no longer than needed */
        if (first == 0xED) most = 0x9F;  /* no surrogates */
    } else if (first >= 0xF0 && first <= 0xF4) {
        size = 4;
        if (first == 0xF0) least = 0x90;
        if (first == 0xF4) most = 0x8F; /* up to U+10FFFF */
    } else {
        return 0;
    }
    if (size > left || at[1] < least || at[1] > most) return 0;
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80) return 0;
    }
    return size;
}

size_t peal_utf8_error(const char *text, size_t length) {
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;
    while (at < length) {
        uint64_t word;
        if (length - at >= sizeof word) {
            memcpy(&word, bytes + at, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                at += sizeof word;
                continue;
            }
        }
        size_t size = sequence(bytes + at, length - at);
        if (size == 0) return at;
        at += size;
    }
    return length;
}
