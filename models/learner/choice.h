/* What a training is to be where the caller left it open: from the size and kind of the table, by the measurements in
 * this folder's README. Nothing here depends on the machine. */
#ifndef PEAL_MODELS_CHOICE_H
#define PEAL_MODELS_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/net/model.h"
#include "ops/optimizer/optimizer.h"

/* What is looked at. */
typedef struct models__table {
    uint64_t rows; /* to train on */
    bool bytes;    /* the features are bytes, as of images */
} models__table;

/* The name of the optimiser that suits table and model. */
const char *models__choose_optimizer(const models__table *table);
/* Its learning rate for this model, which will make `steps` steps in all: the fewer, the larger. */
double models__choose_lr(const models__table *table, const peal_model_spec *spec, const peal_optimizer *optimizer,
                         double steps);
/* Rows of one step of one partition. */
size_t models__choose_batch(const models__table *table);
/* P: no more than the rows can feed. */
size_t models__choose_partitions(const models__table *table);
/* Passes over the rows: enough steps to converge, whatever the number of rows. `steps` is how many steps a partition
 * makes in one pass. */
size_t models__choose_epochs(const models__table *table, const peal_model_spec *spec, size_t steps);
/* The next number of epochs for a net that was best at the last one of so many; 0: these are enough. */
size_t models__choose_longer(size_t epochs, size_t steps);
/* Epochs without a better validation loss after which the best one has been seen. */
size_t models__choose_patience(size_t epochs);
/* The weight of the L2 penalty. */
double models__choose_l2(const models__table *table);

#endif
