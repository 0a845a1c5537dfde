/* Of all single-bit flips of a model, a manifest, a checkpoint and a shard none changes a result: each is refused, or
 * changes nothing. By default a part of them is tried, spread over all bytes; with PEAL_FLIPS=all every one. */
#include "core/base/file.h"
#include "tests/models/sample.h"
#include "tests/support.h"

enum { FLIPS_MOST = 1000 };

static sample files;

typedef struct counts {
    size_t tries, refused, same, other;
} counts;

/* A result of the damaged bytes; *status says whether they were refused. */
typedef uint64_t (*use)(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err);

static void flip_all(const char *what, const peal_buffer *whole, use result) {
    const char *wish = getenv("PEAL_FLIPS");
    const size_t bits = 8 * whole->size;
    /* A prime stride reaches every bit of the bytes in turn. */
    const size_t stride = wish && strcmp(wish, "all") == 0 ? 1 : bits / FLIPS_MOST + 1 + (bits / FLIPS_MOST) % 2;
    peal_error err;
    peal_status status;
    counts found = {0};
    uint8_t *bytes = malloc(whole->size);
    assert_non_null(bytes);
    memcpy(bytes, whole->data, whole->size);
    const uint64_t right = result(bytes, whole->size, &status, &err);
    if (status != PEAL_OK) fail_msg("%s: %s", what, err.message);
    for (size_t bit = 0; bit < bits; bit += stride) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const uint64_t now = result(bytes, whole->size, &status, &err);
        found.tries++;
        found.refused += status != PEAL_OK;
        found.same += status == PEAL_OK && now == right;
        found.other += status == PEAL_OK && now != right;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(result(bytes, whole->size, &status, &err), right);
    printf("%s: %zu tries, %zu refused, %zu same, %zu other\n", what, found.tries, found.refused, found.same,
           found.other);
    assert_int_equal(found.other, 0);
    assert_true(found.refused > 0);
    free(bytes);
}

static uint64_t use_model(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    return sample_predict("model", bytes, size, status, err);
}

static uint64_t use_dataset_file(const char *name, const uint8_t *bytes, size_t size, peal_status *status,
                                 peal_error *err) {
    char *path = test_path(files.dataset, name);
    sample_write(path, bytes, size);
    free(path);
    return sample_step(files.dataset, status, err);
}

static uint64_t use_manifest(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    return use_dataset_file("manifest.json", bytes, size, status, err);
}

static uint64_t use_shard(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    return use_dataset_file("train-00000.arrow", bytes, size, status, err);
}

static uint64_t use_checkpoint(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    sample_write(files.checkpoint, bytes, size);
    return sample_resume(&files, status, err);
}

static void no_flip_of_a_model_changes_a_prediction(void **state) {
    (void)state;
    flip_all("model", &files.model_bytes, use_model);
}

static void no_flip_of_a_manifest_changes_a_step(void **state) {
    (void)state;
    flip_all("manifest", &files.manifest_bytes, use_manifest);
}

static void no_flip_of_a_shard_changes_a_step(void **state) {
    (void)state;
    flip_all("shard", &files.shard_bytes, use_shard);
}

static void no_flip_of_a_checkpoint_changes_the_model(void **state) {
    (void)state;
    flip_all("checkpoint", &files.checkpoint_bytes, use_checkpoint);
}

static int make(void **state) {
    (void)state;
    sample_make(&files);
    return 0;
}

static int clear(void **state) {
    (void)state;
    sample_clear(&files);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flip_of_a_model_changes_a_prediction),
        cmocka_unit_test(no_flip_of_a_manifest_changes_a_step),
        cmocka_unit_test(no_flip_of_a_shard_changes_a_step),
        cmocka_unit_test(no_flip_of_a_checkpoint_changes_the_model),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
