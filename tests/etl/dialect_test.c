/* How an input of text with separators writes its rows: what its beginning tells, and what options say. */
#include "tests/etl/reading.h"

/* The columns and rows as they were read: "a|b\n1|2\n". Freed by the caller. */
static char *shown(const reading *one) {
    peal_buffer text = {0};
    peal_error err;
    for (size_t i = 0; i < one->schema.count; i++) {
        if (i) assert_ok(peal_buffer_append(&text, "|", 1, &err));
        assert_ok(peal_buffer_append(&text, one->schema.fields[i].name, strlen(one->schema.fields[i].name), &err));
    }
    for (size_t row = 0; row < one->rows; row++) {
        for (size_t i = 0; i < one->schema.count; i++) {
            assert_ok(peal_buffer_append(&text, i ? "|" : "\n", 1, &err));
            assert_ok(peal_buffer_append(&text, one->cells[row][i], strlen(one->cells[row][i]), &err));
        }
    }
    assert_ok(peal_buffer_append(&text, "\n", 2, &err));
    return (char *)text.data;
}

typedef struct dialect_case {
    const char *text;
    const char *expected;
    const char *options; /* NULL: all is found */
    const char *label;
    const char *format;
    const char *note; /* that is said; NULL: nothing is */
} dialect_case;

static void check_case(const dialect_case *one) {
    static const size_t blocks[] = {8, 17, 40, 0};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        peal_error err;
        reading got = {.format = one->format, .options = one->options, .label = one->label, .block_size = blocks[i]};
        assert_ok(reading_all(&got, one->text, strlen(one->text), &err));
        char *text = shown(&got);
        if (strcmp(text, one->expected) != 0) {
            fail_msg("%s\n-- was read as --\n%s-- and not as --\n%s", one->text, text, one->expected);
        }
        if (got.bad) fail_msg("%s\n-- has a bad row: %s", one->text, got.bad_reason);
        if (one->note) assert_has(got.notes, one->note);
        if (!one->note) assert_string_equal(got.notes, "");
        free(text);
        reading_clear(&got);
    }
}

#define CHECK_CASES(cases)                                                                        \
    do {                                                                                          \
        for (size_t at = 0; at < sizeof(cases) / sizeof *(cases); at++) check_case(&(cases)[at]); \
    } while (0)

static void delimiter_is_found(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "a,b\n1,2\n3,4\n", .expected = "a|b\n1|2\n3|4\n"},
        {.text = "a\tb\n1\t2\n3\t4\n", .expected = "a|b\n1|2\n3|4\n"},
        {.text = "a;b\n1;2\n3;4\n", .expected = "a|b\n1|2\n3|4\n"},
        {.text = "a|b\n1|2\n3|4\n", .expected = "a|b\n1|2\n3|4\n"},
        /* Decimal commas are in some rows, and not in the header. */
        {.text = "a;b\n1,5;2,5\n3,5;4\n", .expected = "a|b\n1,5|2,5\n3,5|4\n"},
        {.text = "a;b\n\"x,y\";\"z,z\"\n\"u,v\";w\n", .expected = "a|b\nx,y|z,z\nu,v|w\n"},
        {.text = "alone\n1\n\n2\n",
         .expected = "alone\n1\n\n2\n"}, /* of one column a blank line is a row without a value */
        {.text = "a\tb,c\n1\t2,0\n", .expected = "a|b,c\n1|2,0\n", .format = "tsv"},
        {.text = "a b\tc\n1\t2\n", .expected = "a b|c\n1|2\n"},
    };
    CHECK_CASES(cases);
}

static void delimiter_is_given(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "a^b\n1,5^2\n", .expected = "a|b\n1,5|2\n", .options = "{\"delimiter\": \"^\"}"},
        {.text = "a\tb,c\n1\t2,0\n", .expected = "a|b,c\n1|2,0\n", .options = "{\"delimiter\": \"tab\"}"},
        {.text = "a;b,c\n1;2,0\n", .expected = "a;b|c\n1;2|0\n", .options = "{\"delimiter\": \",\"}"},
        {.text = "a  b\n1 2\n3\t  4\n", .expected = "a|b\n1|2\n3|4\n", .options = "{\"delimiter\": \"blanks\"}"},
        {.text = "  a  b \r\n 1   2  \r\n\t3 4\n",
         .expected = "a|b\n1|2\n3|4\n",
         .options = "{\"delimiter\": \"blanks\"}"},
        {.text = "a b\n\"x y\"  2\n", .expected = "a|b\nx y|2\n", .options = "{\"delimiter\": \"blanks\"}"},
        {.text = "1 2\n3 4", .expected = "c1|c2\n1|2\n3|4\n", .options = "{\"delimiter\": \"blanks\"}"},
    };
    CHECK_CASES(cases);
}

static void sep_line_tells_the_delimiter(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "sep=;\na;b\n1;2\n", .expected = "a|b\n1|2\n"},
        {.text = "sep=;\r\na;b\r\n1;2\r\n", .expected = "a|b\n1|2\n"},
        {.text = "\xEF\xBB\xBFsep=^\na,x^b\n1^2\n", .expected = "a,x|b\n1|2\n"},
        {.text = "sep=;\na,b;c\n1,2;3\n",
         .expected = "a|b;c\n1|2;3\n",
         .options = "{\"delimiter\": \",\"}"},                    /* an option is stronger */
        {.text = "sep=x\n1\n2\n", .expected = "c1\n1\n2\n"},      /* and a lone column is not split */
        {.text = "sep=;,b\n1,2\n", .expected = "sep=;|b\n1|2\n"}, /* no line of its own: a name */
    };
    CHECK_CASES(cases);
}

static void lines_in_front_are_passed_over(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "Report of May\na,b\n1,2\n3,4\n5,6\n",
         .expected = "a|b\n1|2\n3|4\n5|6\n",
         .note = "t.csv: the first line is passed over"},
        {.text = "Report of May\n\nby us\na,b,c\n1,2,0\n3,4,0\n5,6,0\n",
         .expected = "a|b|c\n1|2|0\n3|4|0\n5|6|0\n",
         .note = "t.csv: the first 3 lines are passed over"},
        {.text = "x\ny\na,b\n1,2\n", .expected = "a|b\n1|2\n", .options = "{\"skip\": 2}"},
        {.text = "x,y\na,b\n1,2\n", .expected = "a|b\n1|2\n", .options = "{\"skip\": 1}"},
        {.text = "\xEF\xBB\xBFx\na,b\n1,2\n", .expected = "a|b\n1|2\n", .options = "{\"skip\": 1}"},
    };
    CHECK_CASES(cases);
}

static void lines_are_counted_from_the_first_of_the_file(void **state) {
    (void)state;
    static const char text[] = "Report\n# x\na,b\n1,2\n3,4\n5,6\n7,8\n9\n1,2\n3,4\n5,6\n";
    for (size_t block = 8; block < 60; block += 13) {
        peal_error err;
        reading one = {.options = "{\"comment\": \"#\"}", .block_size = block};
        assert_ok(reading_all(&one, text, sizeof text - 1, &err));
        assert_int_equal(one.bad, 1);
        assert_int_equal(one.bad_line, 8);
        assert_string_equal(one.bad_reason, "1 field, expected 2");
        reading_clear(&one);
    }
}

static void comments_are_left_out(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "# made by x\n# y, z\na,b\n1,2\n# in between, \"\n3,4\n",
         .expected = "a|b\n1|2\n3|4\n",
         .note = "taken for comments (comment)"},
        /* A name that begins so, whatever separates it from the next, and whatever comments stand in front. */
        {.text = "#id,name\n1,x\n2,y\n", .expected = "#id|name\n1|x\n2|y\n"},
        {.text = "#id\tname\n1\tx\n2\ty\n", .expected = "#id|name\n1|x\n2|y\n"},
        {.text = "##fileformat=4,2\n##x\n#CHROM;POS\n1;x\n2;y\n",
         .expected = "#CHROM|POS\n1|x\n2|y\n",
         .note = "in front of its header are passed over"},
        {.text = "# id,name\n1,x\n2,y\n", .expected = "# id|name\n1|x\n2|y\n"},
        {.text = "# 1, 2 and 3\na,b\n1,2\n", .expected = "a|b\n1|2\n", .note = "taken for comments"},
        {.text = "#x\n1\n2\n", .expected = "c1\n1\n2\n", .note = "taken for comments"},
        {.text = "#x\n1\n2\n", .expected = "c1\n#x\n1\n2\n", .options = "{\"header\": \"no\"}"},
        {.text = "#x\n1\n2\n", .expected = "c1\n1\n2\n", .options = "{\"header\": \"no\", \"comment\": \"#\"}"},
        {.text = "% x\na,b\n1,2\n%3,4\n5,6\n", .expected = "a|b\n1|2\n5|6\n", .options = "{\"comment\": \"%\"}"},
        {.text = "a,b\n1,2\n#3,4\n",
         .expected = "a|b\n1|2\n#3|4\n"}, /* nothing in front tells that these are comments */
    };
    CHECK_CASES(cases);
}

static void line_ends_of_all_machines_are_read(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "a,b\r1,2\r3,4\r", .expected = "a|b\n1|2\n3|4\n"},
        {.text = "a,b\r1,\"x\ry\"\r3,4", .expected = "a|b\n1|x\ny\n3|4\n"},
        {.text = "a,b\r\n1,2\r\n\r\n3,4\r\n", .expected = "a|b\n1|2\n3|4\n"},
        {.text = "a,b\n1,2\n3,4\n\x1A", .expected = "a|b\n1|2\n3|4\n"}, /* the end-of-file mark of DOS */
        {.text = "a,b\n1,2\n  \n3,4", .expected = "a|b\n1|2\n3|4\n"},
    };
    CHECK_CASES(cases);
}

static void blanks_around_fields_are_dropped(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "a, b\n1, 2\n3, \"x, y\"\n", .expected = "a|b\n1|2\n3|x, y\n"}, /* ", " separates */
        {.text = "a, b\n1,2\n", .expected = "a| b\n1|2\n"}, /* not everywhere: a blank is part of the name */
        {.text = "a, b\n1,2\n", .expected = "a|b\n1|2\n", .options = "{\"trim\": true}"},
        {.text = "a, b\n1, 2\n", .expected = "a| b\n1| 2\n", .options = "{\"trim\": false}"},
    };
    CHECK_CASES(cases);
}

static void quotes_and_escapes_are_as_they_are_told(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "a,b\n\"x \"\"y\"\"\",2\n", .expected = "a|b\nx \"y\"|2\n"},
        {.text = "a,b\n\"x\\\"y\",2\n", .expected = "a|b\nx\"y|2\n", .options = "{\"escape\": \"\\\\\"}"},
        {.text = "a,b\n'x,\"y',2\n", .expected = "a|b\nx,\"y|2\n", .options = "{\"quote\": \"'\"}"},
        {.text = "a,b\n\"x,2\n", .expected = "a|b\n\"x|2\n", .options = "{\"quote\": \"none\"}"},
        {.text = "a,b\n5\" pipe,2\n", .expected = "a|b\n5\" pipe|2\n"}, /* a quote within a field is no quote */
    };
    CHECK_CASES(cases);
}

static void header_is_found(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "x,y\n1,2\n", .expected = "x|y\n1|2\n"},
        {.text = "1,2\n3,4\n", .expected = "c1|c2\n1|2\n3|4\n"},
        {.text = "x,1\ny,2\n", .expected = "c1|c2\nx|1\ny|2\n"},
        {.text = "name,2019,2020\nx,1,2\n", .expected = "name|2019|2020\nx|1|2\n"}, /* years above what are none */
        {.text = "name,2019,2020\nx,1,2\n",
         .expected = "name|2019|2020\nx|1|2\n",
         .label = "2020"}, /* years, and one is the label */
        {.text = "name,2019,2020\nx,1,2\n", .expected = "name|2019|2020\nx|1|2\n", .label = "name"},
        {.text = "name,2019\nx,1\n", .expected = "name|2019\nx|1\n", .options = "{\"header\": \"yes\"}"},
        {.text = "x,y\nu,v\n", .expected = "c1|c2\nx|y\nu|v\n", .options = "{\"header\": \"no\"}"},
        {.text = "a,,b\n1,2,3\n", .expected = "a|c2|b\n1|2|3\n"}, /* what has no name is called by its place */
        {.text = "a,,\n1,2,3\n", .expected = "a|c2|c3\n1|2|3\n"},
        {.text = ",c1,c3,,c1_\n1,2,3,4,5\n", .expected = "c1__|c1|c3|c4__|c1_\n1|2|3|4|5\n"},
        {.text = ",,\n1,2,3\n", .expected = "c1|c2|c3\n||\n1|2|3\n"},
        {.text = "a,b,\n1,2,\n3,4,\n", .expected = "a|b\n1|2\n3|4\n"}, /* a delimiter at each line's end is no column */
        {.text = "a,b\n", .expected = "a|b\n"},
    };
    CHECK_CASES(cases);
}

/* Years and hours are names where they count up above what does not. */
static void numbers_that_count_up_are_names(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "country,2019,2020\nDE,1.5,2\nFR,3,4\n", .expected = "country|2019|2020\nDE|1.5|2\nFR|3|4\n"},
        {.text = "day,0,1,2,3\nmo,5,5,7,8\n", .expected = "day|0|1|2|3\nmo|5|5|7|8\n"},
        {.text = "a,1,2\nb,5,7\n", .expected = "c1|c2|c3\na|1|2\nb|5|7\n"},
        {.text = "a,2019,2020\nb,2020,2021\n", .expected = "c1|c2|c3\na|2019|2020\nb|2020|2021\n"},
        {.text = "a,2019,2021\nb,3,4\n", .expected = "c1|c2|c3\na|2019|2021\nb|3|4\n"},
        {.text = "2019,2020\n1,5\n", .expected = "c1|c2\n2019|2020\n1|5\n"},
    };
    CHECK_CASES(cases);
}

/* Dates and times above dates and times are no names. */
static void times_are_values(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "2019-06-05\n2019-06-06\n2019-06-07\n", .expected = "c1\n2019-06-05\n2019-06-06\n2019-06-07\n"},
        {.text = "a,01/02/2020\nb,01/03/2020\n", .expected = "c1|c2\na|01/02/2020\nb|01/03/2020\n"},
        {.text = "a,10:00\nb,\nc,11:30:05\n", .expected = "c1|c2\na|10:00\nb|\nc|11:30:05\n"},
        {.text = "a,2020-01-01T10:00:00Z\nb,2020-01-02 11:00:00.5+02:00\n",
         .expected = "c1|c2\na|2020-01-01T10:00:00Z\nb|2020-01-02 11:00:00.5+02:00\n"},
        {.text = "name,2020-01,2020-02\nx,5,6\ny,7,8\n", .expected = "name|2020-01|2020-02\nx|5|6\ny|7|8\n"},
        {.text = "day,v\n2020-01-01,x\n2020-01-02,y\n", .expected = "day|v\n2020-01-01|x\n2020-01-02|y\n"},
    };
    CHECK_CASES(cases);
}

/* A quote at a field's beginning that closes nowhere, or far away in the middle of something, swallows no rows. */
static void loose_quotes_swallow_no_rows(void **state) {
    (void)state;
    static const char note[] = "t.csv: line 2: text stands behind a closing quote";
    static const dialect_case cases[] = {
        {.text = "a\tb\n0\t\"\n0\t\"!\"\n1\tx\n", .expected = "a|b\n0|\"\n0|!\n1|x\n", .note = note},
        {.text = "a,b\n0,\"inch\n5,\"x\" y\n6,z\n", .expected = "a|b\n0|\"inch\n5|\"x\" y\n6|z\n", .note = note},
        {.text = "a,b\n0,\"two\nlines\"\n1,\"x\n\"\n", .expected = "a|b\n0|two\nlines\n1|x\n\n"},
        {.text = "a,b\n0,\"two, \"\"2\"\"\nlines\"\n1,\"x\"y\n",
         .expected = "a|b\n0|two, \"2\"\nlines\n1|\"x\"y\n",
         .note = "t.csv: line 4: text stands behind a closing quote"},
        /* Quotes that are not doubled stay within those around their field. */
        {.text = "a,b\n\"the \"old\" bus\",\"1\"\n\"stop \"x\"\",\"2\"\n",
         .expected = "a|b\nthe \"old\" bus|1\nstop \"x\"|2\n",
         .note = note},
        {.text = "a,b\n\"the \"old\" bus\",1\n",
         .expected = "a|b\n\"the \"old\" bus\"|1\n",
         .options = "{\"quote\": \"none\"}"},
    };
    CHECK_CASES(cases);
}

/* Plain text has a delimiter here and there. */
static void lines_of_text_are_one_column(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "text\nWell, yes\nOf course; why, not\nNo, no, no\nSo\n",
         .expected = "text\nWell, yes\nOf course; why, not\nNo, no, no\nSo\n"},
        {.text = "text\nA, b, c\nD, e, f\nG\nH, i\nJ\n", .expected = "text\nA, b, c\nD, e, f\nG\nH, i\nJ\n"},
        {.text = "x\n12,5\n145,00\n5.25\n", .expected = "x\n12,5\n145,00\n5.25\n"},
        {.text = "x\n68,527.00\n", .expected = "x\n68,527.00\n"},
        {.text = "x\n\"1,a\"\n\"2,b,c\"\n\"3,d\"\n", .expected = "x\n1,a\n2,b,c\n3,d\n"},
        {.text = "a\n10\ne\na;b\n0-#\n",
         .expected = "a\n10\ne\na;b\n0-#\n",
         .note = "t.csv: line 4: ';' is taken for text, for it does not cut the lines evenly (delimiter)"},
        {.text = "x\na\tb\nc\td\te\n", .expected = "x\na\tb\nc\td\te\n", .options = "{\"delimiter\": \",\"}"},
    };
    CHECK_CASES(cases);
}

/* What a survey with these options says of the text. */
static void check_refused(const char *options, const char *text, peal_status status, const char *what) {
    peal_error err = {0};
    reading one = {.options = options};
    if (reading_survey(&one, text, strlen(text), &err) != status) {
        fail_msg("%s with %s gave '%s'", text, options ? options : "no options", err.message);
    }
    assert_has(err.message, what);
    reading_clear(&one);
}

static void lines_that_are_cut_unevenly_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"x\n\"2\",3,3\n",
         "t.csv: line 2: 3 fields by ',', but line 1 has 1; as many were expected in each (delimiter"},
        {"# made by x\n\nx\n1\t2\n1\t2\t3\n", "t.csv: line 4: 2 fields by a tab, but line 3 has 1"},
        {"1 b|19\nb;c;d\n1;2;3\n1;2\n1;2;3\n", "t.csv: line 2: 3 fields by ';', but line 1 has 1"},
        {"\"1,2\",3,\"8',4\n1,x\n1,x\n", "t.csv: line 1: ',' stands in all lines, but quotes that close nowhere"},
        {"name\001age\nbob\00112\n", "t.csv: line 1: its only column's name holds the byte 0x01"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(NULL, cases[i].text, PEAL_E_DATA, cases[i].what);
    }
}

/* Of one column a CR alone may end a line, too. */
static void cr_within_a_line_is_a_bad_row(void **state) {
    (void)state;
    static const char text[] = "x\r\na b\r\nc\rd\r\n\"e\rf\"\r\ng\r\r\n";
    for (size_t block = 8; block < 40; block += 7) {
        peal_error err;
        reading one = {.block_size = block};
        assert_ok(reading_all(&one, text, sizeof text - 1, &err));
        assert_int_equal(one.rows, 3);
        assert_int_equal(one.bad, 1);
        assert_int_equal(one.bad_line, 3);
        assert_string_equal(one.bad_reason, "a CR stands within the line; it was expected at its end or within quotes");
        reading_clear(&one);
    }
}

static void backslashes_are_found(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "a,b\n1,\"x \\\"2\\\" y\"\n2,\"(\\\"foo\\\")\"\n",
         .expected = "a|b\n1|x \"2\" y\n2|(\"foo\")\n",
         .note = "a backslash in front of a quote takes it literally (escape)"},
        {.text = "a,b\n1,\"x\\\\\"\n2,\"say \\\"hi\\\", then\"\n",
         .expected = "a|b\n1|x\\\n2|say \"hi\", then\n",
         .note = "a backslash"},
        /* It may as well be a value's last character. */
        {.text = "a,b\n1,\"C:\\\"\n2,\"D:\\\"\n", .expected = "a|b\n1|C:\\\n2|D:\\\n"},
    };
    CHECK_CASES(cases);
}

static void nul_is_no_text(void **state) {
    (void)state;
    peal_error err;
    static const char text[] = "a,b\n1,x\n2,\0\n3,y\n";
    reading one = {0};
    assert_ok(reading_all(&one, text, sizeof text - 1, &err));
    assert_int_equal(one.rows, 2);
    assert_int_equal(one.bad_line, 3);
    assert_string_equal(one.bad_reason, "it holds a NUL, which no text does");
    reading_clear(&one);
}

static void text_in_another_encoding_is_read(void **state) {
    (void)state;
    static const dialect_case cases[] = {
        {.text = "na\xEFve,b\n\xE9,2\n",
         .expected = "na\xC3\xAFve|b\n\xC3\xA9|2\n",
         .options = "{\"encoding\": \"latin1\"}"},
        {.text = "a,b\n\xE9,2\n", .expected = "a|b\n\xC3\xA9|2\n", .options = "{\"encoding\": \"latin-1\"}"},
        {.text = "a,b\n\xE9,2\n", .expected = "a|b\n\xC3\xA9|2\n", .options = "{\"encoding\": \"ISO_8859_1\"}"},
        {.text = "a;b\r\x80;2\r", .expected = "a|b\n\xE2\x82\xAC|2\n", .options = "{\"encoding\": \"windows-1252\"}"},
    };
    CHECK_CASES(cases);
}

static void repeated_header_is_a_bad_row(void **state) {
    (void)state;
    peal_error err;
    static const char text[] = "a,b\n1,2\na,b\n3,4\n";
    reading one = {0};
    assert_ok(reading_all(&one, text, sizeof text - 1, &err));
    assert_int_equal(one.rows, 2);
    assert_int_equal(one.bad, 1);
    assert_int_equal(one.bad_line, 3);
    assert_string_equal(one.bad_reason, "the header is repeated (header no, if the first line is a row)");
    reading_clear(&one);
}

/* Files of one job may write the same columns in other ways and orders. */
static void inputs_have_their_own_dialects(void **state) {
    (void)state;
    static const char first[] = "a,b\n1,2\n";
    static const char *const others[] = {"b;a\n4;3\n", "\"b\"\t\"a\"\r4\t3\r", "# x\nmore,b,a\n0,4,3\n",
                                         "Title\n\nb|a\n4|3\n4|3\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        peal_error err;
        reading one = {0};
        assert_ok(reading_survey(&one, first, sizeof first - 1, &err));
        assert_ok(reading_read(&one, first, sizeof first - 1, &err));
        assert_ok(reading_read(&one, others[i], strlen(others[i]), &err));
        if (one.rows < 2) fail_msg("no row of: %s", others[i]);
        assert_string_equal(one.cells[1][0], "3");
        assert_string_equal(one.cells[1][1], "4");
        assert_int_equal(one.bad, 0);
        reading_clear(&one);
    }
}

/* Rows to predict have no label, and may have no header as those had that it was learnt from. */
static void label_may_be_absent(void **state) {
    (void)state;
    static const struct {
        const char *first, *other, *label;
    } cases[] = {
        {"1,2,x\n3,4,y\n", "5,6\n7,8\n", "c3"},
        {"1,x,2\n3,y,4\n", "5,6\n7,8\n", "c2"},
        {"a,b,y\n1,2,x\n", "b,a\n6,5\n8,7\n", "y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        reading one = {.label = cases[i].label};
        assert_ok(reading_survey(&one, cases[i].first, strlen(cases[i].first), &err));
        assert_ok(reading_read(&one, cases[i].other, strlen(cases[i].other), &err));
        const size_t label = peal_schema_find(&one.schema, cases[i].label, strlen(cases[i].label));
        assert_int_equal(one.rows, 2);
        assert_string_equal(one.cells[1][0], "7");
        assert_string_equal(one.cells[1][label], "");
        assert_string_equal(one.cells[1][label == 1 ? 2 : 1], "8");
        reading_clear(&one);
    }
}

static void inputs_that_do_not_fit_are_named(void **state) {
    (void)state;
    static const struct {
        const char *first, *other, *what;
    } cases[] = {
        {"a,b\n1,2\n", "a,c\n1,2\n", "t.csv: there is no column 'b' in its header, which has 'a', 'c'"},
        {"a,b\n1,2\n", "3,4\n", "(header no)"},
        {"1,2\n3,4\n", "1,2,3\n", "expected 2"},
        {"a,b\n1,2\n", "a,b,a\n1,2,3\n", "two columns are called 'a'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err = {0};
        reading one = {0};
        assert_ok(reading_survey(&one, cases[i].first, strlen(cases[i].first), &err));
        assert_int_equal(reading_read(&one, cases[i].other, strlen(cases[i].other), &err), PEAL_E_DATA);
        assert_has(err.message, cases[i].what);
        reading_clear(&one);
    }
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *options, *what;
    } cases[] = {
        {"{\"delimiter\": \"ab\"}", "delimiter"},
        {"{\"delimiter\": \"\\\"\"}", "the delimiter must not be the quote"},
        {"{\"decimal\": \",\", \"thousands\": \",\"}", "the decimal mark must not stand between thousands"},
        {"{\"headre\": \"yes\"}", "header"},
        {"{\"header\": \"perhaps\"}", "header"},
        {"{\"skip\": -1}", "skip"},
        {"{\"trim\": 5}", "trim"},
        {"{\"encoding\": \"no-such-encoding\"}", "there is no encoding 'no-such-encoding'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(cases[i].options, "a,b\n1,2\n", PEAL_E_USAGE, cases[i].what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delimiter_is_found),
        cmocka_unit_test(delimiter_is_given),
        cmocka_unit_test(sep_line_tells_the_delimiter),
        cmocka_unit_test(lines_in_front_are_passed_over),
        cmocka_unit_test(lines_are_counted_from_the_first_of_the_file),
        cmocka_unit_test(comments_are_left_out),
        cmocka_unit_test(line_ends_of_all_machines_are_read),
        cmocka_unit_test(blanks_around_fields_are_dropped),
        cmocka_unit_test(quotes_and_escapes_are_as_they_are_told),
        cmocka_unit_test(header_is_found),
        cmocka_unit_test(text_in_another_encoding_is_read),
        cmocka_unit_test(numbers_that_count_up_are_names),
        cmocka_unit_test(times_are_values),
        cmocka_unit_test(loose_quotes_swallow_no_rows),
        cmocka_unit_test(lines_of_text_are_one_column),
        cmocka_unit_test(lines_that_are_cut_unevenly_are_refused),
        cmocka_unit_test(cr_within_a_line_is_a_bad_row),
        cmocka_unit_test(backslashes_are_found),
        cmocka_unit_test(nul_is_no_text),
        cmocka_unit_test(repeated_header_is_a_bad_row),
        cmocka_unit_test(inputs_have_their_own_dialects),
        cmocka_unit_test(label_may_be_absent),
        cmocka_unit_test(inputs_that_do_not_fit_are_named),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
