/* Adam and AdamW.
 *   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *   w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).
 * Adam adds weight_decay w to g; AdamW takes lr weight_decay w from w instead.
 * Sources: Kingma and Ba, ICLR 2015, algorithm 1; Loshchilov and Hutter, ICLR 2019, algorithm 2. */
#include <math.h>

#include "core/base/vector.h"
#include "ops/optimizer/optimizer.h"

static const char *const options[] = {"beta1", "beta2", "epsilon", "weight_decay", NULL};

typedef struct rates {
    float step;     /* lr / (1 - beta1^t) */
    float v_factor; /* 1 / sqrt(1 - beta2^t) */
    float beta1, beta2, epsilon, coupled, decoupled;
} rates;

PEAL_VECTOR static void step(float *restrict w, const float *restrict g, float *restrict m, float *restrict v, rates r,
                             size_t count) {
    for (size_t i = 0; i < count; i++) {
        float gradient = g[i] + r.coupled * w[i];
        m[i] = r.beta1 * m[i] + (1 - r.beta1) * gradient;
        v[i] = r.beta2 * v[i] + (1 - r.beta2) * (gradient * gradient);
        w[i] -= r.decoupled * w[i] + r.step * m[i] / (__builtin_sqrtf(v[i]) * r.v_factor + r.epsilon);
    }
}

static rates rates_at(const peal_optimizer_options *o, float lr, uint64_t t) {
    return (rates){
        .step = (float)((double)lr / (1 - pow((double)o->beta1, (double)t))),
        .v_factor = (float)(1 / sqrt(1 - pow((double)o->beta2, (double)t))),
        .beta1 = o->beta1,
        .beta2 = o->beta2,
        .epsilon = o->epsilon,
    };
}

static void adam_step(const peal_optimizer_options *o, float lr, uint64_t t, float *params, const float *grads,
                      float *const *states, size_t count) {
    rates r = rates_at(o, lr, t);
    r.coupled = o->weight_decay;
    step(params, grads, states[0], states[1], r, count);
}

static void adamw_step(const peal_optimizer_options *o, float lr, uint64_t t, float *params, const float *grads,
                       float *const *states, size_t count) {
    rates r = rates_at(o, lr, t);
    r.decoupled = lr * o->weight_decay;
    step(params, grads, states[0], states[1], r, count);
}

/* After n steps without a gradient m is beta1^n m; w has moved by step m / size (beta1 + ... + beta1^n) on the way. */
static void rest(float *restrict w, float *restrict m, const float *restrict v, rates r, float penalty, uint32_t steps,
                 size_t width) {
    const float left = ops__power(r.beta1, steps), moved = r.step * ops__series(r.beta1, left, steps);
    const float shrink = r.step * penalty * (float)steps, kept = ops__power(1 - r.decoupled, steps);
    for (size_t i = 0; i < width; i++) {
        const float size = __builtin_sqrtf(v[i]) * r.v_factor + r.epsilon;
        w[i] = kept * w[i] * fmaxf(0, 1 - shrink / size) - moved * m[i] / size;
        m[i] = ops__faded(left * m[i]);
    }
}

static void rest_rows(rates r, float penalty, const uint32_t *rests, bool occurs, size_t rows, size_t width,
                      float *params, float *const *states) {
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * width;
        if (rests[row] == 0) continue;
        rest(params + at, states[0] + at, states[1] + at, r, penalty, rests[row], width);
        const float left = ops__power(r.beta2, rests[row]);
        for (size_t i = at; occurs && i < at + width; i++) states[1][i] = ops__faded(left * states[1][i]);
    }
}

static void adam_rest(const peal_optimizer_options *o, float lr, uint64_t t, float penalty, const uint32_t *rests,
                      bool occurs, size_t rows, size_t width, float *params, float *const *states) {
    rest_rows(rates_at(o, lr, t), penalty + o->weight_decay, rests, occurs, rows, width, params, states);
}

static void adamw_rest(const peal_optimizer_options *o, float lr, uint64_t t, float penalty, const uint32_t *rests,
                       bool occurs, size_t rows, size_t width, float *params, float *const *states) {
    rates r = rates_at(o, lr, t);
    r.decoupled = lr * o->weight_decay;
    rest_rows(r, penalty, rests, occurs, rows, width, params, states);
}

const peal_optimizer peal_optimizer_adam = {
    .name = "adam",
    .documentation = "moments of the gradient: beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0",
    .options = options,
    .states = 2,
    .default_lr = 0.001f,
    .defaults = {.beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f},
    .step = adam_step,
    .rest = adam_rest,
};

const peal_optimizer peal_optimizer_adamw = {
    .name = "adamw",
    .documentation = "Adam with the decay of weights kept apart: weight_decay=0.01, the rest as adam",
    .options = options,
    .states = 2,
    .default_lr = 0.001f,
    .defaults = {.beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f, .weight_decay = 0.01f},
    .step = adamw_step,
    .rest = adamw_rest,
};
