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

static peal_status read_rows(models__trees *self, size_t bins, base_reading *read, peal_error *err) {
    const size_t rows = (size_t)self->training->row_count;
    PEAL_TRY(peal_alloc_checked(&self->base, self->outputs, sizeof(double), "classes", err));
    PEAL_TRY(peal_alloc_checked(&read->sums, self->goal.shape.classes + 1, sizeof(double), "classes", err));
    if (!self->goal.objective->base) {
        PEAL_TRY(peal_alloc_checked(&read->keys.keys, rows, sizeof(uint64_t), "labels", err));
        if (is_weighted(self)) {
            PEAL_TRY(peal_alloc_checked(&read->keys.weights, rows, sizeof(uint64_t), "labels", err));
        }
    }
    PEAL_TRY(models__bins_fit(&self->bins, self->training, bins, add_label, read, err));
    set_base(self, read);
    return PEAL_OK;
}

/* Bins and base, in one reading of the rows. */
static peal_status look_at_rows(models__trees *self, size_t bins, peal_error *err) {
    base_reading read = {.self = self};
    const peal_status status = read_rows(self, bins, &read, err);
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
    if (training->shape->sparse) {
        return peal_fail(err, PEAL_E_USAGE, "trees do not learn sparse features yet; drop these columns (drop)");
    }
    if (!training->shape->features && !training->shape->code_columns) {
        return peal_fail(err, PEAL_E_USAGE, "there is nothing to learn from: every column but the label is dropped");
    }
    PEAL_TRY(models__goal_choose(spec, training->shape, &self->goal, err));
    PEAL_TRY(models__goal_check_labels(&self->goal, training->label_least, err));
    PEAL_TRY(check_ranking(self, err));
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
    PEAL_TRY(look_at_rows(self, (size_t)numbers[MODELS__BINS], err));
    PEAL_TRY(peal_alloc_checked(&self->bins_first, self->bins.features + 1, sizeof(uint32_t), "bins", err));
    for (size_t f = 0; f < self->bins.features; f++) {
        self->bins_first[f + 1] = self->bins_first[f] + self->bins.counts[f];
    }
    self->bins_all = self->bins_first[self->bins.features];
    return PEAL_OK;
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
    free(self->bins_first);
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
    peal_snprintf(text, 160, "%s%s%zu rounds of trees, up to %zu leaves, rate %g; %zu features, %zu bins",
                  is_named ? self->goal.objective->name : "", is_named ? ", " : "", self->training->epochs,
                  self->leaves, self->rate, self->bins.features, self->bins_all);
    return text;
}

static uint64_t worker_bytes(const void *opaque) {
    const models__trees *self = opaque;
    const uint64_t rows = self->training->row_count / self->members + 1;
    const uint64_t numbers = (2 + 3 * self->outputs) * sizeof(double);
    return rows * (models__row_stride(self->bins.features) + self->bins.features + numbers +
                   (2 + self->outputs) * sizeof(uint32_t));
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
    const size_t features = self->bins.features, outputs = self->outputs;
    const size_t valid = (size_t)training->valid_count;
    for (size_t i = 0; i < 2; i++) {
        self->states[i] =
            peal_layout_take(at, PEAL_OWNER_STATE, i, "boosting", PEAL_TENSOR_FLOAT64, MODELS__STATE_NUMBERS);
    }
    lay_out_trees(self, at);
    self->packed = peal_layout_scratch(at, self->members * self->bins_all, sizeof(models__packed));
    self->histograms = peal_layout_scratch(at, self->leaves * self->bins_all, sizeof(models__packed));
    self->bests = peal_layout_scratch(at, self->leaves * self->members, sizeof(models__best));
    self->exacts = peal_layout_scratch(at, self->members * self->leaves, sizeof(models__exact));
    self->told = peal_layout_scratch(at, self->members, sizeof(models__told));
    if (self->goal.objective->renews) {
        const size_t rows = (size_t)training->row_count;
        self->keys.keys = peal_layout_scratch(at, rows, sizeof(uint64_t));
        if (is_weighted(self)) self->keys.weights = peal_layout_scratch(at, rows, sizeof(uint64_t));
        self->spans = peal_layout_scratch(at, self->leaves * self->members, sizeof(models__span));
    }
    if (models__goal_ranks(&self->goal)) {
        self->query_scores = peal_layout_scratch(at, (size_t)training->row_count, sizeof(double));
        self->query_derivatives = peal_layout_scratch(at, (size_t)training->row_count, 2 * sizeof(double));
    }
    self->valid_matrix = peal_layout_scratch(at, valid, features);
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
    const size_t outputs = self->outputs, features = self->bins.features, width = peal_shape_scores(shape);
    uint64_t *applied = &self->valid_applied[from / PEAL_SCORE_CHUNK];
    const size_t trees = rounds_of(self, state) * outputs;
    const bool is_known = *applied > 0 && *applied - 1 <= trees;
    const size_t first = is_known ? (size_t)(*applied - 1) : 0;
    *applied = 0;
    for (uint64_t i = from; i < to; i++) {
        uint8_t *bins = self->valid_matrix + i * features;
        double *sums = self->valid_sums + i * outputs;
        if (!is_known) {
            size_t row;
            const peal_table *table = peal_rows_find(training->valid_rows, training->valid_list[i], &row);
            models__bins_row(&self->bins, table, row, bins);
            models__forest_begin(&self->forest, shape, table, row, sums);
        }
        models__forest_add(&self->forest, first, trees, bins, sums);
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
    .model_free = models__forest_model_free,
    .model_tensors = models__forest_model_tensors,
    .model_check = models__forest_model_check,
    .scratch_new = models__forest_model_scratch,
    .scratch_free = free,
    .score = models__forest_model_score,
    .ranking = models__forest_model_ranking,
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
                                               {"truncation", 30, 1, 1e9, true},
                                               {"sigmoid", 1, 1e-6, 1e6, false},
                                               {"at", 10, 1, 1e9, true},
                                               {.name = NULL}};

static const peal_model_spelling yes_or_no[] = {{"true", MODELS__YES}, {"false", MODELS__NO}, {"yes", MODELS__YES},
                                                {"no", MODELS__NO},    {"1", MODELS__YES},    {"0", MODELS__NO},
                                                {.text = NULL}};
static const peal_model_word words[] = {
    {"objective", models__objective_spellings}, {"norm", yes_or_no}, {.name = NULL}};
static const peal_model_list gains = {"label_gain", 0, 1e12};

static const char *const options[] = {
    "objective",    "leaves",     "depth",   "rate", "rounds", "min_rows",   "min_hessian", "min_gain",
    "rows",         "columns",    "bins",    "l1",   "l2",     "max_delta",  "alpha",       "tweedie_power",
    "poisson_step", "truncation", "sigmoid", "at",   "norm",   "label_gain", NULL};

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
    {"lambdarank_truncation_level", "truncation"},
    {"lambdarank_norm", "norm"},
    {"eval_at", "at"},
    {"ndcg_eval_at", "at"},
    {"ndcg_at", "at"},
    {.alias = NULL},
};

const peal_model peal_model_trees = {
    .name = "trees",
    .documentation = "boosted trees; leaves=31, rounds=100, rate=0.1, min_rows=20, depth=0, min_hessian=0.001, "
                     "min_gain=0, l1=0, l2=0, max_delta=0 (none), rows=1, columns=1 (parts of them for a tree), "
                     "bins=255, or as LightGBM and XGBoost call them; objective=squared, absolute, huber or quantile "
                     "(alpha=0.9), poisson (poisson_step=0.7), gamma, tweedie (tweedie_power=1.5), logistic, softmax, "
                     "ova, by the label if left out; lambdarank (truncation=30, norm=true, sigmoid=1) or rank_xendcg "
                     "of queries (label_gain=0x1x3x7..., at=10: judged by NDCG over so many places)",
    .options = options,
    .parameters = parameters,
    .words = words,
    .list = &gains,
    .aliases = aliases,
    .numbers = true,
    .two_classes = true,
    .many_classes = true,
    .wants_bins = true,
    .takes_offset = true,
    .learner = &learner,
};
