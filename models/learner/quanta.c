/* Rounds derivatives at random; see quanta.h. */
#include "models/learner/quanta.h"

#include <math.h>
#include <string.h>

#include "core/base/vector.h"

typedef struct rounding {
    uint32_t gradient[MODELS__QUANTA_ROWS], hessian[MODELS__QUANTA_ROWS];
} rounding;

/* Derivatives [count, step] as whole numbers. */
PEAL_VECTOR static void quantise(const double *derivatives, size_t step, size_t count, double gradient_scale,
                                 double hessian_scale, const rounding *random, int32_t *restrict gradients,
                                 int32_t *restrict hessians) {
    for (size_t i = 0; i < count; i++) {
        const double *own = derivatives + i * step;
        const double gradient = floor(own[0] * gradient_scale + random->gradient[i] * 0x1p-32);
        gradients[i] = (int32_t)(gradient < INT16_MAX ? gradient : INT16_MAX);
        hessians[i] = (int32_t)floor(own[1] * hessian_scale + random->hessian[i] * 0x1p-32);
    }
}

void models__quanta_write(const models__member *m, size_t begin, size_t count) {
    const models__trees *self = m->self;
    const double *derivatives = m->own->derivatives + 2 * (begin * self->outputs + m->output);
    int32_t gradients[MODELS__QUANTA_ROWS], hessians[MODELS__QUANTA_ROWS];
    uint32_t key[2], rest[3];
    rounding random;
    models__row_key(m, m->output, PEAL_PURPOSE_ROUND, key, rest);
    peal_philox_pairs(self->training->order + m->begin + begin, count, rest, key, random.gradient, random.hessian);
    quantise(derivatives, 2 * self->outputs, count, 1 / m->rules.gradient_unit, 1 / m->rules.hessian_unit, &random,
             gradients, hessians);
    for (size_t i = 0; i < count; i++) {
        const models__quantum quantum = {(int16_t)gradients[i], (uint16_t)hessians[i]};
        memcpy(m->own->matrix + (begin + i) * m->own->stride, &quantum, sizeof quantum);
    }
}
