/* AdaGrad.
 *   g += weight_decay w;  s += g^2;  w -= lr g / (sqrt(s) + epsilon).
 * Source: Duchi, Hazan, Singer, JMLR 12 (2011), diagonal form. */
#include <math.h>

#include "core/base/vector.h"
#include "ops/optimizer/optimizer.h"

static const char *const options[] = {"epsilon", "weight_decay", NULL};

PEAL_VECTOR static void step(float *restrict w, const float *restrict g, float *restrict s, float lr, float epsilon,
                             float decay, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] + decay * w[i];
        s[i] += gradient * gradient;
        w[i] -= lr * gradient / (__builtin_sqrtf(s[i]) + epsilon);
    }
}

static void adagrad_step(const peal_optimizer_options *o, float lr, uint64_t t, float *params, const float *grads,
                         float *const *states, size_t count) {
    (void)t;
    step(params, grads, states[0], lr, o->epsilon, o->weight_decay, count);
}

/* Nothing moves but by the penalty, which is taken at the rate that s stands for. */
static void adagrad_rest(const peal_optimizer_options *o, float lr, uint64_t t, float penalty, const uint32_t *rests,
                         bool occurs, size_t rows, size_t width, float *params, float *const *states) {
    (void)t, (void)occurs;
    const float shrink = lr * (penalty + o->weight_decay);
    for (size_t r = 0; r < rows; r++, params += width) {
        const float *s = states[0] + r * width, times = shrink * (float)rests[r];
        for (size_t i = 0; times > 0 && i < width; i++) {
            params[i] *= fmaxf(0, 1 - times / (__builtin_sqrtf(s[i]) + o->epsilon));
        }
    }
}

const peal_optimizer peal_optimizer_adagrad = {
    .name = "adagrad",
    .documentation = "rates per parameter that shrink with the squares seen: epsilon=1e-10, weight_decay=0",
    .options = options,
    .states = 1,
    .default_lr = 0.05f,
    .defaults = {.epsilon = 1e-10f},
    .step = adagrad_step,
    .rest = adagrad_rest,
};
