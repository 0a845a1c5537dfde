/* The first rows of sources that end, as an input of their own: what a pipeline is fitted on that is then to read all
 * of them. Their text is copied into a file. (Of what comes bit by bit, see live.h.) */
#ifndef PEAL_ETL_FIRST_H
#define PEAL_ETL_FIRST_H

#include "etl/job/etl.h"

/* Copies the text of the first `rows` rows of the first source (fewer if it has no more), and what stands above them,
 * into the file `path`; of `options` sources, format, reading, access, stop and reporter are used. *format is the name
 * of their format. PEAL_E_USAGE if what they are cannot be cut at lines, or the first one is a pipe. On failure there
 * is no file. */
peal_status peal_first_rows(const peal_etl_options *options, size_t rows, const char *path, const char **format,
                            peal_error *err);

#endif
