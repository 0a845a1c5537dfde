/* Inputs: the sources of a job, each with its companion if the format has one, and what tells later whether they
 * changed.
 *
 * An input is the same if its identity is (core/base/identity.h), else if its bytes are, by their XXH3. What has no
 * identity that lasts (a pipe, which is read from a copy) is compared by its bytes alone, whatever its name; so are
 * companions.
 */
#ifndef PEAL_ETL_INPUT_H
#define PEAL_ETL_INPUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/format/format.h"
#include "etl/source/source.h"

typedef struct peal_input {
    const peal_source *source;    /* into the source list, as the next two */
    const peal_source *companion; /* the file of labels, or NULL */
    const char *path;             /* the source's */
    uint64_t size;                /* bytes */
    uint64_t identity;            /* a hash of all that tells this content from another; 0 if not asked for */
    uint64_t hash;                /* XXH3 of the file's bytes, known once it was read */
    uint64_t rows;                /* in it, known once it was read */
} peal_input;

typedef struct peal_input_list {
    peal_source_list sources;
    peal_input *inputs;
    size_t count;
    const atomic_int *stop; /* of the options */
    const peal_format *format;
    /* The beginning of the first input's plain bytes, for planning. */
    char *sample;
    size_t sample_size;
    bool sample_whole;
} peal_input_list;

/* Expands `sources`, finds the format (or takes the one called `format`), pairs companions and reads the sample. */
peal_status peal_input_list_make(const peal_source_options *sources, const char *format, peal_input_list *out,
                                 peal_error *err);
void peal_input_list_clear(peal_input_list *list);

/* Array of {"path", "size", "mtime_ns", "ctime_ns", "inode", "device", "xxh3", "rows"}, the times and numbers 0 where
 * only the hash tells; a path is spelled by peal_text_of_path. NULL if there is no memory. */
json_t *peal_input_list_save(const peal_input_list *list);
/* NULL if `saved` describes these very inputs, which were made with `identify`; else why not, freed by the caller. */
char *peal_input_list_difference(const peal_input_list *list, const json_t *saved);

#endif
