/* Gradient boosting of trees (Friedman 2001, Ann. Statist. 29(5)), with second derivatives (Chen and Guestrin 2016,
 * KDD): the learner; see trees.h. */
#include "models/learner/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"

/* ---- what the user wants, and what is chosen ---- */

static peal_status check(const peal_train_options *options, const peal_model_spec *spec, peal_error *err) {
    const char *wrong = peal_steps_option(options);
    PEAL_TRY(models__goal_check(spec, err));
    if (options->sync) return peal_fail(err, PEAL_E_USAGE, "trees grow together; leave sync out");
    if (options->init) return peal_fail(err, PEAL_E_USAGE, "trees cannot go on from a model yet; leave init out");
    if (!wrong || strcmp(wrong, "patience") == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s is of learning by steps, not of trees", wrong);
}

/* The mean target or the classes' shares, by what the rows count; or all targets. */
typedef struct base_reading {
    const models__trees *self;
    double *sums; /* [classes + 1] */
    double all;
    models__keys keys; /* [rows] if the base is a quantile of them */
    size_t count;
} base_reading;

static void add_label(void *opaque, const peal_table *table, size_t row, uint64_t number) {
    (void)number;
    base_reading *read = opaque;
    const models__goal *goal = &read->self->goal;
    const peal_training *training = read->self->training;
    const peal_shape *shape = training->shape;
    const double label = peal_shape_label(shape, table, row);
    const double weight = peal_row_weight(&training->weighing, shape, table, row, label);
    read->sums[shape->classes ? (size_t)label : 0] +=
        shape->classes ? weight : weight * models__goal_target(goal, label);
    read->all += weight;
    if (read->keys.keys) models__keys_set(&read->keys, read->count++, models__goal_target(goal, label), weight);
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
    PEAL_TRY(
        models__bins_fit(&self->bins, self->training, bins, self->min_rows, add_label, read, sample, &sampled, err));
    set_base(self, read);
    return models__bundles_find(&self->places, self->training, &self->bins, sample, sampled,
                                self->training->spec->parameters[MODELS__BUNDLES] > 0, err);
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

static peal_status make(models__trees *self, peal_error *err) {
    peal_training *training = self->training;
    peal_model_spec *spec = training->spec;
    const double *numbers = spec->parameters;
    if (!training->shape->features && !training->shape->code_columns && !training->shape->sparse) {
        return peal_fail(err, PEAL_E_USAGE, "there is nothing to learn from: every column but the label is dropped");
    }
    PEAL_TRY(models__goal_choose(spec, training->shape, &self->goal, err));
    PEAL_TRY(models__goal_check_labels(&self->goal, training->label_least, err));
    self->outputs = self->goal.outputs;
    self->members = training->at_once;
    self->leaves = (size_t)numbers[MODELS__LEAVES];
    self->nodes = self->leaves - 1;
    self->depth = (uint32_t)numbers[MODELS__DEPTH];
    self->rate = numbers[MODELS__RATE];
    self->min_rows = (uint64_t)numbers[MODELS__MIN_ROWS];
    self->min_hessian = numbers[MODELS__MIN_HESSIAN];
    self->rows_part = numbers[MODELS__ROWS];
    self->columns_part = numbers[MODELS__COLUMNS];
    /* Of gradients in the label's own unit. */
    self->l2 = spec->l2 < 0 ? 0 : (double)spec->l2;
    self->l1 = spec->l1 / self->goal.unit;
    self->max_delta = numbers[MODELS__MAX_DELTA] / self->goal.unit;
    self->min_gain = numbers[MODELS__MIN_GAIN] / (self->goal.unit * self->goal.unit);
    if (training->options->epochs) spec->parameters[MODELS__ROUNDS] = (double)training->options->epochs;
    training->epochs = (size_t)spec->parameters[MODELS__ROUNDS];
    training->steps = 1;
    while (training->row_count >> self->row_bits) self->row_bits++;
    self->hessian_bits = 63 - 2 * self->row_bits;
    if (self->hessian_bits > MODELS__GRADIENT_BITS) self->hessian_bits = MODELS__GRADIENT_BITS;
    if (self->hessian_bits < 4) return peal_fail(err, PEAL_E_USAGE, "trees are grown over at most 2^29 rows");
    say_imputed(self);
    return look_at_rows(self, (size_t)numbers[MODELS__BINS], err);
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
    return rows * (models__row_stride(columns) + columns + numbers + (2 + self->outputs) * sizeof(uint32_t)) + lists;
}

/* ---- shared memory ---- */

static void lay_out_trees(models__trees *self, peal_layout *at) {
    const size_t trees = self->training->epochs * self->outputs;
    models__forest *forest = &self->forest;
    *forest = (models__forest){.outputs = self->outputs, .leaves = self->leaves, .base = self->base};
    forest->sizes = peal_layout_take(at, PEAL_OWNER_POOL, 0, "sizes", PEAL_TENSOR_UINT32, trees);
    forest->nodes = peal_layout_take(at, PEAL_OWNER_POOL, 0, "nodes", PEAL_TENSOR_UINT32, trees * self->nodes * 4);
    if (models__bins_have_categories(&self->bins)) {
        forest->sets = peal_layout_take(at, PEAL_OWNER_POOL, 0, "sets", PEAL_TENSOR_UINT32,
                                        trees * self->nodes * MODELS__SET_WORDS);
    }
    forest->values = peal_layout_take(at, PEAL_OWNER_POOL, 0, "values", PEAL_TENSOR_FLOAT64, trees * self->leaves);
    forest->gains = peal_layout_take(at, PEAL_OWNER_POOL, 0, "gains", PEAL_TENSOR_FLOAT64, trees * self->nodes);
    forest->leaf_covers =
        peal_layout_take(at, PEAL_OWNER_POOL, 0, "leaf_covers", PEAL_TENSOR_FLOAT64, trees * self->leaves);
    forest->leaf_rows = peal_layout_take(at, PEAL_OWNER_POOL, 0, "leaf_rows", PEAL_TENSOR_UINT32, trees * self->leaves);
}

static void lay_out(void *opaque, peal_layout *at) {
    models__trees *self = opaque;
    const peal_training *training = self->training;
    const size_t bins_all = self->places.bins_all, outputs = self->outputs;
    const size_t valid = (size_t)training->valid_count;
    for (size_t i = 0; i < 2; i++) {
        self->states[i] =
            peal_layout_take(at, PEAL_OWNER_STATE, i, "boosting", PEAL_TENSOR_FLOAT64, MODELS__STATE_NUMBERS);
    }
    lay_out_trees(self, at);
    self->packed = peal_layout_scratch(at, self->members * bins_all, sizeof(models__packed));
    self->histograms = peal_layout_scratch(at, self->leaves * bins_all, sizeof(models__packed));
    self->bests = peal_layout_scratch(at, self->leaves * self->members, sizeof(models__best));
    self->exacts = peal_layout_scratch(at, self->members * self->leaves, sizeof(models__exact));
    self->told = peal_layout_scratch(at, self->members, sizeof(models__told));
    if (self->goal.objective->renews) {
        const size_t rows = (size_t)training->row_count;
        self->keys.keys = peal_layout_scratch(at, rows, sizeof(uint64_t));
        if (is_weighted(self)) self->keys.weights = peal_layout_scratch(at, rows, sizeof(uint64_t));
        self->spans = peal_layout_scratch(at, self->leaves * self->members, sizeof(models__span));
    }
    self->valid_matrix = peal_layout_scratch(at, valid, self->bins.dense);
    self->valid_sums = peal_layout_scratch(at, valid * outputs, sizeof(double));
    self->valid_applied = peal_layout_scratch(at, valid / PEAL_SCORE_CHUNK + 1, sizeof(uint64_t));
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
    if (!(rounds >= 0 && rounds <= (double)self->training->epochs && rounds == floor(rounds))) {
        return peal_fail(err, PEAL_E_DATA, "its 'boosting' makes no sense");
    }
    const size_t trees = (size_t)rounds * self->outputs;
    for (size_t tree = 0; tree < trees; tree++) PEAL_TRY(models__forest_check(&self->forest, &self->bins, tree, err));
    return PEAL_OK;
}

static double loss(const void *opaque, int state) {
    const models__trees *self = opaque;
    return self->states[state][MODELS__STATE_LOSS];
}

static void fill(const void *opaque, int state, void *model) {
    const models__trees *self = opaque;
    models__forest forest = self->forest;
    forest.trees = rounds_of(self, state) * self->outputs;
    models__forest_model_fill(model, &forest, &self->bins);
}

/* ---- held-out rows ---- */

/* The chunk's sums get the trees that they do not have yet. If whoever did it last died meanwhile, all of them again.
 */
static void score_valid(void *opaque, int state, uint64_t from, uint64_t to, double *scores) {
    models__trees *self = opaque;
    const peal_training *training = self->training;
    const peal_shape *shape = &self->goal.shape;
    const size_t outputs = self->outputs, dense = self->bins.dense, width = peal_shape_scores(shape);
    uint64_t *applied = &self->valid_applied[from / PEAL_SCORE_CHUNK];
    const size_t trees = rounds_of(self, state) * outputs;
    const bool is_known = *applied > 0 && *applied - 1 <= trees;
    const size_t first = is_known ? (size_t)(*applied - 1) : 0;
    *applied = 0;
    for (uint64_t i = from; i < to; i++) {
        uint8_t *bins = self->valid_matrix + i * dense;
        double *sums = self->valid_sums + i * outputs;
        size_t row;
        const peal_table *table = peal_rows_find(training->valid_rows, training->valid_list[i], &row);
        if (!is_known) {
            models__bins_dense_row(&self->bins, table, row, bins);
            models__forest_begin(&self->forest, shape, table, row, sums);
        }
        const models__seen_row seen = {&self->bins, bins, models__sparse_row(shape, table, row)};
        models__trees_add(&self->forest, first, trees, &seen, sums);
        self->goal.objective->predict(&self->goal, sums, scores + (i - from) * width);
    }
    *applied = trees + 1;
}

static double valid_loss(const void *opaque, const double *scores, const double *labels, uint64_t count) {
    const models__trees *self = opaque;
    return models__goal_loss(&self->goal, scores, labels, count);
}

static const peal_learner learner = {
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
    .views = models__forest_views,
    .importance = models__forest_importance,
    .tree = models__forest_tree,
    .judges_epochs = true,
    .has_no_end = true,
    .check = check,
    .begin = begin,
    .end = end,
    .describe = describe,
    .summary = summary,
    .worker_bytes = worker_bytes,
    .lay_out = lay_out,
    .together = models__trees_round,
    .score_valid = score_valid,
    .valid_loss = valid_loss,
    .loss = loss,
    .check_state = check_state,
    .needs = needs,
    .fill = fill,
};

static const peal_model_number parameters[] = {{"leaves", 31, 2, 65536, true},
                                               {"depth", 0, 0, 10000, true},
                                               {"rate", 0.1, 1e-6, 10, false},
                                               {"rounds", 100, 1, 1e6, true},
                                               {"min_rows", 20, 1, 1e9, true},
                                               {"min_hessian", 1e-3, 0, 1e12, false},
                                               {"min_gain", 0, 0, 1e12, false},
                                               {"rows", 1, 1e-6, 1, false},
                                               {"columns", 1, 1e-6, 1, false},
                                               {"bins", MODELS__BINS_MOST, 2, MODELS__BINS_MOST, true},
                                               {"max_delta", 0, 0, 1e12, false},
                                               {"alpha", 0.9, 1e-9, 1e12, false},
                                               {"tweedie_power", 1.5, 1.001, 1.999, false},
                                               {"poisson_step", 0.7, 1e-6, 100, false},
                                               {"bundles", 1, 0, 1, true},
                                               {.name = NULL}};

static const peal_model_word words[] = {{"objective", models__objective_spellings}, {.name = NULL}};

static const char *const options[] = {"objective",     "leaves",       "depth",    "rate",      "rounds",
                                      "min_rows",      "min_hessian",  "min_gain", "rows",      "columns",
                                      "bins",          "l1",           "l2",       "max_delta", "alpha",
                                      "tweedie_power", "poisson_step", "bundles",  NULL};

/* As LightGBM, XGBoost and their friends call them. `alpha` is LightGBM's. */
static const peal_model_alias aliases[] = {
    {"num_leaves", "leaves"},
    {"max_leaves", "leaves"},
    {"max_depth", "depth"},
    {"learning_rate", "rate"},
    {"eta", "rate"},
    {"num_iterations", "rounds"},
    {"n_estimators", "rounds"},
    {"num_boost_round", "rounds"},
    {"min_data_in_leaf", "min_rows"},
    {"min_child_samples", "min_rows"},
    {"min_sum_hessian_in_leaf", "min_hessian"},
    {"min_child_weight", "min_hessian"},
    {"min_split_gain", "min_gain"},
    {"min_gain_to_split", "min_gain"},
    {"min_split_loss", "min_gain"},
    {"gamma", "min_gain"},
    {"bagging_fraction", "rows"},
    {"subsample", "rows"},
    {"feature_fraction", "columns"},
    {"colsample_bytree", "columns"},
    {"max_bin", "bins"},
    {"lambda_l1", "l1"},
    {"reg_alpha", "l1"},
    {"lambda_l2", "l2"},
    {"reg_lambda", "l2"},
    {"max_delta_step", "max_delta"},
    {"tweedie_variance_power", "tweedie_power"},
    {"poisson_max_delta_step", "poisson_step"},
    {"enable_bundle", "bundles"},
    {.alias = NULL},
};

const peal_model peal_model_trees = {
    .name = "trees",
    .documentation = "boosted trees; leaves=31, rounds=100, rate=0.1, min_rows=20, depth=0, min_hessian=0.001, "
                     "min_gain=0, l1=0, l2=0, max_delta=0 (none), rows=1, columns=1 (parts of them for a tree), "
                     "bins=255, bundles=1 (sparse features that no row has together share a byte), or as LightGBM and "
                     "XGBoost call them; objective=squared, absolute, huber or quantile "
                     "(alpha=0.9), poisson (poisson_step=0.7), gamma, tweedie (tweedie_power=1.5), logistic, softmax, "
                     "ova, by the label if left out",
    .options = options,
    .parameters = parameters,
    .words = words,
    .aliases = aliases,
    .numbers = true,
    .two_classes = true,
    .many_classes = true,
    .wants_bins = true,
    .takes_offset = true,
    .learner = &learner,
};
