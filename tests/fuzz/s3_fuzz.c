/* What stores like S3 answer, lists and errors, and files of profiles: the same bytes as each of them. */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "etl/source/http_text.h"
#include "etl/source/s3_access.h"
#include "etl/source/s3_answer.h"
#include "etl/source/s3_names.h"
#include "tests/fuzz/fuzz.h"

static void check_key(const source__s3_key *one) {
    const size_t size = strlen(one->key);
    if (size == 0 || size > SOURCE__KEY_MOST || peal_utf8_error(one->key, size) != size) abort();
    if (one->size > INT64_MAX || (one->etag && !source__is_etag(one->etag))) abort();
}

static void check_line(const char *text, size_t capacity) {
    const size_t size = strnlen(text, capacity);
    if (size == capacity || peal_utf8_error(text, size) != size) abort();
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ') abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    source__s3_listing list = {0};
    source__s3_error said;
    peal_error err;
    for (int page = 0; page < 2; page++) { /* the same twice: what was read stays */
        if (source__s3_listing_add(&list, "a list", data, size, &err) != PEAL_OK) break;
        for (size_t i = 0; i < list.count; i++) check_key(&list.keys[i]);
    }
    source__s3_listing_clear(&list);
    source__s3_error_read(data, size, &said);
    check_line(said.code, sizeof said.code);
    check_line(said.message, sizeof said.message);
    check_line(said.region, sizeof said.region);
    check_line(said.endpoint, sizeof said.endpoint);
    char *text = malloc(size + !size);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    static const char *const names[] = {"region", "aws_access_key_id"}, *const sections[] = {"default", "profile a b"};
    for (int i = 0; i < 4; i++) {
        char *value = source__s3_profile_value(text, size, sections[i / 2], names[i % 2]);
        if (value && (!*value || strlen(value) > size)) abort();
        free(value);
    }
    free(text);
    return 0;
}
