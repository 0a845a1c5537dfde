/* Reads raw rows block by block through a fitted pipeline, on the caller's thread; see scan.h. */
#include "etl/job/scan.h"

#include <stdlib.h>

#include "etl/job/input.h"

struct peal_scan {
    const peal_pipeline *pipeline;
    peal_scan_options options;
    peal_input_list inputs;
    peal_format_options text_options;
    peal_format_job job;
    peal_format_reader *reader;
    peal_block block;
    peal_applier *applier;
    size_t next; /* input */
    uint64_t used, dropped;
};

peal_status peal_scan_open(const peal_pipeline *pipeline, const peal_scan_options *options, peal_scan **out,
                           peal_error *err) {
    *out = NULL;
    peal_scan *scan = calloc(1, sizeof *scan);
    if (!scan) return peal_fail(err, PEAL_E_MEMORY, "no memory for a scan");
    *scan = (peal_scan){.pipeline = pipeline, .options = *options};
    scan->text_options = pipeline->options;
    scan->text_options.header = PEAL_HEADER_NO;
    scan->job = (peal_format_job){
        .options = options->text ? &scan->text_options : &pipeline->options,
        .schema = &pipeline->schema,
        .label = pipeline->label,
        .label_required = options->label_required,
    };
    peal_status status = PEAL_OK;
    if (!options->text) {
        const peal_source_options sources = {.names = options->sources,
                                             .count = options->source_count,
                                             .stop = options->stop,
                                             .reporter = options->reporter};
        status = peal_input_list_make(&sources, pipeline->format->name, &scan->inputs, err);
    }
    if (status == PEAL_OK) status = peal_block_init(&scan->block, &pipeline->schema, err);
    if (status == PEAL_OK) status = peal_applier_new(pipeline, &scan->applier, err);
    if (status != PEAL_OK) {
        peal_scan_close(scan);
        return status;
    }
    *out = scan;
    return PEAL_OK;
}

static size_t input_count(const peal_scan *scan) {
    return scan->options.text ? 1 : scan->inputs.count;
}

static const char *input_path(const peal_scan *scan) {
    return scan->options.text ? "text" : scan->inputs.inputs[scan->next].path;
}

static peal_status open_next(peal_scan *scan, peal_error *err) {
    const peal_input *input = scan->options.text ? NULL : &scan->inputs.inputs[scan->next];
    const peal_source *companion = input ? input->companion : NULL;
    peal_stream *stream;
    PEAL_TRY(input ? peal_decode_source(input->source, NULL, &stream, err)
                   : peal_memory_stream_open(scan->options.text, scan->options.text_size, &stream, err));
    return scan->pipeline->format->open(&scan->job, input_path(scan), companion, stream, &scan->reader, err);
}

static peal_status check_bad_rows(peal_scan *scan, peal_error *err) {
    const peal_block *block = &scan->block;
    if (block->bad_count && scan->options.on_bad_row == PEAL_BAD_ROWS_FAIL) {
        const peal_bad_row *bad = &block->bad_rows[0];
        return peal_fail(err, PEAL_E_DATA, "%s: line %llu: %s", input_path(scan), (unsigned long long)bad->line,
                         bad->reason);
    }
    scan->dropped += block->bad_count;
    peal_block_forget_bad_rows(&scan->block);
    return PEAL_OK;
}

peal_status peal_scan_next(peal_scan *scan, peal_table *table, peal_error *err) {
    const peal_format *format = scan->pipeline->format;
    *table = (peal_table){0};
    while (scan->next < input_count(scan)) {
        if (!scan->reader) PEAL_TRY(open_next(scan, err));
        PEAL_TRY(format->read(scan->reader, &scan->block, err));
        if (scan->block.size == 0) {
            format->close(scan->reader);
            scan->reader = NULL;
            scan->next++;
            continue;
        }
        peal_block_reset_dictionaries(&scan->block);
        PEAL_TRY(format->parse(scan->reader, &scan->block, err));
        PEAL_TRY(check_bad_rows(scan, err));
        if (scan->block.rows == 0) continue;
        scan->used += scan->block.rows;
        const peal_raw_batch raw = {
            .rows = scan->block.rows,
            .numbers = (const double *const *)scan->block.numbers,
            .codes = (const int32_t *const *)scan->block.codes,
            .bytes = (const uint8_t *const *)scan->block.bytes,
            .dictionaries = scan->block.dictionaries,
        };
        return peal_pipeline_apply(scan->applier, &raw, NULL, scan->block.rows, table, err);
    }
    return PEAL_OK;
}

void peal_scan_rows(const peal_scan *scan, uint64_t *used, uint64_t *dropped) {
    *used = scan->used;
    *dropped = scan->dropped;
}

const peal_dictionary *peal_scan_label_texts(const peal_scan *scan) {
    const size_t label = scan->pipeline->label;
    const bool is_text = label != SIZE_MAX && scan->pipeline->schema.fields[label].kind == PEAL_RAW_TEXT;
    return is_text ? &scan->block.dictionaries[label] : NULL;
}

void peal_scan_close(peal_scan *scan) {
    if (!scan) return;
    if (scan->reader) scan->pipeline->format->close(scan->reader);
    peal_block_clear(&scan->block);
    peal_applier_free(scan->applier);
    peal_input_list_clear(&scan->inputs);
    free(scan);
}
