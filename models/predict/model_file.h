/* The model file: a safetensors file of the parameters, whose metadata holds spec, fitted pipeline and job. Nothing in
 * it changes from run to run of the same job.
 *
 * Of a pipeline with many columns that are treated alike, the lists stand as tensors beside the parameters, where the
 * document has {"tensor": "pipeline.0"} in their place: as text they would take more time than all else of a
 * prediction. Numbers are "pipeline.0", "pipeline.1"... of float64 in front of the parameters, names "names.0"... of
 * bytes behind them, each name with a NUL behind it; both in the order in which the document has them. So tensors of
 * larger items come first, and all are aligned. */
#ifndef PEAL_MODELS_MODEL_FILE_H
#define PEAL_MODELS_MODEL_FILE_H

#include <jansson.h>

#include "core/base/file.h"
#include "core/base/status.h"
#include "etl/pipeline/pipeline.h"
#include "models/predict/safetensors.h"

/* What the metadata says it is. */
#define PEAL_MODEL_KIND "peal model"

/* What goes into the file of a model. */
typedef struct peal_model_content {
    const char *spec;
    const json_t *pipeline, *job; /* `job` names the learner, too */
    const peal_tensor *tensors;   /* [count] the model's own */
    size_t count;
} peal_model_content;

/* Writes into a file that the caller has begun and commits. */
peal_status peal_model_file_put(peal_atomic_file *file, const peal_model_content *content, peal_error *err);

/* Loads the pipeline of a model from its document and the tensors of `file`; the model's own are the *count ones behind
 * number *first. */
peal_status peal_model_file_pipeline(const json_t *document, const peal_safetensors *file, peal_pipeline **out,
                                     size_t *first, size_t *count, peal_error *err);

/* PEAL_E_USAGE if the file of such a model could not be read, for the vocabularies of `fitted` are too large; the
 * message says which and what to do. To be asked before the training. `fitted` is what content->pipeline describes. */
peal_status peal_model_file_check(const peal_model_content *content, const peal_pipeline *fitted, peal_error *err);

#endif
