/* Opens and checks models, and takes rows through them: one text, a dataset, or sources; see predictor.h. */
#include "models/predict/predictor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "etl/job/scan.h"
#include "models/predict/lane.h"
#include "models/predict/model_file.h"
#include "models/predict/safetensors.h"
#include "models/predict/walk.h"

struct peal_predictor {
    char *path, *spec;
    json_t *job;
    size_t first, count; /* the tensors of the file that are the model's own */
    peal_pipeline *pipeline;
    peal_shape shape;
    peal_model_spec parsed; /* of `spec` */
    const peal_learner *learner;
    void *model;
    const peal_view *view; /* shown instead of predictions; NULL: none */
    models__lanes alone;   /* one lane, for tables and texts that the caller has */
};

peal_status models__predictor_lanes(const peal_predictor *predictor, size_t count, models__lanes *out,
                                    peal_error *err) {
    *out = (models__lanes){.learner = predictor->learner,
                           .view = predictor->view,
                           .model = predictor->model,
                           .width = peal_predictor_scores(predictor)};
    return models__lanes_init(out, count, err);
}

/* ---- opening ---- */

static peal_status no_model(const char *path, peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "%s is not a Peal model: %s", path, what);
}

/* A JSON object that stands as a text in the metadata. */
static peal_status read_json(const peal_predictor *predictor, const peal_safetensors *file, const char *key,
                             json_t **out, peal_error *err) {
    const char *text = peal_safetensors_metadata(file, key);
    if (!text) return no_model(predictor->path, err, "a part of its metadata is missing");
    char *name = peal_sprintf("%s: %s", predictor->path, key);
    if (!name) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    peal_status status = peal_json_parse(name, text, strlen(text), out, err);
    free(name);
    return status;
}

static peal_status read_pipeline(peal_predictor *predictor, const peal_safetensors *file, peal_error *err) {
    json_t *document;
    PEAL_TRY(read_json(predictor, file, "pipeline", &document, err));
    const peal_status status =
        peal_model_file_pipeline(document, file, &predictor->pipeline, &predictor->first, &predictor->count, err);
    json_decref(document);
    if (status != PEAL_OK) peal_error_context(err, "%s is not a Peal model", predictor->path);
    return status;
}

static peal_status read_metadata(peal_predictor *predictor, const peal_safetensors *file, peal_error *err) {
    const char *kind = peal_safetensors_metadata(file, "kind"), *spec = peal_safetensors_metadata(file, "model");
    if (!kind || strcmp(kind, PEAL_MODEL_KIND) != 0) return no_model(predictor->path, err, "it is of another kind");
    PEAL_TRY(read_json(predictor, file, "job", &predictor->job, err));
    const char *job_spec = json_string_value(json_object_get(predictor->job, "model"));
    if (!spec || !job_spec || strcmp(spec, job_spec) != 0) {
        return no_model(predictor->path, err, "its model and its job's differ");
    }
    const char *learner = json_string_value(json_object_get(predictor->job, "learner"));
    predictor->learner = learner ? peal_learner_find(learner) : NULL;
    if (!predictor->learner) return no_model(predictor->path, err, "nobody here has learnt it");
    predictor->spec = peal_strdup(spec);
    if (!predictor->spec) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    return read_pipeline(predictor, file, err);
}

/* Every feature, code, class and hidden unit has a parameter of its own, sparse ones by most learners. So none may be
 * more than the file has numbers, which bounds the memory that a model takes before its tensors are compared with the
 * file's. */
static peal_status check_size(const peal_predictor *predictor, const peal_tensor *given, peal_error *err) {
    const peal_shape *shape = &predictor->shape;
    const peal_model_spec *spec = &predictor->parsed;
    const uint64_t codes = peal_shape_codes(shape);
    uint64_t numbers = 0;
    for (size_t i = 0; i < predictor->count; i++) numbers += peal_tensor_count(&given[i]);
    bool fits = shape->features <= numbers && codes <= numbers && shape->classes <= numbers + 1 &&
                (shape->sparse <= numbers || predictor->learner->picks_sparse);
    for (size_t i = 0; i < spec->hidden_count; i++) fits = fits && spec->hidden[i] <= numbers;
    return fits ? PEAL_OK : no_model(predictor->path, err, "its pipeline or model needs more parameters than it has");
}

/* Compares a tensor of the model with the file's, and copies its values. */
static peal_status read_tensor(const peal_predictor *predictor, const peal_safetensors *file, const peal_tensor *own,
                               peal_error *err) {
    const peal_tensor *tensor = peal_safetensors_find(file, own->name);
    if (!tensor || tensor->type != own->type || tensor->rows != own->rows || tensor->width != own->width) {
        return peal_fail(err, PEAL_E_DATA, "%s: there is no tensor '%s' of %zu x %zu", predictor->path, own->name,
                         own->rows, own->width);
    }
    if (!peal_tensor_is_finite(tensor)) {
        return peal_fail(err, PEAL_E_DATA, "%s: the tensor '%s' holds what is no number", predictor->path, own->name);
    }
    memcpy((void *)own->data, tensor->data, peal_tensor_count(own) * peal_tensor_item(own->type));
    return PEAL_OK;
}

static peal_status read_model(peal_predictor *predictor, const peal_safetensors *file, peal_error *err) {
    const peal_learner *learner = predictor->learner;
    const peal_tensor *given = predictor->count ? peal_safetensors_at(file, predictor->first) : NULL;
    PEAL_TRY(peal_pipeline_shape(predictor->pipeline, &predictor->shape, err));
    PEAL_TRY(peal_model_parse(predictor->spec, &predictor->parsed, err));
    PEAL_TRY(peal_model_check_label(predictor->parsed.kind, &predictor->shape, err));
    PEAL_TRY(check_size(predictor, given, err));
    PEAL_TRY(
        learner->model_new(predictor->pipeline, &predictor->parsed, given, predictor->count, &predictor->model, err));
    size_t count;
    const peal_tensor *own = learner->model_tensors(predictor->model, &count);
    if (count != predictor->count) return no_model(predictor->path, err, "it has tensors too many or too few");
    for (size_t i = 0; i < count; i++) PEAL_TRY(read_tensor(predictor, file, &own[i], err));
    if (learner->model_check) PEAL_TRY(learner->model_check(predictor->model, err));
    return models__predictor_lanes(predictor, 1, &predictor->alone, err);
}

/* Reads the model and checks it as a whole: its pipeline, its spec, that they fit each other and the label, and that
 * the tensors are those that its learner would make. */
static peal_status predictor_read(peal_predictor *predictor, const peal_safetensors *file, peal_error *err) {
    peal_status status = read_metadata(predictor, file, err);
    if (status == PEAL_OK) status = read_model(predictor, file, err);
    if (status == PEAL_E_USAGE) { /* the file's content, not the user's wish, is wrong */
        peal_error_context(err, "%s is not a Peal model", predictor->path);
        if (err) err->status = PEAL_E_DATA;
        return PEAL_E_DATA;
    }
    return status;
}

static peal_status predictor_new(const peal_safetensors *file, const char *name, peal_predictor **out,
                                 peal_error *err) {
    peal_predictor *predictor = calloc(1, sizeof *predictor);
    if (!predictor) return peal_fail(err, PEAL_E_MEMORY, "no memory for a model");
    predictor->path = peal_strdup(name);
    peal_status status =
        predictor->path ? predictor_read(predictor, file, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) {
        *out = predictor;
    } else {
        peal_predictor_free(predictor);
    }
    return status;
}

peal_status peal_predictor_open(const char *path, peal_predictor **out, peal_error *err) {
    *out = NULL;
    peal_safetensors *file;
    PEAL_TRY(peal_safetensors_open(path, &file, err));
    peal_status status = predictor_new(file, path, out, err);
    peal_safetensors_close(file);
    return status;
}

peal_status peal_predictor_parse(const uint8_t *bytes, size_t size, const char *name, peal_predictor **out,
                                 peal_error *err) {
    *out = NULL;
    peal_safetensors *file;
    PEAL_TRY(peal_safetensors_parse(bytes, size, name, &file, err));
    peal_status status = predictor_new(file, name, out, err);
    peal_safetensors_close(file);
    return status;
}

void peal_predictor_free(peal_predictor *predictor) {
    if (!predictor) return;
    models__lanes_clear(&predictor->alone);
    if (predictor->model) predictor->learner->model_free(predictor->model);
    peal_pipeline_free(predictor->pipeline);
    json_decref(predictor->job);
    free(predictor->shape.vocabularies);
    free(predictor->spec);
    free(predictor->path);
    free(predictor);
}

const peal_pipeline *peal_predictor_pipeline(const peal_predictor *predictor) {
    return predictor->pipeline;
}

const peal_learner *models__predictor_learner(const peal_predictor *predictor) {
    return predictor->learner;
}

const void *models__predictor_model(const peal_predictor *predictor) {
    return predictor->model;
}

json_t *peal_predictor_save_pipeline(const peal_predictor *predictor) {
    return peal_pipeline_save(predictor->pipeline);
}

const char *peal_predictor_spec(const peal_predictor *predictor) {
    return predictor->spec;
}

const json_t *peal_predictor_job(const peal_predictor *predictor) {
    return predictor->job;
}

uint32_t peal_predictor_classes(const peal_predictor *predictor) {
    return predictor->shape.classes;
}

size_t peal_predictor_scores(const peal_predictor *predictor) {
    return predictor->view ? predictor->view->width(predictor->model) : peal_shape_scores(&predictor->shape);
}

/* ---- looking inside ---- */

static peal_status find_view(const peal_predictor *predictor, const char *name, const peal_view **out,
                             peal_error *err) {
    const peal_view *const *views = predictor->learner->views;
    while (views && *views && strcmp((*views)->name, name) != 0) views++;
    if (views && *views) {
        *out = *views;
        return (*out)->check ? (*out)->check(predictor->model, err) : PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE,
                     "a model '%s' has no '%s' to tell of rows; trees tell raw, leaves and contributions, linear "
                     "models and nets raw",
                     predictor->parsed.kind->name, name);
}

peal_status peal_predictor_show(peal_predictor *predictor, const char *view, peal_error *err) {
    const peal_view *found = NULL, *shown = predictor->view;
    models__lanes lanes;
    if (view) PEAL_TRY(find_view(predictor, view, &found, err));
    predictor->view = found;
    const peal_status status = models__predictor_lanes(predictor, 1, &lanes, err);
    if (status == PEAL_OK) {
        models__lanes_clear(&predictor->alone);
        predictor->alone = lanes;
    } else {
        predictor->view = shown;
    }
    return status;
}

bool peal_predictor_is_view(const peal_predictor *predictor) {
    return predictor->view != NULL;
}

char *peal_predictor_title(const peal_predictor *predictor, size_t index) {
    if (predictor->view) return predictor->view->title(predictor->model, predictor->pipeline, index);
    if (predictor->shape.classes == 0) return peal_strdup("prediction");
    const peal_text name = peal_pipeline_class_name(predictor->pipeline, (uint32_t)index);
    return peal_sprintf("p_%.*s", (int)(name.length < 256 ? name.length : 256), name.data);
}

peal_status peal_predictor_importance(const peal_predictor *predictor, json_t **out, peal_error *err) {
    const peal_learner *learner = predictor->learner;
    *out = NULL;
    if (!learner->importance) return PEAL_OK;
    *out = learner->importance(predictor->model, predictor->pipeline);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for the importance of columns");
}

peal_status peal_predictor_tree(const peal_predictor *predictor, uint64_t number, json_t **out, peal_error *err) {
    const peal_learner *learner = predictor->learner;
    *out = NULL;
    if (learner->tree) return learner->tree(predictor->model, predictor->pipeline, number, out, err);
    return peal_fail(err, PEAL_E_USAGE, "a model '%s' has no trees", predictor->parsed.kind->name);
}

/* ---- predicting ---- */

peal_status peal_predictor_table(peal_predictor *predictor, const peal_table *table, double *scores, peal_error *err) {
    PEAL_TRY(peal_pipeline_check_table(predictor->pipeline, table, "the table", err));
    return models__lane_score(&predictor->alone, 0, table, scores, err);
}

peal_status peal_predictor_text(peal_predictor *predictor, const char *text, size_t size, double *scores, size_t rows,
                                size_t *rows_out, peal_error *err) {
    *rows_out = 0;
    peal_scan *scan;
    PEAL_TRY(peal_scan_open(predictor->pipeline, &(peal_scan_options){.text = text, .text_size = size, .threads = 1},
                            &scan, err));
    peal_status status = PEAL_OK;
    while (status == PEAL_OK) {
        peal_scan_rows read;
        status = peal_scan_next(scan, &read, err);
        if (status != PEAL_OK || read.ended) break;
        if (read.table.rows > rows - *rows_out) {
            status = peal_fail(err, PEAL_E_USAGE, "there are more than the %zu rows for which there is room", rows);
            break;
        }
        const size_t width = peal_predictor_scores(predictor);
        status = models__lane_score(&predictor->alone, 0, &read.table, scores + *rows_out * width, err);
        *rows_out += read.table.rows;
    }
    peal_scan_close(scan);
    return status;
}

/* ---- jobs ---- */

static peal_status check_stop(const peal_predict_options *options, const peal_predict_result *result, peal_error *err) {
    if (!peal_is_stopped(options->stop)) return PEAL_OK;
    return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted after %llu rows", (unsigned long long)result->rows_used);
}

static bool is_dataset_job(const peal_predict_options *options) {
    return options->source_count == 1 && peal_dataset_is(options->sources[0]);
}

static unsigned choose_splits(const peal_dataset *dataset, unsigned splits, const peal_reporter *reporter) {
    static const int order[] = {PEAL_SPLIT_TEST, PEAL_SPLIT_VALID, PEAL_SPLIT_TRAIN};
    for (size_t i = 0; !splits && i < 3; i++) {
        if (!peal_dataset_rows(dataset, order[i])) continue;
        splits = 1u << order[i];
        peal_report(reporter, PEAL_EVENT_NOTE, "rows: the %s split of the dataset", peal_split_names[order[i]]);
    }
    return splits;
}

/* PEAL_E_DATA names a row that lacks what is added to its score; `before`: good rows of the job in front of these. */
static peal_status check_offsets(const peal_predictor *predictor, const peal_scan_rows *rows, uint64_t before,
                                 peal_error *err) {
    const peal_pipeline *pipeline = predictor->pipeline;
    for (size_t row = 0; predictor->shape.has_offset && row < rows->table.rows; row++) {
        if (isfinite(peal_shape_offset(&predictor->shape, &rows->table, row))) continue;
        return peal_fail(err, PEAL_E_DATA,
                         "%s: row %llu (of the good ones): column '%s' has no value that can be added to the score (an "
                         "offset is a number, an exposure is above 0)",
                         rows->source, (unsigned long long)(before + row + 1),
                         pipeline->schema.fields[pipeline->offset].name);
    }
    return PEAL_OK;
}

/* The rows of a dataset on their way to the consumer. */
typedef struct dataset_walk {
    peal_predictor *predictor;
    const peal_predict_options *options;
    const models__consumer *consumer;
    uint64_t rows; /* that there are */
    peal_predict_result *result;
    models__lanes lanes;
    peal_executor *executor; /* of more than one lane */
} dataset_walk;

static peal_status walk_table(void *user, const peal_table *table, peal_error *err) {
    dataset_walk *self = user;
    const peal_predict_options *options = self->options;
    if (self->result->rows_used == 0) {
        PEAL_TRY(peal_pipeline_check_table(self->predictor->pipeline, table, options->sources[0], err));
    }
    const peal_scan_rows rows = {.table = *table, .source = options->sources[0]};
    PEAL_TRY(check_offsets(self->predictor, &rows, self->result->rows_used, err));
    PEAL_TRY(models__lanes_run(&self->lanes, self->executor, table, err));
    PEAL_TRY(self->consumer->consume(self->consumer->user, &rows, self->lanes.lanes[0].scores, err));
    self->result->rows_used += table->rows;
    peal_report_progress(options->reporter, self->consumer->stage, "rows", self->result->rows_used, self->rows);
    return check_stop(options, self->result, err);
}

static uint64_t rows_of(const peal_dataset *dataset, unsigned splits) {
    uint64_t rows = 0;
    for (int split = 0; split < PEAL_SPLITS; split++) {
        if (splits >> split & 1) rows += peal_dataset_rows(dataset, split);
    }
    return rows;
}

/* Threads that so many rows are worth. */
static size_t lanes_for(const peal_predict_options *options, uint64_t rows) {
    enum { ROWS_EACH = 4096 };
    const size_t most = options->threads ? options->threads : peal_machine_cpus();
    return rows / ROWS_EACH < most ? (size_t)(rows / ROWS_EACH) + 1 : most;
}

static peal_status walk_dataset(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                                const models__consumer *consumer, peal_predict_result *result, peal_error *err) {
    peal_dataset *dataset;
    PEAL_TRY(peal_dataset_open(options->sources[0], &dataset, err));
    peal_status status = PEAL_OK;
    json_t *own = peal_pipeline_save(predictor->pipeline);
    const bool same = own && peal_pipeline_same(peal_dataset_pipeline(dataset), own);
    json_decref(own);
    if (!same) {
        status =
            peal_fail(err, PEAL_E_DATA,
                      "the dataset %s was made with another pipeline (other columns, vocabularies or "
                      "means) than the model: give the raw files instead, or make the dataset like the model (like)",
                      options->sources[0]);
    }
    splits = choose_splits(dataset, splits, options->reporter);
    dataset_walk self = {predictor, options, consumer, rows_of(dataset, splits), result, {0}, NULL};
    const size_t threads = lanes_for(options, self.rows);
    if (status == PEAL_OK) status = models__predictor_lanes(predictor, threads, &self.lanes, err);
    if (status == PEAL_OK && threads > 1) status = peal_executor_new(threads, &self.executor, err);
    if (status == PEAL_OK) status = peal_dataset_read(dataset, splits, walk_table, &self, err);
    if (status == PEAL_OK && result->rows_used == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s has no rows in the split that was asked for", options->sources[0]);
    }
    result->rows_in = result->rows_used;
    peal_executor_free(self.executor); /* first: its threads may be in the lanes */
    models__lanes_clear(&self.lanes);
    peal_dataset_close(dataset);
    return status;
}

/* On any thread: the scan's slots are the lanes. */
static peal_status predict_rows(void *user, const peal_scan_rows *rows, peal_error *err) {
    return models__lane_run(user, rows->slot, &rows->table, err);
}

static peal_status walk_rows(const peal_predictor *predictor, const peal_predict_options *options, peal_scan *scan,
                             const models__lanes *lanes, const models__consumer *consumer, peal_predict_result *result,
                             peal_error *err) {
    for (;;) {
        peal_scan_rows rows;
        PEAL_TRY(peal_scan_next(scan, &rows, err));
        if (rows.ended) return PEAL_OK;
        PEAL_TRY(check_offsets(predictor, &rows, result->rows_used, err));
        PEAL_TRY(consumer->consume(consumer->user, &rows, lanes->lanes[rows.slot].scores, err));
        result->rows_used += rows.table.rows;
        result->rows_dropped += rows.bad_count;
        peal_report_progress(options->reporter, consumer->stage, "rows", result->rows_used, 0);
        PEAL_TRY(check_stop(options, result, err));
    }
}

static void say_unknown(const peal_predict_options *options, const peal_predict_result *result, const char *column,
                        const char *text) {
    if (result->unknown == 0) return;
    peal_report(options->reporter, PEAL_EVENT_WARNING,
                "%llu value%s (the first of column '%s': '%s') %s not known to the model and %s missing",
                (unsigned long long)result->unknown, result->unknown == 1 ? "" : "s", column, text,
                result->unknown == 1 ? "is" : "are", result->unknown == 1 ? "counts as" : "count as");
}

static void say_doubtful(const peal_predict_options *options, const peal_scan *scan, peal_predict_result *result) {
    const char *column, *text, *doubt;
    result->doubtful = peal_scan_doubtful(scan, &column, &text, &doubt);
    if (result->doubtful == 0) return;
    peal_report(options->reporter, PEAL_EVENT_WARNING, "%llu value%s (the first of column '%s': '%s') %s %s",
                (unsigned long long)result->doubtful, result->doubtful == 1 ? "" : "s", column, text,
                result->doubtful == 1 ? "is" : "are", doubt);
}

static peal_status walk_sources(peal_predictor *predictor, const peal_predict_options *options, bool is_eval,
                                const models__consumer *consumer, peal_predict_result *result, peal_error *err) {
    models__lanes lanes;
    if (options->on_bad_source == PEAL_BAD_ROWS_QUARANTINE) {
        return peal_fail(err, PEAL_E_USAGE,
                         "predictions and metrics have no quarantine of sources: drop leaves them out and names them");
    }
    const peal_scan_options scan_options = {
        .sources = options->sources,
        .source_count = options->source_count,
        .format = options->format,
        .reading = options->reading,
        .access = options->access,
        .nulls = options->nulls,
        .null_count = options->null_count,
        .stop = options->stop,
        .reporter = options->reporter,
        .following = options->following,
        .purpose = is_eval ? PEAL_APPLY_EVAL : PEAL_APPLY_PREDICT,
        .label_required = is_eval,
        .on_bad_row = options->on_bad_row,
        .go_on = options->on_bad_source == PEAL_BAD_ROWS_DROP,
        .threads = options->threads,
        .work = predict_rows,
        .user = &lanes,
    };
    peal_scan *scan;
    const char *column, *text;
    PEAL_TRY(peal_scan_open(predictor->pipeline, &scan_options, &scan, err));
    peal_status status = models__predictor_lanes(predictor, peal_scan_slots(scan), &lanes, err);
    if (status == PEAL_OK) status = walk_rows(predictor, options, scan, &lanes, consumer, result, err);
    result->rows_in = result->rows_used + result->rows_dropped;
    result->unknown = peal_scan_unknown(scan, &column, &text);
    result->sources_left_out = peal_scan_left_out(scan);
    if (status == PEAL_OK) say_unknown(options, result, column, text);
    if (status == PEAL_OK) say_doubtful(options, scan, result);
    peal_scan_close(scan); /* first: its threads may be in the lanes */
    models__lanes_clear(&lanes);
    if (status == PEAL_OK && result->rows_in == 0 && result->sources_left_out) {
        return peal_fail(err, PEAL_E_DATA, "not one of the sources can be read");
    }
    if (status != PEAL_OK || result->rows_used > 0 || result->rows_in == 0) return status;
    return peal_fail(err, PEAL_E_DATA, "%s: there is not one good row", options->sources[0]);
}

peal_status models__predictor_walk(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                                   bool is_eval, const models__consumer *consumer, peal_predict_result *result,
                                   peal_error *err) {
    *result = (peal_predict_result){0};
    if (is_dataset_job(options)) return walk_dataset(predictor, options, splits, consumer, result, err);
    return walk_sources(predictor, options, is_eval, consumer, result, err);
}

typedef struct predict_walk {
    peal_status (*emit)(void *user, const peal_predicted *rows, peal_error *err);
    void *user;
} predict_walk;

static peal_status predict_consume(void *user, const peal_scan_rows *rows, const double *scores, peal_error *err) {
    const predict_walk *self = user;
    const peal_predicted predicted = {.scores = scores,
                                      .rows = rows->table.rows,
                                      .bad_rows = rows->bad_rows,
                                      .bad_count = rows->bad_count,
                                      .source = rows->source,
                                      .items = rows->items,
                                      .first_item = rows->first_item};
    return self->emit(self->user, &predicted, err);
}

peal_status peal_predict(peal_predictor *predictor, const peal_predict_options *options,
                         peal_status (*emit)(void *user, const peal_predicted *rows, peal_error *err), void *user,
                         peal_predict_result *result, peal_error *err) {
    predict_walk self = {.emit = emit, .user = user};
    const models__consumer consumer = {.stage = "predicting", .consume = predict_consume, .user = &self};
    return models__predictor_walk(predictor, options, ~0u, false, &consumer, result, err);
}

enum { SPELLINGS = 5, SPELLINGS_TEXT = SPELLINGS * 40 };

typedef struct eval_walk {
    peal_predictor *predictor;
    const models__consumer *also; /* NULL: nobody else looks at the rows */
    peal_buffer scores, labels;   /* double [rows, scores], double [rows] */
    peal_query_reading queries;   /* of the rows, if the model's pipeline knows any */
    uint64_t rows, unknown;
    char spelt[SPELLINGS_TEXT]; /* the first labels, as the source spells them */
} eval_walk;

/* Adds the text number `index` to a list like "'a', 'b', ...", which ends after SPELLINGS. */
static void add_spelling(char out[SPELLINGS_TEXT], uint32_t index, peal_text text) {
    enum { LONGEST = 28 };
    char whole[64], cut[LONGEST + PEAL_TEXT_CUT_EXTRA];
    const size_t used = strlen(out);
    snprintf(whole, sizeof whole, "%.*s", (int)(text.length < 60 ? text.length : 60), text.data);
    peal_text_cut(whole, LONGEST, cut);
    const char *quote = index < SPELLINGS ? "'" : "";
    snprintf(out + used, SPELLINGS_TEXT - used, "%s%s%s%s", index ? ", " : "", quote, *quote ? cut : "...", quote);
}

static peal_status eval_consume(void *user, const peal_scan_rows *rows, const double *scores, peal_error *err) {
    eval_walk *self = user;
    const peal_table *table = &rows->table;
    const peal_dictionary *spelt = rows->label_texts;
    size_t row_size = peal_predictor_scores(self->predictor) * sizeof(double);
    PEAL_TRY(peal_buffer_append(&self->scores, scores, table->rows * row_size, err));
    PEAL_TRY(peal_buffer_reserve(&self->labels, table->rows * sizeof(double), err));
    double *labels = (double *)(void *)(self->labels.data + self->labels.size);
    if (self->predictor->shape.has_query) {
        PEAL_TRY(peal_query_reading_add(&self->queries, peal_shape_query(&self->predictor->shape, table), err));
    }
    for (size_t row = 0; row < table->rows; row++) {
        labels[row] = peal_shape_label(&self->predictor->shape, table, row);
        self->unknown += isnan(labels[row]);
    }
    for (uint32_t i = 0; spelt && self->rows == 0 && i < spelt->size && i <= SPELLINGS; i++) {
        add_spelling(self->spelt, i, peal_dictionary_text(spelt, i));
    }
    self->labels.size += table->rows * sizeof(double);
    self->rows += table->rows;
    return self->also ? self->also->consume(self->also->user, rows, scores, err) : PEAL_OK;
}

/* That model and rows have no class in common is a wrong file, or another spelling, and no result. */
static peal_status check_labels(const eval_walk *self, const peal_predict_options *options, peal_error *err) {
    const peal_predictor *predictor = self->predictor;
    if (self->unknown == 0) return PEAL_OK;
    if (self->unknown < self->rows) {
        const bool classes = peal_predictor_classes(predictor) > 0;
        peal_report(options->reporter, PEAL_EVENT_WARNING,
                    "%llu of %llu rows have a label that the model does not know; %s",
                    (unsigned long long)self->unknown, (unsigned long long)self->rows,
                    classes ? "they count as wrong" : "they are left out of the metrics");
        return PEAL_OK;
    }
    char known[SPELLINGS_TEXT] = "";
    for (uint32_t i = 0; i < peal_predictor_classes(predictor) && i <= SPELLINGS; i++) {
        add_spelling(known, i, peal_pipeline_class_name(predictor->pipeline, i));
    }
    if (!*known || !*self->spelt) return peal_fail(err, PEAL_E_DATA, "no row has a label that the model knows");
    return peal_fail(err, PEAL_E_DATA, "no row has a label that the model knows: its classes are %s, those of %s %s",
                     known, options->sources[0], self->spelt);
}

static const peal_ranking *ranking_of(const peal_predictor *predictor) {
    return predictor->learner->ranking ? predictor->learner->ranking(predictor->model) : NULL;
}

/* The rows that have a label, in *list. PEAL_E_DATA names one whose label has no gain, if ranks are all that the model
 * tells; else *count is then 0. */
static peal_status list_ranked(const eval_walk *self, const peal_ranking *ranking, bool is_order, uint32_t *list,
                               uint64_t *count, peal_error *err) {
    const double *labels = (const double *)(const void *)self->labels.data;
    *count = 0;
    for (uint64_t row = 0; row < self->rows; row++) {
        if (isnan(labels[row]) || peal_query_of(&self->queries, row) == PEAL_QUERY_NONE) continue;
        if (peal_ranking_takes(ranking, labels[row])) {
            list[(*count)++] = (uint32_t)row;
            continue;
        }
        *count = 0;
        if (!is_order) return PEAL_OK;
        return peal_fail(err, PEAL_E_DATA,
                         "row %llu (of the good ones): the label is %g, but the model ranks by whole numbers from 0 to "
                         "%zu",
                         (unsigned long long)row + 1, labels[row], ranking->gain_count - 1);
    }
    return PEAL_OK;
}

/* The listed rows' scores and labels move up. */
static peal_status rank_listed(eval_walk *self, const peal_ranking *ranking, bool is_order, const uint32_t *list,
                               uint64_t count, peal_metrics *metrics, peal_error *err) {
    double *scores = (double *)(void *)self->scores.data, *labels = (double *)(void *)self->labels.data;
    peal_queries queries;
    PEAL_TRY(peal_queries_make(&self->queries, list, count, &queries, err));
    for (uint64_t i = 0; i < count; i++) {
        scores[i] = scores[list[i]];
        labels[i] = labels[list[i]];
    }
    const peal_status status = peal_metrics_rank(ranking, &queries, scores, labels, is_order, metrics, err);
    peal_queries_clear(&queries);
    return status;
}

/* Scores and labels are used up. */
static peal_status rank_queries(eval_walk *self, peal_metrics *metrics, peal_error *err) {
    const peal_ranking *own = ranking_of(self->predictor), usual = peal_ranking_default();
    const peal_ranking *ranking = own ? own : &usual;
    uint32_t *list;
    uint64_t count;
    if (!self->predictor->shape.has_query || self->predictor->shape.classes) return PEAL_OK;
    if (self->rows > UINT32_MAX) return peal_fail(err, PEAL_E_USAGE, "more than 2^32 rows to rank");
    PEAL_TRY(peal_alloc_checked(&list, self->rows, sizeof *list, "rows to rank", err));
    peal_status status = list_ranked(self, ranking, own != NULL, list, &count, err);
    if (status == PEAL_OK && count) status = rank_listed(self, ranking, own != NULL, list, count, metrics, err);
    free(list);
    return status;
}

peal_status models__predictor_eval(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                                   const models__consumer *also, peal_metrics *metrics, peal_predict_result *result,
                                   peal_error *err) {
    if (predictor->view) {
        return peal_fail(err, PEAL_E_USAGE, "labels are compared with predictions, not with %s", predictor->view->name);
    }
    if (ranking_of(predictor) && !predictor->shape.has_query) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s ranks the rows of queries, and it does not know which column tells them: it was imported "
                         "without one (query)",
                         predictor->path);
    }
    eval_walk self = {.predictor = predictor, .also = also};
    const models__consumer consumer = {.stage = "evaluating", .consume = eval_consume, .user = &self};
    peal_status status = models__predictor_walk(predictor, options, splits, true, &consumer, result, err);
    if (status == PEAL_OK && self.rows == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s: there is not one row to compare with", options->sources[0]);
    }
    if (status == PEAL_OK) status = check_labels(&self, options, err);
    if (status == PEAL_OK) {
        status = peal_metrics_compute((const double *)(const void *)self.scores.data, peal_predictor_scores(predictor),
                                      (const double *)(const void *)self.labels.data, NULL, self.rows,
                                      predictor->shape.classes, predictor->shape.label_deviation, metrics, err);
    }
    if (status == PEAL_OK) status = rank_queries(&self, metrics, err);
    peal_query_reading_clear(&self.queries);
    peal_buffer_clear(&self.scores);
    peal_buffer_clear(&self.labels);
    return status;
}

peal_status peal_eval(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                      peal_metrics *metrics, peal_predict_result *result, peal_error *err) {
    return models__predictor_eval(predictor, options, splits, NULL, metrics, result, err);
}
