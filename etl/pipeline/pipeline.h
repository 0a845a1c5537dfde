/* The pipeline: raw columns in, features and label out. It is planned from a sample, fitted in one pass over the data,
 * saved in the dataset and in the model, and applied by one piece of code wherever rows come from. */
#ifndef PEAL_ETL_PIPELINE_H
#define PEAL_ETL_PIPELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/status.h"
#include "etl/format/format.h"
#include "etl/table/table.h"
#include "etl/transform/split.h"
#include "etl/transform/transform.h"

typedef enum peal_column_role {
    PEAL_ROLE_DROPPED,
    PEAL_ROLE_FEATURE, /* part of the feature block */
    PEAL_ROLE_INDEX,   /* a column of codes of its own */
    PEAL_ROLE_LABEL
} peal_column_role;

typedef struct peal_pipeline_step {
    const peal_transform *transform;
    void *state;
} peal_pipeline_step;

typedef struct peal_pipeline_column {
    peal_column_role role;
    peal_pipeline_step *steps;
    size_t step_count;
    uint32_t offset, width; /* of a feature: where in the block */
} peal_pipeline_column;

typedef struct peal_pipeline {
    const peal_format *format;
    peal_format_options options; /* as found from the sample; `format` is not set */
    peal_raw_schema schema;
    peal_pipeline_column *columns; /* [schema.count] */
    size_t label;                  /* index, or SIZE_MAX */
    bool has_split;
    peal_split split;
    uint32_t feature_width;
    bool byte_features; /* the feature block is one column of bytes, as it came */
} peal_pipeline;

/* What the user asked for. */
typedef enum peal_task_kind { PEAL_TASK_AUTO, PEAL_TASK_CLASSIFY, PEAL_TASK_REGRESS } peal_task_kind;

typedef struct peal_plan_options {
    const char *label; /* column name, or NULL */
    peal_task_kind task;
    const json_t *transforms; /* array of {"transform": name, "columns": name or [names], options...}, or NULL */
    const json_t *types;      /* object: column -> "number" or "text", or NULL */
    const char *const *drop;  /* columns to leave out */
    size_t drop_count;
} peal_plan_options;

/* PEAL_E_USAGE if a wish can be no right one, whatever the columns: transforms and types that there are not, options
 * that they do not take. */
peal_status peal_pipeline_check_plan(const peal_plan_options *plan, peal_error *err);

/* Plans from the beginning of the first input. Takes `options->nulls` over. What it chose by itself is reported. */
peal_status peal_pipeline_plan(const char *path, const char *sample, size_t sample_size, bool whole,
                               const peal_format *format, const peal_format_options *options,
                               const peal_plan_options *plan, const peal_reporter *reporter, peal_pipeline **out,
                               peal_error *err);
void peal_pipeline_free(peal_pipeline *pipeline);

/* How many of the most frequent texts the summary of a column of texts must hold, and how often each must have been
 * seen. */
size_t peal_pipeline_wanted_texts(const peal_pipeline *pipeline, size_t column, uint64_t *least_count);
/* Fits the steps of one column; `summary` is used up. Its texts are those that peal_pipeline_text makes. Columns are
 * independent: different ones may be fitted by different threads. When all are fitted, peal_pipeline_fitted lays the
 * features out. */
peal_status peal_pipeline_fit(peal_pipeline *pipeline, size_t column, peal_summary *summary, peal_error *err);
peal_status peal_pipeline_fitted(peal_pipeline *pipeline, peal_error *err);

/* NULL if there is no memory. */
json_t *peal_pipeline_save(const peal_pipeline *pipeline);
/* Loads a fitted pipeline and checks it as a whole (peal_pipeline_check). PEAL_E_DATA says what is wrong. */
peal_status peal_pipeline_load(const json_t *saved, peal_pipeline **out, peal_error *err);
/* PEAL_E_DATA if the pipeline, loaded from `saved`, makes no sense: steps that do not compose, vocabularies that hold a
 * text twice, codes or numbers out of bounds, anything missing, added or of another type. */
peal_status peal_pipeline_check(const peal_pipeline *pipeline, const json_t *saved, peal_error *err);

/* True if two saved pipelines make the same columns of the same raw ones. How their files are written (delimiter...)
 * and how rows are split makes no difference. */
bool peal_pipeline_same(const json_t *a, const json_t *b);

/* Whether one of the column's steps is this transform. */
bool peal_pipeline_column_has(const peal_pipeline_column *column, const peal_transform *transform);
/* A one-line description of what is done to a column: "impute(mean) standardize". Freed by the caller. */
char *peal_pipeline_describe(const peal_pipeline *pipeline, size_t column);

/* The label's vocabulary: classes, 0 if the label is a number or there is none. */
uint32_t peal_pipeline_classes(const peal_pipeline *pipeline);
peal_text peal_pipeline_class_name(const peal_pipeline *pipeline, uint32_t code);

/* What the pipeline's output looks like to a model. */
typedef struct peal_shape {
    uint32_t features; /* width of the feature block, 0 if there is none */
    bool bytes;        /* the block holds uint8, else float32 */
    uint32_t code_columns;
    uint32_t *vocabularies; /* [code_columns] distinct codes of each */
    bool has_label;
    uint32_t classes;                   /* of the label; 0: it is a number */
    double label_mean, label_deviation; /* of a number */
} peal_shape;
/* `out->vocabularies` is freed by the caller. */
peal_status peal_pipeline_shape(const peal_pipeline *pipeline, peal_shape *out, peal_error *err);
/* PEAL_E_DATA if `table` does not have the columns of this pipeline's output, with their types, widths and
 * vocabularies; `name` is for the message. To be called wherever rows from elsewhere meet a pipeline. */
peal_status peal_pipeline_check_table(const peal_pipeline *pipeline, const peal_table *table, const char *name,
                                      peal_error *err);

/* The name of feature `index` ("age", "job=Sales"), in `text`. */
void peal_pipeline_feature_name(const peal_pipeline *pipeline, uint32_t index, char *text, size_t size);

/* ---- applying ---- */

/* Raw columns, wherever they come from (a parsed block, a spill). Arrays are indexed like the schema. */
typedef struct peal_raw_batch {
    size_t rows;
    const double *const *numbers;
    const int32_t *const *codes;
    const peal_dictionary *dictionaries; /* [fields] what the codes mean */
    const uint8_t *const *bytes;
    const int32_t *const *maps; /* [fields] what each code becomes; NULL: made from the dictionaries */
} peal_raw_batch;

/* A text of column `index` as it comes to the encoder, perhaps in `scratch`: data is NULL if it spells a missing value.
 */
peal_status peal_pipeline_text(const peal_pipeline *pipeline, size_t index, peal_text text, peal_buffer *scratch,
                               peal_text *out, peal_error *err);
/* The code of such a text, or -1. */
int32_t peal_pipeline_code(const peal_pipeline *pipeline, size_t index, peal_text text);

/* Per thread: scratch memory, and what the texts of the present dictionaries become. */
typedef struct peal_applier peal_applier;
peal_status peal_applier_new(const peal_pipeline *pipeline, peal_applier **out, peal_error *err);
void peal_applier_free(peal_applier *applier);

/* Applies the pipeline to the rows `selection` [count] of `raw` (NULL: rows 0 .. count-1). `out` has the columns of
 * peal_applier_schema, its memory belongs to the applier and lasts until the next call. A label that is missing or not
 * known has code -1 (number: NaN). */
peal_status peal_pipeline_apply(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection,
                                size_t count, peal_table *out, peal_error *err);

/* The columns of the output: `features`, one for each index, the label; with names, types and dictionaries but no rows.
 * They live as long as the applier. */
const peal_table *peal_applier_schema(const peal_applier *applier);

#endif
