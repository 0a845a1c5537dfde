/* A vocabulary: the texts that one thread of the first pass met, column by column, with how often training rows hold
 * them.
 *
 * Each thread has its own, so nobody waits for anybody; chunks of a spill hold its codes. Which code a text gets
 * depends on who met it first and therefore on the threads: only texts and counts go on to what is fitted. A vocabulary
 * that has grown large is closed: texts and counts go to disk (etl/job/text_counts.h) and the thread begins a new one,
 * so memory does not depend on how many distinct texts there are. New texts are logged to a file after each block, so
 * that a later job can understand the chunks of this one. */
#ifndef PEAL_ETL_VOCABULARY_H
#define PEAL_ETL_VOCABULARY_H

#include <stdbool.h>

#include "core/base/file.h"
#include "etl/table/dictionary.h"

typedef struct peal_vocabulary {
    size_t number;                 /* by which chunks name it */
    peal_dictionary *dictionaries; /* [fields] */
    size_t field_count;
    uint32_t *logged; /* [fields] texts that are in the log */
    peal_out_file log;
    peal_buffer record;
} peal_vocabulary;

/* An empty one, logged to a file in `folder`. */
peal_status peal_vocabulary_open(const char *folder, size_t number, size_t field_count, peal_vocabulary *out,
                                 peal_error *err);
/* Logs what is new. */
peal_status peal_vocabulary_log(peal_vocabulary *vocabulary, peal_error *err);
/* Bytes of memory in use. */
size_t peal_vocabulary_memory(const peal_vocabulary *vocabulary);
/* Frees; the log stays. */
void peal_vocabulary_clear(peal_vocabulary *vocabulary);

/* ---- the log that another job left ---- */

/* How many bytes of the log, from its beginning, are as they were written; false if there is no such log. */
bool peal_vocabulary_log_whole(const char *folder, size_t number, uint64_t *size);
/* Reads the texts of the whole part; their counts are 0. */
peal_status peal_vocabulary_read_log(const char *folder, size_t number, size_t field_count, peal_vocabulary *out,
                                     peal_error *err);

#endif
