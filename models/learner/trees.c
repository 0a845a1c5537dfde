/* Gradient boosting of trees (Friedman 2001, Ann. Statist. 29(5)), with second derivatives (Chen and Guestrin 2016,
 * KDD): the learner; see trees.h. */
#include "models/learner/dart.h"
#include "models/learner/sample.h"
#include "models/learner/warm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"

/* ---- what the user wants, and what is chosen ---- */

static peal_status check(const peal_train_options *options, const peal_model_spec *spec, peal_error *err) {
    const char *wrong = peal_steps_option(options);
    PEAL_TRY(models__goal_check(spec, err));
    if (spec->parameters[MODELS__LEAVES] == 1) return peal_fail(err, PEAL_E_USAGE, "trees: leaves must be 2 at least");
    PEAL_TRY(models__sample_check(spec, err));
    PEAL_TRY(models__dart_check(spec, err));
    if (options->sync) return peal_fail(err, PEAL_E_USAGE, "trees grow together; leave sync out");
    if (!wrong || strcmp(wrong, "patience") == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s is of learning by steps, not of trees", wrong);
}

/* Queries there must be, and each row's label must be one that has a gain. `rows` are the rows' numbers. */
static peal_status check_relevance(const models__trees *self, const double *labels, const uint32_t *rows,
                                   uint64_t count, const char *what, peal_error *err) {
    const peal_ranking *ranking = &self->goal.rule.ranking;
    for (uint64_t i = 0; i < count; i++) {
        if (peal_ranking_takes(ranking, labels[i])) continue;
        return peal_fail(err, PEAL_E_DATA,
                         "%srow %llu: the label is %g; the objective '%s' learns how relevant rows are, by whole "
                         "numbers from 0 to %zu%s",
                         what, (unsigned long long)rows[i] + 1, labels[i], self->goal.objective->name,
                         ranking->gain_count - 1, ranking->gain_count < PEAL_GAINS_USUAL ? " (label_gain)" : "");
    }
    return PEAL_OK;
}

static peal_status check_ranking(const models__trees *self, peal_error *err) {
    const peal_training *training = self->training;
    if (!models__goal_ranks(&self->goal)) return PEAL_OK;
    if (!training->queries) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the objective '%s' ranks the rows of queries: name the column that tells them (query)",
                         self->goal.objective->name);
    }
    const char *what = training->valid_rows == training->rows ? "" : "rows to validate on: ";
    PEAL_TRY(check_relevance(self, training->labels, training->list, training->row_count, "", err));
    return check_relevance(self, training->valid_labels, training->valid_list, training->valid_count, what, err);
}

/* The mean target or the classes' shares, by what the rows count; or all targets. */
typedef struct base_reading {
    models__trees *self;
    double *sums; /* [classes + 1] */
    double all;
    models__keys keys; /* [rows] if the base is a quantile of them */
    size_t count;
} base_reading;

static void note_mean(void *opaque, const peal_table *table, size_t row, uint64_t number) {
    models__trees *self = opaque;
    const peal_shape *shape = self->training->shape;
    const double label = peal_shape_label(shape, table, row);
    models__means_note(&self->means, &self->goal, table, row, number, models__goal_target(&self->goal, label),
                       peal_row_weight(&self->training->weighing, shape, table, row, label));
}

static void add_label(void *opaque, const peal_table *table, size_t row, uint64_t number) {
    base_reading *read = opaque;
    const models__goal *goal = &read->self->goal;
    const peal_training *training = read->self->training;
    const peal_shape *shape = training->shape;
    const double label = peal_shape_label(shape, table, row);
    const double weight = peal_row_weight(&training->weighing, shape, table, row, label);
    const double target = models__goal_target(goal, label);
    models__means_note(&read->self->means, goal, table, row, number, target, weight);
    read->sums[shape->classes ? (size_t)label : 0] += shape->classes ? weight : weight * target;
    read->all += weight;
    if (read->keys.keys) models__keys_set(&read->keys, read->count++, target, weight);
}

/* An offset is what all rows begin with. */
static void set_base(const models__trees *self, const base_reading *read) {
    const models__goal *goal = &self->goal;
    const models__span all = {0, read->count};
    if (goal->shape.has_offset) return;
    for (size_t k = 0; k < self->outputs; k++) {
        const size_t class = goal->shape.classes == 2 && self->outputs == 1 ? 1 : k;
        self->base[k] = goal->objective->base ? goal->objective->base(read->sums[class] / read->all)
                                              : models__quantile(&read->keys, &all, 1, goal->alpha);
        self->base[k] = models__dart_round(&self->dart, self->base[k]);
    }
}

static bool is_weighted(const models__trees *self) {
    return self->goal.shape.has_weight || self->training->weighing.classes;
}

static peal_status read_rows(models__trees *self, size_t bins, base_reading *read, models__sparse_sample *sample,
                             peal_error *err) {
    size_t sampled;
    const size_t rows = (size_t)self->training->row_count;
    PEAL_TRY(peal_alloc_checked(&self->base, self->outputs, sizeof(double), "classes", err));
    PEAL_TRY(peal_alloc_checked(&read->sums, self->goal.shape.classes + 1, sizeof(double), "classes", err));
    if (!self->goal.objective->base) {
        PEAL_TRY(peal_alloc_checked(&read->keys.keys, rows, sizeof(uint64_t), "labels", err));
        if (is_weighted(self)) {
            PEAL_TRY(peal_alloc_checked(&read->keys.weights, rows, sizeof(uint64_t), "labels", err));
        }
    }
    PEAL_TRY(models__bins_fit(&self->bins, NULL, self->training, bins, models__least_rows(self->min_rows), add_label,
                              read, sample, &sampled, err));
    set_base(self, read);
    PEAL_TRY(models__means_fit(&self->means, &self->bins, bins, false, err));
    return models__bundles_find(&self->places, self->training, &self->bins, sample, sampled,
                                self->training->spec->parameters[MODELS__BUNDLES] > 0, err);
}

/* Makes room for bins, and for the aspects of columns of many categories. */
static peal_status make_bins(models__trees *self, peal_error *err) {
    const peal_training *training = self->training;
    const peal_shape *shape = training->shape;
    const double *numbers = training->spec->parameters;
    double *above = &training->spec->parameters[MODELS__MEANS];
    if (training->init) {
        *above = models__warm_means(self);
    } else if (*above <= MODELS__MEANS_CHOSEN) {
        *above = models__means_choose(training->pipeline, shape, self->outputs, training->row_count,
                                      (size_t)numbers[MODELS__BINS]);
    }
    uint32_t *aspects;
    size_t count;
    PEAL_TRY(models__means_aspects(training->pipeline, shape, self->outputs, *above, &aspects, &count, err));
    peal_status status = models__bins_init(&self->bins, training->pipeline, shape, aspects, count, err);
    if (status == PEAL_OK) {
        status = models__means_init(&self->means, shape, aspects, count, self->outputs, training->options->seed, err);
    }
    free(aspects);
    return status;
}

/* Bins and base, in one reading of the rows; and where bins stand. */
static peal_status look_at_rows(models__trees *self, size_t bins, peal_error *err) {
    base_reading read = {.self = self};
    models__sparse_sample sample = {0};
    const peal_status status = read_rows(self, bins, &read, &sample, err);
    models__sparse_sample_clear(&sample);
    free(read.sums);
    free(read.keys.keys);
    free(read.keys.weights);
    return status;
}

/* What is missing tells trees something, but not once it has been filled in with what others have, too. */
static void say_imputed(const models__trees *self) {
    const peal_training *training = self->training;
    const peal_pipeline *pipeline = training->pipeline;
    size_t first = SIZE_MAX, last = 0, count = 0;
    char text[PEAL_COLUMNS_TEXT];
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (!peal_pipeline_hides_missing(pipeline, i)) continue;
        if (first == SIZE_MAX) first = i;
        last = i;
        count++;
    }
    if (count == 0) return;
    peal_report(training->options->reporter, PEAL_EVENT_NOTE,
                "%s: what is missing was filled in and cannot be told from numbers; trees use it as it is where it is "
                "filled in with the mean, or in a dataset made for them (transform bins)",
                peal_pipeline_columns_text(pipeline, first, last, count, text));
}

static peal_status make_constraints(models__trees *self, peal_error *err) {
    const peal_training *training = self->training;
    PEAL_TRY(models__constraints_new(training->pipeline, &self->bins, training->spec, &self->constraints, err));
    if (!self->constraints.directions || self->outputs == 1) return models__warm_check_trees(self, err);
    return peal_fail(err, PEAL_E_USAGE,
                     "trees: increasing and decreasing are of one score, and a label of %u classes has one for each",
                     training->shape->classes);
}

/* No more than there are rows for. */
static size_t leaves_of(const models__trees *self) {
    const size_t wanted = models__forest_leaves(self->training->spec);
    const uint64_t most = self->training->row_count / (self->min_rows ? self->min_rows : 1);
    return most < 2 ? 2 : most < wanted ? (size_t)most : wanted;
}

static peal_status make(models__trees *self, peal_error *err) {
    peal_training *training = self->training;
    peal_model_spec *spec = training->spec;
    const double *numbers = spec->parameters;
    if (!training->shape->features && !training->shape->code_columns && !training->shape->sparse) {
        return peal_fail(err, PEAL_E_USAGE, "there is nothing to learn from: every column but the label is dropped");
    }
    PEAL_TRY(models__goal_choose(spec, training->shape, &self->goal, err));
    PEAL_TRY(models__goal_check_labels(&self->goal, training->label_least, err));
    PEAL_TRY(check_ranking(self, err));
    self->outputs = self->goal.outputs;
    self->members = training->at_once;
    self->min_rows = (uint64_t)numbers[MODELS__MIN_ROWS];
    self->leaves = leaves_of(self);
    self->depth = numbers[MODELS__DEPTH] > 0 ? (uint32_t)numbers[MODELS__DEPTH] : 0;
    self->growth = spec->words[MODELS__GROWTH] == MODELS__BY_DEPTH ? MODELS__BY_DEPTH : MODELS__BY_LEAF;
    self->rate = numbers[MODELS__RATE];
    self->min_hessian = numbers[MODELS__MIN_HESSIAN];
    self->sampling = models__sample_choose(spec);
    self->dart = models__dart_choose(spec);
    self->columns_part = numbers[MODELS__COLUMNS];
    /* Of gradients in the label's own unit. */
    self->l2 = spec->l2 < 0 ? 0 : (double)spec->l2;
    self->l1 = spec->l1 / self->goal.unit;
    self->max_delta = numbers[MODELS__MAX_DELTA] / self->goal.unit;
    self->min_gain = numbers[MODELS__MIN_GAIN] / (self->goal.unit * self->goal.unit);
    if (training->options->epochs) spec->parameters[MODELS__ROUNDS] = (double)training->options->epochs;
    training->epochs = (size_t)spec->parameters[MODELS__ROUNDS];
    self->rounds = models__warm_rounds(self) + training->epochs;
    /* The model that is made has all trees, and room for those with the most leaves. */
    const size_t first_leaves = models__warm_leaves(self);
    spec->parameters[MODELS__ROUNDS] = (double)self->rounds;
    spec->parameters[MODELS__LEAVES] = (double)(first_leaves > self->leaves ? first_leaves : self->leaves);
    training->steps = 1;
    while (training->row_count >> self->row_bits) self->row_bits++;
    self->hessian_bits = 63 - 2 * self->row_bits;
    if (self->hessian_bits > MODELS__GRADIENT_BITS) self->hessian_bits = MODELS__GRADIENT_BITS;
    if (self->hessian_bits < 4) return peal_fail(err, PEAL_E_USAGE, "trees are grown over at most 2^29 rows");
    say_imputed(self);
    if (training->init) PEAL_TRY(models__warm_check(self, err));
    PEAL_TRY(make_bins(self, err));
    PEAL_TRY(training->init ? models__warm_begin(self, note_mean, self, err)
                            : look_at_rows(self, (size_t)numbers[MODELS__BINS], err));
    return make_constraints(self, err);
}

static peal_status begin(peal_training *training, void **out, peal_error *err) {
    models__trees *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a training");
    *out = self;
    self->training = training;
    return make(self, err);
}

static void end(void *opaque) {
    models__trees *self = opaque;
    if (!self) return;
    models__bins_clear(&self->bins);
    models__means_clear(&self->means);
    models__constraints_clear(&self->constraints);
    models__bundles_clear(&self->places);
    free(self->base);
    free(self);
}

static json_t *describe(const void *opaque) {
    const models__trees *self = opaque;
    return json_pack("{s:s, s:f, s:I}", "objective", self->goal.objective->name, "l2", self->l2, "rounds",
                     (json_int_t)self->training->epochs);
}

static const char *summary(const void *opaque, char text[160]) {
    const models__trees *self = opaque;
    const bool is_named = self->training->spec->words[MODELS__OBJECTIVE] != PEAL_MODEL_NO_WORD;
    const models__bundles *places = &self->places;
    int size = peal_snprintf(text, 160, "%s%s%zu rounds of trees, up to %zu leaves, rate %g; %zu features, %zu bins",
                             is_named ? self->goal.objective->name : "", is_named ? ", " : "", self->training->epochs,
                             self->leaves, self->rate, self->bins.features, places->bins_all);
    if (self->bins.sparse.count == 0 || size < 0 || size >= 160) return text;
    peal_snprintf(text + size, 160 - (size_t)size, "; of %zu sparse ones %zu in %zu bundles", self->bins.sparse.count,
                  self->bins.sparse.count - places->listed, places->columns - places->dense);
    return text;
}

static uint64_t worker_bytes(const void *opaque) {
    const models__trees *self = opaque;
    const uint64_t rows = self->training->row_count / self->members + 1;
    const uint64_t numbers = (2 + 3 * self->outputs) * sizeof(double);
    const size_t columns = self->places.columns, sparse = self->bins.sparse.count;
    uint64_t lists = 0;
    if (sparse) {
        lists = self->places.entries / self->members * (2 * sizeof(uint32_t) + 1) + rows * (sizeof(size_t) + 1) +
                self->leaves * (sparse / self->members + 1) * sizeof(uint32_t);
    }
    return rows * (models__row_stride(columns) + columns + numbers + models__sample_row_bytes(&self->sampling) +
                   2 * sizeof(uint32_t) + self->outputs * sizeof(uint16_t)) +
           lists;
}

/* ---- shared memory ---- */

static void lay_out_trees(models__trees *self, peal_layout *at) {
    const size_t trees = self->rounds * self->outputs;
    const size_t leaves = (size_t)self->training->spec->parameters[MODELS__LEAVES], nodes = leaves - 1;
    models__forest *forest = &self->forest;
    *forest = (models__forest){.outputs = self->outputs, .leaves = leaves, .base = self->base};
    forest->sizes = peal_layout_take(at, PEAL_OWNER_POOL, 0, "sizes", PEAL_TENSOR_UINT32, trees);
    forest->nodes = peal_layout_take(at, PEAL_OWNER_POOL, 0, "nodes", PEAL_TENSOR_UINT32, trees * nodes * 4);
    if (models__bins_have_categories(&self->bins)) {
        forest->sets =
            peal_layout_take(at, PEAL_OWNER_POOL, 0, "sets", PEAL_TENSOR_UINT32, trees * nodes * MODELS__SET_WORDS);
    }
    forest->values = peal_layout_take(at, PEAL_OWNER_POOL, 0, "values", PEAL_TENSOR_FLOAT64, trees * leaves);
    forest->gains = peal_layout_take(at, PEAL_OWNER_POOL, 0, "gains", PEAL_TENSOR_FLOAT64, trees * nodes);
    forest->leaf_covers = peal_layout_take(at, PEAL_OWNER_POOL, 0, "leaf_covers", PEAL_TENSOR_FLOAT64, trees * leaves);
    forest->leaf_rows = peal_layout_take(at, PEAL_OWNER_POOL, 0, "leaf_rows", PEAL_TENSOR_UINT32, trees * leaves);
}

static void lay_out(void *opaque, peal_layout *at) {
    models__trees *self = opaque;
    const peal_training *training = self->training;
    const size_t bins_all = self->places.bins_all, outputs = self->outputs;
    const size_t valid = (size_t)training->valid_count;
    for (size_t i = 0; i < 2; i++) {
        self->states[i] =
            peal_layout_take(at, PEAL_OWNER_STATE, i, "boosting", PEAL_TENSOR_FLOAT64, MODELS__STATE_NUMBERS);
        if (!self->dart.is_on) continue;
        self->weights[i] = peal_layout_take(at, PEAL_OWNER_STATE, i, "weights", PEAL_TENSOR_FLOAT64, self->rounds);
    }
    lay_out_trees(self, at);
    self->packed = peal_layout_scratch(at, self->members * bins_all, sizeof(models__packed));
    if (self->bins.sparse.count == 0) {
        self->narrow = peal_layout_scratch(at, self->members * bins_all, sizeof(uint64_t));
    }
    self->histograms = peal_layout_scratch(at, self->leaves * bins_all, sizeof(models__packed));
    self->bests = peal_layout_scratch(at, self->leaves * self->members, sizeof(models__best));
    self->exacts = peal_layout_scratch(at, self->members * self->leaves, sizeof(models__exact));
    models__sample_lay_out(self, at);
    self->told = peal_layout_scratch(at, self->members, sizeof(models__told));
    if (self->goal.objective->renews) {
        const size_t rows = (size_t)training->row_count;
        self->keys.keys = peal_layout_scratch(at, rows, sizeof(uint64_t));
        if (is_weighted(self) || self->sampling.by_gradients)
            self->keys.weights = peal_layout_scratch(at, rows, sizeof(uint64_t));
        self->spans = peal_layout_scratch(at, self->leaves * self->members, sizeof(models__span));
    }
    if (models__goal_ranks(&self->goal)) {
        self->query_scores = peal_layout_scratch(at, (size_t)training->row_count, sizeof(double));
        self->query_derivatives = peal_layout_scratch(at, (size_t)training->row_count, 2 * sizeof(double));
    }
    self->valid_matrix = peal_layout_scratch(at, valid, self->bins.dense);
    self->valid_sums = peal_layout_scratch(at, valid * outputs, sizeof(double));
    self->valid_held = peal_layout_scratch(at, (valid / PEAL_SCORE_CHUNK + 1) * self->rounds, sizeof(double));
    self->valid_known = peal_layout_scratch(at, valid / PEAL_SCORE_CHUNK + 1, 1);
}

static size_t rounds_of(const models__trees *self, int state) {
    return (size_t)self->states[state][MODELS__STATE_ROUNDS];
}

static bool needs(const void *opaque, int state, const void *data) {
    (void)data;
    return rounds_of(opaque, state) > 0;
}

static peal_status check_state(const void *opaque, int state, size_t partition, size_t step, peal_error *err) {
    (void)step;
    const models__trees *self = opaque;
    const double rounds = self->states[state][MODELS__STATE_ROUNDS];
    if (partition != SIZE_MAX) return PEAL_OK;
    const size_t first = models__warm_rounds(self);
    if (!(rounds >= (double)first && rounds <= (double)self->rounds && rounds == floor(rounds))) {
        return peal_fail(err, PEAL_E_DATA, "its 'boosting' makes no sense");
    }
    for (size_t r = 0; r < (size_t)rounds; r++) {
        const double weight = models__round_weight(self, state, r);
        if (!(weight > 0 && weight <= 1)) return peal_fail(err, PEAL_E_DATA, "its 'weights' make no sense");
    }
    const size_t trees = (size_t)rounds * self->outputs;
    for (size_t tree = 0; tree < trees; tree++) PEAL_TRY(models__forest_check(&self->forest, &self->bins, tree, err));
    return PEAL_OK;
}

static double loss(const void *opaque, int state) {
    const models__trees *self = opaque;
    return self->states[state][MODELS__STATE_LOSS];
}

/* A model has no weights: they are in its values. */
static void fold_weights(const models__trees *self, int state, models__forest_model *model, size_t trees) {
    for (size_t i = 0; i < trees * self->forest.leaves; i++) {
        const size_t round = i / self->forest.leaves / self->outputs;
        const double weight = models__round_weight(self, state, round);
        model->forest.values[i] = models__dart_value(self, weight, self->forest.values[i]);
    }
}

static void fill(const void *opaque, int state, void *model) {
    const models__trees *self = opaque;
    models__forest forest = self->forest;
    forest.trees = rounds_of(self, state) * self->outputs;
    models__forest_model_fill(model, &forest, &self->bins);
    if (self->dart.is_on) fold_weights(self, state, model, forest.trees);
}

/* ---- held-out rows ---- */

/* The chunk's sums begin: their rows as bins, no round held. */
static void begin_chunk(models__trees *self, uint64_t from, uint64_t to, double *held) {
    const peal_training *training = self->training;
    memset(held, 0, self->rounds * sizeof *held);
    for (uint64_t i = from; i < to; i++) {
        size_t row;
        const peal_table *table = peal_rows_find(training->valid_rows, training->valid_list[i], &row);
        double *sums = self->valid_sums + i * self->outputs;
        models__bins_dense_row(&self->bins, table, row, self->valid_matrix + i * self->bins.dense);
        models__forest_begin(&self->forest, &self->goal.shape, table, row, sums);
        for (size_t k = 0; k < self->outputs; k++) sums[k] = models__dart_round(&self->dart, sums[k]);
    }
}

/* Held-out rows from `from` on. */
typedef struct valid_part {
    const peal_training *training;
    uint64_t from;
} valid_part;

static peal_sparse_row valid_sparse(const void *user, size_t i) {
    const valid_part *part = user;
    const peal_training *training = part->training;
    size_t row;
    const peal_table *table = peal_rows_find(training->valid_rows, training->valid_list[part->from + i], &row);
    return models__sparse_row(training->shape, table, row);
}

/* The chunk's sums get the trees that they do not have yet, with the state's weights. If whoever did it last died
 * meanwhile, or they have trees that the state lacks, they begin anew. */
static void score_valid(void *opaque, int state, uint64_t from, uint64_t to, double *scores) {
    models__trees *self = opaque;
    const size_t outputs = self->outputs, rounds = rounds_of(self, state);
    const size_t chunk = (size_t)(from / PEAL_SCORE_CHUNK), width = peal_shape_scores(&self->goal.shape);
    double *held = self->valid_held + chunk * self->rounds, *sums = self->valid_sums + from * outputs;
    bool is_known = self->valid_known[chunk];
    for (size_t r = rounds; r < self->rounds; r++) is_known = is_known && held[r] == 0;
    self->valid_known[chunk] = 0;
    if (!is_known) begin_chunk(self, from, to, held);
    const valid_part part = {self->training, from};
    const models__seen_rows rows = {.count = (size_t)(to - from),
                                    .dense = self->valid_matrix + from * self->bins.dense,
                                    .stride = self->bins.dense,
                                    .sparse = valid_sparse,
                                    .user = &part};
    for (size_t r = 0; r < rounds; r++) {
        const double weight = models__round_weight(self, state, r);
        if (held[r] == weight) continue;
        models__change_scores(self, r, held[r], weight, &rows, NULL, sums);
        held[r] = weight;
    }
    for (uint64_t i = 0; i < to - from; i++) {
        self->goal.objective->predict(&self->goal, sums + i * outputs, scores + i * width);
    }
    self->valid_known[chunk] = 1;
}

static double valid_loss(const void *opaque, const double *scores, const double *labels, const double *weights,
                         uint64_t count) {
    const models__trees *self = opaque;
    return models__goal_loss(&self->goal, scores, labels, weights, count);
}

const peal_learner models__trees_learner = {
    .name = "trees",
    .documentation = "gradient boosting of trees over bins, grown by all workers together",
    .sync = "tree",
    .model_new = models__forest_model_new,
    .picks_sparse = true,
    .model_free = models__forest_model_free,
    .model_tensors = models__forest_model_tensors,
    .model_check = models__forest_model_check,
    .scratch_new = models__forest_model_scratch,
    .scratch_free = free,
    .score = models__forest_model_score,
    .ranking = models__forest_model_ranking,
    .is_constant = models__forest_is_constant,
    .views = models__forest_views,
    .importance = models__forest_importance,
    .tree = models__forest_tree,
    .judges_epochs = true,
    .has_no_end = true,
    .grows = true,
    .check = check,
    .begin = begin,
    .end = end,
    .describe = describe,
    .summary = summary,
    .worker_bytes = worker_bytes,
    .lay_out = lay_out,
    .take = models__warm_take,
    .together = models__trees_round,
    .score_valid = score_valid,
    .valid_loss = valid_loss,
    .loss = loss,
    .check_state = check_state,
    .needs = needs,
    .fill = fill,
};
