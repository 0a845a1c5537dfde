/* Text in other encodings becomes UTF-8, in pieces of any size; what is no such text is named by its byte. */
#include "etl/codec/encoding.h"

#include "core/base/memory.h"
#include "tests/pieces.h"
#include "tests/support.h"

static peal_status decode(const char *encoding, const void *bytes, size_t size, size_t step, peal_buffer *out,
                          peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_encoding_open(pieces_open(bytes, size, step), "t.csv", encoding, &stream, err));
    return pieces_take(stream, step, out, err);
}

static void texts_become_utf8(void **state) {
    (void)state;
    static const struct {
        const char *encoding, *bytes;
        size_t size;
        const char *expected;
    } cases[] = {
        {"latin1", "na\xEFve,\xE9\n", 8, "na\xC3\xAFve,\xC3\xA9\n"},
        {"windows-1252", "\x80 5\n", 4, "\xE2\x82\xAC 5\n"},
        {"utf-16",
         "\xFF\xFE"
         "a\0,\0\xE9\0\n\0",
         10, "a,\xC3\xA9\n"},
        {"utf-16",
         "\xFE\xFF"
         "\0a\0,\0\xE9\0\n",
         10, "a,\xC3\xA9\n"},
        {"utf-16le", "a\0\x3D\xD8\x00\xDE", 6, "a\xF0\x9F\x98\x80"},
        {"utf-16be", "\0a\xD8\x3D\xDE\x00", 6, "a\xF0\x9F\x98\x80"},
        {"utf-8", "\xC3\xA9", 2, "\xC3\xA9"},
        {"shift_jis", "\x83\x65", 2, "\xE3\x83\x86"},
        {"latin1", "", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step < 12; step++) {
            peal_error err;
            peal_buffer text = {0};
            assert_ok(decode(cases[i].encoding, cases[i].bytes, cases[i].size, step, &text, &err));
            assert_int_equal(text.size, strlen(cases[i].expected));
            if (text.size) assert_memory_equal(text.data, cases[i].expected, text.size);
            peal_buffer_clear(&text);
        }
    }
}

/* More than what is converted at once, with characters across the ends of the pieces. */
static void long_texts_become_utf8(void **state) {
    (void)state;
    enum { CHARACTERS = 150000 };
    static uint8_t latin[CHARACTERS], wide[2 * CHARACTERS + 1];
    static const size_t steps[] = {777, 65536, 1 << 20};
    for (size_t i = 0; i < CHARACTERS; i++) {
        latin[i] = i % 3 ? 0xE9 : 'a';
        wide[1 + 2 * i] = i % 3 ? 0xE9 : 'a'; /* little-endian, behind one byte so that pieces are odd */
    }
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        peal_error err;
        peal_buffer one = {0}, two = {0};
        assert_ok(decode("latin1", latin, sizeof latin, steps[s], &one, &err));
        assert_ok(decode("utf-16le", wide + 1, sizeof wide - 1, steps[s], &two, &err));
        assert_int_equal(one.size, CHARACTERS / 3 * 5);
        assert_int_equal(two.size, one.size);
        assert_memory_equal(one.data, two.data, one.size);
        for (size_t i = 0; i < one.size; i += 5) assert_memory_equal(one.data + i, "a\xC3\xA9\xC3\xA9", 5);
        peal_buffer_clear(&one);
        peal_buffer_clear(&two);
    }
}

static void what_is_no_such_text_is_named_by_its_byte(void **state) {
    (void)state;
    static const struct {
        const char *encoding, *bytes;
        size_t size;
        const char *what;
    } cases[] = {
        {"utf-8", "abc\xFFz", 5, "t.csv: byte 3: it is no utf-8 text (encoding)"},
        {"ascii", "abcd\xE9", 5, "t.csv: byte 4: it is no ascii text (encoding)"},
        {"utf-16le", "a\0b\0c", 5, "t.csv: byte 4: it ends within a character of utf-16le text (encoding)"},
        {"utf-16le",
         "a\0\x00\xDE"
         "b\0",
         6, "t.csv: byte 2: it is no utf-16le text (encoding)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step < 8; step++) {
            peal_error err = {0};
            peal_buffer text = {0};
            assert_int_equal(decode(cases[i].encoding, cases[i].bytes, cases[i].size, step, &text, &err), PEAL_E_DATA);
            assert_string_equal(err.message, cases[i].what);
            peal_buffer_clear(&text);
        }
    }
}

static void unknown_encoding_is_refused(void **state) {
    (void)state;
    peal_error err = {0};
    peal_buffer text = {0};
    assert_int_equal(decode("klingon", "a", 1, 1, &text, &err), PEAL_E_USAGE);
    assert_has(err.message, "there is no encoding 'klingon'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_utf8),
        cmocka_unit_test(long_texts_become_utf8),
        cmocka_unit_test(what_is_no_such_text_is_named_by_its_byte),
        cmocka_unit_test(unknown_encoding_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
