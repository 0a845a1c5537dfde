/* A trained model, ready to predict: what `peal predict`, `peal eval` and embedders use.
 *
 * The model file holds the fitted pipeline, the model's spec, who learnt it and its tensors, so raw rows go in and
 * predictions come out through the code that trained it. A row's prediction has the same bits whatever stands beside
 * it. A predictor is used by one thread at a time; open one per thread. */
#ifndef PEAL_MODELS_PREDICTOR_H
#define PEAL_MODELS_PREDICTOR_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/status.h"
#include "etl/dataset/dataset.h"
#include "etl/job/ingest.h"
#include "models/net/model.h"
#include "models/predict/metrics.h"

typedef struct peal_predictor peal_predictor;

/* Reads a model file. PEAL_E_DATA if it is damaged or no model. */
peal_status peal_predictor_open(const char *path, peal_predictor **out, peal_error *err);
/* The same for a model file's bytes, which need not last; `name` is for messages. */
peal_status peal_predictor_parse(const uint8_t *bytes, size_t size, const char *name, peal_predictor **out,
                                 peal_error *err);
void peal_predictor_free(peal_predictor *predictor);

/* What the model says of itself; all belong to the predictor. */
const peal_pipeline *peal_predictor_pipeline(const peal_predictor *predictor);
const char *peal_predictor_spec(const peal_predictor *predictor);
const json_t *peal_predictor_job(const peal_predictor *predictor);
/* Who learnt it, and the model that it made; for training that goes on from it. */
const peal_learner *models__predictor_learner(const peal_predictor *predictor);
const void *models__predictor_model(const peal_predictor *predictor);
/* Its pipeline as a document of the caller's; NULL if there is no memory. */
json_t *peal_predictor_save_pipeline(const peal_predictor *predictor);
/* Scores a row: one probability a class (two classes: both), or the predicted number; or what is shown instead. */
size_t peal_predictor_scores(const peal_predictor *predictor);

/* ---- looking inside ---- */

/* From now on scores are not predictions but what `view` is called: "raw" (the score before it becomes a probability),
 * "leaves" (the leaf that the row comes to in each tree, from 0 on) or "contributions" (what each column of the input
 * adds to the raw score, and last the score that is expected, class by class: they add up to it). NULL: predictions
 * again. Raw scores of numbers are in the label's unit, of counts logarithms, of classes log-odds. PEAL_E_USAGE if no
 * such model tells this, PEAL_E_DATA if this file does not. peal_eval wants predictions. */
peal_status peal_predictor_show(peal_predictor *predictor, const char *view, peal_error *err);
/* Whether something else than predictions is shown. */
bool peal_predictor_is_view(const peal_predictor *predictor);
/* The name of what is shown as score `index` ("age", "expected"), freed by the caller; NULL if there is no memory. */
char *peal_predictor_title(const peal_predictor *predictor, size_t index);
/* How much the columns served the model, the best first: an array of objects with `name`, `splits` and, if the file has
 * it, `gain` (how much all its splits lessened twice the loss) and `share` (of the gain of all). *out is NULL if the
 * model knows nothing of it. */
peal_status peal_predictor_importance(const peal_predictor *predictor, json_t **out, peal_error *err);
/* Tree `number`, from 1 on: an object with an array `nodes` of inner nodes, the root first, and leaves. PEAL_E_USAGE if
 * there is no such tree. */
peal_status peal_predictor_tree(const peal_predictor *predictor, uint64_t number, json_t **out, peal_error *err);
/* Classes of the label; 0 if it is a number. */
uint32_t peal_predictor_classes(const peal_predictor *predictor);

/* ---- rows ---- */

/* scores [table->rows, peal_predictor_scores] of a table with the columns of the pipeline's output. */
peal_status peal_predictor_table(peal_predictor *predictor, const peal_table *table, double *scores, peal_error *err);

/* Scores of lines of raw CSV text without a header, in the order of the pipeline's columns (the label may be empty):
 * single-row prediction. `scores` has room for `rows` rows; *rows_out says how many there were. */
peal_status peal_predictor_text(peal_predictor *predictor, const char *text, size_t size, double *scores, size_t rows,
                                size_t *rows_out, peal_error *err);

/* ---- jobs ---- */

typedef struct peal_predict_options {
    const char *const *sources;
    size_t source_count;
    const char *format;       /* of the sources: a name, or NULL: found */
    const json_t *reading;    /* options of the format, or NULL */
    const json_t *access;     /* options of the kinds of sources, or NULL */
    peal_following following; /* how sources are read that have no end: rows are handed out as they come */
    const char *const *nulls; /* spellings of a missing value besides the model's */
    size_t null_count;
    peal_bad_rows on_bad_row;
    peal_bad_rows on_bad_source; /* of one that cannot be read: FAIL, or DROP: it is told, and left out from there on */
    size_t threads; /* that read, parse and predict; 0: as many as there are CPUs. Predictions do not depend on it */
    const atomic_int *stop;
    const peal_reporter *reporter;
} peal_predict_options;

typedef struct peal_predict_result {
    uint64_t rows_in, rows_used, rows_dropped; /* in = used + dropped; with a quarantine the dropped ones are there */
    uint64_t sources_left_out;                 /* wholly, or from where they failed on */
    uint64_t unknown;                          /* texts that the model does not know, which count as missing */
    uint64_t doubtful;                         /* texts whose reading may be wrong, as dates of another order */
} peal_predict_result;

/* A run of rows in the order of their source. */
typedef struct peal_predicted {
    const double *scores; /* [rows, peal_predictor_scores] of the good ones */
    size_t rows;
    const peal_bad_row *bad_rows; /* [bad_count] the others, each behind so many good ones (`before`) */
    size_t bad_count;
    const char *source;      /* the name of the input */
    const peal_items *items; /* of an input that is many files: the rows, good and bad, are these */
    size_t first_item;       /* from this one on; NULL: it is one file */
} peal_predicted;

/* Predicts raw rows (or all of a dataset's) and hands them out in order. */
peal_status peal_predict(peal_predictor *predictor, const peal_predict_options *options,
                         peal_status (*emit)(void *user, const peal_predicted *rows, peal_error *err), void *user,
                         peal_predict_result *result, peal_error *err);

/* Predicts and compares with the labels. A source that is a dataset must have been made with the model's pipeline; its
 * test split is used, else its valid split, else all of it; `splits` (bits) names others, 0 for that rule. */
peal_status peal_eval(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                      peal_metrics *metrics, peal_predict_result *result, peal_error *err);

#endif
