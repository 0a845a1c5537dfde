/* Losses against numeric differences and, where a formula says more, against it; what scores mean. */
#include <math.h>

#include "models/net/loss.h"
#include "tests/support.h"

typedef struct loss_case {
    const peal_loss *loss;
    size_t outputs;
    uint32_t classes;
    peal_loss_terms terms;
} loss_case;

static const loss_case cases[] = {
    {&peal_loss_squared, 1, 0, {.unit = 1}},
    {&peal_loss_logistic, 1, 2, {.unit = 1}},
    {&peal_loss_softmax, 3, 3, {.unit = 1}},
    {&peal_loss_logistic, 1, 2, {.unit = 1, .smoothing = 0.2}},
    {&peal_loss_softmax, 3, 3, {.unit = 1, .smoothing = 0.3}},
    {&peal_loss_squared_hinge, 1, 2, {.unit = 1}},
    {&peal_loss_squared_hinge, 3, 3, {.unit = 1}},
    {&peal_loss_poisson, 1, 0, {.unit = 3.5}},
    {&peal_loss_huber, 1, 0, {.parameter = 1.35, .unit = 1, .extra = -0.7}},
    {&peal_loss_quantile, 1, 0, {.parameter = 0.8, .smooth = 0.3, .unit = 1}},
    {&peal_loss_quantile, 1, 0, {.parameter = 0.1, .smooth = 0.01, .unit = 1}},
};
enum { CASES = sizeof cases / sizeof *cases };

static double value(const loss_case *one, const double *scores, double target, double extra) {
    double derivatives[3], ignored = 0;
    peal_loss_terms terms = one->terms;
    terms.extra = extra;
    return one->loss->row(&terms, scores, one->outputs, target, derivatives, &ignored);
}

static void derivatives_are_those_of_the_losses(void **state) {
    (void)state;
    const double h = 1e-6;
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t c = 0; c < CASES; c++) {
        const loss_case *one = &cases[c];
        for (int trial = 0; trial < 200; trial++) {
            double scores[3], derivatives[3], extra = 0;
            for (size_t k = 0; k < 3; k++) scores[k] = 2 * (double)peal_philox_normal(&random);
            const double target = one->classes ? (double)peal_philox_below(&random, one->classes)
                                               : fabs((double)peal_philox_normal(&random) * 2);
            one->loss->row(&one->terms, scores, one->outputs, target, derivatives, &extra);
            for (size_t k = 0; k < one->outputs; k++) {
                double up[3] = {scores[0], scores[1], scores[2]}, down[3] = {scores[0], scores[1], scores[2]};
                up[k] += h;
                down[k] -= h;
                const double slope =
                    (value(one, up, target, one->terms.extra) - value(one, down, target, one->terms.extra)) / (2 * h);
                assert_true(fabs(slope - derivatives[k]) <= 1e-4 * (1 + fabs(slope)));
            }
            if (!one->loss->has_extra) continue;
            const double slope =
                (value(one, scores, target, one->terms.extra + h) - value(one, scores, target, one->terms.extra - h)) /
                (2 * h);
            assert_true(fabs(slope - extra) <= 1e-4 * (1 + fabs(slope)));
        }
    }
}

static void no_score_is_too_large(void **state) {
    (void)state;
    for (size_t c = 0; c < CASES; c++) {
        const loss_case *one = &cases[c];
        if (one->loss == &peal_loss_poisson) continue; /* whose rate it is */
        for (double score = -1e6; score <= 1e6; score += 2e6) {
            const double scores[3] = {score, -score, 0};
            assert_true(isfinite(value(one, scores, 1, one->terms.extra)));
        }
    }
}

/* Less smooth, it is the pinball loss; far from the kink it is so anyway. */
static void the_quantile_tightens(void **state) {
    (void)state;
    double derivative, ignored;
    for (double u = -2; u <= 2; u += 0.25) {
        const double pinball = u > 0 ? 0.8 * u : -0.2 * u, score = 5 - u;
        double before = INFINITY;
        for (const double *h = peal_loss_quantile.smooths; *h > 0; h++) {
            const peal_loss_terms terms = {.parameter = 0.8, .smooth = *h, .unit = 1};
            const double away = fabs(peal_loss_quantile.row(&terms, &score, 1, 5, &derivative, &ignored) - pinball);
            assert_true(away <= before + 1e-12 && away <= *h * log(2) + 1e-12);
            before = away;
        }
    }
}

static void scores_mean_probabilities_or_numbers(void **state) {
    (void)state;
    const peal_shape number = {.label_mean = 10, .label_deviation = 4}, two = {.classes = 2}, three = {.classes = 3};
    double out[3];
    const double half = 0.5, scores[3] = {0.3, -0.2, 2};
    peal_loss_squared.predict(&number, &half, 1, out);
    assert_true(out[0] == 12);
    peal_loss_poisson.predict(&number, &half, 1, out);
    assert_true(fabs(out[0] - 10 * exp(0.5)) < 1e-12);
    peal_loss_logistic.predict(&two, &half, 1, out);
    assert_true(fabs(out[1] - 1 / (1 + exp(-0.5))) < 1e-15 && fabs(out[0] + out[1] - 1) < 1e-15);
    peal_loss_softmax.predict(&three, scores, 3, out);
    assert_true(fabs(out[0] + out[1] + out[2] - 1) < 1e-15 && fabs(out[2] / out[0] - exp(1.7)) < 1e-12);
    peal_loss_squared_hinge.predict(&three, scores, 3, out);
    assert_true(fabs(out[0] + out[1] + out[2] - 1) < 1e-15 && out[2] > out[0] && out[0] > out[1]);
    assert_true(peal_loss_target(&peal_loss_squared, &number, 12) == 0.5);
    assert_true(peal_loss_target(&peal_loss_poisson, &number, 12) == 12);
    assert_true(peal_loss_target(&peal_loss_logistic, &two, 1) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_are_those_of_the_losses),
        cmocka_unit_test(no_score_is_too_large),
        cmocka_unit_test(the_quantile_tightens),
        cmocka_unit_test(scores_mean_probabilities_or_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
