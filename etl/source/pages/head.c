/* Heads of answers; see head.h. Source: RFC 9110, sections 8.3 and 10.2.2. */
#include "etl/source/pages/head.h"

#include <string.h>
#include <strings.h>

#include "etl/source/pages/charset.h"

void pages__head_begin(pages__head *head) {
    *head = (pages__head){0};
    source__answer_begin(&head->answer);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(const char *at, const char *end, const char *word) {
    const size_t length = strlen(word);
    return (size_t)(end - at) == length && strncasecmp(at, word, length) == 0;
}

static void take_type(pages__head *self, const char *at, const char *end) {
    const char *stop = at, *charset = NULL;
    while (stop < end && *stop != ';' && !is_blank(*stop)) stop++;
    self->has_type = stop > at;
    self->is_html = is_word(at, stop, "text/html") || is_word(at, stop, "application/xhtml+xml");
    const size_t length = pages__charset_of(stop, (size_t)(end - stop), &charset);
    self->charset[0] = '\0';
    if (length == 0 || length >= sizeof self->charset) return;
    memcpy(self->charset, charset, length);
    self->charset[length] = '\0';
}

static void take_location(pages__head *self, const char *at, const char *end) {
    const size_t length = (size_t)(end - at);
    self->location[0] = '\0';
    if (length > PAGES__URL_MOST || memchr(at, '\0', length)) return;
    memcpy(self->location, at, length);
    self->location[length] = '\0';
}

/* "noindex", "peal: noindex"; what has another name before a colon is for others, or is a date that nobody keeps. */
static void take_robots(pages__head *self, const char *at, const char *end) {
    const char *colon = memchr(at, ':', (size_t)(end - at));
    if (colon && !is_word(at, colon, "peal")) return;
    if (colon) at = colon + 1;
    const size_t used = strlen(self->robots), length = (size_t)(end - at);
    if (length + 2 > sizeof self->robots - used || memchr(at, '\0', length)) return;
    memcpy(self->robots + used, at, length);
    memcpy(self->robots + used + length, ",", 2);
}

void pages__head_line(pages__head *self, const char *line, size_t size, int64_t now) {
    const char *end = line + size;
    while (end > line && is_blank(end[-1])) end--;
    if (end - line >= 5 && memcmp(line, "HTTP/", 5) == 0) pages__head_begin(self);
    source__answer_line(&self->answer, line, size, now);
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon) return;
    const char *at = colon + 1;
    while (at < end && is_blank(*at)) at++;
    if (is_word(line, colon, "content-type")) take_type(self, at, end);
    if (is_word(line, colon, "location")) take_location(self, at, end);
    if (is_word(line, colon, "x-robots-tag")) take_robots(self, at, end);
}
