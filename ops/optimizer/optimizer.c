/* The table of optimisers, and the reading of their specs; see optimizer.h. */
#include "ops/optimizer/optimizer.h"

#include "core/base/spec.h"

const peal_optimizer *const peal_optimizers[] = {&peal_optimizer_sgd, &peal_optimizer_adagrad, &peal_optimizer_adam,
                                                 &peal_optimizer_adamw, NULL};

float ops__power(float base, uint32_t exponent) {
    float power = 1;
    for (; exponent; exponent >>= 1, base *= base) {
        if (exponent & 1) power *= base;
    }
    return power;
}

float ops__series(float ratio, float last, uint32_t count) {
    return ratio == 1 ? (float)count : ratio * (1 - last) / (1 - ratio);
}

peal_status peal_optimizer_parse(const char *text, const peal_optimizer **out, peal_optimizer_options *options,
                                 peal_error *err) {
    peal_spec spec;
    const char *names[sizeof peal_optimizers / sizeof *peal_optimizers];
    size_t count = 0, chosen;
    for (; peal_optimizers[count]; count++) names[count] = peal_optimizers[count]->name;
    PEAL_TRY(peal_spec_parse("optimizer", text, &spec, err));
    PEAL_TRY(peal_spec_choose("optimizer", spec.name, names, count, &chosen, err));
    *out = peal_optimizers[chosen];
    PEAL_TRY(peal_spec_check("optimizer", &spec, (*out)->options, err));
    *options = (*out)->defaults;
    double nesterov, value;
    const struct {
        const char *key;
        float *to;
        double most;
    } numbers[] = {
        {"momentum", &options->momentum, 0.9999},    {"beta1", &options->beta1, 0.999999},
        {"beta2", &options->beta2, 0.999999},        {"epsilon", &options->epsilon, 1},
        {"weight_decay", &options->weight_decay, 1},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        PEAL_TRY(peal_spec_number(&spec, numbers[i].key, (double)*numbers[i].to, 0, numbers[i].most, &value, err));
        *numbers[i].to = (float)value;
    }
    PEAL_TRY(peal_spec_number(&spec, "nesterov", options->nesterov, 0, 1, &nesterov, err));
    options->nesterov = nesterov != 0;
    return PEAL_OK;
}
