/* What the sources of the job that writes images share. Private to this folder. */
#ifndef PEAL_ETL_JOB_IMAGES_WORK_H
#define PEAL_ETL_JOB_IMAGES_WORK_H

#include <jansson.h>

#include "etl/job/images.h"
#include "etl/job/objects.h"

/* A file of the folder that comes out. */
typedef struct job__file_mark {
    char *path; /* in the folder; a slash between its parts */
    uint64_t bytes, hash;
    uint64_t from; /* identity of what it was made of; 0: not told */
} job__file_mark;

/* An image and where it goes. */
typedef struct job__image {
    const peal_item *item;
    job__file_mark file, label; /* label.path: NULL if the item has no label of its own */
    size_t kind;
    bool is_written, is_kept; /* kept: a job that was killed wrote it */
    bool is_bad;
    char *reason;  /* why it is bad */
    char *warning; /* what the decoder passed over; NULL: nothing */
} job__image;

/* In the order of the items. */
typedef struct job__images {
    job__image *all;
    size_t count;
} job__images;

/* Where each image goes; `kind` is SIZE_MAX where its name says. One whose name leads out of the folder is bad and has
 * no path. PEAL_E_USAGE if two would go to one place. */
peal_status job__images_name(const peal_object_list *objects, const peal_images_options *options, size_t kind,
                             job__images *out, peal_error *err);
void job__images_clear(job__images *images);

/* ---- the folder ---- */

#define JOB__IMAGES_MANIFEST "_manifest.json"
#define JOB__IMAGES_FILES "_files.jsonl"
#define JOB__IMAGES_QUARANTINE "_quarantine.jsonl"

extern const peal_folder_kind job__images_kind;

/* Appends the line that tells of a file. */
peal_status job__file_mark_append(const job__file_mark *file, peal_buffer *out, peal_error *err);
/* A list of files by their paths; lines that are cut short are passed over. */
typedef struct job__file_list {
    job__file_mark *files; /* sorted by path, as peal_json_path spells it */
    size_t count;
    char *key; /* what its first line says of the job; NULL: nothing */
} job__file_list;
/* A list that is not there is empty. */
peal_status job__file_list_read(const char *path, job__file_list *out, peal_error *err);
void job__file_list_clear(job__file_list *list);
/* The file of this path, as it stands in a job__file_mark that was not read; NULL: not listed. */
const job__file_mark *job__file_list_find(const job__file_list *list, const char *path);
/* True if the file in `folder` has these bytes. */
bool job__file_is_whole(const char *folder, const job__file_mark *file);

/* Writes the list of files and the manifest into `folder`. */
peal_status job__images_finish(const char *folder, const job__images *images, const peal_object_list *objects,
                               const json_t *job, const peal_images_result *result, peal_error *err);
/* NULL if the folder was made by this job from these objects and all its files are whole, and `result` is what that job
 * told; else why not, freed by the caller. */
char *job__images_staleness(const char *folder, const peal_object_list *objects, const json_t *job,
                            peal_images_result *result);

#endif
