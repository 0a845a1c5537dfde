/* Takes a column's name apart into words; see called.h. */
#include "etl/pipeline/called.h"

#include <ctype.h>
#include <string.h>

/* The words of a column's name: OrderDate, order_date and "Order date" have two. Writes the next one in lower case;
 * false: there is none. */
static bool next_word(const char **name, char word[16]) {
    const char *at = *name;
    size_t used = 0;
    while (*at && !isalpha((unsigned char)*at)) at++;
    for (; isalpha((unsigned char)*at); at++) {
        if (used > 0 && isupper((unsigned char)*at) && islower((unsigned char)at[-1])) break;
        if (used < 15) word[used++] = (char)tolower((unsigned char)*at);
    }
    word[used] = '\0';
    *name = at;
    return used > 0;
}

static bool ends_in(const char *word, const char *end) {
    const size_t length = strlen(word), size = strlen(end);
    return length >= size && strcmp(word + length - size, end) == 0;
}

static bool is_word_of(const char *word, const char *const *words) {
    for (; *words; words++) {
        if (strcmp(word, *words) == 0) return true;
    }
    return false;
}

/* True if one of the words of a column's name is one of `words` or ends in one of `ends`. */
static bool has_word(const char *name, const char *const *words, const char *const *ends) {
    char word[16];
    while (next_word(&name, word)) {
        if (is_word_of(word, words)) return true;
        for (const char *const *end = ends; *end; end++) {
            if (ends_in(word, *end)) return true;
        }
    }
    return false;
}

static const char *const no_words[] = {NULL};

/* True of who and what was there at a time: updated_by, date_id. */
static bool is_called_otherwise(const char *name) {
    static const char *const others[] = {"id",    "by",        "no",      "nr",       "key", "count",
                                         "index", "candidate", "mandate", "validate", NULL};
    return has_word(name, others, no_words);
}

bool pipeline__is_called_date(const char *name) {
    static const char *const dates[] = {"dt", "datetime", "datum", "fecha", NULL};
    static const char *const ends[] = {"date", NULL};
    return !is_called_otherwise(name) && has_word(name, dates, ends);
}

bool pipeline__is_called_time(const char *name) {
    static const char *const times[] = {"ts",      "epoch", "when",     "at",       "created",
                                        "updated", "unix",  "modified", "occurred", NULL};
    static const char *const ends[] = {"time", "timestamp", NULL};
    return pipeline__is_called_date(name) || (!is_called_otherwise(name) && has_word(name, times, ends));
}
