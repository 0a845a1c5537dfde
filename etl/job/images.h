/* Images to images: each image of the sources goes through the transforms and is written again, as JPEG or PNG, under
 * the path that it has below its source. What `peal etl --to images` does.
 *
 *   images.c         the job: decode, transform, encode, write; what a killed one left; into place
 *   images_name.c    where each image goes
 *   images_folder.c  the folder that comes out: its manifest and list of files, whether all is as it was written
 *
 * The folder has the images, beside those that had a label of their own a file key.cls with it, and `_manifest.json`
 * (sealed), `_files.jsonl` (each file with its bytes and XXH3) and, if there are any, the bad ones in
 * `_quarantine.jsonl`: names that a folder of images passes over, so that it is a source of images itself. */
#ifndef PEAL_ETL_IMAGES_H
#define PEAL_ETL_IMAGES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/file.h"
#include "core/base/status.h"
#include "etl/image/encode.h"
#include "etl/job/ingest.h"

typedef struct peal_images_options {
    const char *const *sources; /* files, folders, globs, archives */
    size_t source_count;
    const json_t *access; /* as in peal_source_options; borrowed */
    const char *out;      /* the folder; one that stands there is replaced, once the new one is whole, if it is wholly
                           * such a job's */
    const json_t *transforms; /* array as in peal_plan_options, of images only; NULL: none; borrowed */
    const char *kind;         /* "jpeg", "png"; NULL: each as its name says */
    unsigned quality;         /* of JPEG, 1 to 100 */
    size_t processes;         /* that decode and encode, so that a crash costs one image only; 0: the threads do */
    size_t threads;           /* 0: as many as there are CPUs */
    peal_bad_rows on_bad_row;
    bool resume; /* go on where a killed or interrupted job of the same kind stopped */
    const atomic_int *stop;
    const peal_reporter *reporter;
} peal_images_options;

peal_images_options peal_images_default(void);

typedef struct peal_images_result {
    uint64_t rows_in, rows_used, rows_dropped, rows_quarantined; /* in = used + dropped + quarantined */
    uint64_t rows_kept;                                          /* of those used: written by a job that was killed */
    uint64_t bytes;                                              /* of all images that are written */
    int64_t wall_ns;
    size_t threads;
    bool up_to_date; /* `resume` found the folder complete */
} peal_images_result;

/* PEAL_E_USAGE for wishes that cannot be, also if two images would have one name; PEAL_E_DATA names what is no image or
 * a bad one; PEAL_E_INTERRUPTED after `stop`. On failure no folder appears and one that stood there still stands. */
peal_status peal_images_write(const peal_images_options *options, peal_images_result *result, peal_error *err);

#endif
