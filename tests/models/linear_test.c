/* Linear models by exact gradients: what they predict is what other programs' optima predict (tests/data/linear). */
#include <math.h>
#include <string.h>

#include "core/base/file.h"
#include "tests/models/dataset.h"

static char *folder;

static int make_folder(void **state) {
    (void)state;
    folder = test_folder();
    return 0;
}

static int free_folder(void **state) {
    (void)state;
    free(folder);
    return 0;
}

static char *make_dataset(const char *label, peal_task_kind task) {
    static const char *const labels[] = {"two", "three", "num", "cnt"};
    const char *drop[4];
    peal_plan_options plan = {.label = label, .drop = drop, .task = task};
    char *out = test_path(folder, label);
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(labels[i], label) != 0) drop[plan.drop_count++] = labels[i];
    }
    if (!peal_path_exists(out)) test_dataset("tests/data/linear/rows.csv", out, plan);
    return out;
}

typedef struct prediction {
    peal_predictor *predictor;
    double scores[60 * 3];
} prediction;

static peal_status predict(void *user, const peal_table *table, peal_error *err) {
    prediction *self = user;
    assert_int_equal(table->rows, 60);
    return peal_predictor_table(self->predictor, table, self->scores, err);
}

/* Trains and predicts all rows. */
static void train(const char *dataset, const char *model, size_t partitions, prediction *out) {
    peal_error err;
    peal_train_result result;
    peal_dataset *data;
    char *path = test_path(folder, "m.safetensors");
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = path;
    options.model = model;
    options.sync = "full:tolerance=1e-10";
    options.partitions = partitions;
    options.epochs = 20000;
    assert_ok(peal_train(&options, &result, &err));
    assert_ok(peal_predictor_open(path, &out->predictor, &err));
    assert_ok(peal_dataset_open(dataset, &data, &err));
    assert_ok(peal_dataset_read(data, 1, predict, out, &err));
    peal_dataset_close(data);
    peal_predictor_free(out->predictor);
    free(path);
}

static void optima_are_what_others_find(void **state) {
    (void)state;
    static const struct {
        const char *label;
        peal_task_kind task;
        const char *model;
        size_t width, column; /* of the scores */
        double wanted[6], tolerance;
    } cases[] = {
        {"num",
         PEAL_TASK_AUTO,
         "linear",
         1,
         0,
         {29.857802, 23.057940, 24.041841, 11.565181, 22.948833, 21.254254},
         2e-6},
        {"two", PEAL_TASK_AUTO, "logistic", 2, 1, {0.870289, 0.305920, 0.688599, 0.004597, 0.760326, 0.430797}, 2e-6},
        {"three", PEAL_TASK_AUTO, "softmax", 3, 0, {0.109495, 0.724499}, 2e-6},
        {"three", PEAL_TASK_AUTO, "softmax", 3, 1, {0.355206, 0.245327}, 2e-6},
        {"two",
         PEAL_TASK_AUTO,
         "logistic:l1=0.02",
         2,
         1,
         {0.895567, 0.282563, 0.757183, 0.002260, 0.781067, 0.416169},
         2e-6},
        {"two", PEAL_TASK_AUTO, "svm", 2, 1, {0.864841, 0.277742, 0.694210, 0.003464, 0.757622, 0.410574}, 2e-6},
        {"cnt", PEAL_TASK_REGRESS, "poisson", 1, 0, {2.962363, 1.457956, 2.237233, 0.443779, 2.165071, 1.558358}, 2e-5},
        {"num",
         PEAL_TASK_AUTO,
         "huber",
         1,
         0,
         {22.563870, 17.876562, 20.958344, 10.033732, 21.485147, 18.939260},
         1e-4}, /* whose scale is a millionth of the spread larger */
        {"num",
         PEAL_TASK_AUTO,
         "quantile:q=0.8,l2=0",
         1,
         0,
         {24.834989, 19.776895, 22.181885, 11.297251, 22.909490, 20.447000},
         0.05}, /* whose kink is rounded off */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *dataset = make_dataset(cases[i].label, cases[i].task);
        for (size_t partitions = 1; partitions < 6; partitions += 2) {
            prediction got;
            train(dataset, cases[i].model, partitions, &got);
            for (size_t row = 0; row < 6 && cases[i].wanted[row] > 0; row++) {
                const double score = got.scores[row * cases[i].width + cases[i].column];
                if (fabs(score - cases[i].wanted[row]) <= cases[i].tolerance) continue;
                fail_msg("%s, row %zu: %.7f, not %.7f", cases[i].model, row, score, cases[i].wanted[row]);
            }
        }
        free(dataset);
    }
}

/* Counts below 0 are none. */
static void labels_that_make_no_sense_are_refused(void **state) {
    (void)state;
    static const char csv[] = "x,y\n1,2\n2,-1\n3,4\n4,2\n5,7\n";
    peal_error err;
    peal_train_result result;
    char *path = test_path(folder, "minus.csv"), *dataset = test_path(folder, "minus.ds"),
         *out = test_path(folder, "minus.safetensors");
    assert_ok(peal_file_write_atomic(path, csv, sizeof csv - 1, &err));
    test_dataset(path, dataset, (peal_plan_options){.task = PEAL_TASK_REGRESS});
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = out;
    options.model = "poisson";
    assert_int_equal(peal_train(&options, &result, &err), PEAL_E_DATA);
    assert_has(err.message, "the least one is -1");
    free(path);
    free(dataset);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optima_are_what_others_find),
        cmocka_unit_test(labels_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
