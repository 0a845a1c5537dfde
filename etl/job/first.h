/* The first rows of sources that end, as an input of their own: what a pipeline is fitted on that is then to read all
 * of them. Their text is copied into a file. (Of what comes bit by bit, see live.h.) */
#ifndef PEAL_ETL_FIRST_H
#define PEAL_ETL_FIRST_H

#include "etl/job/etl.h"

/* Copies the first *lines records' lines of the first source, of which what stands above the rows is one, into the file
 * `path`; if it has no more, *lines becomes fewer. Of `options` sources, format, reading, access, stop and reporter are
 * used. *format is the name of their format. PEAL_E_USAGE if what they are cannot be cut at lines, or the first one is
 * a pipe. On failure there is no file. */
peal_status peal_first_rows(const peal_etl_options *options, size_t *lines, const char *path, const char **format,
                            peal_error *err);

#endif
