/* Each column alone is made to tell the label, on every second row of a sample, from the rows between; see leak.h. */
#include "models/train/leak.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/event.h"
#include "core/base/memory.h"

enum {
    ROWS_MOST = 20000,     /* of the sample */
    ROWS_LEAST = 50,       /* fewer may be chance */
    VALUES_MOST = 2000000, /* of the sample: columns by rows */
    RARE_LEAST = 10,       /* rows of other classes than the most frequent, to be told */
    TOLD_MOST = 3
};

typedef struct pair {
    double value, label;
} pair;

typedef struct sample {
    const models__trainer *trainer;
    size_t rows;
    const peal_table **tables; /* [rows] and where in them: */
    size_t *within;
    double *labels;
    pair *learn;      /* [rows] of one column */
    uint64_t *counts; /* [classes] */
    size_t learnt;
} sample;

static void sample_clear(sample *self) {
    free(self->tables);
    free(self->within);
    free(self->labels);
    free(self->learn);
    free(self->counts);
}

static bool sample_take(sample *self, size_t columns) {
    const models__trainer *trainer = self->trainer;
    size_t rows = VALUES_MOST / columns;
    if (rows < 4 * ROWS_LEAST) rows = 4 * ROWS_LEAST;
    if (rows > ROWS_MOST) rows = ROWS_MOST;
    if (rows > trainer->data.train_count) rows = (size_t)trainer->data.train_count;
    self->rows = rows;
    self->tables = calloc(rows, sizeof(peal_table *));
    self->within = calloc(rows, sizeof *self->within);
    self->labels = calloc(rows, sizeof *self->labels);
    self->learn = calloc(rows, sizeof *self->learn);
    self->counts = calloc((size_t)trainer->data.shape.classes + 1, sizeof *self->counts);
    if (!self->tables || !self->within || !self->labels || !self->learn || !self->counts) return false;
    for (size_t i = 0; i < rows; i++) {
        const uint32_t row = trainer->data.train_list[i * (size_t)trainer->data.train_count / rows];
        self->tables[i] = peal_rows_find(trainer->data.rows, row, &self->within[i]);
        self->labels[i] = peal_shape_label(&trainer->data.shape, self->tables[i], self->within[i]);
    }
    return true;
}

/* The value of feature, or behind the features of code column, `column` in row `i` of the sample. */
static double value_of(const sample *self, size_t column, size_t i) {
    const peal_shape *shape = &self->trainer->data.shape;
    const peal_table *table = self->tables[i];
    if (column < shape->features) {
        const float *features = table->columns[0].child->values;
        return (double)features[self->within[i] * shape->features + column];
    }
    const size_t at = (shape->features > 0) + column - shape->features;
    return peal_column_code(&table->columns[at], self->within[i]);
}

static int by_value(const void *a, const void *b) {
    const pair *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->label > q->label) - (p->label < q->label);
}

/* The most frequent label of pairs begin .. end - 1. */
static double most_frequent(sample *self, size_t begin, size_t end) {
    double best = self->learn[begin].label;
    uint64_t most = 0;
    for (size_t i = begin; i < end; i++) self->counts[(size_t)self->learn[i].label] = 0;
    for (size_t i = begin; i < end; i++) {
        const uint64_t count = ++self->counts[(size_t)self->learn[i].label];
        if (count > most) {
            most = count;
            best = self->learn[i].label;
        }
    }
    return best;
}

/* Every second row, in the order of the column; rows of one value become one pair, of their label. */
static void learn_classes(sample *self, size_t column) {
    size_t count = 0, groups = 0;
    for (size_t i = 0; i < self->rows; i += 2) {
        self->learn[count++] = (pair){value_of(self, column, i), self->labels[i]};
    }
    qsort(self->learn, count, sizeof *self->learn, by_value);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && self->learn[end].value == self->learn[begin].value;) end++;
        self->learn[groups++] = (pair){self->learn[begin].value, most_frequent(self, begin, end)};
    }
    self->learnt = groups;
}

/* The label of the nearest value that was learnt. */
static double nearest(const sample *self, double value) {
    size_t low = 0, high = self->learnt;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (self->learn[middle].value < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == self->learnt) return self->learn[low - 1].label;
    const bool before = low > 0 && value - self->learn[low - 1].value < self->learn[low].value - value;
    return self->learn[before ? low - 1 : low].label;
}

/* Whether the column tells the class of all but one row in a thousand, and of all but one in fifty of the rarer ones.
 */
static bool tells_class(sample *self, size_t column) {
    size_t tried = 0, wrong = 0, most = 0;
    learn_classes(self, column);
    for (size_t i = 1; i < self->rows; i += 2, tried++) {
        wrong += nearest(self, value_of(self, column, i)) != self->labels[i];
        if (wrong > self->rows / 2000 + 1) return false;
    }
    for (uint32_t class = 0; class < self->trainer->data.shape.classes; class ++) self->counts[class] = 0;
    for (size_t i = 1; i < self->rows; i += 2) {
        const uint64_t count = ++self->counts[(size_t)self->labels[i]];
        most = count > most ? (size_t)count : most;
    }
    const size_t rare = tried - most;
    return rare >= RARE_LEAST && wrong <= tried / 1000 && wrong <= rare / 50;
}

/* Whether the label is a straight line of the column. (A curve of it may be what is to be learnt.) */
static bool tells_number(const sample *self, size_t column) {
    const double count = (double)self->rows;
    double x_mean = 0, y_mean = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < self->rows; i++) {
        x_mean += value_of(self, column, i) / count;
        y_mean += self->labels[i] / count;
    }
    for (size_t i = 0; i < self->rows; i++) {
        const double x = value_of(self, column, i) - x_mean, y = self->labels[i] - y_mean;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 && xy * xy >= 0.99999 * xx * yy;
}

/* The column of the input that feature or code `column` was made of: what can be left out. */
static size_t input_of(const models__trainer *trainer, size_t column) {
    const peal_pipeline *pipeline = trainer->data.pipeline;
    const uint32_t features = trainer->data.shape.features;
    size_t left = column < features ? 0 : column - features;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *one = &pipeline->columns[i];
        if (column < features ? one->role == PEAL_ROLE_FEATURE && column - one->offset < one->width
                              : one->role == PEAL_ROLE_INDEX && left-- == 0) {
            return i;
        }
    }
    return 0;
}

static void tell(const models__trainer *trainer, const size_t told[TOLD_MOST], size_t count) {
    const peal_field *fields = trainer->data.pipeline->schema.fields;
    const char *name[TOLD_MOST] = {"", "", ""};
    char *all;
    for (size_t i = 0; i < TOLD_MOST && i < count; i++) name[i] = fields[told[i]].name;
    all = count == 1   ? peal_sprintf("the column '%s' alone tells", name[0])
          : count == 2 ? peal_sprintf("each of the columns '%s' and '%s' tells", name[0], name[1])
          : count == 3
              ? peal_sprintf("each of the columns '%s', '%s' and '%s' tells", name[0], name[1], name[2])
              : peal_sprintf("each of %zu columns ('%s', '%s', '%s'...) tells", count, name[0], name[1], name[2]);
    if (!all) return;
    peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                "%s the label: if it is known only after the label is, the model is worth nothing where it is needed; "
                "leave it out (drop)",
                all);
    free(all);
}

void models__warn_of_leaks(const models__trainer *trainer) {
    const peal_shape *shape = &trainer->data.shape;
    const size_t columns = shape->bytes ? 0 : (size_t)shape->features + shape->code_columns;
    size_t told[TOLD_MOST], count = 0, last = SIZE_MAX;
    const size_t others = columns + (shape->sparse > 0);
    if (columns == 0 || others < 2 || trainer->data.train_count < ROWS_LEAST) return;
    sample self = {.trainer = trainer};
    if (sample_take(&self, columns)) {
        for (size_t column = 0; column < columns; column++) {
            const bool tells = shape->classes             ? tells_class(&self, column)
                               : column < shape->features ? tells_number(&self, column)
                                                          : false;
            const size_t input = input_of(trainer, column);
            if (!tells || input == last) continue;
            if (count < TOLD_MOST) told[count] = input;
            count++;
            last = input;
        }
        if (count && count < others) tell(trainer, told, count);
    }
    sample_clear(&self);
}
