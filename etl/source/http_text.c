/* Heads of answers; see http_text.h. */
#include "etl/source/http_text.h"

#include <string.h>
#include <strings.h>

#include "etl/source/libcurl.h"

/* What is left of a line. */
typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *text) {
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\t')) text->at++;
}

/* Digits, of a number that 63 bits hold. */
static bool take_count(cursor *text, uint64_t *out) {
    uint64_t number = 0;
    const char *begin = text->at;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        if (number > (INT64_MAX - 9) / 10) return false;
        number = number * 10 + (uint64_t)(*text->at - '0');
    }
    *out = number;
    return text->at > begin;
}

static bool take_mark(cursor *text, char mark) {
    if (text->at >= text->end || *text->at != mark) return false;
    text->at++;
    return true;
}

/* "bytes 0-99/1000". A star stands for a size that the server does not know, or, in the place of 0-99, for a range that
 * it does not have. */
static bool take_range(cursor text, source__answer *answer) {
    static const char unit[] = "bytes";
    const size_t length = sizeof unit - 1;
    if ((size_t)(text.end - text.at) < length || strncasecmp(text.at, unit, length) != 0) return false;
    text.at += length;
    skip_blanks(&text);
    answer->range_begin = answer->range_end = 0;
    const bool none = take_mark(&text, '*');
    if (!none) {
        uint64_t last;
        if (!take_count(&text, &answer->range_begin) || !take_mark(&text, '-') || !take_count(&text, &last))
            return false;
        if (last < answer->range_begin) return false;
        answer->range_end = last + 1;
    }
    if (!take_mark(&text, '/')) return false;
    answer->range_size = SOURCE__UNKNOWN;
    if (!take_mark(&text, '*') && !take_count(&text, &answer->range_size)) return false;
    if (none && answer->range_size == SOURCE__UNKNOWN) return false;
    skip_blanks(&text);
    return text.at == text.end && (none || answer->range_end <= answer->range_size);
}

/* Copies the value as it stands, if it has room and is printable ASCII. */
static void take_text(const cursor *text, char *out, size_t capacity) {
    const size_t size = (size_t)(text->end - text->at);
    out[0] = '\0';
    if (size == 0 || size >= capacity) return;
    for (size_t i = 0; i < size; i++) {
        if (text->at[i] < ' ' || text->at[i] > '~') return;
    }
    memcpy(out, text->at, size);
    out[size] = '\0';
}

static int64_t retry_after(cursor text, int64_t now) {
    char date[SOURCE__MODIFIED_SIZE];
    uint64_t seconds;
    cursor digits = text;
    if (take_count(&digits, &seconds) && digits.at == digits.end) return (int64_t)seconds;
    take_text(&text, date, sizeof date);
    const time_t when = date[0] && source__curl_load(NULL) == PEAL_OK ? curl_getdate(date, NULL) : -1;
    if (when == -1) return -1;
    return (int64_t)when > now ? (int64_t)when - now : 0;
}

void source__answer_begin(source__answer *answer) {
    *answer = (source__answer){.length = SOURCE__UNKNOWN, .range_size = SOURCE__UNKNOWN, .retry_after = -1};
}

/* "HTTP/1.1 206 Partial Content" */
static bool take_status(cursor text, source__answer *answer) {
    if (text.end - text.at < 5 || memcmp(text.at, "HTTP/", 5) != 0) return false;
    source__answer_begin(answer);
    while (text.at < text.end && *text.at != ' ') text.at++;
    skip_blanks(&text);
    uint64_t status;
    if (take_count(&text, &status) && status >= 100 && status <= 999) answer->status = (int)status;
    return true;
}

void source__answer_line(source__answer *answer, const char *line, size_t size, int64_t now) {
    cursor text = {line, line + size};
    while (text.end > text.at && (text.end[-1] == '\n' || text.end[-1] == '\r' || text.end[-1] == ' ')) text.end--;
    if (take_status(text, answer)) return;
    const char *colon = size ? memchr(text.at, ':', (size_t)(text.end - text.at)) : NULL;
    if (!colon) return;
    const size_t length = (size_t)(colon - line);
    text.at = colon + 1;
    skip_blanks(&text);
    uint64_t count;
    cursor digits = text;
#define IS(name) (length == sizeof name - 1 && strncasecmp(line, name, length) == 0)
    if (IS("content-length")) {
        if (take_count(&digits, &count) && digits.at == digits.end) answer->length = count;
    } else if (IS("content-range")) {
        answer->has_range = take_range(text, answer);
        answer->malformed = answer->malformed || !answer->has_range;
    } else if (IS("etag")) {
        take_text(&text, answer->etag, sizeof answer->etag);
        if (!source__is_etag(answer->etag)) answer->etag[0] = '\0';
    } else if (IS("last-modified")) {
        take_text(&text, answer->modified, sizeof answer->modified);
    } else if (IS("content-encoding")) {
        take_text(&text, answer->encoding, sizeof answer->encoding);
    } else if (IS("x-amz-bucket-region")) {
        take_text(&text, answer->region, sizeof answer->region);
    } else if (IS("retry-after")) {
        answer->retry_after = retry_after(text, now);
    }
#undef IS
}

bool source__is_etag(const char *text) {
    if (strncmp(text, "W/", 2) == 0) text += 2;
    const size_t length = strlen(text);
    if (length < 2 || length >= SOURCE__ETAG_SIZE - 2 || text[0] != '"' || text[length - 1] != '"') return false;
    for (size_t i = 1; i + 1 < length; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"') return false;
    }
    return true;
}

bool source__is_strong(const char *etag) {
    return etag[0] == '"';
}
