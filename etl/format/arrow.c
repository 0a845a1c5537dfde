/* The format arrow: what an Arrow input's schema tells, and its record batches, part by part. See arrow.h. */
#include "etl/format/arrow.h"

#include <stdlib.h>
#include <string.h>

#include "etl/format/formats.h"

enum {
    NOTES_MOST = 8,    /* of columns that are left out; the rest is counted */
    LARGE_BLOCKS = 8,  /* blocks from which on a batch is read in pieces, if its input can be */
    EXACT_DIGITS = 15, /* that a double keeps of a decimal */
    SCHEMA_LEAST = 16,
    SCHEMA_MOST = 256 << 20, /* bytes of a schema message */
};

/* ---- recognition ---- */

/* A stream begins with a schema message; before Arrow 0.15 its prefix was its size alone. */
static bool begins_a_stream(const uint8_t *head, size_t size) {
    uint32_t prefix[2];
    if (size < sizeof prefix + SCHEMA_LEAST) return false;
    memcpy(prefix, head, sizeof prefix);
    const bool marked = prefix[0] == 0xFFFFFFFFu;
    const uint32_t length = prefix[marked];
    if (length < SCHEMA_LEAST || length > SCHEMA_MOST || (length + (marked ? 0 : 4)) % 8) return false;
    const size_t begin = marked ? 8 : 4;
    arrow__reader reader = {.bytes = head + begin, .size = size - begin};
    if (reader.size > length) reader.size = length;
    const arrow__at root = arrow__read_root(&reader);
    const uint64_t version = arrow__read_scalar(&reader, root, MESSAGE_VERSION, 2, 0);
    const uint64_t kind = arrow__read_scalar(&reader, root, MESSAGE_HEADER_TYPE, 1, 0);
    return !reader.bad && version <= ARROW_V5 && (marked || version == ARROW_V4) && kind == HEADER_SCHEMA;
}

static int arrow_recognise(const uint8_t *head, size_t size, const char *name) {
    (void)name;
    if (size >= 6 && memcmp(head, ARROW_MAGIC, 6) == 0) return 100;
    return begins_a_stream(head, size) ? 80 : 0;
}

/* ---- the reader ---- */

static void arrow_close(peal_reader *base) {
    ipc__reader *reader = (ipc__reader *)base;
    ipc__parts_end(reader);
    ipc__source_clear(&reader->source);
    ipc__schema_clear(&reader->schema);
    ipc__dictionaries_free(reader->dictionaries);
    peal_buffer_clear(&reader->body);
    free(reader->nodes);
    free(reader->name);
    free(reader);
}

static peal_status reader_new(const peal_input *input, ipc__reader **out, peal_error *err) {
    *out = NULL;
    peal_stream_close(input->labels);
    ipc__reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        peal_stream_close(input->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    reader->source.stream = input->stream;
    reader->name = peal_strdup(input->name);
    reader->source.name = reader->name;
    peal_status status = reader->name ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    if (status == PEAL_OK) status = ipc__source_begin(&reader->source, err);
    if (status == PEAL_OK) status = ipc__schema_read(&reader->source, &reader->schema, err);
    if (status == PEAL_OK) {
        status = ipc__dictionaries_new(&reader->schema, &reader->dictionaries, err);
        if (status == PEAL_E_DATA) peal_error_context(err, "%s", reader->name);
    }
    if (status != PEAL_OK) {
        arrow_close(&reader->base);
        return status;
    }
    *out = reader;
    return PEAL_OK;
}

/* Dictionaries that the footer names may stand behind the batches that need them. */
static peal_status read_footed_dictionaries(ipc__reader *reader, peal_error *err) {
    ipc__source *source = &reader->source;
    for (size_t i = 0; i < source->dictionary_count; i++) {
        ipc__message message;
        PEAL_TRY(ipc__source_message_at(source, &source->dictionaries[i], &message, &reader->body, err));
        if (message.kind != HEADER_DICTIONARY_BATCH) {
            return ipc__damaged(source, message.at, err, "the footer names a dictionary here, but there is none");
        }
        PEAL_TRY(
            ipc__dictionaries_take(reader->dictionaries, source, &reader->schema, &message, reader->body.data, err));
    }
    return PEAL_OK;
}

/* ---- the columns ---- */

static peal_status no_column(const ipc__reader *reader, const char *name, peal_error *err) {
    const ipc__schema *schema = &reader->schema;
    char names[PEAL_NAMES_TEXT];
    for (size_t i = 0; i < schema->count; i++) {
        const char *why = ipc__unreadable(schema, i);
        if (!why || strcmp(schema->nodes[i].path, name) != 0) continue;
        return peal_fail(err, PEAL_E_DATA, "%s: column '%s' is %s, which is not read", reader->name, name, why);
    }
    return peal_fail(err, PEAL_E_DATA, "%s: there is no column '%s'; its columns are %s", reader->name, name,
                     peal_schema_names(&schema->columns, names));
}

/* Bytes are wanted where there are bytes of the same width, and nowhere else. */
static peal_status check_bytes(const ipc__reader *reader, const peal_field *field, const ipc__node *node,
                               peal_error *err) {
    const bool is_bytes = !node->coded && node->type.kind == TYPE_FIXED_SIZE_LIST;
    const bool wanted = field->type == PEAL_TYPE_FIXED_LIST;
    if (is_bytes && wanted && field->item == PEAL_TYPE_UINT8 && field->width == node->type.width) return PEAL_OK;
    if (!is_bytes && !wanted) return PEAL_OK;
    if (!is_bytes) {
        return peal_fail(err, PEAL_E_DATA, "%s: column '%s' holds single values; lists of %u bytes were expected",
                         reader->name, field->name, field->width);
    }
    return peal_fail(err, PEAL_E_DATA, "%s: column '%s' holds lists of %u bytes, which do not fit the job's columns",
                     reader->name, field->name, node->type.width);
}

static peal_status find_column(ipc__reader *reader, size_t index, peal_error *err) {
    const peal_wanted *wanted = reader->wanted;
    const peal_field *field = &wanted->schema->fields[index];
    const size_t found = peal_schema_find(&reader->schema.columns, field->name, strlen(field->name));
    reader->nodes[index] = SIZE_MAX;
    if (field->skip) return PEAL_OK;
    if (found == SIZE_MAX) {
        const bool may_lack = index == wanted->label && !wanted->label_required;
        return may_lack ? PEAL_OK : no_column(reader, field->name, err);
    }
    const size_t node = reader->schema.column_nodes[found];
    reader->nodes[index] = node;
    if (reader->schema.nodes[node].coded) {
        reader->dictionaries->wanted[reader->schema.nodes[node].dictionary] = true;
    }
    return check_bytes(reader, field, &reader->schema.nodes[node], err);
}

/* ---- batches ---- */

/* Whether a batch's parts are read where they lie. Texts of views lie anywhere, and packed bytes are read whole. */
static bool stays_in_input(const ipc__reader *reader, const ipc__message *message) {
    const peal_stream *stream = reader->source.stream;
    arrow__reader metadata = message->reader;
    const uint64_t block_size = reader->wanted->block_size ? reader->wanted->block_size : PEAL_BLOCK_SIZE;
    if (!stream->read_at || stream->size == UINT64_MAX || message->body_size / LARGE_BLOCKS < block_size) return false;
    if (arrow__read_ref(&metadata, message->header, BATCH_COMPRESSION)) return false;
    for (size_t i = 0; i < reader->wanted->schema->count; i++) {
        const size_t node = reader->nodes[i];
        if (node == SIZE_MAX || reader->schema.nodes[node].coded) continue;
        if (reader->schema.nodes[node].type.kind == TYPE_UTF8_VIEW) return false;
    }
    return true;
}

static peal_status open_batch(ipc__reader *reader, ipc__message *message, peal_error *err) {
    ipc__source *source = &reader->source;
    const uint64_t body_at = source->at;
    const bool stays = stays_in_input(reader, message);
    reader->body.size = 0;
    reader->skip = stays ? message->body_size : 0;
    if (stays && (body_at > source->stream->size || message->body_size > source->stream->size - body_at)) {
        return ipc__damaged(source, message->at, err, "a record batch that is longer than the input");
    }
    if (!stays) {
        PEAL_TRY(peal_buffer_reserve(&reader->body, PEAL_BLOCK_PADDING, err));
        PEAL_TRY(ipc__source_read(source, message->body_size, &reader->body, err));
    }
    PEAL_TRY(ipc__batch_open(source, &reader->schema, message, message->header, stays ? NULL : reader->body.data,
                             body_at, &reader->batch, err));
    return ipc__parts_begin(reader, err);
}

static peal_status take_dictionary(ipc__reader *reader, ipc__message *message, peal_error *err) {
    if (reader->source.footed) return ipc__source_skip(&reader->source, message->body_size, err);
    reader->body.size = 0;
    PEAL_TRY(peal_buffer_reserve(&reader->body, PEAL_BLOCK_PADDING, err));
    PEAL_TRY(ipc__source_read(&reader->source, message->body_size, &reader->body, err));
    return ipc__dictionaries_take(reader->dictionaries, &reader->source, &reader->schema, message, reader->body.data,
                                  err);
}

/* Goes on to the next batch that has rows; *ended if there is none. */
static peal_status next_batch(ipc__reader *reader, bool *ended, peal_error *err) {
    *ended = false;
    while (!reader->in_batch) {
        ipc__message message;
        PEAL_TRY(ipc__source_next(&reader->source, &message, ended, err));
        if (*ended) return PEAL_OK;
        if (message.kind == HEADER_DICTIONARY_BATCH) {
            PEAL_TRY(take_dictionary(reader, &message, err));
        } else if (message.kind == HEADER_RECORD_BATCH) {
            PEAL_TRY(open_batch(reader, &message, err));
            if (reader->batch.rows == 0) ipc__parts_end(reader);
        } else {
            return ipc__damaged(&reader->source, message.at, err,
                                "an Arrow message of kind %u; a record batch was expected", message.kind);
        }
    }
    return PEAL_OK;
}

/* What was read at an offset is passed over as well, part by part, so that who counts or hashes the input sees it. */
static peal_status pass_over(ipc__reader *reader, peal_error *err) {
    uint64_t size = reader->skip;
    if (reader->row < reader->batch.rows)
        size = reader->batch.rows ? size / (reader->batch.rows / reader->part + 1) : 0;
    reader->skip -= size;
    return ipc__source_skip(&reader->source, size, err);
}

/* A writer may close a stream without its mark of 8 bytes, but so ends one that was cut between two messages, of which
 * nothing else tells. */
static void tell_of_end(ipc__reader *reader) {
    if (!reader->source.lacks_end || reader->told_of_end) return;
    reader->told_of_end = true;
    peal_report(
        reader->wanted->damage, PEAL_EVENT_WARNING,
        "%s: the Arrow stream ends at byte %llu, behind a whole message, without the mark that ends a stream: it "
        "may have been cut there, and rows be missing",
        reader->name, (unsigned long long)reader->source.at);
}

static peal_status arrow_next(peal_reader *base, peal_block *block, peal_error *err) {
    ipc__reader *reader = (ipc__reader *)base;
    bool ended;
    block->size = 0;
    block->records = 0;
    PEAL_TRY(next_batch(reader, &ended, err));
    if (ended) {
        tell_of_end(reader);
        return PEAL_OK;
    }
    const uint64_t row = reader->row;
    PEAL_TRY(ipc__part_make(reader, block, err));
    peal_status status = reader->skip || row == 0 ? pass_over(reader, err) : PEAL_OK;
    if (reader->row == reader->batch.rows) ipc__parts_end(reader);
    if (status != PEAL_OK) {
        ipc__edition_release(reader->dictionaries, ((const ipc__part *)(const void *)block->text)->edition);
    }
    return status;
}

static peal_status begin(peal_reader *base, const peal_wanted *wanted, peal_error *err) {
    ipc__reader *reader = (ipc__reader *)base;
    reader->base = (peal_reader){.next = arrow_next, .parse = ipc__parse, .close = arrow_close};
    reader->wanted = wanted;
    PEAL_TRY(peal_alloc_checked(&reader->nodes, wanted->schema->count, sizeof *reader->nodes, "columns", err));
    for (size_t i = 0; i < wanted->schema->count; i++) PEAL_TRY(find_column(reader, i, err));
    return read_footed_dictionaries(reader, err);
}

static peal_status arrow_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                              peal_reader **out, peal_error *err) {
    (void)options;
    ipc__reader *reader;
    *out = NULL;
    PEAL_TRY(reader_new(input, &reader, err));
    const peal_status status = begin(&reader->base, wanted, err);
    if (status != PEAL_OK) {
        arrow_close(&reader->base);
        return status;
    }
    *out = &reader->base;
    return PEAL_OK;
}

/* ---- survey ---- */

static void note_losses(const ipc__reader *reader, const peal_reporter *reporter) {
    const ipc__schema *schema = &reader->schema;
    size_t notes = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const ipc__node *node = &schema->nodes[i];
        const char *why = ipc__unreadable(schema, i);
        const bool inside = node->parent != SIZE_MAX && schema->nodes[node->parent].type.kind != TYPE_STRUCT;
        const bool is_long = node->type.kind == TYPE_DECIMAL && node->type.precision > EXACT_DIGITS;
        if (inside || (!why && !is_long && !node->type.has_place)) continue;
        if (notes++ >= NOTES_MOST) continue;
        if (why) {
            peal_report(reporter, PEAL_EVENT_NOTE, "%s: column %s is left out: it is %s", reader->name, node->path,
                        why);
        } else if (node->type.has_place) {
            peal_report(reporter, PEAL_EVENT_NOTE,
                        "%s: column %s: its times are taken in UTC, not by the clock of its time zone", reader->name,
                        node->path);
        } else {
            peal_report(reporter, PEAL_EVENT_NOTE,
                        "%s: column %s: decimals of %d digits are taken as numbers of %d (type %s=text keeps all)",
                        reader->name, node->path, node->type.precision, EXACT_DIGITS, node->path);
        }
    }
    if (notes > NOTES_MOST) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%s: so with %zu more columns", reader->name, notes - NOTES_MOST);
    }
}

/* Looks at the first values of the one column that is wanted, as texts. */
static peal_status guess_column(peal_reader *reader, const peal_wanted *wanted, peal_guesser *guesser,
                                peal_error *err) {
    static const peal_spelling plain = {0};
    peal_block block;
    peal_status status = peal_block_init(&block, wanted->schema, err);
    if (status == PEAL_OK) status = reader->next(reader, &block, err);
    if (status == PEAL_OK && block.records > 0) status = reader->parse(reader, &block, err);
    const int32_t *codes = status == PEAL_OK ? block.table.columns[0].values : NULL;
    for (size_t row = 0; codes && row < block.table.rows; row++) {
        const peal_text text = peal_dictionary_text(&block.table.dictionaries[0], (uint32_t)codes[row]);
        peal_guess_value(guesser, wanted->nulls, &plain, text.data, text.length);
    }
    peal_block_clear(&block);
    return status;
}

static void settle_guess(const peal_guesser *guesser, peal_found *found, size_t label) {
    peal_field *field = &found->schema.fields[label];
    peal_guesser copy = *guesser;
    peal_guess_type(&copy, field);
    found->guesses[label] = copy.guess;
    field->type = PEAL_TYPE_FLOAT64;
    field->settled = false;
}

peal_status ipc__survey_label(peal_reader *reader, ipc__begin *get_ready, const peal_survey *what, peal_found *out,
                              peal_error *err) {
    const size_t label = what->label ? peal_schema_find(&out->schema, what->label, strlen(what->label)) : SIZE_MAX;
    if (label == SIZE_MAX || out->schema.fields[label].type != PEAL_TYPE_FLOAT64) return PEAL_OK;
    peal_schema one = {0};
    peal_guesser guesser = {0};
    const peal_wanted wanted = {.schema = &one, .nulls = what->nulls, .label = SIZE_MAX};
    peal_status status = peal_schema_add(&one, what->label, strlen(what->label), PEAL_TYPE_DICTIONARY, err);
    if (status == PEAL_OK) status = get_ready(reader, &wanted, err);
    if (status == PEAL_OK) status = guess_column(reader, &wanted, &guesser, err);
    if (status == PEAL_OK) settle_guess(&guesser, out, label);
    peal_schema_clear(&one);
    return status;
}

static peal_status arrow_survey(const json_t *options, const peal_survey *what, const peal_input *input,
                                peal_found *out, peal_error *err) {
    (void)options;
    ipc__reader *reader;
    *out = (peal_found){0};
    PEAL_TRY(reader_new(input, &reader, err));
    note_losses(reader, what->reporter);
    peal_status status = peal_schema_copy(&reader->schema.columns, &out->schema, err);
    if (status == PEAL_OK) {
        status = peal_alloc_checked(&out->guesses, out->schema.count, sizeof *out->guesses, "columns", err);
    }
    if (status == PEAL_OK) status = ipc__survey_label(&reader->base, begin, what, out, err);
    if (status != PEAL_OK) peal_found_clear(out);
    arrow_close(&reader->base);
    return status;
}

static const char *const arrow_suffixes[] = {".arrow", ".feather", ".ipc", ".arrows", NULL};
static const peal_option arrow_options[] = {{.name = NULL}};

const peal_format peal_format_arrow = {
    .name = "arrow",
    .documentation = "Arrow IPC files and streams, plain or with LZ4 or zstd inside; structs become columns a.b, lists "
                     "and binary data are left out",
    .suffixes = arrow_suffixes,
    .options = arrow_options,
    .recognise = arrow_recognise,
    .survey = arrow_survey,
    .open = arrow_open,
};
