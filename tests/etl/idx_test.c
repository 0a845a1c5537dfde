/* IDX files: images and labels, whole and damaged. */
#include "etl/format/format.h"
#include "tests/support.h"

static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 203};

static peal_input input_of(const uint8_t *bytes, size_t size, const uint8_t *label_bytes, size_t label_size) {
    peal_input input = {.name = "i", .labels_name = "labels"};
    peal_error err;
    assert_ok(peal_memory_stream_open(bytes, size, &input.stream, &err));
    if (label_bytes) assert_ok(peal_memory_stream_open(label_bytes, label_size, &input.labels, &err));
    return input;
}

/* The first block, and then what is found at the end. */
static peal_status read_blocks(peal_reader *reader, const peal_schema *schema, peal_block *block, peal_error *err) {
    PEAL_TRY(reader->next(reader, block, err));
    PEAL_TRY(reader->parse(reader, block, err));
    peal_block rest;
    assert_int_equal(peal_block_init(&rest, schema, err), PEAL_OK);
    const peal_status status = reader->next(reader, &rest, err);
    peal_block_clear(&rest);
    return status;
}

/* The block's schema is `found`'s. */
static peal_status read_idx(const uint8_t *bytes, size_t size, const uint8_t *label_bytes, size_t label_size,
                            peal_found *found, peal_block *block, peal_error *err) {
    const peal_format *format;
    const peal_nulls nulls = {0};
    const peal_survey what = {.nulls = &nulls};
    peal_reader *reader = NULL;
    assert_int_equal(peal_format_find("idx", &format, err), PEAL_OK);
    peal_input input = input_of(bytes, size, NULL, 0);
    PEAL_TRY(format->survey(NULL, &what, &input, found, err));
    assert_string_equal(found->label, "label");
    const peal_wanted wanted = {.schema = &found->schema, .nulls = &nulls, .label = 1, .label_required = true};
    PEAL_TRY(peal_block_init(block, &found->schema, err));
    input = input_of(bytes, size, label_bytes, label_size);
    peal_status status = format->open(NULL, &wanted, &input, &reader, err);
    if (status == PEAL_OK) status = read_blocks(reader, &found->schema, block, err);
    peal_reader_close(reader);
    return status;
}

static void items_and_labels_are_read(void **state) {
    (void)state;
    peal_error err;
    peal_block block = {0};
    peal_found found = {0};
    assert_ok(read_idx(images, sizeof images, labels, sizeof labels, &found, &block, &err));
    const peal_table_room *table = &block.table;
    assert_int_equal(table->rows, 2);
    assert_memory_equal(table->columns[0].values, images + 16, 8);
    const int32_t *codes = table->columns[1].values;
    peal_text second = peal_dictionary_text(&table->dictionaries[1], (uint32_t)codes[1]);
    assert_int_equal(second.length, 3);
    assert_memory_equal(second.data, "203", 3);
    peal_block_clear(&block);
    peal_found_clear(&found);
}

static void damage_is_named(void **state) {
    (void)state;
    uint8_t longer[sizeof images + 1] = {0}, wrong_type[sizeof images], wrong_count[sizeof labels], zero[sizeof images];
    memcpy(longer, images, sizeof images);
    memcpy(wrong_type, images, sizeof images);
    wrong_type[2] = 0x0D;
    memcpy(zero, images, sizeof images);
    zero[11] = 0;
    memcpy(wrong_count, labels, sizeof labels);
    wrong_count[7] = 3;
    const struct {
        const uint8_t *images, *labels;
        size_t image_size, label_size;
        const char *what;
    } cases[] = {
        {images, labels, sizeof images - 1, sizeof labels, "ends at byte 23"},
        {longer, labels, sizeof longer, sizeof labels, "more behind byte 24"},
        {wrong_type, labels, sizeof images, sizeof labels, "type 0x0d"},
        {zero, labels, sizeof images, sizeof labels, "makes no sense"},
        {images, wrong_count, sizeof images, sizeof labels, "3 labels for the 2 items"},
        {images, labels, sizeof images, sizeof labels - 1, "ends at byte 9"},
        {images, labels, 10, sizeof labels, "cut short"},
        {(const uint8_t *)"text", labels, 4, sizeof labels, "is not IDX data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_block block = {0};
        peal_found found = {0};
        assert_int_equal(
            read_idx(cases[i].images, cases[i].image_size, cases[i].labels, cases[i].label_size, &found, &block, &err),
            PEAL_E_DATA);
        assert_has(err.message, cases[i].what);
        peal_block_clear(&block);
        peal_found_clear(&found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_and_labels_are_read),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
