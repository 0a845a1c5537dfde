/* Escapes, cuts and quotes bytes from outside; see text.h. */
#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/utf8.h"

static bool is_control(const unsigned char *at, size_t left) {
    return *at < 0x20 || *at == 0x7F || (*at == 0xC2 && left > 1 && at[1] >= 0x80 && at[1] <= 0x9F);
}

/* Writes bytes that are not UTF-8 as \xHH, with `controls` control characters too, and with `backslashes` \ as \\. */
static char *escape(const char *bytes, size_t size, bool controls, bool backslashes) {
    char *text = size < SIZE_MAX / 4 ? malloc(4 * size + 1) : NULL;
    if (!text) return NULL;
    char *out = text;
    for (size_t at = 0; at < size;) {
        const size_t well_formed = at + peal_utf8_error(bytes + at, size - at);
        for (; at < well_formed; at++) {
            const unsigned char *c = (const unsigned char *)bytes + at;
            if (controls && is_control(c, size - at)) {
                out += sprintf(out, "\\x%02x", *c);
                if (*c == 0xC2) out += sprintf(out, "\\x%02x", (unsigned char)bytes[++at]);
            } else {
                if (backslashes && *c == '\\') *out++ = '\\';
                *out++ = (char)*c;
            }
        }
        if (at < size) out += sprintf(out, "\\x%02x", (unsigned char)bytes[at++]);
    }
    *out = '\0';
    return text;
}

char *peal_text_printable(const char *bytes, size_t size) {
    return escape(bytes, size, true, false);
}

char *peal_text_of_path(const char *path) {
    return escape(path, strlen(path), false, true);
}

const char *peal_text_cut(const char *text, size_t most, char *out) {
    size_t length = strnlen(text, most + 1);
    const bool whole = length <= most;
    if (!whole) length = most;
    while (!whole && length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
    memcpy(out, text, length);
    strcpy(out + length, whole ? "" : "...");
    return out;
}

char *peal_text_shell_word(const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    const size_t length = strlen(word);
    if (length && strspn(word, plain) == length) return peal_strdup(word);
    char *text = length < SIZE_MAX / 4 ? malloc(4 * length + 3) : NULL;
    if (!text) return NULL;
    char *out = text;
    *out++ = '\'';
    for (const char *at = word; *at; at++) {
        /* A quote cannot stand between single quotes: they end, an escaped one follows, they begin again. */
        if (*at == '\'') out += sprintf(out, "'\\'");
        *out++ = *at;
    }
    *out++ = '\'';
    *out = '\0';
    return text;
}
