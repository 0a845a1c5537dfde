/* The tables of models and of ways to synchronise, and what all learners need; see learner.h. */
#include "models/learner/learner.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/spec.h"
#include "core/base/stop.h"

extern const peal_learner peal_learner_sgd, peal_learner_step, peal_learner_full;
extern const peal_model peal_model_linear, peal_model_logistic, peal_model_softmax, peal_model_svm, peal_model_poisson,
    peal_model_huber, peal_model_quantile, peal_model_mlp, peal_model_bayes, peal_model_trees;

const peal_model *const peal_models[] = {&peal_model_linear,
                                         &peal_model_logistic,
                                         &peal_model_softmax,
                                         &peal_model_svm,
                                         &peal_model_poisson,
                                         &peal_model_huber,
                                         &peal_model_quantile,
                                         &peal_model_mlp,
                                         &peal_model_bayes,
                                         &peal_model_trees,
                                         NULL};

const peal_sync peal_syncs[] = {
    {"epoch", "mini-batches, each partition on its own; what they change is averaged at each epoch's end",
     &peal_learner_sgd},
    {"N", "the same, averaged every N steps", &peal_learner_sgd},
    {"step", "mini-batches, all partitions together: gradients are summed at each step", &peal_learner_step},
    {"full",
     "exact gradients over all rows, for L-BFGS: of linear models, their default; tolerance=1e-6, memory=20, "
     "start=plain or adaptive (a pass of "
     "online learning comes first)",
     &peal_learner_full},
    {NULL, NULL, NULL},
};

const peal_learner *peal_learner_find(const char *name) {
    for (const peal_sync *sync = peal_syncs; sync->name; sync++) {
        if (strcmp(sync->learner->name, name) == 0) return sync->learner;
    }
    for (size_t i = 0; peal_models[i]; i++) {
        if (strcmp(peal_models[i]->learner->name, name) == 0) return peal_models[i]->learner;
    }
    return NULL;
}

const char *peal_steps_option(const peal_train_options *options) {
    return options->batch       ? "batch"
           : options->optimizer ? "optimizer"
           : options->lr > 0    ? "lr"
           : options->schedule  ? "schedule"
           : options->outer     ? "outer"
           : options->patience  ? "patience"
           : options->clip > 0  ? "clip"
           : options->augment   ? "augment"
                                : NULL;
}

peal_status peal_sync_choose(const peal_train_options *options, const peal_model_spec *spec, const peal_learner **out,
                             peal_error *err) {
    const char *names[8], *text = options->sync;
    size_t count = 0, chosen;
    peal_spec sync;
    char *end;
    *out = spec->kind->build && peal_steps_option(options) ? &peal_learner_sgd : spec->kind->learner;
    if (!text) return PEAL_OK;
    *out = &peal_learner_sgd;
    if (*text >= '0' && *text <= '9' && strtoul(text, &end, 10) > 0 && *end == '\0') return PEAL_OK;
    PEAL_TRY(peal_spec_parse("sync", text, &sync, err));
    for (; peal_syncs[count].name; count++) names[count] = peal_syncs[count].name;
    PEAL_TRY(peal_spec_choose("sync (a way, or a number of steps)", sync.name, names, count, &chosen, err));
    *out = peal_syncs[chosen].learner;
    if (strcmp(sync.name, "N") != 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "sync: N stands for a number of steps");
}

size_t peal_steps_of(const peal_training *training, size_t batch) {
    const uint64_t partitions = training->partitions, least = training->row_count / partitions;
    const size_t most = (size_t)((training->row_count + partitions - 1) / partitions);
    const size_t steps = (most + batch - 1) / batch;
    return least == 0 ? 1 : steps > least ? (size_t)least : steps;
}

typedef struct row_walk {
    const peal_training *training;
    const atomic_int *stop;
    peal_row_visit visit;
    void *user;
    uint64_t number, at; /* of the split; among those that are trained on */
} row_walk;

static peal_status walk_table(void *opaque, const peal_table *table, peal_error *err) {
    row_walk *self = opaque;
    const peal_training *training = self->training;
    if (peal_is_stopped(self->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
    for (size_t row = 0; row < table->rows; row++, self->number++) {
        if (self->at == training->row_count || training->list[self->at] != self->number) continue;
        self->visit(self->user, table, row, self->number);
        self->at++;
    }
    return PEAL_OK;
}

peal_status peal_training_read(const peal_training *training, const atomic_int *stop, peal_row_visit visit, void *user,
                               peal_error *err) {
    row_walk walk = {.training = training, .stop = stop, .visit = visit, .user = user};
    return peal_dataset_read(training->dataset, 1u << PEAL_SPLIT_TRAIN, walk_table, &walk, err);
}
