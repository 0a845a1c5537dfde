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

/* `steps` steps without a gradient but the penalty's, one by one; of Adam with v as it stands. */
static void plain_rest(const char *name, const peal_optimizer_options *o, double lr, int t, double penalty, int steps,
                       double *w, double state[2]) {
    const double b1 = (double)o->beta1, b2 = (double)o->beta2, momentum = (double)o->momentum;
    const bool adamw = strcmp(name, "adamw") == 0;
    const double decay = (double)o->weight_decay, pull = penalty + (adamw ? 0 : decay);
    const double adam_size = sqrt(state[1] / (1 - pow(b2, t))) + (double)o->epsilon;
    for (int s = 0; s < steps; s++) {
        if (strcmp(name, "sgd") == 0) {
            state[0] *= momentum;
            *w -= lr * (o->nesterov ? momentum * state[0] : state[0]) + lr * pull / (1 - momentum) * *w;
        } else if (strcmp(name, "adagrad") == 0) {
            *w -= lr * pull * *w / (sqrt(state[0]) + (double)o->epsilon);
        } else {
            state[0] *= b1;
            *w -= lr * (state[0] / (1 - pow(b1, t)) + pull * *w) / adam_size + (adamw ? lr * decay * *w : 0);
        }
    }
}

/* The penalty is small, so that it is nearly as often as it is taken. */
static void a_rest_is_as_many_steps_without_a_gradient(void **state) {
    (void)state;
    static const char *const specs[] = {"sgd",     "sgd:momentum=0", "sgd:momentum=0.8,nesterov=1",
                                        "adagrad", "adam",           "adamw:weight_decay=0.001"};
    enum { ROWS = 4, WIDTH = 3, BEGIN = 7 };
    const uint32_t rests[ROWS] = {0, 1, 9, 200};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        peal_error err;
        const peal_optimizer *optimizer;
        peal_optimizer_options options;
        assert_ok(peal_optimizer_parse(specs[i], &optimizer, &options, &err));
        float w[ROWS * WIDTH], states[2][ROWS * WIDTH];
        double plain_w[ROWS * WIDTH], plain_states[ROWS * WIDTH][2];
        for (int k = 0; k < ROWS * WIDTH; k++) {
            plain_w[k] = (double)(w[k] = (float)k / 10 - 0.5f);
            plain_states[k][0] =
                (double)(states[0][k] = optimizer == &peal_optimizer_adagrad ? 1 + (float)k : sinf((float)k));
            plain_states[k][1] = (double)(states[1][k] = 1 + cosf((float)k) / 2);
        }
        optimizer->rest(&options, 0.01f, BEGIN, 1e-5f, rests, false, ROWS, WIDTH, w, (float *[]){states[0], states[1]});
        for (int k = 0; k < ROWS * WIDTH; k++) {
            plain_rest(optimizer->name, &options, 0.01, BEGIN, 1e-5, (int)rests[k / WIDTH], &plain_w[k],
                       plain_states[k]);
            if (fabs((double)w[k] - plain_w[k]) > 3e-5 || fabs((double)states[0][k] - plain_states[k][0]) > 1e-5) {
                fail_msg("%s, %d: %g and %g, one by one %g and %g", specs[i], k, (double)w[k], (double)states[0][k],
                         plain_w[k], plain_states[k][0]);
            }
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
    return peal_schedule_factor(schedule, &options, progress, 0);
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
        cmocka_unit_test(a_rest_is_as_many_steps_without_a_gradient),
        cmocka_unit_test(wrong_specs_get_the_nearest),
        cmocka_unit_test(schedules_have_their_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
