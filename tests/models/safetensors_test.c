#include "models/predict/safetensors.h"

#include "core/base/file.h"
#include "core/base/philox.h"
#include "tests/support.h"

static const float numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void write_sample(const char *path) {
    peal_error err;
    const peal_tensor tensors[] = {{.name = "w", .data = numbers, .rows = 2, .width = 3},
                                   {.name = "b", .data = numbers + 6, .width = 3}};
    json_t *metadata = json_pack("{s:s}", "kind", "test");
    assert_ok(peal_safetensors_write(path, metadata, tensors, 2, &err));
    json_decref(metadata);
}

static void what_was_written_is_read_back(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "m");
    peal_safetensors *file;
    write_sample(path);
    assert_ok(peal_safetensors_open(path, &file, &err));
    assert_string_equal(peal_safetensors_metadata(file, "kind"), "test");
    assert_int_equal(peal_safetensors_count(file), 2);
    const peal_tensor *w = peal_safetensors_find(file, "w"), *b = peal_safetensors_find(file, "b");
    assert_true(w->rows == 2 && w->width == 3 && b->rows == 0 && b->width == 3);
    assert_memory_equal(w->data, numbers, 24);
    assert_memory_equal(b->data, numbers + 6, 12);
    assert_null(peal_safetensors_find(file, "x"));
    peal_safetensors_close(file);
    free(path);
    free(folder);
}

/* Bytes may end anywhere; numbers behind them would not be aligned. */
static void bytes_stand_behind_numbers(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "m");
    peal_safetensors *file;
    const peal_tensor w = {.name = "w", .data = numbers, .width = 3},
                      b = {.name = "b", .type = PEAL_TENSOR_UINT8, .data = "abcde", .width = 5};
    json_t *metadata = json_pack("{s:s}", "kind", "test");
    assert_ok(peal_safetensors_write(path, metadata, (const peal_tensor[]){w, b}, 2, &err));
    assert_ok(peal_safetensors_open(path, &file, &err));
    const peal_tensor *found = peal_safetensors_find(file, "b");
    assert_true(found->type == PEAL_TENSOR_UINT8 && found->rows == 0 && found->width == 5);
    assert_memory_equal(found->data, "abcde", 5);
    assert_true(peal_tensor_is_finite(found));
    peal_safetensors_close(file);
    assert_ok(peal_safetensors_write(path, metadata, (const peal_tensor[]){b, w}, 2, &err));
    assert_int_equal(peal_safetensors_open(path, &file, &err), PEAL_E_DATA);
    assert_has(err.message, "a tensor lies outside of the data or does not fit its shape");
    json_decref(metadata);
    free(path);
    free(folder);
}

static void damage_is_found_and_never_crashes(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "m");
    peal_safetensors *file;
    peal_buffer bytes = {0};
    write_sample(path);
    assert_ok(peal_file_read(path, &bytes, &err));
    for (size_t cut = 0; cut < bytes.size; cut++) {
        assert_int_equal(peal_safetensors_parse(bytes.data, cut, "m", &file, &err), PEAL_E_DATA);
    }
    bytes.data[bytes.size - 5] ^= 1;
    assert_int_equal(peal_safetensors_parse(bytes.data, bytes.size, "m", &file, &err), PEAL_E_DATA);
    assert_has(err.message, "checksum");
    bytes.data[bytes.size - 5] ^= 1;
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int round = 0; round < 5000; round++) {
        peal_buffer copy = {0};
        assert_ok(peal_buffer_append(&copy, bytes.data, bytes.size, &err));
        for (int i = 0; i < 3; i++) {
            copy.data[peal_philox_below(&random, (uint32_t)copy.size)] = (uint8_t)peal_philox_u32(&random);
        }
        if (peal_safetensors_parse(copy.data, copy.size, "m", &file, &err) == PEAL_OK) peal_safetensors_close(file);
        peal_buffer_clear(&copy);
    }
    peal_buffer_clear(&bytes);
    free(path);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(bytes_stand_behind_numbers),
        cmocka_unit_test(damage_is_found_and_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
