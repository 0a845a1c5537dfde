/* The objectives, each with its formula; see objective.h. s is a score, t a target, w' and w'' derivatives. */
#include "models/learner/objective.h"

#include <math.h>
#include <string.h>

#include "core/base/explog.h"
#include "core/base/vector.h"
#include "models/learner/forest.h"

enum { SCORE_MOST = 700 }; /* exp of more, or less, is not finite or not normal */

/* exp of a score, within the normal numbers. */
static inline double rate_of(double score) {
    return peal_exp(score > SCORE_MOST ? SCORE_MOST : score < -SCORE_MOST ? -SCORE_MOST : score);
}

static double mean_itself(double mean) {
    return mean;
}

#define LEAST_SHARE 1e-10

static double log_of_mean(double mean) {
    return peal_log(mean > 0 ? mean : LEAST_SHARE);
}

static double log_of_share(double share) {
    return peal_log(fmax(share, LEAST_SHARE));
}

static double log_odds(double share) {
    return peal_log(fmax(share, LEAST_SHARE) / fmax(1 - share, LEAST_SHARE));
}

static void predict_number(const models__goal *goal, const double *scores, double *out) {
    out[0] = scores[0] * goal->shape.label_deviation + goal->shape.label_mean;
}

static void predict_rate(const models__goal *goal, const double *scores, double *out) {
    (void)goal;
    out[0] = rate_of(scores[0]);
}

/* ---- squared: (s - t)^2 / 2 ---- */

PEAL_VECTOR static void squared(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                double *out, double *losses) {
    (void)goal;
    for (size_t i = 0; i < count; i++) {
        const double error = scores[i] - targets[i];
        out[2 * i] = error;
        out[2 * i + 1] = 1;
        losses[i] = error * error / 2;
    }
}

/* ---- quantile a: a (t - s) above s, (1 - a) (s - t) below; absolute: |s - t|. Their second derivative is 0, and is
 * taken for 1: leaves are renewed. ---- */

PEAL_VECTOR static void absolute(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                 double *out, double *losses) {
    (void)goal;
    for (size_t i = 0; i < count; i++) {
        const double error = scores[i] - targets[i];
        out[2 * i] = error > 0 ? 1 : error < 0 ? -1 : 0;
        out[2 * i + 1] = 1;
        losses[i] = fabs(error);
    }
}

PEAL_VECTOR static void quantile(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                 double *out, double *losses) {
    const double alpha = goal->alpha;
    for (size_t i = 0; i < count; i++) {
        const double error = scores[i] - targets[i], slope = error >= 0 ? 1 - alpha : -alpha;
        out[2 * i] = slope;
        out[2 * i + 1] = 1;
        losses[i] = slope * error;
    }
}

/* ---- huber: e^2 / 2 of e = |s - t| up to alpha, then alpha (e - alpha / 2); its second derivative is taken for 1 ----
 */

PEAL_VECTOR static void huber(const models__goal *goal, const double *scores, const double *targets, size_t count,
                              double *out, double *losses) {
    const double alpha = goal->alpha;
    for (size_t i = 0; i < count; i++) {
        const double error = scores[i] - targets[i];
        const double slope = error > alpha ? alpha : error < -alpha ? -alpha : error;
        out[2 * i] = slope;
        out[2 * i + 1] = 1;
        losses[i] = slope * (error - slope / 2);
    }
}

/* ---- poisson: exp(s) - t s; its second derivative, exp(s), is taken for larger, so that steps are shorter ---- */

PEAL_VECTOR static void poisson(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                double *out, double *losses) {
    const double step = goal->step;
    for (size_t i = 0; i < count; i++) {
        const double rate = rate_of(scores[i]);
        out[2 * i] = rate - targets[i];
        out[2 * i + 1] = rate * step;
        losses[i] = rate - targets[i] * scores[i];
    }
}

/* ---- gamma: t exp(-s) + s ---- */

PEAL_VECTOR static void gamma_rows(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                   double *out, double *losses) {
    (void)goal;
    for (size_t i = 0; i < count; i++) {
        const double ratio = targets[i] * rate_of(-scores[i]);
        out[2 * i] = 1 - ratio;
        out[2 * i + 1] = ratio;
        losses[i] = ratio + scores[i];
    }
}

/* ---- tweedie of power p between 1 and 2: exp((2 - p) s) / (2 - p) - t exp((1 - p) s) / (1 - p) ---- */

PEAL_VECTOR static void tweedie(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                double *out, double *losses) {
    const double one = 1 - goal->power, two = 2 - goal->power;
    for (size_t i = 0; i < count; i++) {
        const double lower = targets[i] * rate_of(one * scores[i]), upper = rate_of(two * scores[i]);
        out[2 * i] = upper - lower;
        out[2 * i + 1] = two * upper - one * lower;
        losses[i] = upper / two - lower / one;
    }
}

/* ---- logistic: log(1 + exp(-s)) of class 1, log(1 + exp(s)) of class 0 ---- */

#define LEAST_SECOND 1e-16 /* of classes: where it vanishes */

static inline double chance(double score) {
    const double e = peal_exp(-fabs(score)), part = 1 / (1 + e);
    return score >= 0 ? part : e * part;
}

static inline double logistic_row(double score, double target, double *out) {
    const double e = peal_exp(-fabs(score)), part = 1 / (1 + e), p = score >= 0 ? part : e * part;
    const double second = p * (1 - p), u = 1 + e, lost = e - (u - 1); /* as in peal_log1p, but 1 / u is at hand */
    out[0] = p - target;
    out[1] = second > LEAST_SECOND ? second : LEAST_SECOND;
    return (score > 0 ? score : 0) - score * target + (peal_log(u) + lost * part);
}

PEAL_VECTOR static void logistic(const models__goal *goal, const double *scores, const double *targets, size_t count,
                                 double *out, double *losses) {
    (void)goal;
    for (size_t i = 0; i < count; i++) losses[i] = logistic_row(scores[i], targets[i], out + 2 * i);
}

static void predict_two(const models__goal *goal, const double *scores, double *out) {
    (void)goal;
    out[0] = chance(-scores[0]);
    out[1] = chance(scores[0]);
}

/* ---- softmax of k classes: log of the sum of exp(s), minus the class's own s; w'' = k / (k - 1) p (1 - p) ---- */

/* Writes exp(s - most) of each score, `step` apart, and returns their sum. */
static double exps(const double *scores, size_t count, double *most, double *out, size_t step) {
    double sum = 0;
    *most = scores[0];
    for (size_t k = 1; k < count; k++) *most = fmax(*most, scores[k]);
    for (size_t k = 0; k < count; k++) sum += out[step * k] = peal_exp(scores[k] - *most);
    return sum;
}

static void softmax(const models__goal *goal, const double *scores, const double *targets, size_t count, double *out,
                    double *losses) {
    const size_t classes = goal->outputs;
    const double factor = classes > 1 ? (double)classes / (double)(classes - 1) : 1;
    for (size_t i = 0; i < count; i++) {
        const double *own = scores + i * classes;
        double *derivatives = out + 2 * i * classes, most;
        const double sum = exps(own, classes, &most, derivatives, 2);
        for (size_t k = 0; k < classes; k++) {
            const double p = derivatives[2 * k] / sum;
            derivatives[2 * k] = p - ((double)k == targets[i]);
            derivatives[2 * k + 1] = fmax(factor * p * (1 - p), LEAST_SECOND);
        }
        losses[i] = most + peal_log(sum) - own[(size_t)targets[i]];
    }
}

static void predict_softmax(const models__goal *goal, const double *scores, double *out) {
    double most;
    const double sum = exps(scores, goal->outputs, &most, out, 1);
    for (size_t k = 0; k < goal->outputs; k++) out[k] /= sum;
}

/* ---- ova: each class against all others, a logistic loss each, which are added; chances are made to sum to 1 ---- */

static void ova(const models__goal *goal, const double *scores, const double *targets, size_t count, double *out,
                double *losses) {
    const size_t classes = goal->outputs;
    for (size_t i = 0; i < count; i++) {
        losses[i] = 0;
        for (size_t k = 0; k < classes; k++) {
            const size_t at = i * classes + k;
            losses[i] += logistic_row(scores[at], (double)k == targets[i], out + 2 * at);
        }
    }
}

static void predict_ova(const models__goal *goal, const double *scores, double *out) {
    double sum = 0;
    for (size_t k = 0; k < goal->outputs; k++) sum += out[k] = chance(scores[k]);
    for (size_t k = 0; k < goal->outputs; k++) out[k] = sum > 0 ? out[k] / sum : 1 / (double)goal->outputs;
}

/* ---- what ranks: lambda.c; rows begin with 0 ---- */

static double nothing(double mean) {
    (void)mean;
    return 0;
}

/* ---- the table ---- */

const models__objective models__objectives[MODELS__OBJECTIVES] = {
    [MODELS__SQUARED] =
        {.name = "squared", .least = -INFINITY, .rows = squared, .base = mean_itself, .predict = predict_number},
    [MODELS__ABSOLUTE] =
        {.name = "absolute", .least = -INFINITY, .renews = true, .rows = absolute, .predict = predict_number},
    [MODELS__HUBER] =
        {.name = "huber", .least = -INFINITY, .rows = huber, .base = mean_itself, .predict = predict_number},
    [MODELS__QUANTILE] =
        {.name = "quantile", .least = -INFINITY, .renews = true, .rows = quantile, .predict = predict_number},
    [MODELS__POISSON] =
        {.name = "poisson", .is_log = true, .rows = poisson, .base = log_of_mean, .predict = predict_rate},
    [MODELS__GAMMA] = {.name = "gamma",
                       .is_above = true,
                       .is_log = true,
                       .rows = gamma_rows,
                       .base = log_of_mean,
                       .predict = predict_rate},
    [MODELS__TWEEDIE] =
        {.name = "tweedie", .is_log = true, .rows = tweedie, .base = log_of_mean, .predict = predict_rate},
    [MODELS__LOGISTIC] =
        {.name = "logistic", .label = MODELS__TWO_CLASSES, .rows = logistic, .base = log_odds, .predict = predict_two},
    [MODELS__SOFTMAX] = {.name = "softmax",
                         .label = MODELS__CLASSES,
                         .rows = softmax,
                         .base = log_of_share,
                         .predict = predict_softmax},
    [MODELS__OVA] = {.name = "ova", .label = MODELS__CLASSES, .rows = ova, .base = log_odds, .predict = predict_ova},
    [MODELS__LAMBDARANK] = {.name = "lambdarank",
                            .query = models__lambdarank,
                            .base = nothing,
                            .predict = predict_number},
    [MODELS__XENDCG] = {.name = "rank_xendcg", .query = models__xendcg, .base = nothing, .predict = predict_number},
};

const peal_model_spelling models__objective_spellings[] = {
    {"squared", MODELS__SQUARED},
    {"absolute", MODELS__ABSOLUTE},
    {"huber", MODELS__HUBER},
    {"quantile", MODELS__QUANTILE},
    {"poisson", MODELS__POISSON},
    {"gamma", MODELS__GAMMA},
    {"tweedie", MODELS__TWEEDIE},
    {"logistic", MODELS__LOGISTIC},
    {"softmax", MODELS__SOFTMAX},
    {"ova", MODELS__OVA},
    {"lambdarank", MODELS__LAMBDARANK},
    {"rank_xendcg", MODELS__XENDCG},
    /* LightGBM's */
    {"regression", MODELS__SQUARED},
    {"regression_l2", MODELS__SQUARED},
    {"l2", MODELS__SQUARED},
    {"mean_squared_error", MODELS__SQUARED},
    {"mse", MODELS__SQUARED},
    {"rmse", MODELS__SQUARED},
    {"regression_l1", MODELS__ABSOLUTE},
    {"l1", MODELS__ABSOLUTE},
    {"mean_absolute_error", MODELS__ABSOLUTE},
    {"mae", MODELS__ABSOLUTE},
    {"binary", MODELS__LOGISTIC},
    {"multiclass", MODELS__SOFTMAX},
    {"multiclassova", MODELS__OVA},
    {"multiclass_ova", MODELS__OVA},
    {"ovr", MODELS__OVA},
    {"xendcg", MODELS__XENDCG},
    {"xe_ndcg", MODELS__XENDCG},
    {"xe_ndcg_mart", MODELS__XENDCG},
    {"xendcg_mart", MODELS__XENDCG},
    /* XGBoost's */
    {"reg:squarederror", MODELS__SQUARED},
    {"reg:absoluteerror", MODELS__ABSOLUTE},
    {"reg:quantileerror", MODELS__QUANTILE},
    {"count:poisson", MODELS__POISSON},
    {"reg:gamma", MODELS__GAMMA},
    {"reg:tweedie", MODELS__TWEEDIE},
    {"binary:logistic", MODELS__LOGISTIC},
    {"multi:softprob", MODELS__SOFTMAX},
    {"multi:softmax", MODELS__SOFTMAX},
    {"rank:ndcg", MODELS__LAMBDARANK},
    {.text = NULL},
};

/* ---- the objective of a label ---- */

static const models__objective *named(const peal_model_spec *spec) {
    const int number = spec->words[MODELS__OBJECTIVE];
    return number == PEAL_MODEL_NO_WORD ? NULL : &models__objectives[number];
}

bool models__goal_wants_number(const peal_model_spec *spec) {
    const models__objective *objective = named(spec);
    return objective && objective->label == MODELS__NUMBER && !objective->query;
}

/* The first option that only ranking has, and that was given another value; NULL: none was. */
static const char *ranking_option(const peal_model_spec *spec, const models__objective *objective) {
    static const int numbers[] = {MODELS__TRUNCATION, MODELS__SIGMOID, MODELS__AT};
    const bool is_pairs = objective == &models__objectives[MODELS__LAMBDARANK];
    for (size_t i = 0; !is_pairs && i < sizeof numbers / sizeof *numbers; i++) {
        const peal_model_number *one = &spec->kind->parameters[numbers[i]];
        if (objective && objective->query && numbers[i] == MODELS__AT) continue;
        if (spec->parameters[numbers[i]] != one->otherwise) return one->name;
    }
    if (!is_pairs && spec->words[MODELS__NORM] != PEAL_MODEL_NO_WORD) return spec->kind->words[MODELS__NORM].name;
    return spec->list_count && !(objective && objective->query) ? spec->kind->list->name : NULL;
}

/* PEAL_E_USAGE names the first option that other objectives have, and that was given another value. */
static peal_status check_foreign(const peal_model_spec *spec, const models__objective *objective, peal_error *err) {
    static const struct {
        int number, of[2];
    } options[] = {{MODELS__ALPHA, {MODELS__QUANTILE, MODELS__HUBER}},
                   {MODELS__TWEEDIE_POWER, {MODELS__TWEEDIE, MODELS__TWEEDIE}},
                   {MODELS__POISSON_STEP, {MODELS__POISSON, MODELS__POISSON}}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const peal_model_number *one = &spec->kind->parameters[options[i].number];
        const models__objective *first = &models__objectives[options[i].of[0]],
                                *second = &models__objectives[options[i].of[1]];
        if (objective == first || objective == second) continue;
        if (spec->parameters[options[i].number] == one->otherwise) continue;
        return peal_fail(err, PEAL_E_USAGE, "%s is of the objective %s%s%s, not of '%s'", one->name, first->name,
                         first == second ? "" : " or ", first == second ? "" : second->name,
                         objective ? objective->name : "trees");
    }
    return PEAL_OK;
}

static peal_status check_gains(const peal_model_spec *spec, peal_error *err) {
    for (size_t i = 1; i < spec->list_count; i++) {
        if (spec->list[i] >= spec->list[i - 1]) continue;
        return peal_fail(err, PEAL_E_USAGE, "label_gain must not fall: %g stands behind %g", spec->list[i],
                         spec->list[i - 1]);
    }
    return PEAL_OK;
}

peal_status models__goal_check(const peal_model_spec *spec, peal_error *err) {
    const models__objective *objective = named(spec);
    const double alpha = spec->parameters[MODELS__ALPHA];
    const char *option = ranking_option(spec, objective);
    if (option) {
        return peal_fail(err, PEAL_E_USAGE, "%s is of the objective lambdarank%s, not of '%s'", option,
                         strcmp(option, "at") == 0 || strcmp(option, "label_gain") == 0 ? " or rank_xendcg" : "",
                         objective ? objective->name : "trees");
    }
    PEAL_TRY(check_foreign(spec, objective, err));
    PEAL_TRY(check_gains(spec, err));
    if (objective != &models__objectives[MODELS__QUANTILE] || alpha < 1) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the objective 'quantile' wants an alpha between 0 and 1, not %g", alpha);
}

static peal_status check_label(const models__objective *objective, const peal_shape *shape, peal_error *err) {
    if (objective->label == MODELS__NUMBER && shape->classes) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the objective '%s' learns numbers, but the label has %u classes; take it for a number "
                         "(task regress), or try %s",
                         objective->name, shape->classes, shape->classes == 2 ? "logistic" : "softmax or ova");
    }
    if (objective->label != MODELS__NUMBER && !shape->classes) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the objective '%s' learns classes, but the label is a number; take it for a class (task "
                         "classify), or try squared",
                         objective->name);
    }
    if (objective->label == MODELS__TWO_CLASSES && shape->classes != 2) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the objective '%s' learns two classes, but the label has %u; try softmax or ova",
                         objective->name, shape->classes);
    }
    if (objective->label == MODELS__CLASSES && shape->has_offset) {
        return peal_fail(err, PEAL_E_USAGE,
                         "an offset is added to one score, and the objective '%s' has one for each class; drop its "
                         "column, or try logistic",
                         objective->name);
    }
    return PEAL_OK;
}

static models__ranking_rule rule_of(const peal_model_spec *spec) {
    models__ranking_rule rule = {.ranking = peal_ranking_default(),
                                 .truncation = (size_t)spec->parameters[MODELS__TRUNCATION],
                                 .sigmoid = spec->parameters[MODELS__SIGMOID],
                                 .norm = spec->words[MODELS__NORM] != MODELS__NO};
    rule.ranking.at = (size_t)spec->parameters[MODELS__AT];
    if (spec->list_count) {
        memset(rule.ranking.gains, 0, sizeof rule.ranking.gains);
        memcpy(rule.ranking.gains, spec->list, spec->list_count * sizeof *spec->list);
        rule.ranking.gain_count = spec->list_count;
    }
    return rule;
}

peal_status models__goal_choose(const peal_model_spec *spec, const peal_shape *shape, models__goal *out,
                                peal_error *err) {
    const models__objective *objective = named(spec);
    if (!objective) {
        const models__objective_number by_label = shape->classes == 0   ? MODELS__SQUARED
                                                  : shape->classes == 2 ? MODELS__LOGISTIC
                                                                        : MODELS__SOFTMAX;
        objective = &models__objectives[by_label];
    }
    PEAL_TRY(models__goal_check(spec, err));
    PEAL_TRY(check_label(objective, shape, err));
    *out = (models__goal){.objective = objective,
                          .shape = *shape,
                          .outputs = objective->label == MODELS__CLASSES ? shape->classes : 1,
                          .alpha = spec->parameters[MODELS__ALPHA],
                          .power = spec->parameters[MODELS__TWEEDIE_POWER],
                          .step = peal_exp(spec->parameters[MODELS__POISSON_STEP]),
                          .rule = rule_of(spec),
                          .unit = 1};
    if (objective->is_log || objective->query) {
        out->shape.label_mean = 0;
        out->shape.label_deviation = 1;
    }
    /* Signs have no unit. */
    if (objective->label == MODELS__NUMBER && !objective->renews) out->unit = out->shape.label_deviation;
    if (objective == &models__objectives[MODELS__HUBER]) out->alpha /= out->unit;
    if (objective == &models__objectives[MODELS__ABSOLUTE]) out->alpha = 0.5;
    return PEAL_OK;
}

peal_status models__goal_check_labels(const models__goal *goal, double least, peal_error *err) {
    const models__objective *objective = goal->objective;
    if (goal->shape.classes) return PEAL_OK;
    if (objective->is_above ? least > objective->least : least >= objective->least) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "the objective '%s' learns labels %s %g, and the least one is %g",
                     objective->name, objective->is_above ? "above" : "from", objective->least, least);
}

/* ---- rows ---- */

PEAL_VECTOR static void bound_derivatives(double *derivatives, size_t count) {
    for (size_t i = 0; i < count; i++) {
        derivatives[2 * i] = models__bounded(derivatives[2 * i], -MODELS__DERIVATIVE_MOST);
        derivatives[2 * i + 1] = models__bounded(derivatives[2 * i + 1], 0);
    }
}

void models__goal_rows(const models__goal *goal, const double *scores, const double *targets, size_t count, double *out,
                       double *losses) {
    goal->objective->rows(goal, scores, targets, count, out, losses);
    bound_derivatives(out, count * goal->outputs);
    for (size_t i = 0; i < count; i++) losses[i] = models__bounded(losses[i], -MODELS__DERIVATIVE_MOST);
}

static double loss_of(const models__goal *goal, double target, double predicted) {
    double derivatives[2], loss, score = predicted;
    if (goal->objective->is_log) score = predicted > 0 ? peal_log(predicted) : -SCORE_MOST;
    models__goal_rows(goal, &score, &target, 1, derivatives, &loss);
    return loss;
}

double models__goal_loss(const models__goal *goal, const double *predicted, const double *labels, const double *weights,
                         uint64_t count) {
    double sum = 0, rows = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (isnan(labels[i])) continue;
        const double target = models__goal_target(goal, labels[i]), weight = weights ? weights[i] : 1;
        sum +=
            weight * (loss_of(goal, target, models__goal_target(goal, predicted[i])) - loss_of(goal, target, target));
        rows += weight;
    }
    return rows > 0 ? sum / rows : (double)NAN;
}
