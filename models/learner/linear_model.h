/* Linear models in double precision: scores of rows, their gradients, and the model that is kept of them.
 *
 * The parameters are one vector of float64: first those without penalty (a bias for each output, then the loss's extra
 * one), then the weights of the features [outputs, features], of the codes [values, outputs] and of the sparse features
 * [values, outputs]. */
#ifndef PEAL_MODELS_LINEAR_MODEL_H
#define PEAL_MODELS_LINEAR_MODEL_H

#include "models/learner/learner.h"
#include "models/net/loss.h"

typedef struct models__linear {
    const peal_loss *loss;
    peal_shape shape; /* its vocabularies are the caller's */
    size_t outputs, features, code_values;
    double offset_unit;                          /* of the scores, in the offsets' */
    size_t extra, weights, codes, sparse, count; /* where each begins, and where all ends */
    uint32_t *places; /* of a training: see places.h. [code_values + shape.sparse]; NULL: all values have parameters */
} models__linear;

/* Where everything is. PEAL_E_USAGE if there is nothing to learn from. */
peal_status models__linear_init(models__linear *linear, const peal_model_spec *spec, const peal_shape *shape,
                                peal_error *err);

enum { MODELS__LINEAR_ROWS = 4 }; /* that are multiplied together */

/* Sums are made in lanes, number j in lane j mod MODELS__LANES, which are then added in one order: the same bits by
 * every vector unit. */
enum { MODELS__LANES = 8 };
static inline double models__add_lanes(const double lanes[MODELS__LANES]) {
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

/* The scalar product of two vectors, in lanes. */
double models__dot(const double *x, const double *w, size_t count);

/* Up to MODELS__LINEAR_ROWS rows, found and loaded once for all that is done with them. */
typedef struct models__few {
    const peal_table *tables[MODELS__LINEAR_ROWS];
    size_t within[MODELS__LINEAR_ROWS], count;
    double *features; /* [MODELS__LINEAR_ROWS, features], the caller's; 0 where there is no row */
} models__few;

/* Where the weights begin of value `id` of all codes and sparse features. */
#define MODELS__ENTRY_AT(linear, places, id) ((linear)->codes + ((places) ? (places)[id] : (id)) * (linear)->outputs)

/* Calls `visit` for each entry of row `i` that is not a dense feature: where its weights begin, and its value. */
#define MODELS__EACH_ENTRY(linear, few, i, at, value, visit)                             \
    do {                                                                                 \
        const peal_column *columns = &(few)->tables[i]->columns[(linear)->features > 0]; \
        const size_t within = (few)->within[i];                                          \
        const uint32_t *places = (linear)->places;                                       \
        size_t first = 0; /* of the codes' values, then of the sparse features */        \
        for (uint32_t c = 0; c < (linear)->shape.code_columns; c++) {                    \
            const int32_t code = peal_column_code(&columns[c], within);                  \
            const size_t at = MODELS__ENTRY_AT(linear, places, first + (size_t)code);    \
            const double value = 1;                                                      \
            if (code >= 0) visit;                                                        \
            first += (linear)->shape.vocabularies[c];                                    \
        }                                                                                \
        if (!(linear)->shape.sparse) break;                                              \
        columns += (linear)->shape.code_columns;                                         \
        const peal_sparse_row row = peal_shape_sparse(&columns[0], &columns[1], within); \
        for (size_t e = 0; e < row.count; e++) {                                         \
            const size_t at = MODELS__ENTRY_AT(linear, places, first + row.indices[e]);  \
            const double value = (double)row.values[e];                                  \
            visit;                                                                       \
        }                                                                                \
    } while (0)

/* Finds rows `first`, first + 1... of a batch, and loads their features. */
void models__linear_load(const models__linear *linear, const peal_batch *batch, size_t first, models__few *few);
/* Their scores [MODELS__LINEAR_ROWS, outputs]. A row's have the same bits wherever it stands. */
void models__linear_scores(const models__linear *linear, const double *parameters, const models__few *few,
                           double *scores);
/* Those of row `i` of them alone [outputs]. */
void models__linear_score_row(const models__linear *linear, const double *parameters, const models__few *few, size_t i,
                              double *scores);
/* The loss of row `i`, whose derivatives by the scores are written, first [outputs] and second [outputs, outputs]
 * (unless `seconds` is NULL), and by the extra parameter added to `extra`; all by what the row counts. */
double models__linear_row_loss(const models__linear *linear, const peal_weighing *weighing,
                               const peal_loss_terms *terms, const models__few *few, size_t i, const double *scores,
                               double *derivatives, double *seconds, double *extra);
/* Adds the gradient by the parameters, the extra one left out, of rows whose derivatives by the scores are given
 * [MODELS__LINEAR_ROWS, outputs]; of rows that are not there they are 0. */
void models__linear_add_gradient(const models__linear *linear, const models__few *few, const double *derivatives,
                                 double *gradient);
/* Adds the squares of what the rows have for each parameter; for the extra one nothing. */
void models__linear_add_squares(const models__linear *linear, const models__few *few, double *squares);

/* ---- the model, by a learner's hooks: these parts as tensors ---- */

peal_status models__linear_model_new(const peal_pipeline *pipeline, const peal_model_spec *spec,
                                     const peal_tensor *given, size_t given_count, void **model, peal_error *err);
void models__linear_model_free(void *model);
const peal_tensor *models__linear_model_tensors(const void *model, size_t *count);
peal_status models__linear_model_scratch(const void *model, void **scratch, peal_error *err);
void models__linear_model_score(const void *model, void *scratch, const peal_batch *batch, double *scores);
/* What it tells besides: its raw scores. */
extern const peal_view *const models__linear_views[];
/* The vector whose parts its tensors are. */
double *models__linear_model_parameters(void *model);

#endif
