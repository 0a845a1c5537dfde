/* ADWIN against a plain list of the numbers that are in its window. */
#include <math.h>

#include "core/base/philox.h"
#include "models/online/adwin.h"
#include "tests/support.h"

enum { MOST = 6000 };

/* The window as a list, the oldest first. */
typedef struct list {
    double values[MOST];
    size_t count;
} list;

static double mean_of(const list *all, size_t first, size_t end) {
    double sum = 0;
    for (size_t i = first; i < end; i++) sum += all->values[i];
    return sum / (double)(end - first);
}

static double variance_of(const list *all) {
    const double mean = mean_of(all, 0, all->count);
    double sum = 0;
    for (size_t i = 0; i < all->count; i++) sum += (all->values[i] - mean) * (all->values[i] - mean);
    return sum / (double)all->count;
}

/* Whether the list may be cut at any place, or, with `at`, at this one. */
static bool may_be_cut(const list *all, double delta, size_t at) {
    const double variance = variance_of(all);
    for (size_t i = MODELS__ADWIN_LEAST; i + MODELS__ADWIN_LEAST <= all->count; i++) {
        const double bound = models__adwin_bound(delta, (double)i, (double)(all->count - i), variance);
        const bool differs = fabs(mean_of(all, 0, i) - mean_of(all, i, all->count)) > bound;
        if (differs && (at == SIZE_MAX || at == i)) return true;
    }
    return false;
}

static void drop(list *all, size_t count) {
    memmove(all->values, all->values + count, (all->count - count) * sizeof(double));
    all->count -= count;
}

/* Where the buckets of the window meet is where it was compared: no place may be left at which it differs. */
static void check_places(const models__adwin *adwin, const list *all) {
    size_t at = 0;
    for (size_t level = MODELS__ADWIN_LEVELS; level-- > 0;) {
        for (size_t i = 0; i < (size_t)adwin->buckets[level]; i++) {
            at += (size_t)1 << level;
            if (at >= MODELS__ADWIN_LEAST && at + MODELS__ADWIN_LEAST <= all->count) {
                assert_false(may_be_cut(all, adwin->delta, at));
            }
        }
    }
    assert_int_equal(at, all->count);
}

/* Feeds numbers whose mean is `before`, from number `change` on `after`; returns at which number the window was cut
 * first behind the change, or 0. */
static size_t feed(double before, double after, size_t change, size_t count, uint64_t seed,
                   models__adwin_change *told) {
    static list all;
    models__adwin adwin = {.delta = 0.002};
    size_t found = 0;
    all.count = 0;
    peal_philox random = peal_philox_stream(seed, 0, 0, 0, 0);
    for (size_t i = 0; i < count; i++) {
        const double value = peal_philox_unit64(&random) < (i < change ? before : after) ? 1 : 0;
        models__adwin_change why;
        all.values[all.count++] = value;
        const list before_cut = all;
        const bool cut = models__adwin_add(&adwin, value, &why);
        assert_true((size_t)adwin.count <= all.count);
        assert_true(cut == ((size_t)adwin.count < all.count));
        if (cut) {
            assert_true(may_be_cut(&before_cut, adwin.delta, SIZE_MAX));
            if (!found && i >= change) {
                found = i;
                *told = why;
            }
        }
        drop(&all, all.count - (size_t)adwin.count);
        if (i % MODELS__ADWIN_EVERY == MODELS__ADWIN_EVERY - 1 && i % 11 == 0) check_places(&adwin, &all);
        if (i % 211 != 0) continue;
        assert_true(models__adwin_is_whole(&adwin));
        assert_true(fabs(models__adwin_mean(&adwin) - mean_of(&all, 0, all.count)) < 1e-12);
        assert_true(fabs(adwin.squares / adwin.count - pow(models__adwin_mean(&adwin), 2) - variance_of(&all)) < 1e-12);
    }
    return found;
}

static void adwin_finds_a_change_and_drops_what_was_before(void **state) {
    (void)state;
    models__adwin_change why = {0};
    const size_t found = feed(0.2, 0.5, 2000, 3000, 1, &why);
    assert_true(found >= 2000 && found < 2200);
    assert_true(why.before > 0.15 && why.before < 0.25 && why.after > why.before + 0.1);
    const size_t fallen = feed(0.5, 0.2, 2000, 3000, 2, &why);
    assert_true(fallen >= 2000 && fallen < 2200 && why.after < why.before);
}

static void adwin_cuts_nothing_where_nothing_changes(void **state) {
    (void)state;
    size_t cuts = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        models__adwin adwin = {.delta = 0.002};
        models__adwin_change why;
        peal_philox random = peal_philox_stream(seed, 0, 0, 0, 0);
        for (size_t i = 0; i < 20000; i++) {
            cuts += models__adwin_add(&adwin, peal_philox_unit64(&random) < 0.3 ? 1 : 0, &why);
        }
    }
    assert_true(cuts <= 2);
}

static void adwin_is_a_function_of_its_numbers(void **state) {
    (void)state;
    models__adwin a = {.delta = 0.01}, b = {.delta = 0.01};
    models__adwin_change why;
    for (size_t i = 0; i < 5000; i++) models__adwin_add(&a, (double)(i * 2654435761u % 1000) / 1000, &why);
    for (size_t i = 0; i < 5000; i++) {
        if (i == 2500) {
            const models__adwin kept = b; /* as a checkpoint does */
            b = kept;
        }
        models__adwin_add(&b, (double)(i * 2654435761u % 1000) / 1000, &why);
    }
    assert_memory_equal(&a, &b, sizeof a);
    a.buckets[3] = 0.5;
    assert_false(models__adwin_is_whole(&a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adwin_finds_a_change_and_drops_what_was_before),
        cmocka_unit_test(adwin_cuts_nothing_where_nothing_changes),
        cmocka_unit_test(adwin_is_a_function_of_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
