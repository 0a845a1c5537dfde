/* The line search on functions with known shapes; the two loops against the matrix that they stand for. */
#include "models/learner/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/philox.h"
#include "tests/support.h"

typedef double (*function)(double t, double *slope);

static double parabola(double t, double *slope) {
    *slope = 2 * (t - 3);
    return (t - 3) * (t - 3);
}
static double far_parabola(double t, double *slope) {
    *slope = 2e-6 * (t - 1000);
    return 1e-6 * (t - 1000) * (t - 1000);
}
static double wall(double t, double *slope) { /* overflows behind 0.01 */
    *slope = -1 + 5e4 * exp(5e4 * (t - 0.01));
    return -t + exp(5e4 * (t - 0.01));
}
static double waves(double t, double *slope) {
    *slope = -0.4 + 0.3 * cos(20 * t) + 0.1 * t;
    return -0.4 * t + 0.015 * sin(20 * t) + 0.05 * t * t;
}
static double offset(double t, double *slope) { /* what is gained is lost in rounding */
    *slope = 2e-9 * (t - 1);
    return 1e6 + 1e-9 * (t - 1) * (t - 1);
}

static void the_line_search_ends_where_it_should(void **state) {
    (void)state;
    static const function functions[] = {parabola, far_parabola, wall, waves, offset};
    for (size_t i = 0; i < 5; i++) {
        for (double first = 1e-4; first < 1e5; first *= 10) {
            double slope, slope0;
            const double f0 = functions[i](0, &slope0);
            models__line line;
            models__line_begin(&line, f0, slope0, first);
            models__verdict verdict = MODELS__GO_ON;
            double t = 0, f = f0;
            for (int tries = 0; verdict == MODELS__GO_ON; tries++) {
                assert_true(tries < 50 && line.t > 0);
                t = line.t;
                f = functions[i](t, &slope);
                verdict = models__line_step(&line, f, slope);
            }
            assert_int_equal(verdict, MODELS__ACCEPT);
            assert_true(fabs(slope) <= 0.9 * fabs(slope0));
            assert_true(f <= f0 + 1e-4 * t * slope0 + 1e-12 * fabs(f0));
        }
    }
}

static void what_cannot_fall_is_given_up(void **state) {
    (void)state;
    models__line line;
    models__line_begin(&line, 1, -1, 1); /* whose slope is a lie */
    models__verdict verdict = MODELS__GO_ON;
    for (int tries = 0; verdict == MODELS__GO_ON && tries < 100; tries++) verdict = models__line_step(&line, 2, 1);
    assert_int_equal(verdict, MODELS__GIVE_UP);
    models__line_begin(&line, 1, -1, 1);
    verdict = MODELS__GO_ON;
    for (int tries = 0; verdict == MODELS__GO_ON && tries < 100; tries++)
        verdict = models__line_backtrack(&line, 2, -1);
    assert_int_equal(verdict, MODELS__GIVE_UP);
    models__line_begin(&line, 1, -1, 1);
    assert_int_equal(models__line_backtrack(&line, (double)NAN, -1), MODELS__GO_ON);
    assert_true(line.t < 1);
    assert_int_equal(models__line_backtrack(&line, 0.9, -0.1), MODELS__ACCEPT);
}

enum { N = 7, H = 5, COUNT = 4, SIZE = 2 * H + 1 };

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < N; i++) sum += a[i] * b[i];
    return sum;
}

/* H <- (I - r s y') H (I - r y s') + r s s', r = 1 / s'y, from the scaled identity: Nocedal and Wright (7.16). */
static void update(double h[N][N], const double *s, const double *y) {
    double left[N][N], out[N][N];
    const double r = 1 / dot(s, y);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            left[i][j] = 0;
            for (size_t k = 0; k < N; k++) left[i][j] += ((i == k) - r * s[i] * y[k]) * h[k][j];
        }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            out[i][j] = r * s[i] * s[j];
            for (size_t k = 0; k < N; k++) out[i][j] += left[i][k] * ((k == j) - r * y[k] * s[j]);
        }
    memcpy(h, out, sizeof out);
}

static void two_loops_make_the_matrix_product(void **state) {
    (void)state;
    peal_philox random = peal_philox_stream(2, PEAL_PURPOSE_USER, 0, 0, 0);
    double basis[SIZE][N], products[SIZE * SIZE], coefficients[SIZE], matrix[N][N] = {{0}};
    for (size_t i = 0; i < SIZE; i++)
        for (size_t j = 0; j < N; j++) basis[i][j] = (double)peal_philox_normal(&random);
    for (size_t i = 0; i < H; i++) /* curved upwards */
        for (size_t j = 0; j < N; j++) basis[H + i][j] = (double)(1 + j) * basis[i][j] + 0.1 * basis[H + i][j];
    for (size_t i = 0; i < SIZE; i++)
        for (size_t j = 0; j < SIZE; j++) products[i * SIZE + j] = dot(basis[i], basis[j]);
    const size_t pairs[COUNT] = {3, 4, 0, 1}; /* 2 is free */
    const double *s = basis[1], *y = basis[H + 1];
    for (size_t i = 0; i < N; i++) matrix[i][i] = dot(s, y) / dot(y, y);
    for (size_t p = 0; p < COUNT; p++) update(matrix, basis[pairs[p]], basis[H + pairs[p]]);
    models__two_loops(products, H, pairs, COUNT, coefficients);
    for (size_t j = 0; j < N; j++) {
        double direction = 0, wanted = 0;
        for (size_t i = 0; i < SIZE; i++) direction += coefficients[i] * basis[i][j];
        for (size_t k = 0; k < N; k++) wanted -= matrix[j][k] * basis[2 * H][k];
        assert_true(fabs(direction - wanted) < 1e-9 * (1 + fabs(wanted)));
    }
    assert_true(coefficients[2] == 0 && coefficients[H + 2] == 0);
    models__two_loops(products, H, NULL, 0, coefficients);
    for (size_t i = 0; i < SIZE; i++) assert_true(coefficients[i] == (i == 2 * H ? -1 : 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_search_ends_where_it_should),
        cmocka_unit_test(what_cannot_fall_is_given_up),
        cmocka_unit_test(two_loops_make_the_matrix_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
