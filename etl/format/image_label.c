/* What an image is said to be. In the layout of WebDataset's shards a file of the same key stands beside it: key.cls
 * holds the class, key.json has it as "label", "cls" or "class", key.txt is it. Else it is the name of its folder. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "etl/format/image.h"

/* ---- folders ---- */

/* The last part of `path` [length], without slashes at its end. */
static peal_status last_part(const char *path, size_t length, peal_buffer *out, peal_error *err) {
    while (length > 0 && path[length - 1] == '/') length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    return peal_buffer_append(out, path + begin, length - begin, err);
}

/* The folder's own name, which the path does not tell: "a.jpg", "../a.jpg". */
static peal_status look_up(const char *path, peal_buffer *out, peal_error *err) {
    char *folder = peal_path_folder(path);
    if (!folder) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    char *real = realpath(folder, NULL);
    free(folder);
    const peal_status status = real ? last_part(real, strlen(real), out, err) : PEAL_OK;
    free(real);
    return status;
}

peal_status image__folder(const char *path, bool is_file, peal_buffer *out, peal_error *err) {
    const char *slash = strrchr(path, '/');
    out->size = 0;
    if (slash) PEAL_TRY(last_part(path, (size_t)(slash - path), out, err));
    const bool is_told = out->size > 0 && !(out->size == 1 && out->data[0] == '.') &&
                         !(out->size == 2 && memcmp(out->data, "..", 2) == 0);
    if (is_told) return PEAL_OK;
    out->size = 0;
    return is_file ? look_up(path, out, err) : PEAL_OK;
}

/* ---- what stands beside ---- */

static void trim(peal_buffer *text) {
    size_t begin = 0;
    while (text->size > 0 && isspace(text->data[text->size - 1])) text->size--;
    while (begin < text->size && isspace(text->data[begin])) begin++;
    memmove(text->data, text->data + begin, text->size - begin);
    text->size -= begin;
}

static bool is_named(const peal_item *item, const char *ending) {
    const char *path = peal_item_path(item);
    const size_t length = strlen(path), size = strlen(ending);
    return length > size && strcmp(path + length - size, ending) == 0;
}

/* The label in a JSON document: a text or a whole number, alone or in an object. */
static peal_status from_json(peal_buffer *text, peal_error *err) {
    static const char *const keys[] = {"label", "cls", "class"};
    json_error_t fault;
    json_t *document = json_loadb((const char *)text->data, text->size, JSON_DECODE_ANY, &fault);
    if (!document) {
        return peal_fail(err, PEAL_E_DATA, "the JSON beside it is damaged: byte %d: %s", fault.position, fault.text);
    }
    const json_t *value = json_is_object(document) ? NULL : document;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !value; i++) value = json_object_get(document, keys[i]);
    text->size = 0;
    peal_status status = PEAL_OK;
    if (json_is_string(value)) {
        status = peal_buffer_append(text, json_string_value(value), json_string_length(value), err);
    } else if (json_is_integer(value)) {
        char number[32];
        const int size = peal_snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        status = peal_buffer_append(text, number, (size_t)size, err);
    } else {
        status =
            peal_fail(err, PEAL_E_DATA, "the JSON beside it has no text or whole number called label, cls or class");
    }
    json_decref(document);
    return status;
}

peal_status peal_image_label(const peal_item *item, peal_buffer *out, peal_error *err) {
    enum { FILE_MOST = 1 << 20 };
    if (!item->label) return image__folder(peal_item_path(item), !item->member, out, err);
    PEAL_TRY(peal_item_read(item->label, FILE_MOST, out, err));
    if (is_named(item->label, ".json")) PEAL_TRY(from_json(out, err));
    trim(out);
    if (out->size <= PEAL_IMAGE_LABEL_MOST && !(out->size && memchr(out->data, '\n', out->size))) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the text beside it is no label: it has several lines or more than %d bytes",
                     PEAL_IMAGE_LABEL_MOST);
}
