/* A model of many columns that are treated alike keeps their names and numbers in tensors: it predicts as its dataset
 * says, and a file in which these are wrong is refused. */
#include <math.h>
#include <stdio.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "etl/job/etl.h"
#include "models/predict/predictor.h"
#include "models/predict/safetensors.h"
#include "models/train/train.h"
#include "tests/models/dataset.h"

enum { COLUMNS = 40, ROWS = 300 };

static char *folder, *csv, *model, *edited;

static double value_at(int row, int column) {
    return (double)((row * 7919 + column * 104729) % 1009) / (column + 1) - column;
}

static void write_csv(void) {
    peal_error err;
    peal_buffer text = {0};
    char cell[40];
    for (int column = 0; column < COLUMNS; column++) {
        const int size = snprintf(cell, sizeof cell, "c%d,", column);
        assert_ok(peal_buffer_append(&text, cell, (size_t)size, &err));
    }
    assert_ok(peal_buffer_append(&text, "y\n", 2, &err));
    for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
            const int size = snprintf(cell, sizeof cell, "%.9g,", value_at(row, column));
            assert_ok(peal_buffer_append(&text, cell, (size_t)size, &err));
        }
        assert_ok(peal_buffer_append(&text, value_at(row, 3) > 100 ? "a\n" : "b\n", 2, &err));
    }
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    peal_buffer_clear(&text);
}

static int make(void **state) {
    (void)state;
    peal_error err;
    peal_train_result trained;
    folder = test_folder();
    csv = test_path(folder, "wide.csv");
    model = test_path(folder, "wide.safetensors");
    edited = test_path(folder, "edited.safetensors");
    char *dataset = test_path(folder, "wide.ds");
    write_csv();
    test_dataset(csv, dataset, (peal_plan_options){0});
    peal_train_options train = peal_train_default();
    train.dataset = dataset;
    train.out = model;
    train.model = "logistic";
    train.epochs = 1;
    assert_ok(peal_train(&train, &trained, &err));
    free(dataset);
    return 0;
}

static int clear(void **state) {
    (void)state;
    free(folder);
    free(csv);
    free(model);
    free(edited);
    return 0;
}

static void numbers_are_tensors(void **state) {
    (void)state;
    peal_error err;
    peal_safetensors *file;
    assert_ok(peal_safetensors_open(model, &file, &err));
    const peal_tensor *fill = peal_safetensors_find(file, "pipeline.0");
    assert_non_null(fill);
    assert_int_equal(fill->type, PEAL_TENSOR_FLOAT64);
    assert_int_equal(fill->width, COLUMNS);
    for (int column = 0; column < COLUMNS; column++) {
        double sum = 0;
        for (int row = 0; row < ROWS; row++) sum += value_at(row, column);
        assert_true(fabs(peal_tensor_double(fill, (size_t)column) - sum / ROWS) < 1e-6);
    }
    peal_safetensors_close(file);
}

static void names_are_a_tensor(void **state) {
    (void)state;
    peal_error err;
    peal_safetensors *file;
    peal_predictor *predictor;
    assert_ok(peal_safetensors_open(model, &file, &err));
    assert_ok(peal_predictor_open(model, &predictor, &err));
    const peal_schema *schema = &peal_predictor_pipeline(predictor)->schema;
    const peal_tensor *names = peal_safetensors_find(file, "names.0");
    assert_non_null(names);
    assert_int_equal(names->type, PEAL_TENSOR_UINT8);
    const char *at = names->data;
    for (int column = 0; column < COLUMNS; column++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", column);
        assert_string_equal(at, name);
        assert_string_equal(schema->fields[column].name, name);
        at += strlen(name) + 1;
    }
    assert_ptr_equal(at, (const char *)names->data + names->width);
    assert_null(strstr(peal_safetensors_metadata(file, "pipeline"), "\"c1\""));
    peal_predictor_free(predictor);
    peal_safetensors_close(file);
}

/* One change of the file, by hand. */
typedef struct change {
    const char *from, *to; /* in the pipeline's document */
    const char *drop;      /* a tensor */
    double first;          /* its first number, if it is not 0 */
    int byte, value, cut;  /* of the names: a byte, from the end if it is negative, and bytes cut off the end */
    const char *what;      /* the error says */
} change;

enum { NAMES_SIZE = 10 * 3 + 30 * 4 };
_Static_assert(COLUMNS == 40, "c0 ... c39, each with a NUL behind it");

/* `room`: for its bytes. */
static void edit_names(const change *edit, peal_tensor *names, char room[NAMES_SIZE]) {
    assert_int_equal(names->width, NAMES_SIZE);
    memcpy(room, names->data, NAMES_SIZE);
    if (edit->byte) room[edit->byte < 0 ? NAMES_SIZE + edit->byte : edit->byte] = (char)edit->value;
    names->data = room;
    names->width -= (size_t)edit->cut;
}

static char *edit_text(const char *text, const change *edit) {
    const char *at = edit->from ? strstr(text, edit->from) : text;
    assert_non_null(at);
    const char *from = edit->from ? edit->from : "", *to = edit->to ? edit->to : "";
    return peal_sprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void write_edited(const change *edit) {
    peal_error err;
    peal_safetensors *file;
    assert_ok(peal_safetensors_open(model, &file, &err));
    char *pipeline = edit_text(peal_safetensors_metadata(file, "pipeline"), edit);
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "kind", peal_safetensors_metadata(file, "kind"), "model",
                                 peal_safetensors_metadata(file, "model"), "pipeline", pipeline, "job",
                                 peal_safetensors_metadata(file, "job"));
    peal_tensor tensors[20];
    double numbers[COLUMNS];
    char names[NAMES_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < peal_safetensors_count(file); i++) {
        tensors[count] = *peal_safetensors_at(file, i);
        if (edit->drop && strcmp(tensors[count].name, edit->drop) == 0) {
            if (edit->first == 0) continue;
            memcpy(numbers, tensors[count].data, sizeof numbers);
            numbers[0] = edit->first;
            tensors[count].data = numbers;
        }
        if (tensors[count].type == PEAL_TENSOR_UINT8) edit_names(edit, &tensors[count], names);
        count++;
    }
    assert_ok(peal_safetensors_write(edited, metadata, tensors, count, &err));
    json_decref(metadata);
    free(pipeline);
    peal_safetensors_close(file);
}

static void wrong_lists_are_refused(void **state) {
    (void)state;
    static const change changes[] = {
        {.what = NULL},
        {.drop = "pipeline.0", .what = "the numbers 'pipeline.0' of its pipeline are missing"},
        {.drop = "pipeline.4", .what = "the numbers 'pipeline.4' of its pipeline are missing"},
        {.drop = "pipeline.0", .first = (double)NAN, .what = "the numbers 'pipeline.0' of its pipeline are missing"},
        {.drop = "pipeline.0", .first = 7, .what = NULL},
        {.drop = "pipeline.2", .first = -1, .what = "has a scale, shift or range that makes no sense"},
        {.from = "pipeline.1", .to = "pipeline.0", .what = "the numbers 'pipeline.1' of its pipeline are missing"},
        {.byte = 5, .value = 'x', .what = "the numbers 'pipeline.0' of its pipeline are missing or are not 39"},
        {.byte = 4, .value = '\0', .what = "the numbers 'pipeline.0' of its pipeline are missing or are not 41"},
        {.byte = 4, .value = '2', .what = "two columns are called 'c2'"},
        {.byte = 4, .value = 'x', .what = NULL},
        {.byte = 4, .value = 0xFF, .what = "the names 'names.0' of its columns are missing or are no texts of UTF-8"},
        {.byte = -1, .value = 'x', .what = "the names 'names.0'"},
        {.cut = 1, .what = "the names 'names.0'"},
        {.cut = NAMES_SIZE, .what = "the names 'names.0'"},
        {.cut = NAMES_SIZE - 6, .what = "damaged: a run of columns"},
        {.drop = "names.0", .what = "the names 'names.0'"},
        {.from = "\"names.0\"", .to = "\"names.1\"", .what = "the names 'names.0'"},
        {.from = "\"names.0\"", .to = "\"pipeline.0\"", .what = "the names 'names.0'"},
        {.from = "{\"tensor\":\"names.0\"}", .to = "{\"tensor\":\"names.0\",\"a\":1}", .what = "the names 'names.0'"},
        {.from = "{\"tensor\":\"names.0\"}", .to = "[\"c0\",\"c1\"]", .what = "damaged: a run of columns"},
        {.from = "{\"tensor\":\"names.0\"}", .to = "1", .what = "damaged: a run of columns"},
        {.from = "{\"tensor\":\"pipeline.0\"}", .to = "0.5", .what = "a list of numbers"},
        {.from = "{\"tensor\":\"pipeline.0\"}", .to = "[0.5]", .what = "a list of numbers"},
        {.from = "\"standardize\"", .to = "\"minmax\"", .what = NULL},
        {.from = "\"standardize\"", .to = "\"log1p\"", .what = "damaged"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        peal_error err;
        peal_predictor *predictor;
        write_edited(&changes[i]);
        const peal_status status = peal_predictor_open(edited, &predictor, &err);
        if (!changes[i].what) {
            assert_ok(status);
        } else if (status != PEAL_E_DATA) {
            fail_msg("change %zu: status %d", i, status);
        } else {
            assert_has(err.message, changes[i].what);
        }
        peal_predictor_free(predictor);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_tensors),
        cmocka_unit_test(names_are_a_tensor),
        cmocka_unit_test(wrong_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
