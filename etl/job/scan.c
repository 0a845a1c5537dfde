/* Reads raw rows block by block and takes them through a fitted pipeline on several threads, in order; see scan.h. */
#include "etl/job/scan.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "core/thread/executor.h"
#include "etl/job/objects.h"

enum { WAIT_MS = 100 };
enum {
    TEXT_MEMORY = 128 << 20,
    TEXT_BYTES = 48
}; /* of the dictionaries of all slots; of a text in one, beside itself */

/* An object under way. It lasts until it is read and none of its blocks is in a slot. */
typedef struct scan_input {
    peal_reader *reader;
    const char *name;
    const peal_items *items; /* NULL: none */
    size_t users;            /* slots with a block of it, and the scan while it reads */
    bool has_rows;           /* a block of it was read */
} scan_input;

enum { UNKNOWN_SHOWN = 40 };

/* Of a column's texts, which stay from block to block: whether the pipeline knows them, and how well. */
enum { TEXT_UNKNOWN = 1, TEXT_DOUBTFUL = 2 };
typedef struct seen_texts {
    peal_buffer kinds; /* uint8_t [texts of the dictionary that were asked for] */
    uint8_t found;     /* all that are among them */
} seen_texts;

/* Rows with a text of one kind, and the first of them. */
typedef struct odd_texts {
    uint64_t rows;
    size_t column;
    const char *doubt;        /* see peal_transform.doubt */
    char text[UNKNOWN_SHOWN]; /* cut */
} odd_texts;

/* A block on its way: the caller's thread reads it, any thread makes rows of it. */
typedef struct scan_slot {
    peal_scan *scan;
    scan_input *input; /* NULL: the slot is free */
    peal_block block;
    peal_applier *applier; /* NULL: the slot has made no rows yet */
    seen_texts *seen;      /* [columns] */
    peal_scan_rows rows;
    odd_texts unknown, doubtful;
    peal_future *future; /* of a task in the pool; NULL: it was not given there, or taken back */
    bool made;           /* into rows, or failed: */
    peal_status status;
    peal_error error;
} scan_slot;

struct peal_scan {
    const peal_pipeline *pipeline;
    peal_scan_options options;
    peal_object_list objects;
    peal_schema own;         /* the pipeline's, without what is kept; empty if nothing is */
    const peal_schema *read; /* what is read: that, or the pipeline's */
    peal_nulls nulls;
    json_t *text_options;      /* of the text in memory */
    const peal_format *format; /* of the stream */
    peal_stream *stream;       /* while its reader has it; NULL: there is none */
    bool begun;                /* the stream's reader has given a block: it holds no whole rows from before */
    peal_wanted wanted;
    size_t next;       /* object */
    scan_input *input; /* that is read; NULL: none */
    bool ended;        /* nothing more is read: it is all, or reading failed: */
    peal_status read_status;
    peal_error read_error;
    peal_executor *executor; /* made when a second block waits; has one thread less than `threads` */
    size_t threads;
    scan_slot *slots; /* [slot_count] a ring */
    size_t slot_count, first, used;
    bool shown; /* the caller has the first one's rows */
    odd_texts unknown, doubtful;
};

/* The pipeline's spellings of null, and those that were named for these sources. */
static peal_status make_nulls(peal_scan *scan, peal_error *err) {
    const peal_nulls *known = &scan->pipeline->nulls;
    const peal_scan_options *options = &scan->options;
    const char **texts;
    PEAL_TRY(peal_alloc_checked(&texts, known->count + options->null_count, sizeof *texts, "a scan", err));
    for (size_t i = 0; i < known->count; i++) texts[i] = known->texts[i];
    for (size_t i = 0; i < options->null_count; i++) texts[known->count + i] = options->nulls[i];
    const peal_status status = peal_nulls_make(texts, known->count + options->null_count, &scan->nulls, err);
    free(texts);
    return status;
}

static peal_apply_for purpose_of(const peal_scan *scan) {
    return scan->options.purpose;
}

/* What is not needed is not read. */
static peal_status choose_columns(peal_scan *scan, peal_error *err) {
    const peal_pipeline *pipeline = scan->pipeline;
    scan->read = &pipeline->schema;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (peal_apply_needs(purpose_of(scan), pipeline->columns[i].role)) continue;
        if (!scan->own.count) PEAL_TRY(peal_schema_copy(&pipeline->schema, &scan->own, err));
        scan->own.fields[i].skip = true;
        scan->read = &scan->own;
    }
    scan->wanted.schema = scan->read;
    return PEAL_OK;
}

static peal_status open_sources(peal_scan *scan, peal_error *err) {
    const peal_scan_options *options = &scan->options;
    if (options->stream) return peal_format_find(options->format, &scan->format, err);
    if (options->text) {
        scan->text_options = json_pack("{s:s, s:s}", "header", "no", "delimiter", ",");
        return scan->text_options ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a scan");
    }
    const peal_source_options sources = {.names = options->sources,
                                         .count = options->source_count,
                                         .access = options->access,
                                         .go_on = options->go_on,
                                         .live = true,
                                         .following = options->following,
                                         .stop = options->stop,
                                         .reporter = options->reporter};
    return peal_object_list_make(&sources, options->format, options->reading, &scan->objects, err);
}

static peal_status make_slots(peal_scan *scan, peal_error *err) {
    scan->threads = scan->options.threads ? scan->options.threads : peal_machine_cpus();
    if (scan->options.text) scan->threads = 1;
    /* One is with the caller and one is being read while each thread has its own. */
    scan->slot_count = scan->threads == 1 ? 1 : scan->threads + 2;
    return peal_alloc_checked(&scan->slots, scan->slot_count, sizeof *scan->slots, "a scan", err);
}

peal_status peal_scan_open(const peal_pipeline *pipeline, const peal_scan_options *options, peal_scan **out,
                           peal_error *err) {
    *out = NULL;
    peal_scan *scan = calloc(1, sizeof *scan);
    if (!scan) {
        peal_stream_close(options->stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a scan");
    }
    *scan = (peal_scan){.pipeline = pipeline, .options = *options};
    scan->wanted = (peal_wanted){
        .nulls = &scan->nulls,
        .label = pipeline->label,
        .label_required = options->label_required,
        .label_as_text = true,
        .tell_ends = options->stream != NULL,
        .is_joined = options->stream || options->following.files,
        .damage = options->reporter,
    };
    peal_status status = make_nulls(scan, err);
    if (status == PEAL_OK) status = choose_columns(scan, err);
    if (status == PEAL_OK) status = open_sources(scan, err);
    if (status == PEAL_OK) status = make_slots(scan, err);
    if (status != PEAL_OK) {
        peal_scan_close(scan);
        return status;
    }
    *out = scan;
    return PEAL_OK;
}

bool peal_scan_is_live(const peal_scan *scan) {
    for (size_t i = 0; i < scan->objects.count; i++) {
        const peal_source *source = scan->objects.objects[i].source;
        if (source->live && !source->is_followed) return true;
    }
    return false;
}

size_t peal_scan_slots(const peal_scan *scan) {
    return scan->slot_count;
}

/* ---- reading, on the caller's thread ---- */

/* Whether it reads what is not listed: a text or a stream. */
static bool is_alone(const peal_scan *scan) {
    return scan->options.text || scan->options.stream_name;
}

static size_t object_count(const peal_scan *scan) {
    return is_alone(scan) ? 1 : scan->objects.count;
}

/* The stream becomes the reader's. */
static peal_status open_stream(peal_scan *scan, peal_reader **out, peal_error *err) {
    const peal_input input = {.name = scan->options.stream_name, .stream = scan->options.stream};
    scan->stream = scan->options.stream;
    scan->options.stream = NULL;
    return scan->format->open(scan->options.reading, &scan->wanted, &input, out, err);
}

static peal_status open_reader(peal_scan *scan, peal_reader **out, peal_error *err) {
    const peal_scan_options *options = &scan->options;
    if (options->stream) return open_stream(scan, out, err);
    if (!options->text) {
        return peal_object_open(&scan->objects, &scan->objects.objects[scan->next], &scan->wanted, NULL, out, err);
    }
    const peal_format *csv;
    peal_input input = {.name = "text"};
    PEAL_TRY(peal_format_find("csv", &csv, err));
    PEAL_TRY(peal_memory_stream_open(options->text, options->text_size, &input.stream, err));
    return csv->open(scan->text_options, &scan->wanted, &input, out, err);
}

/* `why` an object cannot be read (on): it is left out from here on, if that is wished; else that is the failure. What
 * was read of it has been handed out, or will be. */
static peal_status leave_out(peal_scan *scan, size_t object, bool has_rows, const peal_error *why, peal_error *err) {
    if (why->status != PEAL_E_DATA || !scan->options.go_on) {
        if (err) *err = *why;
        return why->status;
    }
    char *reason = peal_sprintf("%s%s", why->message, has_rows ? "; its rows before that count" : "");
    if (!reason) return peal_fail(err, PEAL_E_MEMORY, "no memory for a message");
    const peal_status status = peal_object_leave_out(&scan->objects, object, reason, scan->options.reporter, err);
    free(reason);
    return status;
}

/* Opens the next object; leaves NULL in scan->input if that one is empty. */
static peal_status open_next(peal_scan *scan, peal_error *err) {
    peal_reader *reader;
    peal_error why;
    if (open_reader(scan, &reader, &why) != PEAL_OK) return leave_out(scan, scan->next++, false, &why, err);
    const char *name = scan->options.text          ? "text"
                       : scan->options.stream_name ? scan->options.stream_name
                                                   : scan->objects.objects[scan->next].name;
    scan->next++;
    if (!reader) return PEAL_OK;
    scan->input = calloc(1, sizeof *scan->input);
    if (!scan->input) {
        peal_reader_close(reader);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    *scan->input = (scan_input){.reader = reader, .name = name, .users = 1};
    const peal_items *items = is_alone(scan) ? NULL : &scan->objects.objects[scan->next - 1].items;
    if (items && items->count) scan->input->items = items;
    return PEAL_OK;
}

static void let_input_go(scan_input **input) {
    if (*input && --(*input)->users == 0) {
        peal_reader_close((*input)->reader);
        free(*input);
    }
    *input = NULL;
}

/* Takes what is to be passed over off the block; true if nothing is left of it. */
static bool pass_over(const peal_scan *scan, peal_block *block) {
    const uint64_t most = scan->options.passed_over;
    if (!is_alone(scan) || block->offset >= most) return false;
    const size_t size = most - block->offset < block->size ? (size_t)(most - block->offset) : block->size;
    block->first_line += peal_count_newlines(block->text, size);
    memmove(block->text, block->text + size, block->size - size + PEAL_BLOCK_PADDING);
    block->size -= size;
    block->came -= size;
    block->offset += size;
    return block->size == 0;
}

/* One step: opens the next object, or reads the next block of the present one into a free slot, or ends the object. */
static peal_status read_step(peal_scan *scan, scan_slot *slot, peal_error *err) {
    slot->scan = scan;
    if (!scan->input) return open_next(scan, err);
    peal_block *block = &slot->block;
    peal_error why;
    if (scan->input->reader->next(scan->input->reader, block, &why) != PEAL_OK) {
        const bool has_rows = scan->input->has_rows;
        let_input_go(&scan->input);
        scan->stream = NULL;
        return leave_out(scan, scan->next - 1, has_rows, &why, err);
    }
    scan->begun = true;
    if (block->size == 0 && block->records == 0) {
        let_input_go(&scan->input);
        scan->stream = NULL;
        return PEAL_OK;
    }
    if (pass_over(scan, block)) return PEAL_OK;
    slot->input = scan->input;
    slot->input->users++;
    slot->input->has_rows = true;
    return PEAL_OK;
}

/* ---- making rows, on any thread ---- */

/* Whether the pipeline's vocabulary lacks a text that spells no missing value. */
static bool is_unknown(const scan_slot *slot, size_t column, const peal_dictionary *dictionary, uint32_t code) {
    if (!peal_applier_is_unknown(slot->applier, column, code)) return false;
    const peal_text text = peal_dictionary_text(dictionary, code);
    if (peal_pipeline_is_number(slot->scan->pipeline, column) && peal_cell_is_usual(text.data, text.length, false)) {
        return false;
    }
    return !peal_nulls_hold(&slot->scan->nulls, text.data, text.length);
}

/* What may be wrong with how the pipeline reads a text; NULL: nothing. */
static const char *doubt_of(const scan_slot *slot, size_t column, peal_text text) {
    const peal_pipeline_step *spreader = peal_pipeline_spreader(slot->scan->pipeline, column);
    return spreader && spreader->transform->doubt ? spreader->transform->doubt(spreader->state, text) : NULL;
}

/* The first one of a block. */
static void note_first(const scan_slot *slot, size_t index, peal_text text, odd_texts *out) {
    const uint32_t shown = UNKNOWN_SHOWN - PEAL_TEXT_CUT_EXTRA;
    char whole[UNKNOWN_SHOWN * 2];
    snprintf(whole, sizeof whole, "%.*s", (int)(text.length < UNKNOWN_SHOWN ? text.length : UNKNOWN_SHOWN), text.data);
    out->column = index;
    out->doubt = doubt_of(slot, index, text);
    peal_text_cut(whole, shown, out->text);
}

static uint8_t kind_of(const scan_slot *slot, size_t index, const peal_dictionary *dictionary, uint32_t code) {
    if (is_unknown(slot, index, dictionary, code)) return TEXT_UNKNOWN;
    return doubt_of(slot, index, peal_dictionary_text(dictionary, code)) ? TEXT_DOUBTFUL : 0;
}

/* How many rows have a text of the kind, where all have a text. */
static uint64_t count_codes(const seen_texts *seen, const int32_t *codes, size_t count, uint8_t kind) {
    uint64_t rows = 0;
    for (size_t row = 0; row < count; row++) rows += (seen->kinds.data[codes[row]] & kind) != 0;
    return rows;
}

/* Adds the column's rows with a text of the kind. */
static void count_kind(const scan_slot *slot, size_t index, const peal_column *column, uint8_t kind, odd_texts *out) {
    const seen_texts *seen = &slot->seen[index];
    if (!(seen->found & kind)) return;
    if (out->rows > 0 && !column->validity && column->codes == PEAL_TYPE_INT32) {
        out->rows += count_codes(seen, column->values, column->length, kind);
        return;
    }
    for (size_t row = 0; row < column->length; row++) {
        const int32_t code = peal_column_code(column, row);
        if (code < 0 || !(seen->kinds.data[code] & kind)) continue;
        if (out->rows++ == 0) note_first(slot, index, peal_dictionary_text(column->dictionary, (uint32_t)code), out);
    }
}

/* The rows of a column whose texts are not known, or not for sure. Each text is asked for once. */
static peal_status count_unknown_rows(scan_slot *slot, size_t index, const peal_column *column, peal_error *err) {
    const peal_dictionary *dictionary = column->dictionary;
    seen_texts *seen = &slot->seen[index];
    PEAL_TRY(peal_buffer_reserve(&seen->kinds, dictionary->size - seen->kinds.size, err));
    while (seen->kinds.size < dictionary->size) {
        const uint8_t kind = kind_of(slot, index, dictionary, (uint32_t)seen->kinds.size);
        seen->kinds.data[seen->kinds.size++] = kind;
        seen->found |= kind;
    }
    count_kind(slot, index, column, TEXT_UNKNOWN, &slot->unknown);
    count_kind(slot, index, column, TEXT_DOUBTFUL, &slot->doubtful);
    return PEAL_OK;
}

static peal_status count_unknown(scan_slot *slot, const peal_column *columns, peal_error *err) {
    const peal_pipeline *pipeline = slot->scan->pipeline;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_column_role role = pipeline->columns[i].role;
        if (role == PEAL_ROLE_DROPPED || role == PEAL_ROLE_LABEL || role == PEAL_ROLE_WEIGHT) continue;
        if (!peal_types[columns[i].type].has_vocabulary || !columns[i].dictionary) continue;
        PEAL_TRY(count_unknown_rows(slot, i, &columns[i], err));
    }
    return PEAL_OK;
}

static void forget_texts(const peal_scan *scan, scan_slot *slot) {
    for (size_t i = 0; i < scan->read->count; i++) {
        slot->seen[i].kinds.size = 0;
        slot->seen[i].found = 0;
    }
}

/* What rows are made with. A slot that meets the end of its input only needs none of it. */
static peal_status slot_init(scan_slot *slot, peal_error *err) {
    const peal_scan *scan = slot->scan;
    if (slot->applier) return PEAL_OK;
    PEAL_TRY(peal_block_add_columns(&slot->block, scan->read, err));
    PEAL_TRY(peal_alloc_checked(&slot->seen, scan->read->count + 1, sizeof *slot->seen, "a scan", err));
    return peal_applier_new(scan->pipeline, purpose_of(scan), &slot->applier, err);
}

/* The texts of the blocks before, and what becomes of them, stay, unless they are too many. */
static void keep_texts(scan_slot *slot) {
    const peal_scan *scan = slot->scan;
    peal_table_room *table = &slot->block.table;
    size_t memory = 0;
    for (size_t i = 0; i < scan->read->count; i++) {
        memory += table->dictionaries[i].size * (size_t)TEXT_BYTES + table->dictionaries[i].bytes.size;
    }
    if (memory <= TEXT_MEMORY / scan->slot_count) {
        peal_applier_keep_texts(slot->applier);
        return;
    }
    peal_table_room_reset_dictionaries(table);
    forget_texts(scan, slot);
}

static peal_status make_rows(scan_slot *slot, peal_error *err) {
    const peal_scan *scan = slot->scan;
    peal_block *block = &slot->block;
    peal_scan_rows *rows = &slot->rows;
    PEAL_TRY(slot_init(slot, err));
    keep_texts(slot);
    PEAL_TRY(slot->input->reader->parse(slot->input->reader, block, err));
    *rows = (peal_scan_rows){.slot = (size_t)(slot - scan->slots),
                             .bad_rows = block->bad_rows,
                             .bad_count = block->bad_count,
                             .source = slot->input->name,
                             .items = slot->input->items,
                             .block = block};
    if (rows->items) rows->first_item = block->first_line - 1 - rows->items->first;
    if (rows->bad_count && scan->options.on_bad_row == PEAL_BAD_ROWS_FAIL) {
        return peal_bad_row_fail(&block->bad_rows[0], rows->source, err);
    }
    const size_t label = scan->pipeline->label;
    const peal_column *columns = peal_table_room_view(&block->table);
    if (label != SIZE_MAX && peal_types[scan->pipeline->schema.fields[label].type].has_vocabulary) {
        rows->label_texts = columns[label].dictionary;
    }
    rows->raw = columns;
    const peal_raw_batch raw = {.columns = columns};
    PEAL_TRY(peal_pipeline_apply(slot->applier, &raw, NULL, block->table.rows, &rows->table, err));
    PEAL_TRY(count_unknown(slot, columns, err));
    return scan->options.work ? scan->options.work(scan->options.user, rows, err) : PEAL_OK;
}

static void run_slot(scan_slot *slot) {
    slot->unknown = slot->doubtful = (odd_texts){0};
    slot->status = make_rows(slot, &slot->error);
    slot->made = true;
}

/* What it came to stands in the slot. */
static peal_status slot_task(void *argument, peal_error *err) {
    (void)err;
    run_slot(argument);
    return PEAL_OK;
}

/* ---- the ring ---- */

static scan_slot *slot_at(const peal_scan *scan, size_t index) {
    return &scan->slots[(scan->first + index) % scan->slot_count];
}

/* Whether the next step may wait for a pipe. */
static bool may_wait(const peal_scan *scan) {
    if (scan->stream) return scan->begun && !peal_stream_ready(scan->stream, 0);
    if (is_alone(scan)) return false;
    const size_t object = scan->input ? scan->next - 1 : scan->next;
    return scan->objects.objects[object].source->live;
}

/* Gives the pool what is not there yet. A block that is alone stays with the caller's thread: most likely it is all. */
static peal_status submit(peal_scan *scan, peal_error *err) {
    if (scan->used < 2) return PEAL_OK;
    if (!scan->executor) PEAL_TRY(peal_executor_new(scan->threads - 1, &scan->executor, err));
    for (size_t i = 0; i < scan->used; i++) {
        scan_slot *slot = slot_at(scan, i);
        if (slot->future || slot->made) continue; /* `made` belongs to the pool while there is a future */
        PEAL_TRY(peal_executor_submit(scan->executor, slot_task, slot, &slot->future, err));
    }
    return PEAL_OK;
}

/* Reads as long as there is a free slot, and nothing to hand out while a pipe is waited for. A failure is told when
 * all that was read before it has been handed out. */
static void read_ahead(peal_scan *scan) {
    while (!scan->ended && scan->used < scan->slot_count) {
        scan->ended = !scan->input && scan->next == object_count(scan);
        if (scan->ended || (scan->used > 0 && may_wait(scan))) break;
        scan_slot *slot = slot_at(scan, scan->used);
        slot->made = false;
        scan->read_status = read_step(scan, slot, &scan->read_error);
        if (scan->read_status == PEAL_OK && slot->input) {
            scan->used++;
            scan->read_status = submit(scan, &scan->read_error);
        }
        scan->ended = scan->read_status != PEAL_OK;
    }
}

/* Takes a slot back that no thread of the pool has begun with; NULL if there is none. */
static scan_slot *take_back(peal_scan *scan) {
    for (size_t i = 0; i < scan->used; i++) {
        scan_slot *slot = slot_at(scan, i);
        if (!slot->future || !peal_future_cancel(slot->future)) continue;
        peal_future_free(slot->future);
        slot->future = NULL;
        return slot;
    }
    return NULL;
}

/* Returns when the first slot's rows are made. The caller's thread makes rows itself rather than wait. */
static void finish_first(peal_scan *scan) {
    scan_slot *first = slot_at(scan, 0);
    while (first->future && !peal_future_done(first->future)) {
        scan_slot *waiting = take_back(scan);
        if (!waiting) break;
        run_slot(waiting);
    }
    if (first->future) peal_future_wait(first->future, -1, NULL);
    peal_future_free(first->future);
    first->future = NULL;
    if (!first->made) run_slot(first);
}

static void free_first(peal_scan *scan) {
    let_input_go(&slot_at(scan, 0)->input);
    scan->first = (scan->first + 1) % scan->slot_count;
    scan->used--;
    scan->shown = false;
}

/* Waits until the stream can be read; false if it cannot by then. */
static bool wait_for_stream(peal_scan *scan, int64_t until_ns) {
    if (scan->used > 0 || scan->ended || !scan->stream || !scan->begun || until_ns == INT64_MAX) return true;
    for (;;) {
        const int64_t left_ms = (until_ns - peal_now_ns() + 999999) / 1000000;
        const int step_ms = left_ms < 0 ? 0 : left_ms < WAIT_MS ? (int)left_ms : WAIT_MS;
        if (peal_stream_ready(scan->stream, step_ms) || peal_is_stopped(scan->options.stop)) return true;
        if (left_ms <= 0) return false;
    }
}

peal_status peal_scan_next(peal_scan *scan, peal_scan_rows *out, peal_error *err) {
    return peal_scan_next_until(scan, INT64_MAX, out, err);
}

/* The first one stays. */
static void add_odd(odd_texts *all, const odd_texts *more) {
    const uint64_t rows = all->rows + more->rows;
    if (all->rows == 0) *all = *more;
    all->rows = rows;
}

peal_status peal_scan_next_until(peal_scan *scan, int64_t until_ns, peal_scan_rows *out, peal_error *err) {
    *out = (peal_scan_rows){0};
    for (;;) {
        if (scan->shown) free_first(scan);
        if (!wait_for_stream(scan, until_ns)) {
            out->late = true;
            return PEAL_OK;
        }
        read_ahead(scan);
        if (scan->used == 0) {
            if (scan->read_status != PEAL_OK && err) *err = scan->read_error;
            out->ended = true;
            return scan->read_status;
        }
        finish_first(scan);
        scan->shown = true;
        const scan_slot *slot = slot_at(scan, 0);
        if (slot->status != PEAL_OK) {
            if (err) *err = slot->error;
            return slot->status;
        }
        add_odd(&scan->unknown, &slot->unknown);
        add_odd(&scan->doubtful, &slot->doubtful);
        if (slot->rows.table.rows || slot->rows.bad_count) {
            *out = slot->rows;
            return PEAL_OK;
        }
    }
}

uint64_t peal_scan_unknown(const peal_scan *scan, const char **column, const char **text) {
    *text = scan->unknown.text;
    *column = scan->unknown.rows ? scan->pipeline->schema.fields[scan->unknown.column].name : "";
    return scan->unknown.rows;
}

uint64_t peal_scan_doubtful(const peal_scan *scan, const char **column, const char **text, const char **doubt) {
    *text = scan->doubtful.text;
    *doubt = scan->doubtful.doubt;
    *column = scan->doubtful.rows ? scan->pipeline->schema.fields[scan->doubtful.column].name : "";
    return scan->doubtful.rows;
}

uint64_t peal_scan_left_out(const peal_scan *scan) {
    return scan->objects.sources.left_out_count;
}

void peal_scan_close(peal_scan *scan) {
    if (!scan) return;
    for (size_t i = 0; scan->slots && i < scan->slot_count; i++) {
        scan_slot *slot = &scan->slots[i];
        peal_future_free(slot->future); /* waits for it */
        let_input_go(&slot->input);
        peal_block_clear(&slot->block);
        peal_applier_free(slot->applier);
        for (size_t c = 0; slot->seen && c < scan->read->count; c++) peal_buffer_clear(&slot->seen[c].kinds);
        free(slot->seen);
    }
    peal_executor_free(scan->executor);
    let_input_go(&scan->input);
    peal_stream_close(scan->options.stream); /* nobody has opened it */
    free(scan->slots);
    peal_object_list_clear(&scan->objects);
    peal_nulls_clear(&scan->nulls);
    peal_schema_clear(&scan->own);
    json_decref(scan->text_options);
    free(scan);
}
