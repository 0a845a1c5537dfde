/* Lists a job's objects, opens them, and compares them with earlier ones; see objects.h. */
#include "etl/job/objects.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/json.h"

enum { SURVEYS_MOST = 16 }; /* objects that are looked at before any is read */

/* ---- opening ---- */

static void close_input(peal_input *input) {
    peal_stream_close(input->stream);
    peal_stream_close(input->labels);
    input->stream = input->labels = NULL;
}

/* The format that was asked for, or the one that the first bytes are of. An encoding is of text. */
static peal_status choose_format(const peal_object_list *list, const peal_object *object, const uint8_t *head,
                                 size_t size, const peal_format **out, peal_error *err) {
    *out = list->format;
    if (*out) return PEAL_OK;
    if (peal_option_text(list->options, "encoding", NULL)) return peal_format_find("csv", out, err);
    PEAL_TRY(peal_format_recognise(head, size, object->name, out, err));
    const peal_status status = peal_format_check_options(*out, list->options, err);
    if (status != PEAL_OK) peal_error_context(err, "%s", object->name);
    return status;
}

/* Opens the streams of an object that is not empty and finds its format; *format is NULL if it is empty. */
static peal_status open_input(const peal_object_list *list, const peal_object *object, peal_source_meter *meter,
                              peal_input *out, const peal_format **format, peal_error *err) {
    uint8_t head[PEAL_HEAD_SIZE];
    size_t size = 0;
    *out = (peal_input){.name = object->name};
    *format = NULL;
    PEAL_TRY(peal_decode_source(object->source, meter, &out->stream, err));
    PEAL_TRY(peal_stream_look(&out->stream, head, sizeof head, &size, err));
    peal_status status = size ? choose_format(list, object, head, size, format, err) : PEAL_OK;
    if (status == PEAL_OK && object->companion) {
        out->labels_name = peal_source_name(object->companion);
        status = peal_decode_source(object->companion, NULL, &out->labels, err);
    }
    if (status != PEAL_OK || !*format) close_input(out);
    return status;
}

peal_status peal_object_open(const peal_object_list *list, const peal_object *object, const peal_wanted *wanted,
                             peal_source_meter *meter, peal_reader **out, peal_error *err) {
    peal_input input;
    const peal_format *format;
    *out = NULL;
    PEAL_TRY(open_input(list, object, meter, &input, &format, err));
    return format ? format->open(list->options, wanted, &input, out, err) : PEAL_OK;
}

/* ---- surveys ---- */

static peal_status survey_object(const peal_object_list *list, const peal_object *object, const peal_survey *what,
                                 peal_found *out, peal_error *err) {
    peal_input input;
    const peal_format *format;
    *out = (peal_found){0};
    PEAL_TRY(open_input(list, object, NULL, &input, &format, err));
    return format ? format->survey(list->options, what, &input, out, err) : PEAL_OK;
}

/* Takes over what a later object tells of columns that are not decided; true if all are then. */
static bool complete(peal_found *found, const peal_found *more) {
    bool all = true;
    for (size_t i = 0; i < found->schema.count; i++) {
        peal_field *field = &found->schema.fields[i];
        if (!field->decided && more) {
            const size_t at = peal_schema_find(&more->schema, field->name, strlen(field->name));
            if (at != SIZE_MAX && more->schema.fields[at].decided) {
                char *name = field->name;
                *field = more->schema.fields[at];
                field->name = name;
                found->guesses[i] = more->guesses[at];
            }
        }
        all = all && field->decided;
    }
    return all;
}

peal_status peal_object_list_survey(const peal_object_list *list, const peal_survey *what, peal_found *out,
                                    size_t *first, peal_error *err) {
    bool whole = false;
    *out = (peal_found){0};
    for (size_t i = 0, looks = 0; i < list->count && !whole && looks < SURVEYS_MOST; i++) {
        peal_found found;
        const peal_status status = survey_object(list, &list->objects[i], what, &found, err);
        if (status != PEAL_OK) {
            peal_found_clear(out);
            return status;
        }
        looks += out->schema.count > 0;
        if (out->schema.count == 0) {
            peal_found_clear(out);
            *out = found;
            *first = i;
            whole = found.schema.count > 0 && complete(out, NULL);
        } else {
            whole = complete(out, &found);
            peal_found_clear(&found);
        }
    }
    if (out->schema.count > 0) return PEAL_OK;
    peal_found_clear(out);
    return peal_fail(err, PEAL_E_DATA, list->count > 1 ? "%s and the other inputs are empty" : "%s is empty",
                     list->objects[0].name);
}

/* ---- the list ---- */

/* What tells of a companion is its bytes: there are few. */
static peal_status hash_companion(peal_source *companion, const atomic_int *stop, peal_error *err) {
    if (companion->hashed) return PEAL_OK;
    companion->hashed = true;
    return peal_source_hash(companion, stop, &companion->hash, err);
}

static uint64_t identity_of(const peal_object *object) {
    const peal_source *source = object->source;
    const uint64_t companion = object->companion ? object->companion->hash : 0;
    if (source->hashed) return peal_hash(&source->hash, sizeof source->hash, companion);
    return peal_hash(&source->identity, sizeof source->identity, companion);
}

static void describe(peal_object *object, bool identify) {
    object->path = object->source->path;
    object->name = peal_source_name(object->source);
    object->size = object->source->size;
    if (identify) object->identity = identity_of(object);
}

/* The first plain bytes of a source. */
static peal_status read_head(const peal_source *source, uint8_t head[64], size_t *got, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_decode_source(source, NULL, &stream, err));
    const peal_status status = peal_stream_fill(stream, head, 64, got, err);
    peal_stream_close(stream);
    return status;
}

/* Files of labels are paired with files of items in the order of both. */
static peal_status pair(peal_object_list *list, const peal_format *format, bool identify, peal_error *err) {
    size_t companions = 0, items = 0;
    for (size_t i = 0; i < list->sources.count; i++) {
        uint8_t head[64];
        size_t got = 0;
        peal_source *source = &list->sources.sources[i];
        PEAL_TRY(read_head(source, head, &got, err));
        if (!format->is_companion(head, got)) {
            list->objects[items++].source = source;
            continue;
        }
        if (identify) PEAL_TRY(hash_companion(source, list->stop, err));
        list->objects[companions++].companion = source;
    }
    list->count = items;
    if (items == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s holds labels only; name the file with their items too",
                         peal_source_name(list->objects[0].companion));
    }
    if (companions == 0 || companions == items) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%zu files of items, but %zu files of labels: they cannot be paired", items,
                     companions);
}

/* The format whose inputs come in pairs, if the first source is of one; else NULL. */
static peal_status find_pairing(const peal_object_list *list, const peal_format **out, peal_error *err) {
    uint8_t head[64];
    size_t got = 0;
    *out = NULL;
    PEAL_TRY(read_head(&list->sources.sources[0], head, &got, err));
    for (size_t i = 0; peal_formats[i]; i++) {
        const peal_format *format = list->format ? list->format : peal_formats[i];
        if (format->is_companion && format->recognise(head, got, "") > 0) *out = format;
    }
    return PEAL_OK;
}

static peal_status make(peal_object_list *list, bool identify, const char *format, peal_error *err) {
    const peal_format *pairing;
    PEAL_TRY(peal_alloc_checked(&list->objects, list->sources.count, sizeof *list->objects, "a list of inputs", err));
    if (format) PEAL_TRY(peal_format_find(format, &list->format, err));
    PEAL_TRY(peal_format_check_options(list->format, list->options, err));
    PEAL_TRY(find_pairing(list, &pairing, err));
    if (pairing) {
        PEAL_TRY(pair(list, pairing, identify, err));
    } else {
        list->count = list->sources.count;
        for (size_t i = 0; i < list->count; i++) list->objects[i].source = &list->sources.sources[i];
    }
    for (size_t i = 0; i < list->count; i++) describe(&list->objects[i], identify);
    return PEAL_OK;
}

peal_status peal_object_list_make(const peal_source_options *sources, const char *format, const json_t *options,
                                  peal_object_list *out, peal_error *err) {
    *out = (peal_object_list){.stop = sources->stop, .options = options};
    peal_status status = peal_source_list_make(sources, &out->sources, err);
    if (status == PEAL_OK) status = make(out, sources->identify, format, err);
    if (status != PEAL_OK) peal_object_list_clear(out);
    return status;
}

void peal_object_list_clear(peal_object_list *list) {
    peal_source_list_clear(&list->sources);
    free(list->objects);
    *list = (peal_object_list){0};
}

/* ---- what they were ---- */

json_t *peal_object_list_save(const peal_object_list *list) {
    json_t *saved = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const peal_object *object = &list->objects[i];
        const peal_identity none = {0}, *identity = object->source->hashed ? &none : &object->source->identity;
        char hash[17];
        peal_hash_text(object->hash, hash);
        json_t *one = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "path", peal_json_path(object->path),
                                "size", (json_int_t)object->size, "mtime_ns", (json_int_t)identity->mtime_ns,
                                "ctime_ns", (json_int_t)identity->ctime_ns, "inode", (json_int_t)identity->inode,
                                "device", (json_int_t)identity->device, "xxh3", hash, "rows", (json_int_t)object->rows);
        if (object->companion) {
            peal_hash_text(object->companion->hash, hash);
            one = peal_json_set(one, "companion",
                                json_pack("{s:o, s:s}", "path", peal_json_path(object->companion->path), "xxh3", hash));
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
static char *content_difference(const peal_object_list *list, const peal_source *source, const json_t *saved) {
    uint64_t hash = source->hash;
    if (!source->hashed && is_saved_identity(saved, &source->identity)) return NULL;
    if (!source->hashed && peal_source_hash(source, list->stop, &hash, NULL) != PEAL_OK) {
        return peal_sprintf("%s cannot be read", peal_source_name(source));
    }
    return is_saved_hash(saved, hash) ? NULL : peal_sprintf("%s changed its content", peal_source_name(source));
}

static char *object_difference(const peal_object_list *list, const peal_object *object, const json_t *saved) {
    const char *name = peal_source_name(object->source);
    /* What is read through a descriptor has no name that lasts: /dev/fd/63 today, /dev/fd/62 tomorrow. */
    if (object->source->fd < 0 && !is_path(json_object_get(saved, "path"), object->path)) {
        return peal_sprintf("%s was not among the inputs", name);
    }
    const json_int_t size = json_integer_value(json_object_get(saved, "size"));
    if ((uint64_t)size != object->size) {
        return peal_sprintf("%s changed its size from %lld to %llu bytes", name, (long long)size,
                            (unsigned long long)object->size);
    }
    const json_t *companion = json_object_get(saved, "companion");
    if (!object->companion != !companion || (companion && !is_saved_hash(companion, object->companion->hash))) {
        return peal_sprintf("the labels of %s changed", name);
    }
    return content_difference(list, object->source, saved);
}

char *peal_object_list_difference(const peal_object_list *list, const json_t *saved) {
    if (json_array_size(saved) != list->count) {
        return peal_sprintf("there were %zu inputs and now there are %zu", json_array_size(saved), list->count);
    }
    for (size_t i = 0; i < list->count; i++) {
        char *why = object_difference(list, &list->objects[i], json_array_get(saved, i));
        if (why) return why;
    }
    return NULL;
}
