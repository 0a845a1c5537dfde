/* A training that runs away from its data says from which value; from data that are as they should be, that lr is too
 * high. */
#include "peal.h"

#include "core/base/file.h"
#include "tests/models/dataset.h"

enum { ROWS = 400, WILD_ROW = 300 }; /* counted from 1 */

static char *folder;

static int make_folder(void **state) {
    (void)state;
    folder = test_folder();
    return 0;
}

static int clear_folder(void **state) {
    (void)state;
    free(folder);
    return 0;
}

/* Writes rows: `a` and `x` are about 1, and y is a + x; but in row WILD_ROW `x` or `y` is what the text says, and `x`
 * is scaled. */
static char *write_rows(const char *name, const char *x_wild, const char *y_wild, double x_scale) {
    peal_error err;
    peal_buffer text = {0};
    peal_philox random = peal_philox_stream(7, PEAL_PURPOSE_USER, 0, 0, 0);
    assert_ok(peal_buffer_append(&text, "a,x,y\n", 6, &err));
    for (size_t row = 1; row <= ROWS; row++) {
        const double a = (double)peal_philox_normal(&random), x = (double)peal_philox_normal(&random);
        char line[120], x_text[32], y_text[32];
        snprintf(x_text, sizeof x_text, "%.6g", x * x_scale);
        snprintf(y_text, sizeof y_text, "%.6g", a + x);
        const int size = snprintf(line, sizeof line, "%.4f,%s,%s\n", a, row == WILD_ROW && x_wild ? x_wild : x_text,
                                  row == WILD_ROW && y_wild ? y_wild : y_text);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
    return path;
}

/* Three of 20 sparse features a row. */
static char *write_sparse(const char *name) {
    peal_error err;
    peal_buffer text = {0};
    for (unsigned row = 1; row <= ROWS; row++) {
        char line[120];
        const int size = snprintf(line, sizeof line, "%d %u:0.5 %u:%s %u:0.7\n", row % 3 ? 1 : -1, row % 5, 5 + row % 7,
                                  row == WILD_ROW ? "-1e37" : "0.6", 12 + row % 8);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
    return path;
}

/* The dataset of a file, of which x is not standardized; without a label in the plan, that is y. */
static char *make_dataset(const char *source, const char *name, const char *label) {
    char *path = test_path(folder, name);
    json_t *transforms = label ? NULL : json_pack("[{s:s, s:s}]", "transform", "impute", "columns", "x");
    test_dataset(source, path, (peal_plan_options){.label = label, .transforms = transforms});
    json_decref(transforms);
    return path;
}

/* Trains until it runs away. */
static peal_status run_away(const char *dataset, const char *model, const char *sync, double lr, peal_error *err) {
    peal_train_result result;
    peal_train_options options = peal_train_default();
    char *out = test_path(folder, "m.safetensors");
    options.dataset = dataset;
    options.out = out;
    options.model = model;
    options.sync = sync;
    options.lr = lr;
    options.epochs = 50;
    const peal_status status = peal_train(&options, &result, err);
    free(out);
    return status;
}

static void a_value_far_from_the_others_is_named(void **state) {
    (void)state;
    static const struct {
        const char *model, *sync;
    } trainings[] = {{"mlp:hidden=16", "epoch"}, {"mlp:hidden=16", "step"}, {"linear", "epoch"}};
    char *csv = write_rows("far.csv", "1e30", NULL, 1), *dataset = make_dataset(csv, "far.ds", NULL);
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++) {
        peal_error err;
        assert_int_equal(run_away(dataset, trainings[i].model, trainings[i].sync, 0, &err), PEAL_E_DATA);
        assert_has(err.message,
                   "epoch 1: the loss is no longer a number: column 'x' reaches 1e+19 (in row 300 of the dataset), "
                   "where most values are near 0.8; clip or log1p it (transform), or drop it");
    }
    free(csv);
    free(dataset);
}

static void rows_that_are_held_out_are_not_blamed(void **state) {
    (void)state;
    peal_error err;
    peal_train_result result;
    char *csv = write_rows("held.csv", "1e30", NULL, 1), *path = test_path(folder, "held.ds");
    json_t *transforms = json_pack("[{s:s, s:s}, {s:s, s:f}]", "transform", "impute", "columns", "x", "transform",
                                   "split", "valid", 0.5);
    /* One of the seeds puts the row to those that are trained on. */
    bool blamed = false, passed = false;
    for (int seed = 0; seed < 20 && !(blamed && passed); seed++) {
        json_object_set_new(json_array_get(transforms, 1), "seed", json_integer(seed));
        test_dataset(csv, path, (peal_plan_options){.transforms = transforms});
        peal_train_options options = peal_train_default();
        char *out = test_path(folder, "held.safetensors");
        options.dataset = path;
        options.out = out;
        options.model = "linear";
        options.sync = "epoch";
        options.epochs = 2;
        const peal_status status = peal_train(&options, &result, &err);
        free(out);
        passed = passed || status == PEAL_OK;
        if (status == PEAL_OK) continue;
        assert_int_equal(status, PEAL_E_DATA);
        assert_has(err.message, "column 'x' reaches 1e+19 (in row ");
        assert_has(err.message, " of the dataset's rows to train on)");
        blamed = true;
    }
    assert_true(blamed && passed);
    json_decref(transforms);
    free(csv);
    free(path);
}

static void a_column_that_is_large_throughout_is_named(void **state) {
    (void)state;
    peal_error err;
    char *csv = write_rows("large.csv", NULL, NULL, 1e12), *dataset = make_dataset(csv, "large.ds", NULL);
    assert_int_equal(run_away(dataset, "mlp:hidden=16", NULL, 100, &err), PEAL_E_DATA);
    assert_has(err.message, "column 'x' reaches ");
    assert_has(err.message,
               "most values are near 8e+11, where about 1 is expected; standardize it (transform), or drop it");
    free(csv);
    free(dataset);
}

static void a_sparse_value_is_named_by_its_index(void **state) {
    (void)state;
    peal_error err;
    char *source = write_sparse("far.svm"), *dataset = make_dataset(source, "sparse.ds", "label");
    assert_int_equal(run_away(dataset, "mlp:hidden=16", "epoch", 0, &err), PEAL_E_DATA);
    assert_has(err.message,
               "sparse feature 11 reaches -1e+37 (in row 300 of the dataset), where most values are near 0.8; make it "
               "smaller in the source, or leave it out there");
    free(source);
    free(dataset);
}

/* A dataset made like another one, among whose labels is one that the other one's scale does not fit. */
static void a_label_is_named(void **state) {
    (void)state;
    static const char *const syncs[] = {"epoch", NULL};
    peal_error err;
    peal_dataset *like;
    peal_etl_result result;
    char *tame = write_rows("tame.csv", NULL, NULL, 1), *wild = write_rows("wild.csv", NULL, "1e200", 1);
    char *tame_dataset = make_dataset(tame, "tame.ds", NULL), *dataset = test_path(folder, "wild.ds");
    assert_ok(peal_dataset_open(tame_dataset, &like, &err));
    const char *sources[] = {wild};
    peal_etl_options options = peal_etl_default();
    options.sources = sources;
    options.source_count = 1;
    options.out = dataset;
    options.fitted = peal_dataset_pipeline(like);
    assert_ok(peal_etl(&options, &result, &err));
    peal_dataset_close(like);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(run_away(dataset, "linear", syncs[i], 0, &err), PEAL_E_DATA);
        assert_has(err.message, syncs[i] ? "epoch 1: " : "pass 1: ");
        assert_has(err.message,
                   "the label 'y' reaches 1e+200 (in row 300 of the dataset), where most values are near ");
        assert_has(err.message, "leave such rows out");
    }
    free(tame);
    free(wild);
    free(tame_dataset);
    free(dataset);
}

static void without_such_values_lr_is_told(void **state) {
    (void)state;
    peal_error err;
    char *csv = write_rows("calm.csv", NULL, NULL, 1), *dataset = make_dataset(csv, "calm.ds", NULL);
    assert_int_equal(run_away(dataset, "mlp:hidden=16", NULL, 1e30, &err), PEAL_E_FAILED);
    assert_has(err.message, "epoch 1: the loss is no longer a number; a lower lr may help (it is 1e+30)");
    free(csv);
    free(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_far_from_the_others_is_named),
        cmocka_unit_test(rows_that_are_held_out_are_not_blamed),
        cmocka_unit_test(a_column_that_is_large_throughout_is_named),
        cmocka_unit_test(a_sparse_value_is_named_by_its_index),
        cmocka_unit_test(a_label_is_named),
        cmocka_unit_test(without_such_values_lr_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, clear_folder);
}
