/* Copies of what can be read once only. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_COPY_H
#define PEAL_ETL_SOURCE_COPY_H

#include "etl/source/source.h"

/* Copies all bytes of `from` into a file without a name (in $TMPDIR, else /tmp), hashes them meanwhile, and makes it
 * what `source` is read from. Waits for the writer in short steps, so that `stop` ends it. PEAL_E_FAILED if the disk
 * has too little room. `from` is the caller's; it should not block. */
peal_status source__copy(int from, const peal_source_options *options, peal_source *source, peal_error *err);

#endif
