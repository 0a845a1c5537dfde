/* Which input columns the features of a model come from, and what a feature's values mean in the input. Private to this
 * folder. Features are as in bins.h. */
#ifndef PEAL_MODELS_COLUMNS_H
#define PEAL_MODELS_COLUMNS_H

#include "models/learner/bins.h"

/* The columns that features come from, in the order of the schema. */
typedef struct models__columns {
    size_t count, features, dense;
    uint32_t *places; /* [count] in the schema */
    uint32_t *of;     /* [features] the number of the feature's column */
    uint32_t numbers; /* features that are no codes */
    uint32_t *sparse; /* [count] of a column of sparse features: those that come before its own; else UINT32_MAX */
} models__columns;

/* Of the dense features; there is room for `sparse_most` sparse ones. */
peal_status models__columns_init(models__columns *columns, const peal_pipeline *pipeline, const models__bins *bins,
                                 size_t sparse_most, peal_error *err);
/* And of the sparse ones that the bins have. */
void models__columns_finish(models__columns *columns, const models__bins *bins);
void models__columns_clear(models__columns *columns);

/* The name of an input column. */
static inline const char *models__column_name(const models__columns *columns, const peal_pipeline *pipeline,
                                              size_t number) {
    return pipeline->schema.fields[columns->places[number]].name;
}

/* True if feature `f` is its column's number, as it came or by steps that keep the order: then values of the input are
 * compared in its place. */
bool models__column_is_ordered(const models__columns *columns, const peal_pipeline *pipeline, size_t f);
/* The largest number of such a column that becomes a feature of at most `most` (of codes of buckets: such a code).
 * -INFINITY: none does. INFINITY: all do. */
double models__column_bound(const models__columns *columns, const peal_pipeline *pipeline, size_t f, double most);

#endif
