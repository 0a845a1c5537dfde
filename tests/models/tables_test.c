/* Tables: what is learnt of rare values must not depend on how many partitions there are, and must be worth something.
 * An even mean over partitions would learn a value that one of them has seen too slowly, a mean over those that have
 * seen it too much: its penalty would be that of one partition. */
#include "peal.h"

#include <math.h>

#include "core/base/file.h"
#include "tests/models/dataset.h"

enum { ROWS = 8000, VALUES = 3000 };

/* Two columns of texts, each value with an effect of its own; each occurs some three times. */
static void write_csv(const char *path) {
    peal_error err;
    peal_buffer text = {0};
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    float effects[2][VALUES];
    for (size_t i = 0; i < VALUES; i++) {
        effects[0][i] = peal_philox_normal(&random);
        effects[1][i] = peal_philox_normal(&random);
    }
    assert_ok(peal_buffer_append(&text, "a,b,y\n", 6, &err));
    for (size_t i = 0; i < ROWS; i++) {
        const uint32_t a = peal_philox_below(&random, VALUES), b = peal_philox_below(&random, VALUES);
        const float score = 2 * (effects[0][a] + effects[1][b]);
        const bool y = peal_philox_unit(&random) < 1 / (1 + expf(-score));
        char line[64];
        const int size = snprintf(line, sizeof line, "a%u,b%u,%s\n", a, b, y ? "yes" : "no");
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
}

static peal_train_result train(const char *dataset, const char *out, size_t partitions, const char *sync) {
    peal_error err;
    peal_train_result result;
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = out;
    options.model = "logistic";
    options.partitions = partitions;
    options.sync = sync;
    options.epochs = 60;
    options.valid = "0.25";
    if (peal_train(&options, &result, &err) != PEAL_OK) fail_msg("%s", err.message);
    return result;
}

static void rare_values_do_not_depend_on_partitions(void **state) {
    (void)state;
    char *folder = test_folder(), *csv = test_path(folder, "t.csv"), *dataset = test_path(folder, "t.ds"),
         *out = test_path(folder, "t.safetensors");
    write_csv(csv);
    test_dataset(csv, dataset, (peal_plan_options){0});
    static const struct {
        size_t partitions;
        const char *sync;
    } ways[] = {{1, "epoch"}, {4, "epoch"}, {16, "epoch"}, {4, "step"}};
    double held[4], seen[4];
    for (size_t i = 0; i < 4; i++) {
        const peal_train_result result = train(dataset, out, ways[i].partitions, ways[i].sync);
        held[i] = result.valid.loss;
        seen[i] = result.train_loss;
        printf("%zu partitions, %s: loss %.4f, on held-out rows %.4f\n", ways[i].partitions, ways[i].sync, seen[i],
               held[i]);
        assert_true(fabs(held[i] - held[0]) < 0.01 && fabs(seen[i] - seen[0]) < 0.03);
    }
    assert_true(held[0] < 0.64); /* 0.693 of who knows nothing */
    free(folder);
    free(csv);
    free(dataset);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rare_values_do_not_depend_on_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
