/* Objects: what a job reads, one after the other: its sources, or the members of those that are archives, each with its
 * companion if the format has one, how they are opened, and what tells later whether they changed. Each may be of
 * another format and dialect. Of a format that gathers (images) many sources or members in a row are one object.
 *
 * An object is the same if its identity is (core/base/identity.h), else if its bytes are, by their XXH3. What has no
 * identity that lasts (a pipe, which is read from a copy) is compared by its bytes alone, whatever its name; so are
 * companions. */
#ifndef PEAL_ETL_JOB_OBJECTS_H
#define PEAL_ETL_JOB_OBJECTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/archive/archive.h"
#include "etl/format/format.h"
#include "etl/source/source.h"

typedef struct peal_object {
    const peal_source *source;    /* into the source list, as the next two */
    const peal_source *companion; /* the file of labels, or NULL */
    const peal_archive *archive;  /* that the source is; NULL: none */
    const peal_member *member;    /* of the archive, which the object is; into the list */
    peal_items items;             /* of many small objects that are one input; the source is the first one's */
    const char *path;             /* the source's */
    char *name;                   /* for messages: "a.zip/b.csv" of a member */
    uint64_t size;                /* bytes, of a member its stored ones */
    uint64_t identity;            /* a hash of all that tells this content from another; 0 if not asked for */
    uint64_t hash;                /* XXH3 of the file's bytes, known once it was read */
    uint64_t rows;                /* in it, known once it was read */
    char *bad;                    /* why it is left out, though it was listed; it then has no rows. NULL: it is not */
} peal_object;

typedef struct peal_object_list {
    peal_source_list sources;
    peal_member_list *members; /* [sources.count] of those that are archives */
    peal_object *objects;
    size_t count, capacity;
    peal_item *items, *labels; /* that objects are made of, and what stands beside them */
    size_t item_count, label_count;
    bool go_on; /* of the options, as the next one: what cannot be read is left out */
    const atomic_int *stop;
    const peal_format *format; /* asked for; NULL: each object's own */
    const json_t *options;     /* of the formats; borrowed */
} peal_object_list;

/* Expands `sources` and pairs companions. `format` is a name or NULL, `options` (may be NULL) outlive the list.
 * PEAL_E_USAGE if format or options cannot be. */
peal_status peal_object_list_make(const peal_source_options *sources, const char *format, const json_t *options,
                                  peal_object_list *out, peal_error *err);
/* The same of sources that are listed already, which are taken over, even on failure. */
peal_status peal_object_list_of(peal_source_list *sources, const peal_source_options *wishes, const char *format,
                                const json_t *options, peal_object_list *out, peal_error *err);
void peal_object_list_clear(peal_object_list *list);

/* Leaves an object out, for `reason`, which is copied: notes it in sources.left_out, and tells. */
peal_status peal_object_leave_out(peal_object_list *list, size_t object, const char *reason,
                                  const peal_reporter *reporter, peal_error *err);

/* What the beginnings of the objects tell, in their order, until each column's type can be guessed: the columns are
 * those of the first object that has any. *first is that object; guess_objects[i] (freed by the caller) the one that
 * column i's guess is of. PEAL_E_DATA if none has any. */
peal_status peal_object_list_survey(peal_object_list *list, const peal_survey *what, peal_found *out, size_t *first,
                                    size_t **guess_objects, peal_error *err);
/* The plain bytes of an object that is no list of items; `meter` may be NULL. */
peal_status peal_object_stream_open(const peal_object *object, peal_source_meter *meter, peal_stream **out,
                                    peal_error *err);
/* The format of an object whose plain bytes begin with `head`. */
peal_status peal_object_format(const peal_object_list *list, const peal_object *object, const uint8_t *head,
                               size_t size, const peal_format **out, peal_error *err);
/* Opens an object to read it. NULL in *out: it is empty or left out, and so has no rows. `meter` may be NULL. */
peal_status peal_object_open(const peal_object_list *list, const peal_object *object, const peal_wanted *wanted,
                             peal_source_meter *meter, peal_reader **out, peal_error *err);

/* What tells an item, of a list that was made with `identify`, from another or a changed one. */
uint64_t peal_item_identity(const peal_item *item);

/* Array of {"path", "size", "mtime_ns", "ctime_ns", "inode", "device", "xxh3", "rows"}, the times and numbers 0 where
 * only the hash tells; a path is spelled by peal_text_of_path. NULL if there is no memory. */
json_t *peal_object_list_save(const peal_object_list *list);
/* Array of {"path", "reason"} of what was left out. */
json_t *peal_object_list_save_left_out(const peal_object_list *list);
/* NULL if `saved` describes these very objects, which were made with `identify`; else why not, freed by the caller. */
char *peal_object_list_difference(const peal_object_list *list, const json_t *saved);

#endif
