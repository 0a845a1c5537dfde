/* Permutation importance: what a metric loses when one column's values are mixed up among the rows; see explain.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/philox.h"
#include "models/learner/learner.h"
#include "models/predict/ask.h"
#include "models/predict/walk.h"

typedef struct permuting {
    peal_predictor *predictor;
    const peal_explain_options *options;
    models__kept kept;
    peal_query_reading queries;  /* of the rows that came last; then of those that are kept */
    peal_buffer keys;            /* of the rows that came last */
    uint64_t rows;               /* that came */
    const peal_ranking *ranking; /* of a model that ranks; else NULL */
    double *labels;              /* [kept.rows] */
    uint32_t *ranked;            /* [ranked_count] the kept rows that have a query; and what is known of them: */
    uint64_t ranked_count;
    double *ranked_labels;
    peal_queries groups;
    size_t *columns; /* [column_count] raw ones */
    size_t column_count;
    double *scores; /* [1 + column_count * repeats]: of the rows as they are, then of each column mixed up */
} permuting;

/* ---- the rows ---- */

static peal_status add_rows(void *user, const peal_scan_rows *rows, const double *scores, peal_error *err) {
    permuting *self = user;
    const peal_table *table = &rows->table;
    (void)scores;
    self->keys.size = self->queries.codes.size = 0;
    PEAL_TRY(peal_buffer_reserve(&self->keys, (table->rows + 1) * sizeof(uint32_t), err));
    if (self->ranking) {
        PEAL_TRY(peal_query_reading_add(&self->queries, peal_shape_query(&self->kept.shape, table), err));
    }
    uint32_t *keys = (uint32_t *)(void *)self->keys.data;
    for (size_t row = 0; row < table->rows; row++, self->rows++) {
        keys[row] = models__kept_key(&self->kept, self->ranking ? peal_query_of(&self->queries, row) : self->rows);
    }
    const peal_column queries = {.type = PEAL_TYPE_UINT32, .values = self->queries.codes.data};
    return models__kept_add(&self->kept, table, &queries, keys, err);
}

/* What the kept rows are compared with. */
static void label_rows_of(const permuting *self, const models__kept_view *view, size_t first) {
    for (size_t row = 0; row < view->table.rows; row++) {
        self->labels[first + row] = peal_shape_label(&self->kept.shape, &view->table, row);
    }
}

static peal_status read_labels(permuting *self, peal_error *err) {
    enum { AT_ONCE = 1024 };
    const models__swap none = {.raw = SIZE_MAX};
    models__kept_view view;
    PEAL_TRY(peal_alloc_checked(&self->labels, self->kept.rows, sizeof *self->labels, "labels", err));
    peal_status status = models__kept_view_init(&view, &self->kept, err);
    for (size_t first = 0; status == PEAL_OK && first < self->kept.rows; first += AT_ONCE) {
        const size_t left = self->kept.rows - first;
        status = models__kept_look(&self->kept, &none, first, left < AT_ONCE ? left : AT_ONCE, &view, err);
        if (status == PEAL_OK) label_rows_of(self, &view, first);
    }
    models__kept_view_clear(&view);
    return status;
}

/* Groups the rows that have a label and a query. */
static peal_status read_queries(permuting *self, peal_error *err) {
    const size_t rows = self->kept.rows;
    if (!self->ranking) return PEAL_OK;
    self->queries.codes.size = 0;
    PEAL_TRY(
        peal_buffer_append(&self->queries.codes, models__kept_extra(&self->kept, 0), rows * sizeof(uint32_t), err));
    PEAL_TRY(peal_alloc_checked(&self->ranked, rows, sizeof *self->ranked, "rows to rank", err));
    PEAL_TRY(peal_alloc_checked(&self->ranked_labels, rows, sizeof *self->ranked_labels, "rows to rank", err));
    for (size_t row = 0; row < rows; row++) {
        if (isnan(self->labels[row]) || peal_query_of(&self->queries, row) == PEAL_QUERY_NONE) continue;
        self->ranked_labels[self->ranked_count] = self->labels[row];
        self->ranked[self->ranked_count++] = (uint32_t)row;
    }
    return peal_queries_make(&self->queries, self->ranked, self->ranked_count, &self->groups, err);
}

/* ---- the metric ---- */

static void name_metric(const permuting *self, char text[PEAL_METRIC_KEY]) {
    const uint32_t classes = self->kept.shape.classes;
    const char *name = classes == 2 ? "auc" : classes ? "accuracy" : "r2";
    peal_snprintf(text, PEAL_METRIC_KEY, "%s", name);
    if (self->ranking) peal_metrics_key("ndcg", self->ranking->at, text);
}

/* scores [kept.rows, width] are used up. */
static peal_status measure(const permuting *self, double *scores, double *out, peal_error *err) {
    const peal_shape *shape = &self->kept.shape;
    if (self->ranking) {
        peal_ranking_scores found = {0};
        for (uint64_t i = 0; i < self->ranked_count; i++) scores[i] = scores[self->ranked[i]];
        PEAL_TRY(peal_ranking_measure(self->ranking, &self->groups, scores, self->ranked_labels, &found, err));
        *out = found.ndcg[found.chosen];
        return PEAL_OK;
    }
    peal_metrics metrics;
    PEAL_TRY(peal_metrics_compute(scores, peal_predictor_scores(self->predictor), self->labels, NULL, self->kept.rows,
                                  shape->classes, shape->label_deviation, &metrics, err));
    *out = shape->classes == 2 ? metrics.auc : shape->classes ? metrics.accuracy : metrics.r2;
    return PEAL_OK;
}

/* ---- the questions ---- */

typedef struct scores_sink {
    double *scores;
    size_t width;
} scores_sink;

static void keep_scores(void *user, const double *scores, size_t first, size_t rows) {
    const scores_sink *self = user;
    memcpy(self->scores + first * self->width, scores, rows * self->width * sizeof *scores);
}

/* Question 0 is about the rows as they are; the others go column by column and repeat by repeat. */
static peal_status answer(void *user, models__asker *asker, size_t index, peal_error *err) {
    permuting *self = user;
    uint32_t *order = models__asker_order(asker);
    scores_sink sink = {models__asker_scores(asker), peal_predictor_scores(self->predictor)};
    models__swap swap = {.raw = SIZE_MAX};
    if (index) {
        const size_t column = self->columns[(index - 1) / self->options->repeats];
        const size_t repeat = (index - 1) % self->options->repeats;
        swap = (models__swap){.raw = column, .from = order};
        for (size_t row = 0; row < self->kept.rows; row++) order[row] = (uint32_t)row;
        peal_philox stream =
            peal_philox_stream(self->options->seed, PEAL_PURPOSE_PERMUTE, (uint32_t)column, 0, (uint32_t)repeat);
        peal_philox_shuffle(&stream, order, self->kept.rows);
    }
    PEAL_TRY(models__ask(asker, &swap, keep_scores, &sink, err));
    return measure(self, sink.scores, &self->scores[index], err);
}

static peal_status ask(permuting *self, const peal_predict_options *options, peal_error *err) {
    const peal_pipeline *pipeline = self->kept.pipeline;
    PEAL_TRY(peal_alloc_checked(&self->columns, pipeline->schema.count, sizeof *self->columns, "columns", err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (models__kept_has(pipeline, i)) self->columns[self->column_count++] = i;
    }
    const models__questions questions = {.predictor = self->predictor,
                                         .kept = &self->kept,
                                         .options = options,
                                         .stage = "permuting",
                                         .count = 1 + self->column_count * self->options->repeats,
                                         .answer = answer,
                                         .user = self};
    PEAL_TRY(peal_alloc_checked(&self->scores, questions.count, sizeof *self->scores, "metrics", err));
    return models__ask_all(&questions, err);
}

/* ---- what it comes to ---- */

static void sum_up(const permuting *self, size_t number, peal_permuted *out) {
    const size_t repeats = self->options->repeats;
    const double *scores = self->scores + 1 + number * repeats;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < repeats; i++) sum += self->scores[0] - scores[i];
    out->name = self->kept.pipeline->schema.fields[self->columns[number]].name;
    out->mean = sum / (double)repeats;
    for (size_t i = 0; i < repeats; i++) {
        const double from_mean = self->scores[0] - scores[i] - out->mean;
        squares += from_mean * from_mean;
    }
    out->deviation = sqrt(squares / (double)repeats);
}

typedef struct placed {
    peal_permuted permuted;
    size_t number;
} placed;

static int by_mean(const void *a, const void *b) {
    const placed *p = a, *q = b;
    if (p->permuted.mean != q->permuted.mean) return p->permuted.mean < q->permuted.mean ? 1 : -1;
    return (p->number > q->number) - (p->number < q->number);
}

static peal_status sort_columns(const permuting *self, peal_permutation *out, peal_error *err) {
    placed *order;
    PEAL_TRY(peal_alloc_checked(&out->columns, self->column_count, sizeof *out->columns, "columns", err));
    PEAL_TRY(peal_alloc_checked(&order, self->column_count, sizeof *order, "columns", err));
    out->count = self->column_count;
    for (size_t i = 0; i < out->count; i++) {
        order[i].number = i;
        sum_up(self, i, &order[i].permuted);
    }
    qsort(order, out->count, sizeof *order, by_mean);
    for (size_t i = 0; i < out->count; i++) out->columns[i] = order[i].permuted;
    free(order);
    return PEAL_OK;
}

static peal_status finish(const permuting *self, peal_permutation *out, peal_error *err) {
    name_metric(self, out->metric);
    out->score = self->scores[0];
    out->rows = self->kept.rows;
    if (isfinite(out->score)) return sort_columns(self, out, err);
    return peal_fail(err, PEAL_E_DATA,
                     "the labels of these %zu rows are all the same, so there is no %s that mixing up "
                     "columns could lessen",
                     self->kept.rows, out->metric);
}

static void clear(permuting *self) {
    models__kept_clear(&self->kept);
    peal_query_reading_clear(&self->queries);
    peal_queries_clear(&self->groups);
    peal_buffer_clear(&self->keys);
    free(self->labels);
    free(self->ranked);
    free(self->ranked_labels);
    free(self->columns);
    free(self->scores);
}

static peal_status permute(permuting *self, const peal_predict_options *options, unsigned splits, peal_metrics *metrics,
                           peal_predict_result *result, peal_permutation *out, peal_error *err) {
    const peal_type query_codes = PEAL_TYPE_UINT32;
    const models__consumer consumer = {.consume = add_rows, .user = self};
    PEAL_TRY(models__kept_init(&self->kept, peal_predictor_pipeline(self->predictor), self->options->seed,
                               self->options->rows_most, &query_codes, self->ranking ? 1 : 0, err));
    PEAL_TRY(models__predictor_eval(self->predictor, options, splits, &consumer, metrics, result, err));
    PEAL_TRY(read_labels(self, err));
    PEAL_TRY(read_queries(self, err));
    PEAL_TRY(ask(self, options, err));
    return finish(self, out, err);
}

peal_status peal_permute(peal_predictor *predictor, const peal_predict_options *options, unsigned splits,
                         const peal_explain_options *explain, peal_metrics *metrics, peal_predict_result *result,
                         peal_permutation *out, peal_error *err) {
    const peal_learner *learner = models__predictor_learner(predictor);
    permuting self = {.predictor = predictor, .options = explain};
    *out = (peal_permutation){0};
    PEAL_TRY(models__explain_check(predictor, explain, err));
    if (learner->ranking) self.ranking = learner->ranking(models__predictor_model(predictor));
    const peal_status status = permute(&self, options, splits, metrics, result, out, err);
    clear(&self);
    return status;
}

void peal_permutation_clear(peal_permutation *permutation) {
    free(permutation->columns);
    *permutation = (peal_permutation){0};
}
