#include "etl/table/dictionary.h"

#include "core/base/philox.h"
#include "tests/support.h"

static void codes_follow_first_appearance(void **state) {
    (void)state;
    peal_error err;
    peal_dictionary dictionary = {0};
    static const char *const words[] = {"b", "a", "b", "", "longer than eight", "a", "longer than eighty", ""};
    static const uint32_t expected[] = {0, 1, 0, 2, 3, 1, 4, 2};
    for (size_t i = 0; i < 8; i++) {
        uint32_t code;
        assert_ok(peal_dictionary_put(&dictionary, words[i], strlen(words[i]), &code, &err));
        assert_int_equal(code, expected[i]);
    }
    assert_int_equal(dictionary.size, 5);
    assert_int_equal(peal_dictionary_find(&dictionary, "longer than eight", 17), 3);
    assert_int_equal(peal_dictionary_find(&dictionary, "c", 1), -1);
    assert_int_equal(peal_dictionary_text(&dictionary, 4).length, 18);
    peal_dictionary_clear(&dictionary);
}

/* Against an array that is searched from the front. */
static void many_texts_equal_a_plain_list(void **state) {
    (void)state;
    peal_error err;
    peal_dictionary dictionary = {0};
    enum { N = 3000 };
    static char words[N][40];
    uint32_t count = 0;
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    for (int i = 0; i < 20000; i++) {
        char word[40] = {0};
        int length =
            snprintf(word, sizeof word, i % 2 ? "%u" : "a rather long word %u", peal_philox_below(&random, 1400));
        uint32_t expected = 0, code;
        while (expected < count && strcmp(words[expected], word) != 0) expected++;
        if (expected == count) strcpy(words[count++], word);
        assert_ok(peal_dictionary_intern(&dictionary, word, (uint32_t)length, &code, &err));
        assert_int_equal(code, expected);
    }
    assert_int_equal(dictionary.size, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(peal_dictionary_find(&dictionary, words[i], strlen(words[i])), i);
    peal_dictionary_reset(&dictionary);
    assert_int_equal(peal_dictionary_find(&dictionary, words[0], strlen(words[0])), -1);
    peal_dictionary_clear(&dictionary);
}

/* Room that was reserved is not outgrown, and what was there before is still found. */
static void reserved_room_is_used(void **state) {
    (void)state;
    peal_error err;
    enum { BEFORE = 5, ALL = 1000 };
    peal_dictionary dictionary = {0};
    const uint64_t *counts = NULL;
    const peal_dictionary_bucket *buckets = NULL;
    for (uint32_t i = 0; i < ALL; i++) {
        char word[16];
        uint32_t code;
        if (i == BEFORE) {
            assert_ok(peal_dictionary_reserve(&dictionary, ALL, &err));
            counts = dictionary.counts;
            buckets = dictionary.buckets;
        }
        const int length = snprintf(word, sizeof word, "w%u", i);
        assert_ok(peal_dictionary_put(&dictionary, word, (size_t)length, &code, &err));
        assert_int_equal(code, i);
    }
    assert_true(dictionary.counts == counts && dictionary.buckets == buckets);
    assert_int_equal(peal_dictionary_find(&dictionary, "w0", 2), 0);
    assert_int_equal(peal_dictionary_find(&dictionary, "w999", 4), 999);
    assert_int_equal(peal_dictionary_reserve(&dictionary, (size_t)UINT32_MAX, &err), PEAL_E_DATA);
    peal_dictionary_clear(&dictionary);
}

/* Counts are not copied. */
static void copy_knows_the_same_codes_and_goes_on(void **state) {
    (void)state;
    peal_error err;
    enum { ALL = 1000 };
    peal_dictionary from = {0}, copy = {0};
    char word[24];
    uint32_t code;
    assert_ok(peal_dictionary_copy(&from, &copy, &err));
    assert_int_equal(copy.size, 0);
    for (uint32_t i = 0; i < ALL; i++) {
        const int length = snprintf(word, sizeof word, i % 2 ? "w%u" : "a longer text %u", i);
        assert_ok(peal_dictionary_put(&from, word, (size_t)length, &code, &err));
        from.counts[code] = i + 1;
    }
    assert_ok(peal_dictionary_copy(&from, &copy, &err));
    peal_dictionary_clear(&from);
    for (uint32_t i = 0; i < 2 * ALL; i++) { /* the second half is new */
        const int length = snprintf(word, sizeof word, i % 2 ? "w%u" : "a longer text %u", i);
        assert_ok(peal_dictionary_put(&copy, word, (size_t)length, &code, &err));
        assert_int_equal(code, i);
        assert_int_equal(copy.counts[code], 0);
    }
    peal_dictionary_clear(&copy);
}

static void texts_with_zero_bytes_are_distinct(void **state) {
    (void)state;
    peal_error err;
    peal_dictionary dictionary = {0};
    uint32_t a, b, c;
    assert_ok(peal_dictionary_put(&dictionary, "a", 1, &a, &err));
    assert_ok(peal_dictionary_put(&dictionary, "a\0", 2, &b, &err));
    assert_ok(peal_dictionary_put(&dictionary, "\0", 1, &c, &err));
    assert_true(a != b && b != c && a != c);
    peal_dictionary_clear(&dictionary);
}

/* A long text's key is its hash, which another text may be, byte by byte. */
static void text_that_equals_a_hash_is_another(void **state) {
    (void)state;
    peal_error err;
    static const char *const texts[] = {"a long text 0", "a long text 1", "a long text 2", "a long text 3"};
    enum { TEXTS = sizeof texts / sizeof *texts };
    for (size_t first = 0; first < 2; first++) {
        peal_dictionary dictionary = {0};
        uint32_t code;
        for (size_t round = 0; round < 2; round++) {
            for (size_t i = 0; i < TEXTS; i++) {
                const uint64_t hash = peal_hash(texts[i], strlen(texts[i]), 0);
                char bytes[8];
                memcpy(bytes, &hash, sizeof bytes);
                const bool is_long = round == first;
                assert_ok(peal_dictionary_put(&dictionary, is_long ? texts[i] : bytes,
                                              is_long ? strlen(texts[i]) : sizeof bytes, &code, &err));
                assert_int_equal(code, round * TEXTS + i);
            }
        }
        for (uint32_t i = 0; i < TEXTS; i++) {
            assert_int_equal(peal_dictionary_find(&dictionary, texts[i], strlen(texts[i])), first * TEXTS + i);
        }
        peal_dictionary_clear(&dictionary);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_follow_first_appearance),
        cmocka_unit_test(many_texts_equal_a_plain_list),
        cmocka_unit_test(reserved_room_is_used),
        cmocka_unit_test(copy_knows_the_same_codes_and_goes_on),
        cmocka_unit_test(texts_with_zero_bytes_are_distinct),
        cmocka_unit_test(text_that_equals_a_hash_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
