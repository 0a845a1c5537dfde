/* Folds texts that differ in how they are written only; see fold.h. */
#include "etl/transform/fold.h"

#include <utf8proc.h>

#include "etl/format/cell.h"

enum { NO_BREAK = 0xA0, LETTERS_LEAST = 3 };

/* What the letters of a text are like, in the order in which they come. */
typedef struct habit {
    uint32_t letters, small, capital;
    bool in_word;     /* a letter came last */
    bool is_shuffled; /* a capital stands within a word that has small ones, or a small one behind such a capital */
    bool word_small;  /* the word that one is in has small letters */
} habit;

static bool is_blank(utf8proc_int32_t point) {
    return point == ' ' || (point >= '\t' && point <= '\r') || point == NO_BREAK;
}

static void see_letter(habit *self, utf8proc_int32_t point) {
    const bool is_small = utf8proc_toupper(point) != point, is_capital = utf8proc_tolower(point) != point;
    if (!is_small && !is_capital) {
        /* Apostrophes stand within words: don't, O'NEIL. */
        if (point != '\'') self->in_word = false;
        return;
    }
    if (!self->in_word) self->word_small = false;
    self->is_shuffled = self->is_shuffled || (self->in_word && is_capital && self->word_small);
    self->word_small = self->word_small || is_small;
    self->letters++;
    self->small += is_small;
    self->capital += is_capital;
    self->in_word = true;
}

/* ---- one point after the other ---- */

typedef struct walk {
    const utf8proc_uint8_t *at;
    utf8proc_ssize_t left;
} walk;

/* The next point; -1: the text ends, -2: it is no UTF-8. */
static utf8proc_int32_t next_point(walk *text) {
    utf8proc_int32_t point;
    if (text->left == 0) return -1;
    if (*text->at < 0x80) {
        text->left--;
        return *text->at++;
    }
    const utf8proc_ssize_t size = utf8proc_iterate(text->at, text->left, &point);
    if (size <= 0) return -2;
    text->at += size;
    text->left -= size;
    return point;
}

static bool is_habit(peal_text text, bool short_too) {
    static const char *const short_words[] = {"y", "n", "t", "f", "m", "no"};
    walk rest = {(const utf8proc_uint8_t *)text.data, text.length};
    habit found = {0};
    if (peal_cell_is_one_of(text.data, text.length, short_words, sizeof short_words / sizeof *short_words)) {
        return short_too;
    }
    for (utf8proc_int32_t point; (point = next_point(&rest)) >= 0;) see_letter(&found, point);
    return found.letters >= LETTERS_LEAST && !found.is_shuffled;
}

/* Without blanks at its ends and doubled ones; 0: there is nothing else, or too much. */
static uint32_t without_blanks(peal_text text, char out[PEAL_FOLD_SIZE]) {
    walk rest = {(const utf8proc_uint8_t *)text.data, text.length};
    uint32_t used = 0;
    bool is_parted = false;
    for (utf8proc_int32_t point; (point = next_point(&rest)) != -1;) {
        if (point == -2 || used + 5 > PEAL_FOLD_SIZE) return 0;
        if (is_blank(point)) {
            is_parted = used > 0;
            continue;
        }
        if (is_parted) out[used++] = ' ';
        is_parted = false;
        used += (uint32_t)utf8proc_encode_char(point, (utf8proc_uint8_t *)out + used);
    }
    return used;
}

uint32_t peal_fold_text(peal_text text, bool short_too, char out[PEAL_FOLD_SIZE]) {
    char plain[PEAL_FOLD_SIZE];
    const uint32_t length = without_blanks(text, plain);
    const bool lower = is_habit((peal_text){plain, length}, short_too);
    walk rest = {(const utf8proc_uint8_t *)plain, length};
    uint32_t used = 0;
    for (utf8proc_int32_t point; (point = next_point(&rest)) >= 0;) {
        /* A small letter may take a byte more than the capital one. */
        if (used + 4 > PEAL_FOLD_SIZE) return 0;
        used += (uint32_t)utf8proc_encode_char(lower ? utf8proc_tolower(point) : point, (utf8proc_uint8_t *)out + used);
    }
    return used;
}
