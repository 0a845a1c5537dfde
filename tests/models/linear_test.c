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

static peal_train_options options_for(const char *dataset, const char *model) {
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.model = model;
    options.sync = "full:tolerance=1e-10";
    options.epochs = 20000;
    return options;
}

/* Trains and predicts all rows. */
static void train(peal_train_options options, prediction *out) {
    peal_error err;
    peal_train_result result;
    peal_dataset *data;
    char *path = test_path(folder, "m.safetensors");
    options.out = path;
    assert_ok(peal_train(&options, &result, &err));
    assert_ok(peal_predictor_open(path, &out->predictor, &err));
    assert_ok(peal_dataset_open(options.dataset, &data, &err));
    assert_ok(peal_dataset_read(data, 1, predict, out, &err));
    peal_dataset_close(data);
    peal_predictor_free(out->predictor);
    free(path);
}

static void assert_scores(const char *what, const prediction *got, size_t width, size_t column, const double *wanted,
                          double tolerance) {
    for (size_t row = 0; row < 6 && wanted[row] > 0; row++) {
        const double score = got->scores[row * width + column];
        if (fabs(score - wanted[row]) <= tolerance) continue;
        fail_msg("%s, row %zu: %.7f, not %.7f", what, row, score, wanted[row]);
    }
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
            peal_train_options options = options_for(dataset, cases[i].model);
            options.partitions = partitions;
            if (partitions == 3) options.sync = "full:tolerance=1e-10,start=adaptive";
            if (partitions == 5) options.sync = "full:tolerance=1e-10,method=lbfgs";
            train(options, &got);
            assert_scores(cases[i].model, &got, cases[i].width, cases[i].column, cases[i].wanted, cases[i].tolerance);
        }
        free(dataset);
    }
}

static void classes_and_labels_are_weighed(void **state) {
    (void)state;
    static const double balanced[2][6] = {{0.076164, 0.608828, 0.333246, 0.985619},
                                          {0.421347, 0.364793, 0.424112, 0.014371}},
                        smoothed[6] = {0.771012, 0.384285, 0.623596, 0.035794, 0.675075, 0.462893};
    prediction got;
    char *three = make_dataset("three", PEAL_TASK_AUTO), *two = make_dataset("two", PEAL_TASK_AUTO);
    peal_train_options options = options_for(three, "softmax");
    options.class_weight = "balanced";
    train(options, &got);
    for (size_t k = 0; k < 2; k++) assert_scores("balanced", &got, 3, k, balanced[k], 2e-6);
    options = options_for(two, "logistic");
    options.label_smoothing = 0.2;
    train(options, &got);
    assert_scores("smoothed", &got, 2, 1, smoothed, 2e-6);
    free(three);
    free(two);
}

/* Features are what is left of a, b and c. */
static void rows_are_weighed_and_offset(void **state) {
    (void)state;
    static const struct {
        const char *label, *beside, *model, *class_weight;
        size_t width, column;
        double wanted[6];
    } cases[] = {
        {"two", "weight:cnt", "logistic", NULL, 2, 1, {0.877565, 0.293455, 0.565690, 0.003492, 0.705324, 0.375388}},
        {"two",
         "weight:cnt",
         "logistic",
         "balanced",
         2,
         1,
         {0.810467, 0.176693, 0.402957, 0.001418, 0.551174, 0.229603}},
        {"num", "weight:cnt", "linear", NULL, 1, 0, {25.185547, 20.344771, 22.492285, 12.208599, 22.375401, 20.380518}},
        {"cnt", "exposure:b", "poisson", NULL, 1, 0, {4.359464, 2.497125, 1.805935, 0.965297, 1.673465, 1.688303}},
        {"two", "offset:a", "logistic", NULL, 2, 1, {0.697832, 0.290151, 0.616479, 0.022341, 0.742084, 0.471288}},
        {"num", "offset:a", "linear", NULL, 1, 0, {22.669374, 20.796962, 21.887950, 17.696327, 23.736765, 22.159396}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const labels[] = {"two", "three", "num", "cnt"};
        const char *drop[4], *column = strchr(cases[i].beside, ':') + 1;
        json_t *transforms = json_pack("[{s:s%, s:s}]", "transform", cases[i].beside,
                                       (size_t)(column - 1 - cases[i].beside), "columns", column);
        peal_plan_options plan = {.label = cases[i].label, .drop = drop, .transforms = transforms};
        if (strcmp(cases[i].label, "cnt") == 0) plan.task = PEAL_TASK_REGRESS;
        for (size_t j = 0; j < 4; j++) {
            const bool used = strcmp(labels[j], cases[i].label) == 0 || strcmp(labels[j], column) == 0;
            if (!used) drop[plan.drop_count++] = labels[j];
        }
        char name[16];
        snprintf(name, sizeof name, "beside%zu", i);
        char *out = test_path(folder, name);
        test_dataset("tests/data/linear/rows.csv", out, plan);
        for (size_t partitions = 1; partitions < 6; partitions += 4) {
            prediction got;
            peal_train_options options = options_for(out, cases[i].model);
            options.partitions = partitions;
            options.class_weight = cases[i].class_weight;
            if (partitions == 5) options.sync = "full:tolerance=1e-10,method=lbfgs";
            train(options, &got);
            assert_scores(cases[i].beside, &got, cases[i].width, cases[i].column, cases[i].wanted, 2e-5);
        }
        /* Learnt by steps the same models come near the same. */
        for (size_t s = 0; s < 2 && plan.task != PEAL_TASK_REGRESS; s++) {
            prediction got;
            char model[64];
            snprintf(model, sizeof model, "%s:l2=0.0166667", cases[i].model);
            peal_train_options options = options_for(out, model);
            options.sync = s ? "step" : "epoch";
            options.partitions = 2;
            options.epochs = 600;
            options.class_weight = cases[i].class_weight;
            train(options, &got);
            assert_scores(model, &got, cases[i].width, cases[i].column, cases[i].wanted,
                          cases[i].width == 1 ? 0.1 : 0.01);
        }
        json_decref(transforms);
        free(out);
    }
}

/* What has converged stays where it is; what began elsewhere ends there, too. */
static void training_goes_on_from_a_model(void **state) {
    (void)state;
    peal_error err;
    peal_train_result first, again;
    char *dataset = make_dataset("two", PEAL_TASK_AUTO), *other = make_dataset("three", PEAL_TASK_AUTO),
         *from = test_path(folder, "from.safetensors"), *out = test_path(folder, "to.safetensors");
    peal_train_options options = options_for(dataset, "logistic");
    options.out = from;
    assert_ok(peal_train(&options, &first, &err));
    options.init = from;
    options.out = out;
    options.model = NULL;
    assert_ok(peal_train(&options, &again, &err));
    assert_true(first.epochs > 5 && again.epochs <= 2);
    assert_true(fabs(first.train_loss - again.train_loss) < 1e-12);
    options.model = "logistic:l2=0.5";
    assert_ok(peal_train(&options, &again, &err));
    options.init = NULL;
    assert_ok(peal_train(&options, &first, &err));
    assert_true(again.train_loss > 0 && fabs(first.train_loss - again.train_loss) < 1e-9);
    options = options_for(dataset, NULL);
    options.out = out;
    options.init = from;
    options.sync = "epoch";
    assert_int_equal(peal_train(&options, &again, &err), PEAL_E_USAGE);
    assert_has(err.message, "'sgd' cannot go on from");
    options = options_for(other, "logistic");
    options.out = out;
    options.init = from;
    options.model = "softmax";
    assert_int_equal(peal_train(&options, &again, &err), PEAL_E_DATA);
    assert_has(err.message, "another pipeline");
    free(dataset);
    free(other);
    free(from);
    free(out);
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
        cmocka_unit_test(optima_are_what_others_find),           cmocka_unit_test(classes_and_labels_are_weighed),
        cmocka_unit_test(rows_are_weighed_and_offset),           cmocka_unit_test(training_goes_on_from_a_model),
        cmocka_unit_test(labels_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
