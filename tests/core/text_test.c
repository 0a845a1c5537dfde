/* Bytes from outside as text that is safe to show, to paste and to keep. */
#include "core/base/text.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"

static void expect(char *text, const char *wanted) {
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static void printable_text_has_no_control_characters(void **state) {
    (void)state;
    expect(peal_text_printable("plain \xC3\xA9\\", 9), "plain \xC3\xA9\\");
    expect(peal_text_printable("\x1B[2J\r\n\t\0", 8), "\\x1b[2J\\x0d\\x0a\\x09\\x00");
    expect(peal_text_printable("a\xC2\x9B"
                               "b\x7F",
                               5),
           "a\\xc2\\x9bb\\x7f");
    expect(peal_text_printable("\xFF\xC3", 2), "\\xff\\xc3");
    expect(peal_text_printable("", 0), "");
}

static void different_paths_have_different_texts(void **state) {
    (void)state;
    expect(peal_text_of_path("a/b\xFF"), "a/b\\xff");
    expect(peal_text_of_path("a/b\\xff"), "a/b\\\\xff");
    expect(peal_text_of_path("\xC3\xA9.csv"), "\xC3\xA9.csv");
}

static void shells_read_a_word_as_it_was(void **state) {
    (void)state;
    expect(peal_text_shell_word("a-b/c.csv"), "a-b/c.csv");
    expect(peal_text_shell_word(""), "''");
    for (const char *const *word = (const char *const[]){"a'$(touch HACKED)'.csv", "~", "x\ny", "!#&*;`\\\"", NULL};
         *word; word++) {
        char *quoted = peal_text_shell_word(*word), command[200], read[100] = "";
        assert_non_null(quoted);
        snprintf(command, sizeof command, "printf %%s %s", quoted);
        FILE *shell = popen(command, "r");
        assert_non_null(shell);
        read[fread(read, 1, sizeof read - 1, shell)] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(read, *word);
        free(quoted);
    }
}

static void cut_text_ends_with_a_whole_character(void **state) {
    (void)state;
    char out[8 + PEAL_TEXT_CUT_EXTRA];
    assert_string_equal(peal_text_cut("12345678", 8, out), "12345678");
    assert_string_equal(peal_text_cut("123456789", 8, out), "12345678...");
    assert_string_equal(peal_text_cut("1234567\xC3\xA9", 8, out), "1234567...");
    assert_string_equal(peal_text_cut("", 8, out), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_has_no_control_characters),
        cmocka_unit_test(different_paths_have_different_texts),
        cmocka_unit_test(shells_read_a_word_as_it_was),
        cmocka_unit_test(cut_text_ends_with_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
