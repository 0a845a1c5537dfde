/* What is known of a stream so far: where it stands, and how well its rows were predicted before they were learnt
 * (test-then-train). The means are over all rows, and over the last windows, of which each counts 0.99 of the one
 * behind it (fading: Gama, Sebastiao, Rodrigues 2013, "On evaluating stream learning algorithms"). Whether the loss has
 * risen is told by ADWIN, row by row in their order.
 *
 * It is float64 throughout, so that it is kept as a tensor: a checkpoint holds it, and what is committed with the model
 * is one and the same state. */
#ifndef PEAL_MODELS_PREQUENTIAL_H
#define PEAL_MODELS_PREQUENTIAL_H

#include <jansson.h>

#include "etl/pipeline/pipeline.h"
#include "models/net/net.h"
#include "models/online/adwin.h"
#include "models/online/windows.h"
#include "models/predict/metrics.h"

/* Over rows that have a label. */
typedef struct models__sums {
    double rows, loss, right, squares, absolutes; /* right ones, or the sums of a number's errors */
} models__sums;

typedef struct models__prequential {
    double windows, rows, learnt; /* committed: windows, their rows, and those that had a label */
    double steps;                 /* of each partition */
    double fingerprint[2];        /* of the rows, see windows.h: upper and lower half */
    double dropped;               /* bad rows before the last one that is committed */
    double position[14];          /* behind it, see models__window: the place's numbers and the line, in halves */
    models__sums all, faded;
    double lowest; /* ADWIN's mean at the end of a window, since the loss was last said to have risen */
    models__adwin adwin;
} models__prequential;

void models__prequential_init(models__prequential *self);
/* False if what a checkpoint holds makes no sense. */
bool models__prequential_is_whole(const models__prequential *self);

/* Where the stream stands: behind the window; and that window, as far as it is known. */
void models__prequential_stand(models__prequential *self, const models__window *window);
models__window models__prequential_window(const models__prequential *self);

/* A row's loss between 0 and 1: of classes what the model leaves for all others, 1 - p of the label; of a number its
 * error, of which four deviations of the label are 1. NaN counts 1. */
double models__bounded_loss(const peal_shape *shape, const double *scores, double label);

/* Adds a window's rows, all of which have labels: scores [rows, peal_shape_scores], and their metrics. True if the loss
 * has risen: ADWIN has cut since its mean was lowest, and it is more than a tenth above that; *risen has the means. */
bool models__prequential_add(models__prequential *self, const peal_shape *shape, const double *scores,
                             const double *labels, const peal_metrics *metrics, models__adwin_change *risen);

/* {"loss", "accuracy"} or {"loss", "rmse", "mae"}; NULL if there is no memory. */
json_t *models__sums_save(const models__sums *sums, const peal_shape *shape);

#endif
