/* The memory in which a pipeline is applied: the output's columns, and what each text of a dictionary becomes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "etl/pipeline/applier.h"

/* ---- the output's columns ---- */

static peal_type code_type(uint32_t size) {
    return size <= INT8_MAX + 1 ? PEAL_TYPE_INT8 : size <= INT16_MAX + 1 ? PEAL_TYPE_INT16 : PEAL_TYPE_INT32;
}

/* Of codes without names. */
static peal_type plain_code_type(uint32_t size) {
    return size <= UINT8_MAX + 1 ? PEAL_TYPE_UINT8 : size <= UINT16_MAX + 1 ? PEAL_TYPE_UINT16 : PEAL_TYPE_INT32;
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
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    if (!encoder->transform->dictionary) {
        out->type = plain_code_type(encoder->transform->width(encoder->state));
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

static void add_number_column(peal_applier *applier, size_t raw) {
    const size_t at = applier->schema.column_count++;
    applier->raw_of[at] = raw;
    applier->schema.columns[at] =
        (peal_column){.name = applier->pipeline->schema.fields[raw].name, .type = PEAL_TYPE_FLOAT64};
}

static void add_kept_column(peal_applier *applier, size_t raw) {
    const size_t at = applier->schema.column_count++;
    applier->raw_of[at] = raw;
    applier->schema.columns[at] =
        (peal_column){.name = applier->pipeline->schema.fields[raw].name, .type = PEAL_TYPE_UTF8};
}

/* A number stays a double: it may have an offset that float32 cannot hold. */
static peal_status add_label(peal_applier *applier, peal_error *err) {
    const size_t label = applier->pipeline->label;
    if (label == SIZE_MAX) return PEAL_OK;
    if (!peal_pipeline_is_number(applier->pipeline, label)) return add_coded_column(applier, label, err);
    add_number_column(applier, label);
    return PEAL_OK;
}

static bool has_texts(const peal_pipeline *pipeline, size_t index) {
    return pipeline->columns[index].role != PEAL_ROLE_DROPPED &&
           peal_types[pipeline->schema.fields[index].type].has_vocabulary;
}

/* Room for what is known of the raw columns, and for the output's: few where many are features. */
static peal_status reserve_schema(peal_applier *applier, peal_apply_for purpose, peal_error *err) {
    static const char what[] = "a schema";
    const peal_pipeline *pipeline = applier->pipeline;
    const size_t raw = pipeline->schema.count + 1;
    size_t most = 7; /* features, indices and values, the label, its offset, query and weight */
    size_t texts = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_column_role role = pipeline->columns[i].role;
        most += role == PEAL_ROLE_INDEX || role == PEAL_ROLE_KEPT || role == PEAL_ROLE_SPARSE;
        texts += has_texts(pipeline, i);
    }
    PEAL_TRY(peal_zeroed_checked(&applier->maps, raw, sizeof(peal_code_map), what, err));
    PEAL_TRY(peal_zeroed_checked(&applier->own, texts, sizeof(applier__map), what, err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const bool is_there = peal_apply_needs(purpose, pipeline->columns[i].role);
        if (has_texts(pipeline, i) && is_there) applier->own[applier->own_count++].raw = i;
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

static peal_status make_schema(peal_applier *applier, peal_apply_for purpose, peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    applier->no_label = !peal_apply_needs(purpose, PEAL_ROLE_LABEL);
    PEAL_TRY(reserve_schema(applier, purpose, err));
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
    PEAL_TRY(add_label(applier, err));
    if (pipeline->offset != SIZE_MAX) add_number_column(applier, pipeline->offset);
    const bool ranks = peal_apply_needs(purpose, PEAL_ROLE_QUERY), all = peal_apply_needs(purpose, PEAL_ROLE_KEPT);
    if (ranks && pipeline->query != SIZE_MAX) add_kept_column(applier, pipeline->query);
    if (all && pipeline->weight != SIZE_MAX) add_number_column(applier, pipeline->weight);
    for (size_t i = 0; all && i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role == PEAL_ROLE_KEPT) add_kept_column(applier, i);
    }
    return PEAL_OK;
}

bool peal_apply_needs(peal_apply_for purpose, peal_column_role role) {
    if (role == PEAL_ROLE_WEIGHT || role == PEAL_ROLE_KEPT) return purpose == PEAL_APPLY_ALL;
    return (role != PEAL_ROLE_QUERY && role != PEAL_ROLE_LABEL) || purpose != PEAL_APPLY_PREDICT;
}

peal_status peal_applier_new(const peal_pipeline *pipeline, peal_apply_for purpose, peal_applier **out,
                             peal_error *err) {
    *out = NULL;
    peal_applier *applier = calloc(1, sizeof *applier);
    if (!applier) return peal_fail(err, PEAL_E_MEMORY, "no memory to apply a pipeline");
    applier->pipeline = pipeline;
    applier->sparse_at = SIZE_MAX;
    peal_status status = make_schema(applier, purpose, err);
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
bool applier__holds_codes(const peal_column *column) {
    return column->type == PEAL_TYPE_DICTIONARY || column->type == PEAL_TYPE_UINT8 ||
           column->type == PEAL_TYPE_UINT16 || column->type == PEAL_TYPE_INT32;
}

peal_status applier__reserve_rows(peal_applier *applier, size_t rows, peal_error *err) {
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
        if (applier__holds_codes(column) || column->type == PEAL_TYPE_UTF8) {
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

/* Has the memory come where a text that will soon be looked up is: as it is, unless a step before changes it. Inline as
 * what it calls. */
__attribute__((always_inline)) static inline void expect_text(const peal_dictionary *known,
                                                              const peal_dictionary *dictionary, uint32_t code) {
    if (!known || code >= dictionary->size) return;
    const peal_text text = peal_dictionary_text(dictionary, code);
    const peal_text_key key = peal_dictionary_key(text.data, text.length);
    peal_dictionary_prefetch(known, &key);
}

static peal_status fill_map(const peal_pipeline *pipeline, size_t index, const peal_dictionary *dictionary,
                            uint32_t first, peal_buffer *scratch, int32_t *map, peal_error *err) {
    enum { AHEAD = 8 };
    const peal_pipeline_column *column = &pipeline->columns[index];
    const peal_pipeline_step *encoder = &column->steps[column->step_count - 1];
    const peal_dictionary *known =
        encoder->transform->dictionary ? encoder->transform->dictionary(encoder->state) : NULL;
    for (uint32_t code = first; code < dictionary->size; code++) {
        peal_text text = peal_dictionary_text(dictionary, code);
        expect_text(known, dictionary, code + AHEAD);
        PEAL_TRY(peal_pipeline_text(pipeline, index, text, scratch, &text, err));
        map[code] = peal_pipeline_code(pipeline, index, text);
    }
    return PEAL_OK;
}

static peal_status fill_numbers(const peal_pipeline *pipeline, size_t index, const peal_dictionary *dictionary,
                                uint32_t first, peal_buffer *scratch, double *map, peal_error *err) {
    for (uint32_t code = first; code < dictionary->size; code++) {
        peal_text text = peal_dictionary_text(dictionary, code);
        PEAL_TRY(peal_pipeline_text(pipeline, index, text, scratch, &text, err));
        (void)peal_pipeline_number(pipeline, index, text, &map[code]);
    }
    return PEAL_OK;
}

/* A text that becomes no features has the code -1, any other 0. */
static peal_status fill_spread(const peal_pipeline *pipeline, size_t index, const peal_dictionary *dictionary,
                               uint32_t first, peal_buffer *scratch, int32_t *codes, float *map, peal_error *err) {
    const peal_pipeline_step *encoder = peal_pipeline_spreader(pipeline, index);
    const uint32_t width = encoder->transform->width(encoder->state);
    for (uint32_t code = first; code < dictionary->size; code++) {
        peal_text text = peal_dictionary_text(dictionary, code);
        PEAL_TRY(peal_pipeline_text(pipeline, index, text, scratch, &text, err));
        codes[code] = encoder->transform->spread(encoder->state, text, map + code * (size_t)width) ? 0 : -1;
    }
    return PEAL_OK;
}

/* True of texts that become codes. */
bool applier__has_codes(const peal_pipeline *pipeline, size_t index) {
    return has_texts(pipeline, index) && !peal_pipeline_reader(&pipeline->columns[index]);
}

/* More room for one array of a map; what is known stays. */
static peal_status grow_array(void *array, size_t known, size_t size, size_t item_size, peal_error *err) {
    void *before, *longer;
    memcpy(&before, array, sizeof before);
    PEAL_TRY(peal_alloc_checked(&longer, size, item_size, "a vocabulary", err));
    if (known) memcpy(longer, before, known * item_size);
    free(before);
    memcpy(array, &longer, sizeof longer);
    return PEAL_OK;
}

/* Room for what each text of the dictionary becomes. */
static peal_status reserve_map(const peal_pipeline *pipeline, applier__map *own, size_t size, peal_error *err) {
    const bool is_number = !applier__has_codes(pipeline, own->raw);
    if (size <= own->capacity) return PEAL_OK;
    size += own->known / 2; /* one that has grown will grow again */
    PEAL_TRY(is_number ? grow_array(&own->numbers, own->known, size, sizeof(double), err)
                       : grow_array(&own->codes, own->known, size, sizeof(int32_t), err));
    if (peal_pipeline_spreader(pipeline, own->raw)) {
        const size_t row_size = pipeline->columns[own->raw].width * sizeof(float);
        PEAL_TRY(grow_array(&own->spread, own->known, size, row_size, err));
    }
    own->capacity = size;
    return PEAL_OK;
}

/* What the texts of the column's own dictionary become. */
static peal_status make_map(peal_applier *applier, applier__map *own, const peal_dictionary *dictionary,
                            peal_error *err) {
    const peal_pipeline *pipeline = applier->pipeline;
    peal_buffer *scratch = &applier->scratch;
    PEAL_TRY(reserve_map(pipeline, own, dictionary->size, err));
    applier->maps[own->raw] = (peal_code_map){.codes = own->codes, .numbers = own->numbers, .spread = own->spread};
    const uint32_t first = own->known;
    own->known = 0; /* until all is well */
    if (!applier__has_codes(pipeline, own->raw)) {
        PEAL_TRY(fill_numbers(pipeline, own->raw, dictionary, first, scratch, own->numbers, err));
    } else if (!peal_pipeline_spreader(pipeline, own->raw)) {
        PEAL_TRY(fill_map(pipeline, own->raw, dictionary, first, scratch, own->codes, err));
    } else {
        PEAL_TRY(fill_spread(pipeline, own->raw, dictionary, first, scratch, own->codes, own->spread, err));
    }
    own->known = dictionary->size;
    return PEAL_OK;
}

void peal_applier_keep_texts(peal_applier *applier) {
    applier->keeps_texts = true;
}

/* The maps of a batch whose dictionaries are its own. */
peal_status applier__make_maps(peal_applier *applier, const peal_column *columns, peal_error *err) {
    const bool keeps = applier->keeps_texts;
    applier->keeps_texts = false;
    for (size_t i = 0; i < applier->own_count; i++) {
        applier__map *own = &applier->own[i];
        if (!keeps) own->known = 0;
        PEAL_TRY(make_map(applier, own, columns[own->raw].dictionary, err));
    }
    return PEAL_OK;
}

bool peal_applier_is_unknown(const peal_applier *applier, size_t index, uint32_t code) {
    if (!has_texts(applier->pipeline, index)) return false;
    const peal_code_map *map = &applier->maps[index];
    return applier__has_codes(applier->pipeline, index) ? map->codes[code] < 0 : (bool)isnan(map->numbers[code]);
}
