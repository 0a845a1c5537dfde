/* The one code path from raw columns to features and label: ETL, training and prediction all come through here. */
#include <math.h>
#include <string.h>

#include "etl/pipeline/applier.h"

enum { NUMBER_CHUNK = 512 };

/* ---- features ---- */

/* Beyond this many of its units a feature tells no more, and squares must stay finite. Integers of 64 bits are below.
 */
#define FEATURE_MOST 1e19

static inline float to_feature(double value) {
    return (float)(value > FEATURE_MOST ? FEATURE_MOST : value < -FEATURE_MOST ? -FEATURE_MOST : value);
}

/* The numbers of `count` rows of a raw column: those of `selection`, or from row `first` on. */
static void gather_numbers(const peal_column *raw, const peal_code_map *map, const uint32_t *selection, size_t first,
                           size_t count, double *out) {
    if (map && map->numbers) {
        for (size_t i = 0; i < count; i++) {
            out[i] = map->numbers[peal_column_code(raw, selection ? selection[i] : first + i)];
        }
    } else if (!selection) {
        peal_types[raw->type].numbers(raw, first, count, out);
    } else if (raw->type == PEAL_TYPE_FLOAT64 && !raw->validity) {
        const double *values = raw->values;
        for (size_t i = 0; i < count; i++) out[i] = values[selection[i]];
    } else {
        for (size_t i = 0; i < count; i++) peal_types[raw->type].numbers(raw, selection[i], 1, &out[i]);
    }
}

/* What the steps from `first` to before `end` make of numbers. */
static void apply_steps_between(const peal_pipeline_column *column, size_t first, size_t end, double *values,
                                size_t count) {
    for (size_t s = first; s < end; s++) {
        const peal_pipeline_step *step = &column->steps[s];
        if (step->transform->numbers) step->transform->numbers(step->state, values, count);
    }
}

/* The first `step_count` steps. */
static void apply_number_steps(const peal_pipeline_column *column, size_t step_count, double *values, size_t count) {
    apply_steps_between(column, 0, step_count, values, count);
}

static bool is_filled(const peal_pipeline_column *column, peal_impute_trace trace) {
    if (column->role != PEAL_ROLE_FEATURE) return false;
    for (size_t s = 0; s < column->step_count; s++) {
        const peal_pipeline_step *step = &column->steps[s];
        if (step->transform == &peal_transform_impute && peal_impute_left(step->state) == trace) return true;
    }
    return false;
}

bool peal_pipeline_hides_missing(const peal_pipeline *pipeline, size_t index) {
    return is_filled(&pipeline->columns[index], PEAL_IMPUTE_HIDES);
}

float peal_pipeline_filled(const peal_pipeline *pipeline, size_t index) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    double value = (double)NAN;
    if (!is_filled(column, PEAL_IMPUTE_SHOWS)) return (float)NAN;
    apply_number_steps(column, column->step_count, &value, 1);
    return to_feature(value);
}

void peal_pipeline_numbers(const peal_pipeline *pipeline, size_t index, size_t step, const peal_column *raw,
                           const peal_code_map *map, size_t first, size_t count, double *out) {
    gather_numbers(raw, map, NULL, first, count, out);
    apply_number_steps(&pipeline->columns[index], step, out, count);
}

double peal_pipeline_raw_number(const peal_pipeline_column *column, double value) {
    apply_number_steps(column, column->step_count, &value, 1);
    return value;
}

float peal_pipeline_feature(const peal_pipeline_column *column, double value) {
    return to_feature(peal_pipeline_raw_number(column, value));
}

/* At most NUMBER_CHUNK rows of a column of numbers. */
static void apply_number_column(const peal_pipeline_column *column, const peal_column *raw, const peal_code_map *map,
                                const uint32_t *selection, size_t first, size_t count, float *out, size_t stride) {
    double chunk[NUMBER_CHUNK];
    const peal_pipeline_step *marker = peal_pipeline_marker(column);
    const size_t filled = marker ? (size_t)(marker - column->steps) : 0;
    gather_numbers(raw, map, selection, first, count, chunk);
    apply_steps_between(column, 0, filled, chunk, count);
    for (size_t i = 0; marker && i < count; i++) out[i * stride + 1] = isnan(chunk[i]) ? 1.0f : 0.0f;
    apply_steps_between(column, filled, column->step_count, chunk, count);
    for (size_t i = 0; i < count; i++) out[i * stride] = to_feature(chunk[i]);
}

static void apply_bytes(const peal_pipeline *pipeline, const peal_raw_batch *raw, const uint32_t *selection,
                        size_t count, uint8_t *out) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != PEAL_ROLE_FEATURE) continue;
        const uint8_t *bytes = raw->columns[i].child->values;
        for (size_t row = 0; row < count; row++) {
            memcpy(out + row * pipeline->feature_width + column->offset,
                   bytes + applier__row_at(selection, row) * column->width, column->width);
        }
    }
}

static bool spreads_texts(const peal_pipeline *pipeline) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role == PEAL_ROLE_FEATURE && applier__has_codes(pipeline, i)) return true;
    }
    return false;
}

/* The features that the texts of the rows become. */
static void copy_spread(const peal_pipeline_column *column, const int32_t *codes, const peal_code_map *map,
                        const uint32_t *selection, size_t at, size_t size, float *tile, size_t stride) {
    for (size_t row = 0; row < size; row++) {
        const size_t code = (size_t)codes[applier__row_at(selection, at + row)];
        memcpy(tile + row * stride + column->offset, map->spread + code * column->width, column->width * sizeof *tile);
    }
}

/* The feature columns of rows at .. at + size - 1 of the selection, into a tile of the block. */
static void apply_tile(const peal_pipeline *pipeline, const peal_raw_batch *raw, const peal_code_map *maps,
                       const uint32_t *selection, size_t at, size_t size, float *tile) {
    const size_t stride = pipeline->feature_width;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != PEAL_ROLE_FEATURE) continue;
        if (!applier__has_codes(pipeline, i)) {
            /* A column may have been read as texts before its values were known to be numbers. */
            const bool is_mapped = peal_types[raw->columns[i].type].has_vocabulary;
            apply_number_column(column, &raw->columns[i], is_mapped ? &maps[i] : NULL,
                                selection ? selection + at : NULL, at, size, tile + column->offset, stride);
            continue;
        }
        const int32_t *codes = raw->columns[i].values;
        if (maps[i].spread) {
            copy_spread(column, codes, &maps[i], selection, at, size, tile, stride);
            continue;
        }
        for (size_t row = 0; row < size; row++) {
            const int32_t code = maps[i].codes[codes[applier__row_at(selection, at + row)]];
            if (code >= 0) tile[row * stride + column->offset + (size_t)code] = 1.0f;
        }
    }
}

static void apply_features(const peal_applier *applier, const peal_raw_batch *raw, const peal_code_map *maps,
                           const uint32_t *selection, size_t count, float *out) {
    const peal_pipeline *pipeline = applier->pipeline;
    const size_t stride = pipeline->feature_width;
    const bool spreads = spreads_texts(pipeline);
    /* A tile of rows at a time, so that the columns write to lines that are still in the cache. */
    for (size_t at = 0; at < count; at += NUMBER_CHUNK) {
        const size_t size = count - at < NUMBER_CHUNK ? count - at : NUMBER_CHUNK;
        float *tile = out + at * stride;
        if (spreads) memset(tile, 0, size * stride * sizeof *tile);
        apply_tile(pipeline, raw, maps, selection, at, size, tile);
    }
}

/* ---- columns of codes ---- */

/* Writes codes of `count` rows, of which -1 is missing: from row `first` on, which is a multiple of 8. */
#define PUT_CODES(width)                                                                            \
    static size_t put_codes_##width(const int32_t *codes, size_t first, size_t count, void *values, \
                                    uint8_t *validity) {                                            \
        uint##width##_t *out = (uint##width##_t *)values + first;                                   \
        size_t missing = 0;                                                                         \
        for (size_t at = 0; at < count; at += 8) {                                                  \
            const size_t end = count - at < 8 ? count - at : 8;                                     \
            unsigned bits = 0;                                                                      \
            for (size_t i = 0; i < end; i++) {                                                      \
                const int32_t code = codes[at + i];                                                 \
                bits |= (unsigned)(code >= 0) << i;                                                 \
                missing += code < 0;                                                                \
                out[at + i] = (uint##width##_t)(code < 0 ? 0 : code);                               \
            }                                                                                       \
            validity[(first + at) / 8] = (uint8_t)bits;                                             \
        }                                                                                           \
        return missing;                                                                             \
    }
PUT_CODES(8)
PUT_CODES(16)
PUT_CODES(32)

static void put_codes(peal_column *out, const int32_t *codes, size_t first, size_t count, uint8_t *values,
                      uint8_t *validity) {
    const size_t size = peal_column_value_size(out);
    out->null_count += (size == 1   ? put_codes_8
                        : size == 2 ? put_codes_16
                                    : put_codes_32)(codes, first, count, values, validity);
}

/* The codes of some rows of a column of texts. */
static void map_rows(const int32_t *codes, const int32_t *map, const uint32_t *selection, size_t first, size_t count,
                     int32_t *out) {
    if (selection) {
        for (size_t i = 0; i < count; i++) out[i] = map[codes[selection[first + i]]];
    } else {
        for (size_t i = 0; i < count; i++) out[i] = map[codes[first + i]];
    }
}

/* The same where the texts became codes as they were read. */
static void take_rows(const int32_t *codes, const uint32_t *selection, size_t first, size_t count, int32_t *out) {
    for (size_t i = 0; i < count; i++) out[i] = codes[selection ? selection[first + i] : first + i];
}

/* The codes of some rows of a column of numbers. */
static void bucket_rows(const peal_pipeline_column *column, const peal_column *raw, const peal_code_map *map,
                        const uint32_t *selection, size_t first, size_t count, int32_t *out) {
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    double chunk[NUMBER_CHUNK];
    gather_numbers(raw, map, selection ? selection + first : NULL, first, count, chunk);
    apply_number_steps(column, column->step_count, chunk, count);
    encoder->transform->buckets(encoder->state, chunk, count, out);
}

static void apply_codes(const peal_applier *applier, size_t from, const peal_raw_batch *raw, const peal_code_map *maps,
                        const uint32_t *selection, size_t count, peal_column *out, uint8_t *values, uint8_t *validity) {
    const peal_pipeline_column *column = &applier->pipeline->columns[from];
    const bool is_number = column->steps[column->step_count - 1].transform->buckets != NULL;
    int32_t codes[NUMBER_CHUNK];
    out->null_count = 0;
    for (size_t at = 0; at < count; at += NUMBER_CHUNK) {
        const size_t size = count - at < NUMBER_CHUNK ? count - at : NUMBER_CHUNK;
        if (is_number) {
            bucket_rows(column, &raw->columns[from], maps ? &maps[from] : NULL, selection, at, size, codes);
        } else if (raw->columns[from].type == PEAL_TYPE_INT32) {
            take_rows(raw->columns[from].values, selection, at, size, codes);
        } else {
            map_rows(raw->columns[from].values, maps[from].codes, selection, at, size, codes);
        }
        put_codes(out, codes, at, size, values, validity);
    }
    out->validity = out->null_count ? validity : NULL;
}

/* A label, offset or weight. */
static void apply_doubles(const peal_pipeline_column *column, const peal_column *raw, const peal_code_map *map,
                          const uint32_t *selection, size_t count, double *out) {
    for (size_t at = 0; at < count; at += NUMBER_CHUNK) {
        const size_t size = count - at < NUMBER_CHUNK ? count - at : NUMBER_CHUNK;
        gather_numbers(raw, map, selection ? selection + at : NULL, at, size, out + at);
        apply_number_steps(column, column->step_count, out + at, size);
    }
}

/* The label of rows that are predicted: it keeps its place, so that what stands behind it does, but nobody reads it. */
static void apply_no_label(peal_column *out, size_t count, uint8_t *values, uint8_t *validity) {
    int32_t codes[NUMBER_CHUNK];
    if (!applier__holds_codes(out)) {
        for (size_t row = 0; row < count; row++) ((double *)(void *)values)[row] = (double)NAN;
        return;
    }
    memset(codes, 0xFF, sizeof codes);
    out->null_count = 0;
    for (size_t at = 0; at < count; at += NUMBER_CHUNK) {
        put_codes(out, codes, at, count - at < NUMBER_CHUNK ? count - at : NUMBER_CHUNK, values, validity);
    }
    out->validity = out->null_count ? validity : NULL;
}

static void apply_column(peal_applier *applier, const peal_raw_batch *raw, const peal_code_map *maps,
                         const uint32_t *selection, size_t count, size_t index) {
    const peal_pipeline *pipeline = applier->pipeline;
    peal_column *column = &applier->columns[index];
    uint8_t *values = applier->values[index];
    const size_t from = applier->raw_of[index];
    column->length = count;
    if (from == SIZE_MAX) {
        applier->row_items = applier->items;
        applier->row_items.length = count * pipeline->feature_width;
        applier->row_items.values = values;
        column->child = &applier->row_items;
        if (pipeline->byte_features) {
            apply_bytes(pipeline, raw, selection, count, values);
        } else {
            apply_features(applier, raw, maps, selection, count, (float *)(void *)values);
        }
        return;
    }
    column->values = values;
    if (from == pipeline->label && applier->no_label) {
        apply_no_label(column, count, values, applier->validity[index]);
    } else if (applier__holds_codes(column)) {
        apply_codes(applier, from, raw, maps, selection, count, column, values, applier->validity[index]);
    } else {
        apply_doubles(&pipeline->columns[from], &raw->columns[from], maps ? &maps[from] : NULL, selection, count,
                      (double *)(void *)values);
    }
}

peal_status peal_pipeline_apply(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection,
                                size_t count, peal_table *out, peal_error *err) {
    PEAL_TRY(applier__reserve_rows(applier, count ? count : 1, err)); /* of none, too, columns have a place */
    if (!raw->maps) PEAL_TRY(applier__make_maps(applier, raw->columns, err));
    const peal_code_map *maps = raw->maps ? raw->maps : applier->maps;
    memcpy(applier->columns, applier->schema.columns, applier->schema.column_count * sizeof *applier->columns);
    for (size_t i = 0; i < applier->schema.column_count; i++) {
        if (applier->schema.columns[i].type == PEAL_TYPE_LIST) continue; /* all of them at once */
        if (applier__is_kept(&applier->schema.columns[i])) {
            PEAL_TRY(applier__kept(applier, i, raw, selection, count, err));
        } else {
            apply_column(applier, raw, maps, selection, count, i);
        }
    }
    if (applier->sparse_at != SIZE_MAX) PEAL_TRY(applier__sparse(applier, raw, selection, count, err));
    *out = (peal_table){.rows = count, .column_count = applier->schema.column_count, .columns = applier->columns};
    return PEAL_OK;
}
