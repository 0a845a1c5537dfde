/* What shapes boosting beside the trees themselves: constraints, the order in which trees grow, which rows they see,
 * trees that are left out, and going on from a model. */
#include <math.h>

#include "core/base/file.h"
#include "models/predict/safetensors.h"
#include "tests/models/dataset.h"

enum { ROWS = 1500, LEVELS = 12, GRID = 25 };

static char *folder;
static char *numbers, *classes; /* datasets of the same rows */

/* A row of the input: `a` and `b` are to be constrained, though neither goes one way; NaN: missing. */
typedef struct input {
    double a, b, c, d;
    int level;
} input;

static input draw(peal_philox *random) {
    input row = {.a = (double)peal_philox_below(random, 100) / 25 - 2,
                 .b = (double)peal_philox_below(random, 100) / 25 - 2,
                 .c = (double)peal_philox_below(random, 100) / 25 - 2,
                 .d = (double)peal_philox_below(random, 100) / 25 - 2,
                 .level = (int)peal_philox_below(random, LEVELS)};
    if (peal_philox_below(random, 5) == 0) row.c = (double)NAN;
    return row;
}

static void print(const input *row, double y, peal_buffer *text) {
    char line[160], c[32] = "";
    peal_error err;
    if (!isnan(row->c)) snprintf(c, sizeof c, "%.2f", row->c);
    const int size = snprintf(line, sizeof line, "%.2f,%.2f,%s,%.2f,v%d,%.6f,%s\n", row->a, row->b, c, row->d,
                              row->level, y, y > 1.5 ? "yes" : "no");
    assert_ok(peal_buffer_append(text, line, (size_t)size, &err));
}

static void make_dataset(const char *csv, const char *out, peal_task_kind task, const char *label, const char *drop) {
    json_t *transforms = json_pack("[{s:s, s:s}]", "transform", "bins", "columns", "numbers");
    const char *const drops[] = {drop};
    test_dataset(
        csv, out,
        (peal_plan_options){.task = task, .transforms = transforms, .drop = drops, .drop_count = 1, .label = label});
    json_decref(transforms);
}

static int make_folder(void **state) {
    (void)state;
    peal_error err;
    peal_buffer text = {0};
    peal_philox random = peal_philox_stream(3, PEAL_PURPOSE_USER, 0, 0, 0);
    folder = test_folder();
    char *csv = test_path(folder, "t.csv");
    assert_ok(peal_buffer_append(&text, "a,b,c,d,v,y,z\n", 14, &err));
    for (size_t i = 0; i < ROWS; i++) {
        const input row = draw(&random);
        const double eta = sin(3 * row.a) + 0.3 * row.a + 0.4 * row.b * (row.d > 0) + 0.4 * cos(2 * row.b) +
                           (isnan(row.c) ? 0.6 : 0.2 * row.c) + (row.level * 7 % LEVELS < 5 ? 0.5 : 0);
        print(&row, exp(eta + (double)peal_philox_normal(&random) / 2), &text);
    }
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    numbers = test_path(folder, "numbers.ds");
    classes = test_path(folder, "classes.ds");
    make_dataset(csv, numbers, PEAL_TASK_REGRESS, "y", "z");
    make_dataset(csv, classes, PEAL_TASK_CLASSIFY, "z", "y");
    peal_buffer_clear(&text);
    free(csv);
    return 0;
}

static int free_folder(void **state) {
    (void)state;
    free(folder);
    free(numbers);
    free(classes);
    return 0;
}

/* Trains and opens the model, which stands in the folder under the name. */
static peal_predictor *train(const char *dataset, const char *model, const char *name, const char *init) {
    peal_error err;
    peal_train_result result;
    peal_predictor *predictor;
    char *path = test_path(folder, name), *from = init ? test_path(folder, init) : NULL;
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = path;
    options.model = model;
    options.partitions = 3;
    options.workers = 1; /* meetings cost much where CPUs are shared */
    options.init = from;
    assert_ok(peal_train(&options, &result, &err));
    assert_ok(peal_predictor_open(path, &predictor, &err));
    free(path);
    free(from);
    return predictor;
}

/* The last score of each row: the number, or the probability of "yes". */
static void predict(peal_predictor *predictor, const input *rows, size_t count, double *out) {
    peal_error err;
    peal_buffer text = {0};
    size_t got;
    const size_t width = peal_predictor_scores(predictor);
    double *scores = malloc(count * width * sizeof *scores);
    for (size_t i = 0; i < count; i++) print(&rows[i], 1, &text);
    assert_ok(peal_predictor_text(predictor, (const char *)text.data, text.size, scores, count, &got, &err));
    assert_int_equal(got, count);
    for (size_t i = 0; i < count; i++) out[i] = scores[i * width + width - 1];
    free(scores);
    peal_buffer_clear(&text);
}

/* ---- constraints ---- */

/* How far predictions of random rows fall, at most, while `a` rises (b falls) over all that there is and beyond. */
static double falls(peal_predictor *predictor, bool by_a) {
    enum { TRIED = 40 };
    static input rows[TRIED * GRID];
    static double got[TRIED * GRID];
    peal_philox random = peal_philox_stream(4, PEAL_PURPOSE_USER, 0, 0, 0);
    double most = 0;
    for (size_t i = 0; i < TRIED; i++) {
        const input row = draw(&random);
        for (size_t k = 0; k < GRID; k++) {
            input *one = &rows[i * GRID + k];
            *one = row;
            *(by_a ? &one->a : &one->b) = (by_a ? 1 : -1) * ((double)k * 5 / (GRID - 1) - 2.5);
        }
    }
    predict(predictor, rows, TRIED * GRID, got);
    for (size_t i = 0; i < TRIED * GRID; i++) {
        if (i % GRID) most = fmax(most, got[i - 1] - got[i]);
    }
    return most;
}

static void predictions_never_fall_where_they_must_not(void **state) {
    (void)state;
    static const char *const objectives[] = {"squared", "mae",   "huber",   "quantile,alpha=0.8",
                                             "poisson", "gamma", "tweedie", "binary"};
    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++) {
        const bool is_class = strcmp(objectives[i], "binary") == 0;
        static const char *const bounds[] = {"", ",increasing=a,decreasing=b", ",monotone_constraints=1x-1x0x0x0"};
        for (size_t bound = 0; bound < sizeof bounds / sizeof *bounds; bound++) {
            char model[160];
            snprintf(model, sizeof model, "trees:rounds=30,min_rows=5,objective=%s%s", objectives[i], bounds[bound]);
            peal_predictor *predictor = train(is_class ? classes : numbers, model, "m.st", NULL);
            const double by_a = falls(predictor, true), by_b = falls(predictor, false);
            if (bound) assert_true(by_a == 0 && by_b == 0);
            if (!bound) assert_true(by_a > 0.1 && by_b > 0.1);
            peal_predictor_free(predictor);
        }
    }
}

static const json_t *node_at(const json_t *tree, json_int_t number) {
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(tree, "nodes"), i, one) {
        if (json_integer_value(json_object_get(one, "node")) == number) return one;
    }
    fail();
    return NULL;
}

/* The columns, a bit each, that nodes from this one down to any leaf are split by: counts them by sets. */
static void count_paths(const json_t *tree, const json_t *node, unsigned used, size_t counts[32]) {
    static const char *const sides[] = {"left", "right"};
    const char *column = json_string_value(json_object_get(node, "column"));
    if (!column) {
        counts[used]++;
        return;
    }
    for (size_t s = 0; s < 2; s++) {
        const json_t *child = node_at(tree, json_integer_value(json_object_get(node, sides[s])));
        count_paths(tree, child, used | 1u << (strchr("abcdv", *column) - "abcdv"), counts);
    }
}

static void count_all_paths(const peal_predictor *predictor, size_t trees, size_t counts[32]) {
    memset(counts, 0, 32 * sizeof *counts);
    for (size_t t = 0; t < trees; t++) {
        peal_error err;
        json_t *tree;
        assert_ok(peal_predictor_tree(predictor, t + 1, &tree, &err));
        count_paths(tree, node_at(tree, 0), 0, counts);
        json_decref(tree);
    }
}

static void columns_of_different_groups_are_on_no_path(void **state) {
    (void)state;
    enum { A = 1, B = 2, C = 4, D = 8, V = 16 };
    size_t counts[32];
    peal_predictor *predictor = train(numbers, "trees:rounds=60,interactions=a+b|b+c+v", "m.st", NULL);
    count_all_paths(predictor, 60, counts);
    for (unsigned used = 0; used < 32; used++) {
        const bool fits = (used & (A | B)) == used || (used & (B | C | V)) == used || used == D;
        if (!fits) assert_int_equal(counts[used], 0);
    }
    assert_true(counts[A | B] && counts[B | C | V] && counts[D]);
    peal_predictor_free(predictor);
    predictor = train(numbers, "trees:rounds=5", "m.st", NULL);
    count_all_paths(predictor, 5, counts);
    assert_true(counts[A | B | D] + counts[A | C] + counts[A | D] + counts[A | V] > 0);
    peal_predictor_free(predictor);
}

/* ---- growth ---- */

/* The depth of each leaf below a node; returns the least and the greatest. */
static void find_depths(const json_t *tree, const json_t *node, size_t depth, size_t *least, size_t *most) {
    const json_t *left = json_object_get(node, "left"), *right = json_object_get(node, "right");
    if (!left) {
        *least = depth < *least ? depth : *least;
        *most = depth > *most ? depth : *most;
        return;
    }
    find_depths(tree, node_at(tree, json_integer_value(left)), depth + 1, least, most);
    find_depths(tree, node_at(tree, json_integer_value(right)), depth + 1, least, most);
}

/* Nodes, and the depths of leaves, of the first tree. */
static size_t measure_tree(const char *model, size_t *least, size_t *most) {
    peal_error err;
    json_t *tree;
    peal_predictor *predictor = train(numbers, model, "m.st", NULL);
    assert_ok(peal_predictor_tree(predictor, 1, &tree, &err));
    *least = SIZE_MAX;
    *most = 0;
    find_depths(tree, node_at(tree, 0), 0, least, most);
    const size_t nodes = json_array_size(json_object_get(tree, "nodes")) / 2;
    json_decref(tree);
    peal_predictor_free(predictor);
    return nodes;
}

static void levels_are_filled_one_after_the_other(void **state) {
    (void)state;
    size_t least, most;
    assert_int_equal(measure_tree("trees:rounds=1,min_rows=1,leaves=16", &least, &most), 15);
    assert_true(least < 4 && most > 4);
    assert_int_equal(measure_tree("trees:rounds=1,min_rows=1,leaves=16,growth=depth", &least, &most), 15);
    assert_true(least == 4 && most == 4);
    assert_int_equal(measure_tree("trees:rounds=1,min_rows=1,max_leaves=11,grow_policy=depthwise", &least, &most), 10);
    assert_true(least == 3 && most == 4);
    assert_int_equal(measure_tree("trees:rounds=1,min_rows=1,max_depth=5,growth=depth", &least, &most), 31);
    assert_true(least == 5 && most == 5);
    assert_int_equal(measure_tree("trees:rounds=1,min_rows=1,growth=depth", &least, &most), 30);
}

/* ---- rows by their gradients ---- */

enum { IDS = 100, TWINS = 3, TOP = 30 * TWINS };

typedef struct lacking {
    double size;
    size_t id;
} lacking;

static int by_lack(const void *a, const void *b) {
    const lacking *p = a, *q = b;
    return (p->size < q->size) - (p->size > q->size);
}

/* Three rows alike of each id, which the second tree can tell from all others; rows [IDS]. */
static void make_twins(const char *csv, const char *dataset, double y[IDS]) {
    peal_error err;
    peal_buffer text = {0};
    peal_philox random = peal_philox_stream(9, PEAL_PURPOSE_USER, 0, 0, 0);
    json_t *transforms = json_pack("[{s:s, s:s}]", "transform", "bins", "columns", "numbers");
    assert_ok(peal_buffer_append(&text, "id,y\n", 5, &err));
    for (size_t i = 0; i < IDS; i++) y[i] = (double)peal_philox_normal(&random);
    for (size_t i = 0; i < TWINS * IDS; i++) {
        char line[64];
        const int size = snprintf(line, sizeof line, "%zu,%.17g\n", i % IDS, y[i % IDS]);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    test_dataset(csv, dataset, (peal_plan_options){.task = PEAL_TASK_REGRESS, .transforms = transforms});
    json_decref(transforms);
    peal_buffer_clear(&text);
}

static void look(peal_predictor *predictor, const char *view, double *out, size_t width) {
    peal_error err;
    peal_buffer text = {0};
    size_t got;
    for (size_t i = 0; i < IDS; i++) {
        char line[64];
        assert_ok(peal_buffer_append(&text, line, (size_t)snprintf(line, sizeof line, "%zu,0\n", i), &err));
    }
    if (view) assert_ok(peal_predictor_show(predictor, view, &err));
    assert_int_equal(peal_predictor_scores(predictor), width);
    assert_ok(peal_predictor_text(predictor, (const char *)text.data, text.size, out, IDS, &got, &err));
    peal_buffer_clear(&text);
}

/* Of a leaf of `rows` rows, those that stand for others have so much cover; the rest is of the largest gradients. */
static void check_leaf(const json_t *leaf, const size_t *top_rows, double share, size_t *others) {
    const json_int_t rows = json_integer_value(json_object_get(leaf, "rows"));
    const double standing = (json_real_value(json_object_get(leaf, "cover")) - (double)rows) / (share - 1);
    const size_t number = (size_t)json_integer_value(json_object_get(leaf, "leaf"));
    assert_true(fabs(standing - round(standing)) < 1e-4);
    assert_int_equal(rows - (json_int_t)round(standing), top_rows[number]);
    *others += (size_t)round(standing);
}

/* The first tree sees all rows; of the second one the rows with the largest gradients are found by sorting. */
static void the_largest_gradients_are_all_in(void **state) {
    (void)state;
    double y[IDS], first[IDS], leaves[IDS][2];
    lacking all[IDS];
    size_t top_rows[IDS * TWINS] = {0}, others = 0, i;
    peal_error err;
    json_t *tree, *node;
    char *csv = test_path(folder, "ids.csv"), *dataset = test_path(folder, "ids.ds");
    make_twins(csv, dataset, y);
    peal_predictor *predictor = train(dataset, "trees:rounds=1,rate=1,leaves=4,min_rows=1", "m.st", NULL);
    look(predictor, NULL, first, 1);
    peal_predictor_free(predictor);
    predictor = train(dataset, "trees:rounds=2,rate=1,leaves=4,min_rows=1,boosting=goss,top_rate=0.3,other_rate=0.2",
                      "m.st", NULL);
    look(predictor, "leaves", leaves[0], 2);
    for (i = 0; i < IDS; i++) all[i] = (lacking){fabs(y[i] - first[i]), i};
    qsort(all, IDS, sizeof *all, by_lack);
    for (i = 0; i < TOP / TWINS; i++) top_rows[(size_t)leaves[all[i].id][1]] += TWINS;
    assert_ok(peal_predictor_tree(predictor, 2, &tree, &err));
    json_array_foreach(json_object_get(tree, "nodes"), i, node) {
        if (json_object_get(node, "leaf")) check_leaf(node, top_rows, 0.7 / 0.2, &others);
    }
    assert_true(others > 30 && others < 90); /* 60 of 210 */
    json_decref(tree);
    peal_predictor_free(predictor);
    free(csv);
    free(dataset);
}

/* ---- dropped trees ---- */

enum { TRIED = 200 };

/* How far two models' predictions are apart, at most, the second one's times `factor` beyond the mean. */
static double apart(const char *model, const char *other, double factor) {
    static input rows[TRIED];
    static double got[3][TRIED];
    const char *const models[] = {model, other, "trees:rounds=1,min_hessian=1e9"}; /* the last one says the mean */
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    double most = 0;
    for (size_t i = 0; i < TRIED; i++) rows[i] = draw(&random);
    for (size_t m = 0; m < 3; m++) {
        peal_predictor *predictor = train(numbers, models[m], "m.st", NULL);
        predict(predictor, rows, TRIED, got[m]);
        peal_predictor_free(predictor);
    }
    for (size_t i = 0; i < TRIED; i++) {
        most = fmax(most, fabs(got[0][i] - got[2][i] - factor * (got[1][i] - got[2][i])));
    }
    return most;
}

/* Where all rounds are dropped each time all trees are like the first one, and how they are scaled can be told: by 1
 * over their number, or in XGBoost's way after k rounds by k / (k + rate), the new one by 1 / (k + rate). */
static void dropped_trees_are_scaled(void **state) {
    (void)state;
    const char *one = "trees:rounds=1,rate=0.5,leaves=3";
    assert_true(apart("trees:rounds=5,rate=0.5,leaves=3", one, 1) > 0.1);
    assert_true(apart("trees:rounds=5,rate=0.5,leaves=3,boosting=dart,drop_rate=1,skip_drop=0,max_drop=0", one, 1) <
                1e-6);
    assert_true(apart("trees:rounds=3,rate=0.5,leaves=3,booster=dart,rate_drop=1,skip_drop=0,max_drop=0,"
                      "uniform_drop=true,xgboost_dart_mode=true",
                      one, (1 / 1.5 + 1 / 1.5) * 2 / 2.5 + 1 / 2.5) < 1e-6);
}

static void without_drops_nothing_changes(void **state) {
    (void)state;
    assert_true(apart("trees:rounds=20,boosting=dart,drop_rate=0", "trees:rounds=20", 1) < 1e-6);
    assert_true(apart("trees:rounds=20,boosting=dart,drop_rate=1,skip_drop=1", "trees:rounds=20", 1) < 1e-6);
    assert_true(apart("trees:rounds=20,boosting=dart", "trees:rounds=20", 1) > 1e-3);
}

static void wrong_wishes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *model, *what;
    } cases[] = {
        {"trees:increasing=aa", "increasing: no column 'aa' is learnt from (did you mean 'a'?)"},
        {"trees:decreasing=a+y", "decreasing: no column 'y' is learnt from"},
        {"trees:increasing=a|b", "increasing: no column 'b' is learnt from"},
        {"trees:increasing=v", "the values of column 'v' have no order"},
        {"trees:increasing=a,decreasing=b+a", "column 'a' cannot be both increasing and decreasing"},
        {"trees:monotone_constraints=1x0x2", "a sign is 1, 0 or -1, with x between them, not '2'"},
        {"trees:monotonic_cst=1x", "a sign is 1, 0 or -1, with x between them, not ''"},
        {"trees:monotone_constraints=1x-1", "has 2 signs, and there are 5 columns to learn from ('a' is the first)"},
        {"trees:monotone_constraints=0x0x0x0x1", "the values of column 'v' have no order"},
        {"trees:increasing=a,monotone_constraints=-1x0x0x0x0", "column 'a' cannot be both increasing and decreasing"},
        {"trees:interactions=a+e", "interactions: no column 'e' is learnt from"},
        {"trees:interactions=a||b", "interactions: no column '' is learnt from"},
        {"trees:interaction_constraints=a+%2C", "no column ',' is learnt from"},
        {"trees:top_rate=0.3", "top_rate and other_rate are of sampling=goss"},
        {"trees:sampling=goss,rows=0.5", "leave rows out"},
        {"trees:boosting=goss,sampling=bagging", "leave sampling out"},
        {"trees:sampling=goss,top_rate=0.6,other_rate=0.5", "0.6 and 0.5 are above 1"},
        {"trees:drop_rate=0.3", "are of boosting=dart"},
        {"trees:uniform_drop=false", "are of boosting=dart"},
        {"trees:boosting=dart,uniform_drop=maybe", "no uniform_drop is called 'maybe'"},
        {"trees:leaves=1", "leaves must be 2 at least"},
        {"trees:growth=breadth", "no growth is called 'breadth'"},
        {"trees:increasing=a,objective=softmax", "increasing and decreasing are of one score"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_train_result result;
        char *out = test_path(folder, "no.st");
        peal_train_options options = peal_train_default();
        options.dataset = strstr(cases[i].model, "softmax") ? classes : numbers;
        options.out = out;
        options.model = cases[i].model;
        assert_int_equal(peal_train(&options, &result, &err), PEAL_E_USAGE);
        assert_has(err.message, cases[i].what);
        free(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_never_fall_where_they_must_not),
        cmocka_unit_test(columns_of_different_groups_are_on_no_path),
        cmocka_unit_test(levels_are_filled_one_after_the_other),
        cmocka_unit_test(the_largest_gradients_are_all_in),
        cmocka_unit_test(dropped_trees_are_scaled),
        cmocka_unit_test(without_drops_nothing_changes),
        cmocka_unit_test(wrong_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
