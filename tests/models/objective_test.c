/* Objectives of trees: derivatives against numeric differences, bases against other scores, quantiles against sorting.
 */
#include "models/learner/objective.h"

#include <math.h>

#include "models/learner/forest.h"
#include "models/learner/quantile.h"
#include "models/learner/split.h"
#include "tests/support.h"

enum { OUTPUTS = 3 };

/* The goal of `model` for a label of so many classes, whose mean is 5 and whose deviation is 4. */
static models__goal goal_of(const char *model, uint32_t classes) {
    peal_error err;
    peal_model_spec spec;
    models__goal goal;
    const peal_shape shape = {
        .has_label = true, .classes = classes, .label_mean = classes ? 0 : 5, .label_deviation = classes ? 1 : 4};
    assert_ok(peal_model_parse(model, &spec, &err));
    assert_ok(models__goal_choose(&spec, &shape, &goal, &err));
    return goal;
}

typedef struct objective_case {
    const char *model;
    uint32_t classes;
    double second; /* of the objective over the loss's own; 0: 1, whatever the loss has */
} objective_case;

#define E07 2.0137527074704766
static const objective_case cases[] = {
    {"trees", 0, 1},
    {"trees:objective=mae", 0, 0},
    {"trees:objective=huber,alpha=3", 0, 0},
    {"trees:objective=quantile,alpha=0.2", 0, 0},
    {"trees:objective=poisson", 0, E07},
    {"trees:objective=gamma", 0, 1},
    {"trees:objective=tweedie", 0, 1},
    {"trees:objective=tweedie,tweedie_power=1.9", 0, 1},
    {"trees", 2, 1},
    {"trees", 3, 1.5},
    {"trees:objective=softmax", 2, 2},
    {"trees:objective=ova", 3, 1},
};
enum { CASES = sizeof cases / sizeof *cases };

static double loss_of(const models__goal *goal, const double *scores, double target) {
    double derivatives[2 * OUTPUTS], loss;
    models__goal_rows(goal, scores, &target, 1, derivatives, &loss);
    return loss;
}

static double first_of(const models__goal *goal, const double *scores, double target, size_t k) {
    double derivatives[2 * OUTPUTS], loss;
    models__goal_rows(goal, scores, &target, 1, derivatives, &loss);
    return derivatives[2 * k];
}

static void compare(const objective_case *one, const models__goal *goal, const double *scores, double target) {
    const double h = 1e-6;
    double derivatives[2 * OUTPUTS], loss;
    models__goal_rows(goal, scores, &target, 1, derivatives, &loss);
    for (size_t k = 0; k < goal->outputs; k++) {
        double up[OUTPUTS], down[OUTPUTS];
        memcpy(up, scores, sizeof up);
        memcpy(down, scores, sizeof down);
        up[k] += h;
        down[k] -= h;
        const double slope = (loss_of(goal, up, target) - loss_of(goal, down, target)) / (2 * h);
        const double curve = (first_of(goal, up, target, k) - first_of(goal, down, target, k)) / (2 * h);
        const double second = one->second > 0 ? one->second * curve : 1;
        assert_true(fabs(slope - derivatives[2 * k]) <= 1e-5 * (1 + fabs(slope)));
        assert_true(fabs(second - derivatives[2 * k + 1]) <= 1e-5 * (1 + fabs(second)));
    }
}

static double draw_target(peal_philox *random, const models__goal *goal) {
    if (goal->shape.classes) return peal_philox_below(random, goal->shape.classes);
    return fabs((double)peal_philox_normal(random)) * 2 + 1e-3;
}

static void derivatives_are_those_of_the_losses(void **state) {
    (void)state;
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t c = 0; c < CASES; c++) {
        const models__goal goal = goal_of(cases[c].model, cases[c].classes);
        for (int trial = 0; trial < 200; trial++) {
            double scores[OUTPUTS];
            for (size_t k = 0; k < OUTPUTS; k++) scores[k] = 2 * (double)peal_philox_normal(&random);
            compare(&cases[c], &goal, scores, draw_target(&random, &goal));
        }
    }
}

static void many_rows_are_as_one(void **state) {
    (void)state;
    enum { ROWS = 37 };
    peal_philox random = peal_philox_stream(2, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t c = 0; c < CASES; c++) {
        const models__goal goal = goal_of(cases[c].model, cases[c].classes);
        double scores[ROWS * OUTPUTS], targets[ROWS], out[2 * ROWS * OUTPUTS], losses[ROWS];
        for (size_t i = 0; i < ROWS * OUTPUTS; i++) scores[i] = 3 * (double)peal_philox_normal(&random);
        for (size_t i = 0; i < ROWS; i++) targets[i] = draw_target(&random, &goal);
        models__goal_rows(&goal, scores, targets, ROWS, out, losses);
        for (size_t i = 0; i < ROWS; i++) {
            double one[2 * OUTPUTS], loss;
            models__goal_rows(&goal, scores + i * goal.outputs, targets + i, 1, one, &loss);
            assert_memory_equal(one, out + 2 * i * goal.outputs, 2 * goal.outputs * sizeof *one);
            assert_memory_equal(&loss, &losses[i], sizeof loss);
        }
    }
}

static void nothing_is_out_of_bounds(void **state) {
    (void)state;
    const double large[] = {-1e308, -1e4, 0, 1e4, 1e308};
    for (size_t c = 0; c < CASES; c++) {
        const models__goal goal = goal_of(cases[c].model, cases[c].classes);
        for (size_t i = 0; i < 25; i++) {
            const double scores[OUTPUTS] = {large[i % 5], -large[i % 5], 0};
            const double target = cases[c].classes ? (double)(i / 5 % cases[c].classes) : fabs(large[i / 5]);
            double out[2 * OUTPUTS], loss, predicted[OUTPUTS];
            models__goal_rows(&goal, scores, &target, 1, out, &loss);
            assert_true(isfinite(loss));
            for (size_t k = 0; k < 2 * goal.outputs; k++) assert_true(isfinite(out[k]));
            goal.objective->predict(&goal, scores, predicted);
            if (goal.objective->is_log || cases[c].classes) assert_true(isfinite(predicted[0]));
        }
    }
}

/* Of one score for all rows none loses less than the base. */
static void the_base_loses_least(void **state) {
    (void)state;
    enum { ROWS = 101 };
    peal_philox random = peal_philox_stream(3, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t c = 0; c < CASES; c++) {
        const models__goal goal = goal_of(cases[c].model, cases[c].classes);
        if (goal.outputs > 1 || goal.objective == &models__objectives[MODELS__HUBER]) continue; /* the mean is near */
        double targets[ROWS], mean = 0;
        uint64_t keys[ROWS];
        const models__keys all = {.keys = keys};
        const models__span span = {0, ROWS};
        for (size_t i = 0; i < ROWS; i++) {
            targets[i] = draw_target(&random, &goal);
            mean += targets[i] / ROWS;
            models__keys_set(&all, i, targets[i], 1);
        }
        const double base =
            goal.objective->base ? goal.objective->base(mean) : models__quantile(&all, &span, 1, goal.alpha);
        for (int step = -1; step <= 1; step += 2) {
            const double other = base + step * 0.05;
            double gain = 0;
            for (size_t i = 0; i < ROWS; i++)
                gain += loss_of(&goal, &base, targets[i]) - loss_of(&goal, &other, targets[i]);
            assert_true(gain < 0);
        }
    }
}

static void scores_mean_what_they_should(void **state) {
    (void)state;
    const double scores[OUTPUTS] = {0.5, -1, 2};
    double out[OUTPUTS];
    models__goal goal = goal_of("trees", 0);
    goal.objective->predict(&goal, scores, out);
    assert_true(out[0] == 7);
    goal = goal_of("trees:objective=gamma", 0);
    goal.objective->predict(&goal, scores, out);
    assert_true(fabs(out[0] - exp(0.5)) < 1e-12);
    goal = goal_of("trees", 2);
    goal.objective->predict(&goal, scores, out);
    assert_true(fabs(out[1] - 1 / (1 + exp(-0.5))) < 1e-12 && fabs(out[0] + out[1] - 1) < 1e-12);
    goal = goal_of("trees:objective=ova", 3);
    goal.objective->predict(&goal, scores, out);
    assert_true(fabs(out[0] + out[1] + out[2] - 1) < 1e-12);
    assert_true(fabs(out[0] / out[1] - (1 + exp(1)) / (1 + exp(-0.5))) < 1e-12);
    goal = goal_of("trees", 3);
    goal.objective->predict(&goal, scores, out);
    assert_true(fabs(out[0] + out[1] + out[2] - 1) < 1e-12 && fabs(log(out[2] / out[0]) - 1.5) < 1e-12);
    /* Losses of numbers by what was predicted: the mean of |4|, |0|, over the deviation. */
    goal = goal_of("trees:objective=absolute", 0);
    assert_true(fabs(models__goal_loss(&goal, (double[]){1, 2, 3}, (double[]){5, 2, (double)NAN}, NULL, 3) - 0.5) <
                1e-12);
}

static void no_loss_of_numbers_is_below_that_of_the_truth(void **state) {
    (void)state;
    peal_philox random = peal_philox_stream(6, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t c = 0; c < CASES; c++) {
        if (cases[c].classes) continue;
        const models__goal goal = goal_of(cases[c].model, 0);
        for (int trial = 0; trial < 200; trial++) {
            const double label = draw_target(&random, &goal), predicted = draw_target(&random, &goal);
            assert_true(models__goal_loss(&goal, &label, &label, NULL, 1) == 0);
            assert_true(models__goal_loss(&goal, &predicted, &label, NULL, 1) > 0);
        }
        if (goal.objective->is_above) continue;
        assert_true(models__goal_loss(&goal, (double[]){1e-3}, (double[]){0}, NULL, 1) > 0);
        assert_true(fabs(models__goal_loss(&goal, (double[]){0}, (double[]){0}, NULL, 1)) < 1e-9);
    }
}

static void all_spellings_are_known(void **state) {
    (void)state;
    size_t count = 0;
    for (const peal_model_spelling *one = models__objective_spellings; one->text; one++, count++) {
        assert_true(one->number >= 0 && one->number < MODELS__OBJECTIVES);
        char model[64];
        peal_error err;
        peal_model_spec spec;
        snprintf(model, sizeof model, "trees:objective=%s", one->text);
        assert_ok(peal_model_parse(model, &spec, &err));
        assert_int_equal(spec.words[MODELS__OBJECTIVE], one->number);
    }
    assert_true(count > MODELS__OBJECTIVES);
    for (size_t i = 0; i < MODELS__OBJECTIVES; i++) {
        assert_int_equal(models__objective_spellings[i].number, (int)i);
        assert_string_equal(models__objective_spellings[i].text, models__objectives[i].name);
    }
}

static void options_have_other_names(void **state) {
    (void)state;
    peal_error err;
    peal_model_spec spec;
    assert_ok(peal_model_parse("trees:num_leaves=7,eta=0.3,reg_lambda=2,lambda_l1=3,gamma=4,max_bin=16,"
                               "max_delta_step=5,subsample=0.5,n_estimators=9,min_child_weight=6",
                               &spec, &err));
    assert_true(spec.parameters[MODELS__LEAVES] == 7 && spec.parameters[MODELS__RATE] == 0.3);
    assert_true(spec.l2 == 2 && spec.l1 == 3 && spec.parameters[MODELS__MIN_GAIN] == 4);
    assert_true(spec.parameters[MODELS__BINS] == 16 && spec.parameters[MODELS__MAX_DELTA] == 5);
    assert_true(spec.parameters[MODELS__ROWS] == 0.5 && spec.parameters[MODELS__ROUNDS] == 9);
    assert_true(spec.parameters[MODELS__MIN_HESSIAN] == 6);
    assert_int_equal(peal_model_parse("trees:eta=0.1,rate=0.1", &spec, &err), PEAL_E_USAGE);
    assert_has(err.message, "'rate' stands there twice");
    assert_int_equal(peal_model_parse("trees:num_leafs=3", &spec, &err), PEAL_E_USAGE);
    assert_has(err.message, "did you mean 'num_leaves'");
}

static void wrong_objectives_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *model;
        uint32_t classes;
        bool has_offset;
        double least;
        const char *what;
    } refused[] = {{"trees:objective=poisson", 3, false, 0, "learns numbers, but the label has 3 classes"},
                   {"trees:objective=softmax", 0, false, 0, "learns classes, but the label is a number"},
                   {"trees:objective=binary", 3, false, 0, "learns two classes, but the label has 3"},
                   {"trees:objective=ova", 2, true, 0, "an offset is added to one score"},
                   {"trees:objective=quantile,alpha=1.5", 0, false, 0, "an alpha between 0 and 1, not 1.5"},
                   {"trees:objective=poisson", 0, false, -2.5, "learns labels from 0, and the least one is -2.5"},
                   {"trees:objective=gamma", 0, false, 0, "learns labels above 0, and the least one is 0"},
                   {"trees:objective=tweedie", 0, false, -1, "learns labels from 0, and the least one is -1"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        peal_error err;
        peal_model_spec spec;
        models__goal goal;
        const peal_shape shape = {.has_label = true,
                                  .classes = refused[i].classes,
                                  .has_offset = refused[i].has_offset,
                                  .label_deviation = 1};
        assert_ok(peal_model_parse(refused[i].model, &spec, &err));
        peal_status status = models__goal_choose(&spec, &shape, &goal, &err);
        if (status == PEAL_OK) status = models__goal_check_labels(&goal, refused[i].least, &err);
        assert_true(status == PEAL_E_USAGE || status == PEAL_E_DATA);
        assert_has(err.message, refused[i].what);
    }
}

/* ---- quantiles ---- */

enum { NUMBERS = 500 };

static int by_size(const void *a, const void *b) {
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static void draw_numbers(peal_philox *random, double numbers[NUMBERS], size_t count) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (double)peal_philox_normal(random) * 100;
        if (peal_philox_below(random, 2)) numbers[i] = round(numbers[i]); /* some are equal, and some 0 */
    }
}

static void quantiles_are_those_of_sorted_numbers(void **state) {
    (void)state;
    static double numbers[NUMBERS];
    uint64_t places[NUMBERS];
    const models__keys keys = {.keys = places};
    peal_philox random = peal_philox_stream(4, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int trial = 0; trial < 300; trial++) {
        const size_t count = 1 + peal_philox_below(&random, NUMBERS), cut = peal_philox_below(&random, (uint32_t)count);
        const double q = trial % 10 == 0 ? 0.5 : peal_philox_unit64(&random);
        draw_numbers(&random, numbers, count);
        for (size_t i = 0; i < count; i++) models__keys_set(&keys, i, numbers[i], 1);
        const models__span halves[] = {{cut, count - cut}, {0, cut}, {0, 0}};
        const double got = models__quantile(&keys, halves, 3, q);
        qsort(numbers, count, sizeof *numbers, by_size);
        const double place = (double)(count - 1) * q, low = floor(place);
        const double first = numbers[(size_t)low], second = numbers[(size_t)low + (place > low)];
        assert_true(fabs(got - (first + (second - first) * (place - low))) <= 1e-12 * fabs(got));
        assert_true(q != 0.5 || count % 2 == 0 || got == numbers[count / 2]);
    }
}

static void weights_count_as_rows(void **state) {
    (void)state;
    static double numbers[NUMBERS];
    uint64_t places[NUMBERS], weights[NUMBERS];
    const models__keys keys = {.keys = places, .weights = weights};
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int trial = 0; trial < 100; trial++) {
        double all = 0, up_to = 0;
        const double q = peal_philox_unit64(&random);
        draw_numbers(&random, numbers, NUMBERS);
        qsort(numbers, NUMBERS, sizeof *numbers, by_size);
        double counts[NUMBERS];
        for (size_t i = 0; i < NUMBERS; i++) {
            all += counts[i] = peal_philox_below(&random, 5) / 4.0;
            models__keys_set(&keys, i, numbers[i], counts[i]);
        }
        const double got = models__quantile(&keys, &(models__span){0, NUMBERS}, 1, q);
        size_t at = 0;
        while (up_to + counts[at] <= q * all) up_to += counts[at++];
        assert_true(got == numbers[at]);
    }
    for (size_t i = 0; i < 3; i++) models__keys_set(&keys, i, (double)i, 0);
    assert_true(models__quantile(&keys, &(models__span){0, 3}, 1, 0.5) == 1); /* where nothing counts, all do */
    assert_true(models__quantile(&keys, &(models__span){0, 0}, 1, 0.5) == 0);
}

/* ---- leaves ---- */

static void a_leaf_is_drawn_to_zero_and_bounded(void **state) {
    (void)state;
    models__rules rules = {.l1 = 3, .low = -INFINITY, .high = INFINITY};
    assert_true(models__leaf_value(&rules, 10, 4) == -1.75);
    assert_true(models__leaf_value(&rules, -10, 4) == 1.75);
    assert_true(models__leaf_value(&rules, 3, 4) == 0 && models__leaf_value(&rules, -2, 4) == 0);
    assert_true(models__leaf_value(&rules, 10, 0) == 0);
    rules.max_delta = 0.5;
    assert_true(models__leaf_value(&rules, 10, 4) == -0.5 && models__leaf_value(&rules, -10, 4) == 0.5);
    rules = (models__rules){.low = -INFINITY, .high = 2};
    assert_true(models__leaf_value(&rules, 10, 4) == -2.5 && models__leaf_value(&rules, -10, 4) == 2);
}

/* The gain of a split is what the three leaves' values say of the loss: -(2 G v + H v^2), and 2 l1 |v|. */
static void gains_are_those_of_the_leaves(void **state) {
    (void)state;
    const struct {
        double l1, max_delta, low, high;
        int direction;
        double right;
    } tries[] = {{0, 0, -INFINITY, INFINITY, 0, 40.0 * 40 / 4 + 60.0 * 60 / 6 - 20.0 * 20 / 10},
                 {10, 0, -INFINITY, INFINITY, 0, 30.0 * 30 / 4 + 50.0 * 50 / 6 - 10.0 * 10 / 10},
                 {0, 5, -INFINITY, INFINITY, 0, 2 * 40 * 5 - 4 * 25 + 2 * 60 * 5 - 6 * 25 - 20.0 * 20 / 10},
                 {30, 2, -INFINITY, INFINITY, 0, 2 * 10 * 2 - 4 * 4 + 2 * 30 * 2 - 6 * 4 - 0},
                 {0, 0, -4, 5, 0, 2 * 40 * 4 - 4 * 16 + 2 * 60 * 5 - 6 * 25 - 20.0 * 20 / 10},
                 {0, 0, 3, 4, 0, -2 * 40 * 3 - 4 * 9 + 2 * 60 * 4 - 6 * 16 - (2 * 20 * 3 - 10 * 9)},
                 {0, 0, -4, 5, 1, 2 * 40 * 4 - 4 * 16 + 2 * 60 * 5 - 6 * 25 - 20.0 * 20 / 10},
                 {0, 0, -INFINITY, INFINITY, 1, 40.0 * 40 / 4 + 60.0 * 60 / 6 - 20.0 * 20 / 10},
                 {0, 0, -INFINITY, INFINITY, -1, 0}};
    enum { ROW_BITS = 8, ONE = 1 << 20 };
    const models__packed bins[3] = {
        {0, 0}, {40 * ONE, ((int64_t)4 * ONE << ROW_BITS) + 4}, {-60 * ONE, ((int64_t)6 * ONE << ROW_BITS) + 6}};
    const models__sum all = {-20 * ONE, 10 * ONE, 10};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        const models__rules rules = {.gradient_unit = 1.0 / ONE,
                                     .hessian_unit = 1.0 / ONE,
                                     .l1 = tries[i].l1,
                                     .max_delta = tries[i].max_delta,
                                     .low = tries[i].low,
                                     .high = tries[i].high,
                                     .direction = tries[i].direction,
                                     .min_rows = 1,
                                     .row_bits = ROW_BITS};
        models__best best = {0};
        models__split_numbers(&rules, bins, 3, &all, 0, &best);
        assert_true(fabs(best.gain - tries[i].right) < 1e-9);
    }
}

/* The best gain of `bins` [3], the first of which is of what is missing. */
static double gain_between(const models__packed *bins, uint64_t min_rows, double unit) {
    const models__rules rules = {.gradient_unit = unit,
                                 .hessian_unit = unit,
                                 .low = -INFINITY,
                                 .high = INFINITY,
                                 .min_rows = min_rows,
                                 .row_bits = 8};
    const models__sum left = models__unpack(bins[1], 8), right = models__unpack(bins[2], 8);
    const models__sum all = {left.gradient + right.gradient, left.hessian + right.hessian, left.rows + right.rows};
    models__best best = {0};
    models__split_numbers(&rules, bins, 3, &all, 0, &best);
    return best.gain;
}

/* Twenty rows that are next to certain have next to no share of the hessian, though they are many. */
static void leaves_have_their_share_of_the_hessian(void **state) {
    (void)state;
    const models__packed bins[3] = {{0, 0}, {4000, (4000 << 8) + 20}, {-60000, (60000 << 8) + 40}};
    assert_true(gain_between(bins, 3, 1e-4) > 0); /* a sixteenth of the hessian is that of 3.75 of 60 rows */
    assert_true(gain_between(bins, 4, 1e-4) > 0); /* about four */
    assert_true(gain_between(bins, 5, 1e-4) == 0);
}

/* Five rows that are uncertain have as much of the hessian as twenty; so have four, which are fewer than a quarter. */
static void few_rows_that_say_much_are_a_leaf(void **state) {
    (void)state;
    const models__packed five[3] = {{0, 0}, {4000, (4000 << 8) + 5}, {-6000, (6000 << 8) + 45}};
    const models__packed four[3] = {{0, 0}, {4000, (4000 << 8) + 4}, {-6000, (6000 << 8) + 46}};
    assert_true(gain_between(five, 20, 1e-4) > 0);
    assert_true(gain_between(four, 20, 1e-4) == 0);
    assert_true(gain_between(five, 21, 1e-4) == 0); /* a fortieth less than they have */
}

/* Gradients that are the same but for the rounding of each row. */
static void what_rounding_gains_is_no_gain(void **state) {
    (void)state;
    const models__packed same[3] = {{0, 0}, {1000 + 15, (1000 << 8) + 100}, {1000 - 15, (1000 << 8) + 100}};
    const models__packed others[3] = {{0, 0}, {1000 + 60, (1000 << 8) + 100}, {1000 - 60, (1000 << 8) + 100}};
    assert_true(gain_between(same, 1, 1e-3) == 0);
    assert_true(gain_between(others, 1, 1e-3) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_are_those_of_the_losses),
        cmocka_unit_test(many_rows_are_as_one),
        cmocka_unit_test(nothing_is_out_of_bounds),
        cmocka_unit_test(the_base_loses_least),
        cmocka_unit_test(scores_mean_what_they_should),
        cmocka_unit_test(no_loss_of_numbers_is_below_that_of_the_truth),
        cmocka_unit_test(all_spellings_are_known),
        cmocka_unit_test(options_have_other_names),
        cmocka_unit_test(wrong_objectives_are_refused),
        cmocka_unit_test(quantiles_are_those_of_sorted_numbers),
        cmocka_unit_test(weights_count_as_rows),
        cmocka_unit_test(a_leaf_is_drawn_to_zero_and_bounded),
        cmocka_unit_test(gains_are_those_of_the_leaves),
        cmocka_unit_test(leaves_have_their_share_of_the_hessian),
        cmocka_unit_test(few_rows_that_say_much_are_a_leaf),
        cmocka_unit_test(what_rounding_gains_is_no_gain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
