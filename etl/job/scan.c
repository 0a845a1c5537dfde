/* Reads raw rows block by block through a fitted pipeline, on the caller's thread; see scan.h. */
#include "etl/job/scan.h"

#include <stdlib.h>
#include <string.h>

#include "etl/job/objects.h"

struct peal_scan {
    const peal_pipeline *pipeline;
    peal_scan_options options;
    peal_object_list objects;
    peal_nulls nulls;
    json_t *text_options; /* of the text in memory */
    peal_wanted wanted;
    peal_reader *reader;
    peal_block block;
    peal_applier *applier;
    size_t next; /* object */
    uint64_t unknown;
    size_t unknown_column;
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

static peal_status open_sources(peal_scan *scan, peal_error *err) {
    const peal_scan_options *options = &scan->options;
    if (options->text) {
        scan->text_options = json_pack("{s:s, s:s}", "header", "no", "delimiter", ",");
        return scan->text_options ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a scan");
    }
    const peal_source_options sources = {.names = options->sources,
                                         .count = options->source_count,
                                         .live = true,
                                         .stop = options->stop,
                                         .reporter = options->reporter};
    return peal_object_list_make(&sources, options->format, options->reading, &scan->objects, err);
}

peal_status peal_scan_open(const peal_pipeline *pipeline, const peal_scan_options *options, peal_scan **out,
                           peal_error *err) {
    *out = NULL;
    peal_scan *scan = calloc(1, sizeof *scan);
    if (!scan) return peal_fail(err, PEAL_E_MEMORY, "no memory for a scan");
    *scan = (peal_scan){.pipeline = pipeline, .options = *options};
    scan->wanted = (peal_wanted){
        .schema = &pipeline->schema,
        .nulls = &scan->nulls,
        .label = pipeline->label,
        .label_required = options->label_required,
        .label_as_text = true,
    };
    peal_status status = make_nulls(scan, err);
    if (status == PEAL_OK) status = open_sources(scan, err);
    if (status == PEAL_OK) status = peal_block_init(&scan->block, &pipeline->schema, err);
    if (status == PEAL_OK) status = peal_applier_new(pipeline, &scan->applier, err);
    if (status != PEAL_OK) {
        peal_scan_close(scan);
        return status;
    }
    *out = scan;
    return PEAL_OK;
}

static size_t object_count(const peal_scan *scan) {
    return scan->options.text ? 1 : scan->objects.count;
}

static const char *object_name(const peal_scan *scan) {
    return scan->options.text ? "text" : scan->objects.objects[scan->next].name;
}

/* NULL in scan->reader: the object is empty. */
static peal_status open_next(peal_scan *scan, peal_error *err) {
    const peal_scan_options *options = &scan->options;
    if (!options->text) {
        return peal_object_open(&scan->objects, &scan->objects.objects[scan->next], &scan->wanted, NULL, &scan->reader,
                                err);
    }
    const peal_format *csv;
    peal_input input = {.name = "text"};
    PEAL_TRY(peal_format_find("csv", &csv, err));
    PEAL_TRY(peal_memory_stream_open(options->text, options->text_size, &input.stream, err));
    return csv->open(scan->text_options, &scan->wanted, &input, &scan->reader, err);
}

static void close_reader(peal_scan *scan) {
    peal_reader_close(scan->reader);
    scan->reader = NULL;
    scan->next++;
}

/* Reads and parses the next block that has rows, good or bad; *ended if there is none. */
static peal_status next_block(peal_scan *scan, bool *ended, peal_error *err) {
    while (scan->next < object_count(scan)) {
        if (!scan->reader) PEAL_TRY(open_next(scan, err));
        if (!scan->reader) {
            scan->next++;
            continue;
        }
        PEAL_TRY(scan->reader->next(scan->reader, &scan->block, err));
        if (scan->block.size == 0 && scan->block.records == 0) {
            close_reader(scan);
            continue;
        }
        peal_table_room_reset_dictionaries(&scan->block.table);
        PEAL_TRY(scan->reader->parse(scan->reader, &scan->block, err));
        if (scan->block.table.rows || scan->block.bad_count) return PEAL_OK;
    }
    *ended = true;
    return PEAL_OK;
}

/* Counts texts that the pipeline's vocabularies do not know. */
static void count_unknown(peal_scan *scan, const peal_column *columns) {
    const peal_pipeline *pipeline = scan->pipeline;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_column_role role = pipeline->columns[i].role;
        if (role == PEAL_ROLE_DROPPED || role == PEAL_ROLE_LABEL || !columns[i].dictionary) continue;
        if (!peal_types[columns[i].type].has_vocabulary) continue;
        const uint64_t before = scan->unknown;
        const bool is_number = peal_pipeline_is_number(pipeline, i);
        for (size_t row = 0; row < columns[i].length; row++) {
            const peal_text text =
                peal_dictionary_text(columns[i].dictionary, (uint32_t)peal_column_code(&columns[i], row));
            scan->unknown += peal_applier_is_unknown(scan->applier, i, (uint32_t)peal_column_code(&columns[i], row)) &&
                             !peal_nulls_hold(&scan->nulls, text.data, text.length) &&
                             !(is_number && peal_cell_is_usual(text.data, text.length, false));
        }
        if (before == 0 && scan->unknown) scan->unknown_column = i;
    }
}

peal_status peal_scan_next(peal_scan *scan, peal_scan_rows *out, peal_error *err) {
    *out = (peal_scan_rows){0};
    PEAL_TRY(next_block(scan, &out->ended, err));
    if (out->ended) return PEAL_OK;
    out->source = object_name(scan);
    out->bad_rows = scan->block.bad_rows;
    out->bad_count = scan->block.bad_count;
    if (out->bad_count && scan->options.on_bad_row == PEAL_BAD_ROWS_FAIL) {
        const peal_bad_row *bad = &scan->block.bad_rows[0];
        return peal_fail(err, PEAL_E_DATA, "%s: line %llu: %s", out->source, (unsigned long long)bad->line,
                         bad->reason);
    }
    const size_t label = scan->pipeline->label;
    const peal_column *columns = peal_table_room_view(&scan->block.table);
    if (label != SIZE_MAX && peal_types[scan->pipeline->schema.fields[label].type].has_vocabulary) {
        out->label_texts = columns[label].dictionary;
    }
    const peal_raw_batch raw = {.columns = columns};
    PEAL_TRY(peal_pipeline_apply(scan->applier, &raw, NULL, scan->block.table.rows, &out->table, err));
    count_unknown(scan, columns);
    return PEAL_OK;
}

uint64_t peal_scan_unknown(const peal_scan *scan, const char **column) {
    *column = scan->unknown ? scan->pipeline->schema.fields[scan->unknown_column].name : "";
    return scan->unknown;
}

void peal_scan_close(peal_scan *scan) {
    if (!scan) return;
    peal_reader_close(scan->reader);
    peal_block_clear(&scan->block);
    peal_applier_free(scan->applier);
    peal_object_list_clear(&scan->objects);
    peal_nulls_clear(&scan->nulls);
    json_decref(scan->text_options);
    free(scan);
}
