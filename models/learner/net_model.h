/* Models that are nets: what the learners over graphs share. */
#ifndef PEAL_MODELS_NET_MODEL_H
#define PEAL_MODELS_NET_MODEL_H

#include "models/learner/learner.h"

peal_status models__net_model_new(const peal_pipeline *pipeline, const peal_model_spec *spec, const peal_tensor *given,
                                  size_t given_count, void **model, peal_error *err);
void models__net_model_free(void *model);
const peal_tensor *models__net_model_tensors(const void *model, size_t *count);
peal_status models__net_model_scratch(const void *model, void **scratch, peal_error *err);
void models__net_model_scratch_free(void *scratch);
void models__net_model_score(const void *model, void *scratch, const peal_batch *batch, double *scores);
/* What it tells besides: its raw scores. */
extern const peal_view *const models__net_views[];
/* Its tensors become those of a flat vector of parameters, as a training net's graph lays it out. */
void models__net_model_fill(void *model, const float *parameters);

/* Its tensors, as one such vector. */
const float *models__net_model_parameters(const void *model);

/* These in a learner. */
#define MODELS__NET_MODEL                                                                 \
    .model_new = models__net_model_new, .model_free = models__net_model_free,             \
    .model_tensors = models__net_model_tensors, .scratch_new = models__net_model_scratch, \
    .scratch_free = models__net_model_scratch_free, .score = models__net_model_score, .views = models__net_views

#endif
