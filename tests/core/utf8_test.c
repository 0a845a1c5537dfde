/* Where text stops being well-formed UTF-8. */
#include "core/base/utf8.h"

#include "tests/support.h"

static void check(const char *text, size_t length, size_t expected) {
    char *exact = malloc(length ? length : 1); /* so that a sanitizer sees a read beyond the end */
    memcpy(exact, text, length);
    assert_int_equal(peal_utf8_error(exact, length), expected);
    free(exact);
}

static void well_formed_text_passes(void **state) {
    (void)state;
    static const char text[] = "plain, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x94\x94, \xEF\xBF\xBD, \xF4\x8F\xBF\xBF";
    check(text, sizeof text - 1, sizeof text - 1);
    check("", 0, 0);
    check("abcdefgh12345678\0x", 18, 18);
}

static void ill_formed_bytes_are_found(void **state) {
    (void)state;
    check("ab\xE9", 3, 2);            /* Latin-1 */
    check("abcdefgh\xC0\xAF", 10, 8); /* too long for its value */
    check("\xED\xA0\x80", 3, 0);      /* a surrogate */
    check("\xF4\x90\x80\x80", 4, 0);  /* beyond U+10FFFF */
    check("x\xE2\x82", 3, 1);         /* cut short */
    check("\x80", 1, 0);              /* a continuation alone */
    check("\xF0\x8F\xBF\xBF", 4, 0);  /* too long for its value */
    check("\xE2\x28\xA1", 3, 0);      /* not continued */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_passes),
        cmocka_unit_test(ill_formed_bytes_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
