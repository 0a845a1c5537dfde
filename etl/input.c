#include "etl/input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/digest.h"
#include "core/json.h"

enum { SAMPLE_SIZE = 1 << 20 };

/* ---- looking at files ---- */

/* Up to `capacity` plain bytes from the beginning of the file. */
static peal_status read_head(const char *path, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_source_stream_open(path, NULL, &stream, err));
    peal_status status = peal_stream_fill(stream, out, capacity, got, err);
    peal_stream_close(stream);
    return status;
}

static peal_status read_sample(peal_input_list *list, const char *path, peal_error *err) {
    list->sample = malloc(SAMPLE_SIZE + PEAL_BLOCK_PADDING);
    if (!list->sample) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    PEAL_TRY(read_head(path, (uint8_t *)list->sample, SAMPLE_SIZE, &list->sample_size, err));
    memset(list->sample + list->sample_size, 0, PEAL_BLOCK_PADDING);
    list->sample_whole = list->sample_size < SAMPLE_SIZE;
    return list->sample_size ? PEAL_OK : peal_fail(err, PEAL_E_DATA, "%s is empty", path);
}

static peal_status recognise(peal_input_list *list, const char *path, peal_error *err) {
    const uint8_t *head = (const uint8_t *)list->sample;
    size_t size = list->sample_size < 64 ? list->sample_size : 64;
    for (size_t i = 0; peal_formats[i] && !list->format; i++) {
        if (peal_formats[i]->recognise(head, size)) list->format = peal_formats[i];
    }
    if (list->format) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: its bytes (%02x %02x ...) are of no known format; name it with --format",
                     path, head[0], size > 1 ? head[1] : 0);
}

static peal_status describe(peal_input *input, peal_error *err) {
    struct stat info;
    if (strcmp(input->path, "-") == 0) return PEAL_OK;
    if (stat(input->path, &info) != 0) return peal_fail(err, PEAL_E_DATA, "no such file: %s", input->path);
    input->size = (uint64_t)info.st_size;
    input->mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    return PEAL_OK;
}

/* ---- pairs ---- */

/* Files of labels are paired with files of items in the order of both. */
static peal_status pair(peal_input_list *list, peal_error *err) {
    size_t companions = 0, items = 0;
    for (size_t i = 0; i < list->sources.count; i++) {
        uint8_t head[64];
        size_t got = 0;
        const char *path = list->sources.paths[i];
        PEAL_TRY(read_head(path, head, sizeof head, &got, err));
        if (list->format->is_companion(head, got)) {
            list->inputs[companions++].companion = path;
        } else {
            list->inputs[items++].path = path;
        }
    }
    list->count = items;
    if (items == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s holds labels only; name the file with their items too",
                         list->inputs[0].companion);
    }
    if (companions == 0 || companions == items) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%zu files of items, but %zu files of labels: they cannot be paired", items,
                     companions);
}

static peal_status make(peal_input_list *list, const char *format, peal_error *err) {
    if (format) PEAL_TRY(peal_format_find(format, &list->format, err));
    PEAL_TRY(peal_alloc_checked(&list->inputs, list->sources.count, sizeof *list->inputs, "a list of inputs", err));
    PEAL_TRY(read_sample(list, list->sources.paths[0], err));
    PEAL_TRY(recognise(list, list->sources.paths[0], err));
    if (list->format->is_companion) {
        PEAL_TRY(pair(list, err));
        if (list->inputs[0].path != list->sources.paths[0]) {
            free(list->sample);
            list->sample = NULL;
            PEAL_TRY(read_sample(list, list->inputs[0].path, err));
        }
    } else {
        list->count = list->sources.count;
        for (size_t i = 0; i < list->count; i++) list->inputs[i].path = list->sources.paths[i];
    }
    for (size_t i = 0; i < list->count; i++) PEAL_TRY(describe(&list->inputs[i], err));
    return PEAL_OK;
}

peal_status peal_input_list_make(const char *const *sources, size_t count, const char *format, peal_input_list *out,
                                 peal_error *err) {
    *out = (peal_input_list){0};
    peal_status status = peal_source_list_make(sources, count, &out->sources, err);
    if (status == PEAL_OK) status = make(out, format, err);
    if (status != PEAL_OK) peal_input_list_clear(out);
    return status;
}

void peal_input_list_clear(peal_input_list *list) {
    peal_source_list_clear(&list->sources);
    free(list->inputs);
    free(list->sample);
    *list = (peal_input_list){0};
}

/* ---- what they were ---- */

json_t *peal_input_list_save(const peal_input_list *list) {
    json_t *saved = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const peal_input *input = &list->inputs[i];
        char hash[17];
        peal_hash_text(input->hash, hash);
        json_t *one =
            json_pack("{s:o, s:I, s:I, s:s, s:I}", "path", peal_json_path(input->path), "size", (json_int_t)input->size,
                      "mtime_ns", (json_int_t)input->mtime_ns, "xxh3", hash, "rows", (json_int_t)input->rows);
        if (input->companion) one = peal_json_set(one, "companion", peal_json_path(input->companion));
        saved = peal_json_append(saved, one);
    }
    return saved;
}

/* True if `text`, saved, spells `path`. */
static bool is_path(const json_t *text, const char *path) {
    json_t *wanted = peal_json_path(path);
    const bool same = wanted && json_equal(text, wanted);
    json_decref(wanted);
    return same;
}

static char *input_difference(const peal_input *input, const json_t *saved) {
    const char *path = input->path;
    if (!is_path(json_object_get(saved, "path"), path)) return peal_sprintf("%s was not among the inputs", path);
    json_int_t size = json_integer_value(json_object_get(saved, "size"));
    if ((uint64_t)size != input->size) {
        return peal_sprintf("%s changed its size from %lld to %llu bytes", path, (long long)size,
                            (unsigned long long)input->size);
    }
    if (json_integer_value(json_object_get(saved, "mtime_ns")) == input->mtime_ns) return NULL;
    uint64_t hash;
    char text[17];
    if (peal_hash_file(input->path, &hash, NULL) != PEAL_OK) return peal_sprintf("%s cannot be read", path);
    peal_hash_text(hash, text);
    const char *expected = json_string_value(json_object_get(saved, "xxh3"));
    if (expected && strcmp(expected, text) == 0) return NULL;
    return peal_sprintf("%s changed its content", path);
}

char *peal_input_list_difference(const peal_input_list *list, const json_t *saved) {
    if (json_array_size(saved) != list->count) {
        return peal_sprintf("there were %zu inputs and now there are %zu", json_array_size(saved), list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        char *why = input_difference(&list->inputs[i], json_array_get(saved, i));
        if (why) return why;
    }
    return NULL;
}
