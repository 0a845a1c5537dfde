/* exp, log and log1p against the system's, in its widest numbers, over all their ranges. */
#include "core/base/explog.h"

#include "core/base/philox.h"
#include "core/base/vector.h"
#include "tests/support.h"

enum { POINTS = 300000 };

/* Units of the last place between a result and the truth; below the normal numbers, of the smallest. */
static double units(double got, long double right) {
    int exponent;
    frexpl(right, &exponent);
    const int last = exponent - 53 < -1074 ? -1074 : exponent - 53;
    return (double)(fabsl((long double)got - right) / ldexpl(1, last));
}

static double most_units(double (*own)(double), long double (*right)(long double), double low, double high) {
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    double most = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const double x = low + (high - low) * peal_philox_unit64(&random);
        most = fmax(most, units(own(x), right(x)));
    }
    return most;
}

/* Any positive number, by its bits. */
static double most_units_of_bits(double (*own)(double), long double (*right)(long double), double sign) {
    peal_philox random = peal_philox_stream(2, PEAL_PURPOSE_USER, 0, 0, 0);
    double most = 0;
    for (size_t i = 0; i < POINTS; i++) {
        const uint64_t bits = (uint64_t)peal_philox_u32(&random) << 32 | peal_philox_u32(&random);
        const double x = peal_of_bits(bits >> 1) * sign;
        if (!isfinite(x) || x <= -1 || !isfinite(own(x)) || own(x) == 0) continue;
        most = fmax(most, units(own(x), right(x)));
    }
    return most;
}

static void exp_is_within_a_unit(void **state) {
    (void)state;
    assert_true(most_units(peal_exp, expl, -1, 1) <= 1);
    assert_true(most_units(peal_exp, expl, -40, 40) <= 1);
    assert_true(most_units(peal_exp, expl, -708, 709) <= 1);
    assert_true(most_units(peal_exp, expl, -745, -708) <= 1);
    assert_true(most_units_of_bits(peal_exp, expl, 1) <= 1);
}

static void log_is_within_a_unit(void **state) {
    (void)state;
    assert_true(most_units(peal_log, logl, 0.5, 2) <= 1);
    assert_true(most_units(peal_log, logl, 0.999, 1.001) <= 1);
    assert_true(most_units(peal_log, logl, 1e-300, 1e-3) <= 1);
    assert_true(most_units_of_bits(peal_log, logl, 1) <= 1);
}

static void log1p_is_within_two_units(void **state) {
    (void)state;
    assert_true(most_units(peal_log1p, log1pl, -0.999, 1) <= 2);
    assert_true(most_units(peal_log1p, log1pl, -1e-3, 1e-3) <= 2);
    assert_true(most_units(peal_log1p, log1pl, 0, 1e6) <= 2);
    assert_true(most_units_of_bits(peal_log1p, log1pl, 1) <= 2);
    assert_true(most_units_of_bits(peal_log1p, log1pl, -1) <= 2);
}

static void ends_are_what_they_should_be(void **state) {
    (void)state;
    const double infinity = (double)INFINITY;
    assert_true(peal_exp(0) == 1 && peal_exp(-infinity) == 0 && peal_exp(infinity) == infinity);
    assert_true(peal_exp(-1e300) == 0 && peal_exp(1e300) == infinity && peal_exp(709.78) < infinity);
    assert_true(peal_exp(709.79) == infinity && peal_exp(-745.2) == 0 && peal_exp(-745) == 0x1p-1074);
    assert_true(peal_log(1) == 0 && peal_log(0) == -infinity && peal_log(infinity) == infinity);
    assert_true(isnan(peal_log(-1)) && isnan(peal_log(-infinity)));
    assert_true(peal_log1p(0) == 0 && peal_log1p(-1) == -infinity && peal_log1p(infinity) == infinity);
    assert_true(isnan(peal_log1p(-2)) && peal_log1p(1e-320) == 1e-320);
    assert_true(isnan(peal_exp((double)NAN)) && isnan(peal_log((double)NAN)) && isnan(peal_log1p((double)NAN)));
}

enum { MANY = 1000 };

PEAL_VECTOR static void many(const double *x, double *exps, double *logs) {
    for (size_t i = 0; i < MANY; i++) {
        exps[i] = peal_exp(x[i]);
        logs[i] = peal_log1p(exps[i]);
    }
}

static void vectors_have_the_same_bits(void **state) {
    (void)state;
    static double x[MANY], exps[MANY], logs[MANY];
    for (size_t i = 0; i < MANY; i++) x[i] = ((double)i - MANY / 2) * 1.51;
    many(x, exps, logs);
    for (size_t i = 0; i < MANY; i++) {
        const volatile double one = x[i];
        assert_true(peal_bits_of(peal_exp(one)) == peal_bits_of(exps[i]));
        assert_true(peal_bits_of(peal_log1p(peal_exp(one))) == peal_bits_of(logs[i]));
    }
    /* And the same as they had when this was written. */
    assert_true(peal_bits_of(peal_exp(1)) == UINT64_C(0x4005bf0a8b14576a));
    assert_true(peal_bits_of(peal_log(10)) == UINT64_C(0x40026bb1bbb55516));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_a_unit),       cmocka_unit_test(log_is_within_a_unit),
        cmocka_unit_test(log1p_is_within_two_units),  cmocka_unit_test(ends_are_what_they_should_be),
        cmocka_unit_test(vectors_have_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
