/* `peal predict`: predictions of raw rows as CSV, into a file or to standard output. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/number.h"
#include "models/predict/explain.h"
#include "models/predict/predictor.h"
#include "tools/command.h"
#include "tools/display.h"

/* Where predictions go: a file that appears whole, or standard output. */
typedef struct output {
    peal_predictor *predictor;
    peal_atomic_file *file; /* NULL: standard output */
    peal_buffer text;
    double deviation;             /* of a number that is predicted */
    bool names_files;             /* the model takes images: a column says which each row is */
    json_t *dependence;           /* what is told of it in JSON, or NULL */
    char *quarantine_path;        /* NULL: bad rows are not written */
    peal_atomic_file *quarantine; /* NULL: there is none so far */
} output;

static peal_status put(output *self, const char *bytes, size_t size, peal_error *err) {
    return peal_buffer_append(&self->text, bytes, size, err);
}

static peal_status flush(output *self, peal_error *err) {
    peal_status status = PEAL_OK;
    if (self->file) {
        status = peal_atomic_file_write(self->file, self->text.data, self->text.size, err);
    } else {
        status = tools_print_bytes(self->text.data, self->text.size, err);
    }
    self->text.size = 0;
    return status;
}

/* A field of CSV, quoted if it must be. */
static peal_status put_field(output *self, const char *text, size_t size, peal_error *err) {
    bool quote = false;
    for (size_t i = 0; i < size; i++) quote = quote || strchr(",\"\r\n", text[i]);
    if (!quote) return put(self, text, size, err);
    PEAL_TRY(put(self, "\"", 1, err));
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"') PEAL_TRY(put(self, "\"", 1, err));
        PEAL_TRY(put(self, text + i, 1, err));
    }
    return put(self, "\"", 1, err);
}

static peal_status put_header(output *self, peal_error *err) {
    const peal_pipeline *pipeline = peal_predictor_pipeline(self->predictor);
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        self->names_files = self->names_files || pipeline->columns[i].recipe != NULL;
    }
    if (self->names_files) PEAL_TRY(put(self, "file,", 5, err));
    const size_t width = peal_predictor_scores(self->predictor);
    const bool has_prediction = !peal_predictor_is_view(self->predictor) && peal_predictor_classes(self->predictor);
    if (has_prediction) PEAL_TRY(put(self, "prediction", 10, err));
    for (size_t i = 0; i < width; i++) {
        char *title = peal_predictor_title(self->predictor, i);
        if (!title) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
        peal_status status = i || has_prediction ? put(self, ",", 1, err) : PEAL_OK;
        if (status == PEAL_OK) status = put_field(self, title, strlen(title), err);
        free(title);
        if (status != PEAL_OK) return status;
    }
    return put(self, "\n", 1, err);
}

static peal_status put_probability(output *self, double value, peal_error *err) {
    char text[32];
    int size = snprintf(text, sizeof text, "%.9g", value);
    return put(self, text, (size_t)size, err);
}

/* A number with the digits that it needs: the net tells seven of its label's spread, what stands in front of them is
 * the offset. */
static peal_status put_number(output *self, double value, peal_error *err) {
    const double offset = fmax(fabs(value) / self->deviation, 1);
    const int digits = (int)fmin(ceil(log10(offset)) + 7, 17);
    char text[32];
    int size = snprintf(text, sizeof text, "%.*g", digits, value);
    return put(self, text, (size_t)size, err);
}

/* All digits, so that contributions add up to the raw score. */
static peal_status put_view(output *self, const double *scores, peal_error *err) {
    const size_t width = peal_predictor_scores(self->predictor);
    for (size_t i = 0; i < width; i++) {
        char text[PEAL_NUMBER_TEXT];
        peal_number_text(scores[i], text);
        if (i) PEAL_TRY(put(self, ",", 1, err));
        PEAL_TRY(put(self, text, strlen(text), err));
    }
    return put(self, "\n", 1, err);
}

static peal_status put_row(output *self, const double *scores, peal_error *err) {
    uint32_t classes = peal_predictor_classes(self->predictor), best = 0;
    if (peal_predictor_is_view(self->predictor)) return put_view(self, scores, err);
    if (classes == 0) {
        PEAL_TRY(put_number(self, scores[0], err));
        return put(self, "\n", 1, err);
    }
    for (uint32_t i = 1; i < classes; i++) best = scores[i] > scores[best] ? i : best;
    peal_text name = peal_pipeline_class_name(peal_predictor_pipeline(self->predictor), best);
    PEAL_TRY(put_field(self, name.data, name.length, err));
    for (uint32_t i = 0; i < classes; i++) {
        PEAL_TRY(put(self, ",", 1, err));
        PEAL_TRY(put_probability(self, scores[i], err));
    }
    return put(self, "\n", 1, err);
}

/* The file that row `row`, good or bad, of these is. */
static peal_status put_file(output *self, const peal_predicted *rows, size_t row, peal_error *err) {
    if (!self->names_files) return PEAL_OK;
    char *name = rows->items ? peal_item_name(&rows->items->items[rows->first_item + row]) : peal_strdup(rows->source);
    peal_status status =
        name ? put_field(self, name, strlen(name), err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(name);
    return status == PEAL_OK ? put(self, ",", 1, err) : status;
}

/* A row that could not be predicted keeps its line, with nothing in it, so that lines and rows stay together. */
static peal_status put_empty_row(output *self, peal_error *err) {
    const size_t commas = peal_predictor_is_view(self->predictor) ? peal_predictor_scores(self->predictor) - 1
                                                                  : peal_predictor_classes(self->predictor);
    for (size_t i = 0; i < commas; i++) PEAL_TRY(put(self, ",", 1, err));
    return put(self, "\n", 1, err);
}

/* Writes the row as ETL's quarantine does. */
static peal_status put_quarantined(output *self, const char *source, const peal_bad_row *bad, peal_error *err) {
    if (!self->quarantine_path) return PEAL_OK;
    if (!self->quarantine) {
        PEAL_TRY(peal_atomic_file_open_stoppable(self->quarantine_path, &tools_stop, &self->quarantine, err));
    }
    char *line;
    PEAL_TRY(peal_bad_row_text(source, bad, &line, err));
    const peal_status status = peal_atomic_file_write(self->quarantine, line, strlen(line), err);
    free(line);
    return status;
}

static peal_status emit(void *user, const peal_predicted *rows, peal_error *err) {
    output *self = user;
    const size_t width = peal_predictor_scores(self->predictor);
    size_t bad = 0;
    for (size_t row = 0; row <= rows->rows; row++) {
        for (; bad < rows->bad_count && rows->bad_rows[bad].before == row; bad++) {
            PEAL_TRY(put_file(self, rows, row + bad, err));
            PEAL_TRY(put_empty_row(self, err));
            PEAL_TRY(put_quarantined(self, rows->source, &rows->bad_rows[bad], err));
        }
        if (row < rows->rows) PEAL_TRY(put_file(self, rows, row + bad, err));
        if (row < rows->rows) PEAL_TRY(put_row(self, rows->scores + row * width, err));
        if (self->text.size > 1 << 16) PEAL_TRY(flush(self, err));
    }
    return flush(self, err);
}

static peal_status commit(peal_atomic_file **file, peal_error *err) {
    peal_atomic_file *whole = *file;
    *file = NULL;
    return whole ? peal_atomic_file_commit(whole, err) : PEAL_OK;
}

/* A stream has no end that could be waited for: who ends it keeps what was answered by then, in whole lines. Where that
 * is nothing, what stands at the output stays. */
static peal_status keep_answers(output *self, const tools_options *options, const peal_predict_result *result,
                                peal_error *err) {
    const uint64_t answered = result->rows_used + result->rows_dropped;
    if (!self->file || answered == 0) return PEAL_OK;
    PEAL_TRY(flush(self, err));
    PEAL_TRY(commit(&self->quarantine, err));
    PEAL_TRY(commit(&self->file, err));
    tools_say("%s: the answers to the %llu row%s that had come", options->out, (unsigned long long)answered,
              answered == 1 ? "" : "s");
    return PEAL_OK;
}

/* What is asked for in the place of predictions, or NULL. */
static const char *view_of(const tools_options *options) {
    return options->raw ? "raw" : options->leaves ? "leaves" : options->contributions ? "contributions" : NULL;
}

static peal_status predict(const tools_options *options, const peal_predict_options *wanted, output *self,
                           peal_predict_result *result, peal_error *err) {
    PEAL_TRY(peal_predictor_open(options->sources[0], &self->predictor, err));
    PEAL_TRY(peal_predictor_show(self->predictor, view_of(options), err));
    if (options->out) PEAL_TRY(peal_atomic_file_open_stoppable(options->out, &tools_stop, &self->file, err));
    peal_shape shape;
    PEAL_TRY(peal_pipeline_shape(peal_predictor_pipeline(self->predictor), &shape, err));
    free(shape.vocabularies);
    self->deviation = shape.label_deviation;
    PEAL_TRY(put_header(self, err));
    const peal_status status = peal_predict(self->predictor, wanted, emit, self, result, err);
    if (status == PEAL_E_INTERRUPTED && options->follow) PEAL_TRY(keep_answers(self, options, result, err));
    PEAL_TRY(status);
    PEAL_TRY(flush(self, err)); /* the header, where there was no row */
    PEAL_TRY(commit(&self->quarantine, err));
    return commit(&self->file, err);
}

/* ---- dependence ---- */

/* What --dependence says: a list of columns, or one whose name has a comma. The names are the caller's to free. */
static peal_status add_columns(const peal_pipeline *pipeline, const char *text, char **names, size_t *count,
                               peal_error *err) {
    const bool is_whole = peal_schema_find(&pipeline->schema, text, strlen(text)) != SIZE_MAX;
    for (;;) {
        const size_t length = is_whole ? strlen(text) : strcspn(text, ",");
        names[*count] = peal_strndup(text, length);
        if (!names[*count]) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
        (*count)++;
        if (!text[length]) return PEAL_OK;
        text += length + 1;
    }
}

static peal_status list_columns(const tools_options *options, const peal_pipeline *pipeline, char ***names,
                                size_t *count, peal_error *err) {
    size_t most = 0;
    for (size_t i = 0; i < json_array_size(options->dependence); i++) {
        most += json_string_length(json_array_get(options->dependence, i)) + 1;
    }
    PEAL_TRY(peal_alloc_checked(names, most, sizeof **names, "names", err));
    for (size_t i = 0; i < json_array_size(options->dependence); i++) {
        const char *text = json_string_value(json_array_get(options->dependence, i));
        PEAL_TRY(add_columns(pipeline, text, *names, count, err));
    }
    return PEAL_OK;
}

static peal_status put_point(output *self, const peal_dependence *found, size_t index, peal_error *err) {
    const peal_dependence_point *point = &found->points[index];
    PEAL_TRY(put_field(self, point->column, strlen(point->column), err));
    PEAL_TRY(put(self, ",", 1, err));
    if (point->value) PEAL_TRY(put_field(self, point->value, strlen(point->value), err));
    for (size_t k = 0; k < found->width; k++) {
        char text[PEAL_NUMBER_TEXT];
        peal_number_text(found->means[index * found->width + k], text);
        PEAL_TRY(put(self, ",", 1, err));
        PEAL_TRY(put(self, text, strlen(text), err));
    }
    return put(self, "\n", 1, err);
}

static peal_status put_dependence(output *self, const peal_dependence *found, peal_error *err) {
    PEAL_TRY(put(self, "column,value", 12, err));
    for (size_t k = 0; k < found->width; k++) {
        char *title = peal_predictor_title(self->predictor, k);
        if (!title) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
        peal_status status = put(self, ",", 1, err);
        if (status == PEAL_OK) status = put_field(self, title, strlen(title), err);
        free(title);
        if (status != PEAL_OK) return status;
    }
    PEAL_TRY(put(self, "\n", 1, err));
    for (size_t i = 0; i < found->count; i++) PEAL_TRY(put_point(self, found, i, err));
    return flush(self, err);
}

static json_t *point_json(const output *self, const peal_dependence *found, size_t index) {
    const peal_dependence_point *point = &found->points[index];
    json_t *value = !point->value      ? json_null()
                    : point->is_number ? peal_json_real(point->number)
                                       : peal_json_bytes(point->value, strlen(point->value));
    json_t *told = json_pack("{s:s, s:o}", "column", point->column, "value", value);
    for (size_t k = 0; k < found->width; k++) {
        char *title = peal_predictor_title(self->predictor, k);
        told = peal_json_set(told, title ? title : "",
                             title ? peal_json_real(found->means[index * found->width + k]) : NULL);
        free(title);
    }
    return told;
}

static void keep_dependence(output *self, const peal_dependence *found) {
    self->dependence = json_array();
    for (size_t i = 0; i < found->count; i++) {
        self->dependence = peal_json_append(self->dependence, point_json(self, found, i));
    }
}

static peal_status depend_on(const tools_options *options, const peal_predict_options *wanted, const char *const *names,
                             size_t count, output *self, peal_predict_result *result, peal_error *err) {
    peal_dependence found = {0};
    peal_explain_options explain = peal_explain_default();
    if (options->has_seed) explain.seed = options->seed;
    PEAL_TRY(peal_depend_check(self->predictor, wanted, names, count, err));
    if (options->out) PEAL_TRY(peal_atomic_file_open_stoppable(options->out, &tools_stop, &self->file, err));
    peal_status status = peal_depend(self->predictor, wanted, names, count, &explain, result, &found, err);
    if (status == PEAL_OK && found.rows < result->rows_used) {
        tools_say("means over a sample of %llu of the %llu rows", (unsigned long long)found.rows,
                  (unsigned long long)result->rows_used);
    }
    if (status == PEAL_OK && (options->out || !options->json)) status = put_dependence(self, &found, err);
    if (status == PEAL_OK && options->json) keep_dependence(self, &found);
    peal_dependence_clear(&found);
    return status == PEAL_OK ? commit(&self->file, err) : status;
}

static peal_status depend(const tools_options *options, const peal_predict_options *wanted, output *self,
                          peal_predict_result *result, peal_error *err) {
    char **names = NULL;
    size_t count = 0;
    PEAL_TRY(peal_predictor_open(options->sources[0], &self->predictor, err));
    peal_status status = list_columns(options, peal_predictor_pipeline(self->predictor), &names, &count, err);
    if (status == PEAL_OK) {
        status = depend_on(options, wanted, (const char *const *)names, count, self, result, err);
    }
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
    return status;
}

static peal_status check_dependence(const tools_options *options, peal_bad_rows on_bad_row, peal_error *err) {
    if (options->follow && options->dependence) {
        return peal_fail(err, PEAL_E_USAGE,
                         "dependence is of rows that end, not of those that are followed (--follow)");
    }
    if (!options->dependence) {
        return options->has_seed
                   ? peal_fail(err, PEAL_E_USAGE, "seed is of the sample that dependence takes; predictions have none")
                   : PEAL_OK;
    }
    if (on_bad_row != PEAL_BAD_ROWS_QUARANTINE) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "dependence has no row for which a bad one could be kept: drop them, or fail");
}

static peal_status check_out(const tools_options *options, peal_bad_rows on_bad_row, output *self, peal_error *err) {
    const char *out = options->out;
    if (options->json && !out && !options->dependence)
        return peal_fail(err, PEAL_E_USAGE, "predict --json wants --out for the predictions");
    if (on_bad_row == PEAL_BAD_ROWS_QUARANTINE && !out) {
        return peal_fail(err, PEAL_E_USAGE, "predict --on-bad-row quarantine wants --out: bad rows go beside it");
    }
    if (!out) return PEAL_OK;
    PEAL_TRY(peal_output_check(out, err));
    PEAL_TRY(tools_check_output(options, out, err));
    if (peal_path_is_folder(out)) return peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is a folder", out);
    if (on_bad_row != PEAL_BAD_ROWS_QUARANTINE) return PEAL_OK;
    self->quarantine_path = peal_sprintf("%s.quarantine.jsonl", out);
    if (!self->quarantine_path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    PEAL_TRY(peal_output_check(self->quarantine_path, err));
    return tools_check_output(options, self->quarantine_path, err);
}

static peal_status show(const tools_options *options, const output *self, const peal_predict_result *result,
                        peal_error *err) {
    const bool kept = self->quarantine_path != NULL;
    const uint64_t bad = result->rows_dropped;
    tools_say_rows(result->rows_in, result->rows_used, kept ? 0 : bad, kept ? bad : 0);
    if (kept && bad) tools_say("bad rows: %s", self->quarantine_path);
    if (result->sources_left_out) {
        tools_say("sources: %llu left out", (unsigned long long)result->sources_left_out);
    }
    if (!options->json) return PEAL_OK;
    json_t *told =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)result->rows_used, "rows_in",
                  (json_int_t)result->rows_in, "dropped", (json_int_t)(kept ? 0 : bad), "quarantined",
                  (json_int_t)(kept ? bad : 0), "unknown_values", (json_int_t)result->unknown, "doubtful_values",
                  (json_int_t)result->doubtful, "sources_left_out", (json_int_t)result->sources_left_out);
    if (options->dependence) told = peal_json_set(told, "dependence", json_incref(self->dependence));
    return tools_print_json(told, err);
}

static peal_status run(const tools_options *given, peal_error *err) {
    tools_options own = *given;
    const tools_options *options = &own;
    if (own.out && strcmp(own.out, "-") == 0) own.out = NULL; /* standard output */
    if (options->source_count < 2) return peal_fail(err, PEAL_E_USAGE, "predict wants a model and then sources");
    if (options->raw + options->leaves + options->contributions + (options->dependence != NULL) > 1) {
        return peal_fail(err, PEAL_E_USAGE,
                         "raw, leaves, contributions and dependence each take the place of predictions; choose one");
    }
    peal_predict_options wanted;
    tools_arrays arrays = {0};
    output self = {0};
    peal_predict_result result;
    peal_status status = tools_predict_options(options, &wanted, &arrays, err);
    if (status == PEAL_OK) status = check_dependence(options, wanted.on_bad_row, err);
    if (status == PEAL_OK) status = check_out(options, wanted.on_bad_row, &self, err);
    if (status == PEAL_OK) {
        status = (options->dependence ? depend : predict)(options, &wanted, &self, &result, err);
    }
    peal_atomic_file_abort(self.file);
    peal_atomic_file_abort(self.quarantine);
    peal_buffer_clear(&self.text);
    peal_predictor_free(self.predictor);
    if (status == PEAL_OK) status = show(options, &self, &result, err);
    json_decref(self.dependence);
    free(self.quarantine_path);
    tools_arrays_clear(&arrays);
    return status;
}

const tools_command tools_command_predict = {
    .name = "predict",
    .usage = "MODEL SOURCE... [--out FILE] [options]",
    .documentation =
        "Predicts raw rows: CSV of the prediction and, for classes, a probability each, in the order of the rows. "
        "Of images a first column names the file. In the place of predictions, models tell raw scores, and trees "
        "leaves "
        "and the contributions of columns. Dependence is a table of a column's values (up to 20: of numbers quantiles, "
        "of "
        "texts the most frequent, and what is missing) and what is predicted on average over the rows when all of them "
        "have this value; of more than 100,000 rows over a random sample of at most so many. With --follow a file is "
        "read on as it grows, and each row answered when it has come; the file of --out appears at the end, which "
        "may be Ctrl-C.",
    .bit = FOR_PREDICT,
    .run = run,
};
