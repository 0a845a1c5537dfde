/* Schemas: names and types of columns. */
#include "etl/table/schema.h"

#include "tests/support.h"

static void columns_are_found_by_name(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    char name[16];
    for (size_t i = 0; i < 5000; i++) {
        const int size = snprintf(name, sizeof name, "column %zu", i);
        assert_ok(peal_schema_add(&schema, name, (size_t)size, i % 2 ? PEAL_TYPE_FLOAT64 : PEAL_TYPE_DICTIONARY, &err));
    }
    assert_int_equal(schema.count, 5000);
    for (size_t i = 0; i < 5000; i++) {
        const int size = snprintf(name, sizeof name, "column %zu", i);
        assert_int_equal(peal_schema_find(&schema, name, (size_t)size), i);
        assert_string_equal(schema.fields[i].name, name);
    }
    assert_true(peal_schema_find(&schema, "column", 6) == SIZE_MAX);
    assert_true(peal_schema_find(&schema, "", 0) == SIZE_MAX);
    assert_true(peal_schema_find(&schema, "column 50000", 12) == SIZE_MAX);
    peal_schema_clear(&schema);
    assert_int_equal(schema.count, 0);
    assert_true(peal_schema_find(&schema, "column 1", 8) == SIZE_MAX);
}

static void a_name_stands_once(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    assert_ok(peal_schema_add(&schema, "a", 1, PEAL_TYPE_FLOAT64, &err));
    assert_int_equal(peal_schema_add(&schema, "a", 1, PEAL_TYPE_BOOL, &err), PEAL_E_DATA);
    assert_has(err.message, "'a'");
    assert_int_equal(schema.count, 1);
    assert_ok(peal_schema_add(&schema, "A", 1, PEAL_TYPE_BOOL, &err)); /* names differ by case */
    peal_schema_clear(&schema);
}

static void copy_is_its_own(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0}, copy;
    assert_ok(peal_schema_add(&schema, "image", 5, PEAL_TYPE_FIXED_LIST, &err));
    assert_ok(peal_schema_add(&schema, "y", 1, PEAL_TYPE_DICTIONARY, &err));
    schema.fields[0].item = PEAL_TYPE_UINT8;
    schema.fields[0].width = 784;
    schema.fields[0].settled = schema.fields[0].decided = true;
    schema.fields[1].skip = schema.fields[1].numeric = true;
    assert_ok(peal_schema_copy(&schema, &copy, &err));
    peal_schema_clear(&schema);
    assert_int_equal(copy.count, 2);
    assert_string_equal(copy.fields[0].name, "image");
    assert_int_equal(copy.fields[0].item, PEAL_TYPE_UINT8);
    assert_int_equal(copy.fields[0].width, 784);
    assert_true(copy.fields[0].settled && copy.fields[0].decided && !copy.fields[0].skip);
    assert_true(copy.fields[1].skip && copy.fields[1].numeric && !copy.fields[1].settled);
    assert_int_equal(peal_schema_find(&copy, "y", 1), 1);
    peal_schema_clear(&copy);
}

/* Also when `like` is a field of the schema itself, which moves as it grows. */
static void a_column_is_like_another(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    assert_ok(peal_schema_add(&schema, "n0", 2, PEAL_TYPE_FLOAT64, &err));
    schema.fields[0].settled = schema.fields[0].skip = true;
    for (size_t i = 1; i < 500; i++) {
        char name[16];
        const int size = snprintf(name, sizeof name, "n%zu and more", i);
        assert_ok(peal_schema_add_like(&schema, name, i == 1 ? 2 : (size_t)size, &schema.fields[0], &err));
        assert_true(schema.fields[i].settled && schema.fields[i].skip && schema.fields[i].type == PEAL_TYPE_FLOAT64);
    }
    assert_string_equal(schema.fields[0].name, "n0");
    assert_string_equal(schema.fields[1].name, "n1");
    assert_string_equal(schema.fields[499].name, "n499 and more");
    assert_int_equal(peal_schema_add_like(&schema, "n1", 2, &schema.fields[0], &err), PEAL_E_DATA);
    peal_schema_clear(&schema);
}

static void names_are_shown_in_few_words(void **state) {
    (void)state;
    peal_error err;
    peal_schema schema = {0};
    char text[PEAL_NAMES_TEXT], name[200];
    assert_ok(peal_schema_add(&schema, "a", 1, PEAL_TYPE_FLOAT64, &err));
    assert_ok(peal_schema_add(&schema, "b", 1, PEAL_TYPE_FLOAT64, &err));
    assert_string_equal(peal_schema_names(&schema, text), "'a', 'b'");
    for (size_t i = 0; i < 300; i++) {
        memset(name, 'n', sizeof name);
        const int size = snprintf(name, sizeof name, "%zu", i);
        name[size] = 'n';
        assert_ok(peal_schema_add(&schema, name, 20 + i % 180, PEAL_TYPE_FLOAT64, &err));
    }
    peal_schema_names(&schema, text);
    assert_true(strlen(text) < PEAL_NAMES_TEXT);
    assert_has(text, "'a', 'b'");
    assert_has(text, "...");
    peal_schema_clear(&schema);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(a_name_stands_once),
        cmocka_unit_test(copy_is_its_own),
        cmocka_unit_test(a_column_is_like_another),
        cmocka_unit_test(names_are_shown_in_few_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
