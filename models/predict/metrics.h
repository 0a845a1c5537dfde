/* Metrics of predictions. */
#ifndef PEAL_MODELS_METRICS_H
#define PEAL_MODELS_METRICS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "models/learner/ranking.h"

typedef struct peal_metrics {
    uint64_t rows;           /* that count: of classes all, of numbers those with a label */
    uint64_t unknown_labels; /* rows with a NaN label: one that the model does not know */
    uint32_t classes;        /* 0: a regression */
    double loss;             /* log loss, or half the mean squared error of the standardised number */
    double accuracy, log_loss;
    double auc; /* of two classes; NaN if only one occurs */
    double rmse, mae, r2;
    peal_ranking_scores ranking; /* of queries; where there are none, it has no cuts */
    bool is_order;               /* the scores only rank rows: there is no rmse, mae and r2 */
} peal_metrics;

/* Of classes: scores [rows, outputs] are probabilities; with one output that of class 1. Of a number (classes 0):
 * scores [rows, 1] are the predictions. labels [rows] are class codes or numbers, NaN if the model does not know them:
 * such a row, and one whose scores are no numbers, counts as wrong in the accuracy and as probability 1e-15 in the log
 * loss (the least that any row counts); the AUC leaves both out, and the metrics of numbers rows without a label.
 * weights [rows] are what the rows count, not all 0; NULL: each counts 1. PEAL_E_MEMORY only. AUC: Mann-Whitney, ties
 * count half. */
peal_status peal_metrics_compute(const double *scores, size_t outputs, const double *labels, const double *weights,
                                 uint64_t rows, uint32_t classes, double label_deviation, peal_metrics *out,
                                 peal_error *err);
/* Adds how well the rows of queries are ranked, by labels that `ranking` takes. is_order: that is all that the scores
 * say; the loss then is 1 - NDCG. */
peal_status peal_metrics_rank(const peal_ranking *ranking, const peal_queries *queries, const double *scores,
                              const double *labels, bool is_order, peal_metrics *metrics, peal_error *err);
/* "ndcg@10", in `text`. */
enum { PEAL_METRIC_KEY = 32 };
const char *peal_metrics_key(const char *name, size_t at, char text[PEAL_METRIC_KEY]);
/* {"accuracy", "log_loss", "auc"} or {"rmse", "mae", "r2"}, with "loss", and of queries {"ndcg@10", "map@10"} and so on
 * at each cut; what is not finite is null. NULL if there is
 * no memory. */
json_t *peal_metrics_save(const peal_metrics *metrics);
enum { PEAL_METRICS_TEXT = 160 };
/* "accuracy 0.983, log loss 0.0571". Returns `text`. */
const char *peal_metrics_text(const peal_metrics *metrics, char text[PEAL_METRICS_TEXT]);

#endif
