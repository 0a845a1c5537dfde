/* The table of transforms, and the summaries that they are fitted on; see transform.h. */
#include "etl/transform/transform.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/base/vector.h"

const peal_transform *const peal_transforms[] = {
    &peal_transform_standardize, &peal_transform_minmax,    &peal_transform_impute,  &peal_transform_onehot,
    &peal_transform_index,       &peal_transform_label,     &peal_transform_replace, &peal_transform_split,
    &peal_transform_read_number, &peal_transform_hash,      &peal_transform_date,    &peal_transform_clip,
    &peal_transform_log1p,       &peal_transform_bucketize, &peal_transform_cast,    &peal_transform_tokens,
    &peal_transform_keep,        &peal_transform_weight,    &peal_transform_bins,    &peal_transform_offset,
    &peal_transform_exposure,    &peal_transform_resize,    &peal_transform_crop,    &peal_transform_pad,
    &peal_transform_flip,        &peal_transform_rotate,    &peal_transform_grey,    &peal_transform_rgb,
    &peal_transform_normalize,   &peal_transform_blur,      &peal_transform_sharpen, &peal_transform_edges,
    &peal_transform_query,       &peal_transform_members,   &peal_transform_missing, NULL,
};

peal_status peal_transform_find(const char *name, const peal_transform **out, peal_error *err) {
    const char *names[sizeof peal_transforms / sizeof *peal_transforms];
    size_t count = 0;
    for (; peal_transforms[count]; count++) {
        names[count] = peal_transforms[count]->name;
        if (strcmp(name, names[count]) == 0) {
            *out = peal_transforms[count];
            return PEAL_OK;
        }
    }
    char hint[PEAL_HINT_SIZE];
    return peal_fail(err, PEAL_E_USAGE, "no transform is called '%s'%s", name,
                     peal_did_you_mean(name, names, count, hint));
}

bool peal_transform_fills(const peal_transform *transform, const void *state) {
    return transform->fill && (!transform->fills || transform->fills(state));
}

/* A state that is NULL would mean that there is no memory. */
peal_status peal_transform_load_nothing(const json_t *options, void **state, peal_error *err) {
    (void)options;
    *state = calloc(1, 1);
    return *state ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
}

json_t *peal_transform_save_nothing(const void *state) {
    (void)state;
    return json_object();
}

bool peal_transform_always(const json_t *options) {
    (void)options;
    return true;
}

bool peal_transform_is_fitted(const peal_transform *transform, const void *state) {
    return transform->fit && (!transform->wants_histogram || transform->wants_histogram(state));
}

peal_status peal_transform_check_options(const peal_transform *transform, const json_t *options, peal_error *err) {
    json_t *own = json_copy((json_t *)options);
    char *owner = peal_sprintf("the transform '%s'", transform->name);
    peal_status status =
        own && owner ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for the options of a transform");
    if (status == PEAL_OK) {
        json_object_del(own, "transform");
        json_object_del(own, "columns");
        status = peal_options_check(owner, transform->options, own, err);
    }
    free(owner);
    json_decref(own);
    return status;
}

peal_status peal_transform_number(const json_t *options, const char *key, double otherwise, double *out,
                                  peal_error *err) {
    const json_t *value = json_object_get(options, key);
    *out = otherwise;
    if (!value) return PEAL_OK;
    if (json_is_number(value)) { /* finite: JSON has no other ones */
        *out = json_number_value(value);
        return PEAL_OK;
    }
    const char *text = json_string_value(value);
    if (text && peal_number_parse(text, json_string_length(value), out)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the option '%s' must be a number, not '%s'", key, text ? text : "?");
}

peal_status peal_transform_whole(const char *name, const json_t *options, const char *key, uint64_t otherwise,
                                 uint64_t least, uint64_t most, uint64_t *out, peal_error *err) {
    double number;
    PEAL_TRY(peal_transform_number(options, key, (double)otherwise, &number, err));
    if (number >= (double)least && number <= (double)most && number == floor(number)) {
        *out = (uint64_t)number;
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "%s: '%s' must be a whole number from %llu to %llu", name, key,
                     (unsigned long long)least, (unsigned long long)most);
}

peal_status peal_transform_choice(const json_t *options, const char *key, const char *const *names, unsigned *out,
                                  peal_error *err) {
    const peal_option option = {.name = key, .kind = PEAL_OPTION_CHOICE, .choices = names};
    PEAL_TRY(peal_option_check(&option, options, err));
    const char *text = peal_option_text(options, key, names[0]);
    for (*out = 0; strcmp(names[*out], text) != 0;) ++*out;
    return PEAL_OK;
}

peal_status peal_transform_flag(const json_t *options, const char *key, bool otherwise, bool *out, peal_error *err) {
    const peal_option option = {.name = key, .kind = PEAL_OPTION_FLAG};
    *out = peal_option_flag(options, key, otherwise);
    if (peal_option_check(&option, options, NULL) == PEAL_OK) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "'%s' must be yes or no", key);
}

/* ---- summaries ---- */

void peal_summary_clear(peal_summary *summary) {
    peal_dictionary_clear(&summary->texts);
    *summary = (peal_summary){0};
}

enum { LANES = 8 };

/* Sums and extremes of what is there, in LANES interleaved parts: a loop that every vector unit runs alike, with the
 * same bits. `keep` (may be NULL) is 1 for values that count. */
typedef struct lane_sums {
    double sum[LANES], min[LANES], max[LANES];
    uint64_t count[LANES], nulls[LANES];
} lane_sums;

PEAL_VECTOR static void sum_lanes(const double *restrict values, const uint8_t *restrict keep, size_t count,
                                  lane_sums *restrict out) {
    for (size_t i = 0; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            double value = values[i + lane];
            bool kept = keep ? keep[i + lane] != 0 : true, there = value == value;
            bool counts = kept & there;
            out->sum[lane] += counts ? value : 0;
            out->min[lane] = counts && value < out->min[lane] ? value : out->min[lane];
            out->max[lane] = counts && value > out->max[lane] ? value : out->max[lane];
            out->count[lane] += counts;
            out->nulls[lane] += kept & !there;
        }
    }
}

/* Sums of squared differences from the mean, in the same parts. */
PEAL_VECTOR static void square_lanes(const double *restrict values, const uint8_t *restrict keep, size_t count,
                                     double mean, double *restrict out) {
    for (size_t i = 0; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            double value = values[i + lane], difference = value - mean;
            bool counts = (keep ? keep[i + lane] != 0 : true) & (value == value);
            out[lane] += counts ? difference * difference : 0;
        }
    }
}

void peal_summary_add_numbers(peal_summary *summary, const double *values, const uint8_t *keep, size_t count) {
    lane_sums lanes = {0};
    double squares[LANES] = {0}, tail[LANES], sum = 0;
    uint8_t tail_keep[LANES] = {0};
    size_t whole = count / LANES * LANES;
    for (size_t lane = 0; lane < LANES; lane++) {
        lanes.min[lane] = INFINITY;
        lanes.max[lane] = -INFINITY;
        bool inside = whole + lane < count;
        tail[lane] = inside ? values[whole + lane] : 0;
        tail_keep[lane] = inside && (!keep || keep[whole + lane]);
    }
    sum_lanes(values, keep, whole, &lanes);
    sum_lanes(tail, tail_keep, LANES, &lanes);
    peal_summary more = {.min = INFINITY, .max = -INFINITY};
    for (size_t lane = 0; lane < LANES; lane++) {
        sum += lanes.sum[lane];
        more.count += lanes.count[lane];
        more.nulls += lanes.nulls[lane];
        if (lanes.min[lane] < more.min) more.min = lanes.min[lane];
        if (lanes.max[lane] > more.max) more.max = lanes.max[lane];
    }
    more.mean = more.count ? sum / (double)more.count : 0;
    square_lanes(values, keep, whole, more.mean, squares);
    square_lanes(tail, tail_keep, LANES, more.mean, squares);
    for (size_t lane = 0; lane < LANES; lane++) more.m2 += squares[lane];
    peal_summary_merge(summary, &more);
}

void peal_summary_merge(peal_summary *summary, const peal_summary *more) {
    summary->nulls += more->nulls;
    if (more->count == 0) return;
    if (summary->count == 0) {
        summary->count = more->count;
        summary->mean = more->mean;
        summary->m2 = more->m2;
        summary->min = more->min;
        summary->max = more->max;
        return;
    }
    double a = (double)summary->count, b = (double)more->count, difference = more->mean - summary->mean;
    summary->mean += difference * b / (a + b);
    summary->m2 += more->m2 + difference * difference * a * b / (a + b);
    summary->count += more->count;
    if (more->min < summary->min) summary->min = more->min;
    if (more->max > summary->max) summary->max = more->max;
}

double peal_summary_deviation(const peal_summary *summary) {
    return summary->count ? sqrt(summary->m2 / (double)summary->count) : 0;
}
