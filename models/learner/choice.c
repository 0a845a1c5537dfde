/* The numbers below were chosen by tools/bench/defaults.py and tools/bench/accuracy.py; the README of this folder has
 * the measurements. */
#include "models/learner/choice.h"

#include <math.h>

enum {
    BATCH = 64,
    PARTITIONS_USUAL = 4,
    PARTITION_ROWS = 8192, /* with fewer, the average of partitions is worse than one that sees all rows */
    IMAGE_EPOCHS = 10,
    LINEAR_STEPS = 2000,
    NET_STEPS = 2000,
    NET_STEPS_MOST = 8000, /* of a net that still gets better */
    EPOCHS_LEAST = 10,
};

const char *models__choose_optimizer(const models__table *table) {
    return table->bytes ? "sgd" : "adam";
}

double models__choose_lr(const models__table *table, const peal_model_spec *spec, const peal_optimizer *optimizer,
                         double steps) {
    const bool is_adam = optimizer == &peal_optimizer_adam || optimizer == &peal_optimizer_adamw;
    if (table->bytes || !is_adam) return (double)optimizer->default_lr;
    const bool net = spec->hidden_count > 0;
    const double usual = net ? 0.002 : 0.02, most = net ? 0.01 : 0.1;
    const double rate = usual * sqrt((net ? NET_STEPS : LINEAR_STEPS) / steps);
    return rate < usual ? usual : rate > most ? most : rate;
}

size_t models__choose_batch(const models__table *table) {
    (void)table;
    return BATCH;
}

size_t models__choose_partitions(const models__table *table) {
    const uint64_t fed = table->rows / PARTITION_ROWS;
    return fed < 1 ? 1 : fed > PARTITIONS_USUAL ? PARTITIONS_USUAL : (size_t)fed;
}

size_t models__choose_epochs(const models__table *table, const peal_model_spec *spec, size_t steps) {
    if (table->bytes) return IMAGE_EPOCHS;
    const size_t wanted = spec->hidden_count ? NET_STEPS : LINEAR_STEPS, epochs = (wanted + steps - 1) / steps;
    return epochs < EPOCHS_LEAST ? EPOCHS_LEAST : epochs;
}

size_t models__choose_longer(size_t epochs, size_t steps) {
    return epochs <= NET_STEPS_MOST / 2 / steps ? 2 * epochs : 0;
}

size_t models__choose_patience(size_t epochs) {
    return epochs / 4 < 5 ? 5 : epochs / 4;
}

double models__choose_l2(const models__table *table) {
    /* One unit of penalty beside the sum of all rows' losses: what C=1 and alpha=1 mean to scikit-learn's
     * LogisticRegression and Ridge, and a normal prior of variance 1 for each weight. */
    return table->bytes ? 0 : 1 / (double)table->rows;
}
