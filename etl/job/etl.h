/* ETL: from sources to a dataset. What `peal etl` does. */
#ifndef PEAL_ETL_ETL_H
#define PEAL_ETL_ETL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/file.h"
#include "core/base/lock.h"
#include "core/base/status.h"
#include "etl/job/ingest.h"
#include "etl/job/stage.h"
#include "etl/pipeline/pipeline.h"

typedef struct peal_etl_options {
    const char *const *sources;
    size_t source_count;
    const char *out;          /* folder of the dataset; one that stands there is replaced once the new one is whole */
    const char *format;       /* name, or NULL: found, input by input */
    const json_t *reading;    /* options of the format (etl/format: delimiter, header...), or NULL; borrowed */
    const json_t *access;     /* options of the kinds of sources (etl/source: connections...), or NULL; borrowed */
    const char *const *nulls; /* spellings of a missing value; the empty one always is one; borrowed */
    size_t null_count;
    size_t block_size;      /* bytes of text that are parsed at once; 0: the default */
    peal_plan_options plan; /* label, task, transforms, types, drop; borrowed */
    const json_t *fitted;   /* a fitted pipeline to apply instead of planning and fitting one, or NULL */
    size_t processes;       /* that decode images, so that a crash costs one image only; 0: the threads do */
    size_t threads;         /* 0: as many as there are CPUs */
    size_t text_memory;     /* bytes for the distinct texts that are in memory at once; 0: the default */
    peal_bad_rows on_bad_row;
    peal_bad_rows on_bad_source; /* of one that cannot be read (PEAL_E_DATA): it is named, and listed in the manifest */
    bool resume;                 /* go on where a killed or interrupted job of the same kind stopped */
    const atomic_int *stop;      /* not 0: stop soon with PEAL_E_INTERRUPTED; may be NULL */
    const peal_reporter *reporter; /* may be NULL */
} peal_etl_options;

peal_etl_options peal_etl_default(void);

typedef struct peal_etl_result {
    uint64_t rows_in, rows_used, rows_dropped, rows_quarantined; /* in = used + dropped + quarantined */
    uint64_t sources_left_out;
    uint64_t split_rows[PEAL_SPLITS];
    peal_stage_times times;
    peal_source_usage usage; /* of connections to servers */
    bool up_to_date;         /* `resume` found the dataset complete */
} peal_etl_result;

/* {"in", "used", "dropped", "quarantined"}, as in a manifest; NULL if there is no memory. */
json_t *peal_etl_rows_save(const peal_etl_result *result);

/* PEAL_E_USAGE for wishes that cannot be, PEAL_E_DATA for bad input (named by file and line or byte),
 * PEAL_E_INTERRUPTED after `stop`. On failure no dataset appears and one that stood there still stands. */
peal_status peal_etl(const peal_etl_options *options, peal_etl_result *result, peal_error *err);

/* A dataset that was found or made for one caller, who holds it until it is released. */
typedef struct peal_cached {
    char *path;
    peal_lock *lock;          /* nobody replaces it meanwhile */
    peal_staging *own_folder; /* of a dataset that is not kept: it is removed with this folder */
} peal_cached;

/* A dataset of these sources in the cache (etl/job/cache.h); `options->out` is ignored. An entry belongs to one job and
 * the paths of its sources. It is reused if the inputs (by etl/job/input.h) are the same; otherwise it is made anew and
 * the reason is reported. One that another job is making is waited for. Without a cache that can be trusted, or while
 * others still read an entry that is stale, the dataset is the caller's alone. */
peal_status peal_etl_cached(const peal_etl_options *options, peal_cached *out, peal_etl_result *result,
                            peal_error *err);
/* Of zeroed memory: nothing. */
void peal_cached_release(peal_cached *cached);

/* ---- the cache ---- */

/* A cached dataset. */
typedef struct peal_cache_entry {
    char *path;     /* its last part is the key */
    uint64_t bytes; /* of all its files */
    uint64_t rows;
    int64_t age_seconds; /* since it was made */
    char **inputs;       /* [input_count] what it was made of, as the manifest names it */
    size_t input_count;
    bool is_damaged; /* its manifest cannot be read: rows and inputs are unknown, the next job makes it anew */
} peal_cache_entry;

typedef struct peal_cache {
    char *folder;
    peal_cache_entry *entries; /* [count], by path */
    size_t count;
} peal_cache;

/* The datasets in it; what has not the name of one is left out. The caller clears `out` after success. */
peal_status peal_cache_list(peal_cache *out, peal_error *err);
void peal_cache_clear(peal_cache *cache);
/* Removes one dataset, named by its path or its key. PEAL_E_USAGE if the cache has no such one, or if anything in its
 * folder is not the dataset's. */
peal_status peal_cache_remove(const char *path_or_key, peal_error *err);

#endif
