/* What trees learn: objectives, and one of them for a label. Private to this folder.
 *
 * An objective tells a row's loss and its derivatives by the scores, and what scores mean. To add one: an entry in
 * objective.c, its number below and its spellings. Formulas and names are LightGBM's; exp and log are Peal's own. */
#ifndef PEAL_MODELS_OBJECTIVE_H
#define PEAL_MODELS_OBJECTIVE_H

#include <math.h>

#include "models/learner/lambda.h"
#include "models/net/model.h"

typedef enum models__objective_number {
    MODELS__SQUARED,
    MODELS__ABSOLUTE,
    MODELS__HUBER,
    MODELS__QUANTILE,
    MODELS__POISSON,
    MODELS__GAMMA,
    MODELS__TWEEDIE,
    MODELS__LOGISTIC,
    MODELS__SOFTMAX,
    MODELS__OVA,
    MODELS__LAMBDARANK,
    MODELS__XENDCG,
    MODELS__OBJECTIVES
} models__objective_number;

typedef enum models__label { MODELS__NUMBER, MODELS__TWO_CLASSES, MODELS__CLASSES } models__label;

typedef struct models__objective models__objective;

/* An objective for a label. */
typedef struct models__goal {
    const models__objective *objective;
    peal_shape shape;          /* the data's; of a label that is learnt as it is, its mean is 0 and its deviation 1 */
    size_t outputs;            /* scores of a row */
    double alpha;              /* the quantile, or where huber's loss goes straight, in units of a target */
    double power;              /* tweedie's */
    double step;               /* poisson: exp(max_delta_step), by which its second derivative is larger */
    models__ranking_rule rule; /* of what ranks rows */
    double unit;               /* a derivative by LightGBM's score, which is in units of the label, over one of these */
} models__goal;

struct models__objective {
    const char *name;
    models__label label;
    double least;  /* labels below it make no sense */
    bool is_above; /* nor does the least one itself */
    bool is_log;   /* the score is the logarithm of what is predicted, and the label is learnt as it is */
    bool renews;   /* a leaf's value becomes the quantile alpha of what its rows' scores lack */
    /* Of `count` rows: losses [count], and `out` [count, outputs, 2] their first and second derivatives by the scores
     * [count, outputs]. A target is a class, or a number as models__goal_target makes it. */
    void (*rows)(const models__goal *goal, const double *scores, const double *targets, size_t count, double *out,
                 double *losses);
    /* In the place of `rows`, of objectives that rank the rows of a query: as in lambda.h. Scores are of any unit, and
     * their order is all that they say. */
    double (*query)(const models__ranking_rule *rule, const models__query *query, models__query_room *room,
                    double *out);
    /* The score of all rows that loses least, by their mean target or a class's share. NULL: a quantile. */
    double (*base)(double mean);
    /* What a row's scores [outputs] mean: probabilities [classes], or a number in the label's own unit. */
    void (*predict)(const models__goal *goal, const double *scores, double *out);
};

extern const models__objective models__objectives[MODELS__OBJECTIVES];
/* How they may be called: the names here, and those of LightGBM and XGBoost. */
extern const peal_model_spelling models__objective_spellings[];

/* PEAL_E_USAGE if the objective that a spec names cannot have its numbers. */
peal_status models__goal_check(const peal_model_spec *spec, peal_error *err);
/* Whether an objective is named that learns numbers. */
bool models__goal_wants_number(const peal_model_spec *spec);
/* The objective of the spec, or that of the label where it names none. PEAL_E_USAGE if it does not learn such a label.
 * The vocabularies stay those of `shape`. */
peal_status models__goal_choose(const peal_model_spec *spec, const peal_shape *shape, models__goal *out,
                                peal_error *err);
static inline bool models__goal_ranks(const models__goal *goal) {
    return goal->objective->query != NULL;
}
/* PEAL_E_DATA if the objective does not take the least label. */
peal_status models__goal_check_labels(const models__goal *goal, double least, peal_error *err);

static inline double models__goal_target(const models__goal *goal, double label) {
    return goal->shape.classes ? label : (label - goal->shape.label_mean) / goal->shape.label_deviation;
}

/* A derivative or loss that is a finite number from `least` on. */
#define MODELS__DERIVATIVE_MOST 1e100
static inline double models__bounded(double x, double least) {
    const double above = x > least ? x : least; /* of NaN, the least */
    return above < MODELS__DERIVATIVE_MOST ? above : MODELS__DERIVATIVE_MOST;
}

/* objective->rows, but for scores that are out of all bounds: derivatives are finite and losses numbers. */
void models__goal_rows(const models__goal *goal, const double *scores, const double *targets, size_t count, double *out,
                       double *losses);
/* The mean loss of numbers `labels` [count], which count `weights` (NULL: 1), that were predicted as `predicted`,
 * beyond that of a perfect prediction: of the log link, half the deviance. Rows without a label are left out. */
double models__goal_loss(const models__goal *goal, const double *predicted, const double *labels, const double *weights,
                         uint64_t count);

#endif
