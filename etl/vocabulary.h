/* A vocabulary: the texts that one thread of the first pass met, column by column, with how often training rows hold
 * them.
 *
 * Each thread has its own, which only grows, so nobody waits for anybody; chunks of a spill hold its codes. Which code
 * a text gets depends on who met it first and therefore on the threads: only texts and counts go on to what is fitted.
 * New texts are logged to a file after each block, so that a later job can understand the chunks of this one. */
#ifndef PEAL_ETL_VOCABULARY_H
#define PEAL_ETL_VOCABULARY_H

#include <stdbool.h>

#include "core/file.h"
#include "etl/dictionary.h"
#include "etl/format/format.h"

typedef struct peal_vocabulary {
    peal_dictionary *dictionaries; /* [fields] */
    size_t field_count;
    uint32_t *logged; /* [fields] texts that are in the log */
    peal_out_file log;
    peal_buffer record;
} peal_vocabulary;

/* An empty one, logged to `path`. */
peal_status peal_vocabulary_open(const char *path, size_t field_count, peal_vocabulary *out, peal_error *err);
/* Reads a log that another job left; a last record that is cut short is left out. False if there is none. */
bool peal_vocabulary_read(const char *path, size_t field_count, peal_vocabulary *out);
/* Logs what is new. */
peal_status peal_vocabulary_log(peal_vocabulary *vocabulary, peal_error *err);
void peal_vocabulary_clear(peal_vocabulary *vocabulary);

#endif
