/* Optimisers: how a gradient changes the parameters. To add one: a file with a `const peal_optimizer` and a line in the
 * table of optimizer.c. */
#ifndef PEAL_OPS_OPTIMIZER_OPTIMIZER_H
#define PEAL_OPS_OPTIMIZER_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { PEAL_OPTIMIZER_STATES = 2 };

typedef struct peal_optimizer_options {
    float momentum;
    bool nesterov;
    float beta1, beta2, epsilon;
    float weight_decay;
} peal_optimizer_options;

typedef struct peal_optimizer {
    const char *name;
    const char *documentation;
    const char *const *options; /* the keys of a spec, NULL-terminated */
    size_t states;              /* vectors of the parameters' size that it keeps, zero at the beginning */
    float default_lr;           /* chosen by measurement, see models/README.md */
    peal_optimizer_options defaults;
    /* One step: the t-th (from 1). params, grads and states[..] have `count` floats; element-wise, so any part of the
     * vectors may be done by anyone. */
    void (*step)(const peal_optimizer_options *options, float lr, uint64_t t, float *params, const float *grads,
                 float *const *states, size_t count);
    /* What steps without a gradient do, but for the penalty's, which is `penalty` times the parameter: what is left of
     * the momentum is spent. All at once, at the rates of step t, for rows that seldom have a gradient. params and
     * states[..] are [rows, width]; row r rests for rests[r] steps. `occurs`: a step with gradients follows, and means
     * of squares fade, as they do step by step; else they stay, or the penalty of a long rest would be divided by ever
     * less. */
    void (*rest)(const peal_optimizer_options *options, float lr, uint64_t t, float penalty, const uint32_t *rests,
                 bool occurs, size_t rows, size_t width, float *params, float *const *states);
} peal_optimizer;

extern const peal_optimizer peal_optimizer_sgd, peal_optimizer_adagrad, peal_optimizer_adam, peal_optimizer_adamw;
extern const peal_optimizer *const peal_optimizers[]; /* ends with NULL */

/* base^exponent, by squaring: the same bits on every machine. */
float ops__power(float base, uint32_t exponent);
/* ratio + ratio^2 + ... + ratio^count; `last` is ratio^count. */
float ops__series(float ratio, float last, uint32_t count);
/* Zero for what is almost zero: numbers that go on fading would become subnormal, which CPUs compute slowly. */
static inline float ops__faded(float value) {
    return value < 1e-30f && value > -1e-30f ? 0 : value;
}

/* From a spec like "sgd:momentum=0.9,nesterov=1". */
peal_status peal_optimizer_parse(const char *text, const peal_optimizer **out, peal_optimizer_options *options,
                                 peal_error *err);

/* ---- schedules: how the learning rate changes while the training goes on ---- */

typedef struct peal_schedule_options {
    double warmup; /* fraction of the training in which the rate rises from 0 */
    double every;  /* step: fraction after which it is multiplied by gamma */
    double gamma;
    double least; /* cosine: the last rate as a fraction of the first */
    double steps; /* inverse: after so many the rate is that of the first by the root of two */
} peal_schedule_options;

typedef struct peal_schedule {
    const char *name;
    const char *documentation;
    const char *const *options;
    bool has_no_end; /* it does not ask how long the training lasts, and so can be that of a stream */
    /* The factor at `progress` in [0, 1) and behind so many steps, warm-up left out of account. */
    double (*factor)(const peal_schedule_options *options, double progress, double done);
} peal_schedule;

extern const peal_schedule *const peal_schedules[]; /* ends with NULL */

/* From a spec like "cosine:warmup=0.1". */
peal_status peal_schedule_parse(const char *text, const peal_schedule **out, peal_schedule_options *options,
                                peal_error *err);
/* The factor of the learning rate at `progress` in [0, 1), behind `done` steps. */
double peal_schedule_factor(const peal_schedule *schedule, const peal_schedule_options *options, double progress,
                            double done);

#endif
