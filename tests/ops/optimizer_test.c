/* Optimisers against their formulas in double precision over a few steps; schedules at their corners. */
#include "ops/optimizer/optimizer.h"

#include <math.h>

#include "tests/support.h"

enum { COUNT = 37, STEPS = 6 };

/* One parameter, one step of each formula. */
static void plain_step(const char *name, const peal_optimizer_options *o, double lr, int t, double *w, double g,
                       double state[2]) {
    double decay = (double)o->weight_decay, momentum = (double)o->momentum;
    double b1 = (double)o->beta1, b2 = (double)o->beta2, epsilon = (double)o->epsilon;
    if (strcmp(name, "adamw") != 0) g += decay * *w;
    if (strcmp(name, "sgd") == 0) {
        state[0] = momentum * state[0] + g;
        *w -= lr * (o->nesterov ? g + momentum * state[0] : state[0]);
    } else if (strcmp(name, "adagrad") == 0) {
        state[0] += g * g;
        *w -= lr * g / (sqrt(state[0]) + epsilon);
    } else {
        state[0] = b1 * state[0] + (1 - b1) * g;
        state[1] = b2 * state[1] + (1 - b2) * g * g;
        double m = state[0] / (1 - pow(b1, t)), v = state[1] / (1 - pow(b2, t));
        if (strcmp(name, "adamw") == 0) *w -= lr * decay * *w;
        *w -= lr * m / (sqrt(v) + epsilon);
    }
}

static void steps_follow_the_formulas(void **state) {
    (void)state;
    static const char *const specs[] = {"sgd",
                                        "sgd:momentum=0",
                                        "sgd:momentum=0.8,nesterov=1,weight_decay=0.1",
                                        "adagrad",
                                        "adam",
                                        "adam:weight_decay=0.1,beta1=0.8",
                                        "adamw:weight_decay=0.1"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        peal_error err;
        const peal_optimizer *optimizer;
        peal_optimizer_options options;
        assert_ok(peal_optimizer_parse(specs[i], &optimizer, &options, &err));
        float w[COUNT], g[COUNT], states[2][COUNT] = {{0}};
        double plain_w[COUNT], plain_states[COUNT][2] = {{0}};
        for (int k = 0; k < COUNT; k++) plain_w[k] = (double)(w[k] = (float)k / 10 - 1);
        for (int t = 1; t <= STEPS; t++) {
            for (int k = 0; k < COUNT; k++) g[k] = sinf((float)(k * t));
            optimizer->step(&options, 0.05f, (uint64_t)t, w, g, (float *[]){states[0], states[1]}, COUNT);
            for (int k = 0; k < COUNT; k++) {
                plain_step(optimizer->name, &options, 0.05f, t, &plain_w[k], (double)g[k], plain_states[k]);
            }
        }
        for (int k = 0; k < COUNT; k++) {
            if (fabs((double)w[k] - plain_w[k]) > 1e-5)
                fail_msg("%s: %g, formula %g", specs[i], (double)w[k], plain_w[k]);
        }
    }
}

static void wrong_specs_get_the_nearest(void **state) {
    (void)state;
    peal_error err;
    const peal_optimizer *optimizer;
    peal_optimizer_options options;
    assert_int_equal(peal_optimizer_parse("adma", &optimizer, &options, &err), PEAL_E_USAGE);
    assert_has(err.message, "'adam'");
    assert_int_equal(peal_optimizer_parse("sgd:momentun=0.9", &optimizer, &options, &err), PEAL_E_USAGE);
    assert_has(err.message, "'momentum'");
    assert_int_equal(peal_optimizer_parse("sgd:momentum=1.5", &optimizer, &options, &err), PEAL_E_USAGE);
    assert_int_equal(peal_optimizer_parse("adam:momentum=0.5", &optimizer, &options, &err), PEAL_E_USAGE);
}

static double factor(const char *spec, double progress) {
    peal_error err;
    const peal_schedule *schedule;
    peal_schedule_options options;
    assert_ok(peal_schedule_parse(spec, &schedule, &options, &err));
    return peal_schedule_factor(schedule, &options, progress);
}

static void schedules_have_their_corners(void **state) {
    (void)state;
    assert_true(factor("constant", 0.7) == 1);
    assert_true(fabs(factor("cosine", 0) - 1) < 1e-12 && fabs(factor("cosine", 0.5) - 0.5) < 1e-12);
    assert_true(factor("cosine", 1) < 1e-12 && fabs(factor("cosine:least=0.1", 1) - 0.1) < 1e-12);
    assert_true(factor("step:every=0.5,gamma=0.2", 0.49) == 1 &&
                fabs(factor("step:every=0.5,gamma=0.2", 0.51) - 0.2) < 1e-12);
    assert_true(fabs(factor("constant:warmup=0.2", 0.1) - 0.5) < 1e-12 && factor("constant:warmup=0.2", 0.3) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_the_formulas),
        cmocka_unit_test(wrong_specs_get_the_nearest),
        cmocka_unit_test(schedules_have_their_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
