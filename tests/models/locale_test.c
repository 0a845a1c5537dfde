/* Peal in a program that has set a locale with a decimal comma: options, datasets, models, checkpoints and predictions
 * are those of the C locale, and the program's own locale is left alone. The locale is made for the test; without
 * localedef and its character sets the test is skipped. */
#include "peal.h"

#include <locale.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "tests/models/dataset.h"

static const char locale_name[] = "comma.UTF-8";
static char *folder, *csv, *dataset;

/* A locale of numbers alone, so it is quickly made. */
static void make_locale(void) {
    char *command = NULL;
    if (asprintf(&command,
                 "cd '%s' && printf 'LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\n"
                 "END LC_NUMERIC\n' >source && localedef -c -i source -f UTF-8 ./%s >/dev/null 2>&1",
                 folder, locale_name) < 0) {
        abort();
    }
    if (system(command) < 0) abort();
    free(command);
}

static bool enter(void) {
    return setlocale(LC_NUMERIC, locale_name) && strcmp(localeconv()->decimal_point, ".") != 0;
}

static void leave(void) {
    setlocale(LC_NUMERIC, "C");
}

static void make_dataset(const char *out, char hash[17]) {
    peal_error err;
    test_dataset(csv, out, (peal_plan_options){0});
    uint64_t value;
    char *manifest = peal_path_join(out, "manifest.json");
    assert_ok(peal_hash_file(manifest, &value, &err));
    peal_hash_text(value, hash);
    free(manifest);
}

static int make(void **state) {
    (void)state;
    peal_error err;
    peal_buffer text = {0};
    char hash[17];
    folder = test_folder();
    setenv("LOCPATH", folder, 1);
    csv = test_path(folder, "data.csv");
    dataset = test_path(folder, "data.ds");
    assert_ok(peal_buffer_append(&text, "a,b,y\n", 6, &err));
    for (size_t i = 0; i < 400; i++) {
        char line[64];
        int size =
            snprintf(line, sizeof line, "%zu.%zu,%zue-3,%s\n", i % 17, i % 7, i * i % 1009, i % 3 ? "no" : "yes");
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    peal_buffer_clear(&text);
    make_dataset(dataset, hash);
    return 0;
}

static int clear(void **state) {
    (void)state;
    free(folder);
    free(csv);
    free(dataset);
    return 0;
}

/* The host's callback: it sees the host's locale, and wishes the training to stop if it is told to. */
typedef struct host {
    const char *decimal_point;
    atomic_int stop;
    bool stop_soon;
} host;

static void hear(void *user, const peal_event *event) {
    host *self = user;
    assert_string_equal(localeconv()->decimal_point, self->decimal_point);
    if (event->kind == PEAL_EVENT_METRIC && self->stop_soon) atomic_store(&self->stop, 1);
}

static peal_status train(const char *out, const char *run, bool resume, bool stop_soon, char sha256[65],
                         peal_error *err) {
    host self = {.decimal_point = localeconv()->decimal_point, .stop_soon = stop_soon};
    const peal_reporter reporter = {.handle = hear, .user = &self};
    peal_train_result result;
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = out;
    options.run_dir = run;
    options.resume = resume;
    options.model = "mlp:hidden=8,dropout=0.2";
    options.optimizer = "adam:beta1=0.85";
    options.valid = "0.25";
    options.epochs = 6;
    options.reporter = &reporter;
    options.stop = &self.stop;
    PEAL_TRY(peal_train(&options, &result, err));
    memcpy(sha256, result.model_sha256, 65);
    return PEAL_OK;
}

static void locale_changes_nothing(void **state) {
    (void)state;
    peal_error err;
    make_locale();
    const bool made = enter();
    leave();
    if (!made) skip();
    char sha256[2][65], hash[2][17], *out = test_path(folder, "m.safetensors"), *run = test_path(folder, "run");
    char *again = test_path(folder, "again.ds");
    make_dataset(dataset, hash[0]);
    assert_ok(train(out, NULL, false, false, sha256[0], &err));
    assert_true(enter());
    make_dataset(again, hash[1]);
    assert_string_equal(hash[0], hash[1]);
    assert_ok(train(out, NULL, false, false, sha256[1], &err));
    assert_string_equal(sha256[0], sha256[1]);
    /* A run that is begun under one locale is ended under the other. */
    assert_int_equal(train(out, run, false, true, sha256[1], &err), PEAL_E_INTERRUPTED);
    leave();
    assert_ok(train(out, run, true, false, sha256[1], &err));
    assert_string_equal(sha256[0], sha256[1]);
    assert_int_equal(train(out, run, false, true, sha256[1], &err), PEAL_E_INTERRUPTED);
    assert_true(enter());
    assert_ok(train(out, run, true, false, sha256[1], &err));
    assert_string_equal(sha256[0], sha256[1]);
    /* Predictions, and messages. */
    peal_predictor *predictor;
    double here[2], there[2];
    size_t rows;
    assert_ok(peal_predictor_open(out, &predictor, &err));
    assert_ok(peal_predictor_text(predictor, "1.5,25e-1,no\n", 13, here, 1, &rows, &err));
    leave();
    assert_ok(peal_predictor_text(predictor, "1.5,25e-1,no\n", 13, there, 1, &rows, &err));
    assert_memory_equal(here, there, sizeof here);
    peal_predictor_free(predictor);
    assert_true(enter());
    assert_int_equal(peal_fail_errno(&err, PEAL_E_FAILED, 2, "%.1f of it", 0.5), PEAL_E_FAILED);
    assert_string_equal(err.message, "0.5 of it: No such file or directory");
    leave();
    free(again);
    free(out);
    free(run);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(locale_changes_nothing)};
    return cmocka_run_group_tests(tests, make, clear);
}
