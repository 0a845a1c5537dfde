/* The options of split, and its decision for one row; see split.h. */
#include "etl/transform/split.h"

#include <math.h>

#include "core/base/digest.h"
#include "etl/transform/transform.h"

const char *const peal_split_names[PEAL_SPLITS] = {"train", "valid", "test"};
static const peal_option split_options[] = {
    {"valid", PEAL_OPTION_NUMBER, NULL, 0, 0, "FRACTION", "of the rows, to validate on (0)"},
    {"test", PEAL_OPTION_NUMBER, NULL, 0, 0, "FRACTION", "of the rows, to test on (0)"},
    {"seed", PEAL_OPTION_COUNT, NULL, 0, UINT64_C(1) << 53, "N", "of the hash of each row that decides (0)"},
    {.name = NULL},
};

peal_status peal_split_load(const json_t *options, peal_split *out, peal_error *err) {
    *out = (peal_split){0};
    PEAL_TRY(peal_transform_number(options, "valid", 0, &out->valid, err));
    PEAL_TRY(peal_transform_number(options, "test", 0, &out->test, err));
    if (!(out->valid >= 0 && out->test >= 0 && out->valid + out->test < 1)) {
        return peal_fail(err, PEAL_E_USAGE, "split: fractions of %g and %g leave nothing to train on", out->valid,
                         out->test);
    }
    return peal_transform_whole("split", options, "seed", 0, 0, (uint64_t)1 << 53, &out->seed, err);
}

json_t *peal_split_save(const peal_split *split) {
    return json_pack("{s:f, s:f, s:I}", "valid", split->valid, "test", split->test, "seed", (json_int_t)split->seed);
}

uint8_t peal_split_of(const peal_split *split, uint64_t hash) {
    double unit = (double)(peal_hash(&hash, sizeof hash, split->seed) >> 11) * 0x1.0p-53;
    if (unit < split->valid) return PEAL_SPLIT_VALID;
    return unit < split->valid + split->test ? PEAL_SPLIT_TEST : PEAL_SPLIT_TRAIN;
}

const peal_transform peal_transform_split = {
    .name = "split",
    .documentation =
        "rows: fractions are held out, by a hash of each row, or of its query where there are queries, which are "
        "not cut",
    .role = PEAL_TRANSFORM_ROWS,
    .options = split_options,
};
