#include "etl/table/arrow/file.h"

#include "core/base/philox.h"
#include "tests/support.h"

/* Three columns: a feature block, categories with gaps, numbers. */
typedef struct sample {
    peal_column columns[3], items;
    float features[20 * 3];
    int8_t codes[20];
    uint8_t validity[3];
    float numbers[20];
    peal_dictionary texts;
} sample;

static void sample_init(sample *one) {
    static const char *const words[] = {"red", "", "gr\xC3\xBCn"};
    memset(one, 0, sizeof *one);
    for (size_t i = 0; i < 3; i++) {
        uint32_t code;
        assert_int_equal(peal_dictionary_put(&one->texts, words[i], strlen(words[i]), &code, NULL), PEAL_OK);
    }
    for (size_t i = 0; i < 60; i++) one->features[i] = (float)i / 3;
    for (size_t i = 0; i < 20; i++) one->codes[i] = (int8_t)(i % 3);
    for (size_t i = 0; i < 20; i++) one->numbers[i] = -(float)i;
    memcpy(one->validity, (uint8_t[]){0xFD, 0xFF, 0x0F}, 3); /* row 1 is missing */
    one->items = (peal_column){.name = "item", .type = PEAL_TYPE_FLOAT32, .values = one->features};
    one->columns[0] = (peal_column){.name = "features", .type = PEAL_TYPE_FIXED_LIST, .width = 3, .child = &one->items};
    one->columns[1] = (peal_column){.name = "colour",
                                    .type = PEAL_TYPE_DICTIONARY,
                                    .codes = PEAL_TYPE_INT8,
                                    .values = one->codes,
                                    .validity = one->validity,
                                    .null_count = 1,
                                    .dictionary = &one->texts};
    one->columns[2] = (peal_column){.name = "y", .type = PEAL_TYPE_FLOAT32, .values = one->numbers};
}

static void write_sample(const char *path, const sample *one) {
    peal_error err;
    peal_arrow_writer *writer;
    const peal_dictionary *dictionaries[3] = {NULL, &one->texts, NULL};
    const peal_table schema = {.column_count = 3, .columns = (peal_column *)one->columns};
    assert_ok(peal_arrow_writer_open(path, &schema, &writer, &err));
    for (size_t batch = 0; batch < 2; batch++) {
        const peal_table table = {.rows = 20 - batch * 5, .column_count = 3, .columns = (peal_column *)one->columns};
        assert_ok(peal_arrow_writer_batch(writer, &table, &err));
    }
    assert_ok(peal_arrow_writer_close(writer, dictionaries, false, NULL, &err));
}

static void what_was_written_is_read_back(void **state) {
    (void)state;
    peal_error err;
    sample one;
    sample_init(&one);
    char *folder = test_folder(), *path = test_path(folder, "a.arrow");
    write_sample(path, &one);
    peal_arrow_file *file;
    assert_ok(peal_arrow_file_open(path, &file, &err));
    assert_ok(peal_arrow_file_verify(file, &err));
    assert_int_equal(peal_arrow_file_batches(file), 2);
    const peal_table *table = peal_arrow_file_batch(file, 1);
    assert_int_equal(table->rows, 15);
    assert_int_equal(table->columns[0].width, 3);
    const peal_column *items = table->columns[0].child;
    assert_int_equal(items->type, PEAL_TYPE_FLOAT32);
    assert_int_equal(items->length, 15 * 3);
    assert_int_equal((uintptr_t)items->values % PEAL_ALIGNMENT, 0);
    assert_memory_equal(items->values, one.features, 15 * 3 * sizeof(float));
    assert_memory_equal(table->columns[1].values, one.codes, 15);
    assert_int_equal(table->columns[1].codes, PEAL_TYPE_INT8);
    assert_int_equal(table->columns[1].null_count, 1);
    assert_int_equal(table->columns[1].validity[0], 0xFD);
    assert_int_equal(table->columns[1].dictionary->size, 3);
    assert_int_equal(peal_dictionary_text(table->columns[1].dictionary, 2).length, 5);
    assert_memory_equal(table->columns[2].values, one.numbers, 15 * sizeof(float));
    peal_arrow_file_close(file);
    peal_dictionary_clear(&one.texts);
    free(path);
    free(folder);
}

/* A column of each type that is no dictionary, with and without missing values: three rows. */
static void columns_of_every_type_are_read_back(void **state) {
    (void)state;
    static const uint64_t values[6] = {1, 2, UINT64_MAX, 3, 4, 5};
    static const uint8_t bits = 5, missing = 5; /* the second row is missing */
    static const int32_t offsets[] = {0, 2, 2, 5};
    static const peal_column items = {.name = "item", .type = PEAL_TYPE_INT16, .values = values};
    enum { PLAIN = PEAL_TYPE_DICTIONARY };
    peal_error err;
    peal_column columns[2 * PLAIN];
    char names[PLAIN][4], *folder = test_folder(), *path = test_path(folder, "types.arrow");
    for (size_t i = 0; i < 2 * PLAIN; i++) {
        const peal_type type = (peal_type)(i % PLAIN);
        snprintf(names[type], sizeof names[type], "t%u", (unsigned)type);
        columns[i] = (peal_column){.name = names[type],
                                   .type = type,
                                   .width = type == PEAL_TYPE_FIXED_LIST ? 2 : 0,
                                   .values = type == PEAL_TYPE_BOOL ? (const void *)&bits : values,
                                   .offsets = peal_types[type].has_offsets ? offsets : NULL,
                                   .validity = i < PLAIN ? NULL : &missing,
                                   .null_count = i >= PLAIN};
        if (!peal_types[type].has_child) continue;
        columns[i].child = &items;
        columns[i].values = NULL;
    }
    const peal_table written = {.rows = 3, .column_count = 2 * PLAIN, .columns = columns};
    const peal_dictionary *dictionaries[2 * PLAIN] = {NULL};
    peal_arrow_writer *writer;
    peal_arrow_file *file;
    assert_ok(peal_arrow_writer_open(path, &written, &writer, &err));
    assert_ok(peal_arrow_writer_batch(writer, &written, &err));
    assert_ok(peal_arrow_writer_close(writer, dictionaries, false, NULL, &err));
    assert_ok(peal_arrow_file_open(path, &file, &err));
    assert_ok(peal_arrow_file_verify(file, &err));
    const peal_table *table = peal_arrow_file_batch(file, 0);
    assert_int_equal(table->column_count, 2 * PLAIN);
    for (size_t i = 0; i < 2 * PLAIN; i++) {
        const peal_column *from = &columns[i], *to = &table->columns[i];
        assert_string_equal(to->name, from->name);
        assert_int_equal(to->type, from->type);
        assert_int_equal(to->width, from->width);
        assert_int_equal(to->null_count, from->null_count);
        assert_int_equal(peal_column_is_valid(to, 1), i < PLAIN);
        if (from->offsets) assert_memory_equal(to->offsets, offsets, sizeof offsets);
        if (from->child) {
            assert_int_equal(to->child->type, PEAL_TYPE_INT16);
            assert_memory_equal(to->child->values, values, 5 * sizeof(int16_t));
        } else if (from->type == PEAL_TYPE_BOOL) {
            assert_int_equal(*(const uint8_t *)to->values & 7, bits);
        } else {
            assert_memory_equal(to->values, values, from->offsets ? 5 : 3 * peal_types[from->type].size);
        }
    }
    peal_arrow_file_close(file);
    free(path);
    free(folder);
}

/* Any byte changed or any cut: an error or the same data, never a crash or a read outside of the file. */
static void damage_never_crashes(void **state) {
    (void)state;
    peal_error err;
    sample one;
    sample_init(&one);
    char *folder = test_folder(), *path = test_path(folder, "a.arrow");
    write_sample(path, &one);
    peal_buffer bytes = {0};
    assert_ok(peal_file_read(path, &bytes, &err));
    peal_philox random = peal_philox_stream(1, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t round = 0; round < 4000; round++) {
        size_t size = round % 4 == 0 ? peal_philox_below(&random, (uint32_t)bytes.size) : bytes.size;
        uint8_t *copy = aligned_alloc(64, (size / 64 + 1) * 64);
        memcpy(copy, bytes.data, size);
        for (size_t i = 0; i < round % 4; i++) {
            copy[peal_philox_below(&random, (uint32_t)size)] = (uint8_t)peal_philox_u32(&random);
        }
        peal_arrow_file *file;
        if (peal_arrow_file_parse(copy, size, "damaged", &file, &err) == PEAL_OK) {
            peal_arrow_file_verify(file, &err);
            peal_arrow_file_close(file);
        } else {
            assert_int_equal(err.status, PEAL_E_DATA);
        }
        free(copy);
    }
    peal_buffer_clear(&bytes);
    peal_dictionary_clear(&one.texts);
    free(path);
    free(folder);
}

static void flipped_bit_in_a_batch_is_found(void **state) {
    (void)state;
    peal_error err;
    sample one;
    sample_init(&one);
    char *folder = test_folder(), *path = test_path(folder, "a.arrow");
    write_sample(path, &one);
    peal_buffer bytes = {0};
    assert_ok(peal_file_read(path, &bytes, &err));
    uint8_t *found = memmem(bytes.data, bytes.size, &one.features[30], 12);
    assert_non_null(found);
    found[1] ^= 4;
    peal_arrow_file *file;
    assert_ok(peal_arrow_file_parse(bytes.data, bytes.size, "f", &file, &err));
    assert_int_equal(peal_arrow_file_verify(file, &err), PEAL_E_DATA);
    assert_has(err.message, "does not match its checksum");
    peal_arrow_file_close(file);
    peal_buffer_clear(&bytes);
    peal_dictionary_clear(&one.texts);
    free(path);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(columns_of_every_type_are_read_back),
        cmocka_unit_test(damage_never_crashes),
        cmocka_unit_test(flipped_bit_in_a_batch_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
