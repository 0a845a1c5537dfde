/* linear, logistic and softmax: one layer; they differ in the label that they learn. All parameters begin at zero. */
#include "models/net/model.h"

extern const peal_learner peal_learner_sgd;

static const char *const options[] = {"l2", NULL};

static peal_status build(peal_builder *builder, peal_node **output, peal_error *err) {
    return models__first_layer(builder, "output", builder->outputs, PEAL_INIT_ZERO, output, err);
}

const peal_model peal_model_linear = {
    .name = "linear",
    .documentation = "linear regression of a number; l2=1/rows",
    .options = options,
    .numbers = true,
    .learner = &peal_learner_sgd,
    .build = build,
};

const peal_model peal_model_logistic = {
    .name = "logistic",
    .documentation = "logistic regression of two classes; l2=1/rows",
    .options = options,
    .two_classes = true,
    .learner = &peal_learner_sgd,
    .build = build,
};

const peal_model peal_model_softmax = {
    .name = "softmax",
    .documentation = "multinomial logistic regression of any number of classes; l2=1/rows",
    .options = options,
    .two_classes = true,
    .many_classes = true,
    .softmax = true,
    .learner = &peal_learner_sgd,
    .build = build,
};
