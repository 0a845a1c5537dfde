/* URLs, templates and checksums in names; see http_names.h. */
#include "etl/source/http_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/memory.h"
#include "core/base/text.h"

enum { TEMPLATES_MOST = 8, DIGITS_MOST = 9 };

/* One pair of braces: a range of numbers, or words between commas. */
typedef struct braces {
    const char *begin, *end; /* behind the opening one, and the closing one */
    bool is_range;
    uint64_t first, last;
    int width; /* digits that a number has at least */
    size_t count;
} braces;

typedef struct pattern {
    const char *name;
    size_t length; /* of all before "#" */
    braces parts[TEMPLATES_MOST];
    size_t part_count, count; /* count: URLs that it stands for */
    bool has_checksum;
    uint8_t sha256[32];
} pattern;

bool source__is_http(const char *name) {
    return strncasecmp(name, "http://", 7) == 0 || strncasecmp(name, "https://", 8) == 0;
}

/* ---- reading a name ---- */

static peal_status read_checksum(pattern *self, const char *text, peal_error *err) {
    static const char key[] = "sha256=";
    bool right = strncmp(text, key, sizeof key - 1) == 0 && strlen(text + sizeof key - 1) == 64;
    text += right ? sizeof key - 1 : 0;
    for (size_t i = 0; right && i < 32; i++) {
        const int high = peal_hex_digit(text[2 * i]), low = peal_hex_digit(text[2 * i + 1]);
        right = high >= 0 && low >= 0;
        if (right) self->sha256[i] = (uint8_t)(high * 16 + low);
    }
    self->has_checksum = right;
    if (right) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s: behind '#' sha256= and 64 hexadecimal digits are expected", self->name);
}

/* "000..999" */
static bool read_range(braces *part) {
    const char *dots = part->begin;
    while (dots < part->end && *dots >= '0' && *dots <= '9') dots++;
    const char *last = dots + 2;
    if (dots == part->begin || part->end - dots < 3 || dots[0] != '.' || dots[1] != '.') return false;
    for (const char *at = last; at < part->end; at++) {
        if (*at < '0' || *at > '9') return false;
    }
    if (dots - part->begin > DIGITS_MOST || part->end - last > DIGITS_MOST) return false;
    part->first = strtoull(part->begin, NULL, 10);
    part->last = strtoull(last, NULL, 10);
    part->width = *part->begin == '0' ? (int)(dots - part->begin) : 1;
    part->is_range = true;
    return part->first <= part->last;
}

static bool read_words(braces *part) {
    part->count = 1;
    for (const char *at = part->begin; at < part->end; at++) {
        if (*at == '{') return false;
        part->count += *at == ',';
    }
    return part->count > 1;
}

static peal_status read_braces(pattern *self, const char *begin, const char **rest, peal_error *err) {
    const char *end = memchr(begin, '}', (size_t)(self->name + self->length - begin));
    if (self->part_count == TEMPLATES_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "%s has more than %d templates in braces", self->name, TEMPLATES_MOST);
    }
    braces part = {.begin = begin + 1, .end = end};
    if (!end || (!read_range(&part) && !read_words(&part))) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: in braces a range of numbers ({000..999}) or words ({a,b}) are expected; a brace that is "
                         "meant so is written %%7B or %%7D",
                         self->name);
    }
    if (part.is_range) part.count = (size_t)(part.last - part.first) + 1;
    if (__builtin_mul_overflow(self->count, part.count, &self->count) || self->count > SOURCE__NAMES_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "%s stands for more than %d objects", self->name, SOURCE__NAMES_MOST);
    }
    self->parts[self->part_count++] = part;
    *rest = end + 1;
    return PEAL_OK;
}

/* Credentials are for a file or the environment: what stands in a name goes into manifests and messages. The message
 * leaves the name out for the same reason. */
static peal_status check_host(const char *name, peal_error *err) {
    const char *host = strstr(name, "://") + 3;
    const size_t length = strcspn(host, "/?#");
    if (memchr(host, '@', length)) {
        return peal_fail(err, PEAL_E_USAGE,
                         "a URL with a user's name or a password in it is not taken, for names are written down: put "
                         "them into ~/.netrc, or a token into PEAL_HTTP_BEARER");
    }
    if (length == 0) return peal_fail(err, PEAL_E_USAGE, "%s names no host", name);
    for (const char *at = name; *at; at++) {
        if (*at > ' ' && *at < 127) continue;
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: a URL has no blanks and no letters but ASCII: write them as %%20 and so on", name);
    }
    return PEAL_OK;
}

static peal_status read_name(const char *name, pattern *out, peal_error *err) {
    *out = (pattern){.name = name, .length = strcspn(name, "#"), .count = 1};
    PEAL_TRY(check_host(name, err));
    if (name[out->length]) PEAL_TRY(read_checksum(out, name + out->length + 1, err));
    for (const char *at = name; at < name + out->length;) {
        if (*at == '}') return peal_fail(err, PEAL_E_USAGE, "%s: a brace is closed that was not opened", name);
        if (*at == '{') {
            PEAL_TRY(read_braces(out, at, &at, err));
        } else {
            at++;
        }
    }
    if (!out->has_checksum || out->count == 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s: one checksum cannot be of several objects", name);
}

peal_status source__http_check(const char *name, peal_error *err) {
    pattern read;
    return read_name(name, &read, err);
}

/* ---- what it stands for ---- */

static peal_status append_value(const braces *part, size_t number, peal_buffer *out, peal_error *err) {
    char digits[32];
    if (part->is_range) {
        const int size =
            snprintf(digits, sizeof digits, "%0*llu", part->width, (unsigned long long)(part->first + number));
        return peal_buffer_append(out, digits, (size_t)size, err);
    }
    const char *word = part->begin;
    for (; number > 0; number--) word = (const char *)memchr(word, ',', (size_t)(part->end - word)) + 1;
    const char *comma = memchr(word, ',', (size_t)(part->end - word));
    return peal_buffer_append(out, word, (size_t)((comma ? comma : part->end) - word), err);
}

/* The URL of number `index`: its digits, in a system of mixed bases, are the values of the templates. */
static peal_status write_url(const pattern *self, size_t index, peal_buffer *out, peal_error *err) {
    size_t values[TEMPLATES_MOST];
    for (size_t i = self->part_count; i-- > 0; index /= self->parts[i].count) values[i] = index % self->parts[i].count;
    const char *at = self->name;
    out->size = 0;
    for (size_t i = 0; i < self->part_count; i++) {
        PEAL_TRY(peal_buffer_append(out, at, (size_t)(self->parts[i].begin - 1 - at), err));
        PEAL_TRY(append_value(&self->parts[i], values[i], out, err));
        at = self->parts[i].end + 1;
    }
    PEAL_TRY(peal_buffer_append(out, at, (size_t)(self->name + self->length - at), err));
    return peal_buffer_append(out, "", 1, err);
}

peal_status source__http_expand(const char *name,
                                peal_status (*take)(void *user, const char *url, const uint8_t *sha256,
                                                    peal_error *err),
                                void *user, peal_error *err) {
    pattern read;
    peal_buffer url = {0};
    peal_status status = read_name(name, &read, err);
    for (size_t i = 0; status == PEAL_OK && i < read.count; i++) {
        status = write_url(&read, i, &url, err);
        if (status == PEAL_OK) status = take(user, (const char *)url.data, read.has_checksum ? read.sha256 : NULL, err);
    }
    peal_buffer_clear(&url);
    return status;
}
