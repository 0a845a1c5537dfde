/* Whole ETL jobs through the library: counts, splits, threads, resume, replacement, bad rows. */
#include "etl/job/etl.h"

#include <math.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "etl/dataset/dataset.h"
#include "tests/support.h"

static char *folder;

static char *write_csv(const char *name, size_t rows, size_t seed) {
    peal_error err;
    peal_buffer text = {0};
    const char *head = "x,colour,y\n";
    assert_ok(peal_buffer_append(&text, head, strlen(head), &err));
    for (size_t i = 0; i < rows; i++) {
        char line[80];
        size_t n = i * 7919 + seed;
        int size = snprintf(line, sizeof line, n % 11 ? "%zu.5,c%zu,%zu\n" : ",c%zu%zu,%zu\n", n % 97, n % 13, n % 3);
        if (n % 11 == 0) size = snprintf(line, sizeof line, ",c%zu,%zu\n", n % 13, n % 3);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
    return path;
}

static peal_etl_options options_for(const char *const *sources, size_t count, const char *out) {
    peal_etl_options options = peal_etl_default();
    options.sources = sources;
    options.source_count = count;
    options.out = out;
    options.plan.label = "y";
    options.block_size = 3000; /* many blocks of little text */
    return options;
}

static void hash_dataset(const char *path, char text[2][17]) {
    static const char *const names[] = {"manifest.json", "train-00000.arrow"};
    peal_error err;
    for (size_t i = 0; i < 2; i++) {
        uint64_t hash;
        char *file = peal_path_join(path, names[i]);
        assert_ok(peal_hash_file(file, &hash, &err));
        peal_hash_text(hash, text[i]);
        free(file);
    }
}

static void threads_do_not_change_the_bits(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *a = write_csv("a.csv", 4000, 1), *b = write_csv("b.csv", 2500, 2), *out = test_path(folder, "threads.ds");
    const char *sources[] = {a, b};
    char first[2][17], next[2][17];
    peal_etl_options options = options_for(sources, 2, out);
    json_t *transforms = json_loads("[{\"transform\": \"split\", \"valid\": 0.2, \"test\": 0.1}]", 0, NULL);
    options.plan.transforms = transforms;
    for (size_t threads = 1; threads <= 7; threads += 2) {
        options.threads = threads;
        assert_ok(peal_etl(&options, &result, &err));
        assert_int_equal(result.rows_in, 6500);
        assert_int_equal(result.rows_used, 6500);
        assert_int_equal(result.split_rows[0] + result.split_rows[1] + result.split_rows[2], 6500);
        assert_true(result.split_rows[1] > 1000 && result.split_rows[1] < 1600);
        hash_dataset(out, threads == 1 ? first : next);
        if (threads > 1) assert_memory_equal(first, next, sizeof first);
    }
    json_decref(transforms);
    free(a);
    free(b);
    free(out);
}

/* The steps of the dataset's first column. */
static json_t *steps_of(const char *out) {
    peal_error err;
    peal_dataset *dataset;
    assert_ok(peal_dataset_open(out, &dataset, &err));
    const json_t *pipeline = json_object_get(peal_dataset_manifest(dataset), "pipeline");
    json_t *steps = json_incref(json_object_get(json_array_get(json_object_get(pipeline, "columns"), 0), "steps"));
    peal_dataset_close(dataset);
    assert_non_null(steps);
    return steps;
}

static double fitted(const json_t *steps, size_t step, const char *key) {
    return json_number_value(json_object_get(json_array_get(steps, step), key));
}

/* Beside a slow version: the values in memory, step by step. */
static void levels_see_what_the_steps_before_give(void **state) {
    (void)state;
    enum { ROWS = 5000 };
    peal_error err;
    peal_etl_result result;
    peal_buffer text = {0};
    static double values[ROWS];
    char *path = test_path(folder, "levels.csv"), *out = test_path(folder, "levels.ds");
    assert_ok(peal_buffer_append(&text, "x,y\n", 4, &err));
    for (size_t i = 0; i < ROWS; i++) {
        char line[40];
        values[i] = (double)(i * 7919 % ROWS) - 1000;
        const int size = snprintf(line, sizeof line, "%.0f,%zu\n", values[i], i % 2);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
    const char *sources[] = {path};
    peal_etl_options options = options_for(sources, 1, out);
    json_t *transforms =
        json_loads("[{\"transform\": \"log1p\", \"columns\": \"x\"}, {\"transform\": \"standardize\", \"columns\": "
                   "\"x\"}, {\"transform\": \"clip\", \"columns\": \"x\", \"quantile\": 0.01},"
                   "{\"transform\": \"minmax\", \"columns\": \"x\"}]",
                   0, NULL);
    options.plan.transforms = transforms;
    options.threads = 3;
    assert_ok(peal_etl(&options, &result, &err));
    json_t *steps = steps_of(out);
    double mean = 0, square = 0, least = 1e300, most = -1e300;
    for (size_t i = 0; i < ROWS; i++) {
        values[i] = copysign(log1p(fabs(values[i])), values[i]);
        mean += values[i] / ROWS;
    }
    for (size_t i = 0; i < ROWS; i++) square += (values[i] - mean) * (values[i] - mean) / ROWS;
    assert_int_equal(json_array_size(steps), 5); /* with impute behind log1p */
    assert_true(fabs(fitted(steps, 1, "fill") - mean) < 1e-9);
    assert_true(fabs(fitted(steps, 2, "shift") - mean) < 1e-9);
    assert_true(fabs(fitted(steps, 2, "scale") - sqrt(square)) < 1e-9);
    const double from = fitted(steps, 3, "least"), to = fitted(steps, 3, "most");
    size_t below = 0, above = 0;
    for (size_t i = 0; i < ROWS; i++) {
        values[i] = (values[i] - mean) / sqrt(square);
        below += values[i] < from;
        above += values[i] > to;
        const double clipped = fmin(fmax(values[i], from), to);
        least = fmin(least, clipped);
        most = fmax(most, clipped);
    }
    assert_in_range(below, 30, 70);
    assert_in_range(above, 30, 70);
    assert_true(fabs(fitted(steps, 4, "shift") - least) < 1e-9);
    assert_true(fabs(fitted(steps, 4, "scale") - (most - least)) < 1e-9);
    json_decref(steps);
    json_decref(transforms);
    free(path);
    free(out);
}

/* Columns with gaps are marked as long as there are 40 rows for each. */
static void marks_are_few_beside_rows(void **state) {
    (void)state;
    enum { ROWS = 100, FEW = 2, MANY = 5 };
    for (size_t count = FEW; count <= MANY; count += MANY - FEW) {
        peal_error err;
        peal_etl_result result;
        peal_buffer text = {0};
        char *path = test_path(folder, "gaps.csv"), *out = test_path(folder, "gaps.ds");
        for (size_t row = 0; row <= ROWS; row++) {
            char line[200];
            size_t used = 0;
            for (size_t c = 0; c < count; c++) {
                const char *form = row == 0 ? "x%zu%s" : (row + c) % 3 ? "%zu.5%s" : "%.0zu%s";
                const size_t number = row == 0 ? c : (row + c) % 3 ? row * (c + 1) % 31 : 0;
                used += (size_t)snprintf(line + used, sizeof line - used, form, number, c + 1 < count ? "," : "\n");
            }
            assert_ok(peal_buffer_append(&text, line, used, &err));
        }
        assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
        peal_buffer_clear(&text);
        const char *sources[] = {path};
        peal_etl_options options = options_for(sources, 1, out);
        options.plan.label = NULL;
        assert_ok(peal_etl(&options, &result, &err));
        json_t *steps = steps_of(out);
        assert_int_equal(json_is_true(json_object_get(json_array_get(steps, 0), "marks")), count == FEW);
        json_decref(steps);
        peal_remove_tree(out, NULL);
        free(path);
        free(out);
    }
}

static void resume_takes_over_what_is_done(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *a = write_csv("ra.csv", 4000, 1), *b = write_csv("rb.csv", 2500, 2), *out = test_path(folder, "resume.ds");
    const char *sources[] = {a, b};
    peal_etl_options options = options_for(sources, 2, out);
    char first[2][17], next[2][17];
    assert_ok(peal_etl(&options, &result, &err));
    hash_dataset(out, first);
    options.resume = true;
    assert_ok(peal_etl(&options, &result, &err));
    assert_true(result.up_to_date);
    assert_int_equal(result.rows_used, 6500);
    /* A changed input is done again. */
    free(b);
    sources[1] = b = write_csv("rb.csv", 2600, 3);
    assert_ok(peal_etl(&options, &result, &err));
    assert_false(result.up_to_date);
    assert_int_equal(result.rows_used, 6600);
    free(b);
    sources[1] = b = write_csv("rb.csv", 2500, 2);
    options.resume = false;
    assert_ok(peal_etl(&options, &result, &err));
    hash_dataset(out, next);
    assert_string_equal(first[1], next[1]); /* the manifest holds the file's time */
    free(a);
    free(b);
    free(out);
}

static void bad_rows_are_counted_and_kept(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *path = test_path(folder, "bad.csv"), *out = test_path(folder, "bad.ds");
    const char text[] = "x,y\n1,a\n2\n3,b\n4,\n5,a\n";
    const char *sources[] = {path};
    assert_ok(peal_file_write_atomic(path, text, sizeof text - 1, &err));
    peal_etl_options options = options_for(sources, 1, out);
    assert_int_equal(peal_etl(&options, &result, &err), PEAL_E_DATA);
    assert_has(err.message, "bad.csv: line 3: 1 field, expected 2");
    assert_false(peal_path_exists(out));
    options.on_bad_row = PEAL_BAD_ROWS_DROP;
    assert_ok(peal_etl(&options, &result, &err));
    assert_int_equal(result.rows_in, 5);
    assert_int_equal(result.rows_used, 3);
    assert_int_equal(result.rows_dropped, 2);
    options.on_bad_row = PEAL_BAD_ROWS_QUARANTINE;
    assert_ok(peal_etl(&options, &result, &err));
    assert_int_equal(result.rows_quarantined, 2);
    char *kept = peal_path_join(out, "quarantine.jsonl");
    peal_buffer lines = {0};
    assert_ok(peal_file_read(kept, &lines, &err));
    assert_ok(peal_buffer_append(&lines, "", 1, &err));
    assert_has((char *)lines.data, "\"line\":3,");
    assert_has((char *)lines.data, "the label 'y' is missing");
    peal_buffer_clear(&lines);
    free(kept);
    free(path);
    free(out);
}

static void other_folders_are_not_replaced(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *path = write_csv("keep.csv", 10, 1), *precious = test_path(folder, "precious"), *file = NULL;
    const char *sources[] = {path};
    assert_ok(peal_folder_make(precious, &err));
    file = peal_path_join(precious, "thesis.txt");
    assert_ok(peal_file_write_atomic(file, "x", 1, &err));
    peal_etl_options options = options_for(sources, 1, precious);
    assert_int_equal(peal_etl(&options, &result, &err), PEAL_E_USAGE);
    assert_true(peal_path_exists(file));
    free(file);
    free(precious);
    free(path);
}

static void rows_are_found_by_number(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *path = write_csv("find.csv", 3000, 1), *out = test_path(folder, "find.ds");
    const char *sources[] = {path};
    peal_etl_options options = options_for(sources, 1, out);
    assert_ok(peal_etl(&options, &result, &err));
    peal_dataset *dataset;
    peal_rows *rows;
    assert_ok(peal_dataset_open(out, &dataset, &err));
    assert_ok(peal_rows_open(dataset, 1u << PEAL_SPLIT_TRAIN, NULL, NULL, &rows, &err));
    peal_dataset_close(dataset);
    assert_int_equal(peal_rows_count(rows), 3000);
    assert_true(peal_rows_batches(rows) > 3);
    uint64_t row = 0;
    for (size_t b = 0; b < peal_rows_batches(rows); b++) {
        const peal_table *batch = peal_rows_batch(rows, b);
        for (size_t i = 0; i < batch->rows; i++, row++) {
            size_t within;
            assert_ptr_equal(peal_rows_find(rows, row, &within), batch);
            assert_int_equal(within, i);
        }
    }
    peal_rows_close(rows);
    free(path);
    free(out);
}

static void damaged_shard_is_named(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *path = write_csv("dam.csv", 300, 1), *out = test_path(folder, "dam.ds");
    const char *sources[] = {path};
    peal_etl_options options = options_for(sources, 1, out);
    assert_ok(peal_etl(&options, &result, &err));
    char *shard = peal_path_join(out, "train-00000.arrow");
    peal_buffer bytes = {0};
    assert_ok(peal_file_read(shard, &bytes, &err));
    bytes.data[bytes.size / 2] ^= 1;
    assert_ok(peal_file_write_atomic(shard, bytes.data, bytes.size, &err));
    peal_dataset *dataset;
    assert_ok(peal_dataset_open(out, &dataset, &err));
    assert_int_equal(peal_dataset_read(dataset, 1, NULL, NULL, &err), PEAL_E_DATA);
    assert_has(err.message, "train-00000.arrow is damaged");
    assert_ok(peal_file_write_atomic(shard, bytes.data, bytes.size - 1, &err));
    assert_int_equal(peal_dataset_read(dataset, 1, NULL, NULL, &err), PEAL_E_DATA);
    peal_dataset_close(dataset);
    peal_buffer_clear(&bytes);
    free(shard);
    free(path);
    free(out);
}

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

typedef struct cutting {
    const char *shard;
    size_t rows;
} cutting;

/* Cuts the shard at its first batch, and looks at all values of all. */
static peal_status cut(void *user, const peal_table *table, peal_error *err) {
    (void)err;
    cutting *self = user;
    if (self->rows == 0) assert_int_equal(truncate(self->shard, 4096), 0);
    const float *values = table->columns[0].child->values;
    for (size_t row = 0; row < table->rows; row++) self->rows += values[row * table->columns[0].width] < 1e30F;
    return PEAL_OK;
}

static void shard_that_is_cut_is_no_sigbus(void **state) {
    (void)state;
    peal_error err;
    peal_etl_result result;
    char *path = write_csv("cut.csv", 30000, 1), *out = test_path(folder, "cut.ds");
    const char *sources[] = {path};
    peal_etl_options options = options_for(sources, 1, out);
    assert_ok(peal_etl(&options, &result, &err));
    char *shard = peal_path_join(out, "train-00000.arrow");
    peal_dataset *dataset;
    peal_rows *rows;
    assert_ok(peal_dataset_open(out, &dataset, &err));
    assert_ok(peal_rows_open(dataset, 1, NULL, NULL, &rows, &err));
    assert_ok(peal_rows_check(rows, &err));
    cutting self = {.shard = shard};
    assert_ok(peal_dataset_read(dataset, 1, cut, &self, &err)); /* what is being read is in memory */
    assert_int_equal(self.rows, 30000);
    assert_int_equal(peal_rows_check(rows, &err), PEAL_E_DATA);
    assert_has(err.message, "train-00000.arrow changed while it was in use");
    assert_int_equal(peal_dataset_read(dataset, 1, NULL, NULL, &err), PEAL_E_DATA);
    assert_has(err.message, "train-00000.arrow is damaged: it has 4096 bytes");
    peal_rows_close(rows);
    peal_dataset_close(dataset);
    free(shard);
    free(path);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_the_bits), cmocka_unit_test(levels_see_what_the_steps_before_give),
        cmocka_unit_test(marks_are_few_beside_rows),      cmocka_unit_test(resume_takes_over_what_is_done),
        cmocka_unit_test(bad_rows_are_counted_and_kept),  cmocka_unit_test(other_folders_are_not_replaced),
        cmocka_unit_test(rows_are_found_by_number),       cmocka_unit_test(damaged_shard_is_named),
        cmocka_unit_test(shard_that_is_cut_is_no_sigbus),
    };
    return cmocka_run_group_tests(tests, make_folder, free_folder);
}
