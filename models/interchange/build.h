/* A Peal model of foreign trees: a pipeline over the columns of the file, and a forest. Private to this folder. */
#ifndef PEAL_MODELS_BUILD_H
#define PEAL_MODELS_BUILD_H

#include "etl/pipeline/pipeline.h"
#include "models/interchange/foreign.h"
#include "models/learner/learner.h"

typedef struct interchange__built {
    char *spec;
    json_t *pipeline, *job;
    peal_pipeline *fitted; /* of `pipeline` */
    const peal_learner *learner;
    void *model;
    size_t columns_used;
} interchange__built;

/* `label` names the column to predict; NULL: "label", or the first of "label_2"... that no feature is called.
 * `query` names that of the queries; NULL: the model knows of none.
 * PEAL_E_DATA if the trees make no sense or are no trees that a Peal model can be. Cleared by the caller, also after a
 * failure. */
peal_status interchange__build(const interchange__foreign *foreign, const char *label, const char *query,
                               interchange__built *out, peal_error *err);
void interchange__built_clear(interchange__built *built);

#endif
