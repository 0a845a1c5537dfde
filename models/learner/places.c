/* Finds the values that occur in the rows of a training, and numbers them; see places.h. */
#include "models/learner/places.h"

#include <stdlib.h>

#include "core/base/memory.h"

enum { FEW_VALUES = 4096 };
static const uint32_t NOWHERE = UINT32_MAX;

static size_t all_values(const models__linear *linear) {
    return linear->code_values + (size_t)linear->shape.sparse;
}

/* What occurs is marked by 0. */
static void mark(void *user, const peal_table *table, size_t row, uint64_t number) {
    (void)number;
    const models__linear *linear = user;
    const peal_column *columns = &table->columns[linear->features > 0];
    size_t first = 0;
    for (uint32_t c = 0; c < linear->shape.code_columns; c++) {
        const int32_t code = peal_column_code(&columns[c], row);
        if (code >= 0) linear->places[first + (size_t)code] = 0;
        first += linear->shape.vocabularies[c];
    }
    if (!linear->shape.sparse) return;
    columns += linear->shape.code_columns;
    const peal_sparse_row entries = peal_shape_sparse(&columns[0], &columns[1], row);
    for (size_t e = 0; e < entries.count; e++) linear->places[first + entries.indices[e]] = 0;
}

/* Gives those that occur their numbers; how many they are. */
static size_t number(uint32_t *places, size_t from, size_t to, size_t next) {
    for (size_t id = from; id < to; id++) {
        if (places[id] != NOWHERE) places[id] = (uint32_t)next++;
    }
    return next;
}

peal_status models__places_find(models__linear *linear, const peal_training *training, peal_error *err) {
    const size_t all = all_values(linear);
    if (all <= FEW_VALUES || all >= NOWHERE) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&linear->places, all, sizeof *linear->places, "values that occur", err));
    for (size_t id = 0; id < all; id++) linear->places[id] = NOWHERE;
    PEAL_TRY(peal_training_read(training, training->options->stop, mark, linear, err));
    const size_t codes = number(linear->places, 0, linear->code_values, 0);
    const size_t count = number(linear->places, linear->code_values, all, codes);
    if (count > all / 2) {
        free(linear->places);
        linear->places = NULL;
        return PEAL_OK;
    }
    linear->sparse = linear->codes + codes * linear->outputs;
    linear->count = linear->codes + count * linear->outputs;
    return PEAL_OK;
}

void models__places_expand(const models__linear *linear, const double *parameters, const double *scales, double *out) {
    const size_t outputs = linear->outputs;
    const size_t dense = linear->places ? linear->codes : linear->count;
    for (size_t j = 0; j < dense; j++) out[j] = scales ? scales[j] * parameters[j] : parameters[j];
    if (!linear->places) return;
    for (size_t id = 0; id < all_values(linear); id++) {
        double *to = out + linear->codes + id * outputs;
        const size_t at = linear->codes + (size_t)linear->places[id] * outputs;
        for (size_t k = 0; k < outputs; k++) {
            to[k] = linear->places[id] == NOWHERE ? 0
                    : scales                      ? scales[at + k] * parameters[at + k]
                                                  : parameters[at + k];
        }
    }
}
