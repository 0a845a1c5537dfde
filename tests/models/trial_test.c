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
    assert_ok(models__trial_new(&all, "linear", "0.2", NULL, true, &trial, &err));
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
        assert_ok(models__trial_new(&all, "linear", parts[i], NULL, true, &trial, &err));
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
    assert_ok(models__trial_new(&all, "linear", "0.2", NULL, true, &good, &err));
    assert_ok(models__trial_new(&all, "linear:l2=100", "0.2", NULL, true, &poor, &err));
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

static double loss_at(const models__trial *trial, size_t epoch) {
    double loss = 0;
    for (size_t i = 0; i < trial->folds; i++) {
        const models__fold *fold = &trial->fold[i];
        const size_t epochs = fold->losses.size / sizeof(double);
        const double *losses = (const double *)(const void *)fold->losses.data;
        loss += fold->weights * losses[(epoch < epochs ? epoch : epochs) - 1];
    }
    return loss;
}

/* What is said of all rows is what one epoch said of them, whichever served each fold best. */
static void folds_share_their_best_epoch(void **state) {
    (void)state;
    peal_error err;
    models__trial *trial;
    peal_train_options all = options();
    size_t fewer[MODELS__FOLDS], at = 0, others = 0;
    all.patience = 40; /* all rounds are made */
    assert_ok(models__trial_new(&all, "trees:rounds=40,min_rows=2,rate=0.3", "0.2", NULL, true, &trial, &err));
    while (trial->folds < MODELS__FOLDS) {
        fewer[trial->folds - 1] = trial->best_epoch;
        assert_ok(models__trial_fold(trial, &err));
    }
    for (size_t epoch = 1; epoch <= 40; epoch++) {
        assert_true(loss_at(trial, epoch) > loss_at(trial, trial->best_epoch) ||
                    (epoch >= trial->best_epoch && loss_at(trial, epoch) == loss_at(trial, trial->best_epoch)));
    }
    assert_true(fabs(trial->valid.loss * (ROWS - WITHOUT) - loss_at(trial, trial->best_epoch)) < 1e-9);
    for (size_t i = 0; i < MODELS__FOLDS; i++) {
        const models__fold *fold = &trial->fold[i];
        const size_t size = fold->rows * sizeof(double);
        assert_true(fold->scores.size >= trial->best_epoch * size);
        assert_memory_equal(trial->scores.data + at, fold->scores.data + (trial->best_epoch - 1) * size, size);
        at += size;
    }
    for (size_t i = 0; i + 1 < MODELS__FOLDS; i++) others += fewer[i] != trial->best_epoch;
    assert_true(others > 0); /* else this shows nothing */
    models__trial_free(trial);
}

/* What Adam keeps of a unit that has gone silent ends at 0, not at the numbers next to it, which take long. */
static void silent_units_are_at_zero(void **state) {
    (void)state;
    peal_error err;
    models__trial *trial;
    peal_train_options all = options();
    size_t zeros = 0, tiny = 0;
    all.epochs = 3000;
    assert_ok(models__trial_new(&all, "mlp:hidden=64x64,l2=0", "0.2", NULL, false, &trial, &err));
    const peal_layout *layout = &trial->trainer.shared.layout;
    for (size_t i = 0; i < layout->count; i++) {
        const peal_tensor *tensor = &layout->tensors[i].tensor;
        if (tensor->type != PEAL_TENSOR_FLOAT32) continue;
        const float *numbers = tensor->data;
        for (uint64_t k = 0; k < peal_tensor_count(tensor); k++) {
            zeros += numbers[k] == 0;
            tiny += numbers[k] != 0 && fabsf(numbers[k]) < 1.17549435e-38f;
        }
    }
    assert_true(zeros > 0 && tiny == 0);
    models__trial_free(trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_hold_out_each_row_once), cmocka_unit_test(a_row_is_held_out_and_one_is_left),
        cmocka_unit_test(gains_are_row_by_row),         cmocka_unit_test(folds_share_their_best_epoch),
        cmocka_unit_test(silent_units_are_at_zero),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
