/* Checksums that stand inside what they guard; see seal.h. */
#include "core/base/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/memory.h"

static const char blank[] = PEAL_SEAL_BLANK;
_Static_assert(sizeof blank - 1 == PEAL_SEAL_SIZE, "the blank seal is as long as a seal");

size_t peal_seal_find(const char *text, size_t size) {
    static const char key[] = "\"" PEAL_SEAL_KEY "\":";
    const char *found = memmem(text, size, key, sizeof key - 1), *end = text + size;
    if (!found) return SIZE_MAX;
    found += sizeof key - 1;
    if (found < end && *found == ' ') found++;
    if (end - found < PEAL_SEAL_SIZE + 2 || found[0] != '"' || found[PEAL_SEAL_SIZE + 1] != '"') return SIZE_MAX;
    return (size_t)(found + 1 - text);
}

bool peal_seal_close(char *text, size_t size) {
    const size_t at = peal_seal_find(text, size);
    if (at == SIZE_MAX) return false;
    char digits[PEAL_SEAL_SIZE + 1];
    peal_hash_text(peal_hash(text, size, 0), digits);
    memcpy(text + at, digits, PEAL_SEAL_SIZE);
    return true;
}

peal_status peal_seal_check(const char *name, const uint8_t *bytes, size_t size, size_t begin, size_t text_size,
                            peal_error *err) {
    size_t at = peal_seal_find((const char *)bytes + begin, text_size);
    if (at == SIZE_MAX) return peal_fail(err, PEAL_E_DATA, "%s has no checksum of its own: make it again", name);
    at += begin;
    peal_hasher *hasher = peal_hasher_new();
    if (!hasher) return peal_fail(err, PEAL_E_MEMORY, "no memory to check %s", name);
    peal_hasher_update(hasher, bytes, at);
    peal_hasher_update(hasher, blank, PEAL_SEAL_SIZE);
    peal_hasher_update(hasher, bytes + at + PEAL_SEAL_SIZE, size - at - PEAL_SEAL_SIZE);
    char digits[PEAL_SEAL_SIZE + 1];
    peal_hash_text(peal_hasher_end(hasher), digits);
    peal_hasher_free(hasher);
    if (memcmp(digits, bytes + at, PEAL_SEAL_SIZE) == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s is damaged: its checksum is %s, but another one stands in it", name, digits);
}

peal_status peal_seal_wrong_version(const char *name, const char *found, int version, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "%s is of version %s, and this program reads version %d: make it again", name,
                     found, version);
}

static bool is_of_kind(const json_t *object, const char *kind) {
    const char *found = json_string_value(json_object_get(object, "kind"));
    return found && strcmp(found, kind) == 0;
}

json_t *peal_seal_peek(const char *path, const char *kind) {
    peal_buffer text = {0};
    json_t *object = NULL;
    if (peal_file_read(path, &text, NULL) == PEAL_OK) peal_json_parse(path, text.data, text.size, &object, NULL);
    peal_buffer_clear(&text);
    if (is_of_kind(object, kind)) return object;
    json_decref(object);
    return NULL;
}

static peal_status check_kind(const json_t *object, const char *path, const char *noun, const char *kind, int version,
                              peal_error *err) {
    const json_t *number = json_object_get(object, "version");
    if (!is_of_kind(object, kind)) return peal_fail(err, PEAL_E_DATA, "%s is not %s", path, noun);
    if (json_is_integer(number) && json_integer_value(number) == version) return PEAL_OK;
    char text[24] = "?";
    if (json_is_integer(number)) snprintf(text, sizeof text, "%lld", (long long)json_integer_value(number));
    return peal_seal_wrong_version(path, text, version, err);
}

peal_status peal_seal_read(const char *path, const char *noun, const char *kind, int version, json_t **out,
                           peal_error *err) {
    *out = NULL;
    peal_buffer text = {0};
    peal_status status = peal_file_read(path, &text, err);
    if (status == PEAL_OK) status = peal_json_parse(path, text.data, text.size, out, err);
    if (status == PEAL_OK) status = check_kind(*out, path, noun, kind, version, err);
    if (status == PEAL_OK) status = peal_seal_check(path, text.data, text.size, 0, text.size, err);
    peal_buffer_clear(&text);
    if (status == PEAL_OK) return PEAL_OK;
    json_decref(*out);
    *out = NULL;
    return status;
}

peal_status peal_seal_write(const char *path, const json_t *object, peal_error *err) {
    json_t *sealed = json_pack("{s:s}", PEAL_SEAL_KEY, PEAL_SEAL_BLANK);
    if (sealed && json_object_update(sealed, (json_t *)object) != 0) { /* -1, too, if `object` is NULL */
        json_decref(sealed);
        sealed = NULL;
    }
    char *text;
    peal_status status = peal_json_dump(sealed, JSON_INDENT(1), path, &text, err);
    json_decref(sealed);
    if (status != PEAL_OK) return status;
    const size_t size = strlen(text);
    status = peal_seal_close(text, size) ? peal_file_write_atomic(path, text, size, err)
                                         : peal_fail(err, PEAL_E_DATA, "%s cannot be sealed", path);
    free(text);
    return status;
}
