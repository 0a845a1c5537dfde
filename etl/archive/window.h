/* A window: a range of a stream, as a stream of its own. */
#ifndef PEAL_ETL_ARCHIVE_WINDOW_H
#define PEAL_ETL_ARCHIVE_WINDOW_H

#include "etl/source/stream.h"

/* Bytes [begin, begin + size) of `inner`, which has read_at and knows its size. The window has both too. Takes `inner`
 * over, even on failure. `name` is for messages and is copied. PEAL_E_DATA if `inner` ends before the window does, now
 * or when it is read. */
peal_status peal_window_stream_open(peal_stream *inner, const char *name, uint64_t begin, uint64_t size,
                                    peal_stream **out, peal_error *err);

#endif
