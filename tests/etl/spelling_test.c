/* Spellings: which way of writing numbers a column's texts have, and what each text then is. */
#include "etl/format/spelling.h"

#include <math.h>

#include "etl/format/digits.h"
#include "etl/format/measure.h"
#include "tests/support.h"

static void assert_reads(const peal_spelling *spelling, const char *text, double expected) {
    double got;
    if (!peal_spelling_read(spelling, text, strlen(text), &got)) fail_msg("'%s' is no number", text);
    if (fabs(got - expected) > 1e-12 * fabs(expected)) fail_msg("'%s' is %.17g and not %.17g", text, got, expected);
}

static void assert_none(const peal_spelling *spelling, const char *text) {
    double got;
    if (peal_spelling_read(spelling, text, strlen(text), &got)) fail_msg("'%s' is %g", text, got);
}

static void units_stand_before_or_behind(void **state) {
    (void)state;
    static const peal_spelling dollar = {.thousands = ',', .unit = "$"}, kilogram = {.unit = "kg"},
                               day = {.unit = "days"},
                               euro = {.decimal = ',', .thousands = '.', .unit = "\xE2\x82\xAC"};
    assert_reads(&dollar, "$5,525.53", 5525.53);
    assert_reads(&dollar, "-$5", -5);
    assert_reads(&dollar, "$-5", -5);
    assert_reads(&dollar, "\xE2\x88\x92$ 5", -5);
    assert_reads(&dollar, "($1,000)", -1000);
    assert_reads(&dollar, "5.5", 5.5);
    assert_reads(&dollar, "12 $", 12);
    assert_reads(&kilogram, "70.5 kg", 70.5);
    assert_reads(&kilogram, "70kg", 70);
    assert_reads(&kilogram, "1e3", 1000);
    assert_reads(&kilogram, "1.5e+03 kg", 1500);
    assert_reads(&day, "1 day", 1);
    assert_reads(&day, "12 days", 12);
    assert_reads(&euro, "1.234,50 \xE2\x82\xAC", 1234.5);
    assert_reads(&euro,
                 "\xE2\x82\xAC"
                 "3,5",
                 3.5);
    static const char *const none[] = {"5 lb", "kg", "kg 70", "70 kg 5", "70-kg", "70 kgs x", "(-5)", "", " ", "1,5"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_none(&kilogram, none[i]);
    assert_none(&dollar, "$$5");
    assert_none(&dollar, "$5$");
    assert_none(&dollar, "\xE2\x82\xAC"
                         "5");
    assert_none(&dollar, "$0,500");
}

static void letters_scale(void **state) {
    (void)state;
    static const peal_spelling scaled = {.scaled = true}, euro = {.scaled = true, .unit = "\xE2\x82\xAC"};
    assert_reads(&scaled, "1.5K", 1500);
    assert_reads(&scaled, "1.5k", 1500);
    assert_reads(&scaled, "2M", 2e6);
    assert_reads(&scaled, "3 B", 3e9);
    assert_reads(&scaled, "1.5G", 1.5e9);
    assert_reads(&scaled, "3.97 T", 3.97e12);
    assert_reads(&scaled, "7", 7);
    assert_reads(&euro,
                 "\xE2\x82\xAC"
                 "110.5M",
                 110.5e6);
    assert_reads(&euro, "565K\xE2\x82\xAC", 565e3);
    assert_none(&scaled, "5 km");
    assert_none(&scaled, "5m");
    assert_none(&scaled, "K");
}

static void clocks_are_hours(void **state) {
    (void)state;
    static const peal_spelling clock = {.clock = true}, laps = {.clock = true, .laps = true};
    assert_reads(&laps, "58:30", 58.5 / 60);
    assert_reads(&laps, "1:02:11", 1 + 2 / 60.0 + 11 / 3600.0);
    assert_reads(&clock, "09:05", 9 + 5 / 60.0);
    assert_reads(&clock, "9:05:30", 9 + 5 / 60.0 + 30 / 3600.0);
    assert_reads(&clock, "9:05:30.25", 9 + 5 / 60.0 + 30.25 / 3600.0);
    assert_reads(&clock, "9:05 PM", 21 + 5 / 60.0);
    assert_reads(&clock, "12:30am", 0.5);
    assert_reads(&clock, "12:30 p.m.", 12.5);
    assert_reads(&clock, "101:00:00", 101);
    static const char *const none[] = {"9",        "9:5",     "9:60", "9:05 xm", "9:05 P",
                                       "21:05 PM", "9:05:61", ":05",  "9:05:",   "9:05:30:10"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_none(&clock, none[i]);
}

static uint8_t kind_of(const char *name) {
    for (uint8_t i = 0; measure__names[i]; i++) {
        if (strcmp(measure__names[i], name) == 0) return i;
    }
    fail_msg("there is no kind '%s'", name);
    return 0;
}

static void units_of_a_kind_are_turned_into_each_other(void **state) {
    (void)state;
    peal_spelling time = {.measure = kind_of("time")}, mass = {.measure = kind_of("mass")},
                  length = {.measure = kind_of("length"), .marked = true}, size = {.measure = kind_of("bytes")},
                  power = {.measure = kind_of("power")}, area = {.measure = kind_of("area")};
    assert_reads(&time, "1h 20m", 4800);
    assert_reads(&time, "1 hour, 20 minutes", 4800);
    assert_reads(&time, "90 Min", 5400);
    assert_reads(&time, "1.5h", 5400);
    assert_reads(&time, "2y3mo", 2 * 31557600.0 + 3 * 2629800.0);
    assert_reads(&mass, "531 g", 0.531);
    assert_reads(&mass, "0.53 KG", 0.53);
    assert_reads(&mass, "-2,500.5 mg", -0.0025005);
    assert_reads(&mass, "10 lbs", 4.5359237);
    assert_reads(&length, "5'11\"", 71 * 0.0254);
    assert_reads(&length, "~5 ft 11 in", 71 * 0.0254);
    assert_reads(&size, "3 kB", 3000);
    assert_reads(&size, "3 KiB", 3072);
    assert_reads(&power, "3 mW", 0.003);
    assert_reads(&power, "3 MW", 3e6);
    assert_reads(&area, "3 km2", 3e6);
    static const char *const none[] = {"5",       "5 kg",     "20m 1h",   "1h 20h",  "1h 20", "5 M",
                                       "h",       "1h,",      "1,20 h",   "1.2.3 h", "",      " ",
                                       "1h -20m", "1h 20m x", "5 days x", "1,2,3 h"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_none(&time, none[i]);
    assert_none(&power, "3 Mw");
    assert_none(&mass, "5 T");
}

/* Forty numbers in turn in one of two forms, with `others` rows of a text that is none. */
typedef struct mixture {
    const char *forms[2], *other, *measure;
    bool found, scaled;
} mixture;

static void columns_may_have_several_units(void **state) {
    (void)state;
    static const mixture cases[] = {
        {{"%d g", "0.%d kg"}, NULL, "mass", true, false},
        {{"%d min", "%dh 20m"}, NULL, "time", true, false},
        {{"%d'", "%d'3\""}, NULL, "length", true, false},
        {{"%d MB", "%d kB"}, "unknown", "bytes", true, false},
        {{"%d mg/dL", "%d ug/mL"}, NULL, "concentration", true, false},
        {{"%dk", "%dM"}, NULL, "no", true, true},
        {{"%d kg", "%d cm"}, NULL, "no", false, false}, /* not of one kind */
        {{"%d min", "%d Seasons"}, NULL, "no", false, false},
        {{"%d kg", "%d"}, NULL, "no", true, false}, /* one unit, which some lack */
        {{"%d g", "%d"}, "1 kg", "no", false, false},
        {{"%dG", "%dT"}, NULL, "no", false, false}, /* codes */
        {{"%dA", "%dM"}, NULL, "no", false, false},
        {{"%da", "%dm"}, NULL, "no", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mixture *one = &cases[i];
        peal_spelling_votes votes = {0};
        peal_spelling got;
        for (int k = 0; k < 40; k++) {
            char text[32];
            snprintf(text, sizeof text, one->forms[k % 2], 100 + k);
            peal_spelling_vote(&votes, text, strlen(text), 10);
        }
        if (one->other) peal_spelling_vote(&votes, one->other, strlen(one->other), 60);
        assert_true(!one->found || peal_spelling_is_open(&votes, 460, 1));
        if (peal_spelling_decide(&votes, 1, &got) != one->found) fail_msg("%s: found or not", one->forms[0]);
        assert_int_equal(got.measure, kind_of(one->measure));
        assert_int_equal(got.scaled, one->scaled);
    }
}

static void marks_are_passed_over(void **state) {
    (void)state;
    static const peal_spelling marked = {.marked = true}, dollar = {.thousands = ',', .unit = "$", .marked = true},
                               plain = {0};
    assert_reads(&marked, "33.1*", 33.1);
    assert_reads(&marked, "12 (est.)", 12);
    assert_reads(&marked, " ~ 5 ", 5);
    assert_reads(&marked, "<=0.1", 0.1);
    assert_reads(&marked, "> -3", -3);
    assert_reads(&marked, "ca. 7 [3]", 7);
    assert_reads(&marked,
                 "\xE2\x89\xA4"
                 "5 est.",
                 5);
    assert_reads(&marked, "10+", 10);
    assert_reads(&marked, "7", 7);
    assert_reads(&dollar, "~$1,200*", 1200);
    static const char *const none[] = {"*",    "(est.)", "~",   "12B", "A12", "5-10",
                                       "(12)", "1 2*",   "c 5", "tbd", "",    "<>"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_none(&marked, none[i]);
    assert_none(&plain, "33.1*");
}

/* ---- which way ---- */

enum { TEXTS_MOST = 8, PLAIN_NUMBERS = 30 };

typedef struct column {
    const char *texts[TEXTS_MOST];
    uint64_t others; /* rows of the last text; the others have 10 each */
    bool with_plain; /* thirty plain numbers beside them */
    bool found;
    peal_spelling spelling;
} column;

static bool decide(const column *self, peal_spelling *out) {
    peal_spelling_votes votes = {0};
    uint64_t rows = 0;
    for (int i = 0; self->with_plain && i < PLAIN_NUMBERS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", 100 + i);
        peal_spelling_vote(&votes, text, strlen(text), 10);
        rows += 10;
    }
    for (size_t i = 0; i < TEXTS_MOST && self->texts[i]; i++) {
        const bool is_last = i + 1 == TEXTS_MOST || !self->texts[i + 1];
        const uint64_t count = is_last && self->others ? self->others : 10;
        peal_spelling_vote(&votes, self->texts[i], strlen(self->texts[i]), count);
        rows += count;
    }
    return peal_spelling_decide(&votes, rows / 1000 ? rows / 1000 : 1, out);
}

static void columns_have_one_way(void **state) {
    (void)state;
    static const column cases[] = {
        {.texts = {"$5.20", "$1,200.00", "$900"}, .found = true, .spelling = {.thousands = ',', .unit = "$"}},
        {.texts = {"1.234,50", "3,5", "7"}, .found = true, .spelling = {.decimal = ',', .thousands = '.'}},
        {.texts = {"1,5", "2,25"}, .found = true, .spelling = {.decimal = ','}},
        {.texts = {"1,500", "2,250"}, .found = true, .spelling = {.thousands = ','}},
        {.texts = {"1,500", "2,25"}, .found = true, .spelling = {.decimal = ','}},
        {.texts = {"0,500", "2,250"}, .found = true, .spelling = {.decimal = ','}},
        {.texts = {"1 500", "2 250,5"}, .found = true, .spelling = {.decimal = ',', .thousands = ' '}},
        {.texts = {"1\xC2\xA0"
                   "500",
                   "20"},
         .found = true,
         .spelling = {.thousands = ' '}},
        {.texts = {"12.5%", "7%"}, .found = true, .spelling = {.unit = "%"}},
        {.texts = {"12 days", "1 day"}, .found = true, .spelling = {.unit = "days"}},
        {.texts = {"(5)", "7"}, .found = true, .spelling = {.loose = true}},
        {.texts = {"9:05", "21:30"}, .found = true, .spelling = {.clock = true}},
        {.texts = {"19M", "8.7M", "201K", "5"}, .found = true, .spelling = {.scaled = true}},
        /* a word where there is no number */
        {.texts = {"unknown"}, .others = 40, .with_plain = true, .found = true},
        {.texts = {"unknown", "refused"}, .others = 40, .with_plain = true, .found = true},
        {.texts = {"unknown"}, .others = 400, .with_plain = true}, /* there are more of them */
        {.texts = {"a", "b", "c", "d"}, .others = 40, .with_plain = true},
        {.texts = {"1", "2", "3", "many"}, .others = 10}, /* what it says may be lost */
        {.texts = {"on request"}, .others = 40, .with_plain = true, .found = true},
        {.texts = {"never", "always"}, .others = 100, .with_plain = true}, /* they may mean the opposite */
        /* marks around some of the numbers */
        {.texts = {"<0.5"}, .others = 40, .with_plain = true, .found = true, .spelling = {.marked = true}},
        {.texts = {"33.1*", "~5", ">= 100", "12 (est.)", "ca. 7", "3?", "7 [2]"},
         .with_plain = true,
         .found = true,
         .spelling = {.marked = true}},
        {.texts = {"~1,200", "1,300"},
         .with_plain = true,
         .found = true,
         .spelling = {.thousands = ',', .marked = true}},
        {.texts = {"~5", "~7"}}, /* all have them: it may be part of a name */
        {.texts = {"<5"}, .others = 400, .with_plain = true},
        {.texts = {"007", "<5"}, .with_plain = true}, /* what begins with 0 is a code */
        /* digits that are no number: a family of codes among numbers */
        {.texts = {"V27", "E909"}, .others = 2, .with_plain = true},
        {.texts = {"12A", "14B"}, .others = 2, .with_plain = true},
        {.texts = {"10-12"}, .with_plain = true},
        {.texts = {"10+ years"}, .others = 40, .with_plain = true},
        /* thousands, where a currency speaks for it */
        {.texts = {"1.299 \xE2\x82\xAC", "899 \xE2\x82\xAC"},
         .found = true,
         .spelling = {.decimal = ',', .thousands = '.', .unit = "\xE2\x82\xAC"}},
        {.texts = {"1.299 \xE2\x82\xAC", "8.99 \xE2\x82\xAC"}, .found = true, .spelling = {.unit = "\xE2\x82\xAC"}},
        /* one that a way may lack is none that it lacks where another way reads all */
        {.texts = {"$2", "$3", "$1.50"}, .others = 1, .found = true, .spelling = {.unit = "$"}},
        {.texts = {"$2", "$3", "$1,50"}, .others = 1, .found = true, .spelling = {.decimal = ',', .unit = "$"}},
        {.texts = {"$2", "$3", "$1,500"}, .others = 1, .found = true, .spelling = {.thousands = ',', .unit = "$"}},
        {.texts = {"$1.299", "$2.899", "$2.5"},
         .others = 1,
         .found = true,
         .spelling = {.decimal = ',', .thousands = '.', .unit = "$"}},
        {.texts = {"$1,299", "$2,899", "$2.899,5"},
         .others = 1,
         .found = true,
         .spelling = {.thousands = ',', .unit = "$"}},
        {.texts = {"1.299 kg", "2.850 kg"}, .found = true, .spelling = {.unit = "kg"}},
        /* the unit of most, whichever came first */
        {.texts = {"5 lb", "6 kg", "7 kg"}, .others = 20000, .found = true, .spelling = {.unit = "kg"}},
        {.texts = {"6 kg", "5 lb", "7 kg"}, .others = 20000, .found = true, .spelling = {.unit = "kg"}},
        /* codes */
        {.texts = {"22B", "33B"}},
        {.texts = {"22C", "33C"}},
        {.texts = {"(33)", "(34)"}},
        {.texts = {"202 290 744", "302 290 745"}},
        {.texts = {"192.168.100.200", "192.168.101.201"}},
        /* what is no number, or in no one way */
        {.texts = {"12 kg", "30 lb"}},
        {.texts = {"12A", "30B"}},
        {.texts = {"A12", "A30"}},
        {.texts = {"$5", "\xE2\x82\xAC"
                         "5"}},
        {.texts = {"007 x", "012 x"}},
        {.texts = {"192.168.1.1", "10.0.0.1"}},
        {.texts = {"1,200", "3.5,1"}},
        {.texts = {"1-5", "6-9"}},
        {.texts = {"4/5", "3/5"}},
        {.texts = {"9:05", "9"}},
        {.texts = {"5", "7"}}, /* nothing unusual */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_spelling got;
        const bool found = decide(&cases[i], &got);
        if (found != cases[i].found) fail_msg("%s: %s", cases[i].texts[0], found ? "found" : "not found");
        if (!found) continue;
        /* "days" or "day": the first that came */
        if (strcmp(cases[i].spelling.unit, "days") != 0) assert_string_equal(got.unit, cases[i].spelling.unit);
        assert_int_equal(got.decimal, cases[i].spelling.decimal);
        assert_int_equal(got.thousands, cases[i].spelling.thousands);
        assert_int_equal(got.loose, cases[i].spelling.loose);
        assert_int_equal(got.scaled, cases[i].spelling.scaled);
        assert_int_equal(got.clock, cases[i].spelling.clock);
        assert_int_equal(got.marked, cases[i].spelling.marked);
    }
}

/* A column whose texts are all numbers in the way that was found reads every one of them; whatever bytes there are. */
static void what_is_found_reads_what_was_seen(void **state) {
    (void)state;
    static const char *const pieces[] = {"$",
                                         "\xE2\x82\xAC",
                                         "%",
                                         "-",
                                         "+",
                                         "(",
                                         ")",
                                         ",",
                                         ".",
                                         " ",
                                         "1",
                                         "12",
                                         "345",
                                         "000",
                                         "kg",
                                         "K",
                                         "M",
                                         ":",
                                         "05",
                                         "pm",
                                         "\xE2\x88\x92",
                                         "\xC2\xA0",
                                         "e",
                                         "\xFF",
                                         "'"};
    uint64_t random = 7;
    size_t found_count = 0;
    for (int round = 0; round < 200000; round++) {
        char text[64] = "";
        for (int i = 0; i < 6; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            if ((random >> 60) < 4) break;
            strcat(text, pieces[(random >> 33) % (sizeof pieces / sizeof *pieces)]);
        }
        peal_spelling_votes votes = {0};
        peal_spelling spelling;
        double number;
        peal_spelling_vote(&votes, text, strlen(text), 10);
        if (!peal_spelling_decide(&votes, 1, &spelling)) continue;
        found_count++;
        if (!peal_spelling_read(&spelling, text, strlen(text), &number)) fail_msg("'%s' is not read", text);
    }
    assert_true(found_count > 1000);
}

/* 0.125 beside 12.5% is 12.5; of 0.5 beside 0.7% nobody knows, and 15 beside 12.5% is 15. */
static void fractions_beside_percents_are_percents(void **state) {
    (void)state;
    static const struct {
        const char *texts[8];
        bool are_fractions;
    } cases[] = {
        {{"12.5%", "80%", "0.125", "0.3", "0.25", "0.9", "0.01", "1"}, true},
        {{"12.5%", "80%", "0.125", "0.3", "0.25", "0.9", "0.01", "15"}, false},
        {{"0.5%", "0.7%", "0.125", "0.3", "0.25", "0.9", "0.01", "0"}, false},
        {{"12.5%", "80%", "0.125", "0.3", "70%", "60%", "50%", "0"}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_spelling_votes votes = {0};
        peal_spelling got;
        for (size_t t = 0; t < 8; t++) peal_spelling_vote(&votes, cases[i].texts[t], strlen(cases[i].texts[t]), 10);
        assert_true(peal_spelling_decide(&votes, 1, &got));
        assert_int_equal(got.fractions, cases[i].are_fractions);
        assert_reads(&got, "0.125", cases[i].are_fractions ? 12.5 : 0.125);
        assert_reads(&got, "12.5%", 12.5);
    }
}

static peal_digit_votes digits_of(const char *const *texts, size_t count) {
    peal_digit_votes votes = {0};
    for (size_t i = 0; i < count; i++) peal_digits_vote(&votes, texts[i], strlen(texts[i]));
    return votes;
}

static void digits_tell_codes_and_thousands(void **state) {
    (void)state;
    static const char *const codes[] = {"02139", "10001", "00501"}, *const months[] = {"01", "12"},
                             *const numbers[] = {"10001", "20002"}, *const lengths[] = {"007", "1000"},
                             *const parts[] = {"02139", "10.01"};
    static const char *const thousands[] = {"1.234", "999", "0", "-12.345.678"}, *const decimals[] = {"1.234", "0.123"},
                             *const longer[] = {"1.234", "1000"}, *const plain[] = {"999", "5"};
    peal_digit_votes votes = digits_of(codes, 3);
    assert_true(peal_digits_are_codes(&votes));
    votes = digits_of(months, 2);
    assert_false(peal_digits_are_codes(&votes));
    votes = digits_of(numbers, 2);
    assert_false(peal_digits_are_codes(&votes));
    votes = digits_of(lengths, 2);
    assert_false(peal_digits_are_codes(&votes));
    votes = digits_of(parts, 2);
    assert_false(peal_digits_are_codes(&votes));
    votes = digits_of(thousands, 4);
    assert_true(peal_digits_may_be_grouped(&votes));
    votes = digits_of(decimals, 2);
    assert_false(peal_digits_may_be_grouped(&votes));
    votes = digits_of(longer, 2);
    assert_false(peal_digits_may_be_grouped(&votes));
    votes = digits_of(plain, 2);
    assert_false(peal_digits_may_be_grouped(&votes));
    static const char *const commas[] = {"0,123", "12,5", "-1,25", "1234,567"}, *const others[] = {"1,234", "12",
                                                                                                   "1,2,3", ",5",
                                                                                                   "1,",    "1.5"};
    for (size_t i = 0; i < 4; i++) assert_true(peal_digits_have_decimal_comma(commas[i], strlen(commas[i])));
    for (size_t i = 0; i < 6; i++) assert_false(peal_digits_have_decimal_comma(others[i], strlen(others[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_stand_before_or_behind),
        cmocka_unit_test(letters_scale),
        cmocka_unit_test(clocks_are_hours),
        cmocka_unit_test(marks_are_passed_over),
        cmocka_unit_test(units_of_a_kind_are_turned_into_each_other),
        cmocka_unit_test(columns_may_have_several_units),
        cmocka_unit_test(fractions_beside_percents_are_percents),
        cmocka_unit_test(digits_tell_codes_and_thousands),
        cmocka_unit_test(columns_have_one_way),
        cmocka_unit_test(what_is_found_reads_what_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
