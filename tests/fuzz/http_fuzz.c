/* Heads of web servers' answers, line by line, and names of objects: the first line is a name, the rest is a head. */
#include <stdlib.h>
#include <string.h>

#include "etl/source/http_names.h"
#include "etl/source/http_text.h"
#include "tests/fuzz/fuzz.h"

static size_t taken;

static peal_status take(void *user, const char *url, const uint8_t *sha256, peal_error *err) {
    (void)user;
    (void)sha256;
    if (strpbrk(url, "{}#") || !source__is_http(url)) abort();
    taken++;
    /* a few tell as much as a million */
    return taken < 100 ? PEAL_OK : peal_fail(err, PEAL_E_FAILED, "enough");
}

/* What was read is in bounds and stands to reason. */
static void check(const source__answer *answer) {
    const bool right = answer->status >= 0 && answer->status <= 999 && answer->retry_after >= -1 &&
                       (!answer->has_range || answer->range_end == 0 ||
                        (answer->range_begin < answer->range_end && answer->range_end <= answer->range_size)) &&
                       memchr(answer->etag, '\0', sizeof answer->etag) &&
                       memchr(answer->modified, '\0', sizeof answer->modified) &&
                       (!answer->etag[0] || strlen(answer->etag) >= 2);
    if (!right) abort();
}

/* Each line in exactly its own bytes. */
static void read_line(source__answer *answer, const uint8_t *line, size_t size) {
    char *copy = malloc(size + !size);
    if (!copy) abort();
    if (size) memcpy(copy, line, size);
    source__answer_line(answer, copy, size, 1000000000);
    check(answer);
    free(copy);
}

static void read_name(const uint8_t *bytes, size_t size) {
    char *name = malloc(size + 1);
    if (!name) abort();
    if (size) memcpy(name, bytes, size);
    name[size] = '\0';
    taken = 0;
    if (source__is_http(name) && source__http_check(name, NULL) == PEAL_OK) {
        (void)source__http_expand(name, take, NULL, NULL);
        if (taken == 0) abort();
    }
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    source__answer answer;
    source__answer_begin(&answer);
    for (bool first = true; size > 0; first = false) {
        const uint8_t *end = memchr(data, '\n', size);
        const size_t length = end ? (size_t)(end - data) + 1 : size;
        if (first) read_name(data, length - (end != NULL));
        if (!first) read_line(&answer, data, length);
        data += length;
        size -= length;
    }
    return 0;
}
