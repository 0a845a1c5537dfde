/* Computes metrics from scores and labels, and shows and saves them; see metrics.h. */
#include "models/predict/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/memory.h"

typedef struct scored {
    double score;
    double positive, negative; /* what the row counts as one of its class */
} scored;

/* What row `i` counts. */
static double weight_of(const double *weights, uint64_t i) {
    return weights ? weights[i] : 1;
}

static int by_score(const void *a, const void *b) {
    double p = ((const scored *)a)->score, q = ((const scored *)b)->score;
    return (p > q) - (p < q);
}

/* The chance that a random row of class 1 is scored above one of class 0. */
static peal_status area_under_curve(const double *scores, size_t outputs, const double *labels, const double *weights,
                                    uint64_t rows, double *auc, peal_error *err) {
    scored *items;
    PEAL_TRY(peal_alloc_checked(&items, rows, sizeof *items, "the AUC", err));
    uint64_t count = 0;
    for (uint64_t i = 0; i < rows; i++) {
        const double score = scores[i * outputs + outputs - 1];
        if (isnan(labels[i]) || isnan(score)) continue; /* a NaN has no place in an order */
        const double weight = weight_of(weights, i);
        items[count++] = (scored){score, labels[i] == 1 ? weight : 0, labels[i] == 1 ? 0 : weight};
    }
    qsort(items, count, sizeof *items, by_score);
    double above = 0, positives = 0, negatives = 0; /* above: pairs of a positive and a negative below it */
    for (uint64_t i = 0; i < count;) {
        double p = 0, n = 0;
        uint64_t end = i;
        for (; end < count && items[end].score == items[i].score; end++) {
            p += items[end].positive;
            n += items[end].negative;
        }
        above += p * (negatives + n / 2);
        positives += p;
        negatives += n;
        i = end;
    }
    free(items);
    *auc = positives > 0 && negatives > 0 ? above / (positives * negatives) : (double)NAN;
    return PEAL_OK;
}

/* The class that a row of scores says; probability: that of `label`. */
static size_t predicted(const double *row, size_t outputs, size_t label, double *probability) {
    size_t best = 0;
    if (outputs == 1) {
        *probability = label == 1 ? row[0] : 1 - row[0];
        return row[0] > 0.5;
    }
    for (size_t j = 1; j < outputs; j++) best = row[j] > row[best] ? j : best;
    *probability = row[label];
    return best;
}

static void classification(const double *scores, size_t outputs, const double *labels, const double *weights,
                           uint64_t rows, peal_metrics *out) {
    double loss = 0, right = 0, all = 0;
    for (uint64_t i = 0; i < rows; i++) {
        const double weight = weight_of(weights, i);
        double probability = 0;
        all += weight;
        if (!isnan(labels[i])) {
            const size_t label = (size_t)labels[i];
            const bool same = predicted(scores + i * outputs, outputs, label, &probability) == label;
            if (same && !isnan(probability)) right += weight;
        }
        loss -= weight * log(fmax(probability, 1e-15)); /* fmax of NaN and a number is the number */
    }
    out->rows = rows;
    const double n = all > 0 ? all : 1;
    out->accuracy = right / n;
    out->loss = out->log_loss = loss / n;
}

static void regression(const double *scores, const double *labels, const double *weights, uint64_t rows,
                       double deviation, peal_metrics *out) {
    double squares = 0, absolutes = 0, mean = 0, spread = 0, all = 0;
    for (uint64_t i = 0; i < rows; i++) {
        if (isnan(labels[i])) continue;
        const double difference = scores[i] - labels[i], weight = weight_of(weights, i);
        squares += weight * difference * difference;
        absolutes += weight * fabs(difference);
        mean += weight * labels[i];
        all += weight;
        out->rows++;
    }
    const double n = all > 0 ? all : 1;
    mean /= n;
    for (uint64_t i = 0; i < rows; i++) {
        if (!isnan(labels[i])) spread += weight_of(weights, i) * (labels[i] - mean) * (labels[i] - mean);
    }
    out->rmse = sqrt(squares / n);
    out->mae = absolutes / n;
    out->r2 = spread > 0 ? 1 - squares / spread : (double)NAN;
    out->loss = squares / n / (2 * deviation * deviation);
}

peal_status peal_metrics_compute(const double *scores, size_t outputs, const double *labels, const double *weights,
                                 uint64_t rows, uint32_t classes, double label_deviation, peal_metrics *out,
                                 peal_error *err) {
    *out = (peal_metrics){.classes = classes, .auc = (double)NAN};
    for (uint64_t i = 0; i < rows; i++) out->unknown_labels += isnan(labels[i]);
    if (classes == 0) {
        regression(scores, labels, weights, rows, label_deviation, out);
        return PEAL_OK;
    }
    classification(scores, outputs, labels, weights, rows, out);
    return classes == 2 ? area_under_curve(scores, outputs, labels, weights, rows, &out->auc, err) : PEAL_OK;
}

peal_status peal_metrics_rank(const peal_ranking *ranking, const peal_queries *queries, const double *scores,
                              const double *labels, bool is_order, peal_metrics *metrics, peal_error *err) {
    PEAL_TRY(peal_ranking_measure(ranking, queries, scores, labels, &metrics->ranking, err));
    metrics->is_order = is_order;
    if (is_order) metrics->loss = 1 - metrics->ranking.ndcg[metrics->ranking.chosen];
    return PEAL_OK;
}

const char *peal_metrics_key(const char *name, size_t at, char text[PEAL_METRIC_KEY]) {
    peal_snprintf(text, PEAL_METRIC_KEY, "%s@%zu", name, at);
    return text;
}

static json_t *add_ranking(json_t *saved, const peal_ranking_scores *ranking) {
    for (size_t k = 0; k < ranking->cuts; k++) {
        char key[PEAL_METRIC_KEY];
        saved = peal_json_set(saved, peal_metrics_key("ndcg", ranking->at[k], key), peal_json_real(ranking->ndcg[k]));
        saved = peal_json_set(saved, peal_metrics_key("map", ranking->at[k], key), peal_json_real(ranking->map[k]));
    }
    return saved;
}

json_t *peal_metrics_save(const peal_metrics *m) {
    if (m->classes == 0) {
        json_t *saved = json_pack("{s:o}", "loss", peal_json_real(m->loss));
        if (m->is_order) return add_ranking(saved, &m->ranking);
        saved = peal_json_set(saved, "rmse", peal_json_real(m->rmse));
        saved = peal_json_set(saved, "mae", peal_json_real(m->mae));
        return add_ranking(peal_json_set(saved, "r2", peal_json_real(m->r2)), &m->ranking);
    }
    json_t *saved = json_pack("{s:o, s:o, s:o}", "accuracy", peal_json_real(m->accuracy), "log_loss",
                              peal_json_real(m->log_loss), "loss", peal_json_real(m->loss));
    return m->classes == 2 ? peal_json_set(saved, "auc", peal_json_real(m->auc)) : saved;
}

/* The first cut, that at 5 and the chosen one, each once; behind other metrics the chosen one alone: it is a line. */
static void put_ranking(const peal_ranking_scores *ranking, const char *before, char *text, size_t size) {
    size_t used = (size_t)peal_snprintf(text, size, "%s", before);
    for (size_t k = 0; k < ranking->cuts; k++) {
        if (k != ranking->chosen && (*before || (ranking->at[k] != 1 && ranking->at[k] != 5))) continue;
        used += (size_t)peal_snprintf(text + used, size - used, "ndcg@%zu %.4f, ", ranking->at[k], ranking->ndcg[k]);
    }
    peal_snprintf(text + used, size - used, "map@%zu %.4f; %llu queries", ranking->at[ranking->chosen],
                  ranking->map[ranking->chosen], (unsigned long long)ranking->queries);
}

const char *peal_metrics_text(const peal_metrics *m, char text[PEAL_METRICS_TEXT]) {
    if (m->classes == 0) {
        char numbers[PEAL_METRICS_TEXT / 2] = "";
        if (!m->is_order) {
            peal_snprintf(numbers, sizeof numbers, "rmse %.6g, mae %.6g, r2 %.4f%s", m->rmse, m->mae, m->r2,
                          m->ranking.cuts ? ", " : "");
        }
        if (m->ranking.cuts) {
            put_ranking(&m->ranking, numbers, text, PEAL_METRICS_TEXT);
        } else {
            peal_snprintf(text, PEAL_METRICS_TEXT, "%s", numbers);
        }
    } else if (m->classes == 2) {
        peal_snprintf(text, PEAL_METRICS_TEXT, "accuracy %.4f, auc %.4f, log loss %.4f", m->accuracy, m->auc,
                      m->log_loss);
    } else {
        peal_snprintf(text, PEAL_METRICS_TEXT, "accuracy %.4f, log loss %.4f", m->accuracy, m->log_loss);
    }
    return text;
}
