/* Whether the columns of the input are still distributed as they were: the population stability index of each, between
 * the first windows and the present one,
 *   PSI = sum over bins of (p - q) ln(p / q),   p, q: the share of the bin, then and now, half a row added to each.
 * The bins of a number are ten, between the deciles of the first windows; those of a text are its 20 most frequent
 * values, known by their hashes, and all others; what is missing has a bin of its own. By custom (Siddiqi, Credit Risk
 * Scorecards, 2006) a column has moved beyond 0.25. Of few rows chance alone makes a PSI of about (bins - 1) / rows;
 * what chance may make is added to the bound.
 *
 * Of a window that is long a part is looked at: every so many rows, the same ones in every run. All that is known is in
 * one array of float64, so that it can be kept as a tensor. */
#ifndef PEAL_MODELS_PSI_H
#define PEAL_MODELS_PSI_H

#include "core/base/status.h"
#include "etl/pipeline/pipeline.h"

typedef struct models__psi models__psi;

/* For the columns of the pipeline's input that it uses, but the label. `rows` are a window's, `windows` the first ones.
 * The pipeline outlives it. */
peal_status models__psi_new(const peal_pipeline *pipeline, size_t rows, size_t windows, models__psi **out,
                            peal_error *err);
void models__psi_free(models__psi *self);

/* Looks at `count` rows from `first` on of the raw columns, which are indexed like the pipeline's schema; `at` is the
 * place of the first one in the window. */
peal_status models__psi_observe(models__psi *self, const peal_column *raw, size_t first, size_t count, size_t at,
                                peal_error *err);
/* The window is over. */
void models__psi_end_window(models__psi *self);

/* Of the window that is over: columns looked at, their names, and their PSI; 0 in the first windows. */
size_t models__psi_columns(const models__psi *self);
const char *models__psi_name(const models__psi *self, size_t column);
double models__psi_value(const models__psi *self, size_t column);
/* Whether that is beyond the bound; and whether that is new: it was not so in the window before. */
bool models__psi_has_moved(const models__psi *self, size_t column, bool *is_new);

/* What is known of all windows so far: [*count] of float64, which may be read and written between windows. */
double *models__psi_state(models__psi *self, size_t *count);
/* False if what was written there makes no sense. */
bool models__psi_is_whole(const models__psi *self);

#endif
