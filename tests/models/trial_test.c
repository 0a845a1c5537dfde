/* Trials on folds: all labelled rows are held out, each once, and what is said of them is of all. */
#include "models/train/trial.h"

#include <math.h>

#include "tests/models/dataset.h"

enum { ROWS = 53, WITHOUT = 8 };

static char *folder, *dataset, *out;

/* The label is the row's number; every seventh row has no weight, and counts as one without a label. */
static int make(void **state) {
    (void)state;
    peal_error err;
    peal_buffer text = {0};
    folder = test_folder();
    dataset = test_path(folder, "rows.ds");
    out = test_path(folder, "m.safetensors");
    char *csv = test_path(folder, "rows.csv");
    assert_ok(peal_buffer_append(&text, "x,w,y\n", 6, &err));
    for (int row = 0; row < ROWS; row++) {
        char line[40];
        const int size = snprintf(line, sizeof line, "%d,%s,%d\n", row, row % 7 == 3 ? "" : "1", row);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    peal_buffer_clear(&text);
    json_t *weight = json_pack("[{s:s, s:s}]", "transform", "weight", "columns", "w");
    test_dataset(csv, dataset, (peal_plan_options){.transforms = weight});
    json_decref(weight);
    free(csv);
    return 0;
}

static int clear(void **state) {
    (void)state;
    free(folder);
    free(dataset);
    free(out);
    return 0;
}

static peal_train_options options(void) {
    peal_train_options all = peal_train_default();
    all.dataset = dataset;
    all.out = out;
    return all;
}

static void folds_hold_out_each_row_once(void **state) {
    (void)state;
    peal_error err;
    models__trial *trial;
    const peal_train_options all = options();
    uint8_t seen[ROWS] = {0};
    assert_ok(models__trial_new(&all, "linear", "0.2", NULL, &trial, &err));
    while (trial->folds < MODELS__FOLDS) assert_ok(models__trial_fold(trial, &err));
    const models__held held = models__trial_held(trial);
    assert_int_equal(held.rows, ROWS - WITHOUT);
    assert_int_equal(held.metrics->rows, held.rows);
    for (uint64_t i = 0; i < held.rows; i++) {
        const size_t row = (size_t)held.labels[i];
        assert_true(row % 7 != 3 && !seen[row]++);
    }
    assert_true(held.metrics->r2 > 0.99);
    models__trial_free(trial);
}

/* Also where that is all of the fraction, and never all rows. */
static void a_row_is_held_out_and_one_is_left(void **state) {
    (void)state;
    static const char *const parts[] = {"0.0001", "0.9999"};
    const uint64_t wanted[] = {1, ROWS - WITHOUT - 1};
    for (size_t i = 0; i < 2; i++) {
        peal_error err;
        models__trial *trial;
        const peal_train_options all = options();
        assert_ok(models__trial_new(&all, "linear", parts[i], NULL, &trial, &err));
        assert_int_equal(models__trial_held(trial).rows, wanted[i]);
        models__trial_free(trial);
    }
}

/* The gain is of the rows that both have held out, and has a sign. */
static void gains_are_row_by_row(void **state) {
    (void)state;
    peal_error err;
    models__trial *good, *poor;
    const peal_train_options all = options();
    assert_ok(models__trial_new(&all, "linear", "0.2", NULL, &good, &err));
    assert_ok(models__trial_new(&all, "linear:l2=100", "0.2", NULL, &poor, &err));
    const uint64_t first = models__trial_held(good).rows;
    const double loss_of_fold = models__trial_held(good).metrics->loss;
    assert_ok(models__trial_fold(good, &err));
    peal_metrics again; /* of one fold of the two: what is compared with a model that was tried on it alone */
    assert_ok(models__trial_measure(good, first, &again, &err));
    assert_true(again.rows == first && fabs(again.loss - loss_of_fold) < 1e-15);
    const models__gain gain = models__trial_gain(poor, good), loss = models__trial_gain(good, poor);
    assert_true(gain.rows == (double)first && loss.rows == (double)first);
    assert_true(gain.mean > gain.error && gain.error > 0 && gain.wins > gain.rows / 2);
    assert_true(fabs(gain.mean + loss.mean) < 1e-12 && gain.wins + loss.wins == gain.rows);
    assert_true(fabs(models__trial_held(poor).metrics->loss - gain.mean) <
                1e-3); /* that of the good one is next to 0 */
    models__trial_free(good);
    models__trial_free(poor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_hold_out_each_row_once),
        cmocka_unit_test(a_row_is_held_out_and_one_is_left),
        cmocka_unit_test(gains_are_row_by_row),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
