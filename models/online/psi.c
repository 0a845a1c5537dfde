/* Compares the present window's columns with the first ones'; see psi.h. */
#include "models/online/psi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/explog.h"
#include "core/base/memory.h"

enum {
    DECILES = 9,
    VALUES = 20,     /* of a text, that have bins of their own */
    OTHERS = VALUES, /* the bin of all others */
    MISSING = VALUES + 1,
    BINS = VALUES + 2,
    ROWS_MOST = 4096,     /* of a window that are looked at */
    SAMPLE_MOST = 1 << 22 /* numbers of all columns in the sample of the first windows */
};
static const double BOUND = 0.25;

/* What is known of a column, all of it float64. A hash has 64 bits, which stand in two numbers. */
typedef struct known {
    double edges[DECILES];    /* ascending; value v is in the bin of those below it */
    double hashes[VALUES][2]; /* of a text: upper and lower half */
    double values;            /* of a text, that have bins */
    double shares[BINS];      /* rows of the sample in each bin */
    double moved;             /* 1: beyond the bound in the window before */
} known;

typedef struct head {
    double windows; /* that are over */
    double rows;    /* of the sample of the first ones */
} head;

struct models__psi {
    const peal_pipeline *pipeline;
    size_t *columns; /* [count] of the schema */
    size_t count;
    size_t stride; /* every so many rows are looked at */
    size_t first_windows;
    double *state; /* head, known[count] */
    size_t state_count;
    /* of the first windows; gone behind them */
    uint64_t *sample; /* [count][sample_room] bits of numbers, or hashes; MISSING_BITS: missing */
    size_t sample_room;
    /* of the present window */
    double *bins;   /* [count][BINS] */
    double rows;    /* looked at */
    double *values; /* [count] PSI */
    bool *is_new;   /* [count] */
    int32_t *codes; /* [code_room] bins of a dictionary's codes */
    size_t code_room;
};

/* A NaN that no arithmetic makes, and no hash either (a hash that is the same counts as missing). */
static const uint64_t MISSING_BITS = UINT64_C(0x7ff8dead00000001);

static head *head_of(const models__psi *self) {
    return (head *)(void *)self->state;
}

static known *known_of(const models__psi *self, size_t column) {
    return (known *)(void *)(self->state + sizeof(head) / sizeof(double)) + column;
}

static bool is_text(const models__psi *self, size_t column) {
    return peal_types[self->pipeline->schema.fields[self->columns[column]].type].has_vocabulary;
}

/* Lists, bytes and long texts are not compared. */
static bool is_compared(const peal_pipeline *pipeline, size_t column) {
    const peal_column_role role = pipeline->columns[column].role;
    const peal_type_info *type = &peal_types[pipeline->schema.fields[column].type];
    const bool is_used = role == PEAL_ROLE_FEATURE || role == PEAL_ROLE_INDEX || role == PEAL_ROLE_SPARSE;
    return is_used && (type->has_vocabulary || (type->is_number && type->numbers));
}

static peal_status take_memory(models__psi *self, peal_error *err) {
    static const char what[] = "the comparison of columns";
    const size_t count = self->count;
    self->state_count = (sizeof(head) + count * sizeof(known)) / sizeof(double);
    PEAL_TRY(peal_zeroed_checked(&self->state, self->state_count, sizeof(double), what, err));
    PEAL_TRY(peal_alloc_checked(&self->sample, count * self->sample_room, sizeof *self->sample, what, err));
    PEAL_TRY(peal_zeroed_checked(&self->bins, count * BINS, sizeof(double), what, err));
    PEAL_TRY(peal_zeroed_checked(&self->values, count, sizeof(double), what, err));
    return peal_zeroed_checked(&self->is_new, count, sizeof *self->is_new, what, err);
}

peal_status models__psi_new(const peal_pipeline *pipeline, size_t rows, size_t windows, models__psi **out,
                            peal_error *err) {
    models__psi *self = calloc(1, sizeof *self);
    *out = self;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for the comparison of columns");
    self->pipeline = pipeline;
    self->first_windows = windows;
    PEAL_TRY(peal_alloc_checked(&self->columns, pipeline->schema.count, sizeof *self->columns, "columns", err));
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (is_compared(pipeline, i)) self->columns[self->count++] = i;
    }
    self->stride = (rows + ROWS_MOST - 1) / ROWS_MOST;
    const size_t looked_at = (rows + self->stride - 1) / self->stride, count = self->count ? self->count : 1;
    self->sample_room = looked_at * windows < SAMPLE_MOST / count ? looked_at * windows : SAMPLE_MOST / count;
    return take_memory(self, err);
}

void models__psi_free(models__psi *self) {
    if (!self) return;
    free(self->columns);
    free(self->state);
    free(self->sample);
    free(self->bins);
    free(self->values);
    free(self->is_new);
    free(self->codes);
    free(self);
}

/* ---- looking at rows ---- */

static bool is_sampling(const models__psi *self) {
    return head_of(self)->windows < (double)self->first_windows;
}

static uint64_t bits_of(double number) {
    return isfinite(number) ? peal_bits_of(number) : MISSING_BITS;
}

static uint64_t hash_of(const models__psi *self, const peal_dictionary *dictionary, uint32_t code) {
    const peal_text text = peal_dictionary_text(dictionary, code);
    if (peal_nulls_hold(&self->pipeline->nulls, text.data, text.length)) return MISSING_BITS;
    return peal_hash(text.data, text.length, 0);
}

static size_t bin_of_number(const known *column, double number) {
    if (isnan(number)) return MISSING;
    size_t bin = 0;
    while (bin < DECILES && column->edges[bin] < number) bin++;
    return bin;
}

static size_t bin_of_hash(const known *column, uint64_t hash) {
    const double upper = (double)(hash >> 32), lower = (double)(uint32_t)hash;
    if (hash == MISSING_BITS) return MISSING;
    for (size_t i = 0; i < (size_t)column->values; i++) {
        if (column->hashes[i][0] == upper && column->hashes[i][1] == lower) return i;
    }
    return OTHERS;
}

/* Puts a value into the sample or into the window's bins. */
static void note(models__psi *self, size_t column, size_t row, uint64_t bits) {
    if (!is_sampling(self)) {
        const known *one = known_of(self, column);
        const size_t bin = is_text(self, column) ? bin_of_hash(one, bits) : bin_of_number(one, peal_of_bits(bits));
        self->bins[column * BINS + bin]++;
    } else if ((size_t)head_of(self)->rows + row < self->sample_room) {
        self->sample[column * self->sample_room + (size_t)head_of(self)->rows + row] = bits;
    }
}

/* Of a text the bin is found once a distinct value of the block: most rows repeat one. */
static peal_status reserve_codes(models__psi *self, size_t size, peal_error *err) {
    if (self->code_room < size) {
        free(self->codes);
        self->codes = NULL;
        self->code_room = 0;
        PEAL_TRY(peal_alloc_checked(&self->codes, size, sizeof *self->codes, "the comparison of columns", err));
        self->code_room = size;
    }
    for (size_t i = 0; i < size; i++) self->codes[i] = -1;
    return PEAL_OK;
}

static peal_status observe_texts(models__psi *self, size_t column, const peal_column *raw, size_t first, size_t last,
                                 size_t row, peal_error *err) {
    const peal_dictionary *dictionary = raw->dictionary;
    PEAL_TRY(reserve_codes(self, dictionary->size, err));
    for (size_t i = first; i < last; i += self->stride, row++) {
        const int32_t code = peal_column_code(raw, i);
        if (code < 0 || is_sampling(self)) {
            note(self, column, row, code < 0 ? MISSING_BITS : hash_of(self, dictionary, (uint32_t)code));
            continue;
        }
        if (self->codes[code] < 0) {
            self->codes[code] = (int32_t)bin_of_hash(known_of(self, column), hash_of(self, dictionary, (uint32_t)code));
        }
        self->bins[column * BINS + (size_t)self->codes[code]]++;
    }
    return PEAL_OK;
}

static void observe_numbers(models__psi *self, size_t column, const peal_column *raw, size_t first, size_t last,
                            size_t row) {
    for (size_t i = first; i < last; i += self->stride, row++) {
        double number;
        peal_types[raw->type].numbers(raw, i, 1, &number);
        note(self, column, row, bits_of(number));
    }
}

peal_status models__psi_observe(models__psi *self, const peal_column *raw, size_t first, size_t count, size_t at,
                                peal_error *err) {
    const size_t skipped = (self->stride - at % self->stride) % self->stride; /* to a row that is looked at */
    if (skipped >= count) return PEAL_OK;
    const size_t from = first + skipped, row = (at + skipped) / self->stride, last = first + count;
    for (size_t i = 0; i < self->count; i++) {
        const peal_column *column = &raw[self->columns[i]];
        if (is_text(self, i)) {
            PEAL_TRY(observe_texts(self, i, column, from, last, row, err));
        } else {
            observe_numbers(self, i, column, from, last, row);
        }
    }
    self->rows = (double)(row + (last - from + self->stride - 1) / self->stride);
    return PEAL_OK;
}

/* ---- the bins ---- */

static int by_number(const void *a, const void *b) {
    const double p = peal_of_bits(*(const uint64_t *)a), q = peal_of_bits(*(const uint64_t *)b);
    return (p > q) - (p < q);
}

static int by_bits(const void *a, const void *b) {
    const uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;
    return (p > q) - (p < q);
}

/* Moves what is missing behind all else; returns how many are not. */
static size_t part_missing(uint64_t *sample, size_t rows) {
    size_t present = 0;
    for (size_t i = 0; i < rows; i++) {
        if (sample[i] == MISSING_BITS) continue;
        const uint64_t one = sample[i];
        sample[i] = sample[present];
        sample[present++] = one;
    }
    return present;
}

static void find_deciles(known *column, uint64_t *sample, size_t present) {
    qsort(sample, present, sizeof *sample, by_number);
    for (size_t i = 0; i < DECILES; i++) {
        column->edges[i] = present ? peal_of_bits(sample[(present - 1) * (i + 1) / (DECILES + 1)]) : 0;
    }
    for (size_t i = 0; i < present; i++) column->shares[bin_of_number(column, peal_of_bits(sample[i]))]++;
}

/* The most frequent values; of those that are as frequent, the one with the least hash. */
static void find_values(known *column, uint64_t *sample, size_t present) {
    size_t counts[VALUES] = {0};
    uint64_t hashes[VALUES] = {0};
    qsort(sample, present, sizeof *sample, by_bits);
    for (size_t i = 0, end; i < present; i = end) {
        for (end = i + 1; end < present && sample[end] == sample[i];) end++;
        size_t at = VALUES;
        while (at > 0 && counts[at - 1] < end - i) at--;
        if (at == VALUES) continue;
        memmove(counts + at + 1, counts + at, (VALUES - 1 - at) * sizeof *counts);
        memmove(hashes + at + 1, hashes + at, (VALUES - 1 - at) * sizeof *hashes);
        counts[at] = end - i;
        hashes[at] = sample[i];
    }
    for (size_t i = 0; i < VALUES && counts[i]; i++) {
        column->hashes[i][0] = (double)(hashes[i] >> 32);
        column->hashes[i][1] = (double)(uint32_t)hashes[i];
        column->values = (double)(i + 1);
    }
    for (size_t i = 0; i < present; i++) column->shares[bin_of_hash(column, sample[i])]++;
}

static void end_sample(models__psi *self) {
    const size_t rows = (size_t)head_of(self)->rows;
    for (size_t i = 0; i < self->count; i++) {
        uint64_t *sample = self->sample + i * self->sample_room;
        const size_t present = part_missing(sample, rows);
        known *column = known_of(self, i);
        if (is_text(self, i)) {
            find_values(column, sample, present);
        } else {
            find_deciles(column, sample, present);
        }
        column->shares[MISSING] = (double)(rows - present);
    }
}

/* ---- the index ---- */

static double index_of(const models__psi *self, size_t column, double *bound) {
    const double *then = known_of(self, column)->shares, *now = self->bins + column * BINS;
    const double rows_then = head_of(self)->rows, rows_now = self->rows;
    double sum = 0, bins = 0;
    for (size_t i = 0; i < BINS; i++) bins += then[i] > 0 || now[i] > 0;
    for (size_t i = 0; i < BINS; i++) {
        if (then[i] == 0 && now[i] == 0) continue;
        const double p = (then[i] + 0.5) / (rows_then + bins / 2), q = (now[i] + 0.5) / (rows_now + bins / 2);
        sum += (p - q) * log(p / q);
    }
    /* Where nothing has moved, PSI over the inverse rows is about chi-square of bins - 1 degrees: its mean and four
     * deviations. */
    const double freedom = bins > 1 ? bins - 1 : 1;
    *bound = BOUND + (freedom + 4 * sqrt(2 * freedom)) * (1 / rows_then + 1 / rows_now);
    return sum;
}

void models__psi_end_window(models__psi *self) {
    head *first = head_of(self);
    const bool was_sampling = is_sampling(self);
    first->windows++;
    if (was_sampling) {
        first->rows = fmin(first->rows + self->rows, (double)self->sample_room);
        if (!is_sampling(self)) end_sample(self);
    }
    for (size_t i = 0; i < self->count && !was_sampling && self->rows > 0; i++) {
        known *column = known_of(self, i);
        double bound;
        self->values[i] = index_of(self, i, &bound);
        const bool moved = self->values[i] > bound;
        self->is_new[i] = moved && column->moved == 0;
        column->moved = moved;
    }
    memset(self->bins, 0, self->count * BINS * sizeof *self->bins);
    self->rows = 0;
}

size_t models__psi_columns(const models__psi *self) {
    return self->count;
}

const char *models__psi_name(const models__psi *self, size_t column) {
    return self->pipeline->schema.fields[self->columns[column]].name;
}

double models__psi_value(const models__psi *self, size_t column) {
    return self->values[column];
}

bool models__psi_has_moved(const models__psi *self, size_t column, bool *is_new) {
    *is_new = self->is_new[column];
    return known_of(self, column)->moved != 0;
}

double *models__psi_state(models__psi *self, size_t *count) {
    *count = self->state_count;
    return self->state;
}

bool models__psi_is_whole(const models__psi *self) {
    const head *first = head_of(self);
    bool whole = first->windows >= 0 && first->rows >= 0 && first->rows <= (double)self->sample_room;
    for (size_t i = 0; whole && i < self->count; i++) {
        const known *one = known_of(self, i);
        whole = one->values >= 0 && one->values <= VALUES;
        for (size_t b = 0; whole && b < BINS; b++) whole = one->shares[b] >= 0;
    }
    return whole;
}
