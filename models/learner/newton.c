/* See newton.h. Sums run in the order of rows and parameters, by plain C: the same bits on every CPU. */
#include "models/learner/newton.h"

#include <math.h>

#include "core/base/vector.h"

enum { ROWS = MODELS__LINEAR_ROWS };

/* Parameters; measured, see models/README.md. A pass costs half the square of what a row has, the factor a third of the
 * cube of all. With several scores a row's part is a block for each two of them. */
enum { MOST = 512, MOST_OF_A_ROW = 64, MOST_OF_SPARSE = 256, MOST_OF_MANY = 48 };
/* Of the largest diagonal element: beyond what rounding leaves of an eigenvalue of 0. */
static const double LEAST_RAISE = 1e-11;

bool models__newton_serves(const models__linear *linear) {
    return linear->loss->bend && linear->count <= MOST;
}

bool models__newton_suits(const models__linear *linear) {
    if (!models__newton_serves(linear)) return false;
    if (linear->outputs > 1) return linear->count <= MOST_OF_MANY;
    return linear->features + linear->shape.code_columns <= MOST_OF_A_ROW &&
           (linear->count - linear->sparse) / linear->outputs <= MOST_OF_SPARSE;
}

/* out[b] += the sum over four rows of r[i] * x[i][b], b < n. */
PEAL_VECTOR static void add_four(const double *restrict x, size_t stride, const double r[ROWS], size_t n,
                                 double *restrict out) {
    const double *restrict x1 = x + stride, *restrict x2 = x + 2 * stride, *restrict x3 = x + 3 * stride;
    const double r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3];
    for (size_t b = 0; b < n; b++) out[b] += (r0 * x[b] + r1 * x1[b]) + (r2 * x2[b] + r3 * x3[b]);
}

/* The block of outputs k and l <= k: biases and dense features of both. */
static void add_dense(const models__linear *linear, const models__few *few, const double r[ROWS], size_t k, size_t l,
                      double *hessian) {
    const size_t count = linear->count, features = linear->features;
    const double *x = few->features;
    hessian[k * count + l] += (r[0] + r[1]) + (r[2] + r[3]);
    for (size_t a = 0; a < features; a++) {
        double *row = hessian + (linear->weights + k * features + a) * count, at[ROWS];
        for (size_t i = 0; i < ROWS; i++) at[i] = r[i] * x[i * features + a];
        row[l] += (at[0] + at[1]) + (at[2] + at[3]);
        add_four(x, features, at, k == l ? a + 1 : features, row + linear->weights + l * features);
    }
    if (k == l) return;
    for (size_t a = 0; a < features; a++) { /* the features of l beside the bias of k, which is the smaller number */
        double sum = 0;
        for (size_t i = 0; i < ROWS; i++) sum += r[i] * x[i * features + a];
        hessian[(linear->weights + l * features + a) * count + k] += sum;
    }
}

/* Parameter `own`, of output k, of which row i has `value`, beside the biases and features of output l. */
static void add_beside_dense(const models__linear *linear, const models__few *few, size_t i, double value, size_t own,
                             size_t l, double *hessian) {
    double *row = hessian + own * linear->count;
    const double *x = few->features + i * linear->features;
    row[l] += value;
    for (size_t b = 0; b < linear->features; b++) row[linear->weights + l * linear->features + b] += value * x[b];
}

/* What a row has of codes and sparse features: where their weights begin, ascending, and their values. */
typedef struct entries {
    size_t count, at[MOST];
    double values[MOST];
} entries;

static void gather(const models__linear *linear, const models__few *few, size_t i, entries *out) {
    out->count = 0;
    MODELS__EACH_ENTRY(linear, few, i, at, value, {
        out->at[out->count] = at;
        out->values[out->count++] = value;
    });
}

/* The same as add_entries, below, where a row has one score. */
static void add_entries_of_one(const models__linear *linear, const models__few *few, size_t i, double second,
                               double *hessian) {
    entries row;
    gather(linear, few, i, &row);
    for (size_t e = 0; e < row.count; e++) {
        double *to = hessian + row.at[e] * linear->count;
        const double value = row.values[e] * second;
        add_beside_dense(linear, few, i, value, row.at[e], 0, hessian);
        for (size_t before = 0; before <= e; before++) to[row.at[before]] += value * row.values[before];
    }
}

/* The entries of row i beside the dense parameters and each other. */
static void add_entries(const models__linear *linear, const models__few *few, size_t i, const double *seconds,
                        double *hessian) {
    const size_t outputs = linear->outputs;
    entries row;
    gather(linear, few, i, &row);
    for (size_t e = 0; e < row.count; e++) {
        for (size_t k = 0; k < outputs; k++) {
            const size_t own = row.at[e] + k;
            const double *second = seconds + k * outputs;
            for (size_t l = 0; l < outputs; l++) {
                add_beside_dense(linear, few, i, row.values[e] * second[l], own, l, hessian);
            }
            for (size_t before = 0; before <= e; before++) {
                double *to = hessian + own * linear->count + row.at[before];
                const double value = row.values[e] * row.values[before];
                const size_t end = before == e ? k + 1 : outputs;
                for (size_t l = 0; l < end; l++) to[l] += value * second[l];
            }
        }
    }
}

static bool is_zero(const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (values[i] != 0) return false;
    }
    return true;
}

void models__newton_add(const models__linear *linear, const models__few *few, const double *seconds, double *hessian) {
    const size_t outputs = linear->outputs, size = outputs * outputs;
    if (is_zero(seconds, ROWS * size)) return;
    for (size_t k = 0; k < outputs; k++) {
        for (size_t l = 0; l <= k; l++) {
            double r[ROWS];
            for (size_t i = 0; i < ROWS; i++) r[i] = seconds[i * size + k * outputs + l];
            add_dense(linear, few, r, k, l, hessian);
        }
    }
    if (!linear->code_values && !linear->shape.sparse) return;
    for (size_t i = 0; i < few->count; i++) {
        if (is_zero(seconds + i * size, size)) continue;
        if (outputs == 1) {
            add_entries_of_one(linear, few, i, seconds[i], hessian);
        } else {
            add_entries(linear, few, i, seconds + i * size, hessian);
        }
    }
}

/* ---- the step ---- */

/* L of L L' = matrix + raise * I, both by rows, below the diagonal and on it. False: that is not positive. */
static bool make_factor(const double *matrix, size_t count, double raise, double *factor) {
    for (size_t i = 0; i < count; i++) {
        double *row = factor + i * count;
        for (size_t j = 0; j < i; j++) {
            const double *other = factor + j * count;
            row[j] = (matrix[i * count + j] - models__dot(row, other, j)) / other[j];
        }
        const double square = matrix[i * count + i] + raise - models__dot(row, row, i);
        if (!(square > raise / 2)) return false;
        row[i] = sqrt(square);
    }
    return true;
}

bool models__newton_solve(const double *matrix, size_t count, const double *gradient, double *factor, double *out) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, matrix[i * count + i]);
    double raise = most > 0 ? LEAST_RAISE * most : 1;
    while (!make_factor(matrix, count, raise, factor)) {
        raise *= 100;
        if (!(raise <= most)) return false;
    }
    for (size_t i = 0; i < count; i++) {
        const double *row = factor + i * count;
        out[i] = (-gradient[i] - models__dot(row, out, i)) / row[i];
    }
    for (size_t i = count; i-- > 0;) {
        out[i] /= factor[i * count + i];
        for (size_t j = 0; j < i; j++) out[j] -= factor[i * count + j] * out[i];
    }
    return true;
}
