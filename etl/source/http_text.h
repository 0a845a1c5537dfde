/* What web servers write into the heads of their answers, read into numbers. Private to this folder.
 *
 * Only what Peal acts upon is read; everything comes from outside, so that a value that is none is as if it had not
 * been sent, but for a range: one that cannot be read says `malformed`. Source: RFC 9110, sections 8.6, 8.8.2, 8.8.3,
 * 10.2.3 and 14.4. */
#ifndef PEAL_ETL_SOURCE_HTTP_TEXT_H
#define PEAL_ETL_SOURCE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOURCE__ETAG_SIZE = 256, SOURCE__MODIFIED_SIZE = 64, SOURCE__REGION_SIZE = 64, SOURCE__ENCODING_SIZE = 32 };

#define SOURCE__UNKNOWN UINT64_MAX

/* What an object is, as its server tells. */
typedef struct source__facts {
    uint64_t size;                        /* bytes of all of it; SOURCE__UNKNOWN: not told */
    char etag[SOURCE__ETAG_SIZE];         /* with its quotes, "W/" before a weak one; "": none */
    char modified[SOURCE__MODIFIED_SIZE]; /* the date as it stands there; "": none */
} source__facts;

/* The head of one answer. */
typedef struct source__answer {
    int status;      /* 0: not one line was read */
    uint64_t length; /* of the bytes that follow; SOURCE__UNKNOWN: not told */
    bool has_range, malformed;
    uint64_t range_begin, range_end; /* the last byte's number and 1; both 0 if the range could not be had */
    uint64_t range_size;             /* of the whole object, or SOURCE__UNKNOWN */
    int64_t retry_after;             /* seconds from now; -1: not told */
    char etag[SOURCE__ETAG_SIZE], modified[SOURCE__MODIFIED_SIZE];
    char encoding[SOURCE__ENCODING_SIZE]; /* Content-Encoding; "": not told */
    char region[SOURCE__REGION_SIZE];     /* where S3 has the bucket; "": not told */
} source__answer;

void source__answer_begin(source__answer *answer);
/* Takes one line, with or without its end. A status line begins anew: what led elsewhere is forgotten. `now` is the
 * time in seconds since 1970, for dates in Retry-After. */
void source__answer_line(source__answer *answer, const char *line, size_t size, int64_t now);

/* True of a text that can be an etag: quotes around printable ASCII, perhaps "W/" before them. */
bool source__is_etag(const char *text);
/* True of an etag that is the same only if every byte is. */
bool source__is_strong(const char *etag);

#endif
