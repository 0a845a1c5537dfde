/* Which rows the trees of a round are grown over, and what each of them counts there: a part of all rows, drawn alike,
 * or by gradients (GOSS; Ke et al. 2017, NIPS 30, "LightGBM"): those of the largest gradients all, of the others some,
 * which count for the rest. Private to this folder. */
#ifndef PEAL_MODELS_SAMPLE_H
#define PEAL_MODELS_SAMPLE_H

#include "models/learner/grow.h"

/* PEAL_E_USAGE if the spec's options do not go together. */
peal_status models__sample_check(const peal_model_spec *spec, peal_error *err);
/* What the spec says. */
models__sampling models__sample_choose(const peal_model_spec *spec);

/* Bytes that a worker needs for each of its rows. */
size_t models__sample_row_bytes(const models__sampling *sampling);
/* Room for `rows` of them. */
peal_status models__sample_room(const models__sampling *sampling, models__own_rows *own, size_t rows);
/* Shared memory. */
void models__sample_lay_out(models__trees *self, peal_layout *layout);

/* All workers, when their derivatives are found: sets own->shares, by (seed, round, row of the dataset) alone, and
 * makes the derivatives what the rows count. Which rows have the largest gradients is found by counting digits; of rows
 * that are alike the random numbers decide, and then the order of the dataset. */
peal_status models__sample_rows(const models__member *m);

#endif
