/* Metrics, compared with plain definitions. */
#include "models/predict/metrics.h"

#include <math.h>

#include "core/base/philox.h"
#include "tests/support.h"

/* AUC by its definition: over all pairs of a positive and a negative. */
static void auc_equals_that_of_all_pairs(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 20; seed++) {
        peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
        enum { N = 200 };
        double scores[N];
        double labels[N], wins = 0, pairs = 0;
        for (int i = 0; i < N; i++) {
            scores[i] = (double)peal_philox_below(&random, seed % 2 ? 20 : 100000) / 100000; /* with many ties or few */
            labels[i] = peal_philox_below(&random, 3) == 0;
            if (i % 50 == 7) labels[i] = (double)NAN;
        }
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                if (!(labels[i] == 1 && labels[j] == 0)) continue;
                pairs++;
                wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
        }
        peal_error err;
        peal_metrics metrics;
        assert_ok(peal_metrics_compute(scores, 1, labels, NULL, N, 2, 1, &metrics, &err));
        assert_int_equal(metrics.rows, N);
        assert_int_equal(metrics.unknown_labels, 4);
        assert_true(fabs(metrics.auc - wins / pairs) < 1e-12);
    }
}

/* Rows whose label or score is no number are wrong, and as improbable as a row can be. */
static void what_is_not_known_counts_as_wrong(void **state) {
    (void)state;
    peal_error err;
    peal_metrics metrics;
    const double scores[] = {0.7, 0.3, 0.2, 0.8, 0.9, 0.1, NAN, NAN};
    const double labels[] = {0, 1, (double)NAN, 0};
    assert_ok(peal_metrics_compute(scores, 2, labels, NULL, 4, 2, 1, &metrics, &err));
    assert_int_equal(metrics.rows, 4);
    assert_int_equal(metrics.unknown_labels, 1);
    assert_true(metrics.accuracy == 0.5);
    assert_true(fabs(metrics.log_loss - (-log(0.7) - log(0.8) - 2 * log(1e-15)) / 4) < 1e-6);
    const double numbers[] = {1, 3, (double)NAN, 5};
    const double predicted[] = {1, 2, 4, 5};
    assert_ok(peal_metrics_compute(predicted, 1, numbers, NULL, 4, 0, 1, &metrics, &err));
    assert_int_equal(metrics.rows, 3);
    assert_int_equal(metrics.unknown_labels, 1);
}

static void known_values(void **state) {
    (void)state;
    peal_error err;
    peal_metrics metrics;
    const double scores[] = {0.7, 0.2, 0.1, 0.3, 0.3, 0.4};
    const double labels[] = {0, 1};
    assert_ok(peal_metrics_compute(scores, 3, labels, NULL, 2, 3, 1, &metrics, &err));
    assert_true(metrics.accuracy == 0.5);
    assert_true(fabs(metrics.log_loss - (-log(0.7) - log(0.3)) / 2) < 1e-6);
    const double numbers[] = {1, 2, 4};
    const double truth[] = {1, 3, 5};
    assert_ok(peal_metrics_compute(numbers, 1, truth, NULL, 3, 0, 2, &metrics, &err));
    assert_true(fabs(metrics.rmse - sqrt(2.0 / 3)) < 1e-12 && fabs(metrics.mae - 2.0 / 3) < 1e-12);
    assert_true(fabs(metrics.r2 - (1 - 2.0 / 8)) < 1e-12);
    assert_true(fabs(metrics.loss - 2.0 / 3 / 8) < 1e-12);
}

/* A row that counts two is two rows, one that counts nothing is none. */
static void weights_are_copies(void **state) {
    (void)state;
    peal_error err;
    peal_metrics weighed, copied;
    const double scores[] = {0.7, 0.2, 0.4, 0.4, 0.9}, copies[] = {0.7, 0.7, 0.2, 0.4, 0.4, 0.4, 0.4};
    const double labels[] = {1, 0, 1, 0, 0}, copied_labels[] = {1, 1, 0, 1, 1, 1, 0};
    const double weights[] = {2, 1, 3, 1, 0};
    for (uint32_t classes = 0; classes <= 2; classes += 2) {
        assert_ok(peal_metrics_compute(scores, 1, labels, weights, 5, classes, 2, &weighed, &err));
        assert_ok(peal_metrics_compute(copies, 1, copied_labels, NULL, 7, classes, 2, &copied, &err));
        assert_true(fabs(weighed.loss - copied.loss) < 1e-12);
        if (classes == 0) {
            assert_true(fabs(weighed.r2 - copied.r2) < 1e-12 && fabs(weighed.mae - copied.mae) < 1e-12);
        } else {
            assert_true(fabs(weighed.auc - copied.auc) < 1e-12 && fabs(weighed.accuracy - copied.accuracy) < 1e-12);
        }
    }
}

static void one_class_has_no_auc(void **state) {
    (void)state;
    peal_error err;
    peal_metrics metrics;
    const double scores[] = {0.7, 0.2};
    const double labels[] = {1, 1};
    assert_ok(peal_metrics_compute(scores, 1, labels, NULL, 2, 2, 1, &metrics, &err));
    assert_true(isnan(metrics.auc));
    json_t *saved = peal_metrics_save(&metrics);
    assert_true(json_is_null(json_object_get(saved, "auc")));
    json_decref(saved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auc_equals_that_of_all_pairs),
        cmocka_unit_test(what_is_not_known_counts_as_wrong),
        cmocka_unit_test(known_values),
        cmocka_unit_test(weights_are_copies),
        cmocka_unit_test(one_class_has_no_auc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
