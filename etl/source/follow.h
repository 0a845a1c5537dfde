/* A file that is followed: read on as it grows, like `tail -F`.
 *
 * At the file's end the stream waits for more. When another file has got the name (rotation), what is left of the old
 * one is read first, and then the new one from its beginning; where the name was rotated more than once meanwhile, the
 * files between are read in their turn (rotated.h); a file that became shorter is read from its beginning
 * again. Either is told in a line. A name that is gone for a while is waited for. A file whose last line has no end
 * gets one before the next file begins, so rows of two files never run together. The stream ends only if the list's
 * idle time is over; then it is cut off (peal_stream.is_cut_off).
 *
 * Not seen is a file that was cut and has grown beyond the byte that was read last before anybody looked (some
 * milliseconds), for nothing tells it from one that was added to. */
#ifndef PEAL_ETL_SOURCE_FOLLOW_H
#define PEAL_ETL_SOURCE_FOLLOW_H

#include "etl/source/stream.h"

/* Begins at the source's `following.from`. If the file that this names has another name by now, it is looked for in its
 * folder, and read to its end first. PEAL_E_DATA if it is not there, or shorter than what was read of it. */
peal_status peal_follow_open(const peal_source *source, peal_stream **out, peal_error *err);
/* Where byte `offset` of what the stream, of peal_follow_open, has given stands. */
peal_place peal_follow_place(const peal_stream *stream, uint64_t offset);

#endif
