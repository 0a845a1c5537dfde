/* The first rows of some sources, as an input of their own: what a pipeline is fitted on that is then to read all of
 * them, without an end. Their text is copied into a file; of a pipe, which gives its bytes once, those that were taken
 * are kept to be put in front of it (peal_scan_options.taken). */
#ifndef PEAL_ETL_FIRST_H
#define PEAL_ETL_FIRST_H

#include "etl/job/etl.h"
#include "etl/job/objects.h"

typedef struct peal_first {
    const char *format;       /* the name of their format */
    peal_taken taken;         /* of a pipe or connection: its bytes so far, and where it goes on; else nothing */
    peal_buffer bytes;        /* those bytes */
    peal_object_list objects; /* held open: who writes into a pipe is to find a reader at any time */
} peal_first;

/* Copies the text of the first `rows` rows of the first source (fewer if it has no more), and what stands above them,
 * into the file `path`; of `options` sources, format, reading, access, stop and reporter are used. Waits for a pipe's
 * rows. PEAL_E_USAGE if what they are cannot be cut at lines. On failure there is no file. */
peal_status peal_first_rows(const peal_etl_options *options, size_t rows, const char *path, peal_first *out,
                            peal_error *err);
void peal_first_clear(peal_first *first);

#endif
