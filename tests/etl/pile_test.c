/* Piles: rows in any pieces are the same rows, of all kinds of columns. */
#include "etl/table/pile.h"

#include "tests/support.h"

enum { ROWS = 131, COLUMNS = 6 };

/* A table of all kinds of columns; what is in it follows from the row. */
typedef struct sample {
    uint8_t validity[(ROWS + 7) / 8], bits[(ROWS + 7) / 8], few[(ROWS + 7) / 8];
    double numbers[ROWS];
    int16_t codes[ROWS];
    float features[ROWS * 3];
    char bytes[ROWS * 4];
    int32_t text_offsets[ROWS + 1], list_offsets[ROWS + 1];
    uint32_t items[ROWS * 3];
    peal_column feature, item, columns[COLUMNS];
    peal_table table;
} sample;

static void set_bit(uint8_t *bits, size_t row, bool value) {
    bits[row / 8] |= (uint8_t)((unsigned)value << (row % 8));
}

static void fill(sample *self) {
    memset(self, 0, sizeof *self);
    for (size_t row = 0; row < ROWS; row++) {
        self->numbers[row] = (double)row / 3;
        self->codes[row] = (int16_t)(row * 7 % 50);
        for (size_t i = 0; i < 3; i++) self->features[row * 3 + i] = (float)(row * 10 + i);
        const int32_t length = (int32_t)(row % 4), at = self->text_offsets[row];
        for (int32_t i = 0; i < length; i++) self->bytes[at + i] = (char)('a' + (int)(row + (size_t)i) % 26);
        self->text_offsets[row + 1] = at + length;
        const int32_t count = (int32_t)(row * 5 % 3), first = self->list_offsets[row];
        for (int32_t i = 0; i < count; i++) self->items[first + i] = (uint32_t)row * 100 + (uint32_t)i;
        self->list_offsets[row + 1] = first + count;
        set_bit(self->validity, row, row % 5 != 0);
        set_bit(self->bits, row, row % 3 == 0);
        set_bit(self->few, row, row != 70);
    }
    self->feature =
        (peal_column){.name = "item", .type = PEAL_TYPE_FLOAT32, .length = 3 * ROWS, .values = self->features};
    self->item = (peal_column){.name = "item", .type = PEAL_TYPE_UINT32, .values = self->items};
    const peal_column columns[COLUMNS] = {
        {.name = "f", .type = PEAL_TYPE_FIXED_LIST, .width = 3, .child = &self->feature},
        {.name = "n", .type = PEAL_TYPE_FLOAT64, .values = self->numbers, .validity = self->few, .null_count = 1},
        {.name = "c", .type = PEAL_TYPE_DICTIONARY, .codes = PEAL_TYPE_INT16, .values = self->codes},
        {.name = "t",
         .type = PEAL_TYPE_UTF8,
         .values = self->bytes,
         .offsets = self->text_offsets,
         .validity = self->validity,
         .null_count = (ROWS + 4) / 5},
        {.name = "l", .type = PEAL_TYPE_LIST, .offsets = self->list_offsets, .child = &self->item},
        {.name = "b", .type = PEAL_TYPE_BOOL, .values = self->bits},
    };
    memcpy(self->columns, columns, sizeof columns);
    for (size_t i = 0; i < COLUMNS; i++) self->columns[i].length = ROWS;
    self->table = (peal_table){.rows = ROWS, .column_count = COLUMNS, .columns = self->columns};
}

static bool bit(const uint8_t *bits, size_t row) {
    return bits[row / 8] >> (row % 8) & 1;
}

/* Row `at` of the pile is row `row` of the sample. */
static void assert_row(const sample *self, const peal_table *pile, size_t at, size_t row) {
    const peal_column *c = pile->columns;
    const float *features = c[0].child->values;
    assert_memory_equal(features + 3 * at, self->features + 3 * row, 3 * sizeof(float));
    assert_true(((const double *)c[1].values)[at] == self->numbers[row]);
    assert_int_equal(peal_column_is_valid(&c[1], at), row != 70);
    assert_int_equal(((const int16_t *)c[2].values)[at], self->codes[row]);
    const int32_t length = self->text_offsets[row + 1] - self->text_offsets[row];
    assert_int_equal(c[3].offsets[at + 1] - c[3].offsets[at], length);
    assert_memory_equal((const char *)c[3].values + c[3].offsets[at], self->bytes + self->text_offsets[row],
                        (size_t)length);
    assert_int_equal(peal_column_is_valid(&c[3], at), row % 5 != 0);
    const int32_t count = self->list_offsets[row + 1] - self->list_offsets[row];
    assert_int_equal(c[4].offsets[at + 1] - c[4].offsets[at], count);
    assert_memory_equal((const uint32_t *)c[4].child->values + c[4].offsets[at], self->items + self->list_offsets[row],
                        (size_t)count * sizeof(uint32_t));
    assert_int_equal(bit(c[5].values, at), row % 3 == 0);
}

static size_t nulls_of(const sample *self, size_t column, size_t first, size_t count) {
    size_t nulls = 0;
    for (size_t row = first; row < first + count; row++) nulls += !peal_column_is_valid(&self->columns[column], row);
    return nulls;
}

static void pieces_of_any_size_become_the_same_rows(void **state) {
    (void)state;
    sample self;
    fill(&self);
    for (size_t step = 1; step <= ROWS; step = step * 2 + 1) {
        peal_pile *pile;
        peal_error err;
        assert_ok(peal_pile_new(&self.table, &pile, &err));
        for (int again = 0; again < 2; again++) {
            const size_t begin = again ? 3 : 0;
            for (size_t row = begin; row < ROWS; row += step) {
                assert_ok(peal_pile_add(pile, &self.table, row, row + step > ROWS ? ROWS - row : step, &err));
            }
            assert_int_equal(peal_pile_rows(pile), ROWS - begin);
            const peal_table *table = peal_pile_table(pile);
            assert_int_equal(table->rows, ROWS - begin);
            for (size_t i = 0; i < COLUMNS; i++) {
                assert_int_equal(table->columns[i].length, ROWS - begin);
                assert_int_equal(table->columns[i].null_count, nulls_of(&self, i, begin, ROWS - begin));
            }
            for (size_t row = begin; row < ROWS; row++) assert_row(&self, table, row - begin, row);
            peal_pile_forget(pile);
            assert_int_equal(peal_pile_rows(pile), 0);
        }
        peal_pile_free(pile);
    }
}

static void what_misses_nothing_has_no_bitmap(void **state) {
    (void)state;
    sample self;
    fill(&self);
    peal_pile *pile;
    peal_error err;
    assert_ok(peal_pile_new(&self.table, &pile, &err));
    assert_ok(peal_pile_add(pile, &self.table, 0, 70, &err));
    assert_null(peal_pile_table(pile)->columns[1].validity);
    assert_ok(peal_pile_add(pile, &self.table, 70, 2, &err));
    assert_non_null(peal_pile_table(pile)->columns[1].validity);
    assert_row(&self, peal_pile_table(pile), 70, 70);
    peal_pile_free(pile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_become_the_same_rows),
        cmocka_unit_test(what_misses_nothing_has_no_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
