/* Whether a manifest's parts are there, of their types, and agree; see manifest.h. */
#include "etl/dataset/manifest.h"

#include <stdio.h>
#include <string.h>

#include "core/base/seal.h"
#include "etl/dataset/dataset.h"

static peal_status damaged(const char *path, peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "%s is not a dataset's manifest: %s", path, what);
}

/* Adds a count of `object` to *sum. False if it is no whole number from `least`, or if the sum overflows. */
static bool add_count(const json_t *object, const char *key, json_int_t least, json_int_t *sum) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) && json_integer_value(value) >= least &&
           !__builtin_add_overflow(*sum, json_integer_value(value), sum);
}

static bool is_hash(const json_t *value) {
    return json_is_string(value) && json_string_length(value) == PEAL_SEAL_SIZE &&
           strspn(json_string_value(value), "0123456789abcdef") == PEAL_SEAL_SIZE;
}

static bool shard_is_right(const json_t *shard, const char *split, size_t index, json_int_t *rows) {
    char name[64];
    json_int_t others = 0;
    snprintf(name, sizeof name, "%s-%05zu.arrow", split, index);
    const char *file = json_string_value(json_object_get(shard, "file"));
    return json_object_size(shard) == 5 && file && strcmp(file, name) == 0 && add_count(shard, "rows", 1, rows) &&
           add_count(shard, "batches", 1, &others) && add_count(shard, "bytes", 1, &others) &&
           is_hash(json_object_get(shard, "xxh3"));
}

static bool split_is_right(const json_t *split, const char *name, json_int_t *rows) {
    const json_t *shards = json_object_get(split, "shards");
    json_int_t promised = 0, found = 0;
    if (json_object_size(split) != 2 || !add_count(split, "rows", 1, &promised) || !json_is_array(shards)) return false;
    for (size_t i = 0; i < json_array_size(shards); i++) {
        if (!shard_is_right(json_array_get(shards, i), name, i, &found)) return false;
    }
    return promised == found && !__builtin_add_overflow(*rows, found, rows);
}

peal_status etl__manifest_check(const json_t *manifest, const char *path, peal_error *err) {
    static const char *const rest[] = {"used", "dropped", "quarantined"};
    const json_t *rows = json_object_get(manifest, "rows"), *splits = json_object_get(manifest, "splits");
    json_int_t in = 0, out = 0, used = 0, in_splits = 0;
    bool right = json_object_size(rows) == 4 && add_count(rows, "in", 1, &in) && add_count(rows, "used", 1, &used);
    for (size_t i = 0; right && i < 3; i++) right = add_count(rows, rest[i], 0, &out);
    if (!right || in != out) return damaged(path, err, "its rows do not add up");
    if (!json_is_object(json_object_get(manifest, "job"))) return damaged(path, err, "it has no job");
    if (json_array_size(json_object_get(manifest, "inputs")) == 0) return damaged(path, err, "it has no inputs");
    if (!json_is_object(json_object_get(manifest, "pipeline"))) return damaged(path, err, "it has no pipeline");
    size_t known = 0;
    for (int i = 0; i < PEAL_SPLITS; i++) {
        const json_t *split = json_object_get(splits, peal_split_names[i]);
        if (!split) continue;
        known++;
        if (!split_is_right(split, peal_split_names[i], &in_splits)) return damaged(path, err, "a split or a shard");
    }
    if (known != json_object_size(splits)) return damaged(path, err, "it has a split that is not known");
    return in_splits == used ? PEAL_OK : damaged(path, err, "its splits have more or fewer rows than were used");
}
