/* mlp: hidden layers, then one layer for the output. */
#include <stdio.h>

#include "models/net/model.h"
#include "ops/op/op.h"

extern const peal_learner peal_learner_sgd;

static const char *const options[] = {"hidden", "activation", "dropout", "l2", NULL};

static peal_status build(peal_builder *builder, peal_node **output, peal_error *err) {
    const peal_model_spec *spec = builder->spec;
    peal_init init = spec->activation == &peal_op_relu ? PEAL_INIT_HE : PEAL_INIT_GLOROT;
    peal_node *value = NULL;
    for (size_t i = 0; i < spec->hidden_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "hidden%zu", i);
        if (i == 0) {
            PEAL_TRY(models__first_layer(builder, name, spec->hidden[i], init, &value, err));
        } else {
            PEAL_TRY(models__layer(builder, name, value, spec->hidden[i], init, &value, err));
        }
        PEAL_TRY(peal_graph_add(builder->graph, spec->activation, &value, 1, 0, &value, err));
        if (spec->dropout > 0) {
            PEAL_TRY(peal_graph_add(builder->graph, &peal_op_dropout, &value, 1, spec->dropout, &value, err));
        }
    }
    /* At zero, so that the first prediction is the mean whatever the seed. */
    return models__layer(builder, "output", value, builder->outputs, PEAL_INIT_ZERO, output, err);
}

const peal_model peal_model_mlp = {
    .name = "mlp",
    .smooths = true,
    .takes_offset = true,
    .documentation = "multi-layer perceptron of numbers or classes; hidden=256x128, activation=relu (tanh, sigmoid), "
                     "dropout=0, l2=1/rows",
    .options = options,
    .numbers = true,
    .two_classes = true,
    .many_classes = true,
    .learner = &peal_learner_sgd,
    .build = build,
};
