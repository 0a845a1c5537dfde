/* Parameters for the values alone that occur: the same optimum as where every value has one. */
#include <math.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "tests/models/dataset.h"

static char *folder, *csv;

static int make_rows(void **state) {
    (void)state;
    peal_error err;
    peal_buffer text = {0};
    folder = test_folder();
    csv = test_path(folder, "rows.csv");
    assert_ok(peal_buffer_append(&text, "a,t,u,y\n", 8, &err));
    for (unsigned i = 0; i < 300; i++) {
        char line[64];
        const unsigned a = i * 37 % 101, t = i * i % 23, u = i % 7;
        const int size = snprintf(line, sizeof line, "%u,t%u,u%u,%s\n", a, t, u,
                                  (a + 5 * t + (i * 7919) % 60) % 2 == 0 || t > 15 ? "yes" : "no");
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

/* Texts by their own numbers, hashed to 2^14, and hashed with signs. */
static char *make_dataset(size_t how) {
    static const char *const names[] = {"index", "hash", "signed"};
    json_t *transforms = NULL;
    if (how == 0) transforms = json_array();
    if (how == 1) transforms = json_pack("[{s:s, s:i, s:[s,s]}]", "transform", "hash", "bits", 14, "columns", "t", "u");
    if (how == 2) {
        transforms =
            json_pack("[{s:s, s:i, s:b, s:[s,s]}]", "transform", "hash", "bits", 14, "signed", 1, "columns", "t", "u");
    }
    char *out = test_path(folder, names[how]);
    if (!peal_path_exists(out)) test_dataset(csv, out, (peal_plan_options){.transforms = transforms});
    json_decref(transforms);
    return out;
}

static void optima_are_the_same(void **state) {
    (void)state;
    static const char *const syncs[] = {"full:tolerance=1e-10,method=lbfgs", "full:tolerance=1e-10,method=newton",
                                        "full:tolerance=1e-10,method=lbfgs,start=adaptive"};
    static const char *const models[] = {"logistic", "svm", "softmax"};
    for (size_t m = 0; m < 3; m++) {
        double first = 0;
        for (size_t how = 0; how < 3; how++) {
            for (size_t s = 0; s < 3; s++) {
                char *dataset = make_dataset(how), *out = test_path(folder, "m.safetensors");
                peal_error err;
                peal_train_result result;
                peal_train_options options = peal_train_default();
                options.dataset = dataset;
                options.out = out;
                options.model = models[m];
                options.sync = syncs[s];
                options.partitions = 1 + s;
                options.epochs = 5000;
                assert_ok(peal_train(&options, &result, &err));
                if (how == 0 && s == 0) first = result.train_loss;
                if (!(fabs(result.train_loss - first) < 1e-9)) {
                    fail_msg("%s, %s, way %zu: %.12g, not %.12g", models[m], syncs[s], how, result.train_loss, first);
                }
                free(dataset);
                free(out);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(optima_are_the_same)};
    return cmocka_run_group_tests(tests, make_rows, free_folder);
}
