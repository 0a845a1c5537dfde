/* Contributions: what each column adds to the score of a row, in trees. Private to this folder.
 *
 * They are the Shapley values of the game in which a set of features is known: where a split's feature is not, both
 * sides count by their training rows (path-dependent TreeSHAP: Lundberg et al. 2018, arXiv:1802.03888, algorithm 1).
 * Here they are found as an integral. With z_j the part of the rows that the path to a leaf keeps where feature j is
 * not known (the product over its splits by j), and o_j 1 if the row itself goes that way at all of them, else 0, a
 * leaf of value v gives feature j v (o_j - z_j) * integral over t from 0 to 1 of  prod over the path's other features k
 * of (t o_k + (1 - t) z_k), for the weight s! (d - 1 - s)! / d! of a set of s of d - 1 others is the integral of t^s (1
 * - t)^(d - 1 - s). The product is a polynomial, which Gauss and Legendre integrate exactly with d / 2 points. At one
 * point a tree costs a way down and a way up (after Yu et al. 2022, arXiv:2209.08192), and every factor is above 0, so
 * nothing cancels. */
#ifndef PEAL_MODELS_SHAP_H
#define PEAL_MODELS_SHAP_H

#include "models/learner/forest.h"

/* What one thread needs to find contributions in a forest that has leaf_rows or leaf_covers; the forest must outlive
 * it. */
typedef struct models__shap models__shap;

/* `columns` [features] says which of `column_count` columns a feature is of. The features of one column are known
 * together or not at all: it is columns that share the score out among themselves. */
peal_status models__shap_new(const models__forest *forest, const uint32_t *columns, size_t features,
                             size_t column_count, models__shap **out, peal_error *err);
void models__shap_free(models__shap *shap);

/* out [rows, outputs, column_count + 1]: contributions, and last the score that is expected of a row of which nothing
 * is known; they add up to the row's score without its offset. `bins` [rows, features]. */
void models__shap_rows(models__shap *shap, const uint8_t *bins, size_t rows, double *out);

#endif
