/* A net: a model's graph together with how rows get into it. One for training, one for prediction, from the same spec.
 */
#ifndef PEAL_MODELS_NET_H
#define PEAL_MODELS_NET_H

#include "etl/dataset/dataset.h"
#include "etl/pipeline/pipeline.h"
#include "models/net/model.h"

/* What a row counts in training: its own weight times `unit` times its class's, 1 in the mean of all rows. */
typedef struct peal_weighing {
    double unit;
    const double *classes; /* [classes], or NULL: 1 */
} peal_weighing;

typedef struct peal_net {
    peal_graph *graph;
    /* inputs; NULL if there are none */
    peal_node *features, *codes, *sparse, *offsets, *labels, *weights;
    peal_node *output; /* [n, outputs]: logits, or the standardised number */
    size_t outputs;
    size_t rows; /* of a batch, at most */
    peal_shape shape;
    peal_weighing weighing; /* of rows to train on; the caller's */
    int32_t *code_offsets;  /* [code_columns] where each column's codes begin in the table */
} peal_net;

/* A net for batches of up to `rows` rows. PEAL_E_USAGE if the model cannot learn such a label. */
peal_status peal_net_new(const peal_pipeline *pipeline, const peal_model_spec *spec, size_t rows, bool training,
                         peal_net **out, peal_error *err);
void peal_net_free(peal_net *net);

/* Writes rows to the inputs: those that `order` [count] names, or `count` of a table from `first` on. The tables have
 * the pipeline's columns; labels are written if the net is for training. */
void peal_net_load_rows(peal_net *net, const peal_rows *rows, const uint32_t *order, size_t count);
void peal_net_load_table(peal_net *net, const peal_table *table, size_t first, size_t count);

/* Empties the sparse inputs of rows first .. end - 1, whose entries may be gone. */
void peal_net_clear_rows(peal_net *net, size_t first, size_t end);

/* The label of a row of the pipeline's output, as a number or class code; NaN if it is missing. */
double peal_shape_label(const peal_shape *shape, const peal_table *table, size_t row);
/* What stands beside it: what the row counts (1 where there are no weights), and what is added to its score (0), in the
 * label's own unit. NaN if it is missing. */
double peal_shape_weight(const peal_shape *shape, const peal_table *table, size_t row);
double peal_shape_offset(const peal_shape *shape, const peal_table *table, size_t row);
/* The texts of the rows' queries, in a table that is no prediction's; NULL: they have none. */
const peal_column *peal_shape_query(const peal_shape *shape, const peal_table *table);
/* What the row counts, whose label is this. */
double peal_row_weight(const peal_weighing *weighing, const peal_shape *shape, const peal_table *table, size_t row,
                       double label);
/* The entries of a row of two columns of sparse features; they last as long as the table. */
peal_sparse_row peal_shape_sparse(const peal_column *indices, const peal_column *values, size_t row);
/* Codes of all columns together. */
size_t peal_shape_codes(const peal_shape *shape);
/* Scores a row: one a class, or the number. */
size_t peal_shape_scores(const peal_shape *shape);

#endif
