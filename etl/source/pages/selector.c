/* CSS selectors; see selector.h.
 *
 * A selector is a row of steps, each what one element must be and how it stands to the one of the step before. A walk
 * in the order of the text keeps, for the ancestors and earlier siblings of the element it stands at, a bit for each
 * step that they have reached. So each element is looked at once for each step: trying all ways in which the steps
 * could fit would take time that grows with a power of the depth. */
#include "etl/source/pages/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STEPS_MOST = 64, TESTS_MOST = 128, SELECTOR_MOST = 4096, NUMBER_MOST = 1000000, ASK_EACH = 4096 };

typedef enum relation { FIRST, WITHIN, CHILD, NEXT, LATER } relation;

typedef struct test test;
typedef bool is_fitting(const test *self, const GumboNode *element, size_t place);

/* One thing that an element must be. */
struct test {
    is_fitting *fits;
    const char *name, *value; /* in the selector's text */
    int step, offset;         /* of :nth-child(step n + offset) */
};

typedef struct step {
    relation relation;
    bool is_last;        /* an element that has come so far fits the selector */
    size_t tests, count; /* the first one, and how many */
} step;

struct pages__selector {
    step steps[STEPS_MOST];
    test tests[TESTS_MOST];
    size_t step_count, test_count;
    peal_arena *texts;
};

/* ---- what an element is ---- */

static const char *attribute(const test *self, const GumboNode *element) {
    return pages__attribute(element, self->name);
}

static bool fits_all(const test *self, const GumboNode *element, size_t place) {
    (void)self, (void)element, (void)place;
    return true;
}

static bool fits_name(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    const GumboElement *one = &element->v.element;
    if (one->tag != GUMBO_TAG_UNKNOWN) return strcasecmp(gumbo_normalized_tagname(one->tag), self->name) == 0;
    GumboStringPiece name = one->original_tag;
    gumbo_tag_from_original_text(&name);
    return name.length == strlen(self->name) && strncasecmp(name.data, self->name, name.length) == 0;
}

static bool fits_presence(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    return attribute(self, element) != NULL;
}

static bool fits_equal(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    const char *has = attribute(self, element);
    return has && strcmp(has, self->value) == 0;
}

static bool fits_word(const test *self, const GumboNode *element, size_t place) {
    static const char blanks[] = " \t\n\f\r";
    (void)place;
    const char *has = attribute(self, element);
    const size_t length = strlen(self->value);
    while (has && length > 0 && *has) {
        has += strspn(has, blanks);
        const size_t size = strcspn(has, blanks);
        if (size == length && memcmp(has, self->value, size) == 0) return true;
        has += size;
    }
    return false;
}

static bool fits_language(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    const char *has = attribute(self, element);
    const size_t length = strlen(self->value);
    return has && strncmp(has, self->value, length) == 0 && (!has[length] || has[length] == '-');
}

static bool fits_begin(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    const char *has = attribute(self, element);
    const size_t length = strlen(self->value);
    return has && length > 0 && strncmp(has, self->value, length) == 0;
}

static bool fits_end(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    const char *has = attribute(self, element);
    const size_t length = strlen(self->value), size = has ? strlen(has) : 0;
    return length > 0 && size >= length && strcmp(has + size - length, self->value) == 0;
}

static bool fits_part(const test *self, const GumboNode *element, size_t place) {
    (void)place;
    const char *has = attribute(self, element);
    return has && *self->value && strstr(has, self->value);
}

static bool fits_place(const test *self, const GumboNode *element, size_t place) {
    (void)element;
    const long long behind = (long long)place - self->offset;
    return self->step == 0 ? behind == 0 : behind % self->step == 0 && behind / self->step >= 0;
}

static bool fits_last_child(const test *self, const GumboNode *element, size_t place) {
    (void)self, (void)place;
    const GumboNode *next = pages__next_sibling(element);
    while (next && !pages__is_element(next)) next = pages__next_sibling(next);
    return !next;
}

/* ---- reading a selector ---- */

typedef struct reading {
    pages__selector *selector;
    const char *text, *at, *end;
    peal_error *err;
} reading;

static peal_status unexpected(const reading *self, const char *wanted) {
    if (self->at == self->end) {
        return peal_fail(self->err, PEAL_E_USAGE, "the CSS selector '%.*s' ends where %s was expected",
                         (int)(self->end - self->text), self->text, wanted);
    }
    return peal_fail(self->err, PEAL_E_USAGE, "the CSS selector '%.*s': %s was expected at character %zu, not '%c'",
                     (int)(self->end - self->text), self->text, wanted, (size_t)(self->at - self->text) + 1, *self->at);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static void skip_blanks(reading *self) {
    while (self->at < self->end && is_blank(*self->at)) self->at++;
}

static bool take(reading *self, char mark) {
    if (self->at == self->end || *self->at != mark) return false;
    self->at++;
    return true;
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (unsigned char)c >= 0x80;
}

static peal_status keep(reading *self, const char *begin, size_t length, const char **out) {
    char *copy = peal_arena_alloc(self->selector->texts, length + 1);
    if (!copy) return peal_fail(self->err, PEAL_E_MEMORY, "no memory for a selector");
    memcpy(copy, begin, length);
    copy[length] = '\0';
    *out = copy;
    return PEAL_OK;
}

/* A name; a backslash takes the next character as it stands. */
static peal_status take_name(reading *self, const char *what, const char **out) {
    char name[256];
    size_t length = 0;
    while (self->at < self->end && length < sizeof name) {
        if (*self->at == '\\' && self->end - self->at > 1) {
            self->at++;
        } else if (!is_name(*self->at)) {
            break;
        }
        name[length++] = *self->at++;
    }
    return length ? keep(self, name, length, out) : unexpected(self, what);
}

static peal_status add_test(reading *self, const test *one) {
    pages__selector *selector = self->selector;
    if (selector->test_count == TESTS_MOST) {
        return peal_fail(self->err, PEAL_E_USAGE, "a CSS selector has more than %d parts", TESTS_MOST);
    }
    selector->tests[selector->test_count++] = *one;
    selector->steps[selector->step_count - 1].count++;
    return PEAL_OK;
}

static peal_status take_value(reading *self, const char **out) {
    const char mark = take(self, '"') ? '"' : take(self, '\'') ? '\'' : '\0';
    if (!mark) return take_name(self, "a value", out);
    const char *close = memchr(self->at, mark, (size_t)(self->end - self->at));
    if (!close) {
        self->at = self->end;
        return unexpected(self, "the end of a quoted value");
    }
    PEAL_TRY(keep(self, self->at, (size_t)(close - self->at), out));
    self->at = close + 1;
    return PEAL_OK;
}

/* Behind the opening bracket. */
static peal_status take_attribute(reading *self) {
    static const struct {
        char mark;
        is_fitting *fits;
    } kinds[] = {{'~', fits_word}, {'|', fits_language}, {'^', fits_begin}, {'$', fits_end}, {'*', fits_part}};
    test one = {.fits = fits_presence};
    skip_blanks(self);
    PEAL_TRY(take_name(self, "the name of an attribute", &one.name));
    skip_blanks(self);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (one.fits != fits_presence || !take(self, kinds[i].mark)) continue;
        one.fits = kinds[i].fits;
        if (self->at == self->end || *self->at != '=') return unexpected(self, "=");
    }
    if (take(self, '=')) {
        if (one.fits == fits_presence) one.fits = fits_equal;
        skip_blanks(self);
        PEAL_TRY(take_value(self, &one.value));
        skip_blanks(self);
    }
    return take(self, ']') ? add_test(self, &one) : unexpected(self, "]");
}

static bool take_number(reading *self, int *out) {
    const char *begin = self->at;
    int number = 0;
    for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++) {
        if (number < NUMBER_MOST) number = number * 10 + (*self->at - '0');
    }
    *out = number;
    return self->at > begin;
}

static bool take_word(reading *self, const char *word) {
    const size_t length = strlen(word);
    if ((size_t)(self->end - self->at) < length || strncasecmp(self->at, word, length) != 0) return false;
    self->at += length;
    return true;
}

/* "odd", "even", "3", "2n+1", "-n + 3", "n" */
static peal_status take_places(reading *self, test *one) {
    static const char wanted[] = "a place (3, 2n+1, odd or even)";
    skip_blanks(self);
    if (take_word(self, "odd")) {
        *one = (test){.fits = fits_place, .step = 2, .offset = 1};
    } else if (take_word(self, "even")) {
        *one = (test){.fits = fits_place, .step = 2};
    } else {
        const bool minus = take(self, '-');
        int number = 1;
        if (!minus) (void)take(self, '+');
        const bool has_number = take_number(self, &number);
        if (!has_number) number = 1;
        *one = (test){.fits = fits_place};
        if (take_word(self, "n")) {
            one->step = minus ? -number : number;
            skip_blanks(self);
            const bool less = take(self, '-'), more = !less && take(self, '+');
            skip_blanks(self);
            if ((less || more) && !take_number(self, &number)) return unexpected(self, "a number");
            if (less || more) one->offset = less ? -number : number;
        } else if (has_number) {
            one->offset = minus ? -number : number;
        } else {
            return unexpected(self, wanted);
        }
    }
    skip_blanks(self);
    return take(self, ')') ? PEAL_OK : unexpected(self, ")");
}

/* Behind the colon. */
static peal_status take_pseudo(reading *self) {
    static const char wanted[] = "first-child, last-child or nth-child(...)";
    test one = {.fits = fits_last_child};
    if (take_word(self, "first-child")) {
        one = (test){.fits = fits_place, .offset = 1};
    } else if (take_word(self, "nth-child(")) {
        PEAL_TRY(take_places(self, &one));
    } else if (!take_word(self, "last-child")) {
        return unexpected(self, wanted);
    }
    if (self->at < self->end && is_name(*self->at)) return unexpected(self, wanted);
    return add_test(self, &one);
}

/* What one element must be. */
static peal_status take_step(reading *self, relation how) {
    pages__selector *selector = self->selector;
    if (selector->step_count == STEPS_MOST) {
        return peal_fail(self->err, PEAL_E_USAGE, "a CSS selector has more than %d steps", STEPS_MOST);
    }
    selector->steps[selector->step_count++] = (step){.relation = how, .tests = selector->test_count};
    const step *now = &selector->steps[selector->step_count - 1];
    test one = {.fits = fits_all};
    if (take(self, '*')) {
        PEAL_TRY(add_test(self, &one));
    } else if (self->at < self->end && (is_name(*self->at) || *self->at == '\\')) {
        one.fits = fits_name;
        PEAL_TRY(take_name(self, "an element", &one.name));
        PEAL_TRY(add_test(self, &one));
    }
    for (;;) {
        if (take(self, '#')) {
            one = (test){.fits = fits_equal, .name = "id"};
            PEAL_TRY(take_name(self, "an id", &one.value));
            PEAL_TRY(add_test(self, &one));
        } else if (take(self, '.')) {
            one = (test){.fits = fits_word, .name = "class"};
            PEAL_TRY(take_name(self, "a class", &one.value));
            PEAL_TRY(add_test(self, &one));
        } else if (take(self, '[')) {
            PEAL_TRY(take_attribute(self));
        } else if (take(self, ':')) {
            PEAL_TRY(take_pseudo(self));
        } else {
            return now->count ? PEAL_OK : unexpected(self, "an element, #id, .class, [attribute] or *");
        }
    }
}

static peal_status read_all(reading *self) {
    relation next = FIRST;
    skip_blanks(self);
    for (;;) {
        PEAL_TRY(take_step(self, next));
        const char *behind = self->at;
        skip_blanks(self);
        step *last = &self->selector->steps[self->selector->step_count - 1];
        last->is_last = self->at == self->end || *self->at == ',';
        if (self->at == self->end) return PEAL_OK;
        next = take(self, ',')   ? FIRST
               : take(self, '>') ? CHILD
               : take(self, '+') ? NEXT
               : take(self, '~') ? LATER
                                 : WITHIN;
        if (next == WITHIN && behind == self->at) return unexpected(self, "the next part");
        skip_blanks(self);
    }
}

peal_status pages__selector_new(const char *text, size_t length, pages__selector **out, peal_error *err) {
    *out = NULL;
    if (length > SELECTOR_MOST)
        return peal_fail(err, PEAL_E_USAGE, "a CSS selector has more than %d characters", SELECTOR_MOST);
    pages__selector *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a selector");
    self->texts = peal_arena_new(1024);
    reading text_of = {.selector = self, .text = text, .at = text, .end = text + length, .err = err};
    const peal_status status =
        self->texts ? read_all(&text_of) : peal_fail(err, PEAL_E_MEMORY, "no memory for a selector");
    if (status == PEAL_OK) {
        *out = self;
    } else {
        pages__selector_free(self);
    }
    return status;
}

void pages__selector_free(pages__selector *selector) {
    if (!selector) return;
    peal_arena_free(selector->texts);
    free(selector);
}

/* ---- searching ---- */

/* Of the elements that hold the one where the search stands, and of the children of each that came before: bits of the
 * steps that they have reached. */
typedef struct level {
    uint64_t own, outer;      /* the element's; its ancestors' and its own together */
    uint64_t before, earlier; /* of its children so far: the last one's; all of them together */
    size_t children;          /* elements */
} level;

struct pages__search {
    const pages__document *document;
    const pages__selector *selector;
    const GumboNode *top, *at; /* at: the node that was looked at last */
    level *levels;             /* [depth + 1] */
    size_t depth, capacity;
    unsigned steps;
    bool ended;
};

peal_status pages__search_new(const pages__document *document, const pages__selector *selector, const GumboNode *top,
                              pages__search **out, peal_error *err) {
    pages__search *self = calloc(1, sizeof *self);
    *out = self;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a search");
    *self = (pages__search){.document = document, .selector = selector, .top = top, .at = top, .capacity = 32};
    self->levels = calloc(self->capacity, sizeof *self->levels);
    if (self->levels) return PEAL_OK;
    free(self);
    *out = NULL;
    return peal_fail(err, PEAL_E_MEMORY, "no memory for a search");
}

void pages__search_free(pages__search *self) {
    if (!self) return;
    free(self->levels);
    free(self);
}

/* The steps that an element reaches, and with which it ends. */
static uint64_t reach(const pages__search *self, const GumboNode *element, bool *fits) {
    const pages__selector *selector = self->selector;
    const level *parent = &self->levels[self->depth];
    uint64_t bits = 0;
    *fits = false;
    for (size_t i = 0; i < selector->step_count; i++) {
        const step *one = &selector->steps[i];
        const uint64_t from = one->relation == WITHIN  ? parent->outer
                              : one->relation == CHILD ? parent->own
                              : one->relation == NEXT  ? parent->before
                                                       : parent->earlier;
        if (one->relation != FIRST && !(from >> (i - 1) & 1)) continue;
        bool right = true;
        for (size_t t = 0; right && t < one->count; t++) {
            const test *part = &selector->tests[one->tests + t];
            right = part->fits(part, element, parent->children);
        }
        if (!right) continue;
        bits |= UINT64_C(1) << i;
        *fits = *fits || one->is_last;
    }
    return bits;
}

static peal_status descend(pages__search *self, uint64_t bits, peal_error *err) {
    if (self->depth + 1 == self->capacity) {
        level *longer = realloc(self->levels, self->capacity * 2 * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a search");
        self->levels = longer;
        self->capacity *= 2;
    }
    const uint64_t outer = self->levels[self->depth].outer | bits;
    self->levels[++self->depth] = (level){.own = bits, .outer = outer};
    return PEAL_OK;
}

/* Looks at `node`, a child of the current level; *fits tells what came of it. */
static peal_status look(pages__search *self, const GumboNode *node, bool *fits, peal_error *err) {
    *fits = false;
    if (++self->steps % ASK_EACH == 0) PEAL_TRY(pages__document_check(self->document, err));
    self->at = node;
    uint64_t bits = 0;
    if (pages__is_element(node)) {
        level *parent = &self->levels[self->depth];
        parent->children++;
        bits = reach(self, node, fits);
        parent->before = bits;
        parent->earlier |= bits;
    }
    return pages__first_child(node) ? descend(self, bits, err) : PEAL_OK;
}

peal_status pages__search_next(pages__search *self, const GumboNode **out, peal_error *err) {
    *out = NULL;
    while (!self->ended) {
        const GumboNode *next = pages__first_child(self->at);
        while (!next && self->at != self->top) {
            next = pages__next_sibling(self->at);
            if (next) break;
            self->at = self->at->parent;
            self->depth--;
        }
        if (!next) {
            self->ended = true;
            break;
        }
        bool fits;
        PEAL_TRY(look(self, next, &fits, err));
        if (!fits) continue;
        *out = next;
        break;
    }
    return PEAL_OK;
}
