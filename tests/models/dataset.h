/* A dataset of one file, for tests of models. */
#ifndef PEAL_TESTS_MODELS_DATASET_H
#define PEAL_TESTS_MODELS_DATASET_H

#include "peal.h"
#include "tests/support.h"

/* Makes the dataset `out` of the file `csv`, by `plan`; without a label in it, that is y. */
static inline void test_dataset(const char *csv, const char *out, peal_plan_options plan) {
    peal_error err;
    peal_etl_result result;
    const char *sources[] = {csv};
    peal_etl_options options = peal_etl_default();
    options.sources = sources;
    options.source_count = 1;
    options.out = out;
    options.plan = plan;
    if (!plan.label) options.plan.label = "y";
    assert_ok(peal_etl(&options, &result, &err));
}

#endif
