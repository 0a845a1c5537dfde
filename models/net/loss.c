/* The losses of linear models; each with its formula and source. */
#include "models/net/loss.h"

#include <math.h>

double peal_loss_target(const peal_loss *loss, const peal_shape *shape, double label) {
    if (shape->classes || loss->is_count) return label;
    return (label - shape->label_mean) / shape->label_deviation;
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static void predict_number(const peal_shape *shape, const double *scores, size_t outputs, double *out) {
    (void)outputs;
    out[0] = scores[0] * shape->label_deviation + shape->label_mean;
}

/* Probabilities of one score: that of class 1; where only one class occurs there is one. */
static void two_classes(const peal_shape *shape, double score, double *out) {
    out[shape->classes - 1] = sigmoid(score);
    if (shape->classes == 2) out[0] = sigmoid(-score);
}

/* ---- squared: (z - t)^2 / 2 ---- */

static double squared_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                          double *derivatives, double *extra) {
    (void)terms, (void)outputs, (void)extra;
    derivatives[0] = scores[0] - target;
    return derivatives[0] * derivatives[0] / 2;
}

static void squared_bend(const peal_loss_terms *terms, const double *derivatives, size_t outputs, double target,
                         double *seconds) {
    (void)terms, (void)derivatives, (void)outputs, (void)target;
    seconds[0] = 1;
}

const peal_loss peal_loss_squared = {.name = "squared",
                                     .curvature = 1,
                                     .least_label = -INFINITY,
                                     .row = squared_row,
                                     .bend = squared_bend,
                                     .predict = predict_number};

/* ---- logistic: log(1 + exp(-z)) of class 1, log(1 + exp(z)) of class 0 ---- */

static double soften(const peal_loss_terms *terms, double target) {
    return target * (1 - terms->smoothing) + terms->smoothing / 2;
}

static double logistic_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                           double *derivatives, double *extra) {
    (void)outputs, (void)extra;
    const double soft = soften(terms, target);
    derivatives[0] = sigmoid(scores[0]) - soft;
    return (1 - soft) * softplus(scores[0]) + soft * softplus(-scores[0]);
}

static void logistic_bend(const peal_loss_terms *terms, const double *derivatives, size_t outputs, double target,
                          double *seconds) {
    (void)outputs;
    const double p = derivatives[0] + soften(terms, target);
    seconds[0] = p * (1 - p);
}

static void logistic_predict(const peal_shape *shape, const double *scores, size_t outputs, double *out) {
    (void)outputs;
    two_classes(shape, scores[0], out);
}

const peal_loss peal_loss_logistic = {.name = "logistic",
                                      .curvature = 0.25,
                                      .least_label = -INFINITY,
                                      .row = logistic_row,
                                      .bend = logistic_bend,
                                      .predict = logistic_predict};

/* ---- softmax: log of the sum of exp(z), minus the z of the row's class ---- */

/* Writes the probabilities, returns the log of the sum. */
static double softmax(const double *scores, size_t outputs, double *out) {
    double most = scores[0], sum = 0;
    for (size_t k = 1; k < outputs; k++) most = fmax(most, scores[k]);
    for (size_t k = 0; k < outputs; k++) sum += out[k] = exp(scores[k] - most);
    for (size_t k = 0; k < outputs; k++) out[k] /= sum;
    return most + log(sum);
}

static double softmax_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                          double *derivatives, double *extra) {
    (void)extra;
    const size_t class = (size_t)target;
    const double smoothing = terms->smoothing, even = smoothing / (double)outputs;
    double right = (1 - smoothing) * scores[class];
    const double sum = softmax(scores, outputs, derivatives);
    for (size_t k = 0; k < outputs; k++) {
        right += even * scores[k];
        derivatives[k] -= even;
    }
    derivatives[class] -= 1 - smoothing;
    return sum - right;
}

static void softmax_bend(const peal_loss_terms *terms, const double *derivatives, size_t outputs, double target,
                         double *seconds) {
    const double even = terms->smoothing / (double)outputs;
    for (size_t k = 0; k < outputs; k++) { /* the probabilities, for the moment */
        seconds[k] = derivatives[k] + even + (k == (size_t)target ? 1 - terms->smoothing : 0);
    }
    for (size_t k = outputs; k-- > 0;) {
        const double p = seconds[k];
        for (size_t l = outputs; l-- > 0;) seconds[k * outputs + l] = p * ((k == l) - seconds[l]);
    }
}

static void softmax_predict(const peal_shape *shape, const double *scores, size_t outputs, double *out) {
    (void)shape;
    softmax(scores, outputs, out);
}

const peal_loss peal_loss_softmax = {.name = "softmax",
                                     .curvature = 0.25,
                                     .least_label = -INFINITY,
                                     .row = softmax_row,
                                     .bend = softmax_bend,
                                     .predict = softmax_predict};

/* ---- squared hinge: max(0, 1 - y z)^2, y = 1 or -1; of more classes the sum of one against the rest ----
 * Fan et al. 2008, LIBLINEAR, section 2: L2-loss support vector classification. Its minimiser is 2 p - 1 (Zhang 2004,
 * Ann. Statist. 32(1), section 3.3); sigmoid(2 z) has the same value and slope at z = 0, and keeps the order of all z.
 */

static double hinge_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                        double *derivatives, double *extra) {
    (void)terms, (void)extra;
    double loss = 0;
    for (size_t k = 0; k < outputs; k++) {
        const double y = outputs == 1 ? (target > 0 ? 1 : -1) : ((double)k == target ? 1 : -1);
        const double gap = fmax(0, 1 - y * scores[k]);
        derivatives[k] = -2 * y * gap;
        loss += gap * gap;
    }
    return loss;
}

static void hinge_bend(const peal_loss_terms *terms, const double *derivatives, size_t outputs, double target,
                       double *seconds) {
    (void)terms, (void)target;
    for (size_t k = 0; k < outputs; k++) {
        for (size_t l = 0; l < outputs; l++) seconds[k * outputs + l] = k == l && derivatives[k] != 0 ? 2 : 0;
    }
}

static void hinge_predict(const peal_shape *shape, const double *scores, size_t outputs, double *out) {
    if (outputs == 1) {
        two_classes(shape, 2 * scores[0], out);
        return;
    }
    double sum = 0;
    for (size_t k = 0; k < outputs; k++) sum += out[k] = sigmoid(2 * scores[k]);
    for (size_t k = 0; k < outputs; k++) out[k] = sum > 0 ? out[k] / sum : 1 / (double)outputs;
}

const peal_loss peal_loss_squared_hinge = {.name = "squared hinge",
                                           .curvature = 2,
                                           .least_label = -INFINITY,
                                           .row = hinge_row,
                                           .bend = hinge_bend,
                                           .predict = hinge_predict};

/* ---- poisson: m exp(z) - y z, of a count y with mean m over all rows: the rate is m exp(z) ----
 * McCullagh and Nelder 1989, 6.2; without the term of y alone. */

static double poisson_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                          double *derivatives, double *extra) {
    (void)outputs, (void)extra;
    const double rate = terms->unit * exp(scores[0]);
    derivatives[0] = rate - target;
    return rate - target * scores[0];
}

static void poisson_bend(const peal_loss_terms *terms, const double *derivatives, size_t outputs, double target,
                         double *seconds) {
    (void)terms, (void)outputs;
    seconds[0] = derivatives[0] + target;
}

static void poisson_predict(const peal_shape *shape, const double *scores, size_t outputs, double *out) {
    (void)outputs;
    out[0] = (shape->label_mean > 0 ? shape->label_mean : 1) * exp(fmin(scores[0], 600));
}

const peal_loss peal_loss_poisson = {.name = "poisson",
                                     .curvature = 1,
                                     .least_label = 0,
                                     .is_count = true,
                                     .row = poisson_row,
                                     .bend = poisson_bend,
                                     .predict = poisson_predict};

/* ---- huber: (s + s H(r / s)) / 2, H(u) = u^2 up to epsilon, then 2 epsilon |u| - epsilon^2; s is learnt, too ----
 * Huber and Ronchetti 2009, 7.7 (concomitant scale). s = exp(extra), and no less than a millionth of the label's
 * spread: rows that are fitted exactly have no scale. */

static double huber_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                        double *derivatives, double *extra) {
    (void)outputs;
    const double grows = exp(terms->extra), scale = grows + 1e-6, epsilon = terms->parameter;
    const double u = (scores[0] - target) / scale;
    const bool is_far = fabs(u) > epsilon;
    derivatives[0] = is_far ? copysign(epsilon, u) : u;
    *extra += grows * (1 - (is_far ? epsilon * epsilon : u * u)) / 2;
    return scale * (1 + (is_far ? 2 * epsilon * fabs(u) - epsilon * epsilon : u * u)) / 2;
}

const peal_loss peal_loss_huber = {.name = "huber",
                                   .curvature = 1,
                                   .has_extra = true,
                                   .least_label = -INFINITY,
                                   .row = huber_row,
                                   .predict = predict_number};

/* ---- quantile: q u of u = t - z above 0, (q - 1) u below; its kink rounded off by h: q u + h log(1 + exp(-u / h))
 * ---- Koenker and Bassett 1978; smoothed as in Zheng 2011 (Int. J. Mach. Learn. Cyber. 2), ever less. */

static double quantile_row(const peal_loss_terms *terms, const double *scores, size_t outputs, double target,
                           double *derivatives, double *extra) {
    (void)outputs, (void)extra;
    const double u = target - scores[0], q = terms->parameter, h = terms->smooth;
    derivatives[0] = sigmoid(-u / h) - q;
    return q * u + h * softplus(-u / h);
}

static const double quantile_smooths[] = {1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0};

const peal_loss peal_loss_quantile = {.name = "quantile",
                                      .curvature = 1,
                                      .least_label = -INFINITY,
                                      .smooths = quantile_smooths,
                                      .row = quantile_row,
                                      .predict = predict_number};
