/* Lists a job's objects, opens them, and compares them with earlier ones; see objects.h. */
#include "etl/job/objects.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "etl/job/gather.h"
#include "etl/job/members.h"

enum { FORMAT_SURE = 80 };  /* of a format's recognition */
enum { SURVEYS_MOST = 16 }; /* objects that are looked at before any is read */

/* ---- opening ---- */

static void close_input(peal_input *input) {
    peal_stream_close(input->stream);
    peal_stream_close(input->labels);
    input->stream = input->labels = NULL;
}

/* The format that was asked for, or the one that the first bytes are of. What nobody knows may be text in an encoding
 * that was named; a format that is known without it has to know of it. */
peal_status peal_object_format(const peal_object_list *list, const peal_object *object, const uint8_t *head,
                               size_t size, const peal_format **out, peal_error *err) {
    *out = list->format;
    if (*out) return PEAL_OK;
    const bool encoded = peal_option_text(list->options, "encoding", NULL) != NULL;
    peal_status status = peal_format_recognise(head, size, object->name, out, encoded ? NULL : err);
    if (status != PEAL_OK && encoded) return peal_format_find("csv", out, err);
    PEAL_TRY(status);
    status = peal_format_check_options(*out, list->options, err);
    if (status != PEAL_OK) peal_error_context(err, "%s", object->name);
    return status;
}

peal_status peal_object_stream_open(const peal_object *object, peal_source_meter *meter, peal_stream **out,
                                    peal_error *err) {
    peal_stream *stream;
    if (!object->member) return peal_decode_source(object->source, meter, out, err);
    *out = NULL;
    PEAL_TRY(peal_source_stream_open(object->source, NULL, &stream, err));
    PEAL_TRY(object->archive->open(stream, object->name, object->member, &stream, err));
    return peal_decode(stream, object->name, out, err);
}

/* Of many small objects nothing is open before their format's threads open them. */
static peal_status open_items(const peal_object_list *list, const peal_object *object, peal_input *out,
                              const peal_format **format, peal_error *err) {
    *format = job__gathering_format();
    out->items = &object->items;
    const peal_status status = peal_format_check_options(*format, list->options, err);
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
    if (object->items.count) return open_items(list, object, out, format, err);
    PEAL_TRY(peal_object_stream_open(object, meter, &out->stream, err));
    PEAL_TRY(peal_stream_look(&out->stream, head, sizeof head, &size, err));
    peal_status status = size ? peal_object_format(list, object, head, size, format, err) : PEAL_OK;
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
    if (object->bad) return PEAL_OK;
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

/* Takes over what object `number` tells of columns that are not decided; true if all are then. */
static bool complete(peal_found *found, const peal_found *more, size_t number, size_t *guess_objects) {
    bool all = true;
    for (size_t i = 0; i < found->schema.count; i++) {
        peal_field *field = &found->schema.fields[i];
        if (!field->decided && more) {
            const size_t at = peal_schema_find(&more->schema, field->name, strlen(field->name));
            if (at != SIZE_MAX && more->schema.fields[at].decided) {
                const char *name = field->name;
                *field = more->schema.fields[at];
                field->name = name;
                found->guesses[i] = more->guesses[at];
                guess_objects[i] = number;
            }
        }
        all = all && field->decided;
    }
    return all;
}

/* The columns of object `number`, which is the first that has any. */
static peal_status begin_survey(const peal_found *found, size_t number, size_t **guess_objects, peal_error *err) {
    PEAL_TRY(peal_alloc_checked(guess_objects, found->schema.count, sizeof **guess_objects, "columns", err));
    for (size_t i = 0; i < found->schema.count; i++) (*guess_objects)[i] = number;
    return PEAL_OK;
}

peal_status peal_object_list_survey(peal_object_list *list, const peal_survey *what, peal_found *out, size_t *first,
                                    size_t **guess_objects, peal_error *err) {
    bool whole = false;
    peal_status status = PEAL_OK;
    *out = (peal_found){0};
    *guess_objects = NULL;
    for (size_t i = 0, looks = 0; status == PEAL_OK && i < list->count && !whole && looks < SURVEYS_MOST; i++) {
        peal_found found;
        peal_error why = {0};
        if (list->objects[i].bad) continue;
        status = survey_object(list, &list->objects[i], what, &found, &why);
        if (status == PEAL_E_DATA && list->go_on) {
            status = peal_object_leave_out(list, i, why.message, what->reporter, err);
            continue;
        }
        if (status != PEAL_OK) {
            if (err) *err = why;
            break;
        }
        if (out->schema.count > 0) {
            looks++;
            whole = complete(out, &found, i, *guess_objects);
            peal_found_clear(&found);
            continue;
        }
        peal_found_clear(out);
        *out = found;
        *first = i;
        if (found.schema.count == 0) continue;
        status = begin_survey(out, i, guess_objects, err);
        whole = complete(out, NULL, i, NULL);
    }
    if (status == PEAL_OK && out->schema.count > 0) return PEAL_OK;
    peal_found_clear(out);
    free(*guess_objects);
    *guess_objects = NULL;
    if (status != PEAL_OK) return status;
    if (list->sources.left_out_count) {
        return peal_fail(err, PEAL_E_DATA, "no input is left that has rows; the first one that was left out: %s",
                         list->sources.left_out[0].reason);
    }
    return peal_fail(err, PEAL_E_DATA, list->count > 1 ? "%s and the other inputs are empty" : "%s is empty",
                     list->objects[0].name);
}

/* ---- the list ---- */

/* What tells of a companion is its bytes: there are few. */
static peal_status hash_companion(peal_source *companion, const atomic_int *stop, peal_error *err) {
    if (companion->hashed || companion->version) return PEAL_OK;
    companion->hashed = true;
    return peal_source_hash(companion, stop, &companion->hash, err);
}

static uint64_t companion_hash(const peal_source *companion) {
    if (!companion) return 0;
    return companion->version ? peal_hash(companion->version, strlen(companion->version), 0) : companion->hash;
}

static uint64_t identity_of(const peal_object *object) {
    const peal_source *source = object->source;
    uint64_t companion = companion_hash(object->companion);
    if (object->member) companion = peal_hash(object->member->path, strlen(object->member->path), companion);
    if (source->version) return peal_hash(source->version, strlen(source->version), companion);
    if (source->hashed) return peal_hash(&source->hash, sizeof source->hash, companion);
    return peal_hash(&source->identity, sizeof source->identity, companion);
}

uint64_t peal_item_identity(const peal_item *item) {
    return identity_of(&(peal_object){.source = item->source, .member = item->member});
}

/* "photos/cat/1.jpg and 2047 more". What tells them from others is the identity of each. */
static peal_status describe_items(peal_object *object, bool identify, peal_error *err) {
    const peal_items *items = &object->items;
    object->size = 0;
    for (size_t i = 0; i < items->count; i++) {
        const peal_item *item = &items->items[i];
        object->size += item->member ? item->member->size : item->source->size;
        if (!identify) continue;
        const uint64_t parts[] = {object->identity, peal_item_identity(item),
                                  item->label ? peal_item_identity(item->label) : 0};
        const char *path = item->source->path;
        object->identity = peal_hash(parts, sizeof parts, peal_hash(path, strlen(path), 0));
    }
    if (items->count == 1) return object->name ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    char *longer = object->name ? peal_sprintf("%s and %zu more", object->name, items->count - 1) : NULL;
    free(object->name);
    object->name = longer;
    return longer ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

static peal_status describe(peal_object *object, bool identify, peal_error *err) {
    const char *name = peal_source_name(object->source);
    object->path = object->source->path;
    object->name = object->member ? peal_sprintf("%s/%s", name, object->member->path) : peal_strdup(name);
    object->size = object->member ? object->member->size : object->source->size;
    if (object->items.count) return describe_items(object, identify, err);
    if (identify) object->identity = identity_of(object);
    return object->name ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

static peal_status add(peal_object_list *list, const peal_object *object, peal_error *err) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity * 2 + 16;
        peal_object *longer = realloc(list->objects, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of inputs");
        list->objects = longer;
        list->capacity = capacity;
    }
    list->objects[list->count++] = *object;
    return PEAL_OK;
}

peal_status peal_object_leave_out(peal_object_list *list, size_t object, const char *reason,
                                  const peal_reporter *reporter, peal_error *err) {
    peal_object *one = &list->objects[object];
    one->bad = peal_strdup(reason);
    if (!one->bad) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of inputs");
    return peal_source_leave_out(&list->sources, one->name, reason, reporter, err);
}

/* ---- archives ---- */

/* True if the name is of an archive that was compressed as a whole. */
static bool may_be_packed(const char *name) {
    static const char *const endings[] = {".tgz", ".txz", ".tbz2", ".tbz", ".tzst"};
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t size = strlen(endings[i]);
        if (length > size && strcmp(name + length - size, endings[i]) == 0) return true;
    }
    return strstr(name, ".tar.") != NULL || strcmp(name, "-") == 0;
}

/* Unpacks a compressed archive into a file without a name, for its members are read where they stand. */
static peal_status unpack(peal_source *source, const peal_source_options *options, const peal_archive **archive,
                          peal_error *err) {
    uint8_t head[PEAL_ARCHIVE_HEAD_SIZE];
    size_t size = 0;
    peal_stream *stream;
    PEAL_TRY(peal_decode_source(source, NULL, &stream, err));
    PEAL_TRY(peal_stream_look(&stream, head, sizeof head, &size, err));
    *archive = peal_archive_recognise(head, size);
    if (*archive) return peal_source_unpack(source, stream, options, err);
    peal_stream_close(stream);
    return PEAL_OK;
}

/* Whether the members of an archive that is no file are read by parts of it. Something must tell that it is still the
 * same one when a part is fetched; and what is checked as a whole is read as a whole. */
static bool is_read_by_parts(const peal_source *source, const peal_stream *stream, const peal_archive *archive,
                             const peal_source_options *options) {
    return archive->has_directory && stream->read_at && stream->size != UINT64_MAX && source->version &&
           !source->is_summed && !options->by_processes;
}

/* Members are read where they stand: of what is no file, by parts, or in a copy. */
static peal_status copy_archive(peal_source *source, const peal_archive *archive, const peal_source_options *options,
                                peal_error *err) {
    peal_stream *stream;
    if (!source->own) return PEAL_OK;
    PEAL_TRY(peal_source_stream_open(source, NULL, &stream, err));
    if (!is_read_by_parts(source, stream, archive, options)) return peal_source_unpack(source, stream, options, err);
    peal_stream_close(stream);
    return PEAL_OK;
}

/* Processes have no connections: what is not yet there when they are forked they read in a copy. */
static peal_status copy_far(peal_source *source, const peal_source_options *options, peal_error *err) {
    peal_stream *stream;
    if (!options->by_processes || !source->own || source->live) return PEAL_OK;
    PEAL_TRY(peal_source_stream_open(source, NULL, &stream, err));
    if (stream->is_far) return peal_source_unpack(source, stream, options, err);
    peal_stream_close(stream);
    return PEAL_OK;
}

/* True if a format takes the file as it is, though it is an archive: .npz is a zip of arrays. */
static bool is_whole_format(const uint8_t *head, size_t size, const char *name) {
    for (size_t i = 0; peal_formats[i]; i++) {
        if (peal_formats[i]->recognise(head, size, name) >= FORMAT_SURE) return true;
    }
    return false;
}

/* The kind of archive that a source is, or NULL. */
static peal_status find_archive(peal_source *source, const peal_source_options *options, const peal_archive **out,
                                peal_error *err) {
    uint8_t head[PEAL_ARCHIVE_HEAD_SIZE];
    size_t size = 0;
    peal_stream *stream;
    *out = NULL;
    if (source->live || job__is_gathered(source->path)) return PEAL_OK;
    PEAL_TRY(peal_source_stream_open(source, NULL, &stream, err));
    PEAL_TRY(peal_stream_look(&stream, head, sizeof head, &size, err));
    peal_stream_close(stream);
    if (is_whole_format(head, size, source->path)) return PEAL_OK;
    *out = peal_archive_recognise(head, size);
    if (*out) return copy_archive(source, *out, options, err);
    return may_be_packed(source->path) ? unpack(source, options, out, err)
                                       : peal_archive_check_name(peal_source_name(source), head, size, err);
}

/* Adds what a source holds: itself, or its members. */
static peal_status add_source(peal_object_list *list, size_t index, const peal_source_options *options,
                              peal_error *err) {
    peal_source *source = &list->sources.sources[index];
    peal_member_list *members = &list->members[index];
    const peal_archive *archive;
    PEAL_TRY(find_archive(source, options, &archive, err));
    if (!archive) {
        PEAL_TRY(copy_far(source, options, err));
        return add(list, &(peal_object){.source = source}, err);
    }
    PEAL_TRY(job__members_list(source, archive, options->reporter, members, err));
    for (size_t i = 0; i < members->count; i++) {
        PEAL_TRY(add(list, &(peal_object){.source = source, .archive = archive, .member = &members->members[i]}, err));
    }
    return PEAL_OK;
}

/* The same; one that cannot be looked at is left out, where that is wanted. */
static peal_status add_good_source(peal_object_list *list, size_t index, const peal_source_options *options,
                                   peal_error *err) {
    peal_error why = {0};
    const peal_status status = add_source(list, index, options, &why);
    if (status == PEAL_E_DATA && options->go_on) {
        const char *name = peal_source_name(&list->sources.sources[index]);
        return peal_source_leave_out(&list->sources, name, why.message, options->reporter, err);
    }
    if (status != PEAL_OK && err) *err = why;
    return status;
}

/* ---- pairs ---- */

/* The first plain bytes of an object. */
static peal_status read_head(const peal_object *object, uint8_t head[64], size_t *got, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_object_stream_open(object, NULL, &stream, err));
    const peal_status status = peal_stream_fill(stream, head, 64, got, err);
    peal_stream_close(stream);
    return status;
}

/* Files of labels are paired with files of items in the order of both. */
static peal_status pair(peal_object_list *list, const peal_format *format, bool identify, peal_error *err) {
    const size_t all = list->count;
    size_t companions = 0, items = 0;
    const peal_source **found;
    PEAL_TRY(peal_alloc_checked(&found, all, sizeof *found, "a list of inputs", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < all && status == PEAL_OK; i++) {
        uint8_t head[64];
        size_t got = 0;
        const peal_object object = list->objects[i];
        status = read_head(&object, head, &got, err);
        if (status != PEAL_OK || !format->is_companion(head, got)) {
            list->objects[items++] = object;
            continue;
        }
        if (identify) status = hash_companion((peal_source *)object.source, list->stop, err);
        found[companions++] = object.source;
    }
    list->count = items;
    for (size_t i = 0; i < companions && i < items; i++) list->objects[i].companion = found[i];
    const char *first = companions ? peal_source_name(found[0]) : "";
    free(found);
    if (status != PEAL_OK) return status;
    if (items == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s holds labels only; name the file with their items too", first);
    }
    if (companions == 0 || companions == items) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%zu files of items, but %zu files of labels: they cannot be paired", items,
                     companions);
}

/* The format whose inputs come in pairs, if the first object is of one and is a file of its own; else NULL. */
static peal_status find_pairing(const peal_object_list *list, const peal_format **out, peal_error *err) {
    uint8_t head[64];
    size_t got = 0;
    *out = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const peal_object *object = &list->objects[i];
        if (object->member || object->items.count || object->source->live) return PEAL_OK;
    }
    const peal_status status = read_head(&list->objects[0], head, &got, err);
    if (status == PEAL_E_DATA && list->go_on) return PEAL_OK; /* it is left out when it is read */
    PEAL_TRY(status);
    for (size_t i = 0; peal_formats[i]; i++) {
        const peal_format *format = list->format ? list->format : peal_formats[i];
        if (format->is_companion && format->recognise(head, got, "") > 0) *out = format;
    }
    return PEAL_OK;
}

static peal_status make(peal_object_list *list, const peal_source_options *options, const char *format,
                        peal_error *err) {
    const peal_format *pairing;
    PEAL_TRY(peal_alloc_checked(&list->members, list->sources.count, sizeof *list->members, "a list of inputs", err));
    if (format) PEAL_TRY(peal_format_find(format, &list->format, err));
    PEAL_TRY(peal_format_check_options(list->format, list->options, err));
    for (size_t i = 0; i < list->sources.count; i++) PEAL_TRY(add_good_source(list, i, options, err));
    if (list->count == 0) {
        return peal_fail(err, PEAL_E_DATA, "not one of the sources can be read: %s", list->sources.left_out[0].reason);
    }
    PEAL_TRY(job__gather(list, options->all_images, options->reporter, err));
    PEAL_TRY(find_pairing(list, &pairing, err));
    if (pairing) PEAL_TRY(pair(list, pairing, options->identify, err));
    for (size_t i = 0; i < list->count; i++) PEAL_TRY(describe(&list->objects[i], options->identify, err));
    return PEAL_OK;
}

peal_status peal_object_list_make(const peal_source_options *sources, const char *format, const json_t *options,
                                  peal_object_list *out, peal_error *err) {
    peal_source_list listed;
    *out = (peal_object_list){0};
    PEAL_TRY(peal_source_list_make(sources, &listed, err));
    return peal_object_list_of(&listed, sources, format, options, out, err);
}

peal_status peal_object_list_of(peal_source_list *sources, const peal_source_options *wishes, const char *format,
                                const json_t *options, peal_object_list *out, peal_error *err) {
    *out = (peal_object_list){.sources = *sources, .go_on = wishes->go_on, .stop = wishes->stop, .options = options};
    *sources = (peal_source_list){0};
    const peal_status status = make(out, wishes, format, err);
    if (status != PEAL_OK) peal_object_list_clear(out);
    return status;
}

void peal_object_list_clear(peal_object_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->objects[i].name);
        free(list->objects[i].bad);
    }
    for (size_t i = 0; list->members && i < list->sources.count; i++) peal_member_list_clear(&list->members[i]);
    peal_source_list_clear(&list->sources);
    free(list->members);
    free(list->objects);
    free(list->items);
    free(list->labels);
    *list = (peal_object_list){0};
}

/* ---- what they were ---- */

json_t *peal_object_list_save(const peal_object_list *list) {
    json_t *saved = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const peal_object *object = &list->objects[i];
        const char *version = object->items.count ? NULL : object->source->version;
        const bool by_hash = version || object->source->hashed || object->items.count > 0;
        const peal_identity none = {0}, *identity = by_hash ? &none : &object->source->identity;
        char hash[17];
        peal_hash_text(object->hash, hash);
        json_t *one = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "path", peal_json_path(object->path),
                                "size", (json_int_t)object->size, "mtime_ns", (json_int_t)identity->mtime_ns,
                                "ctime_ns", (json_int_t)identity->ctime_ns, "inode", (json_int_t)identity->inode,
                                "device", (json_int_t)identity->device, "xxh3", hash, "rows", (json_int_t)object->rows);
        if (object->items.count) one = peal_json_set(one, "items", json_integer((json_int_t)object->items.count));
        if (object->bad) one = peal_json_set(one, "left_out", json_true());
        if (version) one = peal_json_set(one, "version", json_string(version));
        if (object->member) one = peal_json_set(one, "member", peal_json_path(object->member->path));
        if (object->companion) {
            peal_hash_text(companion_hash(object->companion), hash);
            one = peal_json_set(one, "companion",
                                json_pack("{s:o, s:s}", "path", peal_json_path(object->companion->path), "xxh3", hash));
        }
        saved = peal_json_append(saved, one);
    }
    return saved;
}

json_t *peal_object_list_save_left_out(const peal_object_list *list) {
    json_t *saved = json_array();
    for (size_t i = 0; i < list->sources.left_out_count; i++) {
        const peal_left_out *one = &list->sources.left_out[i];
        saved = peal_json_append(saved, json_pack("{s:o, s:o}", "path", peal_json_path(one->path), "reason",
                                                  peal_json_bytes(one->reason, strlen(one->reason))));
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
    if (source->version) {
        const char *was = json_string_value(json_object_get(saved, "version"));
        return was && strcmp(was, source->version) == 0 ? NULL : peal_sprintf("%s changed", peal_source_name(source));
    }
    if (!source->hashed && is_saved_identity(saved, &source->identity)) return NULL;
    if (!source->hashed && peal_source_hash(source, list->stop, &hash, NULL) != PEAL_OK) {
        return peal_sprintf("%s cannot be read", peal_source_name(source));
    }
    return is_saved_hash(saved, hash) ? NULL : peal_sprintf("%s changed its content", peal_source_name(source));
}

static char *object_difference(const peal_object_list *list, const peal_object *object, const json_t *saved) {
    const char *name = peal_source_name(object->source);
    /* What is read through a descriptor has no name that lasts: /dev/fd/63 today, /dev/fd/62 tomorrow. */
    if ((object->source->fd < 0 || object->source->version) && !is_path(json_object_get(saved, "path"), object->path)) {
        return peal_sprintf("%s was not among the inputs", name);
    }
    if (json_is_true(json_object_get(saved, "left_out"))) return peal_sprintf("%s was left out", object->name);
    const json_t *member = json_object_get(saved, "member");
    if (!object->member != !member || (member && !is_path(member, object->member->path))) {
        return peal_sprintf("%s was not among the inputs", object->name);
    }
    const json_int_t size = json_integer_value(json_object_get(saved, "size"));
    if ((uint64_t)size != object->size) {
        return peal_sprintf("%s changed its size from %lld to %llu bytes", name, (long long)size,
                            (unsigned long long)object->size);
    }
    const size_t items = (size_t)json_integer_value(json_object_get(saved, "items"));
    if (items != object->items.count || (items && !is_saved_hash(saved, object->identity))) {
        return peal_sprintf("%s changed", object->name);
    }
    if (items) return NULL;
    const json_t *companion = json_object_get(saved, "companion");
    if (!object->companion != !companion ||
        (companion && !is_saved_hash(companion, companion_hash(object->companion)))) {
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
