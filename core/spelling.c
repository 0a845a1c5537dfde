#include "core/spelling.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 63 };

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

const char *peal_nearest_word(const char *typed, const char *const *words, size_t count) {
    const char *nearest = NULL;
    size_t best = strlen(typed) / 3 + 2; /* further than this is another word */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(typed, words[i]);
        if (distance < best) {
            best = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *peal_did_you_mean(const char *typed, const char *const *words, size_t count, char text[160]) {
    const char *nearest = peal_nearest_word(typed, words, count);
    text[0] = '\0';
    if (nearest) snprintf(text, 160, " (did you mean '%s'?)", nearest);
    return text;
}
