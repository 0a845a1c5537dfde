/* Linear models: one layer. They differ in the label that they learn and in what they lose by an error. All parameters
 * begin at zero. */
#include "models/net/loss.h"
#include "models/net/model.h"

extern const peal_learner peal_learner_full;

static const char *const options[] = {"l1", "l2", NULL};
static const char *const huber_options[] = {"epsilon", "l1", "l2", NULL};
static const peal_model_number huber_parameters[] = {{"epsilon", 1.35, 1, 100, false}, {.name = NULL}};
static const peal_model_number quantile_parameters[] = {{"q", 0.5, 0.0001, 0.9999, false}, {.name = NULL}};
static const char *const quantile_options[] = {"q", "l1", "l2", NULL};

static peal_status build(peal_builder *builder, peal_node **output, peal_error *err) {
    return models__first_layer(builder, "output", builder->outputs, PEAL_INIT_ZERO, output, err);
}

const peal_model peal_model_linear = {
    .name = "linear",
    .documentation = "linear regression of a number; l2=1/rows, l1=0",
    .options = options,
    .numbers = true,
    .takes_offset = true,
    .learner = &peal_learner_full,
    .build = build,
    .loss = &peal_loss_squared,
};

const peal_model peal_model_logistic = {
    .name = "logistic",
    .documentation = "logistic regression of two classes; l2=1/rows, l1=0",
    .options = options,
    .two_classes = true,
    .smooths = true,
    .takes_offset = true,
    .learner = &peal_learner_full,
    .build = build,
    .loss = &peal_loss_logistic,
};

const peal_model peal_model_softmax = {
    .name = "softmax",
    .documentation = "multinomial logistic regression of any number of classes; l2=1/rows, l1=0",
    .options = options,
    .two_classes = true,
    .many_classes = true,
    .softmax = true,
    .smooths = true,
    .learner = &peal_learner_full,
    .build = build,
    .loss = &peal_loss_softmax,
};

const peal_model peal_model_svm = {
    .name = "svm",
    .documentation = "linear support vectors, squared hinge, of two classes or each against the rest; l2=1/rows, l1=0",
    .options = options,
    .two_classes = true,
    .many_classes = true,
    .takes_offset = true,
    .learner = &peal_learner_full,
    .loss = &peal_loss_squared_hinge,
};

const peal_model peal_model_poisson = {
    .name = "poisson",
    .documentation = "Poisson regression of a count, log link; l2=1/rows, l1=0",
    .options = options,
    .numbers = true,
    .takes_offset = true,
    .learner = &peal_learner_full,
    .loss = &peal_loss_poisson,
};

const peal_model peal_model_huber = {
    .name = "huber",
    .documentation =
        "linear regression that outliers do not bend; epsilon=1.35 of the scale that it learns, l2=1/rows, "
        "l1=0",
    .options = huber_options,
    .parameters = huber_parameters,
    .numbers = true,
    .takes_offset = true,
    .learner = &peal_learner_full,
    .loss = &peal_loss_huber,
};

const peal_model peal_model_quantile = {
    .name = "quantile",
    .documentation = "linear regression of a quantile of a number; q=0.5, l2=1/rows, l1=0",
    .options = quantile_options,
    .parameters = quantile_parameters,
    .numbers = true,
    .takes_offset = true,
    .learner = &peal_learner_full,
    .loss = &peal_loss_quantile,
};
