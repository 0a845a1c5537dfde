/* Each transform: what it is fitted to, what it does to values, how it is saved. */
#include "etl/transform/transform.h"

#include <math.h>
#include <time.h>

#include "etl/transform/date_text.h"
#include "etl/transform/histogram.h"
#include "etl/transform/list_text.h"
#include "etl/transform/split.h"
#include "tests/support.h"

static void *load(const peal_transform *transform, const char *options) {
    peal_error err;
    json_t *json = json_loads(options, 0, NULL);
    void *made = NULL;
    assert_non_null(json);
    assert_ok(transform->load(json, &made, &err));
    json_decref(json);
    return made;
}

static void standardize_gives_mean_zero_and_deviation_one(void **state) {
    (void)state;
    peal_error err;
    double values[] = {1, 2, 3, 4, 5, 100};
    peal_summary summary = {0};
    peal_summary_add_numbers(&summary, values, NULL, 6);
    void *self = load(&peal_transform_standardize, "{}");
    assert_ok(peal_transform_standardize.fit(self, "x", &summary, &err));
    peal_transform_standardize.numbers(self, values, 6);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 6; i++) {
        sum += values[i];
        squares += values[i] * values[i];
    }
    assert_true(fabs(sum) < 1e-12);
    assert_true(fabs(squares / 6 - 1) < 1e-12);
    assert_true(fabs(summary.mean) < 1e-12); /* what comes behind sees the summary of the output */
    peal_transform_standardize.free(self);
}

static void constant_column_becomes_zeros_not_nan(void **state) {
    (void)state;
    peal_error err;
    double values[] = {7, 7, 7};
    peal_summary summary = {0};
    peal_summary_add_numbers(&summary, values, NULL, 3);
    const peal_transform *const both[] = {&peal_transform_standardize, &peal_transform_minmax};
    for (size_t i = 0; i < 2; i++) {
        peal_summary copy = summary;
        double out[] = {7, 7, 7};
        void *self = load(both[i], "{}");
        assert_ok(both[i]->fit(self, "x", &copy, &err));
        both[i]->numbers(self, out, 3);
        assert_true(out[0] == 0 && out[2] == 0);
        both[i]->free(self);
    }
}

static void moments_of_merged_parts_equal_those_of_the_whole(void **state) {
    (void)state;
    double values[1000];
    peal_summary whole = {0}, parts = {0};
    for (size_t i = 0; i < 1000; i++) values[i] = i % 17 == 0 ? (double)NAN : 1e6 + sin((double)i) * 3;
    peal_summary_add_numbers(&whole, values, NULL, 1000);
    for (size_t i = 0; i < 1000; i += 77) {
        peal_summary part = {0};
        peal_summary_add_numbers(&part, values + i, NULL, 1000 - i < 77 ? 1000 - i : 77);
        peal_summary_merge(&parts, &part);
    }
    assert_int_equal(whole.count, parts.count);
    assert_int_equal(whole.nulls, parts.nulls);
    assert_true(fabs(whole.mean - parts.mean) < 1e-9);
    assert_true(fabs(whole.m2 / parts.m2 - 1) < 1e-9);
    assert_true(whole.min == parts.min && whole.max == parts.max);
}

static void impute_fills_what_is_missing(void **state) {
    (void)state;
    peal_error err;
    double values[] = {1, (double)NAN, 3};
    peal_summary summary = {0};
    peal_summary_add_numbers(&summary, values, NULL, 3);
    void *self = load(&peal_transform_impute, "{\"with\": \"max\"}");
    assert_ok(peal_transform_impute.fit(self, "x", &summary, &err));
    peal_transform_impute.numbers(self, values, 3);
    assert_true(values[1] == 3);
    peal_transform_impute.free(self);
    void *bad = NULL;
    json_t *options = json_pack("{s:s}", "with", "median");
    assert_int_equal(peal_transform_impute.load(options, &bad, &err), PEAL_E_USAGE);
    peal_transform_impute.free(bad);
    json_decref(options);
}

/* What is missing is marked where somebody wants it, or by itself where it is not rare. */
static void a_number_that_stands_for_missing_is_missing(void **state) {
    (void)state;
    peal_error err;
    double values[] = {-999, 3, (double)NAN, 9999, -998.9};
    void *self = load(&peal_transform_missing, "{\"value\": -999, \"other\": 9999}");
    json_t *saved = peal_transform_missing.save(self);
    char *document = json_dumps(saved, 0);
    void *again = load(&peal_transform_missing, document);
    peal_transform_missing.numbers(again, values, 5);
    assert_true(isnan(values[0]) && values[1] == 3 && isnan(values[2]) && isnan(values[3]) && values[4] == -998.9);
    free(document);
    json_decref(saved);
    peal_transform_missing.free(again);
    peal_transform_missing.free(self);
    json_t *nothing = json_object();
    assert_int_equal(peal_transform_missing.load(nothing, &self, &err), PEAL_E_USAGE);
    peal_transform_missing.free(self);
    json_decref(nothing);
}

static void gaps_are_marked_where_they_tell_something(void **state) {
    (void)state;
    static const struct {
        const char *options;
        uint64_t count, nulls;
        bool marks, can_unmark;
    } cases[] = {
        {"{}", 100, 100, false, false},
        {"{\"mark\": \"yes\"}", 100, 0, true, false},
        {"{\"mark\": \"auto\"}", 100, 19, false, false},
        {"{\"mark\": \"auto\"}", 100, 20, true, true},
        {"{\"mark\": \"auto\"}", 10000, 100, false, false},
        {"{\"mark\": \"auto\"}", 10000, 102, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_summary summary = {.count = cases[i].count, .nulls = cases[i].nulls};
        void *self = load(&peal_transform_impute, cases[i].options);
        assert_ok(peal_transform_impute.fit(self, "x", &summary, &err));
        assert_int_equal(peal_impute_marks(self), cases[i].marks);
        json_t *saved = peal_transform_impute.save(self);
        void *again;
        assert_ok(peal_transform_impute.load(saved, &again, &err));
        assert_int_equal(peal_impute_marks(again), cases[i].marks);
        assert_int_equal(peal_impute_unmark(again), cases[i].can_unmark);
        assert_int_equal(peal_impute_marks(again), cases[i].marks && !cases[i].can_unmark);
        json_decref(saved);
        peal_transform_impute.free(again);
        peal_transform_impute.free(self);
    }
}

static peal_summary texts_of(const char *const *words, const uint64_t *counts, size_t count) {
    peal_summary summary = {0};
    for (size_t i = 0; i < count; i++) {
        uint32_t code;
        assert_int_equal(peal_dictionary_put(&summary.texts, words[i], strlen(words[i]), &code, NULL), PEAL_OK);
        summary.texts.counts[code] += counts[i];
        summary.count += counts[i];
    }
    return summary;
}

static void vocabulary_is_ordered_by_count_then_bytes(void **state) {
    (void)state;
    peal_error err;
    const char *const words[] = {"rare", "b", "a", "often"};
    const uint64_t counts[] = {1, 5, 5, 9};
    peal_summary summary = texts_of(words, counts, 4);
    void *self = load(&peal_transform_index, "{\"min_count\": 2}");
    assert_ok(peal_transform_index.fit(self, "x", &summary, &err));
    assert_int_equal(peal_transform_index.width(self), 3);
    assert_int_equal(peal_transform_index.encode(self, (peal_text){"often", 5}), 0);
    assert_int_equal(peal_transform_index.encode(self, (peal_text){"a", 1}), 1);
    assert_int_equal(peal_transform_index.encode(self, (peal_text){"rare", 4}), -1);
    assert_int_equal(peal_transform_index.encode(self, (peal_text){NULL, 0}), -1);
    /* Saved and loaded, it is the same. */
    json_t *saved = peal_transform_index.save(self);
    char *text = json_dumps(saved, 0);
    void *again = load(&peal_transform_index, text);
    assert_int_equal(peal_transform_index.encode(again, (peal_text){"b", 1}), 2);
    free(text);
    json_decref(saved);
    peal_transform_index.free(again);
    peal_transform_index.free(self);
    peal_summary_clear(&summary);
}

static int32_t index_of(const void *self, const char *text) {
    return peal_transform_index.encode(self, (peal_text){text, (uint32_t)strlen(text)});
}

static void ways_of_writing_a_category_are_one(void **state) {
    (void)state;
    peal_error err;
    static const char *const words[] = {"male", "Male", " MALE ", "New York",   "new  york",
                                        "Aa",   "AA",   "aa",     "\xC3\x89tat"};
    static const uint64_t counts[] = {4, 5, 1, 3, 3, 2, 2, 2, 2};
    peal_summary summary = texts_of(words, counts, 9);
    void *self = load(&peal_transform_index, "{}");
    assert_ok(peal_transform_index.fit(self, "x", &summary, &err));
    assert_int_equal(peal_transform_index.width(self), 6); /* case may tell short codes apart */
    assert_true(index_of(self, "Male") == 0 && index_of(self, "male") == 0 && index_of(self, " MALE ") == 0);
    assert_int_equal(index_of(self, "new  york"), index_of(self, "New York"));
    assert_true(index_of(self, "Aa") != index_of(self, "AA") && index_of(self, "aA") == -1);
    char text[PEAL_REMARK_TEXT];
    bool is_warning;
    peal_transform_index.remark(self, text, &is_warning);
    assert_has(text, "3 of its texts differ by blanks or capital letters only");
    json_t *saved = peal_transform_index.save(self);
    char *document = json_dumps(saved, 0);
    void *again = load(&peal_transform_index, document);
    assert_true(index_of(again, "MALE\xC2\xA0") == 0); /* also what no row had */
    assert_true(index_of(again, "\xC3\x89TAT") == index_of(again, "\xC3\x89tat") && index_of(again, "mAlE") == -1);
    free(document);
    json_decref(saved);
    peal_transform_index.free(again);
    peal_transform_index.free(self);
    self = load(&peal_transform_index, "{\"fold\": \"no\"}");
    assert_ok(peal_transform_index.fit(self, "x", &summary, &err));
    assert_int_equal(peal_transform_index.width(self), 9);
    assert_int_equal(index_of(self, "MALE"), -1);
    peal_transform_index.free(self);
    peal_summary_clear(&summary);
}

static void single_letters_are_one_where_they_are_few(void **state) {
    (void)state;
    peal_error err;
    static const char *const words[] = {"y", "Y", "n", "N ", "a", "b", "c", "d", "e", "f", "g", "h", "i"};
    static const uint64_t counts[] = {9, 8, 7, 6, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    peal_summary few = texts_of(words, counts, 4), many = texts_of(words, counts, 13);
    void *self = load(&peal_transform_label, "{}");
    assert_ok(peal_transform_label.fit(self, "y", &few, &err));
    assert_int_equal(peal_transform_label.width(self), 2);
    assert_int_equal(peal_transform_label.encode(self, (peal_text){"N", 1}), 0);
    peal_transform_label.free(self);
    self = load(&peal_transform_label, "{}");
    assert_ok(peal_transform_label.fit(self, "y", &many, &err));
    assert_int_equal(peal_transform_label.width(self), 13);
    peal_transform_label.free(self);
    peal_summary_clear(&few);
    peal_summary_clear(&many);
}

static void labels_are_sorted_and_one_spelling(void **state) {
    (void)state;
    peal_error err;
    const char *const words[] = {"10", "9", "1"};
    const uint64_t counts[] = {1, 1, 2};
    peal_summary summary = texts_of(words, counts, 3);
    void *self = load(&peal_transform_label, "{\"as\": \"class\"}");
    assert_ok(peal_transform_label.fit(self, "y", &summary, &err));
    assert_int_equal(peal_transform_label.width(self), 3);
    static const char *const spellings[] = {"+1", "1.0", "9", "10.0"};
    static const int32_t codes[] = {0, 0, 1, 2};
    peal_buffer scratch = {0};
    for (size_t i = 0; i < 4; i++) {
        peal_text text = {spellings[i], (uint32_t)strlen(spellings[i])};
        assert_ok(peal_transform_label.text(self, text, &scratch, &text, &err));
        assert_int_equal(peal_transform_label.encode(self, text), codes[i]);
    }
    peal_buffer_clear(&scratch);
    peal_transform_label.free(self);
    peal_summary_clear(&summary);
    const char *const only[] = {"x"};
    summary = texts_of(only, counts, 1);
    self = load(&peal_transform_label, "{}");
    assert_int_equal(peal_transform_label.fit(self, "y", &summary, &err), PEAL_E_DATA);
    assert_has(err.message, "one class only");
    peal_transform_label.free(self);
    peal_summary_clear(&summary);
}

static void too_many_classes_are_an_error(void **state) {
    (void)state;
    peal_error err;
    const char *const words[] = {"a", "b"};
    const uint64_t counts[] = {1, 1};
    peal_summary summary = texts_of(words, counts, 2);
    summary.distinct = 65537;
    void *self = load(&peal_transform_label, "{}");
    assert_int_equal(peal_transform_label.fit(self, "customer", &summary, &err), PEAL_E_DATA);
    assert_has(err.message, "the label 'customer' has 65537 classes");
    assert_has(err.message, "task");
    summary.distinct = 65536;
    assert_ok(peal_transform_label.fit(self, "customer", &summary, &err));
    peal_transform_label.free(self);
    peal_summary_clear(&summary);
}

static void replace_works_anywhere_or_at_an_end(void **state) {
    (void)state;
    static const struct {
        const char *options, *in, *out;
    } cases[] = {
        {"{\"find\": \".\", \"at\": \"end\"}", "a.b.", "a.b"},
        {"{\"find\": \".\", \"at\": \"start\"}", ".a.b.", "a.b."},
        {"{\"find\": \".\"}", ".a.b.", "ab"},
        {"{\"find\": \"aa\", \"with\": \"b\"}", "aaaaa", "bba"},
        {"{\"find\": \"x\", \"with\": \"\"}", "x", ""},
    };
    for (size_t i = 0; i < 5; i++) {
        peal_error err;
        peal_buffer scratch = {0};
        peal_text out;
        void *self = load(&peal_transform_replace, cases[i].options);
        const peal_text in = {cases[i].in, (uint32_t)strlen(cases[i].in)};
        assert_ok(peal_transform_replace.text(self, in, &scratch, &out, &err));
        assert_int_equal(out.length, strlen(cases[i].out));
        assert_memory_equal(out.data, cases[i].out, out.length);
        peal_transform_replace.free(self);
        peal_buffer_clear(&scratch);
    }
}

static void numbers_are_read_as_they_are_spelt(void **state) {
    (void)state;
    static const struct {
        const char *options, *in;
        double out;
        peal_cell cell;
    } cases[] = {
        {"{}", "-1.5e2", -150, PEAL_CELL_NUMBER},
        {"{}", "1,234", (double)NAN, PEAL_CELL_OTHER},
        {"{\"thousands\": \",\"}", "1,234,567.5", 1234567.5, PEAL_CELL_NUMBER},
        {"{\"thousands\": \",\"}", "12,34", (double)NAN, PEAL_CELL_OTHER},
        {"{\"decimal\": \",\", \"thousands\": \".\"}", "1.234,5", 1234.5, PEAL_CELL_NUMBER},
        {"{\"loose\": true, \"thousands\": \",\"}", "$ 1,000", 1000, PEAL_CELL_NUMBER},
        {"{\"loose\": \"yes\"}", "(5)", -5, PEAL_CELL_NUMBER},
        {"{\"loose\": \"no\"}", "(5)", (double)NAN, PEAL_CELL_OTHER},
        {"{}", "n/a", (double)NAN, PEAL_CELL_USUAL},
        {"{}", "", (double)NAN, PEAL_CELL_MISSING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const peal_nulls nulls = {0};
        double out;
        void *self = load(&peal_transform_read_number, cases[i].options);
        const peal_text in = {cases[i].in, (uint32_t)strlen(cases[i].in)};
        assert_int_equal(peal_transform_read_number.read(self, &nulls, in, &out), cases[i].cell);
        assert_true(isnan(cases[i].out) ? isnan(out) : out == cases[i].out);
        peal_transform_read_number.free(self);
    }
}

static void hashes_fill_their_buckets_evenly(void **state) {
    (void)state;
    void *self = load(&peal_transform_hash, "{\"bits\": \"6\", \"seed\": 3}");
    void *other = load(&peal_transform_hash, "{\"bits\": 6}");
    size_t counts[64] = {0}, same = 0;
    assert_int_equal(peal_transform_hash.width(self), 64);
    for (int i = 0; i < 64000; i++) {
        char word[16];
        const peal_text text = {word, (uint32_t)snprintf(word, sizeof word, "u%d", i)};
        const int32_t code = peal_transform_hash.encode(self, text);
        assert_in_range(code, 0, 63);
        counts[code]++;
        same += code == peal_transform_hash.encode(other, text);
    }
    for (size_t i = 0; i < 64; i++) assert_in_range(counts[i], 850, 1150);
    assert_in_range(same, 850, 1150); /* another seed is another hash */
    assert_int_equal(peal_transform_hash.encode(self, (peal_text){NULL, 0}), -1);
    peal_transform_hash.free(self);
    peal_transform_hash.free(other);
}

/* A date in all the ways that are read, beside the C library's calendar. */
static void dates_are_those_of_the_calendar(void **state) {
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const time_t seconds = (time_t)(random >> 31) - ((time_t)1 << 32); /* 1833 to 2106 */
        struct tm parts;
        assert_non_null(gmtime_r(&seconds, &parts));
        static const char *const formats[] = {"%Y-%m-%d %H:%M:%S",
                                              "%Y/%m/%dT%H:%M:%SZ",
                                              "%d.%m.%Y %H:%M:%S UTC",
                                              "%m/%d/%Y %H:%M:%S",
                                              "%Y%m%d %H:%M:%S+00:00",
                                              "%a, %d %b %Y %H:%M:%S GMT",
                                              "%d/%b/%Y:%H:%M:%S +0000",
                                              "%B %d, %Y %I:%M:%S %p",
                                              "%d-%b-%Y %H:%M:%S",
                                              "%Y-%b-%d %T",
                                              "%m/%d/%Y %I:%M:%S %p",
                                              "%d %b %Y %I:%M:%S %p",
                                              "%A %j %Y %T"};
        enum { COMMON = 11 };
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            char text[80];
            peal_date date;
            bool has_order = false;
            const size_t length = strftime(text, sizeof text, formats[f], &parts);
            const bool read = f < COMMON ? peal_date_read(text, length, PEAL_DATE_MONTH, &date, &has_order)
                                         : peal_date_read_format(formats[f], text, length, &date);
            if (!read) fail_msg("'%s' is not read", text);
            assert_true(has_order == (f == 3 || f == COMMON - 1));
            assert_true(peal_date_time(&date) == (double)seconds);
            assert_int_equal(peal_date_weekday(&date), (parts.tm_wday + 6) % 7);
        }
        char text[32];
        peal_date date;
        size_t length = (size_t)snprintf(text, sizeof text, "%lld", (long long)seconds);
        assert_true(peal_date_read_format("%s", text, length, &date) && peal_date_time(&date) == (double)seconds);
        assert_int_equal(date.year, parts.tm_year + 1900);
        assert_true((unsigned)(date.second / 3600) == (unsigned)parts.tm_hour);
        length = (size_t)snprintf(text, sizeof text, "%lld", (long long)seconds * 1000 + 250);
        assert_true(peal_date_read_format("%Q", text, length, &date));
        assert_true(fabs(peal_date_time(&date) - (double)seconds - 0.25) < 1e-6);
        if (seconds < -2209161600) continue; /* spreadsheets begin with 1900 */
        length = (size_t)snprintf(text, sizeof text, "%.10f", (double)seconds / 86400 + 25569);
        assert_true(peal_date_read_format("%E", text, length, &date));
        assert_true(fabs(peal_date_time(&date) - (double)seconds) < 1e-3);
    }
    peal_date date;
    assert_true(peal_date_read_format("%E", "43831", 5, &date)); /* 2020-01-01 */
    assert_true(date.year == 2020 && date.month == 1 && date.day == 1 && date.second == 0);
    assert_true(peal_date_read_format("%E", "43830.99999999999", 17, &date) && date.day == 1 && date.second == 0);
    assert_false(peal_date_read_format("%E", "-1", 2, &date));
}

static void what_is_no_date_is_not_read(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "soon",
        "2024",
        "2024-13-01",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-1/2",
        "31/31/2024",
        "2024-01-31T",
        "2024-01-31 24:00",
        "2024-01-31 10:60",
        "1.5",
        "10:30",
        "2024-01-31x",
        "2024-01-31 1:2",
        "0000-01-01",
        "2024-01-311",
        "1.2.24",
        "31-08-22",
        "22-08-31",
        "6-4-10",
        "May",
        "12 May",
        "Sat",
        "Sat 12",
        "31 Jun 2024",
        "10-Foo-24",
        "01/31/2024 13:00 PM",
        "01/31/2024 0:30 AM",
        "01/31/2024 10:30 XM",
        "2024-01-31 10:00 +1:00",
    };
    peal_date date;
    bool has_order;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (peal_date_read(wrong[i], strlen(wrong[i]), PEAL_DATE_MONTH, &date, &has_order)) {
            fail_msg("'%s' is read", wrong[i]);
        }
    }
    static const char *const short_years[] = {"08/31/22", "31.08.22", "31-Aug-22", "31 Aug. 2022", "31. August 2022"};
    for (size_t i = 0; i < sizeof short_years / sizeof *short_years; i++) {
        if (!peal_date_read(short_years[i], strlen(short_years[i]), PEAL_DATE_MONTH, &date, &has_order)) {
            fail_msg("'%s' is not read", short_years[i]);
        }
        assert_true(date.year == 2022 && date.month == 8 && date.day == 31);
    }
    assert_true(peal_date_read("1/2/69", 6, PEAL_DATE_MONTH, &date, &has_order) && date.year == 1969);
    assert_false(peal_date_read("13/01/2024", 10, PEAL_DATE_MONTH, &date, &has_order) || !has_order);
    assert_true(peal_date_read("13/01/2024", 10, PEAL_DATE_DAY, &date, &has_order));
    assert_true(peal_date_read(" 2000-02-29 23:59:60.25 -05:30 ", 31, PEAL_DATE_DAY, &date, &has_order));
    assert_true(date.second == 86400.25 && date.offset_minutes == -330);
}

static void observe(void *self, const char *text, uint64_t count, uint64_t held) {
    peal_transform_date.observe(self, (peal_text){text, (uint32_t)strlen(text)}, count, held);
}

/* The features beside the formula, and the order that all texts speak for. */
static void dates_become_features(void **state) {
    (void)state;
    peal_error err;
    peal_summary summary = {0};
    void *self = load(&peal_transform_date, "{}");
    observe(self, "03/02/2020", 3, 0);
    observe(self, "04/02/2022", 1, 2);
    observe(self, "25/02/2020", 0, 1); /* of a row that is held out: it tells the order, and nothing else */
    observe(self, "never", 1, 1);
    peal_transform_date.observe(self, (peal_text){NULL, 0}, 9, 0);
    assert_ok(peal_transform_date.fit(self, "d", &summary, &err));
    char remark[PEAL_REMARK_TEXT];
    bool is_warning;
    peal_transform_date.remark(self, remark, &is_warning);
    assert_string_equal(remark, "2 values are no dates, as 'never', and count for missing");
    assert_true(is_warning);
    json_t *saved = peal_transform_date.save(self);
    assert_string_equal(json_string_value(json_object_get(saved, "first")), "day");
    assert_string_equal(json_string_value(json_object_get(saved, "parts")), "year+day+weekday+time");
    assert_null(peal_transform_date.check(self));
    json_decref(saved);
    assert_int_equal(peal_transform_date.width(self), 6);
    float out[6];
    assert_true(peal_transform_date.spread(self, (peal_text){"04/02/2022", 10}, out));
    const double deviation = sqrt((3 * 0.25 + 2.25) / 4); /* of 2020, 2020, 2020, 2022 */
    assert_true(fabs(out[0] - 1.5 / deviation) < 1e-6);
    assert_true(fabs(out[1] - sin(2 * M_PI * 3 / 31)) < 1e-6 && fabs(out[2] - cos(2 * M_PI * 3 / 31)) < 1e-6);
    assert_true(fabs(out[3] - sin(2 * M_PI * 4 / 7)) < 1e-6 && fabs(out[4] - cos(2 * M_PI * 4 / 7)) < 1e-6);
    assert_true(fabs(out[5] - sqrt(3)) < 1e-6); /* one of four, the others alike */
    assert_false(peal_transform_date.spread(self, (peal_text){"never", 5}, out));
    for (size_t i = 0; i < 6; i++) assert_true(out[i] == 0);
    peal_text name = peal_transform_date.code_name(self, 3);
    assert_memory_equal(name.data, "weekday sine", name.length);
    peal_transform_date.free(self);
}

/* Of a column that was fitted on these three texts: how a text is read, by the feature of its month, and what may be
 * wrong with that. */
typedef struct order_case {
    const char *seen[3], *text;
    unsigned month; /* 0: it is no date */
    const char *doubt;
} order_case;

static void a_date_of_one_order_is_that_date(void **state) {
    (void)state;
    static const order_case cases[] = {
        {{"25/02/2020", "03/04/2020", "01/01/2021"}, "04/03/2020", 3, NULL},
        {{"25/02/2020", "03/04/2020", "01/01/2021"}, "03/25/2020", 3, "those that fit both are read day first"},
        {{"02/25/2020", "03/04/2020", "01/01/2021"}, "04/03/2020", 4, NULL},
        {{"02/25/2020", "03/04/2020", "01/01/2021"}, "25/03/2020", 3, "those that fit both are read month first"},
        {{"02/25/2020", "03/04/2020", "01/01/2021"}, "25-Mar-2020", 3, NULL},
        {{"2020-02-25", "2020-03-04", "2021-01-01"}, "25/03/2020", 3, NULL},
        {{"2020-02-25", "2020-03-04", "2021-01-01"}, "05/05/2020", 5, NULL},
        {{"2020-02-25", "2020-03-04", "2021-01-01"}, "04/03/2020", 4, "fit both orders of day and month"},
        {{"02/25/2020", "25/03/2020", "26/03/2020"}, "04/03/2020", 3, NULL}, /* what more of them are */
        {{"02/25/2020", "25/03/2020", "26/03/2020"}, "31/02/2020", 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_summary summary = {0};
        float out[2];
        void *self = load(&peal_transform_date, "{\"parts\": \"month\"}");
        for (size_t k = 0; k < 3; k++) observe(self, cases[i].seen[k], 1, 0);
        assert_ok(peal_transform_date.fit(self, "d", &summary, &err));
        /* What was saved does the same. */
        json_t *saved = peal_transform_date.save(self);
        void *loaded;
        assert_ok(peal_transform_date.load(saved, &loaded, &err));
        json_decref(saved);
        const peal_text text = {cases[i].text, (uint32_t)strlen(cases[i].text)};
        const char *doubt = peal_transform_date.doubt(loaded, text);
        assert_int_equal(peal_transform_date.spread(loaded, text, out), cases[i].month > 0);
        const double angle = 2 * M_PI * (cases[i].month - 1.0) / 12;
        if (cases[i].month && fabs(out[0] - sin(angle)) + fabs(out[1] - cos(angle)) > 1e-6) fail_msg("%s", text.data);
        if (!cases[i].doubt) assert_null(doubt);
        if (cases[i].doubt) assert_has(doubt, cases[i].doubt);
        peal_transform_date.free(self);
        peal_transform_date.free(loaded);
    }
}

static void mixed_orders_are_told(void **state) {
    (void)state;
    peal_error err;
    peal_summary summary = {0};
    char remark[PEAL_REMARK_TEXT];
    bool is_warning;
    void *self = load(&peal_transform_date, "{}");
    observe(self, "02/25/2020", 2, 0);
    observe(self, "26/02/2020", 3, 1);
    observe(self, "03/04/2020", 5, 0);
    assert_ok(peal_transform_date.fit(self, "d", &summary, &err));
    peal_transform_date.remark(self, remark, &is_warning);
    assert_string_equal(remark, "2 dates have the month first, as '02/25/2020', 4 the day, as '26/02/2020'; 5 fit both "
                                "and are read day first");
    assert_true(is_warning);
    peal_transform_date.free(self);
}

/* That there is no date is a feature where it is often so, as of numbers. */
static void a_missing_date_is_marked(void **state) {
    (void)state;
    static const struct {
        const char *options;
        uint64_t missing;
        uint32_t width;
    } cases[] = {{"{\"mark\": \"auto\", \"parts\": \"time\"}", 20, 2},
                 {"{\"mark\": \"auto\", \"parts\": \"time\"}", 19, 1},
                 {"{\"mark\": \"yes\", \"parts\": \"time\"}", 0, 2},
                 {"{\"parts\": \"time\"}", 50, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_summary summary = {0};
        float out[2] = {0};
        void *self = load(&peal_transform_date, cases[i].options), *loaded;
        observe(self, "2020-02-25", 100, 0);
        observe(self, "2020-02-26", 100, 0);
        if (cases[i].missing) {
            peal_transform_date.observe(self, (peal_text){NULL, 0}, cases[i].missing - 1, 0);
            observe(self, "NA", 1, 0);
        }
        assert_ok(peal_transform_date.fit(self, "d", &summary, &err));
        json_t *saved = peal_transform_date.save(self);
        assert_ok(peal_transform_date.load(saved, &loaded, &err));
        json_decref(saved);
        assert_int_equal(peal_transform_date.width(loaded), cases[i].width);
        assert_false(peal_transform_date.spread(loaded, (peal_text){NULL, 0}, out));
        assert_true(out[0] == 0 && out[1] == (float)(cases[i].width == 2));
        assert_true(peal_transform_date.spread(loaded, (peal_text){"2020-02-26", 10}, out));
        assert_true(out[0] > 0 && out[1] == 0);
        if (cases[i].width == 2) {
            const peal_text name = peal_transform_date.code_name(loaded, 1);
            assert_memory_equal(name.data, "is missing", name.length);
        }
        peal_transform_date.free(self);
        peal_transform_date.free(loaded);
    }
}

static void members_of_lists_become_features(void **state) {
    (void)state;
    peal_error err;
    peal_summary summary = {0};
    void *self = load(&peal_transform_members, "{\"separator\": \";\", \"most\": 3}"), *loaded;
    static const char *const texts[] = {"b; a", "a;c", "a;a;;", "d;c;b", "e", "c"};
    static const uint64_t rows[] = {2, 1, 5, 1, 1, 1};
    for (size_t i = 0; i < 6; i++) {
        peal_transform_members.observe(self, (peal_text){texts[i], (uint32_t)strlen(texts[i])}, rows[i], 1);
    }
    peal_transform_members.observe(self, (peal_text){NULL, 0}, 4, 0);
    assert_ok(peal_transform_members.fit(self, "g", &summary, &err));
    char remark[PEAL_REMARK_TEXT];
    bool is_warning;
    peal_transform_members.remark(self, remark, &is_warning);
    assert_string_equal(remark, "3 of the 5 members of its lists, as 'a', are features");
    json_t *saved = peal_transform_members.save(self);
    assert_ok(peal_transform_members.load(saved, &loaded, &err));
    json_decref(saved);
    assert_null(peal_transform_members.check(loaded));
    assert_int_equal(peal_transform_members.width(loaded), 3); /* a in 8 rows, b and c in 3 */
    static const struct {
        const char *text;
        float features[3];
        bool is_known, has_others;
    } cases[] = {{"a", {1, 0, 0}, true, false},  {" c ;b", {0, 1, 1}, true, false}, {"c;d", {0, 0, 1}, true, true},
                 {"d", {0, 0, 0}, false, true},  {";", {0, 0, 0}, false, false},    {"a;b;c;a", {1, 1, 1}, true, false},
                 {"a|b", {0, 0, 0}, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float out[3];
        const peal_text text = {cases[i].text, (uint32_t)strlen(cases[i].text)};
        assert_int_equal(peal_transform_members.spread(loaded, text, out), cases[i].is_known);
        assert_memory_equal(out, cases[i].features, sizeof out);
        assert_int_equal(peal_transform_members.doubt(loaded, text) != NULL, cases[i].has_others);
    }
    const peal_text name = peal_transform_members.code_name(loaded, 1);
    assert_memory_equal(name.data, "b", name.length);
    peal_transform_members.free(self);
    peal_transform_members.free(loaded);
}

/* Texts are lists if few members recur in many of them. */
static void lists_are_told_by_their_members(void **state) {
    (void)state;
    static const struct {
        const char *form; /* of a, b, c: numbers that differ */
        int texts;
        uint64_t rows;    /* of each */
        unsigned members; /* numbers are below that */
        char separator;
    } cases[] = {
        {"k%d|k%d|k%d", 100, 2, 9, '|'},
        {"k%d;k%d; k%d", 100, 2, 9, ';'},
        {"k%d, k%d", 60, 2, 9, ','},
        {"%d|%d|%d", 100, 2, 9, '|'},
        {"%d,%d,%d", 100, 2, 9, '\0'},     /* it may be a number */
        {"k%d|k%d|k%d", 100, 30, 9, '\0'}, /* categories */
        {"k%d|k%d|k%d", 15, 2, 9, '\0'},
        {"k%d, f%d", 300, 1, 100000, '\0'}, /* names of people */
        {"k%d of k%d", 100, 2, 9, '\0'},
        {"k%d|a sentence that is far too long to be the member of any list, number %d", 100, 2, 9, '\0'},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_list_votes votes = {0};
        uint64_t random = 9;
        for (int k = 0; k < cases[i].texts; k++) {
            unsigned number[3];
            char text[128];
            for (size_t n = 0; n < 3; n++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                number[n] = (unsigned)(random >> 33) % cases[i].members;
            }
            snprintf(text, sizeof text, cases[i].form, number[0], number[1], number[2]);
            assert_ok(peal_list_votes_add(&votes, (peal_text){text, (uint32_t)strlen(text)}, cases[i].rows, &err));
        }
        if (peal_list_votes_decide(&votes) != cases[i].separator) fail_msg("%s (%zu)", cases[i].form, i);
        peal_list_votes_clear(&votes);
    }
}

static uint64_t random_bits = 7;

static uint64_t next_random(void) {
    random_bits = random_bits * 6364136223846793005u + 1442695040888963407u;
    return random_bits >> 20;
}

/* Numbers of many sizes and both signs, some of them often, some missing. */
static double odd_number(void) {
    switch (next_random() % 8) {
    case 0:
        return (double)NAN;
    case 1:
        return (double)(next_random() % 5);
    case 2:
        return next_random() % 2 ? 0.0 : -0.0;
    default:
        return ((double)(next_random() % 2001) - 1000) * pow(2, (double)(next_random() % 40) - 20);
    }
}

static int by_number(const void *a, const void *b) {
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static void histograms_tell_the_values_of_a_full_sort(void **state) {
    (void)state;
    enum { MOST = 3000, PART = 271 };
    peal_error err;
    static double values[MOST], sorted[MOST];
    static uint8_t keep[MOST];
    for (size_t trial = 0; trial < 30; trial++) {
        const size_t count = next_random() % MOST;
        size_t kept = 0;
        peal_histogram whole = {0}, parts = {0}, part = {0};
        for (size_t i = 0; i < count; i++) {
            values[i] = odd_number();
            keep[i] = next_random() % 4 != 0;
            if (keep[i] && !isnan(values[i])) sorted[kept++] = values[i];
        }
        qsort(sorted, kept, sizeof *sorted, by_number);
        assert_ok(peal_histogram_take(&whole, values, keep, count, &err));
        for (size_t at = (count + PART - 1) / PART; at-- > 0;) { /* the last first: the order makes no difference */
            const size_t first = at * PART, size = count - first < PART ? count - first : PART;
            assert_ok(peal_histogram_take(&part, values + first, keep + first, size, &err));
            assert_ok(peal_histogram_merge(&parts, &part, &err));
        }
        assert_int_equal(whole.count, kept);
        assert_int_equal(parts.count, kept);
        assert_int_equal(whole.cells.size, parts.cells.size);
        if (kept) assert_memory_equal(whole.cells.data, parts.cells.data, whole.cells.size);
        peal_histogram_place place = {0};
        for (size_t rank = 0; rank < kept; rank++) {
            const double told = peal_histogram_at(&whole, &place, rank);
            assert_true(told == sorted[rank]);
        }
        peal_histogram_clear(&whole);
        peal_histogram_clear(&parts);
        peal_histogram_clear(&part);
    }
}

/* More values than cells: numbers around zero, or far from it, where they differ in their last bits only. */
static void histograms_of_many_values_are_coarse(void **state) {
    (void)state;
    enum { COUNT = 150000, PARTS = 7 };
    peal_error err;
    double *values = malloc(2 * COUNT * sizeof *values), *sorted = values + COUNT;
    assert_non_null(values);
    for (size_t trial = 0; trial < 3; trial++) {
        peal_histogram whole = {0}, parts = {0}, part = {0};
        for (size_t i = 0; i < COUNT; i++) {
            const double number = (double)next_random() * 0x1p-44 - 0.5;
            sorted[i] = values[i] = trial == 0 ? number : trial == 1 ? 1e6 + 4 * number : exp(90 * number);
        }
        qsort(sorted, COUNT, sizeof *sorted, by_number);
        assert_ok(peal_histogram_take(&whole, values, NULL, COUNT, &err));
        for (size_t p = PARTS; p-- > 0;) { /* the first part holds few values, and is as exact as it can be */
            const size_t begin = p ? COUNT * p / PARTS : 0, end = p ? COUNT * (p + 1) / PARTS : 100;
            assert_ok(peal_histogram_take(&part, values + begin, NULL, end - begin, &err));
            assert_ok(peal_histogram_merge(&parts, &part, &err));
            part.dropped = 0;
        }
        assert_ok(peal_histogram_take(&part, values + 100, NULL, COUNT / PARTS - 100, &err));
        assert_ok(peal_histogram_merge(&parts, &part, &err));
        assert_int_equal(parts.count, COUNT);
        assert_int_equal(whole.dropped, parts.dropped);
        assert_int_equal(whole.cells.size, parts.cells.size);
        assert_memory_equal(whole.cells.data, parts.cells.data, whole.cells.size);
        const size_t cells = whole.cells.size / sizeof(peal_histogram_cell);
        assert_in_range(cells, PEAL_HISTOGRAM_CELLS / 2 + 1, PEAL_HISTOGRAM_CELLS);
        peal_histogram_place place = {0};
        for (size_t rank = 0; rank < COUNT; rank++) {
            const double told = peal_histogram_at(&whole, &place, rank);
            assert_true(told <= sorted[rank]);
            assert_true(sorted[rank] - told <= ldexp(fabs(told), (int)whole.dropped - 52));
        }
        peal_histogram_clear(&whole);
        peal_histogram_clear(&parts);
        peal_histogram_clear(&part);
    }
    free(values);
}

static int32_t bucket_of(const peal_transform *transform, const void *state, double value) {
    int32_t code;
    transform->buckets(state, &value, 1, &code);
    return code;
}

static void buckets_and_bounds_are_quantiles(void **state) {
    (void)state;
    enum { COUNT = 20000, BUCKETS = 16 };
    peal_error err;
    static double values[COUNT], sorted[COUNT], out[COUNT];
    for (size_t i = 0; i < COUNT; i++) sorted[i] = values[i] = exp((double)(next_random() % 10007) / 1000);
    qsort(sorted, COUNT, sizeof *sorted, by_number);
    peal_histogram histogram = {0};
    assert_ok(peal_histogram_take(&histogram, values, NULL, COUNT, &err));
    peal_summary summary = {.count = COUNT, .histogram = &histogram};
    void *buckets = load(&peal_transform_bucketize, "{\"buckets\": 16}"),
         *clip = load(&peal_transform_clip, "{\"quantile\": 0.05}");
    assert_ok(peal_transform_bucketize.fit(buckets, "x", &summary, &err));
    assert_ok(peal_transform_clip.fit(clip, "x", &summary, &err));
    assert_int_equal(peal_transform_bucketize.width(buckets), BUCKETS);
    size_t counts[BUCKETS] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        const int32_t code = bucket_of(&peal_transform_bucketize, buckets, values[i]);
        assert_in_range(code, 0, BUCKETS - 1);
        counts[code]++;
    }
    for (size_t i = 0; i < BUCKETS; i++) assert_in_range(counts[i], COUNT / BUCKETS - 250, COUNT / BUCKETS + 250);
    assert_int_equal(bucket_of(&peal_transform_bucketize, buckets, (double)NAN), -1);
    assert_int_equal(bucket_of(&peal_transform_bucketize, buckets, -1e300), 0);
    assert_int_equal(bucket_of(&peal_transform_bucketize, buckets, (double)INFINITY), BUCKETS - 1);
    memcpy(out, values, sizeof out);
    peal_transform_clip.numbers(clip, out, COUNT);
    const double least = sorted[COUNT / 20 - 1], most = sorted[COUNT - COUNT / 20];
    for (size_t i = 0; i < COUNT; i++) {
        const double wanted = fmin(fmax(values[i], least), most);
        assert_true(fabs(out[i] - wanted) <= 0x1p-9 * wanted);
    }
    peal_transform_bucketize.free(buckets);
    peal_transform_clip.free(clip);
    /* Values that are all alike are one bucket. */
    for (size_t i = 0; i < COUNT; i++) values[i] = 3;
    assert_ok(peal_histogram_take(&histogram, values, NULL, COUNT, &err));
    summary = (peal_summary){.histogram = &histogram};
    buckets = load(&peal_transform_bucketize, "{}");
    assert_ok(peal_transform_bucketize.fit(buckets, "x", &summary, &err));
    assert_int_equal(peal_transform_bucketize.width(buckets), 1);
    peal_transform_bucketize.free(buckets);
    peal_histogram_clear(&histogram);
    double logs[] = {0, -0.0, M_E - 1, 1 - M_E, (double)NAN};
    void *log1p_state = load(&peal_transform_log1p, "{}");
    peal_transform_log1p.numbers(log1p_state, logs, 5);
    assert_true(logs[0] == 0 && logs[1] == 0 && fabs(logs[2] - 1) < 1e-12 && fabs(logs[3] + 1) < 1e-12);
    assert_true(isnan(logs[4]));
    peal_transform_log1p.free(log1p_state);
}

/* Between numbers that are known exactly, so that a new one goes with the nearer; zero has a bin, be there one alone.
 */
static void bins_end_in_the_middle(void **state) {
    (void)state;
    static const double values[] = {-4, -4, -4, -2, -2, -2, 0, 2, 2, 2, 8, 8, 8};
    enum { COUNT = sizeof values / sizeof *values };
    peal_error err;
    peal_histogram histogram = {0};
    assert_ok(peal_histogram_take(&histogram, values, NULL, COUNT, &err));
    peal_summary summary = {.count = COUNT, .histogram = &histogram};
    void *bins = load(&peal_transform_bins, "{}");
    assert_ok(peal_transform_bins.fit(bins, "x", &summary, &err));
    static const double tried[] = {-9, -3.1, -2.9, -1.1, -0.9, 0, 0.9, 1.1, 4.9, 5.1, 99};
    static const int32_t wanted[] = {0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4};
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        assert_int_equal(bucket_of(&peal_transform_bins, bins, tried[i]), wanted[i]);
    }
    peal_transform_bins.free(bins);
    peal_histogram_clear(&histogram);
}

static void split_takes_the_fractions_asked_for(void **state) {
    (void)state;
    const peal_split split = {.valid = 0.1, .test = 0.2, .seed = 3};
    size_t counts[PEAL_SPLITS] = {0};
    for (uint64_t i = 0; i < 100000; i++) counts[peal_split_of(&split, i * 0x9E3779B97F4A7C15u)]++;
    assert_true(fabs((double)counts[PEAL_SPLIT_VALID] / 1e5 - 0.1) < 0.005);
    assert_true(fabs((double)counts[PEAL_SPLIT_TEST] / 1e5 - 0.2) < 0.005);
    peal_error err;
    peal_split bad;
    json_t *options = json_pack("{s:f, s:f}", "valid", 0.6, "test", 0.4);
    assert_int_equal(peal_split_load(options, &bad, &err), PEAL_E_USAGE);
    json_decref(options);
}

static void mistyped_option_gets_the_nearest(void **state) {
    (void)state;
    peal_error err;
    const peal_transform *found;
    json_t *options = json_pack("{s:s, s:s}", "transform", "impute", "wiht", "mean");
    assert_int_equal(peal_transform_check_options(&peal_transform_impute, options, &err), PEAL_E_USAGE);
    assert_has(err.message, "did you mean 'with'");
    json_decref(options);
    assert_int_equal(peal_transform_find("standardise", &found, &err), PEAL_E_USAGE);
    assert_has(err.message, "did you mean 'standardize'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standardize_gives_mean_zero_and_deviation_one),
        cmocka_unit_test(constant_column_becomes_zeros_not_nan),
        cmocka_unit_test(moments_of_merged_parts_equal_those_of_the_whole),
        cmocka_unit_test(impute_fills_what_is_missing),
        cmocka_unit_test(a_number_that_stands_for_missing_is_missing),
        cmocka_unit_test(gaps_are_marked_where_they_tell_something),
        cmocka_unit_test(vocabulary_is_ordered_by_count_then_bytes),
        cmocka_unit_test(ways_of_writing_a_category_are_one),
        cmocka_unit_test(single_letters_are_one_where_they_are_few),
        cmocka_unit_test(labels_are_sorted_and_one_spelling),
        cmocka_unit_test(too_many_classes_are_an_error),
        cmocka_unit_test(replace_works_anywhere_or_at_an_end),
        cmocka_unit_test(numbers_are_read_as_they_are_spelt),
        cmocka_unit_test(hashes_fill_their_buckets_evenly),
        cmocka_unit_test(dates_are_those_of_the_calendar),
        cmocka_unit_test(what_is_no_date_is_not_read),
        cmocka_unit_test(dates_become_features),
        cmocka_unit_test(a_date_of_one_order_is_that_date),
        cmocka_unit_test(mixed_orders_are_told),
        cmocka_unit_test(a_missing_date_is_marked),
        cmocka_unit_test(members_of_lists_become_features),
        cmocka_unit_test(lists_are_told_by_their_members),
        cmocka_unit_test(histograms_tell_the_values_of_a_full_sort),
        cmocka_unit_test(histograms_of_many_values_are_coarse),
        cmocka_unit_test(buckets_and_bounds_are_quantiles),
        cmocka_unit_test(bins_end_in_the_middle),
        cmocka_unit_test(split_takes_the_fractions_asked_for),
        cmocka_unit_test(mistyped_option_gets_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
