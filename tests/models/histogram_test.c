/* Histograms hold what their rows add up to, however many there are and whatever they add. */
#include "models/learner/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support.h"

enum { COLUMNS = 9, BINS = 256, MEMBERS = 2, ROWS_MOST = 9000, ROW_BITS = 20, LARGEST = 1 << 15 };

/* A training of two workers, with what histograms want of it. */
typedef struct fixture {
    models__trees trees;
    models__member members[MEMBERS];
    models__own_rows own[MEMBERS];
    models__told told[MEMBERS];
    uint32_t first[COLUMNS + 1];
    models__packed *slow;
} fixture;

static void fill_rows(models__own_rows *own, peal_philox *random) {
    own->stride = models__row_stride(COLUMNS);
    own->matrix = calloc(ROWS_MOST, own->stride);
    own->lists[0] = calloc(ROWS_MOST, sizeof(uint32_t));
    for (size_t i = 0; i < ROWS_MOST; i++) {
        const models__quantum quantum = {(int16_t)(peal_philox_below(random, 2) ? INT16_MIN : INT16_MAX),
                                         (uint16_t)(peal_philox_below(random, 4) ? LARGEST : 0)};
        uint8_t *bins = models__row_bins(own, i);
        memcpy(own->matrix + i * own->stride, &quantum, sizeof quantum);
        for (size_t f = 0; f < COLUMNS; f++) bins[f] = (uint8_t)peal_philox_below(random, f % 4 == 0 ? 1 : 1 << f % 9);
        own->lists[0][i] = (uint32_t)(ROWS_MOST - 1 - i);
    }
}

static void set_up(fixture *self) {
    peal_philox random = peal_philox_stream(3, PEAL_PURPOSE_USER, 0, 0, 0);
    const size_t bins = COLUMNS * BINS;
    *self = (fixture){.slow = calloc(bins, sizeof(models__packed))};
    for (size_t f = 0; f <= COLUMNS; f++) self->first[f] = (uint32_t)(f * BINS);
    self->trees = (models__trees){.members = MEMBERS,
                                  .row_bits = ROW_BITS,
                                  .told = self->told,
                                  .packed = calloc(MEMBERS * bins, sizeof(models__packed)),
                                  .narrow = calloc(MEMBERS * bins, sizeof(uint64_t))};
    self->trees.places =
        (models__bundles){.dense = COLUMNS, .columns = COLUMNS, .bins_all = bins, .column_first = self->first};
    for (size_t r = 0; r < MEMBERS; r++) {
        fill_rows(&self->own[r], &random);
        self->members[r] = (models__member){
            .self = &self->trees, .rank = r, .own = &self->own[r], .packed = self->trees.packed + r * bins};
    }
}

static void tear_down(fixture *self) {
    for (size_t r = 0; r < MEMBERS; r++) {
        free(self->own[r].matrix);
        free(self->own[r].lists[0]);
    }
    free(self->trees.packed);
    free(self->trees.narrow);
    free(self->slow);
}

static void add_slowly(const fixture *self, size_t rank, const models__leaf *leaf) {
    const models__own_rows *own = &self->own[rank];
    for (size_t i = leaf->first; i < leaf->first + leaf->count; i++) {
        const uint8_t *bins = models__row_bins(own, own->lists[0][i]);
        models__quantum quantum;
        memcpy(&quantum, bins - sizeof quantum, sizeof quantum);
        for (size_t f = 0; f < COLUMNS; f++) {
            self->slow[self->first[f] + bins[f]] +=
                (models__packed){quantum.gradient, ((int64_t)quantum.hessian << ROW_BITS) + 1};
        }
    }
}

/* A leaf's rows, in two lists, as those of a root come in many. */
static void add(const fixture *self, size_t rank, const models__leaf *leaf) {
    const models__member *m = &self->members[rank];
    const uint32_t *list = self->own[rank].lists[0] + leaf->first;
    models__histogram_begin(m);
    models__histogram_add(m, list, leaf->count / 3);
    models__histogram_add(m, list + leaf->count / 3, leaf->count - leaf->count / 3);
    models__histogram_end(m);
}

static void check(fixture *self, size_t rows, size_t other_rows) {
    const size_t bins = COLUMNS * BINS, counts[MEMBERS] = {rows, other_rows};
    models__packed *sums = malloc(bins * sizeof *sums);
    memset(self->slow, 0, bins * sizeof *self->slow);
    memset(sums, 0x55, bins * sizeof *sums); /* what stood there does not matter */
    for (size_t r = 0; r < MEMBERS; r++) {
        const models__leaf leaf = {.first = (ROWS_MOST - counts[r]) / 2, .count = counts[r]};
        add(self, r, &leaf);
        add_slowly(self, r, &leaf);
    }
    models__histogram_take(&self->members[0], 0, self->first[4], sums);
    models__histogram_take(&self->members[1], self->first[4], bins, sums + self->first[4]);
    assert_memory_equal(sums, self->slow, bins * sizeof *sums);
    free(sums);
}

static void sums_are_those_of_the_rows(void **state) {
    (void)state;
    fixture self;
    const size_t counts[] = {0, 1, 2, 127, 128, 129, 2046, 2047, 2048, 2049, 4094, 4095, 4096, ROWS_MOST};
    set_up(&self);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) check(&self, counts[i], counts[j]);
    }
    tear_down(&self);
}

static void what_was_left_does_not_matter(void **state) {
    (void)state;
    fixture self;
    set_up(&self);
    add(&self, 0, &(models__leaf){.count = 5000});
    add(&self, 1, &(models__leaf){.count = 50});
    check(&self, 300, 3000);
    tear_down(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_rows),
        cmocka_unit_test(what_was_left_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
