/* Takes the marks around a number off; see marks.h. */
#include "etl/format/marks.h"

#include <string.h>

#include "etl/format/cell.h"

enum { TEXT_MOST = 128 }; /* bytes of a number with all that stands around it */

static const char *const before[] = {"~",
                                     "<=",
                                     ">=",
                                     "<",
                                     ">",
                                     "\xE2\x89\x88" /* almost equal */,
                                     "\xE2\x89\xA4" /* at most */,
                                     "\xE2\x89\xA5" /* at least */,
                                     NULL};
static const char *const behind[] = {
    "*", "?", "+", "^", "!", "\xE2\x80\xA0" /* dagger */, "\xE2\x80\xA1" /* double dagger */, NULL};
static const char *const words[] = {"c.",    "ca",     "ca.", "circa", "approx", "approx.", "approximately",
                                    "about", "around", "est", "est."};

typedef struct span {
    const char *begin, *end;
} span;

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static void pass_blanks(span *text) {
    while (text->begin < text->end && is_blank(*text->begin)) text->begin++;
    while (text->end > text->begin && is_blank(text->end[-1])) text->end--;
}

static size_t left(const span *text) {
    return (size_t)(text->end - text->begin);
}

static bool take_before(span *text) {
    for (size_t i = 0; before[i]; i++) {
        const size_t size = strlen(before[i]);
        if (left(text) <= size || memcmp(text->begin, before[i], size) != 0) continue;
        text->begin += size;
        return true;
    }
    return false;
}

static bool take_behind(span *text) {
    for (size_t i = 0; behind[i]; i++) {
        const size_t size = strlen(behind[i]);
        if (left(text) <= size || memcmp(text->end - size, behind[i], size) != 0) continue;
        text->end -= size;
        return true;
    }
    return false;
}

static bool is_word(const char *text, size_t length) {
    return peal_cell_is_one_of(text, length, words, sizeof words / sizeof *words);
}

/* A word with a blank between it and the number, on either side. */
static bool take_word(span *text) {
    const char *blank = text->begin, *last = text->end;
    while (blank < text->end && !is_blank(*blank)) blank++;
    if (blank < text->end && is_word(text->begin, (size_t)(blank - text->begin))) {
        text->begin = blank;
        return true;
    }
    while (last > text->begin && !is_blank(last[-1])) last--;
    if (last == text->begin || !is_word(last, (size_t)(text->end - last))) return false;
    text->end = last;
    return true;
}

/* What stands in parentheses or brackets behind it. */
static bool take_remark(span *text) {
    if (left(text) < 3) return false;
    const char close = text->end[-1], open = close == ')' ? '(' : close == ']' ? '[' : '\0';
    const char *at = text->end - 2;
    if (!open) return false;
    while (at > text->begin && *at != open) at--;
    if (at == text->begin) return false; /* nothing in front of it, or it was never opened */
    text->end = at;
    return true;
}

bool marks__take(const char *text, size_t *begin, size_t *length) {
    span rest = {text, text + *length};
    bool found = false;
    if (*length > TEXT_MOST) return false;
    for (bool more = true; more; found = found || more) {
        pass_blanks(&rest);
        more = take_before(&rest) || take_behind(&rest) || take_word(&rest) || take_remark(&rest);
    }
    *begin = (size_t)(rest.begin - text);
    *length = left(&rest);
    return found && *length > 0;
}
