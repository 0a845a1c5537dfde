/* Partial dependence: what a model predicts on average when a column has the same value in all rows; see explain.h.
 *
 * A value is one that some row has. What the pipeline made of it there is what all rows get, so the values go through
 * the model's own steps, and nothing of these is done again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "models/predict/ask.h"
#include "models/predict/walk.h"

/* A column that is asked about. */
typedef struct asked {
    size_t raw;
    bool is_number;
    peal_dictionary texts; /* of a text: those that kept rows have, or had */
    peal_buffer values;    /* of the rows that came last: double, NaN is missing; or int32_t of `texts`, -1 is */
} asked;

typedef struct depending {
    peal_predictor *predictor;
    const peal_explain_options *options;
    models__kept kept;
    asked *columns; /* [column_count] */
    size_t column_count;
    peal_column *extras; /* [column_count] their values, for the kept rows */
    peal_type *types;    /* [column_count] */
    peal_buffer keys;
    uint64_t rows;       /* that came */
    peal_buffer scratch; /* of a text */
    peal_buffer points;  /* peal_dependence_point */
    peal_buffer swaps;   /* models__swap of each point */
    double *means;
} depending;

/* ---- which columns ---- */

static peal_status unknown_column(const peal_pipeline *pipeline, const char *name, peal_error *err) {
    const char **words;
    char hint[PEAL_HINT_SIZE];
    size_t count = 0;
    PEAL_TRY(peal_alloc_checked(&words, pipeline->schema.count, sizeof *words, "names", err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (models__kept_has(pipeline, i)) words[count++] = pipeline->schema.fields[i].name;
    }
    peal_did_you_mean(name, words, count, hint);
    free(words);
    return peal_fail(err, PEAL_E_USAGE, "the model does not predict from a column '%s'%s", name, hint);
}

static peal_status find_column(const peal_pipeline *pipeline, const char *name, size_t *out, peal_error *err) {
    *out = peal_schema_find(&pipeline->schema, name, strlen(name));
    if (*out == SIZE_MAX || !models__kept_has(pipeline, *out)) return unknown_column(pipeline, name, err);
    const peal_type_info *type = &peal_types[pipeline->schema.fields[*out].type];
    if (type->has_child) {
        return peal_fail(err, PEAL_E_USAGE, "column '%s' is a list of numbers, not one value that could be set", name);
    }
    return PEAL_OK;
}

static peal_status check_options(const peal_predictor *predictor, const peal_predict_options *options,
                                 const peal_explain_options *explain, peal_error *err) {
    PEAL_TRY(models__explain_check(predictor, explain, err));
    if (options->source_count != 1 || !peal_dataset_is(options->sources[0])) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "%s is a dataset, in which the columns' values are no longer as they came: give the raw files",
                     options->sources[0]);
}

peal_status peal_depend_check(const peal_predictor *predictor, const peal_predict_options *options,
                              const char *const *columns, size_t column_count, peal_error *err) {
    const peal_explain_options explain = peal_explain_default();
    PEAL_TRY(check_options(predictor, options, &explain, err));
    for (size_t i = 0; i < column_count; i++) {
        size_t raw;
        PEAL_TRY(find_column(peal_predictor_pipeline(predictor), columns[i], &raw, err));
    }
    return PEAL_OK;
}

static peal_status find_columns(depending *self, const char *const *names, size_t count, peal_error *err) {
    const peal_pipeline *pipeline = peal_predictor_pipeline(self->predictor);
    PEAL_TRY(peal_alloc_checked(&self->columns, count, sizeof *self->columns, "columns", err));
    PEAL_TRY(peal_alloc_checked(&self->extras, count, sizeof *self->extras, "columns", err));
    PEAL_TRY(peal_alloc_checked(&self->types, count, sizeof *self->types, "columns", err));
    self->column_count = count;
    for (size_t i = 0; i < count; i++) {
        asked *column = &self->columns[i];
        PEAL_TRY(find_column(pipeline, names[i], &column->raw, err));
        column->is_number = peal_pipeline_is_number(pipeline, column->raw);
        self->types[i] = column->is_number ? PEAL_TYPE_FLOAT64 : PEAL_TYPE_INT32;
    }
    return PEAL_OK;
}

/* ---- their values, as rows come ---- */

/* The text of a row; data is NULL if it is missing. */
static peal_text text_of(const peal_column *raw, size_t row) {
    const peal_text missing = {NULL, 0};
    if (peal_types[raw->type].has_vocabulary) {
        const int32_t code = peal_column_code(raw, row);
        return code < 0 ? missing : peal_dictionary_text(raw->dictionary, (uint32_t)code);
    }
    const int32_t begin = raw->offsets[row], end = raw->offsets[row + 1];
    if (!peal_column_is_valid(raw, row)) return missing;
    return (peal_text){(const char *)raw->values + begin, (uint32_t)(end - begin)};
}

static peal_status read_text(depending *self, asked *column, const peal_column *raw, size_t row, peal_error *err) {
    const peal_pipeline *pipeline = self->kept.pipeline;
    const peal_text text = text_of(raw, row);
    peal_text made;
    PEAL_TRY(peal_pipeline_text(pipeline, column->raw, text, &self->scratch, &made, err));
    if (column->is_number) {
        double *value = (double *)(void *)column->values.data + row;
        *value = (double)NAN;
        if (made.data) peal_pipeline_number(pipeline, column->raw, made, value);
        return PEAL_OK;
    }
    uint32_t code = UINT32_MAX;
    if (made.data) PEAL_TRY(peal_dictionary_put(&column->texts, text.data, text.length, &code, err));
    ((int32_t *)(void *)column->values.data)[row] = (int32_t)code;
    return PEAL_OK;
}

/* Texts of rows that will not be kept are not looked at. */
static peal_status read_values(depending *self, size_t i, const peal_column *raw, size_t rows, const uint32_t *keys,
                               peal_error *err) {
    asked *column = &self->columns[i];
    column->values.size = 0;
    PEAL_TRY(peal_buffer_reserve(&column->values, (rows + 1) * sizeof(double), err));
    self->extras[i] = (peal_column){.type = self->types[i], .length = rows, .values = column->values.data};
    if (!peal_types[raw->type].is_text) {
        peal_types[raw->type].numbers(raw, 0, rows, (double *)(void *)column->values.data);
        return PEAL_OK;
    }
    for (size_t row = 0; row < rows; row++) {
        if (keys[row] <= self->kept.bound) PEAL_TRY(read_text(self, column, raw, row, err));
    }
    return PEAL_OK;
}

static peal_status add_rows(void *user, const peal_scan_rows *rows, const double *scores, peal_error *err) {
    depending *self = user;
    const size_t count = rows->table.rows;
    (void)scores;
    self->keys.size = 0;
    PEAL_TRY(peal_buffer_reserve(&self->keys, (count + 1) * sizeof(uint32_t), err));
    uint32_t *keys = (uint32_t *)(void *)self->keys.data;
    for (size_t row = 0; row < count; row++) keys[row] = models__kept_key(&self->kept, self->rows++);
    for (size_t i = 0; i < self->column_count; i++) {
        PEAL_TRY(read_values(self, i, &rows->raw[self->columns[i].raw], count, keys, err));
    }
    return models__kept_add(&self->kept, &rows->table, self->extras, keys, err);
}

/* ---- the values to ask about ---- */

/* A value and a row that has it. */
typedef struct candidate {
    double number;  /* of a number */
    peal_text text; /* of a text: */
    uint64_t count; /* rows that have it */
    uint32_t row;
} candidate;

static int by_number(const void *a, const void *b) {
    const candidate *p = a, *q = b;
    if (p->number != q->number) return p->number < q->number ? -1 : 1;
    return (p->row > q->row) - (p->row < q->row);
}

static int by_count(const void *a, const void *b) {
    const candidate *p = a, *q = b;
    if (p->count != q->count) return p->count < q->count ? 1 : -1;
    return peal_text_compare(p->text, q->text);
}

/* A number as its type writes it: 3.5, true, a time. */
static peal_status number_text(peal_type type, double number, char **out, peal_error *err) {
    const int64_t whole = type == PEAL_TYPE_TIMESTAMP ? (int64_t)number : number != 0;
    const peal_column column = {.type = type, .length = 1, .values = &whole};
    char text[PEAL_NUMBER_TEXT];
    peal_buffer made = {0};
    peal_status status = PEAL_OK;
    if (type == PEAL_TYPE_TIMESTAMP || type == PEAL_TYPE_BOOL) {
        status = peal_types[type].text(&column, 0, &made, err);
        *out = status == PEAL_OK ? peal_strndup((const char *)made.data, made.size) : NULL;
    } else {
        *out = peal_strdup(peal_number_text(number, text));
    }
    peal_buffer_clear(&made);
    return status != PEAL_OK || *out ? status : peal_fail(err, PEAL_E_MEMORY, "no memory for a value");
}

/* NULL: the value is missing. */
static peal_status add_point(depending *self, const asked *column, const candidate *value, uint32_t row,
                             peal_error *err) {
    const peal_field *field = &self->kept.pipeline->schema.fields[column->raw];
    peal_dependence_point point = {.column = field->name};
    const models__swap swap = {.raw = column->raw, .row = row};
    if (value && column->is_number) {
        PEAL_TRY(number_text(field->type, value->number, &point.value, err));
        point.is_number = field->type != PEAL_TYPE_TIMESTAMP && field->type != PEAL_TYPE_BOOL;
        point.number = value->number;
    } else if (value) {
        point.value = peal_strndup(value->text.data, value->text.length);
        if (!point.value) return peal_fail(err, PEAL_E_MEMORY, "no memory for a value");
    }
    peal_status status = peal_buffer_append(&self->swaps, &swap, sizeof swap, err);
    if (status == PEAL_OK) status = peal_buffer_append(&self->points, &point, sizeof point, err);
    if (status != PEAL_OK) free(point.value);
    return status;
}

/* Quantiles of sorted numbers, none twice; if there are only so few different ones, these. */
static peal_status add_numbers(depending *self, const asked *column, candidate *values, size_t count, peal_error *err) {
    const size_t most = self->options->values_most;
    size_t different = 0;
    qsort(values, count, sizeof *values, by_number);
    for (size_t i = 0; i < count; i++) different += i == 0 || values[i].number != values[i - 1].number;
    const size_t steps = different <= most ? count : most;
    double last = (double)NAN;
    for (size_t i = 0; i < steps; i++) {
        const double place = steps == 1 ? 0 : (double)i * (double)(count - 1) / (double)(steps - 1);
        const candidate *value = &values[(size_t)(place + 0.5)];
        if (value->number == last) continue;
        last = value->number;
        PEAL_TRY(add_point(self, column, value, value->row, err));
    }
    return PEAL_OK;
}

static peal_status add_texts(depending *self, const asked *column, candidate *values, size_t count, peal_error *err) {
    qsort(values, count, sizeof *values, by_count);
    for (size_t i = 0; i < count && i < self->options->values_most && values[i].count; i++) {
        PEAL_TRY(add_point(self, column, &values[i], values[i].row, err));
    }
    return PEAL_OK;
}

/* Fills in the candidates, [rows] or [texts]; returns how many there are. *missing: a row without a value, or
 * UINT32_MAX. */
static size_t list_values(const depending *self, size_t i, candidate *out, uint32_t *missing) {
    const asked *column = &self->columns[i];
    const double *numbers = models__kept_extra(&self->kept, i);
    const int32_t *codes = models__kept_extra(&self->kept, i);
    size_t count = column->is_number ? 0 : column->texts.size;
    *missing = UINT32_MAX;
    for (uint32_t code = 0; code < count; code++) out[code].text = peal_dictionary_text(&column->texts, code);
    for (uint32_t row = 0; row < self->kept.rows; row++) {
        if (column->is_number ? isnan(numbers[row]) : codes[row] < 0) {
            if (*missing == UINT32_MAX) *missing = row;
        } else if (column->is_number) {
            out[count++] = (candidate){.number = numbers[row], .row = row};
        } else if (out[codes[row]].count++ == 0) {
            out[codes[row]].row = row;
        }
    }
    return count;
}

static peal_status choose_values(depending *self, size_t i, peal_error *err) {
    const asked *column = &self->columns[i];
    const size_t room = column->is_number ? self->kept.rows : column->texts.size;
    candidate *values;
    uint32_t missing;
    PEAL_TRY(peal_alloc_checked(&values, room, sizeof *values, "values of a column", err));
    const size_t count = list_values(self, i, values, &missing);
    peal_status status =
        column->is_number ? add_numbers(self, column, values, count, err) : add_texts(self, column, values, count, err);
    if (status == PEAL_OK && missing != UINT32_MAX) status = add_point(self, column, NULL, missing, err);
    free(values);
    return status;
}

/* ---- the questions ---- */

typedef struct mean_sink {
    double *means; /* [width], sums so far */
    size_t width;
} mean_sink;

static void add_scores(void *user, const double *scores, size_t first, size_t rows) {
    const mean_sink *self = user;
    (void)first;
    for (size_t row = 0; row < rows; row++) {
        for (size_t k = 0; k < self->width; k++) self->means[k] += scores[row * self->width + k];
    }
}

static peal_status answer(void *user, models__asker *asker, size_t index, peal_error *err) {
    const depending *self = user;
    const size_t width = peal_predictor_scores(self->predictor);
    mean_sink sink = {self->means + index * width, width};
    PEAL_TRY(models__ask(asker, (const models__swap *)(const void *)self->swaps.data + index, add_scores, &sink, err));
    for (size_t k = 0; k < width; k++) sink.means[k] /= (double)self->kept.rows;
    return PEAL_OK;
}

static peal_status ask(depending *self, const peal_predict_options *options, peal_error *err) {
    const size_t count = self->points.size / sizeof(peal_dependence_point);
    const models__questions questions = {.predictor = self->predictor,
                                         .kept = &self->kept,
                                         .options = options,
                                         .stage = "asking",
                                         .count = count,
                                         .answer = answer,
                                         .user = self};
    const size_t row = peal_predictor_scores(self->predictor) * sizeof *self->means;
    PEAL_TRY(peal_alloc_checked(&self->means, count, row, "predictions", err));
    return count ? models__ask_all(&questions, err) : PEAL_OK;
}

static peal_status depend(depending *self, const peal_predict_options *options, const char *const *columns,
                          size_t column_count, peal_predict_result *result, peal_error *err) {
    const models__consumer consumer = {.stage = "reading", .consume = add_rows, .user = self};
    PEAL_TRY(find_columns(self, columns, column_count, err));
    PEAL_TRY(models__kept_init(&self->kept, peal_predictor_pipeline(self->predictor), self->options->seed,
                               self->options->rows_most, self->types, column_count, err));
    PEAL_TRY(models__predictor_walk(self->predictor, options, ~0u, false, &consumer, result, err));
    for (size_t i = 0; i < column_count; i++) PEAL_TRY(choose_values(self, i, err));
    return ask(self, options, err);
}

static void clear(depending *self) {
    for (size_t i = 0; self->columns && i < self->column_count; i++) {
        peal_dictionary_clear(&self->columns[i].texts);
        peal_buffer_clear(&self->columns[i].values);
    }
    models__kept_clear(&self->kept);
    peal_buffer_clear(&self->keys);
    peal_buffer_clear(&self->scratch);
    peal_buffer_clear(&self->swaps);
    free(self->columns);
    free(self->extras);
    free(self->types);
}

peal_status peal_depend(peal_predictor *predictor, const peal_predict_options *options, const char *const *columns,
                        size_t column_count, const peal_explain_options *explain, peal_predict_result *result,
                        peal_dependence *out, peal_error *err) {
    depending self = {.predictor = predictor, .options = explain};
    *out = (peal_dependence){0};
    PEAL_TRY(check_options(predictor, options, explain, err));
    const peal_status status = depend(&self, options, columns, column_count, result, err);
    *out = (peal_dependence){.points = (peal_dependence_point *)(void *)self.points.data,
                             .means = self.means,
                             .count = self.points.size / sizeof(peal_dependence_point),
                             .width = peal_predictor_scores(predictor),
                             .rows = self.kept.rows};
    clear(&self);
    return status;
}

void peal_dependence_clear(peal_dependence *dependence) {
    for (size_t i = 0; i < dependence->count; i++) free(dependence->points[i].value);
    free(dependence->points);
    free(dependence->means);
    *dependence = (peal_dependence){0};
}
