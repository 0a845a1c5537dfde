/* Steps and means of tables, row by row; see tables.h. */
#include "models/learner/tables.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

enum { BATCH_FLOATS = 16384 }; /* four such arrays stay in the second cache */

/* A worker's own memory for rows that are stepped side by side. */
typedef struct models__row_batch {
    size_t room, count;                                           /* rows of the widest table */
    float *params, *gradients, *optimizer[PEAL_OPTIMIZER_STATES]; /* [room, width] */
    uint32_t *rows, *rests;                                       /* [room] */
} models__row_batch;

/* ---- memory ---- */

static size_t widest(const models__sgd *sgd) {
    size_t width = 1;
    for (size_t i = 0; i < sgd->table_count; i++) {
        if (sgd->tables[i]->width > width) width = sgd->tables[i]->width;
    }
    return width;
}

static peal_status new_batch(models__sgd *sgd, peal_error *err) {
    const size_t width = widest(sgd);
    models__row_batch *batch = calloc(1, sizeof *batch);
    if (!batch) return peal_fail(err, PEAL_E_MEMORY, "no memory for rows of tables");
    sgd->row_batch = batch;
    batch->room = width < BATCH_FLOATS ? BATCH_FLOATS / width : 1;
    const char *what = "rows of tables";
    PEAL_TRY(peal_alloc_checked(&batch->params, batch->room * width, sizeof(float), what, err));
    PEAL_TRY(peal_alloc_checked(&batch->gradients, batch->room * width, sizeof(float), what, err));
    for (size_t i = 0; i < sgd->optimizer->states; i++) {
        PEAL_TRY(peal_alloc_checked(&batch->optimizer[i], batch->room * width, sizeof(float), what, err));
    }
    PEAL_TRY(peal_alloc_checked(&batch->rows, batch->room, sizeof *batch->rows, what, err));
    return peal_alloc_checked(&batch->rests, batch->room, sizeof *batch->rests, what, err);
}

peal_status models__tables_new(models__sgd *sgd, peal_error *err) {
    const peal_graph *graph = sgd->net->graph;
    const size_t parameters = peal_graph_parameters(graph);
    if (sgd->table_rows == 0) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&sgd->tables, parameters, sizeof *sgd->tables, "tables", err));
    for (size_t i = 0; i < parameters; i++) {
        const peal_node *node = peal_graph_parameter_at(graph, i);
        if (node->is_table) sgd->tables[sgd->table_count++] = node;
    }
    PEAL_TRY(peal_alloc_checked(&sgd->touched, sgd->levels, sizeof *sgd->touched, "gradients", err));
    for (size_t i = 0; i < sgd->levels; i++) {
        peal_touched *touched = &sgd->touched[i];
        PEAL_TRY(peal_alloc_checked(&touched->rows, sgd->table_rows, sizeof *touched->rows, "gradients", err));
        PEAL_TRY(peal_alloc_checked(&touched->marks, sgd->table_rows, 1, "gradients", err));
    }
    return new_batch(sgd, err);
}

void models__tables_free(models__sgd *sgd) {
    for (size_t i = 0; sgd->touched && i < sgd->levels; i++) {
        free(sgd->touched[i].rows);
        free(sgd->touched[i].marks);
    }
    free(sgd->touched);
    free((void *)sgd->tables);
    models__row_batch *batch = sgd->row_batch;
    if (!batch) return;
    free(batch->params);
    free(batch->gradients);
    for (size_t i = 0; i < PEAL_OPTIMIZER_STATES; i++) free(batch->optimizer[i]);
    free(batch->rows);
    free(batch->rests);
    free(batch);
}

/* ---- rows ---- */

/* The rows of a table that have their first float in [begin, end). */
static void rows_within(const peal_node *table, size_t begin, size_t end, size_t *first, size_t *last) {
    const size_t bounds[2] = {begin, end};
    size_t *const out[2] = {first, last};
    for (int i = 0; i < 2; i++) {
        const size_t floats = bounds[i] > table->offset ? bounds[i] - table->offset : 0;
        const size_t rows = (floats + table->width - 1) / table->width;
        *out[i] = rows < table->rows ? rows : table->rows;
    }
}

/* Where row `row` of all tables lies; rows of others than `table` give SIZE_MAX. */
static size_t place_of(const peal_node *table, size_t row) {
    const size_t own = peal_table_row(table, row);
    return own == SIZE_MAX ? SIZE_MAX : table->offset + own * table->width;
}

/* Of memory for touched rows: [peal_touched, rows, marks], each at a cache line of its own. */
static size_t rows_at(void) {
    return peal_round_up(sizeof(peal_touched), PEAL_ALIGNMENT);
}

static size_t marks_at(const models__sgd *sgd) {
    return rows_at() + peal_round_up(sgd->table_rows * sizeof(uint32_t), PEAL_ALIGNMENT);
}

size_t models__touched_bytes(const models__sgd *sgd) {
    return sgd->table_rows ? marks_at(sgd) + sgd->table_rows : 0;
}

void models__tables_reset(const models__sgd *sgd, float *gradient, void *memory) {
    uint8_t *bytes = memory;
    peal_touched *touched = memory;
    *touched = (peal_touched){.rows = (uint32_t *)(bytes + rows_at()), .marks = bytes + marks_at(sgd)};
    memset(touched->marks, 0, sgd->table_rows);
    memset(gradient + sgd->dense, 0, (sgd->floats - sgd->dense) * sizeof *gradient);
}

void models__tables_add(const models__sgd *sgd, float *out, peal_touched *rows, const peal_touched *other_rows,
                        const peal_term halves[2]) {
    for (size_t r = 0; r < other_rows->count; r++) peal_touch(rows, other_rows->rows[r]);
    for (size_t i = 0; i < sgd->table_count; i++) {
        const peal_node *table = sgd->tables[i];
        for (size_t r = 0; r < rows->count; r++) {
            const size_t at = place_of(table, rows->rows[r]);
            if (at != SIZE_MAX) peal_sum_terms(out, halves, 2, at, at + table->width);
        }
    }
}

/* ---- a step ---- */

/* A row is often one float, for which a call costs more than the copy. */
static inline void copy_row(float *restrict to, const float *restrict from, size_t width) {
    if (width >= 16) {
        memcpy(to, from, width * sizeof *to);
    } else {
        for (size_t i = 0; i < width; i++) to[i] = from[i];
    }
}

/* The sum of the terms' rows at `at`. */
static void sum_row(float *out, const models__table_step *step, size_t at, size_t width) {
    if (step->term_count == 1) {
        const float *from = step->terms[0].values + at, weight = step->terms[0].weight;
        for (size_t i = 0; i < width; i++) out[i] = weight * from[i];
        return;
    }
    peal_term terms[PEAL_PARTITIONS_MOST];
    for (size_t t = 0; t < step->term_count; t++) {
        terms[t] = step->terms[t];
        terms[t].values += at;
    }
    peal_sum_terms(out, terms, step->term_count, 0, width);
}

/* Brings a row to where it is to be stepped: its values, its gradient, how long it has rested. */
static void gather(models__sgd *sgd, const models__state *state, const models__table_step *step, const peal_node *table,
                   size_t row, size_t at) {
    models__row_batch *batch = sgd->row_batch;
    const size_t width = table->width, to = batch->count * width;
    sum_row(batch->gradients + to, step, at, width);
    copy_row(batch->params + to, state->params + at, width);
    for (size_t i = 0; i < sgd->optimizer->states; i++) {
        copy_row(batch->optimizer[i] + to, state->optimizer[i] + at, width);
    }
    batch->rows[batch->count] = (uint32_t)row;
    batch->rests[batch->count++] = (uint32_t)step->step - state->clocks[row];
}

static void scatter(const models__sgd *sgd, models__state *state, const models__table_step *step,
                    const peal_node *table) {
    const models__row_batch *batch = sgd->row_batch;
    const size_t width = table->width;
    for (size_t r = 0; r < batch->count; r++) {
        const size_t row = batch->rows[r], at = place_of(table, row), from = r * width;
        copy_row(state->params + at, batch->params + from, width);
        if (step->published) copy_row(step->published + at, batch->params + from, width);
        for (size_t i = 0; i < sgd->optimizer->states; i++) {
            copy_row(state->optimizer[i] + at, batch->optimizer[i] + from, width);
        }
        state->clocks[row] = (uint32_t)step->step + 1;
        if (state->seen) state->seen[row]++;
    }
}

/* Steps the rows that were gathered and puts them back. */
static void step_batch(models__sgd *sgd, models__state *state, const models__table_step *step, const peal_node *table) {
    models__row_batch *batch = sgd->row_batch;
    const peal_optimizer *optimizer = sgd->optimizer;
    const float lr = models__learning_rate(sgd, step->before + step->step), penalty = table->penalty;
    const uint64_t t = step->before + step->step + 1;
    const size_t floats = batch->count * table->width;
    optimizer->rest(&sgd->optimizer_options, lr, t, penalty, batch->rests, true, batch->count, table->width,
                    batch->params, batch->optimizer);
    for (size_t i = 0; penalty > 0 && i < floats; i++) batch->gradients[i] += penalty * batch->params[i];
    optimizer->step(&sgd->optimizer_options, lr, t, batch->params, batch->gradients, batch->optimizer, floats);
    scatter(sgd, state, step, table);
    batch->count = 0;
}

/* Whether a gradient before `term` names the row, too: then it has had its step. */
static bool is_done(const models__table_step *step, size_t term, size_t row) {
    for (size_t t = 0; t < term; t++) {
        if (step->touched[t]->marks[row]) return true;
    }
    return false;
}

void models__tables_step(models__sgd *sgd, models__state *state, const models__table_step *step) {
    for (size_t i = 0; i < sgd->table_count; i++) {
        const peal_node *table = sgd->tables[i];
        for (size_t t = 0; t < step->term_count; t++) {
            const peal_touched *touched = step->touched[t];
            for (size_t r = 0; r < touched->count; r++) {
                const size_t row = touched->rows[r], at = place_of(table, row);
                if (at < step->begin || at >= step->end || is_done(step, t, row)) continue;
                gather(sgd, state, step, table, row, at);
                if (sgd->row_batch->count == sgd->row_batch->room) step_batch(sgd, state, step, table);
            }
        }
        if (sgd->row_batch->count) step_batch(sgd, state, step, table);
    }
}

/* ---- rounds ---- */

void models__tables_begin(const models__sgd *sgd, models__state *slot, size_t step) {
    for (size_t row = 0; row < sgd->table_rows; row++) slot->clocks[row] = (uint32_t)step;
    if (sgd->table_rows) memset(slot->seen, 0, sgd->table_rows * sizeof *slot->seen);
}

/* Rows [first, last) of a table rest, each as long as batch->rests says, from its row 0 on. */
static void rest_rows(const models__sgd *sgd, models__state *state, uint64_t before, size_t step,
                      const peal_node *table, size_t first, size_t last) {
    const size_t at = table->offset + first * table->width;
    float *states[PEAL_OPTIMIZER_STATES] = {0};
    for (size_t i = 0; i < sgd->optimizer->states; i++) states[i] = state->optimizer[i] + at;
    sgd->optimizer->rest(&sgd->optimizer_options, models__learning_rate(sgd, before + step - 1), before + step,
                         table->penalty, sgd->row_batch->rests, false, last - first, table->width, state->params + at,
                         states);
}

/* A round that ends: of which rows it makes what. */
typedef struct round_end {
    const models__sgd *sgd;
    const models__state *old; /* the round began with it; for combining */
    models__state *state;     /* that is made */
    uint64_t before;
    size_t first, step;
} round_end;

/* Does its part to a row and returns for how many steps it then rests. */
typedef uint32_t (*end_row)(const round_end *self, const peal_node *table, size_t own);

/* All rows of [begin, end), as many side by side as there is room for. */
static void end_rows(const round_end *self, size_t begin, size_t end, end_row end_one) {
    const models__row_batch *batch = self->sgd->row_batch;
    for (size_t i = 0; i < self->sgd->table_count; i++) {
        const peal_node *table = self->sgd->tables[i];
        size_t at, last;
        rows_within(table, begin, end, &at, &last);
        while (at < last) {
            const size_t stop = last - at < batch->room ? last : at + batch->room;
            for (size_t own = at; own < stop; own++) batch->rests[own - at] = end_one(self, table, own);
            rest_rows(self->sgd, self->state, self->before, self->step, table, at, stop);
            at = stop;
        }
    }
}

static uint32_t settle_row(const round_end *self, const peal_node *table, size_t own) {
    const size_t row = table->first_row + own;
    const models__state *state = self->state;
    const bool rests = !state->seen || state->seen[row];
    const uint32_t clock = state->clocks[row];
    state->clocks[row] = 0; /* the epoch is over, or the slot is whole */
    return rests ? (uint32_t)self->step - clock : 0;
}

void models__tables_settle(const models__sgd *sgd, models__state *state, uint64_t before, size_t step, size_t begin,
                           size_t end) {
    const round_end self = {.sgd = sgd, .state = state, .before = before, .step = step};
    if (sgd->table_rows) end_rows(&self, begin, end, settle_row);
}

/* Returns how many partitions have seen the row. */
static size_t weigh_row(const models__sgd *sgd, size_t row, float *weights) {
    uint64_t total = 0;
    size_t seers = 0;
    for (size_t p = 0; p < sgd->partitions; p++) {
        total += sgd->slots[p].seen[row];
        seers += sgd->slots[p].seen[row] > 0;
    }
    for (size_t p = 0; total && p < sgd->partitions; p++) {
        weights[p] = (float)((double)sgd->slots[p].seen[row] / (double)total);
    }
    return seers;
}

/* The mean of one row of all slots, of one vector of theirs: `slots` is the first one's. If no partition has seen the
 * row, it is the old one. */
static void combine_vector(const models__sgd *sgd, float *out, const float *old, const float *slots,
                           const float *weights, bool is_seen, size_t width) {
    const models__state *all = sgd->slots;
    const size_t stride = sgd->partitions > 1 ? (size_t)(all[1].params - all[0].params) : 0;
    if (!is_seen) {
        copy_row(out, old, width);
        return;
    }
    for (size_t i = 0; i < width; i++) out[i] = 0;
    for (size_t p = 0; p < sgd->partitions; p++) {
        const float *from = slots + p * stride, weight = weights[p];
        for (size_t i = 0; weight > 0 && i < width; i++) out[i] += weight * from[i];
    }
}

static uint32_t combine_row(const round_end *self, const peal_node *table, size_t own) {
    const models__sgd *sgd = self->sgd;
    const models__state *old = self->old, *next = self->state, *slots = sgd->slots;
    const size_t at = table->offset + own * table->width, width = table->width, count = sgd->partitions;
    float weights[PEAL_PARTITIONS_MOST];
    const size_t seers = weigh_row(sgd, table->first_row + own, weights);
    combine_vector(sgd, next->params + at, old->params + at, slots[0].params + at, weights, seers > 0, width);
    for (size_t i = 0; i < sgd->optimizer->states; i++) {
        combine_vector(sgd, next->optimizer[i] + at, old->optimizer[i] + at, slots[0].optimizer[i] + at, weights,
                       seers > 0, width);
    }
    /* Those that have not seen it have rested. */
    return (uint32_t)((self->step - self->first) * (count - seers) / (seers ? seers : count));
}

void models__tables_combine(const models__sgd *sgd, const models__state *old, models__state *next, uint64_t before,
                            size_t first, size_t step, size_t begin, size_t end) {
    const round_end self = {.sgd = sgd, .old = old, .state = next, .before = before, .first = first, .step = step};
    if (sgd->table_rows) end_rows(&self, begin, end, combine_row);
}
