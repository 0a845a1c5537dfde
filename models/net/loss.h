/* Losses of linear models: what a row's scores cost, and what the scores mean.
 *
 * A row has one score, or one a class. Numbers are learnt as targets: (label - mean) / deviation, but for counts, which
 * stay what they are. */
#ifndef PEAL_MODELS_LOSS_H
#define PEAL_MODELS_LOSS_H

#include "etl/pipeline/pipeline.h"
#include "models/net/model.h"

/* What a loss depends on besides the row. */
typedef struct peal_loss_terms {
    double parameter; /* the model's own: huber's epsilon, the quantile */
    double smoothing; /* of labels: the part that all classes share */
    double smooth;    /* of losses with a kink: how wide it is rounded off */
    double unit;      /* counts: their mean */
    double extra;     /* the value of the parameter beside the scores, of losses that have one */
} peal_loss_terms;

struct peal_loss {
    const char *name;
    bool has_extra;        /* one more parameter that belongs to no feature: huber's scale */
    double curvature;      /* about: of a row's loss by its score, for scaling the parameters */
    double least_label;    /* labels below it make no sense */
    const double *smooths; /* ends with 0: the kink's width, ever smaller; each begins where the last one ended */
    bool is_count;         /* the label is learnt as it is, in units of its mean */
    /* The loss of one row, and its derivatives by the scores [outputs] and by the extra parameter (added to). */
    double (*row)(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                  double *derivatives, double *extra);
    /* The second derivatives by the scores [outputs, outputs], from the first ones; NULL: they do not tell them. Where
     * the first ones have a kink, those of either side will do. */
    void (*bend)(const peal_loss_terms *terms, const double *derivatives, size_t outputs, double target,
                 double *seconds);
    /* What a row's scores [outputs] mean: probabilities [classes], or a number in the label's own unit. `out` may be
     * `scores`. */
    void (*predict)(const peal_shape *shape, const double *scores, size_t outputs, double *out);
};

extern const peal_loss peal_loss_squared, peal_loss_logistic, peal_loss_softmax, peal_loss_squared_hinge,
    peal_loss_poisson, peal_loss_huber, peal_loss_quantile;

/* The label as the loss takes it. */
double peal_loss_target(const peal_loss *loss, const peal_shape *shape, double label);

#endif
