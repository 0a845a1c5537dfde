/* Lines: the input of a format whose records are lines, cut into blocks of whole ones. Between the stream and the
 * parser of such a format. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_LINES_H
#define PEAL_ETL_FORMAT_LINES_H

#include <string.h>

#include "etl/format/format.h"

typedef struct lines__source {
    peal_stream *stream;
    char *name;        /* of the input, for messages */
    size_t block_size; /* bytes of a block, if no line is longer */
    const peal_reporter *damage;
    peal_buffer carry; /* the beginning of a line whose end is not read yet */
    bool ended;        /* the stream has no more */
    uint64_t line;     /* of the next block's first line, 1-based */
    uint64_t number;   /* of the next block */
    uint64_t offset;   /* bytes of the input in front of it */
} lines__source;

/* Takes input->stream over, even on failure. */
peal_status lines__open(lines__source *source, const peal_input *input, const peal_wanted *wanted, peal_error *err);
void lines__close(lines__source *source);
/* The next whole lines, each with its LF, also the last one (but of a stream that was cut off); a UTF-8 mark at the
 * beginning is left out. The block's size is 0 at the end. */
peal_status lines__next(lines__source *source, peal_block *block, peal_error *err);
/* How many LF there are. */
size_t lines__count(const char *text, size_t size);
/* The bytes of a UTF-8 mark at the beginning: 3 or 0. */
size_t lines__mark(const char *text, size_t size);

/* The line that begins at *at, without its LF or CRLF; *at moves behind it. False at `end`. */
static inline bool lines__take(const char **at, const char *end, const char **line, const char **line_end) {
    if (*at >= end) return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *at = stop ? stop + 1 : end;
    *line_end = stop ? stop : end;
    if (*line_end > *line && (*line_end)[-1] == '\r') --*line_end;
    return true;
}

#endif
