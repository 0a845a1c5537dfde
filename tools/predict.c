/* `peal predict`: predictions of raw rows as CSV, into a file or to standard output. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/number.h"
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
    PEAL_TRY(peal_predict(self->predictor, wanted, emit, self, result, err));
    PEAL_TRY(flush(self, err)); /* the header, where there was no row */
    PEAL_TRY(commit(&self->quarantine, err));
    return commit(&self->file, err);
}

static peal_status check_out(const tools_options *options, peal_bad_rows on_bad_row, output *self, peal_error *err) {
    const char *out = options->out;
    if (options->json && !out) return peal_fail(err, PEAL_E_USAGE, "predict --json wants --out for the predictions");
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
    if (!options->json) return PEAL_OK;
    return tools_print_json(json_pack("{s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)result->rows_used, "rows_in",
                                      (json_int_t)result->rows_in, "dropped", (json_int_t)(kept ? 0 : bad),
                                      "quarantined", (json_int_t)(kept ? bad : 0), "unknown_values",
                                      (json_int_t)result->unknown),
                            err);
}

static peal_status run(const tools_options *given, peal_error *err) {
    tools_options own = *given;
    const tools_options *options = &own;
    if (own.out && strcmp(own.out, "-") == 0) own.out = NULL; /* standard output */
    if (options->source_count < 2) return peal_fail(err, PEAL_E_USAGE, "predict wants a model and then sources");
    if (options->raw + options->leaves + options->contributions > 1) {
        return peal_fail(err, PEAL_E_USAGE,
                         "raw, leaves and contributions each take the place of predictions; choose one");
    }
    peal_predict_options wanted;
    tools_arrays arrays = {0};
    output self = {0};
    peal_predict_result result;
    peal_status status = tools_predict_options(options, &wanted, &arrays, err);
    if (status == PEAL_OK) status = check_out(options, wanted.on_bad_row, &self, err);
    if (status == PEAL_OK) status = predict(options, &wanted, &self, &result, err);
    peal_atomic_file_abort(self.file);
    peal_atomic_file_abort(self.quarantine);
    peal_buffer_clear(&self.text);
    peal_predictor_free(self.predictor);
    if (status == PEAL_OK) status = show(options, &self, &result, err);
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
        "and the contributions of columns.",
    .bit = FOR_PREDICT,
    .run = run,
};
