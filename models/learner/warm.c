/* Takes the trees of a model into a training; see warm.h. */
#include "models/learner/warm.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "models/learner/dart.h"

static const models__forest_model *init_of(const models__trees *self) {
    return self->training->init;
}

size_t models__warm_rounds(const models__trees *self) {
    const models__forest_model *init = init_of(self);
    return init ? init->forest.trees / init->forest.outputs : 0;
}

size_t models__warm_leaves(const models__trees *self) {
    return init_of(self) ? init_of(self)->forest.leaves : 0;
}

peal_status models__warm_check(const models__trees *self, peal_error *err) {
    const models__forest_model *init = init_of(self);
    const peal_train_options *options = self->training->options;
    const models__forest *forest = &init->forest;
    if (init->goal.objective != self->goal.objective || forest->outputs != self->outputs) {
        return peal_fail(err, PEAL_E_USAGE, "%s has learnt the objective '%s', and this training is to learn '%s'",
                         options->init, init->goal.objective->name, self->goal.objective->name);
    }
    if (!forest->gains || !forest->leaf_covers || !forest->leaf_rows) {
        return peal_fail(err, PEAL_E_USAGE, "%s does not tell how its trees came about: it cannot be gone on from",
                         options->init);
    }
    const uint32_t own = options->model ? self->training->spec->given : 0;
    if (own & (UINT32_C(1) << MODELS__BINS | UINT32_C(1) << MODELS__MEANS)) {
        return peal_fail(err, PEAL_E_USAGE, "trees: the bins are those of %s; leave %s out", options->init,
                         own & UINT32_C(1) << MODELS__BINS ? "bins" : "means");
    }
    return PEAL_OK;
}

double models__warm_means(const models__trees *self) {
    const models__forest_model *init = init_of(self);
    const peal_shape *shape = &init->shape;
    double least = 0;
    for (size_t i = 0; i < init->aspects; i++) {
        const double codes = shape->vocabularies[init->bins.code_column[shape->code_columns + i]];
        if (i == 0 || codes < least) least = codes;
    }
    return init->aspects ? least - 1 : MODELS__MEANS_NONE;
}

/* Of sparse features a model keeps the edges alone that its trees use: the others are found in the rows anew. So is
 * what their targets make of categories. */
static peal_status read_rows(models__trees *self, peal_row_visit note, void *user, peal_error *err) {
    const peal_training *training = self->training;
    const bool bundles = training->spec->parameters[MODELS__BUNDLES] > 0;
    models__sparse_sample sample = {0};
    size_t sampled;
    peal_status status = models__bins_fit(&self->bins, &init_of(self)->bins, training, MODELS__BINS_MOST,
                                          models__least_rows(self->min_rows), note, user, &sample, &sampled, err);
    if (status == PEAL_OK) {
        status = models__means_fit(&self->means, &self->bins, init_of(self)->bins_most, true, err);
    }
    if (status == PEAL_OK) {
        status = models__bundles_find(&self->places, training, &self->bins, &sample, sampled, bundles, err);
    }
    models__sparse_sample_clear(&sample);
    return status;
}

static peal_status take_bins(models__trees *self, peal_row_visit note, void *user, peal_error *err) {
    if (self->training->shape->sparse || self->means.columns) return read_rows(self, note, user, err);
    PEAL_TRY(models__bins_copy(&self->bins, &init_of(self)->bins, err));
    return models__bundles_find(&self->places, self->training, &self->bins, NULL, 0, false, err);
}

peal_status models__warm_begin(models__trees *self, peal_row_visit note, void *user, peal_error *err) {
    const models__forest_model *init = init_of(self);
    PEAL_TRY(take_bins(self, note, user, err));
    PEAL_TRY(peal_alloc_checked(&self->base, self->outputs, sizeof(double), "classes", err));
    for (size_t k = 0; k < self->outputs; k++) {
        self->base[k] = models__dart_round(&self->dart, init->forest.base[k]);
    }
    return PEAL_OK;
}

static bool all_are_kept(const models__trees *self, models__path *paths, double *room) {
    const models__forest *forest = &init_of(self)->forest;
    bool kept = true;
    for (size_t tree = 0; kept && tree < forest->trees; tree++) {
        kept = models__constraints_are_kept(&self->constraints, forest, tree, paths, room);
    }
    return kept;
}

peal_status models__warm_check_trees(const models__trees *self, peal_error *err) {
    const size_t leaves = models__warm_leaves(self);
    if (leaves == 0 || (!self->constraints.directions && !self->constraints.groups)) return PEAL_OK;
    models__path *paths = calloc(leaves, sizeof *paths);
    double *room = calloc(8 * leaves, sizeof *room);
    const bool has_room = paths && room, kept = has_room && all_are_kept(self, paths, room);
    free(paths);
    free(room);
    if (!has_room) return peal_fail(err, PEAL_E_MEMORY, "no memory for a tree");
    if (kept) return PEAL_OK;
    return peal_fail(
        err, PEAL_E_USAGE,
        "trees: %s has trees that do not keep to increasing, decreasing or interactions, nor would what is "
        "made of it: train it with them",
        self->training->options->init);
}

/* Rows of `width` things of `size` bytes, into rows with room for more. */
static void copy_rows(void *to, size_t to_width, const void *from, size_t width, size_t rows, size_t size) {
    for (size_t r = 0; r < rows; r++) {
        memcpy((char *)to + r * to_width * size, (const char *)from + r * width * size, width * size);
    }
}

/* The same split of a sparse feature, which has another place and perhaps more bins here. */
static void move_sparse_split(const models__bins *from, const models__bins *to, models__tree_node *node) {
    if (node->feature < from->dense) return;
    const size_t before = node->feature - from->dense;
    const float threshold = from->sparse.edges[from->sparse.first[before] + node->what - 1];
    const size_t k = models__index_place(to->sparse.indices, to->sparse.count, 0, from->sparse.indices[before]);
    node->feature = (uint32_t)(to->dense + k);
    node->what = models__sparse_bin(&to->sparse, k, threshold);
}

static void move_sparse_splits(const models__trees *self, const models__forest_model *init) {
    const models__forest *forest = &self->forest;
    for (size_t tree = 0; tree < init->forest.trees; tree++) {
        models__tree_node *nodes = forest->nodes + tree * (forest->leaves - 1);
        for (size_t i = 0; i < forest->sizes[tree]; i++) move_sparse_split(&init->bins, &self->bins, &nodes[i]);
    }
}

void models__warm_take(void *opaque, const void *model) {
    models__trees *self = opaque;
    const models__forest_model *init = model;
    const models__forest *from = &init->forest;
    models__forest *to = &self->forest;
    const size_t trees = from->trees, leaves = from->leaves, room = to->leaves, bytes = sizeof(uint32_t);
    memcpy(to->sizes, from->sizes, trees * sizeof *to->sizes);
    copy_rows(to->nodes, room - 1, from->nodes, leaves - 1, trees, sizeof *to->nodes);
    move_sparse_splits(self, init);
    if (to->sets) {
        copy_rows(to->sets, (room - 1) * MODELS__SET_WORDS, from->sets, (leaves - 1) * MODELS__SET_WORDS, trees, bytes);
    }
    copy_rows(to->values, room, from->values, leaves, trees, sizeof *to->values);
    copy_rows(to->gains, room - 1, from->gains, leaves - 1, trees, sizeof *to->gains);
    copy_rows(to->leaf_covers, room, from->leaf_covers, leaves, trees, sizeof *to->leaf_covers);
    copy_rows(to->leaf_rows, room, from->leaf_rows, leaves, trees, bytes);
    self->states[0][MODELS__STATE_ROUNDS] = (double)models__warm_rounds(self);
    for (size_t r = 0; self->weights[0] && r < models__warm_rounds(self); r++) self->weights[0][r] = 1;
}
