/* What the targets of other programs' models share: what is read is a model that can be saved, opened again as that of
 * any training, asked for a row in which all is missing, and exported. */
#ifndef PEAL_TESTS_FUZZ_INTERCHANGE_H
#define PEAL_TESTS_FUZZ_INTERCHANGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "models/interchange/read.h"
#include "models/predict/model_file.h"
#include "models/predict/predictor.h"
#include "tests/fuzz/fuzz.h"

static inline void interchange_must(peal_status status, const peal_error *err) {
    if (status == PEAL_OK) return;
    fprintf(stderr, "%s\n", err->message);
    abort();
}

static inline void interchange_ask(const char *path, size_t columns, const char *exported) {
    peal_predictor *predictor;
    peal_error err;
    size_t rows;
    interchange_must(peal_predictor_open(path, &predictor, &err), &err);
    char *row = malloc(columns + 2);
    double *scores = calloc(peal_predictor_scores(predictor), sizeof *scores);
    if (!row || !scores) abort();
    memset(row, ',', columns);
    memcpy(row + columns, "\n", 2);
    interchange_must(peal_predictor_text(predictor, row, columns + 1, scores, 1, &rows, &err), &err);
    free(row);
    free(scores);
    peal_predictor_free(predictor);
    peal_export(&(peal_export_options){.model = path, .format = "lightgbm", .out = exported}, NULL);
}

static inline void interchange_fuzz(const uint8_t *data, size_t size) {
    char path[256], exported[300];
    const char *folder = getenv("TEST_TMPDIR");
    interchange__built built;
    peal_import_result result;
    peal_error err;
    snprintf(path, sizeof path, "%.200s/interchange-%d.safetensors", folder ? folder : "/tmp", (int)getpid());
    snprintf(exported, sizeof exported, "%s.txt", path);
    if (interchange__read(data, size, &(peal_import_options){0}, &built, &result, &err) == PEAL_OK) {
        peal_model_content content = {.spec = built.spec, .pipeline = built.pipeline, .job = built.job};
        peal_atomic_file *file;
        content.tensors = built.learner->model_tensors(built.model, &content.count);
        interchange_must(peal_atomic_file_open(path, &file, &err), &err);
        interchange_must(peal_model_file_put(file, &content, &err), &err);
        interchange_must(peal_atomic_file_commit(file, &err), &err);
        interchange_ask(path, result.columns, exported);
        unlink(path);
        unlink(exported);
    }
    interchange__built_clear(&built);
}

#endif
