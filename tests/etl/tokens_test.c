/* The words and letters of texts: the buckets are those of n-grams that are written out here. */
#include <math.h>

#include "core/base/digest.h"
#include "etl/transform/transform.h"
#include "tests/support.h"

typedef struct one_case {
    const char *options, *text, *grams; /* a | stands before each gram */
} one_case;

static const one_case cases[] = {
    {"{}", "Hello, big World!", "|hello|big|world"},
    {"{}", "", ""},
    {"{}", "  ...  ", ""},
    {"{}", "a", "|a"},
    {"{}", "x y x", "|x|y|x"},
    {"{}", "snake_case 3.14 don't", "|snake_case|3|14|don|t"},
    {"{\"lower\": \"no\"}", "Hello hello", "|Hello|hello"},
    {"{\"most\": 2}", "one two  three", "|one|two|three|one two|two three"},
    {"{\"least\": 2, \"most\": 3}", "a b", "|a b"},
    {"{\"least\": 3}", "a b", ""},
    {"{}", "\xC3\x89T\xC3\x89 \xD0\x96\xD0\xB0\xD1\x80\xE2\x80\xA6 \xE6\x97\xA5\xE6\x9C\xAC",
     "|\xC3\xA9t\xC3\xA9|\xD0\xB6\xD0\xB0\xD1\x80|\xE6\x97\xA5\xE6\x9C\xAC"},
    {"{}",
     "a\xFF"
     "b \xC3",
     "|ab"}, /* what is no UTF-8 is passed over */
    {"{\"by\": \"chars\", \"least\": 2, \"most\": 3}", "Ab  c", "|ab|b | c|ab |b c"},
    {"{\"by\": \"chars\", \"least\": 2, \"most\": 2}", "  a, b\n", "|a,|, | b"},
    {"{\"by\": \"chars\", \"least\": 1, \"most\": 1}", "\xE6\x97\xA5\xE6\x9C\xAC", "|\xE6\x97\xA5|\xE6\x9C\xAC"},
    {"{\"by\": \"chars-in-words\", \"least\": 3, \"most\": 3}", "cat, a", "| ca|cat|at | a "},
    {"{\"by\": \"chars-in-words\"}", "abc", "| ab|abc|bc | abc|abc | abc "},
    {"{\"by\": \"chars-in-words\", \"least\": 5, \"most\": 6}", "to", "| to "},
};

static void *state_of(const char *options) {
    peal_error err;
    void *state = NULL;
    json_t *json = json_loads(options, 0, NULL);
    assert_non_null(json);
    assert_ok(peal_transform_tokens.load(json, &state, &err));
    json_decref(json);
    return state;
}

static peal_text text_of(const char *text) {
    return (peal_text){text, (uint32_t)strlen(text)};
}

/* What is in the bag: the grams' buckets, each as often as it occurs. */
static void expect_grams(const peal_bag *bag, const one_case *what, unsigned bits, bool is_signed) {
    enum { BUCKETS = 1 << 18 };
    static float wanted[BUCKETS];
    memset(wanted, 0, sizeof wanted);
    for (const char *gram = what->grams; *gram;) {
        const char *end = strchr(gram + 1, '|');
        const size_t length = end ? (size_t)(end - gram - 1) : strlen(gram + 1);
        const uint64_t hash = peal_hash(gram + 1, length, 0);
        wanted[hash >> (64 - bits)] += is_signed && (hash & 1) ? -1.0f : 1.0f;
        gram += 1 + length;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        if (wanted[i] == 0) continue;
        if (at == bag->count) fail_msg("'%s' with %s: too few entries", what->text, what->options);
        assert_int_equal(bag->entries[at].index, i);
        assert_true(bag->entries[at++].value == wanted[i]);
    }
    if (at != bag->count) fail_msg("'%s' with %s: too many entries", what->text, what->options);
}

static void grams_are_those_written_out(void **unused) {
    (void)unused;
    peal_bag bag = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            char options[200];
            const char *rest = cases[i].options + 1;
            snprintf(options, sizeof options, "{\"normal\": \"no\", \"signed\": %s%s%s", is_signed ? "true" : "false",
                     *rest == '}' ? "" : ", ", rest);
            peal_error err;
            void *state = state_of(options);
            bag.count = 0;
            assert_ok(peal_transform_tokens.fill(state, text_of(cases[i].text), &bag, &err));
            expect_grams(&bag, &cases[i], 18, is_signed);
            peal_transform_tokens.free(state);
        }
    }
    peal_bag_clear(&bag);
}

static void a_missing_text_has_none(void **unused) {
    (void)unused;
    peal_error err;
    peal_bag bag = {0};
    void *state = state_of("{}");
    assert_ok(peal_transform_tokens.fill(state, (peal_text){NULL, 0}, &bag, &err));
    assert_int_equal(bag.count, 0);
    peal_transform_tokens.free(state);
    peal_bag_clear(&bag);
}

static void rows_have_the_length_one(void **unused) {
    (void)unused;
    peal_error err;
    peal_bag bag = {0};
    void *state = state_of("{\"bits\": 30}");
    assert_ok(peal_transform_tokens.fill(state, text_of("one two two three three three"), &bag, &err));
    double squares = 0;
    assert_int_equal(bag.count, 3);
    for (size_t i = 0; i < bag.count; i++) squares += (double)bag.entries[i].value * (double)bag.entries[i].value;
    assert_true(fabs(squares - 1) < 1e-6);
    peal_transform_tokens.free(state);
    peal_bag_clear(&bag);
}

/* Of one bucket, up and down cancel out: nothing is left of it. */
static void what_adds_up_to_nothing_is_left_out(void **unused) {
    (void)unused;
    peal_error err;
    peal_bag bag = {0};
    assert_ok(peal_bag_add(&bag, 7, 1, &err));
    assert_ok(peal_bag_add(&bag, 3, 1, &err));
    assert_ok(peal_bag_add(&bag, 7, -1, &err));
    peal_bag_sort(&bag);
    assert_int_equal(bag.count, 1);
    assert_int_equal(bag.entries[0].index, 3);
    peal_bag_clear(&bag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grams_are_those_written_out),
        cmocka_unit_test(a_missing_text_has_none),
        cmocka_unit_test(rows_have_the_length_one),
        cmocka_unit_test(what_adds_up_to_nothing_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
