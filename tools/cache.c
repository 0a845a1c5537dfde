/* `peal cache`: the datasets that 'peal train' made of raw files, listed and removed. */
#include <string.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/spec.h"
#include "tools/command.h"
#include "tools/display.h"

static json_t *inputs_json(const peal_cache_entry *entry) {
    json_t *inputs = json_array();
    for (size_t i = 0; i < entry->input_count; i++) inputs = peal_json_append(inputs, json_string(entry->inputs[i]));
    return inputs;
}

static json_t *entry_json(const peal_cache_entry *entry) {
    return json_pack("{s:o, s:I, s:I, s:I, s:o, s:b}", "path", peal_json_path(entry->path), "bytes",
                     (json_int_t)entry->bytes, "rows", (json_int_t)entry->rows, "age_seconds",
                     (json_int_t)entry->age_seconds, "inputs", inputs_json(entry), "damaged", entry->is_damaged);
}

/* {"folder", "datasets": [...]}; NULL if there is no memory. */
static json_t *list_json(const peal_cache *cache) {
    json_t *entries = json_array();
    for (size_t i = 0; i < cache->count; i++) entries = peal_json_append(entries, entry_json(&cache->entries[i]));
    return json_pack("{s:o, s:o}", "folder", peal_json_path(cache->folder), "datasets", entries);
}

static const char *age_text(int64_t seconds, char text[32]) {
    if (seconds < 7200) {
        snprintf(text, 32, "%lld min", (long long)seconds / 60);
    } else if (seconds < 172800) {
        snprintf(text, 32, "%lld h", (long long)seconds / 3600);
    } else {
        snprintf(text, 32, "%lld days", (long long)seconds / 86400);
    }
    return text;
}

static void print_entry(const peal_cache_entry *entry) {
    char size[32], age[32];
    tools_print("%s", entry->path);
    if (entry->is_damaged) {
        tools_print("  %s, damaged: the job that uses it makes it anew", peal_bytes_text(entry->bytes, size));
        return;
    }
    tools_print("  %s, %llu rows, %s old, made of %s%s", peal_bytes_text(entry->bytes, size),
                (unsigned long long)entry->rows, age_text(entry->age_seconds, age),
                entry->input_count ? entry->inputs[0] : "?", entry->input_count > 1 ? " and other files" : "");
}

static peal_status show(const tools_options *options, const peal_cache *cache, peal_error *err) {
    uint64_t bytes = 0;
    char size[32];
    if (options->json) return tools_print_json(list_json(cache), err);
    for (size_t i = 0; i < cache->count; i++) {
        print_entry(&cache->entries[i]);
        bytes += cache->entries[i].bytes;
    }
    tools_print("%zu dataset%s, %s in %s", cache->count, cache->count == 1 ? "" : "s", peal_bytes_text(bytes, size),
                cache->folder);
    return PEAL_OK;
}

/* Removes those whose path or key stands among `names`, all if there are none. What was removed is left in `cache`. */
static peal_status clear(const tools_options *options, peal_cache *cache, peal_error *err) {
    const char *const *names = (const char *const *)options->sources + 1;
    const size_t count = options->source_count - 1;
    for (size_t i = 0; i < count; i++) PEAL_TRY(peal_cache_remove(names[i], err));
    for (size_t i = 0; count == 0 && i < cache->count; i++) PEAL_TRY(peal_cache_remove(cache->entries[i].path, err));
    const size_t removed = count ? count : cache->count;
    if (options->json) {
        return tools_print_json(json_pack("{s:I}", "removed", (json_int_t)removed), err);
    }
    tools_print("%zu dataset%s removed from %s", removed, removed == 1 ? "" : "s", cache->folder);
    return PEAL_OK;
}

static peal_status run(const tools_options *options, peal_error *err) {
    static const char *const actions[] = {"list", "clear"};
    size_t action = 0;
    if (options->source_count) {
        PEAL_TRY(peal_spec_choose("action on the cache", options->sources[0], actions, 2, &action, err));
    }
    if (action == 0 && options->source_count > 1) {
        return peal_fail(err, PEAL_E_USAGE, "'peal cache list' takes no names; 'peal cache clear' does");
    }
    peal_cache cache;
    PEAL_TRY(peal_cache_list(&cache, err));
    peal_status status = action == 0 ? show(options, &cache, err) : clear(options, &cache, err);
    peal_cache_clear(&cache);
    return status;
}

const tools_command tools_command_cache = {
    .name = "cache",
    .usage = "[list] | clear [PATH|KEY...]",
    .documentation =
        "Lists the datasets that 'peal train' made of raw files and keeps, or removes them: all, or those named by "
        "path or by key (the path's last part). It lies in $PEAL_CACHE, else $XDG_CACHE_HOME/peal, else ~/.cache/peal.",
    .bit = FOR_CACHE,
    .run = run,
};
