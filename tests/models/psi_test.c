/* The stability of columns against sums over the plain values, and where rows are cut into runs. */
#include <math.h>

#include "models/online/psi.h"
#include "tests/models/dataset.h"

enum { ROWS = 3000, BATCH = 400 };

/* Raw rows: a number with gaps, a text of five values, and their label. */
typedef struct rows {
    double number[ROWS], label[ROWS];
    int32_t codes[ROWS];
    peal_dictionary texts;
} rows;

static void make_rows(rows *out, double shift, uint32_t last, uint64_t seed) {
    static const char *const names[] = {"", "a", "b", "c", "d", "new"};
    peal_error err;
    peal_philox random = peal_philox_stream(seed, 0, 0, 0, 0);
    *out = (rows){0};
    for (uint32_t i = 0, code; i < 6; i++) {
        assert_ok(peal_dictionary_put(&out->texts, names[i], strlen(names[i]), &code, &err));
    }
    for (size_t i = 0; i < ROWS; i++) {
        const bool gap = i % 10 == 3;
        out->number[i] = gap ? (double)NAN : peal_philox_unit64(&random) + shift;
        out->codes[i] = (int32_t)(1 + (uint32_t)(peal_philox_unit64(&random) * 4)) % (int32_t)(last + 1);
        out->label[i] = (double)(i % 2);
    }
}

static peal_pipeline *make_pipeline(const char *folder) {
    peal_error err;
    char *csv = test_path(folder, "t.csv"), *set = test_path(folder, "t.set");
    FILE *file = fopen(csv, "w");
    fputs("x,t,y\n", file);
    for (size_t i = 0; i < 600; i++) fprintf(file, "%zu.5,%c,%zu\n", i, (char)('a' + i % 4), i % 2);
    fclose(file);
    test_dataset(csv, set, (peal_plan_options){0});
    peal_dataset *dataset;
    peal_pipeline *pipeline;
    assert_ok(peal_dataset_open(set, &dataset, &err));
    assert_ok(peal_pipeline_load(peal_dataset_pipeline(dataset), &pipeline, &err));
    peal_dataset_close(dataset);
    free(csv);
    free(set);
    return pipeline;
}

static void observe(models__psi *psi, const rows *all, size_t run) {
    peal_error err;
    for (size_t at = 0; at < ROWS; at += run) {
        const peal_column columns[] = {
            {.name = "x", .type = PEAL_TYPE_FLOAT64, .length = ROWS, .values = all->number},
            {.name = "t",
             .type = PEAL_TYPE_DICTIONARY,
             .codes = PEAL_TYPE_INT32,
             .length = ROWS,
             .values = all->codes,
             .dictionary = &all->texts},
            {.name = "y", .type = PEAL_TYPE_FLOAT64, .length = ROWS, .values = all->label},
        };
        const size_t count = ROWS - at < run ? ROWS - at : run;
        assert_ok(models__psi_observe(psi, columns, at, count, at, &err));
    }
    models__psi_end_window(psi);
}

static int by_value(const void *a, const void *b) {
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* The formula, with shares counted by a loop over all values. */
static double slow_index(const double *then, const double *now, size_t bins) {
    double used = 0, sum = 0;
    for (size_t b = 0; b < bins; b++) used += then[b] + now[b] > 0;
    for (size_t b = 0; b < bins; b++) {
        if (then[b] + now[b] == 0) continue;
        const double p = (then[b] + 0.5) / (ROWS + used / 2), q = (now[b] + 0.5) / (ROWS + used / 2);
        sum += (p - q) * log(p / q);
    }
    return sum;
}

static double slow_number(const rows *then, const rows *now) {
    double sorted[ROWS], counts[2][11] = {{0}};
    size_t present = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!isnan(then->number[i])) sorted[present++] = then->number[i];
    }
    qsort(sorted, present, sizeof *sorted, by_value);
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < ROWS; i++) {
            const double value = (which ? now : then)->number[i];
            size_t bin = 0;
            for (size_t d = 1; d <= 9; d++) bin += sorted[(present - 1) * d / 10] < value;
            counts[which][isnan(value) ? 10 : bin]++;
        }
    }
    return slow_index(counts[0], counts[1], 11);
}

static double slow_text(const rows *then, const rows *now) {
    double counts[2][6] = {{0}};
    bool known[6] = {false};
    for (size_t i = 0; i < ROWS; i++) counts[0][then->codes[i]]++;
    for (size_t c = 0; c < 6; c++) known[c] = counts[0][c] > 0 || c == 0;
    for (size_t i = 0; i < ROWS; i++) counts[1][known[now->codes[i]] ? now->codes[i] : 5]++;
    return slow_index(counts[0], counts[1], 6);
}

static void psi_is_the_sum_over_bins(void **state) {
    (void)state;
    static rows first, same, moved;
    char *folder = test_folder();
    peal_error err;
    peal_pipeline *pipeline = make_pipeline(folder);
    make_rows(&first, 0, 4, 1);
    make_rows(&same, 0, 4, 2);
    make_rows(&moved, 0.4, 2, 3);
    moved.codes[0] = moved.codes[7] = 5;
    static const size_t runs[] = {ROWS, 1, 7, 999};
    double values[4][2];
    for (size_t r = 0; r < 4; r++) {
        models__psi *psi;
        bool is_new;
        assert_ok(models__psi_new(pipeline, ROWS, 1, &psi, &err));
        assert_int_equal(models__psi_columns(psi), 2);
        assert_string_equal(models__psi_name(psi, 0), "x");
        observe(psi, &first, runs[r]);
        observe(psi, &same, runs[r]);
        assert_false(models__psi_has_moved(psi, 0, &is_new) || models__psi_has_moved(psi, 1, &is_new));
        assert_true(fabs(models__psi_value(psi, 0) - slow_number(&first, &same)) < 1e-12);
        observe(psi, &moved, runs[r]);
        assert_true(models__psi_has_moved(psi, 0, &is_new) && is_new);
        assert_true(models__psi_has_moved(psi, 1, &is_new) && is_new);
        for (size_t c = 0; c < 2; c++) values[r][c] = models__psi_value(psi, c);
        assert_true(fabs(values[r][0] - slow_number(&first, &moved)) < 1e-12);
        assert_true(fabs(values[r][1] - slow_text(&first, &moved)) < 1e-12);
        assert_memory_equal(values[r], values[0], sizeof *values); /* however the rows come */
        observe(psi, &moved, runs[r]);
        assert_true(models__psi_has_moved(psi, 0, &is_new) && !is_new);
        models__psi_free(psi);
    }
    peal_dictionary_clear(&first.texts);
    peal_dictionary_clear(&same.texts);
    peal_dictionary_clear(&moved.texts);
    peal_pipeline_free(pipeline);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(psi_is_the_sum_over_bins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
