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
    PEAL_ROLE_SPARSE,  /* indices or values of sparse features, or texts that become such */
    PEAL_ROLE_KEPT,    /* texts that no model sees */
    PEAL_ROLE_QUERY,   /* texts: rows of the same one are ranked among each other */
    PEAL_ROLE_WEIGHT,  /* what the rows count in training */
    PEAL_ROLE_OFFSET,  /* what is added to their scores */
    PEAL_ROLE_LABEL
} peal_column_role;

/* "feature", "index": as pipelines are saved. */
const char *peal_column_role_name(peal_column_role role);

typedef struct peal_pipeline_step {
    const peal_transform *transform;
    void *state;
} peal_pipeline_step;

typedef struct peal_pipeline_column {
    peal_column_role role;
    uint32_t run; /* columns of its entry, if it was loaded with others, steps and states in `runs`; else 0 */
    peal_pipeline_step *steps;
    size_t step_count;
    peal_image_recipe *recipe; /* of a column of images: its steps for who reads them; NULL: none */
    uint32_t offset, width;    /* of a feature: where in the block; of sparse ones: from which index on */
} peal_pipeline_column;

typedef struct peal_pipeline {
    peal_nulls nulls;
    peal_schema schema;                  /* the raw columns: names and types, and no format */
    peal_pipeline_column *columns;       /* [schema.count] */
    peal_arena *runs;                    /* steps and states of columns that were loaded as one entry; NULL: none */
    size_t label, query, weight, offset; /* indices, or SIZE_MAX */
    bool has_split;
    peal_split split;
    uint32_t feature_width;
    bool byte_features;     /* the feature block is one column of bytes, as it came */
    size_t indices, values; /* raw columns of sparse features, SIZE_MAX: there are none */
    uint32_t sparse_width;  /* fitted: all sparse features; 0: there are none */
} peal_pipeline;

/* What the user asked for. */
typedef enum peal_task_kind { PEAL_TASK_AUTO, PEAL_TASK_CLASSIFY, PEAL_TASK_REGRESS } peal_task_kind;

typedef struct peal_plan_options {
    const char *label; /* column name, or NULL */
    peal_task_kind task;
    bool prefers_number;      /* a label of whole numbers is a number, though they are few: what will learn it learns
                                 nothing else */
    const json_t *transforms; /* array of {"transform": name, "columns": name or [names], options...}, or NULL */
    const json_t *types;      /* object: column -> "number", "text" or "bool", or NULL */
    const char *const *drop;  /* columns to leave out */
    size_t drop_count;
} peal_plan_options;

/* PEAL_E_USAGE if a wish can be no right one, whatever the columns: transforms and types that there are not, options
 * that they do not take. */
peal_status peal_pipeline_check_plan(const peal_plan_options *plan, peal_error *err);

/* What is to be read: the columns that a survey found, with the types that the user gave or that the sample speaks for;
 * those are not settled. *label is its index, or SIZE_MAX. `name` is of the input, for messages. `found` stays. */
peal_status peal_plan_schema(const peal_found *found, const char *name, const peal_plan_options *plan, peal_schema *out,
                             size_t *label, peal_error *err);

/* Plans the steps of all columns, whose types stand in `schema`. `is_early`: the types are not known for sure yet; what
 * does not fit a column that is not decided is passed over, for it will be planned again. */
peal_status peal_pipeline_plan(const peal_schema *schema, size_t label, const peal_nulls *nulls,
                               const peal_plan_options *plan, bool is_early, peal_pipeline **out, peal_error *err);
/* Makes the recipe of each column that has steps for images, and the width of the column of it; in images.c.
 * PEAL_E_USAGE if its images would not have one size. */
peal_status peal_pipeline_make_recipes(peal_pipeline *pipeline, peal_error *err);
/* Steps of images that become no rows, and their recipe: what comes out may have any size. PEAL_E_USAGE if one is for
 * anything else than images. */
typedef struct peal_image_steps {
    peal_pipeline_step *steps;
    size_t count;
    peal_image_recipe recipe;
} peal_image_steps;
peal_status peal_image_steps_make(const json_t *transforms, peal_image_steps *out, peal_error *err);
void peal_image_steps_clear(peal_image_steps *steps);
/* Has two numbers, which may be the same, count for missing in a column whose first step is `impute`, and mark it.
 * Before it is fitted. */
peal_status peal_pipeline_add_missing(peal_pipeline *pipeline, size_t column, double value, double other,
                                      peal_error *err);
/* Leaves a column out that was not named by the user. */
void peal_pipeline_drop(peal_pipeline *pipeline, size_t column);
/* True if the plan names a transform for this column, or leaves it out. */
bool peal_plan_names(const peal_plan_options *plan, const char *column);
/* Tells what is done to the columns, in few lines whatever their number. */
void peal_pipeline_report(const peal_pipeline *pipeline, const peal_reporter *reporter);
/* "column x", or "20,000 columns (c1 ... c20000)", for messages. */
enum { PEAL_COLUMNS_TEXT = 96 };
const char *peal_pipeline_columns_text(const peal_pipeline *pipeline, size_t first, size_t last, size_t count,
                                       char text[PEAL_COLUMNS_TEXT]);
void peal_pipeline_free(peal_pipeline *pipeline);

/* How many of the most frequent texts the summary of a column of texts must hold, and how often each must have been
 * seen; SIZE_MAX if its encoder learns nothing. */
size_t peal_pipeline_wanted_texts(const peal_pipeline *pipeline, size_t column, uint64_t *least_count);
/* Fits the steps of one column from *next on; `summary` is that of their input and used up. Its texts are those that
 * peal_pipeline_text makes. Afterwards *next is the step that needs a summary of its own, of what the steps before it
 * give (a further level); if there is none, the number of steps. Columns are independent: different ones may be fitted
 * by different threads. When all are fitted, peal_pipeline_fitted lays the features out. */
peal_status peal_pipeline_fit(peal_pipeline *pipeline, size_t column, peal_summary *summary, size_t *next,
                              peal_error *err);
/* Whether step `step` of the column is fitted on a histogram. */
bool peal_pipeline_wants_histogram(const peal_pipeline *pipeline, size_t column, size_t step);
peal_status peal_pipeline_fitted(peal_pipeline *pipeline, peal_error *err);

/* NULL if there is no memory. */
json_t *peal_pipeline_save(const peal_pipeline *pipeline);
/* How many columns from `first` on are saved as one entry, since they differ in their names and numbers only. */
size_t peal_pipeline_run(const peal_pipeline *pipeline, size_t first);
/* The entry of a run; with the lists of `like`, from which it was loaded, in the place of equal ones, unless that is
 * NULL. And what that says of all that is no column. NULL if there is no memory. */
json_t *peal_pipeline_save_run(const peal_pipeline *pipeline, size_t first, size_t count, const json_t *like);
json_t *peal_pipeline_save_rest(const peal_pipeline *pipeline);
/* Appends the same as text, with a NUL behind. It is made an entry at a time: of many columns a whole document would
 * take more memory and time than all else. */
peal_status peal_pipeline_write(const peal_pipeline *pipeline, peal_buffer *out, peal_error *err);
/* The same of one that was saved: reading the text gives `saved` again. */
peal_status peal_pipeline_write_saved(const json_t *saved, peal_buffer *out, peal_error *err);
/* Loads a fitted pipeline and checks it as a whole (peal_pipeline_check). PEAL_E_DATA says what is wrong. */
peal_status peal_pipeline_load(const json_t *saved, peal_pipeline **out, peal_error *err);
/* Where the lists of a document are kept that has something else in their place, asked for in the order of the
 * document, all names first. What they point to is not needed behind the loading. */
typedef struct peal_kept_lists {
    /* The texts that `list` stands for, each with a NUL behind it: *size bytes of UTF-8, at least one. */
    peal_status (*names)(void *user, const json_t *list, const char **out, size_t *size, peal_error *err);
    /* The `count` numbers that `list` stands for, finite and perhaps unaligned. */
    peal_status (*numbers)(void *user, const json_t *list, size_t count, const void **out, peal_error *err);
    void *user;
} peal_kept_lists;
peal_status peal_pipeline_load_with(const json_t *saved, const peal_kept_lists *lists, peal_pipeline **out,
                                    peal_error *err);
/* PEAL_E_DATA if the pipeline, loaded from `saved`, makes no sense: steps that do not compose, vocabularies that hold a
 * text twice, codes or numbers out of bounds, anything missing, added or of another type. */
peal_status peal_pipeline_check(const peal_pipeline *pipeline, const json_t *saved, peal_error *err);

/* True if two saved pipelines make the same columns of the same raw ones. How rows are split
 * makes no difference. */
bool peal_pipeline_same(const json_t *a, const json_t *b);

/* True if the column's values are numbers behind its steps: they came as numbers, or a step reads them. */
bool peal_pipeline_is_number(const peal_pipeline *pipeline, size_t column);
/* The numbers that the column can hold as they come; NULL: all, or its steps may change what they are. */
const peal_bound *peal_pipeline_bound(const peal_pipeline_column *column);
/* The step that reads the column's texts as numbers, or NULL. */
const peal_pipeline_step *peal_pipeline_reader(const peal_pipeline_column *column);
/* Whether one of the column's steps is this transform. */
bool peal_pipeline_column_has(const peal_pipeline_column *column, const peal_transform *transform);
/* The step behind which a second feature of the column tells where its number was missing: 1, else 0; or NULL. Its
 * place is that behind the number. */
const peal_pipeline_step *peal_pipeline_marker(const peal_pipeline_column *column);
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
    uint32_t sparse;        /* width of the sparse features, 0 if there are none */
    bool has_label, has_offset, has_query, has_weight;
    uint32_t classes;                   /* of the label; 0: it is a number */
    double label_mean, label_deviation; /* of a number */
} peal_shape;
/* `out->vocabularies` is freed by the caller. */
peal_status peal_pipeline_shape(const peal_pipeline *pipeline, peal_shape *out, peal_error *err);
/* PEAL_E_DATA if `table` does not have the columns of this pipeline's output, with their types, widths and
 * vocabularies, or holds codes that its pipeline has not; `name` is for the message. To be called wherever rows from
 * elsewhere meet a pipeline. */
peal_status peal_pipeline_check_table(const peal_pipeline *pipeline, const peal_table *table, const char *name,
                                      peal_error *err);

/* PEAL_E_DATA if `table`, which has passed peal_pipeline_check_table, holds a code in a column without a dictionary
 * that is none of its encoder's, or an index of sparse features that are not there. */
peal_status peal_pipeline_check_codes(const peal_pipeline *pipeline, const peal_table *table, const char *name,
                                      peal_error *err);

/* The name of feature `index` ("age", "job=Sales"), in `text`. */
void peal_pipeline_feature_name(const peal_pipeline *pipeline, uint32_t index, char *text, size_t size);

/* ---- applying ---- */

/* What the codes of one raw column become: other codes, numbers where the texts are numbers, or several features. */
typedef struct peal_code_map {
    const int32_t *codes;
    const double *numbers;
    const float *spread; /* [codes][width of the column] */
} peal_code_map;

/* Raw rows, wherever they come from (a parsed block, a spill). Columns and maps are indexed like the schema. */
typedef struct peal_raw_batch {
    const peal_column *columns;
    const peal_code_map *maps; /* NULL: made from the columns' dictionaries */
} peal_raw_batch;

/* What the steps of a column of numbers make of a raw value (NaN: missing): the number that its encoder is given, and
 * the feature that it becomes where there is none. */
double peal_pipeline_raw_number(const peal_pipeline_column *column, double value);
float peal_pipeline_feature(const peal_pipeline_column *column, double value);

/* A text of column `index` as it comes to the encoder, or to what reads it as a number, perhaps in `scratch`: data is
 * NULL if it spells a missing value.
 */
peal_status peal_pipeline_text(const peal_pipeline *pipeline, size_t index, peal_text text, peal_buffer *scratch,
                               peal_text *out, peal_error *err);
/* The number that such a text is in a column whose texts become numbers (NaN: missing), and what the text is. */
peal_cell peal_pipeline_number(const peal_pipeline *pipeline, size_t index, peal_text text, double *out);
/* The encoder of a column whose texts become several features (peal_transform.spread), or NULL. */
const peal_pipeline_step *peal_pipeline_spreader(const peal_pipeline *pipeline, size_t index);
/* The code of such a text, or -1. */
int32_t peal_pipeline_code(const peal_pipeline *pipeline, size_t index, peal_text text);

/* The numbers of `count` rows of a raw column, from row `first` on, as they come to step `step`; the steps before it
 * are fitted. `map` is that of a column of texts, else NULL. */
void peal_pipeline_numbers(const peal_pipeline *pipeline, size_t column, size_t step, const peal_column *raw,
                           const peal_code_map *map, size_t first, size_t count, double *out);

/* The feature that a missing number of the column becomes, where it shows; else NaN. Whether the column has been filled
 * in so that it does not. See peal_impute_left. */
float peal_pipeline_filled(const peal_pipeline *pipeline, size_t column);
bool peal_pipeline_hides_missing(const peal_pipeline *pipeline, size_t column);

/* Per thread: scratch memory, and what the texts of the present dictionaries become. */
typedef struct peal_applier peal_applier;
/* What the rows are for: a prediction needs no label, queries, weights and columns that are kept, an evaluation no
 * weights and columns that are kept. What is not needed is not in the output, but for a label that is missing in all
 * rows, and the raw columns need not be there. */
typedef enum peal_apply_for { PEAL_APPLY_PREDICT, PEAL_APPLY_EVAL, PEAL_APPLY_ALL } peal_apply_for;
bool peal_apply_needs(peal_apply_for purpose, peal_column_role role);
peal_status peal_applier_new(const peal_pipeline *pipeline, peal_apply_for purpose, peal_applier **out,
                             peal_error *err);
void peal_applier_free(peal_applier *applier);

/* Applies the pipeline to the rows `selection` [count] of `raw` (NULL: rows 0 .. count-1). `out` has the columns of
 * peal_applier_schema, its memory belongs to the applier and lasts until the next call. A label that is missing or not
 * known has code -1 (number: NaN). */
peal_status peal_pipeline_apply(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection,
                                size_t count, peal_table *out, peal_error *err);

/* Says of the next call, without maps, that its dictionaries are those of the call before, to which texts may have been
 * added: only these are looked up. */
void peal_applier_keep_texts(peal_applier *applier);

/* True if the pipeline has no code (or number) for this code of raw column `index`, as its dictionary was in the last
 * call without maps. */
bool peal_applier_is_unknown(const peal_applier *applier, size_t index, uint32_t code);

/* The columns of the output: `features`, one for each index, `indices` and `values`, the label, the
 * offset, the query, the weight, those that are kept;
 * with names, types and dictionaries but no rows. They live as long as the applier. */
const peal_table *peal_applier_schema(const peal_applier *applier);

#endif
