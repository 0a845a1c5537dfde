/* The one code path from raw columns to features and label: ETL, training and prediction all come through here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "etl/pipeline/pipeline.h"

enum { NUMBER_CHUNK = 512 };

/* The memory of the map of one raw column that has texts. */
typedef struct own_map {
    size_t raw;      /* the column */
    int32_t *codes;  /* [capacity] or NULL, as the others */
    double *numbers; /* [capacity] */
    float *spread;   /* [capacity][width] */
    size_t capacity; /* texts of the dictionary */
} own_map;

struct peal_applier {
    const peal_pipeline *pipeline;
    peal_code_map *maps; /* [raw columns] what the texts of the present dictionaries become */
    own_map *own;        /* [own_count] */
    size_t own_count;
    peal_buffer scratch;
    peal_table schema;
    peal_column items;           /* of the feature block, in the schema */
    peal_column row_items;       /* the same with rows */
    peal_column sparse_items[2]; /* of indices and values, with rows */
    peal_buffer sparse_offsets, sparse_indices, sparse_values;
    size_t *text_columns; /* [text_column_count] raw columns whose texts become sparse features */
    size_t text_column_count;
    peal_bag bag;
    size_t sparse_at;                       /* of the indices among the schema's columns; SIZE_MAX: there are none */
    size_t kept_at;                         /* of the first column that no model sees */
    peal_buffer *kept_offsets, *kept_bytes; /* [schema columns] */
    peal_dictionary *dictionaries;          /* [schema columns] of the output */
    uint8_t **values;                       /* [schema columns] */
    uint8_t **validity;                     /* [schema columns] */
    peal_column *columns;                   /* the output's, with rows */
    size_t row_capacity;
    size_t *raw_of; /* [schema columns] index of the raw column; SIZE_MAX: there are several */
};

/* ---- the output's columns ---- */

static peal_type code_type(uint32_t size) {
    return size <= INT8_MAX + 1 ? PEAL_TYPE_INT8 : size <= INT16_MAX + 1 ? PEAL_TYPE_INT16 : PEAL_TYPE_INT32;
}

static peal_status fill_dictionary(peal_dictionary *dictionary, const peal_pipeline_step *step, peal_error *err) {
    uint32_t count = step->transform->width(step->state);
    for (uint32_t i = 0; i < count; i++) {
        peal_text name = step->transform->code_name(step->state, i);
        uint32_t code;
        PEAL_TRY(peal_dictionary_put(dictionary, name.data, name.length, &code, err));
    }
    return PEAL_OK;
}

static peal_status add_coded_column(peal_applier *applier, size_t raw, peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    const peal_pipeline_column *column = &pipeline->columns[raw];
    size_t at = applier->schema.column_count++;
    peal_column *out = &applier->schema.columns[at];
    applier->raw_of[at] = raw;
    out->name = pipeline->schema.fields[raw].name;
    if (raw == pipeline->label && peal_pipeline_is_number(pipeline, raw)) {
        out->type = PEAL_TYPE_FLOAT64; /* a label may have an offset that float32 cannot hold */
        return PEAL_OK;
    }
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    if (!encoder->transform->dictionary) {
        out->type = out->codes = PEAL_TYPE_INT32;
        return PEAL_OK;
    }
    out->dictionary = encoder->transform->dictionary(encoder->state);
    if (!out->dictionary) {
        out->dictionary = &applier->dictionaries[at];
        PEAL_TRY(fill_dictionary(&applier->dictionaries[at], encoder, err));
    }
    out->type = PEAL_TYPE_DICTIONARY;
    out->codes = code_type(out->dictionary->size);
    return PEAL_OK;
}

/* Two lists with the same offsets. */
static void add_sparse_columns(peal_applier *applier) {
    static const char *const names[] = {"indices", "values"};
    static const peal_type items[] = {PEAL_TYPE_UINT32, PEAL_TYPE_FLOAT32};
    applier->sparse_at = applier->schema.column_count;
    for (size_t i = 0; i < 2; i++) {
        const size_t at = applier->schema.column_count++;
        applier->raw_of[at] = SIZE_MAX;
        applier->sparse_items[i] = (peal_column){.name = "item", .type = items[i]};
        applier->schema.columns[at] =
            (peal_column){.name = names[i], .type = PEAL_TYPE_LIST, .child = &applier->sparse_items[i]};
    }
}

static void add_kept_column(peal_applier *applier, size_t raw) {
    const size_t at = applier->schema.column_count++;
    applier->raw_of[at] = raw;
    applier->schema.columns[at] =
        (peal_column){.name = applier->pipeline->schema.fields[raw].name, .type = PEAL_TYPE_UTF8};
}

static bool has_texts(const peal_pipeline *pipeline, size_t index) {
    return pipeline->columns[index].role != PEAL_ROLE_DROPPED &&
           peal_types[pipeline->schema.fields[index].type].has_vocabulary;
}

/* Room for what is known of the raw columns, and for the output's: few where many are features. */
static peal_status reserve_schema(peal_applier *applier, peal_error *err) {
    static const char what[] = "a schema";
    const peal_pipeline *pipeline = applier->pipeline;
    const size_t raw = pipeline->schema.count + 1;
    size_t most = 4; /* features, indices and values, the label */
    size_t texts = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_column_role role = pipeline->columns[i].role;
        most += role == PEAL_ROLE_INDEX || role == PEAL_ROLE_KEPT || role == PEAL_ROLE_SPARSE;
        texts += has_texts(pipeline, i);
    }
    PEAL_TRY(peal_zeroed_checked(&applier->maps, raw, sizeof(peal_code_map), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->own, texts, sizeof(own_map), what, err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (has_texts(pipeline, i)) applier->own[applier->own_count++].raw = i;
    }
    PEAL_TRY(peal_zeroed_checked(&applier->schema.columns, most, sizeof(peal_column), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->columns, most, sizeof(peal_column), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->dictionaries, most, sizeof(peal_dictionary), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->values, most, sizeof(uint8_t *), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->validity, most, sizeof(uint8_t *), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->raw_of, most, sizeof(size_t), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->text_columns, most, sizeof(size_t), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->kept_offsets, most, sizeof(peal_buffer), what, err));
    return peal_zeroed_checked(&applier->kept_bytes, most, sizeof(peal_buffer), what, err);
}

static peal_status make_schema(peal_applier *applier, bool keeps, peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    PEAL_TRY(reserve_schema(applier, err));
    if (pipeline->feature_width) {
        applier->raw_of[0] = SIZE_MAX;
        applier->items = (peal_column){
            .name = "item",
            .type = pipeline->byte_features ? PEAL_TYPE_UINT8 : PEAL_TYPE_FLOAT32,
        };
        applier->schema.columns[applier->schema.column_count++] = (peal_column){
            .name = "features",
            .type = PEAL_TYPE_FIXED_LIST,
            .width = pipeline->feature_width,
            .child = &applier->items,
        };
    }
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role == PEAL_ROLE_INDEX) PEAL_TRY(add_coded_column(applier, i, err));
    }
    if (pipeline->sparse_width) add_sparse_columns(applier);
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role != PEAL_ROLE_SPARSE || i == pipeline->indices || i == pipeline->values) continue;
        applier->text_columns[applier->text_column_count++] = i;
    }
    if (pipeline->label != SIZE_MAX) PEAL_TRY(add_coded_column(applier, pipeline->label, err));
    applier->kept_at = applier->schema.column_count;
    for (size_t i = 0; keeps && i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role == PEAL_ROLE_KEPT) add_kept_column(applier, i);
    }
    return PEAL_OK;
}

peal_status peal_applier_new(const peal_pipeline *pipeline, bool keeps, peal_applier **out, peal_error *err) {
    *out = NULL;
    peal_applier *applier = calloc(1, sizeof *applier);
    if (!applier) return peal_fail(err, PEAL_E_MEMORY, "no memory to apply a pipeline");
    applier->pipeline = pipeline;
    applier->sparse_at = SIZE_MAX;
    peal_status status = make_schema(applier, keeps, err);
    if (status != PEAL_OK) {
        peal_applier_free(applier);
        return status;
    }
    *out = applier;
    return PEAL_OK;
}

void peal_applier_free(peal_applier *applier) {
    if (!applier) return;
    for (size_t i = 0; i < applier->own_count; i++) {
        free(applier->own[i].codes);
        free(applier->own[i].numbers);
        free(applier->own[i].spread);
    }
    for (size_t i = 0; i < applier->schema.column_count; i++) {
        peal_dictionary_clear(&applier->dictionaries[i]);
        free(applier->values[i]);
        free(applier->validity[i]);
        peal_buffer_clear(&applier->kept_offsets[i]);
        peal_buffer_clear(&applier->kept_bytes[i]);
    }
    peal_bag_clear(&applier->bag);
    free(applier->text_columns);
    free(applier->kept_offsets);
    free(applier->kept_bytes);
    free(applier->maps);
    free(applier->own);
    free(applier->schema.columns);
    free(applier->columns);
    free(applier->dictionaries);
    free(applier->values);
    free(applier->validity);
    free(applier->raw_of);
    peal_buffer_clear(&applier->sparse_offsets);
    peal_buffer_clear(&applier->sparse_indices);
    peal_buffer_clear(&applier->sparse_values);
    peal_buffer_clear(&applier->scratch);
    free(applier);
}

const peal_table *peal_applier_schema(const peal_applier *applier) {
    return &applier->schema;
}

/* True of codes, with a dictionary or without. */
static bool holds_codes(const peal_column *column) {
    return column->type == PEAL_TYPE_DICTIONARY || column->type == PEAL_TYPE_INT32;
}

static peal_status reserve_rows(peal_applier *applier, size_t rows, peal_error *err) {
    if (rows <= applier->row_capacity) return PEAL_OK;
    applier->row_capacity = 0;
    for (size_t i = 0; i < applier->schema.column_count; i++) {
        const peal_column *column = &applier->schema.columns[i];
        free(applier->values[i]);
        free(applier->validity[i]);
        applier->values[i] = applier->validity[i] = NULL;
        if (column->type == PEAL_TYPE_LIST) continue; /* as long as the rows are */
        const size_t row_size =
            column->child ? column->width * peal_types[column->child->type].size : peal_column_value_size(column);
        PEAL_TRY(peal_alloc_checked(&applier->values[i], rows, row_size, "a batch of rows", err));
        if (holds_codes(column) || column->type == PEAL_TYPE_UTF8) {
            PEAL_TRY(peal_alloc_checked(&applier->validity[i], rows / 8 + 1, 1, "a batch of rows", err));
        }
    }
    applier->row_capacity = rows;
    return PEAL_OK;
}

/* ---- texts ---- */

peal_status peal_pipeline_text(const peal_pipeline *pipeline, size_t index, peal_text text, peal_buffer *scratch,
                               peal_text *out, peal_error *err) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    *out = text;
    if (peal_nulls_hold(&pipeline->nulls, text.data, text.length)) *out = (peal_text){NULL, 0};
    for (size_t s = 0; s < column->step_count; s++) {
        const peal_pipeline_step *step = &column->steps[s];
        if (step->transform->role == PEAL_TRANSFORM_READ) break;
        if (step->transform->text) PEAL_TRY(step->transform->text(step->state, *out, scratch, out, err));
    }
    return PEAL_OK;
}

int32_t peal_pipeline_code(const peal_pipeline *pipeline, size_t index, peal_text text) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    return encoder->transform->encode(encoder->state, text);
}

peal_cell peal_pipeline_number(const peal_pipeline *pipeline, size_t index, peal_text text, double *out) {
    static const peal_spelling usual = {0};
    const peal_pipeline_step *reader = peal_pipeline_reader(&pipeline->columns[index]);
    *out = (double)NAN;
    if (!text.data) return PEAL_CELL_MISSING;
    if (reader) return reader->transform->read(reader->state, &pipeline->nulls, text, out);
    if (pipeline->schema.fields[index].type == PEAL_TYPE_BOOL) {
        return peal_cell_bool(&pipeline->nulls, text.data, text.length, out);
    }
    return peal_cell_number(&pipeline->nulls, &usual, text.data, text.length, out);
}

static peal_status fill_map(const peal_pipeline *pipeline, size_t index, const peal_dictionary *dictionary,
                            peal_buffer *scratch, int32_t *map, peal_error *err) {
    for (uint32_t code = 0; code < dictionary->size; code++) {
        peal_text text = peal_dictionary_text(dictionary, code);
        PEAL_TRY(peal_pipeline_text(pipeline, index, text, scratch, &text, err));
        map[code] = peal_pipeline_code(pipeline, index, text);
    }
    return PEAL_OK;
}

static peal_status fill_numbers(const peal_pipeline *pipeline, size_t index, const peal_dictionary *dictionary,
                                peal_buffer *scratch, double *map, peal_error *err) {
    for (uint32_t code = 0; code < dictionary->size; code++) {
        peal_text text = peal_dictionary_text(dictionary, code);
        PEAL_TRY(peal_pipeline_text(pipeline, index, text, scratch, &text, err));
        (void)peal_pipeline_number(pipeline, index, text, &map[code]);
    }
    return PEAL_OK;
}

/* A text that becomes no features has the code -1, any other 0. */
static peal_status fill_spread(const peal_pipeline *pipeline, size_t index, const peal_dictionary *dictionary,
                               peal_buffer *scratch, int32_t *codes, float *map, peal_error *err) {
    const peal_pipeline_step *encoder = peal_pipeline_spreader(pipeline, index);
    const uint32_t width = encoder->transform->width(encoder->state);
    for (uint32_t code = 0; code < dictionary->size; code++) {
        peal_text text = peal_dictionary_text(dictionary, code);
        PEAL_TRY(peal_pipeline_text(pipeline, index, text, scratch, &text, err));
        codes[code] = encoder->transform->spread(encoder->state, text, map + code * (size_t)width) ? 0 : -1;
    }
    return PEAL_OK;
}

/* True of texts that become codes. */
static bool has_codes(const peal_pipeline *pipeline, size_t index) {
    return has_texts(pipeline, index) && !peal_pipeline_reader(&pipeline->columns[index]);
}

/* Room for what each text of the dictionary becomes. */
static peal_status reserve_map(const peal_pipeline *pipeline, own_map *own, size_t size, peal_error *err) {
    const bool is_number = !has_codes(pipeline, own->raw);
    if (size <= own->capacity) return PEAL_OK;
    free(own->codes);
    free(own->numbers);
    free(own->spread);
    *own = (own_map){.raw = own->raw};
    PEAL_TRY(is_number ? peal_alloc_checked(&own->numbers, size, sizeof(double), "a vocabulary", err)
                       : peal_alloc_checked(&own->codes, size, sizeof(int32_t), "a vocabulary", err));
    if (peal_pipeline_spreader(pipeline, own->raw)) {
        const size_t row_size = pipeline->columns[own->raw].width * sizeof(float);
        PEAL_TRY(peal_alloc_checked(&own->spread, size, row_size, "a vocabulary", err));
    }
    own->capacity = size;
    return PEAL_OK;
}

/* What the texts of the column's own dictionary become. */
static peal_status make_map(peal_applier *applier, own_map *own, const peal_dictionary *dictionary, peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    peal_buffer *scratch = &applier->scratch;
    PEAL_TRY(reserve_map(pipeline, own, dictionary->size, err));
    applier->maps[own->raw] = (peal_code_map){.codes = own->codes, .numbers = own->numbers, .spread = own->spread};
    if (!has_codes(pipeline, own->raw)) {
        return fill_numbers(pipeline, own->raw, dictionary, scratch, own->numbers, err);
    }
    if (!peal_pipeline_spreader(pipeline, own->raw)) {
        return fill_map(pipeline, own->raw, dictionary, scratch, own->codes, err);
    }
    return fill_spread(pipeline, own->raw, dictionary, scratch, own->codes, own->spread, err);
}

/* The maps of a batch whose dictionaries are its own. */
static peal_status make_maps(peal_applier *applier, const peal_column *columns, peal_error *err) {
    for (size_t i = 0; i < applier->own_count; i++) {
        own_map *own = &applier->own[i];
        PEAL_TRY(make_map(applier, own, columns[own->raw].dictionary, err));
    }
    return PEAL_OK;
}

bool peal_applier_is_unknown(const peal_applier *applier, size_t index, uint32_t code) {
    if (!has_texts(applier->pipeline, index)) return false;
    const peal_code_map *map = &applier->maps[index];
    return has_codes(applier->pipeline, index) ? map->codes[code] < 0 : (bool)isnan(map->numbers[code]);
}

/* ---- features ---- */

static inline size_t row_at(const uint32_t *selection, size_t row) {
    return selection ? selection[row] : row;
}

/* Beyond this many of its units a feature tells no more, and sums of products must stay finite. */
#define FEATURE_MOST 1e15

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

/* What the first `step_count` steps make of numbers. */
static void apply_number_steps(const peal_pipeline_column *column, size_t step_count, double *values, size_t count) {
    for (size_t s = 0; s < step_count; s++) {
        const peal_pipeline_step *step = &column->steps[s];
        if (step->transform->numbers) step->transform->numbers(step->state, values, count);
    }
}

void peal_pipeline_numbers(const peal_pipeline *pipeline, size_t index, size_t step, const peal_column *raw,
                           const peal_code_map *map, size_t first, size_t count, double *out) {
    gather_numbers(raw, map, NULL, first, count, out);
    apply_number_steps(&pipeline->columns[index], step, out, count);
}

/* At most NUMBER_CHUNK rows of a column of numbers. */
static void apply_number_column(const peal_pipeline_column *column, const peal_column *raw, const peal_code_map *map,
                                const uint32_t *selection, size_t first, size_t count, float *out, size_t stride) {
    double chunk[NUMBER_CHUNK];
    gather_numbers(raw, map, selection, first, count, chunk);
    apply_number_steps(column, column->step_count, chunk, count);
    for (size_t i = 0; i < count; i++) out[i * stride] = to_feature(chunk[i]);
}

static void apply_bytes(const peal_pipeline *pipeline, const peal_raw_batch *raw, const uint32_t *selection,
                        size_t count, uint8_t *out) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        if (column->role != PEAL_ROLE_FEATURE) continue;
        const uint8_t *bytes = raw->columns[i].child->values;
        for (size_t row = 0; row < count; row++) {
            memcpy(out + row * pipeline->feature_width + column->offset, bytes + row_at(selection, row) * column->width,
                   column->width);
        }
    }
}

static bool spreads_texts(const peal_pipeline *pipeline) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role == PEAL_ROLE_FEATURE && has_codes(pipeline, i)) return true;
    }
    return false;
}

/* The features that the texts of the rows become. */
static void copy_spread(const peal_pipeline_column *column, const int32_t *codes, const peal_code_map *map,
                        const uint32_t *selection, size_t at, size_t size, float *tile, size_t stride) {
    for (size_t row = 0; row < size; row++) {
        const size_t code = (size_t)codes[row_at(selection, at + row)];
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
        if (!has_codes(pipeline, i)) {
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
            const int32_t code = maps[i].codes[codes[row_at(selection, at + row)]];
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

/* ---- sparse features ---- */

/* The text of a row of a raw column of its own texts, as it comes to the last step. */
static peal_status row_text(peal_applier *applier, size_t index, const peal_column *raw, size_t row, peal_text *out,
                            peal_error *err) {
    const int32_t begin = raw->offsets[row], end = raw->offsets[row + 1];
    peal_text text = {NULL, 0};
    if (peal_column_is_valid(raw, row)) text = (peal_text){(const char *)raw->values + begin, (uint32_t)(end - begin)};
    return peal_pipeline_text(applier->pipeline, index, text, &applier->scratch, out, err);
}

static peal_status reserve_entries(peal_applier *applier, size_t count, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(&applier->sparse_indices, count * sizeof(uint32_t), err));
    return peal_buffer_reserve(&applier->sparse_values, count * sizeof(float), err);
}

/* Appends an entry, for which there is room. */
static inline void put_entry(peal_applier *applier, uint32_t index, float value) {
    memcpy(applier->sparse_indices.data + applier->sparse_indices.size, &index, sizeof index);
    memcpy(applier->sparse_values.data + applier->sparse_values.size, &value, sizeof value);
    applier->sparse_indices.size += sizeof index;
    applier->sparse_values.size += sizeof value;
}

/* The entries that came as such, of those indices that the model knows. */
static peal_status put_list(peal_applier *applier, const peal_column *indices, const peal_column *values, size_t row,
                            uint32_t width, peal_error *err) {
    const int32_t begin = indices->offsets[row], end = indices->offsets[row + 1];
    const uint32_t *index = indices->child->values;
    const float *value = values->child->values;
    PEAL_TRY(reserve_entries(applier, (size_t)(end - begin), err));
    for (int32_t i = begin; i < end; i++) {
        if (index[i] < width) put_entry(applier, index[i], value[i]);
    }
    return PEAL_OK;
}

/* The entries that a text becomes. */
static peal_status put_text(peal_applier *applier, size_t index, const peal_column *raw, size_t row, peal_error *err) {
    const peal_pipeline_column *column = &applier->pipeline->columns[index];
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    peal_bag *bag = &applier->bag;
    peal_text text;
    bag->count = 0;
    PEAL_TRY(row_text(applier, index, raw, row, &text, err));
    PEAL_TRY(encoder->transform->fill(encoder->state, text, bag, err));
    PEAL_TRY(reserve_entries(applier, bag->count, err));
    for (size_t i = 0; i < bag->count; i++) {
        put_entry(applier, column->offset + bag->entries[i].index, bag->entries[i].value);
    }
    return PEAL_OK;
}

static peal_status put_sparse_row(peal_applier *applier, const peal_raw_batch *raw, size_t row, peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    if (pipeline->indices != SIZE_MAX) {
        PEAL_TRY(put_list(applier, &raw->columns[pipeline->indices], &raw->columns[pipeline->values], row,
                          pipeline->columns[pipeline->indices].width, err));
    }
    for (size_t i = 0; i < applier->text_column_count; i++) {
        const size_t index = applier->text_columns[i];
        PEAL_TRY(put_text(applier, index, &raw->columns[index], row, err));
    }
    return PEAL_OK;
}

/* The schema's children get their lengths with the rows. */
static peal_status apply_sparse(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection,
                                size_t count, peal_error *err) {
    applier->sparse_offsets.size = applier->sparse_indices.size = applier->sparse_values.size = 0;
    PEAL_TRY(peal_buffer_reserve(&applier->sparse_offsets, (count + 1) * sizeof(int32_t), err));
    PEAL_TRY(reserve_entries(applier, 1, err));
    int32_t *offsets = (int32_t *)(void *)applier->sparse_offsets.data;
    offsets[0] = 0;
    for (size_t row = 0; row < count; row++) {
        PEAL_TRY(put_sparse_row(applier, raw, row_at(selection, row), err));
        const size_t entries = applier->sparse_indices.size / sizeof(uint32_t);
        if (entries > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "more than 2^31 sparse features in a block");
        offsets[row + 1] = (int32_t)entries;
    }
    const void *const arrays[] = {applier->sparse_indices.data, applier->sparse_values.data};
    for (size_t i = 0; i < 2; i++) {
        peal_column *column = &applier->columns[applier->sparse_at + i];
        column->length = count;
        column->offsets = offsets;
        applier->sparse_items[i].length = (size_t)offsets[count];
        applier->sparse_items[i].values = arrays[i];
    }
    return PEAL_OK;
}

/* ---- what is kept ---- */

static peal_status apply_kept(peal_applier *applier, size_t at, const peal_raw_batch *raw, const uint32_t *selection,
                              size_t count, peal_error *err) {
    const size_t from = applier->raw_of[at];
    peal_column *column = &applier->columns[at];
    peal_buffer *bytes = &applier->kept_bytes[at];
    uint8_t *validity = applier->validity[at];
    applier->kept_offsets[at].size = bytes->size = 0;
    PEAL_TRY(peal_buffer_reserve(&applier->kept_offsets[at], (count + 1) * sizeof(int32_t), err));
    PEAL_TRY(peal_buffer_reserve(bytes, 1, err));
    int32_t *offsets = (int32_t *)(void *)applier->kept_offsets[at].data;
    memset(validity, 0, count / 8 + 1);
    offsets[0] = 0;
    column->null_count = 0;
    for (size_t row = 0; row < count; row++) {
        peal_text text;
        PEAL_TRY(row_text(applier, from, &raw->columns[from], row_at(selection, row), &text, err));
        if (text.data) {
            validity[row / 8] = (uint8_t)(validity[row / 8] | 1u << (row % 8));
            PEAL_TRY(peal_buffer_append(bytes, text.data, text.length, err));
        } else {
            column->null_count++;
        }
        if (bytes->size > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "more than 2 GB of texts in a block");
        offsets[row + 1] = (int32_t)bytes->size;
    }
    column->length = count;
    column->offsets = offsets;
    column->values = bytes->data;
    column->validity = column->null_count ? validity : NULL;
    return PEAL_OK;
}

/* ---- columns of codes ---- */

/* Writes codes of `count` rows, of which -1 is missing: from row `first` on, which is a multiple of 8. */
#define PUT_CODES(width)                                                                            \
    static size_t put_codes_##width(const int32_t *codes, size_t first, size_t count, void *values, \
                                    uint8_t *validity) {                                            \
        int##width##_t *out = (int##width##_t *)values + first;                                     \
        size_t missing = 0;                                                                         \
        for (size_t at = 0; at < count; at += 8) {                                                  \
            const size_t end = count - at < 8 ? count - at : 8;                                     \
            unsigned bits = 0;                                                                      \
            for (size_t i = 0; i < end; i++) {                                                      \
                const int32_t code = codes[at + i];                                                 \
                bits |= (unsigned)(code >= 0) << i;                                                 \
                missing += code < 0;                                                                \
                out[at + i] = (int##width##_t)(code < 0 ? 0 : code);                                \
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
    out->null_count += out->codes == PEAL_TYPE_INT8    ? put_codes_8(codes, first, count, values, validity)
                       : out->codes == PEAL_TYPE_INT16 ? put_codes_16(codes, first, count, values, validity)
                                                       : put_codes_32(codes, first, count, values, validity);
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
    for (size_t i = 0; i < count; i++) out[i] = encoder->transform->bucket(encoder->state, chunk[i]);
}

static void apply_codes(const peal_applier *applier, size_t from, const peal_raw_batch *raw, const peal_code_map *maps,
                        const uint32_t *selection, size_t count, peal_column *out, uint8_t *values, uint8_t *validity) {
    const peal_pipeline_column *column = &applier->pipeline->columns[from];
    const bool is_number = column->steps[column->step_count - 1].transform->bucket != NULL;
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

static void apply_number_label(const peal_column *raw, const peal_code_map *map, const uint32_t *selection,
                               size_t count, double *out) {
    for (size_t at = 0; at < count; at += NUMBER_CHUNK) {
        const size_t size = count - at < NUMBER_CHUNK ? count - at : NUMBER_CHUNK;
        gather_numbers(raw, map, selection ? selection + at : NULL, at, size, out + at);
    }
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
    if (holds_codes(column)) {
        apply_codes(applier, from, raw, maps, selection, count, column, values, applier->validity[index]);
    } else {
        apply_number_label(&raw->columns[from], maps ? &maps[from] : NULL, selection, count, (double *)(void *)values);
    }
}

peal_status peal_pipeline_apply(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection,
                                size_t count, peal_table *out, peal_error *err) {
    PEAL_TRY(reserve_rows(applier, count, err));
    if (!raw->maps) PEAL_TRY(make_maps(applier, raw->columns, err));
    const peal_code_map *maps = raw->maps ? raw->maps : applier->maps;
    memcpy(applier->columns, applier->schema.columns, applier->schema.column_count * sizeof *applier->columns);
    for (size_t i = 0; i < applier->schema.column_count; i++) {
        const bool is_sparse = applier->schema.columns[i].type == PEAL_TYPE_LIST;
        if (i < applier->kept_at && !is_sparse) apply_column(applier, raw, maps, selection, count, i);
        if (i >= applier->kept_at) PEAL_TRY(apply_kept(applier, i, raw, selection, count, err));
    }
    if (applier->sparse_at != SIZE_MAX) PEAL_TRY(apply_sparse(applier, raw, selection, count, err));
    *out = (peal_table){.rows = count, .column_count = applier->schema.column_count, .columns = applier->columns};
    return PEAL_OK;
}
