/* The pipeline of a stream: fitted by an ordinary ETL job on the first rows. */
#ifndef PEAL_MODELS_ONLINE_FIT_H
#define PEAL_MODELS_ONLINE_FIT_H

#include "etl/job/first.h"

/* Fits what `etl` plans on the first `rows` rows of its sources. What it needs of the disk lies below `folder`, which
 * is the caller's alone (NULL: among the temporary files), and is gone afterwards, with what a killed job left of it.
 * *first is kept by the caller as long as the sources are read, and cleared whatever happens; *pipeline is its. */
peal_status models__fit_pipeline(const peal_etl_options *etl, size_t rows, const char *folder, peal_first *first,
                                 json_t **pipeline, peal_error *err);

#endif
