/* Finds the format of a job's sources, pairs them with their labels, and compares them with earlier ones; see
 * input.h. */
#include "etl/job/input.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/json.h"

enum { SAMPLE_SIZE = 1 << 20 };

/* ---- looking at files ---- */

/* Up to `capacity` plain bytes from the beginning of the file. */
static peal_status read_head(const peal_source *source, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_decode_source(source, NULL, &stream, err));
    peal_status status = peal_stream_fill(stream, out, capacity, got, err);
    peal_stream_close(stream);
    return status;
}

static peal_status read_sample(peal_input_list *list, const peal_source *source, peal_error *err) {
    free(list->sample);
    list->sample = malloc(SAMPLE_SIZE + PEAL_BLOCK_PADDING);
    if (!list->sample) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    PEAL_TRY(read_head(source, (uint8_t *)list->sample, SAMPLE_SIZE, &list->sample_size, err));
    memset(list->sample + list->sample_size, 0, PEAL_BLOCK_PADDING);
    list->sample_whole = list->sample_size < SAMPLE_SIZE;
    return list->sample_size ? PEAL_OK : peal_fail(err, PEAL_E_DATA, "%s is empty", peal_source_name(source));
}

static peal_status recognise(peal_input_list *list, const char *path, peal_error *err) {
    const uint8_t *head = (const uint8_t *)list->sample;
    size_t size = list->sample_size < 64 ? list->sample_size : 64;
    for (size_t i = 0; peal_formats[i] && !list->format; i++) {
        if (peal_formats[i]->recognise(head, size)) list->format = peal_formats[i];
    }
    if (list->format) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: its bytes (%02x %02x ...) are of no known format; name it (format)", path,
                     head[0], size > 1 ? head[1] : 0);
}

/* What tells of a companion is its bytes: there are few. */
static peal_status hash_companion(peal_source *companion, const atomic_int *stop, peal_error *err) {
    if (companion->hashed) return PEAL_OK;
    companion->hashed = true;
    return peal_source_hash(companion, stop, &companion->hash, err);
}

static uint64_t identity_of(const peal_input *input) {
    const peal_source *source = input->source;
    const uint64_t companion = input->companion ? input->companion->hash : 0;
    if (source->hashed) return peal_hash(&source->hash, sizeof source->hash, companion);
    return peal_hash(&source->identity, sizeof source->identity, companion);
}

static void describe(peal_input *input, bool identify) {
    input->path = input->source->path;
    input->size = input->source->size;
    if (identify) input->identity = identity_of(input);
}

/* ---- pairs ---- */

/* Files of labels are paired with files of items in the order of both. */
static peal_status pair(peal_input_list *list, bool identify, peal_error *err) {
    size_t companions = 0, items = 0;
    for (size_t i = 0; i < list->sources.count; i++) {
        uint8_t head[64];
        size_t got = 0;
        peal_source *source = &list->sources.sources[i];
        PEAL_TRY(read_head(source, head, sizeof head, &got, err));
        if (!list->format->is_companion(head, got)) {
            list->inputs[items++].source = source;
            continue;
        }
        if (identify) PEAL_TRY(hash_companion(source, list->stop, err));
        list->inputs[companions++].companion = source;
    }
    list->count = items;
    if (items == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s holds labels only; name the file with their items too",
                         list->inputs[0].companion->path);
    }
    if (companions == 0 || companions == items) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%zu files of items, but %zu files of labels: they cannot be paired", items,
                     companions);
}

static peal_status make(peal_input_list *list, bool identify, const char *format, peal_error *err) {
    const peal_source *first = &list->sources.sources[0];
    if (format) PEAL_TRY(peal_format_find(format, &list->format, err));
    PEAL_TRY(peal_alloc_checked(&list->inputs, list->sources.count, sizeof *list->inputs, "a list of inputs", err));
    PEAL_TRY(read_sample(list, first, err));
    PEAL_TRY(recognise(list, peal_source_name(first), err));
    if (list->format->is_companion) {
        PEAL_TRY(pair(list, identify, err));
        if (list->inputs[0].source != first) PEAL_TRY(read_sample(list, list->inputs[0].source, err));
    } else {
        list->count = list->sources.count;
        for (size_t i = 0; i < list->count; i++) list->inputs[i].source = &list->sources.sources[i];
    }
    for (size_t i = 0; i < list->count; i++) describe(&list->inputs[i], identify);
    return PEAL_OK;
}

peal_status peal_input_list_make(const peal_source_options *sources, const char *format, peal_input_list *out,
                                 peal_error *err) {
    *out = (peal_input_list){.stop = sources->stop};
    peal_status status = peal_source_list_make(sources, &out->sources, err);
    if (status == PEAL_OK) status = make(out, sources->identify, format, err);
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
        const peal_identity none = {0}, *identity = input->source->hashed ? &none : &input->source->identity;
        char hash[17];
        peal_hash_text(input->hash, hash);
        json_t *one = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "path", peal_json_path(input->path), "size",
                                (json_int_t)input->size, "mtime_ns", (json_int_t)identity->mtime_ns, "ctime_ns",
                                (json_int_t)identity->ctime_ns, "inode", (json_int_t)identity->inode, "device",
                                (json_int_t)identity->device, "xxh3", hash, "rows", (json_int_t)input->rows);
        if (input->companion) {
            peal_hash_text(input->companion->hash, hash);
            one = peal_json_set(one, "companion",
                                json_pack("{s:o, s:s}", "path", peal_json_path(input->companion->path), "xxh3", hash));
        }
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

static bool is_saved_hash(const json_t *saved, uint64_t hash) {
    char text[17];
    peal_hash_text(hash, text);
    const char *expected = json_string_value(json_object_get(saved, "xxh3"));
    return expected && strcmp(expected, text) == 0;
}

static bool is_saved_number(const json_t *saved, const char *key, uint64_t number) {
    const json_t *value = json_object_get(saved, key);
    return json_is_integer(value) && (uint64_t)json_integer_value(value) == number;
}

static bool is_saved_identity(const json_t *saved, const peal_identity *identity) {
    return is_saved_number(saved, "mtime_ns", (uint64_t)identity->mtime_ns) &&
           is_saved_number(saved, "ctime_ns", (uint64_t)identity->ctime_ns) &&
           is_saved_number(saved, "inode", identity->inode) && is_saved_number(saved, "device", identity->device);
}

/* The same file by its identity, else the same bytes. */
static char *content_difference(const peal_input_list *list, const peal_source *source, const json_t *saved) {
    uint64_t hash = source->hash;
    if (!source->hashed && is_saved_identity(saved, &source->identity)) return NULL;
    if (!source->hashed && peal_source_hash(source, list->stop, &hash, NULL) != PEAL_OK) {
        return peal_sprintf("%s cannot be read", peal_source_name(source));
    }
    return is_saved_hash(saved, hash) ? NULL : peal_sprintf("%s changed its content", peal_source_name(source));
}

static char *input_difference(const peal_input_list *list, const peal_input *input, const json_t *saved) {
    const char *name = peal_source_name(input->source);
    /* What is read through a descriptor has no name that lasts: /dev/fd/63 today, /dev/fd/62 tomorrow. */
    if (input->source->fd < 0 && !is_path(json_object_get(saved, "path"), input->path)) {
        return peal_sprintf("%s was not among the inputs", name);
    }
    const json_int_t size = json_integer_value(json_object_get(saved, "size"));
    if ((uint64_t)size != input->size) {
        return peal_sprintf("%s changed its size from %lld to %llu bytes", name, (long long)size,
                            (unsigned long long)input->size);
    }
    const json_t *companion = json_object_get(saved, "companion");
    if (!input->companion != !companion || (companion && !is_saved_hash(companion, input->companion->hash))) {
        return peal_sprintf("the labels of %s changed", name);
    }
    return content_difference(list, input->source, saved);
}

char *peal_input_list_difference(const peal_input_list *list, const json_t *saved) {
    if (json_array_size(saved) != list->count) {
        return peal_sprintf("there were %zu inputs and now there are %zu", json_array_size(saved), list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        char *why = input_difference(list, &list->inputs[i], json_array_get(saved, i));
        if (why) return why;
    }
    return NULL;
}
