/* Models of LightGBM and XGBoost predict what those programs predict; exported trees, read again, the same; what cannot
 * be read is refused by name. The files are those of tests/data/trees. */
#include <math.h>

#include "core/base/file.h"
#include "models/interchange/interchange.h"
#include "models/predict/predictor.h"
#include "tests/support.h"

enum { ROWS = 36, CLASSES_MOST = 3 };

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

static peal_buffer read_data(const char *name, const char *ending) {
    char path[256];
    peal_buffer text = {0};
    peal_error err;
    snprintf(path, sizeof path, "tests/data/trees/%s%s", name, ending);
    assert_ok(peal_file_read(path, &text, &err));
    assert_ok(peal_buffer_append(&text, "", 1, &err));
    text.size--;
    return text;
}

/* The rows, with an empty label behind each. */
static peal_buffer read_rows(const char *name) {
    peal_buffer plain = read_data(name, ".csv"), out = {0};
    peal_error err;
    for (size_t i = 0; i < plain.size; i++) {
        if (plain.data[i] == '\n') assert_ok(peal_buffer_append(&out, ",", 1, &err));
        assert_ok(peal_buffer_append(&out, plain.data + i, 1, &err));
    }
    peal_buffer_clear(&plain);
    return out;
}

/* scores [ROWS][CLASSES_MOST]; returns how many each row has. */
static size_t predict(const char *model, const char *rows, double scores[ROWS * CLASSES_MOST]) {
    peal_predictor *predictor;
    peal_error err;
    size_t count;
    peal_buffer text = read_rows(rows);
    assert_ok(peal_predictor_open(model, &predictor, &err));
    const size_t width = peal_predictor_scores(predictor);
    assert_true(width <= CLASSES_MOST);
    assert_ok(peal_predictor_text(predictor, (const char *)text.data, text.size, scores, ROWS, &count, &err));
    assert_int_equal(count, ROWS);
    peal_predictor_free(predictor);
    peal_buffer_clear(&text);
    return width;
}

/* Of two classes the other programs tell the probability of the second one. */
static void compare(const char *name, const double *scores, size_t width, double most) {
    peal_buffer text = read_data(name, ".csv");
    char *at = (char *)text.data;
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t k = width == 2; k < width; k++) {
            const double wanted = strtod(at, &at), found = scores[row * width + k];
            if (!(fabs(found - wanted) <= most)) fail_msg("%s, row %zu: %.17g, not %.17g", name, row, found, wanted);
            at++;
        }
    }
    assert_true(*at == '\0');
    peal_buffer_clear(&text);
}

static void import(const char *path, const char *out) {
    peal_error err;
    peal_import_result result;
    assert_ok(peal_import(&(peal_import_options){.path = path, .out = out}, &result, &err));
}

typedef struct sample {
    const char *name, *ending, *rows;
    double most;                             /* XGBoost adds in float32 */
    enum { SAME, REFUSED, NEAR_ZERO } again; /* by LightGBM's file; NEAR_ZERO: splits there are not said in it */
} sample;

static const sample samples[] = {
    {"lightgbm_nan", ".txt", "rows", 1e-12, SAME},       {"lightgbm_zero", ".txt", "rows", 1e-12, SAME},
    {"lightgbm_none", ".txt", "rows", 1e-12, SAME},      {"lightgbm_codes", ".txt", "numbers", 1e-12, SAME},
    {"lightgbm_many", ".txt", "rows", 1e-12, SAME},      {"xgboost_texts", ".json", "rows", 1e-6, SAME},
    {"xgboost_two", ".json", "rows", 1e-6, SAME},        {"xgboost_codes", ".json", "numbers", 1e-6, REFUSED},
    {"xgboost_value", ".json", "rows", 1e-5, NEAR_ZERO}, {"xgboost_old", ".json", "numbers", 1e-6, REFUSED},
};

static void imports_predict_as_the_other_program(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char path[256];
        double scores[ROWS * CLASSES_MOST];
        char *model = test_path(folder, "model.safetensors");
        snprintf(path, sizeof path, "tests/data/trees/%s%s", samples[i].name, samples[i].ending);
        import(path, model);
        const size_t width = predict(model, samples[i].rows, scores);
        compare(samples[i].name, scores, width, samples[i].most);
        free(model);
    }
}

typedef struct collected {
    double *scores;
    size_t rows, width;
} collected;

static peal_status collect(void *user, const peal_predicted *rows, peal_error *err) {
    (void)err;
    collected *self = user;
    memcpy(self->scores + self->rows * self->width, rows->scores, rows->rows * self->width * sizeof(double));
    self->rows += rows->rows;
    return PEAL_OK;
}

/* The rows as a table with a header, for a model that lacks columns which no tree asks for. */
static size_t predict_named(const char *model, const char *rows, double scores[ROWS * CLASSES_MOST]) {
    peal_error err;
    peal_predictor *predictor;
    peal_predict_result result;
    peal_buffer plain = read_data(rows, ".csv"), text = {0};
    const char *header = strcmp(rows, "rows") == 0 ? "plain,zeros,many,code,text\n" : "plain,zeros,many,code\n";
    char *path = test_path(folder, "rows.csv");
    assert_ok(peal_buffer_append(&text, header, strlen(header), &err));
    assert_ok(peal_buffer_append(&text, plain.data, plain.size, &err));
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    assert_ok(peal_predictor_open(model, &predictor, &err));
    collected all = {.scores = scores, .width = peal_predictor_scores(predictor)};
    const peal_predict_options options = {.sources = (const char *const *)&path, .source_count = 1};
    assert_ok(peal_predict(predictor, &options, collect, &all, &result, &err));
    assert_int_equal(all.rows, ROWS);
    peal_predictor_free(predictor);
    peal_buffer_clear(&plain);
    peal_buffer_clear(&text);
    free(path);
    return all.width;
}

static void exports_come_back_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char path[256];
        double scores[ROWS * CLASSES_MOST];
        peal_error err;
        char *model = test_path(folder, "model.safetensors"), *text = test_path(folder, "model.txt");
        snprintf(path, sizeof path, "tests/data/trees/%s%s", samples[i].name, samples[i].ending);
        import(path, model);
        const peal_export_options options = {.model = model, .format = "lightgbm", .out = text};
        const peal_status status = peal_export(&options, &err);
        if (samples[i].again != REFUSED) {
            assert_ok(status);
            import(text, model);
            const size_t width = predict_named(model, samples[i].rows, scores);
            if (samples[i].again == SAME) compare(samples[i].name, scores, width, samples[i].most);
        } else {
            assert_int_equal(status, PEAL_E_USAGE);
            assert_has(err.message, "cannot be said in LightGBM's file: a set of its numbers");
        }
        free(model);
        free(text);
    }
}

/* A file in which `from` has become `to` once; NULL: its first half. */
static void refuses(const char *name, const char *ending, const char *from, const char *to, const char *message) {
    peal_buffer text = read_data(name, ending), edited = {0};
    peal_error err = {0};
    peal_import_result result;
    char *path = test_path(folder, "bad"), *out = test_path(folder, "bad.safetensors");
    char *at = from ? strstr((char *)text.data, from) : (char *)text.data + text.size / 2;
    assert_non_null(at);
    assert_ok(peal_buffer_append(&edited, text.data, (size_t)(at - (char *)text.data), &err));
    if (from) {
        assert_ok(peal_buffer_append(&edited, to, strlen(to), &err));
        assert_ok(peal_buffer_append(&edited, at + strlen(from), strlen(at + strlen(from)), &err));
    }
    assert_ok(peal_file_write_atomic(path, edited.data, edited.size, &err));
    if (peal_import(&(peal_import_options){.path = path, .out = out}, &result, &err) != PEAL_E_DATA) {
        fail_msg("%s with '%s' is taken", name, to);
    }
    assert_has(err.message, message);
    assert_false(peal_path_exists(out));
    peal_buffer_clear(&text);
    peal_buffer_clear(&edited);
    free(path);
    free(out);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    refuses("lightgbm_nan", ".txt", NULL, NULL, "tree");
    refuses("lightgbm_nan", ".txt", "version=v4", "version=v9", "version");
    refuses("lightgbm_nan", ".txt", "objective=regression", "objective=multiclassova num_class:1", "multiclassova");
    refuses("lightgbm_nan", ".txt", "objective=regression", "objective=regression sqrt", "regression sqrt");
    refuses("lightgbm_nan", ".txt", "is_linear=0", "is_linear=1", "tree 0 is a linear tree");
    refuses("lightgbm_nan", ".txt", "num_leaves=9", "num_leaves=900000000", "tree 0: 'split_feature'");
    refuses("lightgbm_nan", ".txt", "max_feature_idx=4", "max_feature_idx=2000000000", "max_feature_idx");
    refuses("lightgbm_nan", ".txt", "left_child=1", "left_child=0", "the nodes of tree 0 are no tree");
    refuses("lightgbm_nan", ".txt", "leaf_value=", "leaf_value=nan ", "tree 0: 'leaf_value'");
    refuses("lightgbm_nan", ".txt", "plain zeros", "plain plain", "two features are called 'plain'");
    refuses("lightgbm_codes", ".txt", "cat_boundaries=0 ", "cat_boundaries=0 9999999 ", "cat_threshold");
    refuses("xgboost_value", ".json", NULL, NULL, "JSON: line 1");
    refuses("xgboost_value", ".json", "\"gbtree\"", "\"gblinear\"", "gblinear");
    refuses("xgboost_value", ".json", "reg:squarederror", "survival:cox", "survival:cox");
    refuses("xgboost_value", ".json", "\"num_feature\":\"5\",\"num_target\"",
            "\"num_feature\":\"5000000\",\"num_target\"", "feature_names");
    refuses("xgboost_value", ".json", "\"left_children\":[1", "\"left_children\":[0", "tree");
    refuses("xgboost_value", ".json", "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"3\"", "3 values each");
    refuses("xgboost_value", ".json", "{", "{L", "save_model('m.json')");
    refuses("xgboost_value", ".json", "{", "[", "neither LightGBM's");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imports_predict_as_the_other_program),
        cmocka_unit_test(exports_come_back_the_same),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
