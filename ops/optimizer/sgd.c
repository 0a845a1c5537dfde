/* Stochastic gradient descent.
 *   g += weight_decay w;  v = momentum v + g;  w -= lr (nesterov ? g + momentum v : v).
 * Source: Sutskever, Martens, Dahl, Hinton, ICML 2013, in the form in which the momentum is not scaled by lr. */
#include <math.h>

#include "core/base/vector.h"
#include "ops/optimizer/optimizer.h"

static const char *const options[] = {"momentum", "nesterov", "weight_decay", NULL};

PEAL_VECTOR static void plain(float *restrict w, const float *restrict g, float *restrict v, float lr, float momentum,
                              float decay, size_t count) {
    for (size_t i = 0; i < count; i++) {
        v[i] = momentum * v[i] + (g[i] + decay * w[i]);
        w[i] -= lr * v[i];
    }
}

PEAL_VECTOR static void nesterov(float *restrict w, const float *restrict g, float *restrict v, float lr,
                                 float momentum, float decay, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] + decay * w[i];
        v[i] = momentum * v[i] + gradient;
        w[i] -= lr * (gradient + momentum * v[i]);
    }
}

static void sgd_step(const peal_optimizer_options *o, float lr, uint64_t t, float *params, const float *grads,
                     float *const *states, size_t count) {
    (void)t;
    (o->nesterov ? nesterov : plain)(params, grads, states[0], lr, o->momentum, o->weight_decay, count);
}

/* v decays to momentum^n v, and w moves by lr v (momentum + ... + momentum^n) on the way; with Nesterov's form each of
 * these is one power further. The penalty's steps add up to lr penalty w n / (1 - momentum). */
static void sgd_rest(const peal_optimizer_options *o, float lr, uint64_t t, float penalty, const uint32_t *rests,
                     bool occurs, size_t rows, size_t width, float *params, float *const *states) {
    (void)t, (void)occurs;
    const float shrink = lr * (penalty + o->weight_decay) / (1 - o->momentum);
    for (size_t r = 0; r < rows; r++, params += width) {
        if (rests[r] == 0) continue;
        const float left = ops__power(o->momentum, rests[r]);
        const float moved = lr * ops__series(o->momentum, left, rests[r]) * (o->nesterov ? o->momentum : 1.0f);
        const float kept = fmaxf(0, 1 - shrink * (float)rests[r]);
        float *v = states[0] + r * width;
        for (size_t i = 0; i < width; i++) {
            params[i] = kept * params[i] - moved * v[i];
            v[i] = ops__faded(left * v[i]);
        }
    }
}

const peal_optimizer peal_optimizer_sgd = {
    .name = "sgd",
    .documentation = "gradient descent with momentum=0.9, nesterov=0 and weight_decay=0",
    .options = options,
    .states = 1,
    .default_lr = 0.05f,
    .defaults = {.momentum = 0.9f},
    .step = sgd_step,
    .rest = sgd_rest,
};
