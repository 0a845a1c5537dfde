/* Rows that are copies of one another. A table that was joined, resampled or written twice has each row more than once;
 * held-out rows whose copies are learnt from tell nothing, and what learns by heart looks best. So copies are held out
 * together. Where rows are equal by chance, for their columns have few values, they are rows of their own. */
#ifndef PEAL_MODELS_COPIES_H
#define PEAL_MODELS_COPIES_H

#include "core/base/memory.h"
#include "etl/pipeline/pipeline.h"

typedef struct models__copies {
    const peal_shape *shape; /* NULL: nothing is looked for */
    peal_buffer hashes;      /* uint64_t [rows] of what a row is learnt from */
    uint64_t *seen;          /* [features, words of a set] hashes of a feature's numbers, to count different ones by */
} models__copies;

/* For tables of this shape, if they are such that copies can be told. */
peal_status models__copies_begin(models__copies *copies, const peal_shape *shape, uint64_t rows, peal_error *err);
/* Takes the next rows. */
peal_status models__copies_note(models__copies *copies, const peal_table *table, peal_error *err);
/* Of the rows `list` [count], rising: the group of each, from 0 on in the order of their first ones, [count], freed by
 * the caller, and how many groups there are. *groups NULL: each is its own, for there are few copies or none. */
peal_status models__copies_group(const models__copies *copies, const uint32_t *list, uint64_t count, uint32_t **groups,
                                 uint64_t *group_count, peal_error *err);
void models__copies_clear(models__copies *copies);

#endif
