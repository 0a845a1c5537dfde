/* Finds the nearest word by edit distance and writes the hint at the end of a message; see spelling.h. */
#include "core/base/spelling.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

enum { LONGEST = 63, LISTED = 12, WORD_LONGEST = 32 };

/* The hint's room: the nearest word (at most LONGEST), the listed ones, and the words around them. */
_Static_assert(64 + LONGEST + LISTED * (WORD_LONGEST + PEAL_TEXT_CUT_EXTRA + 2) <= PEAL_HINT_SIZE, "a hint fits");

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Of ASCII alone, so the same under every locale. */
static int lower(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

/* Optimal string alignment distance, letters compared without case; words longer than LONGEST are far from all. */
static size_t edit_distance(const char *a, const char *b) {
    size_t rows[3][LONGEST + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST) return LONGEST;
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++) above[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            int p = lower(a[i - 1]), q = lower(b[j - 1]);
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + (p != q));
            if (i > 1 && j > 1 && p == lower(b[j - 2]) && q == lower(a[i - 2])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        size_t *spent = before;
        before = above;
        above = row;
        row = spent;
    }
    return above[b_length];
}

/* The same word but for blanks and capital letters. */
static bool is_same(const char *a, const char *b) {
    for (;;) {
        while (*a == ' ') a++;
        while (*b == ' ') b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
        a++;
        b++;
    }
}

const char *peal_nearest_word(const char *typed, const char *const *words, size_t count) {
    const char *nearest = NULL;
    size_t best = strlen(typed) / 3 + 2; /* further than this is another word */
    for (size_t i = 0; i < count; i++) {
        const size_t distance = is_same(typed, words[i]) ? 0 : edit_distance(typed, words[i]);
        if (distance < best) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *peal_did_you_mean(const char *typed, const char *const *words, size_t count, char text[PEAL_HINT_SIZE]) {
    const char *nearest = peal_nearest_word(typed, words, count);
    const size_t shown = least(count, LISTED);
    char cut[WORD_LONGEST + PEAL_TEXT_CUT_EXTRA];
    int used = 0;
    text[0] = '\0';
    if (nearest) used = snprintf(text, PEAL_HINT_SIZE, " (did you mean '%s'?)", nearest);
    for (size_t i = 0; i < shown; i++) {
        used += snprintf(text + used, PEAL_HINT_SIZE - (size_t)used, "%s%s", i == 0 ? "; there are: " : ", ",
                         peal_text_cut(words[i], WORD_LONGEST, cut));
    }
    if (count > shown) snprintf(text + used, PEAL_HINT_SIZE - (size_t)used, " and %zu more", count - shown);
    return text;
}
