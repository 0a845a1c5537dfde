/* Inputs: the files of a job, each with its companion if the format has one, and what tells later whether they changed.
 */
#ifndef PEAL_ETL_INPUT_H
#define PEAL_ETL_INPUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "etl/format/format.h"
#include "etl/source/source.h"

typedef struct peal_input {
    const char *path;      /* into the source list */
    const char *companion; /* the file of labels, or NULL */
    uint64_t size;         /* bytes; 0 of standard input */
    int64_t mtime_ns;
    uint64_t hash; /* XXH3 of the file's bytes, known once it was read */
    uint64_t rows; /* in it, known once it was read */
} peal_input;

typedef struct peal_input_list {
    peal_source_list sources;
    peal_input *inputs;
    size_t count;
    const peal_format *format;
    /* The beginning of the first input's plain bytes, for planning. */
    char *sample;
    size_t sample_size;
    bool sample_whole;
} peal_input_list;

/* Expands `sources`, finds the format (or takes the one called `format`), pairs companions and reads the sample. */
peal_status peal_input_list_make(const char *const *sources, size_t count, const char *format, peal_input_list *out,
                                 peal_error *err);
void peal_input_list_clear(peal_input_list *list);

/* Array of {"path", "size", "mtime_ns", "xxh3", "rows"}; a path is spelled by peal_text_of_path. NULL if there is no
 * memory. */
json_t *peal_input_list_save(const peal_input_list *list);
/* NULL if `saved` describes these very inputs (by size and time, else by content); else why not, freed by the caller.
 */
char *peal_input_list_difference(const peal_input_list *list, const json_t *saved);

#endif
