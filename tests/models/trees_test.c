/* Trees: what a split and a leaf are, held against obvious ways to find them; missing values and categories. */
#include <math.h>

#include "core/base/file.h"
#include "models/predict/safetensors.h"
#include "tests/models/dataset.h"

enum { ROWS = 1500, NUMBERS = 3, LEVELS = 12 };

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

/* Rows of numbers with few digits, so that each value can have a bin of its own, and a category. NaN: missing. */
typedef struct rows {
    double x[ROWS][NUMBERS], y[ROWS];
    int level[ROWS];
} rows;

static void draw(rows *all, uint64_t seed) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < NUMBERS; j++) all->x[i][j] = (double)peal_philox_below(&random, 100) / 10;
        if (peal_philox_below(&random, 4) == 0) all->x[i][2] = (double)NAN;
        all->level[i] = (int)peal_philox_below(&random, LEVELS);
        const double odd = all->level[i] * 7 % LEVELS < 5 ? 3 : 0;
        all->y[i] = sin(all->x[i][0]) + all->x[i][1] / 5 + (isnan(all->x[i][2]) ? 2 : all->x[i][2] / 10) + odd +
                    (double)peal_philox_normal(&random);
    }
}

static void print(const rows *all, size_t i, bool with_label, peal_buffer *text) {
    char line[160], last[32] = "";
    peal_error err;
    if (!isnan(all->x[i][2])) snprintf(last, sizeof last, "%.1f", all->x[i][2]);
    const int size = snprintf(line, sizeof line, "%.1f,%.1f,%s,v%d", all->x[i][0], all->x[i][1], last, all->level[i]);
    assert_ok(peal_buffer_append(text, line, (size_t)size, &err));
    const int more = snprintf(line, sizeof line, ",%.17g\n", all->y[i]);
    assert_ok(peal_buffer_append(text, with_label ? line : "\n", with_label ? (size_t)more : 1, &err));
}

/* Trains on the rows and predicts them; numbers go through bins, which leave missing what is missing, or become
 * features that are filled in. */
static void train_with(const rows *all, const char *model, const char *const *drop, size_t drop_count, bool bins,
                       double *out) {
    peal_error err;
    peal_buffer text = {0};
    peal_train_result result;
    peal_predictor *predictor;
    peal_dataset *data;
    char *csv = test_path(folder, "t.csv"), *dataset = test_path(folder, "t.ds"), *path = test_path(folder, "t.st");
    assert_ok(peal_buffer_append(&text, "a,b,c,v,y\n", 10, &err));
    for (size_t i = 0; i < ROWS; i++) print(all, i, true, &text);
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    json_t *transforms = bins ? json_pack("[{s:s, s:s}]", "transform", "bins", "columns", "numbers") : json_array();
    test_dataset(csv, dataset,
                 (peal_plan_options){
                     .task = PEAL_TASK_REGRESS, .transforms = transforms, .drop = drop, .drop_count = drop_count});
    json_decref(transforms);
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = path;
    options.model = model;
    options.partitions = 3;
    assert_ok(peal_train(&options, &result, &err));
    assert_ok(peal_predictor_open(path, &predictor, &err));
    assert_ok(peal_dataset_open(dataset, &data, &err));
    text.size = 0;
    for (size_t i = 0; i < ROWS; i++) print(all, i, true, &text);
    size_t count;
    assert_ok(peal_predictor_text(predictor, (const char *)text.data, text.size, out, ROWS, &count, &err));
    assert_int_equal(count, ROWS);
    peal_dataset_close(data);
    peal_predictor_free(predictor);
    peal_buffer_clear(&text);
    free(csv);
    free(dataset);
    free(path);
}

static void train(const rows *all, const char *model, const char *const *drop, size_t drop_count, double *out) {
    train_with(all, model, drop, drop_count, true, out);
}

/* Squares of the labels about their means, on both sides of a split. */
static double left_over(const rows *all, const bool *left) {
    double sums[2] = {0}, squares[2] = {0}, counts[2] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        sums[left[i]] += all->y[i];
        squares[left[i]] += all->y[i] * all->y[i];
        counts[left[i]]++;
    }
    double all_squares = 0;
    for (size_t s = 0; s < 2; s++) all_squares += counts[s] ? squares[s] - sums[s] * sums[s] / counts[s] : 0;
    return all_squares;
}

static size_t count_left(const bool *left) {
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) count += left[i];
    return count;
}

/* The best split of numbers, by trying all. */
static double best_of_numbers(const rows *all) {
    bool left[ROWS];
    double best = (double)INFINITY;
    for (size_t j = 0; j < NUMBERS; j++) {
        for (int at = 0; at < 100; at++) {
            for (int missing = 0; missing < 2; missing++) {
                for (size_t i = 0; i < ROWS; i++) {
                    left[i] = isnan(all->x[i][j]) ? missing : all->x[i][j] <= at / 10.0 + 0.05;
                }
                const size_t count = count_left(left);
                if (count >= 20 && ROWS - count >= 20) best = fmin(best, left_over(all, left));
            }
        }
    }
    return best;
}

static void one_split_is_the_best(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    static const char *const drop[] = {"v"};
    for (uint64_t seed = 1; seed < 4; seed++) {
        bool left[ROWS];
        draw(&all, seed);
        train(&all, "trees:leaves=2,rounds=1,rate=1", drop, 1, got);
        for (size_t i = 0; i < ROWS; i++) left[i] = got[i] == got[0];
        assert_true(count_left(left) < ROWS);
        /* Gradients are rounded, so that of two splits that are nearly as good either may be taken. */
        assert_true(left_over(&all, left) <= 1.0005 * best_of_numbers(&all));
    }
}

/* A number that was filled in with the mean is missing all the same, and not near the mean. */
static void what_was_filled_in_is_missing(void **state) {
    (void)state;
    static rows all;
    static double bins[ROWS], filled[ROWS];
    static const char *const drop[] = {"a", "b", "v"};
    double missing = (double)NAN;
    draw(&all, 11);
    train_with(&all, "trees:leaves=2,rounds=1,rate=1", drop, 3, false, filled);
    train_with(&all, "trees:leaves=2,rounds=1,rate=1", drop, 3, true, bins);
    for (size_t i = 0; i < ROWS; i++) {
        if (isnan(all.x[i][2]) && isnan(missing)) missing = filled[i];
        if (isnan(all.x[i][2])) assert_true(filled[i] == missing);
        if (fabs(all.x[i][2] - 5) < 1) assert_true(filled[i] != missing);
        assert_true(fabs(filled[i] - bins[i]) < 1e-9);
    }
}

/* With rate 1 and no penalty a leaf says the mean of its rows. */
static void leaves_are_means(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    draw(&all, 7);
    train(&all, "trees:leaves=12,rounds=1,rate=1,min_rows=5", NULL, 0, got);
    size_t leaves = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double sum = 0, count = 0;
        bool is_first = true;
        for (size_t j = 0; j < ROWS; j++) {
            if (got[j] != got[i]) continue;
            is_first = is_first && j >= i;
            sum += all.y[j];
            count++;
        }
        leaves += is_first;
        assert_true(count >= 5);
        assert_true(fabs(got[i] - sum / count) < 1e-6);
    }
    assert_int_equal(leaves, 12);
}

static int by_size(const void *a, const void *b) {
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* With rate 1 a leaf of the absolute loss says the median of its rows, one of a quantile that quantile. */
static void leaves_are_quantiles(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    static const char *const models[] = {"trees:leaves=12,rounds=1,rate=1,objective=mae",
                                         "trees:leaves=12,rounds=1,rate=1,objective=quantile,alpha=0.8"};
    draw(&all, 11);
    for (size_t m = 0; m < 2; m++) {
        train(&all, models[m], NULL, 0, got);
        for (size_t i = 0; i < ROWS; i++) {
            double own[ROWS];
            size_t count = 0;
            for (size_t j = 0; j < ROWS; j++) {
                if (got[j] == got[i]) own[count++] = all.y[j];
            }
            assert_true(count >= 20 && count < ROWS);
            qsort(own, count, sizeof *own, by_size);
            const double place = (double)(count - 1) * (m ? 0.8 : 0.5), low = floor(place);
            const double first = own[(size_t)low], second = own[(size_t)low + (place > low)];
            assert_true(fabs(got[i] - (first + (second - first) * (place - low))) < 1e-9);
        }
    }
}

/* Levels, whose order says nothing, are parted as their means say. */
static void categories_are_parted_by_their_means(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    static const char *const drop[] = {"a", "b", "c"};
    draw(&all, 3);
    train(&all, "trees:leaves=2,rounds=1,rate=1", drop, 3, got);
    for (size_t i = 0; i < ROWS; i++) {
        const bool odd = all.level[i] * 7 % LEVELS < 5;
        for (size_t j = 0; j < i; j++) {
            if ((all.level[j] * 7 % LEVELS < 5) == odd) assert_true(got[i] == got[j]);
        }
    }
    assert_true(got[0] != got[1] || got[0] != got[2] || got[0] != got[3]);
}

static void more_rounds_learn_more(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    double last = (double)INFINITY;
    static const char *const models[] = {"trees:rounds=2", "trees:rounds=20", "trees:rounds=200,leaves=8",
                                         "trees:rounds=400,leaves=8,rows=0.7,columns=0.5"};
    draw(&all, 9);
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        double squares = 0;
        train(&all, models[m], NULL, 0, got);
        for (size_t i = 0; i < ROWS; i++) squares += (got[i] - all.y[i]) * (got[i] - all.y[i]) / ROWS;
        assert_true(squares < last);
        last = m < 2 ? squares : 1; /* the noise is learnt, too */
    }
}

static void trees_that_make_no_sense_are_refused(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    static const struct {
        const char *tensor;
        size_t index;
        uint32_t value;
        const char *what; /* NULL: it is right */
    } cases[] = {{"nodes", 1, 3, NULL},
                 {"nodes", 0, 9, "makes no sense"},                    /* a feature that is not there */
                 {"nodes", 1, 1 << 10, "makes no sense"},              /* no such kind of split */
                 {"nodes", 2, 0, "makes no sense"},                    /* its own child */
                 {"nodes", 2, 7, "makes no sense"},                    /* a node that is not there */
                 {"nodes", 3, UINT32_C(0x80000008), "makes no sense"}, /* a leaf that is not there */
                 {"nodes", 7, UINT32_C(0x80000000), "makes no sense"}, /* a leaf that is there already */
                 {"leaf_rows", 0, 0, "rows or covers of tree 1 make no sense"},
                 {"gains", 1, UINT32_C(0xbff00000), "gains, rows or covers of tree 1"}, /* -1: the upper half */
                 {"leaf_covers", 3, UINT32_C(0xbff00000), "covers of tree 1"},
                 {"sizes", 0, 8, "too many nodes"},
                 {"edge_counts", 0, 255, "too many bins"},
                 {"edge_counts", 0, 1 << 30, "too many bins"},
                 {"edge_counts", 0, 200, "do not rise"}};
    char *path = test_path(folder, "t.st");
    draw(&all, 5);
    train_with(&all, "trees:leaves=8,rounds=2", NULL, 0, false, got);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        const peal_status status =
            test_open_changed(folder, path, cases[i].tensor, cases[i].index, cases[i].value, &err);
        if (cases[i].what) {
            assert_int_equal(status, PEAL_E_DATA);
            assert_has(err.message, cases[i].what);
        } else {
            assert_ok(status);
        }
    }
    free(path);
}

/* A model's file without some of its tensors. */
static void open_without(const char *path, const char *const *left_out, size_t left_out_count,
                         peal_predictor **predictor) {
    peal_error err;
    enum { TENSORS = 16 };
    static const char *const keys[] = {"kind", "model", "job", "pipeline"};
    peal_safetensors *file;
    peal_tensor tensors[TENSORS];
    size_t count = 0;
    char *changed = test_path(folder, "without.st");
    json_t *metadata = json_object();
    assert_ok(peal_safetensors_open(path, &file, &err));
    assert_true(peal_safetensors_count(file) <= TENSORS);
    for (size_t i = 0; i < peal_safetensors_count(file); i++) {
        bool stays = true;
        for (size_t j = 0; j < left_out_count; j++) {
            stays = stays && strcmp(peal_safetensors_at(file, i)->name, left_out[j]) != 0;
        }
        if (stays) tensors[count++] = *peal_safetensors_at(file, i);
    }
    assert_int_equal(count + left_out_count, peal_safetensors_count(file));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = peal_safetensors_metadata(file, keys[i]);
        if (text) json_object_set_new(metadata, keys[i], json_string(text));
    }
    assert_ok(peal_safetensors_write(changed, metadata, tensors, count, &err));
    peal_safetensors_close(file);
    assert_ok(peal_predictor_open(changed, predictor, &err));
    json_decref(metadata);
    free(changed);
}

static void files_without_a_history_predict(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS];
    static const char *const history[] = {"gains", "leaf_rows", "leaf_covers"};
    peal_error err;
    peal_predictor *predictor;
    json_t *told;
    size_t count;
    double score[2];
    char *path = test_path(folder, "t.st");
    draw(&all, 6);
    train(&all, "trees:leaves=8,rounds=3", NULL, 0, got);
    open_without(path, history, 3, &predictor);
    peal_buffer text = {0};
    print(&all, 0, true, &text);
    assert_ok(peal_predictor_text(predictor, (char *)text.data, text.size, score, 1, &count, &err));
    assert_true(score[0] == got[0]);
    assert_int_equal(peal_predictor_show(predictor, "contributions", &err), PEAL_E_DATA);
    assert_has(err.message, "leaf_rows");
    assert_ok(peal_predictor_show(predictor, "raw", &err));
    assert_ok(peal_predictor_text(predictor, (char *)text.data, text.size, score, 1, &count, &err));
    assert_true(fabs(score[0] - got[0]) < 1e-12);
    assert_ok(peal_predictor_importance(predictor, &told, &err));
    assert_true(json_integer_value(json_object_get(json_array_get(told, 0), "splits")) > 0);
    assert_null(json_object_get(json_array_get(told, 0), "gain"));
    json_decref(told);
    assert_ok(peal_predictor_tree(predictor, 3, &told, &err));
    assert_null(json_object_get(json_array_get(json_object_get(told, "nodes"), 0), "rows"));
    json_decref(told);
    peal_predictor_free(predictor);
    peal_buffer_clear(&text);
    free(path);
}

/* A node of a description, or NULL. */
static const json_t *node_at(const json_t *tree, json_int_t number) {
    return json_array_get(json_object_get(tree, "nodes"), (size_t)number);
}

/* The leaf that a row comes to by what is told of a tree, of numbers of the input. */
static json_int_t walk(const json_t *tree, const double *x) {
    const json_t *node = node_at(tree, 0);
    while (!json_object_get(node, "value")) {
        const double value = x[json_string_value(json_object_get(node, "column"))[0] - 'a'];
        const json_t *at_most = json_object_get(node, "at_most"), *below = json_object_get(node, "below");
        const char *missing = json_string_value(json_object_get(node, "missing"));
        bool left;
        if (isnan(value) && missing) {
            left = strcmp(missing, "left") == 0;
        } else if (at_most || below) {
            left = at_most ? value <= json_real_value(at_most) : value < json_real_value(below);
        } else {
            left = strcmp(json_string_value(json_object_get(node, "known")), "left") == 0;
        }
        node = node_at(tree, json_integer_value(json_object_get(node, left ? "left" : "right")));
    }
    return json_integer_value(json_object_get(node, "leaf"));
}

enum { TREES = 4, LEAVES = 8 };

static void check_tree(const peal_predictor *predictor, const rows *all, size_t t, double leaves[ROWS][TREES]) {
    peal_error err;
    json_t *tree;
    size_t counts[LEAVES] = {0};
    assert_ok(peal_predictor_tree(predictor, t + 1, &tree, &err));
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(walk(tree, all->x[i]), (json_int_t)leaves[i][t]);
        counts[(size_t)leaves[i][t]]++;
    }
    const size_t nodes = json_array_size(json_object_get(tree, "nodes"));
    for (size_t l = 0; l <= nodes / 2; l++) {
        const json_t *leaf = node_at(tree, (json_int_t)(nodes / 2 + l));
        assert_int_equal(json_integer_value(json_object_get(leaf, "rows")), counts[l]);
        assert_true(fabs(json_real_value(json_object_get(leaf, "cover")) - (double)counts[l]) < 1e-6);
    }
    json_decref(tree);
}

/* Rows of the input walk down what is told of trees to the leaves that they come to, whose rows are counted right, and
 * contributions add up: of numbers that are filled in and standardised, and of bins. */
static void what_is_told_of_trees_is_so(void **state) {
    (void)state;
    static rows all;
    static double got[ROWS], leaves[ROWS][TREES], told[ROWS][NUMBERS + 1];
    static const char *const drop[] = {"v"};
    char *path = test_path(folder, "t.st");
    draw(&all, 11);
    for (size_t bins = 0; bins < 2; bins++) {
        peal_error err;
        peal_predictor *predictor;
        peal_buffer text = {0};
        size_t count;
        train_with(&all, "trees:leaves=8,rounds=4", drop, 1, bins, got);
        for (size_t i = 0; i < ROWS; i++) print(&all, i, true, &text);
        assert_ok(peal_predictor_open(path, &predictor, &err));
        assert_ok(peal_predictor_show(predictor, "leaves", &err));
        assert_int_equal(peal_predictor_scores(predictor), TREES);
        assert_ok(peal_predictor_text(predictor, (char *)text.data, text.size, leaves[0], ROWS, &count, &err));
        for (size_t t = 0; t < TREES; t++) check_tree(predictor, &all, t, leaves);
        assert_ok(peal_predictor_show(predictor, "contributions", &err));
        assert_ok(peal_predictor_text(predictor, (char *)text.data, text.size, told[0], ROWS, &count, &err));
        for (size_t i = 0; i < ROWS; i++) {
            double sum = 0;
            for (size_t j = 0; j <= NUMBERS; j++) sum += told[i][j];
            assert_true(fabs(sum - got[i]) < 1e-9);
        }
        peal_predictor_free(predictor);
        peal_buffer_clear(&text);
    }
    free(path);
}

static void wrong_wishes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *model, *optimizer, *sync, *what;
    } cases[] = {{"trees:leaves=1", NULL, NULL, "leaves"},
                 {"trees:leaves=2.5", NULL, NULL, "must be a whole number"},
                 {"trees:leafs=3", NULL, NULL, "did you mean 'leaves'"},
                 {"trees:bins=300", NULL, NULL, "bins"},
                 {"trees", "adam", NULL, "optimizer is of learning by steps"},
                 {"trees", NULL, "step", "leave sync out"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        char *out = test_path(folder, "no.st");
        peal_train_options options = peal_train_default();
        options.out = out;
        options.model = cases[i].model;
        options.optimizer = cases[i].optimizer;
        options.sync = cases[i].sync;
        assert_int_equal(peal_train_check(&options, &err), PEAL_E_USAGE);
        assert_has(err.message, cases[i].what);
        free(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_split_is_the_best),
        cmocka_unit_test(what_was_filled_in_is_missing),
        cmocka_unit_test(leaves_are_means),
        cmocka_unit_test(leaves_are_quantiles),
        cmocka_unit_test(categories_are_parted_by_their_means),
        cmocka_unit_test(more_rounds_learn_more),
        cmocka_unit_test(trees_that_make_no_sense_are_refused),
        cmocka_unit_test(files_without_a_history_predict),
        cmocka_unit_test(what_is_told_of_trees_is_so),
        cmocka_unit_test(wrong_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
