/* Bytes that came from outside (file names, column names, values) as text that is safe to show, to paste and to keep in
 * JSON. Inside Peal they stay the bytes that they are. */
#ifndef PEAL_CORE_TEXT_H
#define PEAL_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* `bytes` for a terminal, a log line or a message: what is not UTF-8, and every control character (also U+0080 to
 * U+009F and the line breaks), is written as \xHH, so nothing moves a cursor or begins a line. Freed by the caller;
 * NULL if there is no memory. */
char *peal_text_printable(const char *bytes, size_t size);

/* A file name as a JSON text: the name itself, with \xHH for bytes that are not UTF-8 and \\ for a backslash, so that
 * two names are equal if their texts are. Freed by the caller; NULL if there is no memory. */
char *peal_text_of_path(const char *path);

/* The beginning of `text`, at most `most` bytes and no part of a character, with "..." behind it if something was left
 * out. `out` has room for `most` + PEAL_TEXT_CUT_EXTRA bytes. Returns `out`. */
enum { PEAL_TEXT_CUT_EXTRA = 4 };
const char *peal_text_cut(const char *text, size_t most, char *out);

/* The value of a hexadecimal digit in letters of either size; -1: it is none. */
static inline int peal_hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* `word` as one word of any POSIX shell: as it is where no character is special, else in single quotes. Freed by the
 * caller; NULL if there is no memory. */
char *peal_text_shell_word(const char *word);

#endif
