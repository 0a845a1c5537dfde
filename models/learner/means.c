/* Means of categories, found in one reading of the rows; see means.h. */
#include "models/learner/means.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/philox.h"

/* Folds; rows by which a category's mean is drawn to that of all; rows for each category from which on the bins of
 * the categories themselves say as much; categories that a column has at least; and aspects at most, which each cost a
 * byte a row. models/README.md tells by what measurements. */
enum { FOLDS = 5, ROWS_EACH = 24, LEAST = 64, ASPECTS_MOST = 256 };
#define SMOOTH 5.0

/* ---- which columns ---- */

/* Visits columns of more than `above` categories. */
static size_t list_columns(const peal_pipeline *pipeline, const peal_shape *shape, double above, uint32_t *out) {
    size_t column = 0, count = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *one = &pipeline->columns[i];
        if (one->role != PEAL_ROLE_INDEX) continue;
        if (models__bins_makes_categories(one) && (double)shape->vocabularies[column] > above) {
            if (out) out[count] = (uint32_t)column;
            count++;
        }
        column++;
    }
    return count;
}

double models__means_choose(const peal_pipeline *pipeline, const peal_shape *shape, size_t outputs, uint64_t rows,
                            size_t most) {
    const double fit = (double)(rows / ROWS_EACH);
    double above = fit < (double)most ? fit : (double)most;
    if (above < LEAST) above = LEAST;
    while (list_columns(pipeline, shape, above, NULL) * outputs > ASPECTS_MOST) above *= 2;
    return above;
}

peal_status models__means_aspects(const peal_pipeline *pipeline, const peal_shape *shape, size_t outputs, double above,
                                  uint32_t **aspects, size_t *count, peal_error *err) {
    *aspects = NULL;
    *count = 0;
    if (!(above > MODELS__MEANS_NONE)) return PEAL_OK;
    const size_t columns = list_columns(pipeline, shape, above, NULL);
    uint32_t *list;
    PEAL_TRY(peal_alloc_checked(&list, columns * outputs, sizeof *list, "aspects", err));
    list_columns(pipeline, shape, above, list);
    for (size_t i = columns * outputs; i-- > 0;) list[i] = list[i / outputs];
    *aspects = list;
    *count = columns * outputs;
    return PEAL_OK;
}

/* ---- reading ---- */

static peal_status make_room(models__means *means, peal_error *err) {
    const size_t outputs = means->outputs, codes = means->codes;
    PEAL_TRY(peal_zeroed_checked(&means->sums, FOLDS * outputs * codes, sizeof(double), "categories", err));
    PEAL_TRY(peal_zeroed_checked(&means->weights, FOLDS * codes, sizeof(double), "categories", err));
    PEAL_TRY(peal_zeroed_checked(&means->all_sums, outputs, sizeof(double), "categories", err));
    PEAL_TRY(peal_alloc_checked(&means->bins, FOLDS * outputs * codes, 1, "categories", err));
    return peal_zeroed_checked(&means->usual, means->columns * outputs, 1, "categories", err);
}

peal_status models__means_init(models__means *means, const peal_shape *shape, const uint32_t *aspects, size_t count,
                               size_t outputs, uint64_t seed, peal_error *err) {
    *means = (models__means){
        .columns = count / outputs, .outputs = outputs, .key = {(uint32_t)seed, (uint32_t)(seed >> 32)}};
    if (count == 0) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&means->column, means->columns, sizeof(uint32_t), "categories", err));
    PEAL_TRY(peal_zeroed_checked(&means->first, means->columns + 1, sizeof(size_t), "categories", err));
    for (size_t c = 0; c < means->columns; c++) {
        means->column[c] = aspects[c * outputs];
        means->first[c + 1] = means->first[c] + shape->vocabularies[means->column[c]];
    }
    means->codes = means->first[means->columns];
    return make_room(means, err);
}

static void free_sums(models__means *means) {
    free(means->sums);
    free(means->weights);
    free(means->all_sums);
    means->sums = means->weights = means->all_sums = NULL;
}

void models__means_clear(models__means *means) {
    free_sums(means);
    free(means->column);
    free(means->first);
    free(means->bins);
    free(means->usual);
    *means = (models__means){0};
}

static size_t fold_of(const models__means *means, uint32_t number) {
    const uint32_t counter[4] = {number, 0, 0, (uint32_t)PEAL_PURPOSE_FOLD << 24};
    uint32_t out[4];
    peal_philox_block(counter, means->key, out);
    return out[0] % FOLDS;
}

/* Where the row's code of column `c` stands among the codes; SIZE_MAX: it has none. */
static size_t place_of(const models__means *means, const peal_shape *shape, const peal_table *table, size_t row,
                       size_t c) {
    const int32_t code = peal_column_code(&table->columns[(shape->features > 0) + means->column[c]], row);
    return code < 0 ? SIZE_MAX : means->first[c] + (size_t)code;
}

/* What output `k` is to learn of a row. */
static double learnt(const models__goal *goal, size_t k, double target) {
    if (goal->shape.classes == 0) return target;
    return (size_t)target == (goal->outputs == 1 ? 1 : k);
}

void models__means_note(models__means *means, const models__goal *goal, const peal_table *table, size_t row,
                        uint64_t number, double target, double weight) {
    if (means->columns == 0) return;
    const size_t fold = fold_of(means, (uint32_t)number), codes = means->codes, outputs = means->outputs;
    for (size_t k = 0; k < outputs; k++) means->all_sums[k] += weight * learnt(goal, k, target);
    means->all_weight += weight;
    means->rows++;
    for (size_t c = 0; c < means->columns; c++) {
        const size_t at = place_of(means, &goal->shape, table, row, c);
        if (at == SIZE_MAX) continue;
        means->weights[fold * codes + at] += weight;
        for (size_t k = 0; k < outputs; k++) {
            means->sums[(fold * outputs + k) * codes + at] += weight * learnt(goal, k, target);
        }
    }
}

/* ---- bins ---- */

/* Rows of one category and fold: the mean that stands for them, and what they count. */
typedef struct mean {
    double value, weight;
} mean;

static int by_value(const void *a, const void *b) {
    const mean *p = a, *q = b;
    return (p->value > q->value) - (p->value < q->value);
}

/* One aspect. */
typedef struct fitting {
    const models__means *means;
    size_t first, end; /* its codes */
    size_t output;
    double usual, smooth;
    mean *list; /* room for those of all codes and folds */
    double edges[MODELS__BINS_MOST];
    size_t edge_count;
} fitting;

/* Of a category's rows that are not of the fold (FOLDS: all rows). */
static double mean_of(const fitting *self, size_t at, size_t fold) {
    const models__means *means = self->means;
    double sum = self->smooth * self->usual, weight = self->smooth;
    for (size_t f = 0; f < FOLDS; f++) {
        if (f == fold) continue;
        sum += means->sums[(f * means->outputs + self->output) * means->codes + at];
        weight += means->weights[f * means->codes + at];
    }
    return weight > 0 ? sum / weight : self->usual;
}

/* Edges between at most `most` bins of about as many rows each. */
static void find_edges(fitting *self, size_t most) {
    const models__means *means = self->means;
    size_t count = 0;
    double left = 0, in_bin = 0;
    for (size_t at = self->first; at < self->end; at++) {
        for (size_t f = 0; f < FOLDS; f++) {
            const double weight = means->weights[f * means->codes + at];
            if (!(weight > 0)) continue;
            self->list[count++] = (mean){mean_of(self, at, f), weight};
            left += weight;
        }
    }
    if (count) qsort(self->list, count, sizeof *self->list, by_value);
    self->edge_count = 0;
    for (size_t i = 0; i + 1 < count && self->edge_count + 1 < most; i++) {
        const double value = self->list[i].value, next = self->list[i + 1].value;
        in_bin += self->list[i].weight;
        const double middle = value + (next - value) / 2;
        if (in_bin * (double)(most - self->edge_count) < left || !(middle > value)) continue;
        left -= in_bin;
        in_bin = 0;
        self->edges[self->edge_count++] = middle;
    }
}

/* One more than there are edges up to it. */
static uint8_t bin_of(const fitting *self, double value) {
    size_t low = 0, high = self->edge_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (self->edges[middle] <= value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint8_t)(low + 1);
}

/* Writes the model's bins of the categories, and those of each fold's rows. If the model's are given and others, they
 * are everybody's: returns false. */
static bool write_bins(const fitting *self, uint8_t *own, bool is_given) {
    const models__means *means = self->means;
    bool is_same = true;
    for (size_t at = self->first; at < self->end; at++) {
        const uint8_t bin = bin_of(self, mean_of(self, at, FOLDS));
        is_same = is_same && own[at - self->first] == bin;
        if (!is_given) own[at - self->first] = bin;
    }
    for (size_t f = 0; f < FOLDS; f++) {
        uint8_t *out = means->bins + (f * means->outputs + self->output) * means->codes;
        for (size_t at = self->first; at < self->end; at++) {
            out[at] = is_given && !is_same ? own[at - self->first] : bin_of(self, mean_of(self, at, f));
        }
    }
    return !is_given || is_same;
}

peal_status models__means_fit(models__means *means, models__bins *bins, size_t most, bool is_given, peal_error *err) {
    if (means->columns == 0 || means->rows == 0) return PEAL_OK;
    fitting self = {.means = means, .smooth = SMOOTH * means->all_weight / (double)means->rows};
    PEAL_TRY(peal_alloc_checked(&self.list, FOLDS * means->codes, sizeof *self.list, "categories", err));
    for (size_t c = 0; c < means->columns; c++) {
        for (size_t k = 0; k < means->outputs; k++) {
            const size_t aspect = c * means->outputs + k;
            self.first = means->first[c];
            self.end = means->first[c + 1];
            self.output = k;
            self.usual = means->all_weight > 0 ? means->all_sums[k] / means->all_weight : 0;
            find_edges(&self, most);
            uint8_t *own = bins->code_bins + bins->code_first[bins->shape.code_columns + aspect];
            if (write_bins(&self, own, is_given)) means->usual[aspect] = bin_of(&self, self.usual);
        }
    }
    free(self.list);
    free_sums(means);
    return models__bins_finish(bins, err);
}

void models__means_row(const models__means *means, const models__bins *bins, const peal_table *table, size_t row,
                       uint32_t number, uint8_t *out) {
    if (means->columns == 0) return;
    const size_t fold = fold_of(means, number), outputs = means->outputs;
    uint8_t *aspects = out + bins->shape.features + bins->shape.code_columns;
    for (size_t c = 0; c < means->columns; c++) {
        const size_t at = place_of(means, &bins->shape, table, row, c);
        for (size_t k = 0; k < outputs && at != SIZE_MAX; k++) {
            aspects[c * outputs + k] = means->bins[(fold * outputs + k) * means->codes + at];
        }
    }
}
