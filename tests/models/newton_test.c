/* Newton's method: as many passes as right second derivatives need, and the same optima as L-BFGS finds. */
#include <math.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/philox.h"
#include "models/learner/newton.h"
#include "tests/models/dataset.h"

enum { ROWS = 400 };

static char *folder, *csv;

/* Numbers, codes and words, and labels of each kind that depend on them. */
static int make_rows(void **state) {
    (void)state;
    static const char *const words[] = {"red", "green", "blue", "old", "new"};
    peal_error err;
    peal_buffer text = {0};
    folder = test_folder();
    csv = test_path(folder, "rows.csv");
    assert_ok(peal_buffer_append(&text, "a,b,c,d,e,two,three,num,cnt\n", 28, &err));
    for (uint64_t i = 0; i < ROWS; i++) {
        char line[160];
        peal_philox stream = peal_philox_task(7, i);
        uint32_t random[4];
        for (size_t k = 0; k < 4; k++) random[k] = peal_philox_u32(&stream);
        const double a = random[0] % 1000 / 500.0 - 1, b = random[1] % 1000 / 100.0;
        const unsigned c = random[2] % 6, d = random[2] / 6 % 3, e = random[2] / 18 % 5, f = random[2] / 90 % 5;
        const double z = a + b / 5 + c / 3.0 - (e == 2) + (f == 3) - 1.5 + (random[3] % 1000 / 500.0 - 1);
        const int size = snprintf(line, sizeof line, "%.4f,%.4f,c%u,d%u,%s %s,%s,%c,%.4f,%d\n", a, b, c, d, words[e],
                                  words[f], z > 0.5 ? "yes" : "no",
                                  z > 1   ? 'p'
                                  : z > 0 ? 'q'
                                          : 'r',
                                  z, (int)fmax(0, floor(exp(z / 2))));
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    peal_buffer_clear(&text);
    return 0;
}

static int free_folder(void **state) {
    (void)state;
    free(folder);
    free(csv);
    return 0;
}

static char *make_dataset(const char *label) {
    static const char *const labels[] = {"two", "three", "num", "cnt"};
    const char *drop[4];
    json_t *transforms = json_pack("[{s:s, s:i, s:s}]", "transform", "tokens", "bits", 4, "columns", "e");
    peal_plan_options plan = {.label = label, .drop = drop, .transforms = transforms};
    if (strcmp(label, "cnt") == 0) plan.task = PEAL_TASK_REGRESS;
    char *out = test_path(folder, label);
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(labels[i], label) != 0) drop[plan.drop_count++] = labels[i];
    }
    if (!peal_path_exists(out)) test_dataset(csv, out, plan);
    json_decref(transforms);
    return out;
}

static void newton_is_quick_and_right(void **state) {
    (void)state;
    static const struct {
        const char *label, *model;
        size_t passes; /* at most */
        bool weighs;   /* classes */
    } cases[] = {
        {"num", "linear", 3, false},         {"two", "logistic", 9, false},
        {"two", "logistic", 9, true},        {"two", "svm", 12, false},
        {"three", "softmax", 10, false},     {"three", "softmax", 10, true},
        {"three", "svm", 14, false},         {"cnt", "poisson", 9, false},
        {"two", "logistic:l2=0", 12, false}, {"three", "softmax:l2=0", 14, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *dataset = make_dataset(cases[i].label), *out = test_path(folder, "m.safetensors");
        peal_error err;
        peal_train_result newton, pairs;
        peal_train_options options = peal_train_default();
        options.dataset = dataset;
        options.out = out;
        options.model = cases[i].model;
        options.class_weight = cases[i].weighs ? "balanced" : NULL;
        options.label_smoothing = strstr(cases[i].model, "l") == cases[i].model && cases[i].weighs ? 0.1 : 0;
        options.partitions = 3;
        options.epochs = 5000;
        options.sync = "full:method=newton,tolerance=1e-9";
        assert_ok(peal_train(&options, &newton, &err));
        options.sync = "full:method=lbfgs,tolerance=1e-9";
        assert_ok(peal_train(&options, &pairs, &err));
        if (newton.epochs > cases[i].passes) {
            fail_msg("%s of %s: %zu passes", cases[i].model, cases[i].label, newton.epochs);
        }
        assert_true(pairs.epochs > newton.epochs);
        assert_true(fabs(newton.train_loss - pairs.train_loss) < 1e-10 * fmax(1, fabs(pairs.train_loss)));
        free(dataset);
        free(out);
    }
}

static void what_newton_is_not_for_is_refused(void **state) {
    (void)state;
    static const char *const wrong[][3] = {
        {"huber", "full:method=newton", "not for the loss of huber"},
        {"linear:l1=0.1", "full:method=newton", "l1 penalty is of method=lbfgs"},
        {"linear", "full:method=newton,memory=3", "memory is of method=lbfgs"},
        {"linear", "full:method=netwon", "did you mean 'newton'"},
    };
    char *dataset = make_dataset("num"), *out = test_path(folder, "m.safetensors");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        peal_error err;
        peal_train_result result;
        peal_train_options options = peal_train_default();
        options.dataset = dataset;
        options.out = out;
        options.model = wrong[i][0];
        options.sync = wrong[i][1];
        assert_int_equal(peal_train(&options, &result, &err), PEAL_E_USAGE);
        assert_has(err.message, wrong[i][2]);
    }
    free(dataset);
    free(out);
}

/* Also where the matrix has eigenvalues of 0, if the gradient has nothing in their direction. */
static void steps_solve_the_system(void **state) {
    (void)state;
    enum { COUNT = 37 };
    double rows[COUNT][COUNT], matrix[COUNT * COUNT], factor[COUNT * COUNT], wanted[COUNT], gradient[COUNT] = {0},
                                                                                            got[COUNT];
    peal_philox stream = peal_philox_task(3, 0);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) rows[i][j] = peal_philox_unit64(&stream) - 0.5;
        rows[i][COUNT - 1] = rows[i][0]; /* twins */
    }
    for (size_t i = 0; i < COUNT; i++) wanted[i] = cos((double)i);
    wanted[COUNT - 1] = wanted[0];
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            double sum = 0;
            for (size_t k = 0; k < COUNT; k++) sum += rows[k][i] * rows[k][j];
            matrix[i * COUNT + j] = sum + (i == j && i > 0 && i < COUNT - 1 ? 0.01 : 0);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) gradient[i] -= matrix[i * COUNT + j] * wanted[j];
    }
    assert_true(models__newton_solve(matrix, COUNT, gradient, factor, got));
    for (size_t i = 0; i < COUNT; i++) assert_true(fabs(got[i] - wanted[i]) < 1e-5);
    matrix[5 * COUNT + 2] = NAN;
    assert_false(models__newton_solve(matrix, COUNT, gradient, factor, got));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newton_is_quick_and_right),
        cmocka_unit_test(what_newton_is_not_for_is_refused),
        cmocka_unit_test(steps_solve_the_system),
    };
    return cmocka_run_group_tests(tests, make_rows, free_folder);
}
