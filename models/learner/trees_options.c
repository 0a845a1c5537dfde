/* The model "trees" as users name it: its options, by these names, by LightGBM's and by XGBoost's. */
#include "models/learner/means.h"
#include "models/learner/trees.h"

static const peal_model_number parameters[] = {{"leaves", 0, 0, 65536, true},
                                               {"depth", 0, -1, 10000, true},
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
                                               {"top_rate", 0.2, 1e-6, 1 - 1e-6, false},
                                               {"other_rate", 0.1, 1e-6, 1, false},
                                               {"drop_rate", 0.1, 0, 1, false},
                                               {"max_drop", 50, -1, 1e6, true},
                                               {"skip_drop", 0.5, 0, 1, false},
                                               {"truncation", 30, 1, 1e9, true},
                                               {"sigmoid", 1, 1e-6, 1e6, false},
                                               {"at", 10, 1, 1e9, true},
                                               {"bundles", 1, 0, 1, true},
                                               {"means", MODELS__MEANS_CHOSEN, MODELS__MEANS_CHOSEN, 1e9, true},
                                               {.name = NULL}};

static const peal_model_spelling growths[] = {{"leaf", MODELS__BY_LEAF},       {"leafwise", MODELS__BY_LEAF},
                                              {"lossguide", MODELS__BY_LEAF},  {"depth", MODELS__BY_DEPTH},
                                              {"depthwise", MODELS__BY_DEPTH}, {.text = NULL}};

static const peal_model_spelling samplings[] = {
    {"uniform", MODELS__UNIFORM}, {"bagging", MODELS__UNIFORM}, {"goss", MODELS__BY_GRADIENTS}, {.text = NULL}};

static const peal_model_spelling boostings[] = {{"gbdt", MODELS__BOOSTING_PLAIN},
                                                {"gbtree", MODELS__BOOSTING_PLAIN},
                                                {"goss", MODELS__BOOSTING_GOSS},
                                                {"dart", MODELS__BOOSTING_DART},
                                                {.text = NULL}};

static const peal_model_spelling truths[] = {{"true", MODELS__YES}, {"false", MODELS__NO}, {"yes", MODELS__YES},
                                             {"no", MODELS__NO},    {"1", MODELS__YES},    {"0", MODELS__NO},
                                             {.text = NULL}};

static const peal_model_word words[] = {{"objective", models__objective_spellings},
                                        {"growth", growths},
                                        {"sampling", samplings},
                                        {"boosting", boostings},
                                        {"uniform_drop", truths},
                                        {"xgboost_dart_mode", truths},
                                        {"norm", truths},
                                        {.name = NULL}};

static const peal_model_list gains = {"label_gain", 0, 1e12};

static const char *const options[] = {"objective",
                                      "leaves",
                                      "depth",
                                      "rate",
                                      "rounds",
                                      "min_rows",
                                      "min_hessian",
                                      "min_gain",
                                      "rows",
                                      "columns",
                                      "bins",
                                      "l1",
                                      "l2",
                                      "max_delta",
                                      "alpha",
                                      "tweedie_power",
                                      "poisson_step",
                                      "growth",
                                      "other_rate",
                                      "top_rate",
                                      "boosting",
                                      "sampling",
                                      "drop_rate",
                                      "max_drop",
                                      "skip_drop",
                                      "uniform_drop",
                                      "xgboost_dart_mode",
                                      "increasing",
                                      "decreasing",
                                      "interactions",
                                      "monotone_constraints",
                                      "truncation",
                                      "sigmoid",
                                      "at",
                                      "norm",
                                      "label_gain",
                                      "bundles",
                                      "means",
                                      NULL};

static const char *const texts[] = {"increasing", "decreasing", "interactions", "monotone_constraints", NULL};

_Static_assert(sizeof parameters / sizeof *parameters <= PEAL_MODEL_NUMBERS + 1, "the spec has room for the numbers");
_Static_assert(sizeof words / sizeof *words <= PEAL_MODEL_WORDS + 1, "and for the words");
_Static_assert(sizeof texts / sizeof *texts <= PEAL_MODEL_TEXTS + 1, "and for the texts");

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
    {"interaction_constraints", "interactions"},
    {"monotone_constraint", "monotone_constraints"},
    {"monotonic_cst", "monotone_constraints"},
    {"grow_policy", "growth"},
    {"data_sample_strategy", "sampling"},
    {"boosting_type", "boosting"},
    {"booster", "boosting"},
    {"rate_drop", "drop_rate"},
    {"lambdarank_truncation_level", "truncation"},
    {"lambdarank_norm", "norm"},
    {"eval_at", "at"},
    {"ndcg_eval_at", "at"},
    {"ndcg_at", "at"},
    {"enable_bundle", "bundles"},
    {.alias = NULL},
};

const peal_model peal_model_trees = {
    .name = "trees",
    .documentation =
        "boosted trees; leaves=31, rounds=100, rate=0.1, min_rows=20, depth=0 (or -1: no limit), growth=leaf (the "
        "greatest gain first) or depth (level by level, leaves=2^depth), min_hessian=0.001, "
        "min_gain=0, l1=0, l2=0, max_delta=0 (none), rows=1, columns=1 (parts of them for a tree), "
        "sampling=goss (top_rate=0.2, other_rate=0.1: rows by their gradients), boosting=dart (drop_rate=0.1, "
        "max_drop=50, skip_drop=0.5, uniform_drop=false, xgboost_dart_mode=false: trees are left out on the way), "
        "bins=255, bundles=1 (sparse features that no row has together share a byte), means=-1 (columns of more "
        "categories than this are also ordered by what is learnt of them, out of fold; -1: by the rows; 0: none), or "
        "as LightGBM and XGBoost call them; objective=squared, absolute, huber or quantile "
        "(alpha=0.9), poisson (poisson_step=0.7), gamma, tweedie (tweedie_power=1.5), logistic, softmax, "
        "ova, by the label if left out; lambdarank (truncation=30, norm=true, sigmoid=1) or rank_xendcg of queries "
        "(label_gain=0x1x3x7..., at=10: judged by NDCG over so many places); increasing=COLUMN+COLUMN and decreasing=: "
        "the prediction never falls "
        "(rises) where the column rises, or monotone_constraints=1x0x-1: a sign for each column in their order; "
        "interactions=A+B|B+C: columns on one path are of one group, those "
        "in no group alone (%2C in a name: a comma)",
    .options = options,
    .parameters = parameters,
    .words = words,
    .texts = texts,
    .list = &gains,
    .aliases = aliases,
    .numbers = true,
    .two_classes = true,
    .many_classes = true,
    .only_numbers = models__goal_wants_number,
    .wants_bins = true,
    .takes_offset = true,
    .learner = &models__trees_learner,
};
