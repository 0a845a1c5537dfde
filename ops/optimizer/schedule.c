/* Schedules of the learning rate: constant, step, cosine (Loshchilov and Hutter, ICLR 2017), each with a linear warm-up
 * (Goyal et al. 2017, arXiv:1706.02677, section 2.2); and one by the root of the steps, which needs no end (Zinkevich
 * 2003, "Online Convex Programming"). */
#include <math.h>

#include "core/base/spec.h"
#include "ops/optimizer/optimizer.h"

static double constant_factor(const peal_schedule_options *options, double progress, double done) {
    (void)options, (void)progress, (void)done;
    return 1;
}

static double step_factor(const peal_schedule_options *options, double progress, double done) {
    (void)done;
    return pow(options->gamma, floor(progress / options->every));
}

static double cosine_factor(const peal_schedule_options *options, double progress, double done) {
    (void)done;
    return options->least + (1 - options->least) * (1 + cos(3.141592653589793 * progress)) / 2;
}

static double inverse_factor(const peal_schedule_options *options, double progress, double done) {
    (void)progress;
    return 1 / sqrt(1 + done / options->steps);
}

static const char *const constant_options[] = {"warmup", NULL};
static const char *const step_options[] = {"warmup", "every", "gamma", NULL};
static const char *const cosine_options[] = {"warmup", "least", NULL};
static const char *const inverse_options[] = {"steps", NULL};

static const peal_schedule constant = {
    .name = "constant",
    .documentation = "the same rate throughout; warmup=0 is the fraction of the training in which it rises from 0",
    .options = constant_options,
    .has_no_end = true,
    .factor = constant_factor,
};
static const peal_schedule step = {
    .name = "step",
    .documentation = "the rate times gamma=0.1 after every=0.3333 of the training; warmup=0",
    .options = step_options,
    .factor = step_factor,
};
static const peal_schedule cosine = {
    .name = "cosine",
    .documentation = "the rate falls along half a cosine to least=0 times itself; warmup=0",
    .options = cosine_options,
    .factor = cosine_factor,
};

static const peal_schedule inverse = {
    .name = "inverse",
    .documentation = "the rate over the root of 1 + steps done / steps=1000: falls without an end",
    .options = inverse_options,
    .has_no_end = true,
    .factor = inverse_factor,
};

const peal_schedule *const peal_schedules[] = {&constant, &step, &cosine, &inverse, NULL};

peal_status peal_schedule_parse(const char *text, const peal_schedule **out, peal_schedule_options *options,
                                peal_error *err) {
    peal_spec spec;
    const char *names[sizeof peal_schedules / sizeof *peal_schedules];
    size_t count = 0, chosen;
    for (; peal_schedules[count]; count++) names[count] = peal_schedules[count]->name;
    PEAL_TRY(peal_spec_parse("schedule", text, &spec, err));
    PEAL_TRY(peal_spec_choose("schedule", spec.name, names, count, &chosen, err));
    *out = peal_schedules[chosen];
    PEAL_TRY(peal_spec_check("schedule", &spec, (*out)->options, err));
    PEAL_TRY(peal_spec_number(&spec, "warmup", 0, 0, 1, &options->warmup, err));
    PEAL_TRY(peal_spec_number(&spec, "every", 1.0 / 3, 0.0001, 1, &options->every, err));
    PEAL_TRY(peal_spec_number(&spec, "gamma", 0.1, 0, 1, &options->gamma, err));
    PEAL_TRY(peal_spec_number(&spec, "steps", 1000, 1, 1e15, &options->steps, err));
    return peal_spec_number(&spec, "least", 0, 0, 1, &options->least, err);
}

double peal_schedule_factor(const peal_schedule *schedule, const peal_schedule_options *options, double progress,
                            double done) {
    double factor = schedule->factor(options, progress, done);
    return progress < options->warmup ? factor * progress / options->warmup : factor;
}
