/* All rows of a job through a model, in order, for whoever looks at them on the way. Private to this folder. */
#ifndef PEAL_MODELS_WALK_H
#define PEAL_MODELS_WALK_H

#include "etl/job/scan.h"
#include "models/predict/predictor.h"

/* What is done with the rows, in order, and their scores; on the caller's thread. */
typedef struct models__consumer {
    const char *stage; /* for progress */
    peal_status (*consume)(void *user, const peal_scan_rows *rows, const double *scores, peal_error *err);
    void *user;
} models__consumer;

/* As peal_predict and peal_eval read: `splits` are a dataset's, is_eval: labels and queries are needed. */
peal_status models__predictor_walk(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                                   bool is_eval, const models__consumer *consumer, peal_predict_result *result,
                                   peal_error *err);
/* peal_eval, with another consumer of the same rows; NULL: none. */
peal_status models__predictor_eval(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                                   const models__consumer *also, peal_metrics *metrics, peal_predict_result *result,
                                   peal_error *err);

#endif
