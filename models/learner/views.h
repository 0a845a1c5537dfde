/* What the views of several learners share. Private to this folder. */
#ifndef PEAL_MODELS_VIEWS_H
#define PEAL_MODELS_VIEWS_H

#include "models/learner/learner.h"
#include "models/net/loss.h"

/* From scores to the unit in which they are told: that of the label, where a score is a number of its kind. */
typedef struct models__unit {
    double scale, shift;
} models__unit;
/* `loss` may be NULL: scores of numbers are of the label's kind. */
models__unit models__unit_of(const peal_shape *shape, const peal_loss *loss);

/* "NAME" or, of several outputs, "CLASS:NAME"; freed by the caller, NULL if there is no memory. */
char *models__output_title(const peal_pipeline *pipeline, size_t outputs, size_t output, const char *name);

/* The view "raw" of a model; of each model the rest is its own. */
#define MODELS__RAW .name = "raw", .documentation = "the score before it becomes a probability or a number"

#endif
