/* A dataset of one file, and a model's file that is changed, for tests of models. */
#ifndef PEAL_TESTS_MODELS_DATASET_H
#define PEAL_TESTS_MODELS_DATASET_H

#include "models/predict/predictor.h"
#include "models/predict/safetensors.h"
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

/* Opens a model in which one number is changed: a whole file, sealed again, in which word `index` (of 32 bits) of a
 * tensor is another one. */
static inline peal_status test_open_changed(const char *folder, const char *path, const char *tensor, size_t index,
                                            uint32_t value, peal_error *found) {
    peal_error err;
    enum { TENSORS = 16 };
    static const char *const keys[] = {"kind", "model", "job", "pipeline"};
    peal_safetensors *file;
    peal_tensor tensors[TENSORS];
    peal_predictor *predictor = NULL;
    char *changed = test_path(folder, "changed.st");
    json_t *metadata = json_object();
    uint32_t *numbers = NULL;
    assert_ok(peal_safetensors_open(path, &file, &err));
    const size_t count = peal_safetensors_count(file);
    assert_true(count <= TENSORS);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *peal_safetensors_at(file, i);
        if (strcmp(tensors[i].name, tensor) != 0) continue;
        const size_t size = peal_tensor_count(&tensors[i]) * peal_tensor_item(tensors[i].type);
        numbers = malloc(size);
        memcpy(numbers, tensors[i].data, size);
        assert_true(index < size / sizeof *numbers);
        numbers[index] = value;
        tensors[i].data = numbers;
    }
    assert_non_null(numbers);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = peal_safetensors_metadata(file, keys[i]);
        if (text) json_object_set_new(metadata, keys[i], json_string(text));
    }
    assert_ok(peal_safetensors_write(changed, metadata, tensors, count, &err));
    const peal_status status = peal_predictor_open(changed, &predictor, found);
    peal_predictor_free(predictor);
    peal_safetensors_close(file);
    json_decref(metadata);
    free(numbers);
    free(changed);
    return status;
}

#endif
