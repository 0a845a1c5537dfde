/* The table of formats, import and export; see interchange.h. */
#include "models/interchange/interchange.h"

#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/spec.h"
#include "models/interchange/read.h"
#include "models/interchange/reader.h"
#include "models/predict/model_file.h"

static const interchange__format *const formats[] = {&interchange__lightgbm, &interchange__xgboost,
                                                     &interchange__xgboost_ubj};
enum { FORMATS = sizeof formats / sizeof *formats };

bool peal_interchange_format(size_t index, const char **name, const char **documentation) {
    if (index >= FORMATS) return false;
    *name = formats[index]->name;
    *documentation = formats[index]->documentation;
    return true;
}

/* ---- import ---- */

static peal_status find_format(const uint8_t *bytes, size_t size, const interchange__format **out, peal_error *err) {
    for (size_t i = 0; i < FORMATS; i++) {
        if (!formats[i]->recognise(bytes, size)) continue;
        *out = formats[i];
        if (formats[i]->read) return PEAL_OK;
        return peal_fail(err, PEAL_E_DATA, "the file is %s: %s", formats[i]->documentation, formats[i]->advice);
    }
    return peal_fail(err, PEAL_E_DATA,
                     "the file is neither LightGBM's text model (which begins with 'tree') nor XGBoost's JSON model");
}

static peal_status read_with(const interchange__format *format, const uint8_t *bytes, size_t size,
                             const peal_import_options *options, interchange__built *out, peal_import_result *result,
                             peal_error *err) {
    interchange__foreign foreign = {.file_bytes = size};
    peal_status status = format->read(bytes, size, &foreign, err);
    if (status == PEAL_OK) status = interchange__build(&foreign, options->label, options->query, out, err);
    if (status == PEAL_OK) {
        *result = (peal_import_result){.columns = foreign.feature_count,
                                       .used = out->columns_used,
                                       .classes = foreign.classes,
                                       .best = foreign.best};
        interchange__trees(&foreign, &result->trees);
        result->rounds = result->trees / foreign.outputs;
        memcpy(result->format, foreign.format, sizeof result->format);
        memcpy(result->objective, foreign.objective, sizeof result->objective);
    }
    interchange__foreign_clear(&foreign);
    return status;
}

peal_status interchange__read(const uint8_t *bytes, size_t size, const peal_import_options *options,
                              interchange__built *out, peal_import_result *result, peal_error *err) {
    const interchange__format *format = NULL;
    *out = (interchange__built){0};
    PEAL_TRY(find_format(bytes, size, &format, err));
    return read_with(format, bytes, size, options, out, result, err);
}

static peal_status write_model(const interchange__built *built, const char *path, peal_error *err) {
    peal_model_content content = {.spec = built->spec, .pipeline = built->pipeline, .job = built->job};
    content.tensors = built->learner->model_tensors(built->model, &content.count);
    PEAL_TRY(peal_model_file_check(&content, built->fitted, err));
    peal_atomic_file *file;
    PEAL_TRY(peal_atomic_file_open(path, &file, err));
    const peal_status status = peal_model_file_put(file, &content, err);
    if (status == PEAL_OK) return peal_atomic_file_commit(file, err);
    peal_atomic_file_abort(file);
    return status;
}

peal_status peal_import(const peal_import_options *options, peal_import_result *result, peal_error *err) {
    peal_buffer bytes = {0};
    interchange__built built = {0};
    peal_status status = peal_file_read(options->path, &bytes, err);
    if (status == PEAL_OK) {
        status = interchange__read(bytes.data, bytes.size, options, &built, result, err);
        if (status != PEAL_OK) peal_error_context(err, "%s", options->path);
    }
    peal_buffer_clear(&bytes);
    if (status == PEAL_OK) status = write_model(&built, options->out, err);
    interchange__built_clear(&built);
    return status;
}

/* ---- export ---- */

static peal_status find_writer(const char *name, const interchange__format **out, peal_error *err) {
    const char *names[FORMATS];
    const interchange__format *writers[FORMATS];
    size_t count = 0, chosen;
    for (size_t i = 0; i < FORMATS; i++) {
        if (!formats[i]->write) continue;
        writers[count] = formats[i];
        names[count++] = formats[i]->name;
    }
    PEAL_TRY(peal_spec_choose("format of models", name, names, count, &chosen, err));
    *out = writers[chosen];
    return PEAL_OK;
}

peal_status peal_export(const peal_export_options *options, peal_error *err) {
    const interchange__format *format = NULL;
    peal_predictor *predictor;
    peal_buffer text = {0};
    PEAL_TRY(find_writer(options->format, &format, err));
    PEAL_TRY(peal_predictor_open(options->model, &predictor, err));
    peal_status status = format->write(predictor, options->reporter, &text, err);
    peal_predictor_free(predictor);
    if (status != PEAL_OK) peal_error_context(err, "%s", options->model);
    if (status == PEAL_OK) status = peal_file_write_atomic(options->out, text.data, text.size, err);
    peal_buffer_clear(&text);
    return status;
}
