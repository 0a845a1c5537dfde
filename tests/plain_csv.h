/* A CSV file without quotes beside what was read from another format: each value must be the same. */
#ifndef PEAL_TESTS_PLAIN_CSV_H
#define PEAL_TESTS_PLAIN_CSV_H

#include "tests/read_table.h"

/* ---- a CSV without quotes, cell by cell ---- */

typedef struct plain_csv {
    peal_buffer bytes;
    char *cells[64 * 64]; /* row by row, the header first */
    size_t columns, rows;
} plain_csv;

static inline void csv_read(const char *name, plain_csv *out) {
    *out = (plain_csv){0};
    read_golden(name, &out->bytes);
    assert_int_equal(peal_buffer_append(&out->bytes, "", 1, NULL), PEAL_OK);
    char *at = (char *)out->bytes.data;
    size_t count = 0;
    while (*at) {
        char *end = at + strcspn(at, ",\n");
        if (*end == '\n' && out->columns == 0) out->columns = count + 1;
        out->rows += *end == '\n';
        out->cells[count++] = at;
        at = end + 1;
        *end = '\0';
    }
    out->rows--;
}

static inline const char *csv_cell(const plain_csv *csv, size_t row, size_t column) {
    return csv->cells[(row + 1) * csv->columns + column];
}

static inline size_t csv_find(const plain_csv *csv, const char *name) {
    for (size_t i = 0; i < csv->columns; i++) {
        if (strcmp(csv->cells[i], name) == 0) return i;
    }
    return SIZE_MAX;
}

/* ---- comparisons ---- */

static inline bool is_float(const char *name) {
    static const char *const names[] = {"f16", "f32", "f64", "f", "dur", "st.a", "f2", "f4", "f8", "c1", "c2", "c3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

static inline bool same_number(double value, const char *text) {
    return *text ? value == strtod(text, NULL) : isnan(value) != 0;
}

/* "1.5" is what "1.50" is in a column of floats; else texts are compared byte by byte, but for a fraction of zeros. */
static inline bool same_text(const char *name, const char *found, const char *expected) {
    if (strcmp(found, expected) == 0) return true;
    return is_float(name) && *found && *expected && strtof(found, NULL) == strtof(expected, NULL);
}

static inline void csv_compare(const read_table *table, const plain_csv *csv) {
    assert_int_equal(table->rows, csv->rows);
    assert_int_equal(table->bad, 0);
    size_t compared = 0;
    for (size_t i = 0; i < table->schema.count; i++) {
        const char *name = table->schema.fields[i].name;
        const size_t column = csv_find(csv, name);
        if (column == SIZE_MAX) continue;
        compared++;
        for (size_t row = 0; row < table->rows; row++) {
            const char *expected = csv_cell(csv, row, column);
            if (table->texts[i] && !same_text(name, table->texts[i][row], expected)) {
                fail_msg("%s, row %zu: '%s', expected '%s'", name, row, table->texts[i][row], expected);
            }
            if (table->numbers[i] && !same_number(table->numbers[i][row], expected)) {
                fail_msg("%s, row %zu: %.17g, expected '%s'", name, row, table->numbers[i][row], expected);
            }
        }
    }
    assert_int_equal(compared, csv->columns);
}

#endif
