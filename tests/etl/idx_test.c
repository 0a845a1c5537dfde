/* IDX files: images and labels, whole and damaged. */
#include "core/base/file.h"
#include "etl/format/format.h"
#include "tests/support.h"

static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 203};

static peal_status read_idx(const uint8_t *bytes, size_t size, const uint8_t *label_bytes, size_t label_size,
                            peal_block *block, peal_error *err) {
    char *folder = test_folder(), *path = test_path(folder, "labels");
    assert_int_equal(peal_file_write_atomic(path, label_bytes, label_size, err), PEAL_OK);
    peal_raw_schema schema = {0};
    peal_format_options options = {0};
    peal_format_reader *reader = NULL;
    peal_stream *stream;
    peal_source_list list;
    const peal_source_options sources = {.names = (const char *const *)&path, .count = 1};
    assert_int_equal(peal_source_list_make(&sources, &list, err), PEAL_OK);
    peal_status status = peal_format_idx.infer("i", (const char *)bytes, size, true, &options, &schema, err);
    const peal_format_job job = {.options = &options, .schema = &schema, .label = 1, .label_required = true};
    if (status == PEAL_OK) status = peal_block_init(block, &schema, err);
    if (status == PEAL_OK) status = peal_memory_stream_open(bytes, size, &stream, err);
    if (status == PEAL_OK) status = peal_format_idx.open(&job, "i", &list.sources[0], stream, &reader, err);
    if (status == PEAL_OK) status = peal_format_idx.read(reader, block, err);
    if (status == PEAL_OK) status = peal_format_idx.parse(reader, block, err);
    if (status == PEAL_OK) {
        peal_block rest;
        assert_int_equal(peal_block_init(&rest, &schema, err), PEAL_OK);
        status = peal_format_idx.read(reader, &rest, err); /* what is too much is found at the end */
        peal_block_clear(&rest);
    }
    peal_format_idx.close(reader);
    peal_raw_schema_clear(&schema);
    peal_source_list_clear(&list);
    free(path);
    free(folder);
    return status;
}

static void items_and_labels_are_read(void **state) {
    (void)state;
    peal_error err;
    peal_block block = {0};
    assert_ok(read_idx(images, sizeof images, labels, sizeof labels, &block, &err));
    assert_int_equal(block.rows, 2);
    assert_memory_equal(block.bytes[0], images + 16, 8);
    peal_text second = peal_dictionary_text(&block.dictionaries[1], (uint32_t)block.codes[1][1]);
    assert_int_equal(second.length, 3);
    assert_memory_equal(second.data, "203", 3);
    peal_block_clear(&block);
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
        assert_int_equal(
            read_idx(cases[i].images, cases[i].image_size, cases[i].labels, cases[i].label_size, &block, &err),
            PEAL_E_DATA);
        assert_has(err.message, cases[i].what);
        peal_block_clear(&block);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_and_labels_are_read),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
