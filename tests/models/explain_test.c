/* What explaining a model finds, held against the same done by hand: texts of changed rows, predicted one and all. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/models/dataset.h"

enum { ROWS = 400, COLUMNS = 5, CELL = 24, LINE = 160 };

static const char *const jobs[] = {"cook", "smith", "nurse", "clerk"};
static char cells[ROWS][COLUMNS][CELL];
static double labels[ROWS];

/* y = 3 a + b, and 2 for cooks; b is missing here and there; noise is noise. */
static void make_cells(void) {
    for (uint32_t row = 0; row < ROWS; row++) {
        peal_philox random = peal_philox_task(7, row);
        const double a = (double)peal_philox_normal(&random), b = (double)peal_philox_normal(&random);
        const uint32_t job = peal_philox_below(&random, 4), day = peal_philox_below(&random, 28) + 1;
        const double noise = (double)peal_philox_normal(&random);
        labels[row] = 3 * a + b + (job == 0 ? 2 : 0) + 0.1 * (double)peal_philox_normal(&random);
        labels[row] = round(labels[row] * 1e4) / 1e4; /* as it is written */
        snprintf(cells[row][0], CELL, "%.4f", a);
        snprintf(cells[row][1], CELL, "%.4f", b);
        if (row % 7 == 0) cells[row][1][0] = '\0';
        snprintf(cells[row][2], CELL, "%s", jobs[job]);
        snprintf(cells[row][3], CELL, "2024-%02u-%02u", row % 12 + 1, day);
        snprintf(cells[row][4], CELL, "%.4f", noise);
    }
}

/* The rows as text; of column `swapped` the cells of other rows: from[row], or all from[0]. */
static char *text_of(size_t swapped, const uint32_t *from, bool is_one) {
    char *text = malloc(ROWS * LINE), *at = text;
    assert_non_null(text);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            const size_t source = i != swapped ? row : is_one ? from[0] : from[row];
            at += sprintf(at, "%s,", cells[source][i]);
        }
        at += sprintf(at, "%.4f\n", labels[row]);
    }
    return text;
}

static char *write_rows(const char *folder) {
    char *path = test_path(folder, "rows.csv"), *text = text_of(SIZE_MAX, NULL, false);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "a,b,job,day,noise,y\n%s", text);
    assert_int_equal(fclose(file), 0);
    free(text);
    return path;
}

static void train_on(const char *dataset, const char *model, const char *out) {
    peal_error err;
    peal_train_result trained;
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = out;
    options.model = model;
    options.workers = 1;
    assert_ok(peal_train(&options, &trained, &err));
}

typedef struct fixture {
    char *rows, *dataset, *model;
    const char *sources[1];
    peal_predictor *predictor;
    peal_predict_options options;
} fixture;

static void begin(fixture *self, const char *model) {
    peal_error err;
    char *folder = test_folder();
    make_cells();
    self->rows = write_rows(folder);
    self->dataset = test_path(folder, "d");
    self->model = test_path(folder, "m");
    test_dataset(self->rows, self->dataset, (peal_plan_options){.label = "y"});
    train_on(self->dataset, model, self->model);
    assert_ok(peal_predictor_open(self->model, &self->predictor, &err));
    self->sources[0] = self->rows;
    self->options = (peal_predict_options){.sources = self->sources, .source_count = 1, .threads = 2};
    free(folder);
}

static void end(fixture *self) {
    peal_predictor_free(self->predictor);
    free(self->rows);
    free(self->dataset);
    free(self->model);
}

static void predict_swapped(const fixture *self, size_t column, const uint32_t *from, bool is_one, double *scores) {
    peal_error err;
    size_t rows;
    char *text = text_of(column, from, is_one);
    assert_ok(peal_predictor_text(self->predictor, text, strlen(text), scores, ROWS, &rows, &err));
    assert_int_equal(rows, ROWS);
    free(text);
}

static double r2_of(const double *scores) {
    double mean = 0, squares = 0, spread = 0;
    for (size_t row = 0; row < ROWS; row++) mean += labels[row] / ROWS;
    for (size_t row = 0; row < ROWS; row++) {
        squares += (scores[row] - labels[row]) * (scores[row] - labels[row]);
        spread += (labels[row] - mean) * (labels[row] - mean);
    }
    return 1 - squares / spread;
}

static const peal_permuted *column_of(const peal_permutation *found, const char *name) {
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->columns[i].name, name) == 0) return &found->columns[i];
    }
    fail_msg("there is no column %s", name);
    return NULL;
}

static void check_permutation(const char *model) {
    static const char *const names[] = {"a", "b", "job", "day", "noise"};
    fixture self;
    peal_error err;
    peal_metrics metrics;
    peal_predict_result result;
    peal_permutation found;
    peal_explain_options explain = peal_explain_default();
    double scores[ROWS];
    uint32_t order[ROWS];
    begin(&self, model);
    explain.repeats = 3;
    explain.seed = 9;
    assert_ok(peal_permute(self.predictor, &self.options, 0, &explain, &metrics, &result, &found, &err));
    assert_string_equal(found.metric, "r2");
    assert_int_equal(found.rows, ROWS);
    assert_int_equal(found.count, COLUMNS);
    predict_swapped(&self, SIZE_MAX, NULL, false, scores);
    const double base = r2_of(scores);
    assert_true(fabs(found.score - base) < 1e-9 && fabs(metrics.r2 - base) < 1e-9);
    for (uint32_t i = 0; i < COLUMNS; i++) {
        double losses[3], mean = 0, squares = 0;
        for (uint32_t repeat = 0; repeat < 3; repeat++) {
            peal_philox random = peal_philox_stream(9, PEAL_PURPOSE_PERMUTE, i, 0, repeat);
            for (uint32_t row = 0; row < ROWS; row++) order[row] = row;
            peal_philox_shuffle(&random, order, ROWS);
            predict_swapped(&self, i, order, false, scores);
            losses[repeat] = base - r2_of(scores);
            mean += losses[repeat] / 3;
        }
        for (size_t repeat = 0; repeat < 3; repeat++) squares += (losses[repeat] - mean) * (losses[repeat] - mean);
        const peal_permuted *column = column_of(&found, names[i]);
        assert_true(fabs(column->mean - mean) < 1e-9);
        assert_true(fabs(column->deviation - sqrt(squares / 3)) < 1e-9);
    }
    assert_string_equal(found.columns[0].name, "a");
    assert_true(found.columns[0].mean > 1 && fabs(column_of(&found, "noise")->mean) < 0.02);
    for (size_t i = 1; i < found.count; i++) assert_true(found.columns[i - 1].mean >= found.columns[i].mean);
    peal_permutation_clear(&found);
    end(&self);
}

static void permutation_is_what_shuffled_texts_give(void **state) {
    (void)state;
    check_permutation("linear");
    check_permutation("trees:rounds=20");
}

/* A row whose cell is this. */
static uint32_t row_with(size_t column, const char *cell) {
    for (uint32_t row = 0; row < ROWS; row++) {
        if (strcmp(cells[row][column], cell) == 0) return row;
        if (*cell && column < 2 && strtod(cells[row][column], NULL) == strtod(cell, NULL) && *cells[row][column]) {
            return row;
        }
    }
    fail_msg("no row has '%s' in column %zu", cell, column);
    return 0;
}

static void check_dependence(const char *model) {
    static const char *const names[] = {"a", "b", "job", "day"};
    fixture self;
    peal_error err;
    peal_predict_result result;
    peal_dependence found;
    double scores[ROWS];
    begin(&self, model);
    const peal_explain_options explain = peal_explain_default();
    assert_ok(peal_depend(self.predictor, &self.options, names, 4, &explain, &result, &found, &err));
    assert_int_equal(found.rows, ROWS);
    assert_int_equal(found.width, 1);
    assert_int_equal(found.count, 20 + 21 + 4 + 20); /* b is missing somewhere */
    for (size_t i = 0, column = 0; i < found.count; i++) {
        const peal_dependence_point *point = &found.points[i];
        while (strcmp(point->column, names[column]) != 0) column++;
        const uint32_t row = row_with(column, point->value ? point->value : "");
        double mean = 0;
        predict_swapped(&self, column, &row, true, scores);
        for (size_t k = 0; k < ROWS; k++) mean += scores[k] / ROWS;
        assert_true(fabs(found.means[i] - mean) < 1e-9 * (1 + fabs(mean)));
        if (point->is_number && i && found.points[i - 1].is_number && point->column == found.points[i - 1].column) {
            assert_true(point->number > found.points[i - 1].number);
        }
    }
    assert_null(found.points[40].value);
    peal_dependence_clear(&found);
    end(&self);
}

static void dependence_is_what_a_text_in_all_rows_gives(void **state) {
    (void)state;
    check_dependence("linear");
    check_dependence("trees:rounds=20");
    check_dependence("mlp:hidden=4");
}

/* The greatest and the least value are among the quantiles, and steps are even in rows. */
static void quantiles_are_values_at_even_steps(void **state) {
    (void)state;
    static const char *const name = "a";
    fixture self;
    peal_error err;
    peal_predict_result result;
    peal_dependence found;
    begin(&self, "linear");
    peal_explain_options explain = peal_explain_default();
    explain.values_most = 5;
    assert_ok(peal_depend(self.predictor, &self.options, &name, 1, &explain, &result, &found, &err));
    assert_int_equal(found.count, 5);
    for (size_t i = 0; i < 5; i++) {
        size_t below = 0;
        for (size_t row = 0; row < ROWS; row++) below += strtod(cells[row][0], NULL) < found.points[i].number;
        assert_true(below + 2 >= i * (ROWS - 1) / 4 && below <= i * (ROWS - 1) / 4 + 2);
    }
    peal_dependence_clear(&found);
    end(&self);
}

/* The rows with the lowest keys, the bound halved until they are few enough. */
static size_t sample_rows(uint64_t seed, size_t most, bool is_kept[ROWS]) {
    size_t count = ROWS;
    for (uint32_t bound = UINT32_MAX; count == ROWS || count > most; bound /= 2) {
        count = 0;
        for (uint32_t row = 0; row < ROWS; row++) {
            peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_KEEP, 0, 0, row);
            is_kept[row] = peal_philox_u32(&random) <= bound / 2;
            count += is_kept[row];
        }
    }
    return count;
}

static void check_sample(const fixture *self, const peal_dependence *found, uint64_t seed, size_t most) {
    bool is_kept[ROWS];
    double scores[ROWS];
    const size_t count = sample_rows(seed, most, is_kept);
    assert_int_equal(found->rows, count);
    for (size_t i = 0; i < found->count; i++) {
        const uint32_t from = row_with(2, found->points[i].value);
        double mean = 0;
        predict_swapped(self, 2, &from, true, scores);
        for (size_t row = 0; row < ROWS; row++) mean += is_kept[row] ? scores[row] / (double)count : 0;
        assert_true(fabs(found->means[i] - mean) < 1e-9);
    }
}

static void a_sample_is_the_same_for_any_number_of_threads(void **state) {
    (void)state;
    static const char *const name = "job";
    fixture self;
    peal_error err;
    peal_metrics metrics;
    peal_predict_result result;
    peal_permutation first, other;
    peal_dependence dependence;
    peal_explain_options explain = peal_explain_default();
    begin(&self, "linear");
    explain.rows_most = 150;
    self.options.threads = 1;
    assert_ok(peal_permute(self.predictor, &self.options, 0, &explain, &metrics, &result, &first, &err));
    assert_true(first.rows <= 150 && first.rows > 50);
    self.options.threads = 5;
    assert_ok(peal_permute(self.predictor, &self.options, 0, &explain, &metrics, &result, &other, &err));
    assert_int_equal(first.rows, other.rows);
    assert_memory_equal(first.columns, other.columns, first.count * sizeof *first.columns);
    peal_permutation_clear(&other);
    assert_ok(peal_depend(self.predictor, &self.options, &name, 1, &explain, &result, &dependence, &err));
    assert_int_equal(dependence.rows, first.rows);
    assert_int_equal(result.rows_used, ROWS);
    check_sample(&self, &dependence, 1, 150);
    peal_dependence_clear(&dependence);
    explain.seed = 2; /* other rows, and mixed up in another way */
    assert_ok(peal_permute(self.predictor, &self.options, 0, &explain, &metrics, &result, &other, &err));
    assert_true(first.columns[0].mean != other.columns[0].mean);
    peal_permutation_clear(&other);
    peal_permutation_clear(&first);
    end(&self);
}

static void a_wish_to_stop_is_obeyed(void **state) {
    (void)state;
    static const char *const name = "job";
    fixture self;
    peal_error err;
    peal_metrics metrics;
    peal_predict_result result;
    peal_permutation found;
    peal_dependence dependence;
    atomic_int stop = 1;
    const peal_explain_options explain = peal_explain_default();
    begin(&self, "linear");
    self.options.stop = &stop;
    assert_int_equal(peal_permute(self.predictor, &self.options, 0, &explain, &metrics, &result, &found, &err),
                     PEAL_E_INTERRUPTED);
    peal_permutation_clear(&found);
    assert_int_equal(peal_depend(self.predictor, &self.options, &name, 1, &explain, &result, &dependence, &err),
                     PEAL_E_INTERRUPTED);
    peal_dependence_clear(&dependence);
    end(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permutation_is_what_shuffled_texts_give),
        cmocka_unit_test(dependence_is_what_a_text_in_all_rows_gives),
        cmocka_unit_test(quantiles_are_values_at_even_steps),
        cmocka_unit_test(a_sample_is_the_same_for_any_number_of_threads),
        cmocka_unit_test(a_wish_to_stop_is_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
