/* Every op's forward against its formula in double precision, and every gradient against numeric differences of that
 * formula. The formulas stand here a second time, plainly. */
#include <math.h>

#include "core/base/philox.h"
#include "ops/op/op.h"
#include "tests/support.h"

enum { N = 5, D = 7, K = 4 };

/* What a case computes: a scalar of its parameters, in double. */
typedef double (*formula)(const double *params);

static double data[N * D]; /* the input x */
static int32_t labels[N], codes[N * 2];
static float targets[N], weights[N];
static double smoothing; /* of labels */

static void fill(double *values, size_t count, uint32_t stream) {
    peal_philox random = peal_philox_stream(11, PEAL_PURPOSE_USER, stream, 0, 0);
    for (size_t i = 0; i < count; i++) values[i] = (double)(float)(peal_philox_normal(&random) * 0.7f);
}

static void make_data(void) {
    fill(data, N * D, 1);
    for (int i = 0; i < N; i++) {
        labels[i] = i % K;
        codes[2 * i] = i % 3 == 0 ? -1 : i % D;
        codes[2 * i + 1] = (i * 2) % D;
        targets[i] = (float)i / 3 - 0.5f;
        weights[i] = 0.25f * (float)(i % 5); /* one of them counts nothing */
    }
}

/* x [N, D] w [D, K] + b [K] */
static void plain_linear(const double *params, double out[N * K]) {
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < K; k++) {
            double sum = params[D * K + k];
            for (int d = 0; d < D; d++) sum += data[i * D + d] * params[d * K + k];
            out[i * K + k] = sum;
        }
    }
}

static double plain_softmax_loss(const double *logits) {
    double loss = 0;
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int k = 0; k < K; k++) sum += exp(logits[i * K + k]);
        for (int k = 0; k < K; k++) {
            const double share = (k == labels[i]) * (1 - smoothing) + smoothing / K;
            loss += (double)weights[i] * share * (log(sum) - logits[i * K + k]);
        }
    }
    return loss / N;
}

static double linear_softmax(const double *params) {
    double out[N * K];
    plain_linear(params, out);
    return plain_softmax_loss(out);
}

static double activated(const double *params, double (*function)(double)) {
    double out[N * K];
    plain_linear(params, out);
    for (int i = 0; i < N * K; i++) out[i] = function(out[i]);
    return plain_softmax_loss(out);
}

static double plain_relu(double x) {
    return x > 0 ? x : 0;
}

static double plain_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double relu_case(const double *params) {
    return activated(params, plain_relu);
}

static double tanh_case(const double *params) {
    return activated(params, tanh);
}

static double sigmoid_case(const double *params) {
    return activated(params, plain_sigmoid);
}

static double l2_case(const double *params) {
    double sum = 0;
    for (int i = 0; i < D * K; i++) sum += params[i] * params[i];
    return linear_softmax(params) + 0.3 / 2 * sum;
}

/* The first column of the linear layer alone. */
static double column(const double *params, int i) {
    double sum = params[D * K];
    for (int d = 0; d < D; d++) sum += data[i * D + d] * params[d * K];
    return sum;
}

static double sigmoid_loss_case(const double *params) {
    double loss = 0;
    for (int i = 0; i < N; i++) {
        double p = plain_sigmoid(column(params, i));
        const double share = labels[i] % 2 * (1 - smoothing) + smoothing / 2;
        loss -= (double)weights[i] * (share * log(p) + (1 - share) * log(1 - p));
    }
    return loss / N;
}

static double squared_case(const double *params) {
    double loss = 0;
    for (int i = 0; i < N; i++) {
        loss += (double)weights[i] * pow(column(params, i) - (double)targets[i], 2);
    }
    return loss / (2 * N);
}

/* table [D, K], summed over two codes a row, plus the linear layer */
static double lookup_case(const double *params) {
    double out[N * K];
    plain_linear(params, out);
    const double *rows = params + D * K + K;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < 2; j++) {
            for (int k = 0; k < K && codes[2 * i + j] >= 0; k++) out[i * K + k] += rows[codes[2 * i + j] * K + k];
        }
    }
    return plain_softmax_loss(out);
}

typedef struct built {
    peal_graph *graph;
    peal_node *x, *y, *weight, *codes, *w, *b, *table, *out;
} built;

static void build_linear(built *one, size_t width) {
    peal_error err;
    one->graph = peal_graph_new();
    assert_ok(peal_graph_input(one->graph, "x", PEAL_ELEMENT_FLOAT32, D, &one->x, &err));
    assert_ok(peal_graph_parameter(one->graph, "w", D, width, PEAL_INIT_ZERO, &one->w, &err));
    assert_ok(peal_graph_parameter(one->graph, "b", 1, width, PEAL_INIT_ZERO, &one->b, &err));
    peal_node *inputs[] = {one->x, one->w, one->b};
    assert_ok(peal_graph_add(one->graph, &peal_op_linear, inputs, 3, 0, &one->out, &err));
}

static void add_loss(built *one, const peal_op *loss) {
    peal_error err;
    peal_element element = loss == &peal_op_squared_error ? PEAL_ELEMENT_FLOAT32 : PEAL_ELEMENT_INT32;
    assert_ok(peal_graph_input(one->graph, "y", element, 1, &one->y, &err));
    assert_ok(peal_graph_input(one->graph, "weights", PEAL_ELEMENT_FLOAT32, 1, &one->weight, &err));
    peal_node *inputs[] = {one->out, one->y, one->weight}, *node;
    assert_ok(peal_graph_add(one->graph, loss, inputs, 3, (float)smoothing, &node, &err));
}

/* Where a formula's parameter lies in the graph's flat vector; the formulas have w as [D, K] always. */
static size_t place(const built *one, size_t index) {
    size_t width = one->w->width;
    if (index < D * K) return index % K < width ? one->w->offset + index / K * width + index % K : SIZE_MAX;
    index -= D * K;
    if (index < K) return index < width ? one->b->offset + index : SIZE_MAX;
    return one->table->offset + index - K;
}

static void check(built *one, formula plain, size_t count, bool odd_labels) {
    peal_error err;
    assert_ok(peal_graph_plan(one->graph, N + 3, true, &err));
    size_t floats = peal_graph_parameter_floats(one->graph);
    float *params = calloc(floats, sizeof *params), *grads = calloc(floats, sizeof *grads);
    double values[D * K + K + D * K];
    fill(values, count, 2);
    for (size_t i = 0; i < count; i++) {
        if (place(one, i) != SIZE_MAX) params[place(one, i)] = (float)values[i];
    }
    peal_graph_bind(one->graph, params, grads, NULL);
    for (size_t i = 0; i < N * D; i++) ((float *)one->x->value)[i] = (float)data[i];
    memcpy(one->weight->value, weights, sizeof weights);
    for (size_t i = 0; i < N; i++) {
        if (one->y->element == PEAL_ELEMENT_FLOAT32) {
            ((float *)one->y->value)[i] = targets[i];
        } else {
            ((int32_t *)one->y->value)[i] = odd_labels ? labels[i] % 2 : labels[i];
        }
    }
    if (one->codes) memcpy(one->codes->value, codes, sizeof codes);
    peal_run run = {.rows = N, .training = true};
    for (int twice = 0; twice < 2; twice++) { /* a second run must not see the first one's gradients */
        peal_graph_forward(one->graph, &run);
        peal_graph_backward(one->graph, &run);
    }
    assert_true(fabs(peal_graph_loss(one->graph) - plain(values)) < 1e-5);
    for (size_t i = 0; i < count; i++) {
        if (place(one, i) == SIZE_MAX) continue;
        const double step = 1e-5, kept = values[i];
        values[i] = kept + step;
        double above = plain(values);
        values[i] = kept - step;
        double below = plain(values);
        values[i] = kept;
        double numeric = (above - below) / (2 * step), mine = (double)grads[place(one, i)];
        if (fabs(numeric - mine) > 2e-5) fail_msg("parameter %zu: gradient %g, numeric %g", i, mine, numeric);
    }
    free(params);
    free(grads);
    peal_graph_free(one->graph);
}

static void linear_and_softmax_cross_entropy(void **state) {
    (void)state;
    built one = {0};
    build_linear(&one, K);
    add_loss(&one, &peal_op_softmax_cross_entropy);
    check(&one, linear_softmax, D * K + K, false);
}

static void smooth_labels(void **state) {
    (void)state;
    smoothing = 0.25;
    linear_and_softmax_cross_entropy(state);
    built one = {0};
    build_linear(&one, 1);
    add_loss(&one, &peal_op_sigmoid_cross_entropy);
    check(&one, sigmoid_loss_case, D * K + K, true);
    smoothing = 0;
}

static void activations(void **state) {
    (void)state;
    const peal_op *const ops[] = {&peal_op_relu, &peal_op_tanh, &peal_op_sigmoid};
    const formula formulas[] = {relu_case, tanh_case, sigmoid_case};
    for (size_t i = 0; i < 3; i++) {
        peal_error err;
        built one = {0};
        build_linear(&one, K);
        assert_ok(peal_graph_add(one.graph, ops[i], &one.out, 1, 0, &one.out, &err));
        add_loss(&one, &peal_op_softmax_cross_entropy);
        check(&one, formulas[i], D * K + K, false);
    }
}

static void l2_penalty(void **state) {
    (void)state;
    peal_error err;
    built one = {0};
    peal_node *loss;
    build_linear(&one, K);
    assert_ok(peal_graph_add(one.graph, &peal_op_l2, &one.w, 1, 0.3f, &loss, &err));
    add_loss(&one, &peal_op_softmax_cross_entropy);
    check(&one, l2_case, D * K + K, false);
}

static void sigmoid_cross_entropy(void **state) {
    (void)state;
    built one = {0};
    build_linear(&one, 1);
    add_loss(&one, &peal_op_sigmoid_cross_entropy);
    check(&one, sigmoid_loss_case, D * K + K, true);
}

static void squared_error(void **state) {
    (void)state;
    built one = {0};
    build_linear(&one, 1);
    add_loss(&one, &peal_op_squared_error);
    check(&one, squared_case, D * K + K, false);
}

static void lookup_and_add(void **state) {
    (void)state;
    peal_error err;
    built one = {0};
    build_linear(&one, K);
    assert_ok(peal_graph_input(one.graph, "codes", PEAL_ELEMENT_INT32, 2, &one.codes, &err));
    assert_ok(peal_graph_parameter(one.graph, "table", D, K, PEAL_INIT_ZERO, &one.table, &err));
    peal_node *inputs[] = {one.codes, one.table}, *sum[2] = {one.out};
    assert_ok(peal_graph_add(one.graph, &peal_op_lookup, inputs, 2, 0, &sum[1], &err));
    assert_ok(peal_graph_add(one.graph, &peal_op_add, sum, 2, 0, &one.out, &err));
    add_loss(&one, &peal_op_softmax_cross_entropy);
    check(&one, lookup_case, D * K + K + D * K, false);
}

enum { TABLE_ROWS = 9, TABLE_BATCH = 3, TABLE_K = 2 };

/* A lookup and a sparse layer, each over a table or an ordinary parameter, added up. */
typedef struct row_layers {
    peal_graph *graph;
    peal_node *codes, *sparse, *parameters[2], *labels, *weights;
    float *values, *gradients;
    peal_touched touched;
    uint32_t rows[2 * TABLE_ROWS];
    uint8_t marks[2 * TABLE_ROWS];
} row_layers;

static void build_row_layers(row_layers *self, bool tables) {
    peal_error err;
    peal_node *bias, *outs[2], *out, *loss;
    *self = (row_layers){.graph = peal_graph_new()};
    peal_status (*add)(peal_graph *, const char *, size_t, size_t, peal_init, peal_node **, peal_error *) =
        tables ? peal_graph_table : peal_graph_parameter;
    assert_ok(peal_graph_input(self->graph, "codes", PEAL_ELEMENT_INT32, 2, &self->codes, &err));
    assert_ok(peal_graph_input(self->graph, "sparse", PEAL_ELEMENT_SPARSE, 1, &self->sparse, &err));
    assert_ok(peal_graph_input(self->graph, "labels", PEAL_ELEMENT_INT32, 1, &self->labels, &err));
    assert_ok(peal_graph_input(self->graph, "weights", PEAL_ELEMENT_FLOAT32, 1, &self->weights, &err));
    assert_ok(add(self->graph, "c", TABLE_ROWS, TABLE_K, PEAL_INIT_GLOROT, &self->parameters[0], &err));
    assert_ok(add(self->graph, "s", TABLE_ROWS, TABLE_K, PEAL_INIT_GLOROT, &self->parameters[1], &err));
    assert_ok(peal_graph_parameter(self->graph, "b", 1, TABLE_K, PEAL_INIT_ZERO, &bias, &err));
    assert_ok(peal_graph_add(self->graph, &peal_op_lookup, (peal_node *[]){self->codes, self->parameters[0]}, 2, 0,
                             &outs[0], &err));
    assert_ok(peal_graph_add(self->graph, &peal_op_sparse, (peal_node *[]){self->sparse, self->parameters[1], bias}, 3,
                             0, &outs[1], &err));
    assert_ok(peal_graph_add(self->graph, &peal_op_add, outs, 2, 0, &out, &err));
    assert_ok(peal_graph_add(self->graph, &peal_op_softmax_cross_entropy,
                             (peal_node *[]){out, self->labels, self->weights}, 3, 0, &loss, &err));
    assert_ok(peal_graph_plan(self->graph, TABLE_BATCH, true, &err));
    const size_t floats = peal_graph_parameter_floats(self->graph);
    self->values = calloc(floats, sizeof(float));
    self->gradients = calloc(floats, sizeof(float));
    self->touched = (peal_touched){.rows = self->rows, .marks = self->marks};
    peal_graph_initialise(self->graph, 1, self->values);
    for (size_t t = 0; t < 2; t++) { /* the same ones, wherever they lie */
        for (size_t i = 0; i < TABLE_ROWS * TABLE_K; i++) {
            self->values[self->parameters[t]->offset + i] = (float)(i + t) / 10;
        }
    }
    peal_graph_bind(self->graph, self->values, self->gradients, tables ? &self->touched : NULL);
}

/* Batch `which`: other rows in each. */
static void run_row_layers(row_layers *self, uint32_t which) {
    static const uint32_t indices[2][2] = {{1, 4}, {8, 4}};
    static const float values[2] = {2, -0.5f};
    const int32_t batches[2][2 * TABLE_BATCH] = {{0, 3, 3, -1, 5, 3}, {7, 7, -1, -1, 2, 7}};
    memcpy(self->codes->value, batches[which], sizeof batches[which]);
    for (int32_t i = 0; i < TABLE_BATCH; i++) {
        ((peal_sparse_row *)self->sparse->value)[i] =
            (peal_sparse_row){.indices = indices[which], .values = values, .count = (size_t)i};
        ((int32_t *)self->labels->value)[i] = i % TABLE_K;
        ((float *)self->weights->value)[i] = 1;
    }
    peal_run run = {.rows = TABLE_BATCH, .training = true};
    peal_graph_forward(self->graph, &run);
    peal_graph_backward(self->graph, &run);
}

static void free_row_layers(row_layers *self) {
    peal_graph_free(self->graph);
    free(self->values);
    free(self->gradients);
}

static void tables_have_the_gradient_in_the_rows_that_occur(void **state) {
    (void)state;
    static const uint32_t listed[2][5] = {{0, 3, 5, TABLE_ROWS + 1, TABLE_ROWS + 4},
                                          {2, 7, TABLE_ROWS + 4, TABLE_ROWS + 8, 0}};
    static const size_t listed_count[2] = {5, 4};
    row_layers dense, tables;
    build_row_layers(&dense, false);
    build_row_layers(&tables, true);
    assert_int_equal(peal_graph_table_rows(tables.graph), 2 * TABLE_ROWS);
    assert_int_equal(peal_graph_dense_floats(tables.graph), 16); /* the bias, with its padding */
    assert_int_equal(peal_graph_table_rows(dense.graph), 0);
    for (uint32_t run = 0; run < 3; run++) {
        run_row_layers(&dense, run % 2);
        run_row_layers(&tables, run % 2);
        for (size_t t = 0; t < 2; t++) {
            assert_memory_equal(dense.parameters[t]->grad, tables.parameters[t]->grad,
                                TABLE_ROWS * TABLE_K * sizeof(float));
        }
        assert_int_equal(tables.touched.count, listed_count[run % 2]);
        for (size_t i = 0; i < listed_count[run % 2]; i++) assert_int_equal(tables.marks[listed[run % 2][i]], 1);
    }
    free_row_layers(&dense);
    free_row_layers(&tables);
}

static void bytes_are_scaled(void **state) {
    (void)state;
    peal_error err;
    peal_graph *graph = peal_graph_new();
    peal_node *x, *out;
    assert_ok(peal_graph_input(graph, "x", PEAL_ELEMENT_UINT8, 3, &x, &err));
    assert_ok(peal_graph_add(graph, &peal_op_bytes, &x, 1, 0, &out, &err));
    assert_ok(peal_graph_plan(graph, 1, false, &err));
    memcpy(x->value, (uint8_t[]){0, 51, 255}, 3);
    peal_run run = {.rows = 1};
    peal_graph_forward(graph, &run);
    assert_true(((float *)out->value)[0] == 0 && fabsf(((float *)out->value)[1] - 0.2f) < 1e-7f);
    assert_true(fabsf(((float *)out->value)[2] - 1) < 1e-6f);
    peal_graph_free(graph);
}

static void dropout_drops_its_share_and_scales_the_rest(void **state) {
    (void)state;
    peal_error err;
    peal_graph *graph = peal_graph_new();
    peal_node *x, *out;
    enum { ROWS = 100, WIDTH = 100 };
    assert_ok(peal_graph_input(graph, "x", PEAL_ELEMENT_FLOAT32, WIDTH, &x, &err));
    assert_ok(peal_graph_add(graph, &peal_op_dropout, &x, 1, 0.25f, &out, &err));
    assert_ok(peal_graph_plan(graph, ROWS, true, &err));
    for (size_t i = 0; i < ROWS * WIDTH; i++) ((float *)x->value)[i] = 3;
    peal_run run = {.rows = ROWS, .training = true, .random = peal_philox_stream(1, PEAL_PURPOSE_DROPOUT, 0, 0, 0)};
    peal_graph_forward(graph, &run);
    size_t dropped = 0;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        float value = ((float *)out->value)[i];
        assert_true(value == 0 || value == 4);
        dropped += value == 0;
    }
    assert_true(dropped > 2300 && dropped < 2700);
    run.training = false;
    peal_graph_forward(graph, &run);
    assert_true(((float *)out->value)[17] == 3);
    peal_graph_free(graph);
}

static void shapes_that_do_not_fit_are_refused(void **state) {
    (void)state;
    peal_error err;
    peal_graph *graph = peal_graph_new();
    peal_node *x, *w, *b, *out;
    assert_ok(peal_graph_input(graph, "x", PEAL_ELEMENT_FLOAT32, 3, &x, &err));
    assert_ok(peal_graph_parameter(graph, "w", 4, 2, PEAL_INIT_HE, &w, &err));
    assert_ok(peal_graph_parameter(graph, "b", 1, 2, PEAL_INIT_ZERO, &b, &err));
    peal_node *inputs[] = {x, w, b};
    assert_int_equal(peal_graph_add(graph, &peal_op_linear, inputs, 3, 0, &out, &err), PEAL_E_USAGE);
    assert_int_equal(peal_graph_add(graph, &peal_op_bytes, &x, 1, 0, &out, &err), PEAL_E_USAGE);
    assert_int_equal(peal_graph_add(graph, &peal_op_l2, &x, 1, 0, &out, &err), PEAL_E_USAGE);
    peal_node *table;
    assert_ok(peal_graph_table(graph, "t", 4, 2, PEAL_INIT_HE, &table, &err));
    assert_int_equal(peal_graph_add(graph, &peal_op_l2, &table, 1, 0, &out, &err), PEAL_E_USAGE);
    assert_int_equal(peal_graph_table(graph, "u", UINT32_MAX, 1, PEAL_INIT_HE, &table, &err), PEAL_E_MEMORY);
    peal_graph_free(graph);
}

static int make(void **state) {
    (void)state;
    make_data();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_and_softmax_cross_entropy),
        cmocka_unit_test(smooth_labels),
        cmocka_unit_test(activations),
        cmocka_unit_test(l2_penalty),
        cmocka_unit_test(sigmoid_cross_entropy),
        cmocka_unit_test(squared_error),
        cmocka_unit_test(lookup_and_add),
        cmocka_unit_test(tables_have_the_gradient_in_the_rows_that_occur),
        cmocka_unit_test(bytes_are_scaled),
        cmocka_unit_test(dropout_drops_its_share_and_scales_the_rest),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
