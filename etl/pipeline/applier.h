/* The memory in which a pipeline is applied, and what the parts of applying share; internal to this folder.
 *
 * applier.c makes it and maps texts; apply.c makes features, codes and labels of a batch, apply_texts.c what comes of
 * texts row by row: sparse features, and columns that are kept. */
#ifndef PEAL_ETL_PIPELINE_APPLIER_H
#define PEAL_ETL_PIPELINE_APPLIER_H

#include "etl/pipeline/pipeline.h"

/* The memory of the map of one raw column that has texts. */
typedef struct applier__map {
    size_t raw;      /* the column */
    int32_t *codes;  /* [capacity] or NULL, as the others */
    double *numbers; /* [capacity] */
    float *spread;   /* [capacity][width] */
    size_t capacity; /* texts of the dictionary */
    uint32_t known;  /* texts, the first ones of the dictionary, whose maps stand from the call before */
} applier__map;

struct peal_applier {
    const peal_pipeline *pipeline;
    peal_code_map *maps; /* [raw columns] what the texts of the present dictionaries become */
    applier__map *own;   /* [own_count] */
    bool no_label;       /* the label is missing in the output, whatever the raw one is */
    bool keeps_texts;    /* the next dictionaries are the present ones, grown */
    size_t own_count;
    peal_buffer scratch;
    peal_table schema;
    peal_column items;           /* of the feature block, in the schema */
    peal_column row_items;       /* the same with rows */
    peal_column sparse_items[2]; /* of indices and values, with rows */
    peal_buffer sparse_offsets, sparse_indices, sparse_values;
    size_t *text_columns; /* [text_column_count] raw columns whose texts become sparse features */
    size_t text_column_count;
    peal_bag bag;
    size_t sparse_at;                       /* of the indices among the schema's columns; SIZE_MAX: there are none */
    peal_buffer *kept_offsets, *kept_bytes; /* [schema columns] */
    peal_dictionary *dictionaries;          /* [schema columns] of the output */
    uint8_t **values;                       /* [schema columns] */
    uint8_t **validity;                     /* [schema columns] */
    peal_column *columns;                   /* the output's, with rows */
    size_t row_capacity;
    size_t *raw_of; /* [schema columns] index of the raw column; SIZE_MAX: there are several */
};

/* Room for the output's columns of a batch. */
peal_status applier__reserve_rows(peal_applier *applier, size_t rows, peal_error *err);
/* What the texts of these columns' dictionaries become. */
peal_status applier__make_maps(peal_applier *applier, const peal_column *columns, peal_error *err);
/* True of columns of codes, with a dictionary or without. */
bool applier__holds_codes(const peal_column *column);
/* True of columns of texts, a text a row. */
static inline bool applier__is_kept(const peal_column *column) {
    return column->type == PEAL_TYPE_UTF8;
}
/* True of raw columns whose texts become codes. */
bool applier__has_codes(const peal_pipeline *pipeline, size_t index);

/* The row of the raw batch that row `row` of the output is. */
static inline size_t applier__row_at(const uint32_t *selection, size_t row) {
    return selection ? selection[row] : row;
}

/* The sparse features of `count` rows, and output column `at` of texts: queries, or what is kept. */
peal_status applier__sparse(peal_applier *applier, const peal_raw_batch *raw, const uint32_t *selection, size_t count,
                            peal_error *err);
peal_status applier__kept(peal_applier *applier, size_t at, const peal_raw_batch *raw, const uint32_t *selection,
                          size_t count, peal_error *err);

#endif
