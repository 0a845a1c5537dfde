/* Spellings: each line is a text of one column. If all are numbers in one way, that way reads each of them; and any
 * spelling reads any text in exactly its own bytes. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/spelling.h"
#include "tests/fuzz/fuzz.h"

/* The text in memory of its own, without a byte behind. */
static char *copy(const uint8_t *begin, size_t size) {
    char *text = malloc(size + !size);
    if (!text) abort();
    if (size) memcpy(text, begin, size);
    return text;
}

/* Any spelling that an option could name. */
static void read_any(const char *text, size_t size) {
    static const char marks[] = {0, '.', ',', ' ', '\''};
    double number;
    for (unsigned i = 0; i < 200; i++) {
        peal_spelling one = {.decimal = marks[i % 5], .thousands = marks[i / 5 % 5], .loose = i / 25 % 2};
        one.marked = i >= 100;
        if (i % 100 >= 50) {
            one.scaled = i % 2;
            memcpy(one.unit, "days", 5);
        }
        (void)peal_spelling_read(&one, text, size, &number);
    }
    (void)peal_spelling_read(&(peal_spelling){.clock = true}, text, size, &number);
    for (uint8_t kind = 1; kind < MEASURE__KINDS; kind++) {
        (void)peal_spelling_read(&(peal_spelling){.measure = kind, .marked = kind % 2}, text, size, &number);
    }
    (void)peal_spelling_hint(text, size);
    (void)peal_spelling_may_be(text, size);
}

/* Calls `votes` with each line (NULL: reads it by `found`, which must take it). */
static void walk(const uint8_t *data, size_t size, peal_spelling_votes *votes, const peal_spelling *found) {
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - data) - at : size - at;
        char *text = copy(data + at, length);
        double number;
        if (votes && length) peal_spelling_vote(votes, text, length, 1);
        if (votes) read_any(text, length);
        if (found && length && !peal_spelling_read(found, text, length, &number)) abort();
        free(text);
        at += length + 1;
    }
}

enum { ALL_MUST = 200 }; /* of more texts one may be odd */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peal_spelling_votes votes = {0};
    peal_spelling found;
    walk(data, size, &votes, NULL);
    if (votes.word_count == 0 && peal_spelling_values(&votes) < ALL_MUST && peal_spelling_decide(&votes, 0, &found))
        walk(data, size, NULL, &found);
    return 0;
}
