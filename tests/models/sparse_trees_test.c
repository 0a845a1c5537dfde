/* Trees over sparse features: held against the same rows as a dense table; whatever bundles, workers and partitions. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "tests/models/dataset.h"

enum { ROWS = 900, FEATURES = 70, COMMON = 8, GROUP = 40 };

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

/* Numbers of both signs that most rows have; of a group one each, which can be bundled, but one row in 50 has two; and
 * rare counts. Zeros are left out of libsvm text, but where `says_zeros` some are said. */
typedef struct rows {
    double x[ROWS][FEATURES], y[ROWS];
} rows;

static void draw(rows *all, uint64_t seed) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
    memset(all, 0, sizeof *all);
    for (size_t i = 0; i < ROWS; i++) {
        double *x = all->x[i];
        for (size_t j = 0; j < COMMON; j++) {
            if (peal_philox_below(&random, 3)) x[j] = (double)peal_philox_below(&random, 4000) / 1000 - 2;
        }
        const uint32_t group = peal_philox_below(&random, GROUP);
        x[COMMON + group] = 1;
        if (peal_philox_below(&random, 50) == 0) x[COMMON + peal_philox_below(&random, GROUP)] = 1;
        for (size_t j = COMMON + GROUP; j < FEATURES; j++) {
            if (peal_philox_below(&random, 12) == 0) x[j] = 1 + peal_philox_below(&random, 3);
        }
        all->y[i] = x[0] - 2 * (x[1] > 0.5) * x[2] + (group % 7 < 3 ? 2 : 0) + x[50] - x[51] * x[52] +
                    0.3 * (double)peal_philox_normal(&random);
    }
}

static void append(peal_buffer *text, const char *format, double a, double b) {
    char word[64];
    peal_error err;
    const int size = peal_snprintf(word, sizeof word, format, a, b);
    assert_ok(peal_buffer_append(text, word, (size_t)size, &err));
}

static void write_libsvm(const rows *all, const char *path, bool says_zeros) {
    peal_error err;
    peal_buffer text = {0};
    for (size_t i = 0; i < ROWS; i++) {
        append(&text, "%.17g", all->y[i], 0);
        for (size_t j = 0; j < FEATURES; j++) {
            const bool says = all->x[i][j] != 0 || (says_zeros && (i + j) % 5 == 0);
            if (says) append(&text, " %.0f:%.9g", (double)(j + 1), all->x[i][j]);
        }
        append(&text, "\n", 0, 0);
    }
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
}

static void write_csv(const rows *all, const char *path) {
    peal_error err;
    peal_buffer text = {0};
    for (size_t j = 0; j < FEATURES; j++) append(&text, "f%.0f,", (double)j, 0);
    append(&text, "label\n", 0, 0);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < FEATURES; j++) append(&text, "%.9g,", all->x[i][j], 0);
        append(&text, "%.17g\n", all->y[i], 0);
    }
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
}

static void make_dataset(const char *source, const char *dataset, json_t *transforms) {
    test_dataset(source, dataset,
                 (peal_plan_options){.label = "label", .task = PEAL_TASK_REGRESS, .transforms = transforms});
}

static peal_train_options options_for(const char *dataset, const char *out, const char *model) {
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = out;
    options.model = model;
    options.partitions = 4;
    return options;
}

typedef struct taking {
    double *scores;
    size_t count, width;
} taking;

static peal_status take(void *user, const peal_predicted *predicted, peal_error *err) {
    (void)err;
    taking *self = user;
    memcpy(self->scores + self->count * self->width, predicted->scores, predicted->rows * self->width * sizeof(double));
    self->count += predicted->rows;
    return PEAL_OK;
}

/* scores [ROWS, width] of `view`; NULL: the predictions. */
static void predict(const char *model, const char *source, const char *view, size_t width, double *scores) {
    peal_error err;
    peal_predictor *predictor;
    peal_predict_result result;
    taking self = {.scores = scores, .width = width};
    peal_predict_options options = {0};
    options.sources = &source;
    options.source_count = 1;
    assert_ok(peal_predictor_open(model, &predictor, &err));
    if (view) assert_ok(peal_predictor_show(predictor, view, &err));
    assert_ok(peal_predict(predictor, &options, take, &self, &result, &err));
    peal_predictor_free(predictor);
}

static void train_and_predict(const char *dataset, const char *source, const char *model, double *scores) {
    peal_error err;
    peal_train_result result;
    char *out = test_path(folder, "t.st");
    const peal_train_options options = options_for(dataset, out, model);
    assert_ok(peal_train(&options, &result, &err));
    predict(out, source, NULL, 1, scores);
    free(out);
}

static double squares(const rows *all, const double *scores) {
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++) sum += (scores[i] - all->y[i]) * (scores[i] - all->y[i]) / ROWS;
    return sum;
}

/* The same splits, so the same leaves, whether zeros are left out or said, with bundles and without. */
static void a_dense_table_gives_the_same_trees(void **state) {
    (void)state;
    static rows all;
    static double dense[ROWS], sparse[ROWS];
    static const char *const models[] = {"trees:rounds=10", "trees:rounds=10,bundles=0",
                                         "trees:rounds=5,bins=9,min_rows=3,leaves=60",
                                         "trees:rounds=4,rows=0.6,objective=mae"};
    char *csv = test_path(folder, "d.csv"), *text = test_path(folder, "d.libsvm");
    char *dense_set = test_path(folder, "dense.ds"), *sparse_set = test_path(folder, "sparse.ds");
    for (uint64_t seed = 1; seed <= 2; seed++) {
        draw(&all, seed);
        write_csv(&all, csv);
        write_libsvm(&all, text, seed == 2);
        json_t *as_they_are = json_pack("[{s:s}]", "transform", "impute"); /* zero stays zero */
        make_dataset(csv, dense_set, as_they_are);
        json_decref(as_they_are);
        make_dataset(text, sparse_set, NULL);
        for (size_t m = seed == 2 ? 2 : 0; m < sizeof models / sizeof *models; m++) {
            train_and_predict(dense_set, csv, models[m], dense);
            train_and_predict(sparse_set, text, models[m], sparse);
            for (size_t i = 0; i < ROWS; i++) assert_true(fabs(dense[i] - sparse[i]) < 1e-12);
            if (m == 0) assert_true(squares(&all, sparse) < 1.5);
        }
    }
    free(csv);
    free(text);
    free(dense_set);
    free(sparse_set);
}

static void workers_bundles_and_partitions_do_not_matter(void **state) {
    (void)state;
    static rows all;
    static double first[ROWS], other[ROWS];
    static const char *const models[] = {"trees:rounds=5,columns=0.5", "trees:rounds=5,columns=0.5,bundles=0"};
    peal_error err;
    peal_train_result result;
    char *text = test_path(folder, "w.libsvm"), *dataset = test_path(folder, "w.ds"), *out = test_path(folder, "w.st");
    draw(&all, 5);
    write_libsvm(&all, text, false);
    make_dataset(text, dataset, NULL);
    for (size_t m = 0; m < 2; m++) {
        char sha[65] = "";
        for (size_t workers = 1; workers <= 4; workers++) {
            char cpus[8];
            snprintf(cpus, sizeof cpus, "%zu", workers);
            setenv("TEST_CPUS", cpus, 1);
            peal_train_options options = options_for(dataset, out, models[m]);
            options.workers = workers;
            assert_ok(peal_train(&options, &result, &err));
            if (workers == 1) strcpy(sha, result.model_sha256);
            assert_string_equal(sha, result.model_sha256);
        }
        for (size_t partitions = 1; partitions <= 3; partitions += 2) {
            peal_train_options options = options_for(dataset, out, models[m]);
            options.partitions = partitions;
            assert_ok(peal_train(&options, &result, &err));
            predict(out, text, NULL, 1, m || partitions > 1 ? other : first);
            for (size_t i = 0; (m || partitions > 1) && i < ROWS; i++) assert_true(first[i] == other[i]);
        }
    }
    unsetenv("TEST_CPUS");
    free(text);
    free(dataset);
    free(out);
}

static void interrupt(void *user, const peal_event *event) {
    if (event->kind == PEAL_EVENT_METRIC) atomic_store((atomic_int *)user, 1);
}

static void resume_ends_in_the_same_bits(void **state) {
    (void)state;
    static rows all;
    peal_error err;
    peal_train_result calm, resumed;
    char *text = test_path(folder, "r.libsvm"), *dataset = test_path(folder, "r.ds"), *out = test_path(folder, "r.st"),
         *run = test_path(folder, "r.run");
    draw(&all, 7);
    write_libsvm(&all, text, false);
    make_dataset(text, dataset, NULL);
    peal_train_options options = options_for(dataset, out, "trees:rounds=9,rows=0.7");
    options.valid = "0.2";
    assert_ok(peal_train(&options, &calm, &err));
    atomic_int stop = 0;
    const peal_reporter reporter = {interrupt, &stop};
    options.run_dir = run;
    options.stop = &stop;
    options.reporter = &reporter;
    assert_int_equal(peal_train(&options, &resumed, &err), PEAL_E_INTERRUPTED);
    options.stop = NULL;
    options.reporter = NULL;
    options.resume = true;
    options.workers = 3;
    assert_ok(peal_train(&options, &resumed, &err));
    assert_string_equal(calm.model_sha256, resumed.model_sha256);
    assert_true(calm.valid.loss == resumed.valid.loss && calm.valid.loss > 0);
    free(text);
    free(dataset);
    free(out);
    free(run);
}

/* The model's own pipeline makes a dataset of other rows. */
static void make_like(const char *model, const char *source, const char *dataset) {
    peal_error err;
    peal_predictor *predictor;
    peal_etl_result result;
    assert_ok(peal_predictor_open(model, &predictor, &err));
    json_t *pipeline = peal_predictor_save_pipeline(predictor);
    peal_etl_options options = peal_etl_default();
    options.sources = &source;
    options.source_count = 1;
    options.out = dataset;
    options.fitted = pipeline;
    assert_ok(peal_etl(&options, &result, &err));
    json_decref(pipeline);
    peal_predictor_free(predictor);
}

/* On the same rows to the very model that one training makes; on others, of which some lack features that the model
 * splits by, to one that has its trees and is better there. */
static void a_model_is_gone_on_from(void **state) {
    (void)state;
    static rows all;
    static double once[ROWS], again[ROWS], before[ROWS];
    peal_error err;
    peal_train_result result;
    char *text = test_path(folder, "i.libsvm"), *dataset = test_path(folder, "i.ds"), *out = test_path(folder, "i.st"),
         *init = test_path(folder, "init.st");
    draw(&all, 11);
    write_libsvm(&all, text, false);
    make_dataset(text, dataset, NULL);
    train_and_predict(dataset, text, "trees:rounds=20", once);
    peal_train_options options = options_for(dataset, init, "trees:rounds=12");
    assert_ok(peal_train(&options, &result, &err));
    options = options_for(dataset, out, "trees:rounds=8");
    options.init = init;
    assert_ok(peal_train(&options, &result, &err));
    predict(out, text, NULL, 1, again);
    for (size_t i = 0; i < ROWS; i++) assert_true(once[i] == again[i]);

    draw(&all, 12);
    for (size_t i = 0; i < ROWS; i++) {
        all.x[i][1] = 0;
        for (size_t j = 0; j < GROUP; j += 2) all.x[i][COMMON + j] = 0;
        all.x[i][2] = all.x[i][2] * 3 + (all.x[i][2] != 0 ? 0.001 : 0);
        all.y[i] += all.x[i][2];
    }
    write_libsvm(&all, text, false);
    make_like(init, text, dataset);
    predict(init, text, NULL, 1, before);
    assert_ok(peal_train(&options, &result, &err));
    predict(out, text, NULL, 1, again);
    assert_true(squares(&all, again) < squares(&all, before) / 2);
    options.model =
        "trees:rounds=1,rate=1e-6"; /* next to nothing is added: what the trees said before they still say */
    assert_ok(peal_train(&options, &result, &err));
    predict(out, text, NULL, 1, again);
    for (size_t i = 0; i < ROWS; i++) assert_true(fabs(again[i] - before[i]) < 1e-4);
    free(text);
    free(dataset);
    free(out);
    free(init);
}

/* Contributions add up to the score, in the one column that all sparse features are of; a row alone has the bits that
 * it has among others; and a tree is told by the indices and thresholds that it splits by. */
static void what_is_told_of_trees_is_so(void **state) {
    (void)state;
    static rows all;
    static double scores[ROWS], parts[ROWS * 2];
    peal_error err;
    peal_train_result result;
    peal_predictor *predictor;
    json_t *told;
    char *text = test_path(folder, "o.libsvm"), *dataset = test_path(folder, "o.ds"), *out = test_path(folder, "o.st");
    draw(&all, 9);
    write_libsvm(&all, text, false);
    make_dataset(text, dataset, NULL);
    const peal_train_options options = options_for(dataset, out, "trees:rounds=1,leaves=2,rate=1");
    assert_ok(peal_train(&options, &result, &err));
    predict(out, text, NULL, 1, scores);
    predict(out, text, "contributions", 2, parts);
    for (size_t i = 0; i < ROWS; i++) assert_true(fabs(parts[2 * i] + parts[2 * i + 1] - scores[i]) < 1e-9);
    assert_ok(peal_predictor_open(out, &predictor, &err));
    assert_ok(peal_predictor_tree(predictor, 1, &told, &err));
    const json_t *node = json_array_get(json_object_get(told, "nodes"), 0);
    const json_int_t index = json_integer_value(json_object_get(node, "index"));
    const double bound = json_real_value(json_object_get(node, "at_most"));
    assert_true(index >= 1 && index <= FEATURES);
    size_t left = 0;
    for (size_t i = 0; i < ROWS; i++) left += all.x[i][index - 1] <= bound;
    const json_t *child =
        json_array_get(json_object_get(told, "nodes"), (size_t)json_integer_value(json_object_get(node, "left")));
    assert_int_equal(json_integer_value(json_object_get(child, "rows")), left);
    json_decref(told);
    assert_ok(peal_predictor_importance(predictor, &told, &err));
    assert_int_equal(json_array_size(told), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(told, 0), "splits")), 1);
    json_decref(told);
    peal_predictor_free(predictor);
    free(text);
    free(dataset);
    free(out);
}

static void trees_that_make_no_sense_are_refused(void **state) {
    (void)state;
    static rows all;
    static const struct {
        size_t index;
        uint32_t value;
        const char *what;             /* NULL: it is right */
    } cases[] = {{0, FEATURES, NULL}, /* the last one; of indices from 0 on there is one more than the text names */
                 {0, FEATURES + 1, "node 1 of tree 1 makes no sense"},
                 {0, UINT32_MAX, "node 1 of tree 1 makes no sense"},
                 {1, 1, "node 1 of tree 1 makes no sense"}, /* by a bin */
                 {1, 1 << 8, "node 1 of tree 1 makes no sense"}};
    peal_error err;
    peal_train_result result;
    char *text = test_path(folder, "b.libsvm"), *dataset = test_path(folder, "b.ds"), *out = test_path(folder, "b.st");
    draw(&all, 4);
    write_libsvm(&all, text, false);
    make_dataset(text, dataset, NULL);
    const peal_train_options options = options_for(dataset, out, "trees:rounds=2,leaves=8");
    assert_ok(peal_train(&options, &result, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const peal_status status = test_open_changed(folder, out, "nodes", cases[i].index, cases[i].value, &err);
        if (cases[i].what) {
            assert_int_equal(status, PEAL_E_DATA);
            assert_has(err.message, cases[i].what);
        } else {
            assert_ok(status);
        }
    }
    free(text);
    free(dataset);
    free(out);
}

/* Words beside numbers: counts of words as sparse features learn what counts as columns do. */
static void words_beside_numbers(void **state) {
    (void)state;
    enum { WORDS = 9 };
    static double dense[ROWS], mixed[ROWS], y[ROWS];
    peal_error err;
    peal_buffer text = {0}, table = {0};
    peal_philox random = peal_philox_stream(3, PEAL_PURPOSE_USER, 0, 0, 0);
    char *texts = test_path(folder, "m.csv"), *counts = test_path(folder, "n.csv");
    char *mixed_set = test_path(folder, "m.ds"), *dense_set = test_path(folder, "n.ds"),
         *out = test_path(folder, "t.st");
    assert_ok(peal_buffer_append(&text, "a,t,label\n", 10, &err));
    append(&table, "a", 0, 0);
    for (size_t w = 0; w < WORDS; w++) append(&table, ",w%.0f", (double)w, 0);
    append(&table, ",label\n", 0, 0);
    for (size_t i = 0; i < ROWS; i++) {
        size_t count[WORDS] = {0};
        const double a = (double)peal_philox_below(&random, 1000) / 100;
        for (size_t w = 0; w < 5; w++) count[peal_philox_below(&random, WORDS)]++;
        y[i] = a * (double)(count[2] > 0) + 3 * (double)count[5] + (double)peal_philox_normal(&random);
        append(&text, "%.9g,", a, 0);
        append(&table, "%.9g", a, 0);
        for (size_t w = 0; w < WORDS; w++) {
            for (size_t c = 0; c < count[w]; c++) append(&text, "word%.0f ", (double)w, 0);
            append(&table, ",%.0f", (double)count[w], 0);
        }
        append(&text, ",%.17g\n", y[i], 0);
        append(&table, ",%.17g\n", y[i], 0);
    }
    assert_ok(peal_file_write_atomic(texts, text.data, text.size, &err));
    assert_ok(peal_file_write_atomic(counts, table.data, table.size, &err));
    json_t *transforms =
        json_pack("[{s:s, s:s, s:b, s:b}]", "transform", "tokens", "columns", "t", "signed", 0, "normal", 0);
    make_dataset(texts, mixed_set, transforms);
    make_dataset(counts, dense_set, NULL);
    json_decref(transforms);
    train_and_predict(dense_set, counts, "trees:rounds=10", dense);
    train_and_predict(mixed_set, texts, "trees:rounds=10", mixed);
    for (size_t i = 0; i < ROWS; i++) assert_true(fabs(dense[i] - mixed[i]) < 1e-9);
    /* A row alone. */
    peal_predictor *predictor;
    assert_ok(peal_predictor_open(out, &predictor, &err));
    const char *line = strchr((const char *)text.data, '\n') + 1;
    for (size_t i = 0; i < 20; i++) {
        double score;
        size_t count;
        const char *end = strchr(line, '\n') + 1;
        assert_ok(peal_predictor_text(predictor, line, (size_t)(end - line), &score, 1, &count, &err));
        assert_true(score == mixed[i]);
        line = end;
    }
    peal_predictor_free(predictor);
    peal_buffer_clear(&text);
    peal_buffer_clear(&table);
    free(texts);
    free(counts);
    free(mixed_set);
    free(dense_set);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_table_gives_the_same_trees),
        cmocka_unit_test(workers_bundles_and_partitions_do_not_matter),
        cmocka_unit_test(resume_ends_in_the_same_bits),
        cmocka_unit_test(a_model_is_gone_on_from),
        cmocka_unit_test(what_is_told_of_trees_is_so),
        cmocka_unit_test(trees_that_make_no_sense_are_refused),
        cmocka_unit_test(words_beside_numbers),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
