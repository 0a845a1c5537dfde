/* Rules of robots.txt; see robots.h. */
#include "etl/source/pages/robots.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "etl/source/pages/pattern.h"
#include "etl/source/pages/url.h"

enum { RULES_MOST = 20000 };

typedef struct rule {
    size_t at, length;    /* of the pattern, in `text` */
    bool allows, for_all; /* for_all: of the group "*" */
} rule;

struct pages__robots {
    rule *rules;
    size_t count, capacity;
    peal_buffer text;
    bool is_named;    /* a group names the agent: those of "*" do not count */
    double delays[2]; /* of "*", and of the agent; -1: not told */
};

/* What the lines before say. */
typedef struct reading {
    pages__robots *robots;
    const char *agent;
    bool in_names;        /* the last line that counts named an agent: the next one joins its group */
    bool for_all, for_me; /* whom the group is for */
} reading;

static void trim(const char **at, const char **end) {
    while (*at < *end && (unsigned char)**at <= ' ') ++*at;
    while (*end > *at && (unsigned char)(*end)[-1] <= ' ') --*end;
}

static bool is_word(const char *at, const char *end, const char *word) {
    const size_t length = strlen(word);
    return (size_t)(end - at) == length && strncasecmp(at, word, length) == 0;
}

static void take_agent(reading *self, const char *at, const char *end) {
    if (!self->in_names) self->for_all = self->for_me = false;
    self->in_names = true;
    if (is_word(at, end, "*")) self->for_all = true;
    const char *token = at;
    while (token < end &&
           ((*token >= 'a' && *token <= 'z') || (*token >= 'A' && *token <= 'Z') || *token == '_' || *token == '-')) {
        token++;
    }
    if (is_word(at, token, self->agent)) self->for_me = self->robots->is_named = true;
}

static peal_status add_rule(pages__robots *self, bool allows, bool for_all, const char *at, const char *end,
                            peal_error *err) {
    char pattern[PAGES__URL_MOST];
    const char *stop = pages__percent_normalise(at, (size_t)(end - at), "!$&'()*+,;=:@/?", pattern, sizeof pattern);
    if (!stop || self->count == RULES_MOST) return PEAL_OK; /* longer than any URL */
    if (self->count == self->capacity) {
        const size_t capacity = self->capacity * 2 + 16;
        rule *longer = realloc(self->rules, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for robots.txt");
        self->rules = longer;
        self->capacity = capacity;
    }
    const rule one = {self->text.size, (size_t)(stop - pattern), allows, for_all};
    PEAL_TRY(peal_buffer_append(&self->text, pattern, one.length, err));
    self->rules[self->count++] = one;
    return PEAL_OK;
}

static peal_status take_rule(reading *self, bool allows, const char *at, const char *end, peal_error *err) {
    self->in_names = false;
    if (at == end) return PEAL_OK; /* "Disallow:" forbids nothing */
    if (self->for_all) PEAL_TRY(add_rule(self->robots, allows, true, at, end, err));
    return self->for_me ? add_rule(self->robots, allows, false, at, end, err) : PEAL_OK;
}

static void take_delay(reading *self, const char *at, const char *end) {
    double seconds;
    self->in_names = false;
    if (!peal_number_parse(at, (size_t)(end - at), &seconds) || !(seconds >= 0)) return;
    if (self->for_all && seconds > self->robots->delays[0]) self->robots->delays[0] = seconds;
    if (self->for_me && seconds > self->robots->delays[1]) self->robots->delays[1] = seconds;
}

static peal_status take_line(reading *self, const char *at, const char *end, peal_error *err) {
    const char *comment = memchr(at, '#', (size_t)(end - at));
    if (comment) end = comment;
    const char *colon = memchr(at, ':', (size_t)(end - at));
    if (!colon) return PEAL_OK;
    const char *value = colon + 1, *key_end = colon;
    trim(&at, &key_end);
    trim(&value, &end);
    if (is_word(at, key_end, "user-agent")) take_agent(self, value, end);
    if (is_word(at, key_end, "allow")) return take_rule(self, true, value, end, err);
    if (is_word(at, key_end, "disallow")) return take_rule(self, false, value, end, err);
    if (is_word(at, key_end, "crawl-delay")) take_delay(self, value, end);
    return PEAL_OK;
}

peal_status pages__robots_parse(const char *text, size_t size, const char *agent, pages__robots **out,
                                peal_error *err) {
    pages__robots *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for robots.txt");
    self->delays[0] = self->delays[1] = -1;
    reading lines = {.robots = self, .agent = agent};
    if (size > PAGES__ROBOTS_MOST) size = PAGES__ROBOTS_MOST;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, size -= 3;
    const char *const end = text + size;
    peal_status status = PEAL_OK;
    for (const char *at = text; at < end && status == PEAL_OK;) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r') stop++;
        status = take_line(&lines, at, stop, err);
        at = stop + (stop < end);
    }
    if (status == PEAL_OK) {
        *out = self;
    } else {
        pages__robots_free(self);
    }
    return status;
}

/* A "$" at the end stands for the path's end. */
static bool fits(const char *pattern, size_t length, const char *path) {
    const bool ends = length > 0 && pattern[length - 1] == '$';
    return pages__pattern_fits(pattern, length - ends, path, ends);
}

bool pages__robots_allows(const pages__robots *self, const char *path) {
    size_t longest = 0;
    bool allows = true;
    if (!self || strcmp(path, "/robots.txt") == 0) return true;
    for (size_t i = 0; i < self->count; i++) {
        const rule *one = &self->rules[i];
        if (one->for_all == self->is_named || one->length < longest) continue;
        if (one->length == longest && (allows || !one->allows)) continue;
        if (!fits((const char *)self->text.data + one->at, one->length, path)) continue;
        longest = one->length;
        allows = one->allows;
    }
    return allows;
}

double pages__robots_delay(const pages__robots *self) {
    return !self ? -1 : self->delays[self->is_named];
}

void pages__robots_free(pages__robots *self) {
    if (!self) return;
    peal_buffer_clear(&self->text);
    free(self->rules);
    free(self);
}
