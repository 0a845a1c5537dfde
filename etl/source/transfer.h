/* Transfers: bytes of objects of web servers, many at once, by one thread that runs libcurl's multi interface. Private
 * to this folder.
 *
 *   begin -> waiting -> running (paused while its buffer is full) -> done, or failed
 *               ^          |  cut, stalled, 429, 5xx: after a pause that grows
 *               +----------+
 *
 * A download gives the bytes of one object in order, whatever happens on the way. What was cut goes on by a range if
 * the server told a strong etag; else it begins again and what it had already is compared by its hash. Every answer
 * is held against the first one (etag, date, size): an object that changes is an error.
 *
 * Memory is bounded by connections and buffers. A download that is paused may lose its connection to one that a reader
 * waits for; it takes up later where it stood. So a reader that holds several downloads never waits for itself.
 *
 * Threads: each download has one reader; all functions may be called from any thread. libcurl's global state is
 * counted: initialised and let go for each set of transfers, which does the host's own use of libcurl no harm. */
#ifndef PEAL_ETL_SOURCE_TRANSFER_H
#define PEAL_ETL_SOURCE_TRANSFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/source/http_text.h"
#include "etl/source/source.h"

typedef struct source__transfers source__transfers;
typedef struct source__download source__download;

/* What a store of objects wants of a request beside what a web server does. Its answers lead nowhere else; a condition
 * (If-Match) goes with each request for an object that is known. */
typedef struct source__store source__store;
struct source__store {
    const char *signature;    /* for libcurl's AWS_SIGV4: "aws:amz:REGION:s3"; NULL: requests are not signed */
    const char *key;          /* "NAME:SECRET" */
    const char *const *lines; /* that stand in each head and are signed with it; ends with NULL */
    /* Writes into `text` what an answer other than 2xx means, one line; `size` bytes of its body are there. Any
     * thread. */
    void (*explain)(const source__store *self, const source__answer *answer, const char *body, size_t size, char *text,
                    size_t capacity);
};

typedef struct source__transfer_options {
    size_t connections;         /* at once, at most */
    unsigned retries;           /* in a row, of a download that does not come on */
    int64_t stall_ms;           /* a connection on which nothing comes for so long is given up */
    uint64_t most_bytes;        /* of an object; SOURCE__UNKNOWN: any */
    bool allow_private;         /* addresses that are not of the public internet */
    const char *bearer;         /* a token, or NULL; copied */
    const source__store *store; /* NULL: web servers; outlives the transfers */
    const atomic_int *stop;     /* not 0: readers stop waiting, with PEAL_E_INTERRUPTED; may be NULL */
} source__transfer_options;

peal_status source__transfers_new(const source__transfer_options *options, source__transfers **out, peal_error *err);
/* All downloads must have been ended. NULL is allowed. */
void source__transfers_free(source__transfers *transfers);

/* How the connections were used so far. */
void source__transfers_usage(source__transfers *transfers, peal_source_usage *out);

typedef struct source__wanted {
    const char *url;            /* copied, as the rest */
    const char *name;           /* for messages; NULL: the URL */
    uint64_t begin, end;        /* bytes of the object; SOURCE__UNKNOWN: to its end */
    const source__facts *facts; /* what the object is known to be; NULL: the first answer tells */
    uint64_t hash;              /* XXH3 of the bytes before `begin`: compared if the etag does not vouch for them */
    bool exact;                 /* bytes before `begin` are not looked at: the server is known to answer ranges */
    size_t buffer;              /* bytes that are held at most before they are read */
    uint64_t most_bytes;        /* in place of the options', if it is not 0 */
} source__wanted;

/* Begins when its turn comes. */
peal_status source__download_begin(source__transfers *transfers, const source__wanted *wanted, source__download **out,
                                   peal_error *err);
/* Waits for bytes; *got == 0 is the end. PEAL_E_DATA names what the server said, or what came of it. */
peal_status source__download_read(source__download *self, uint8_t *out, size_t capacity, size_t *got, peal_error *err);
/* When all that was wanted has been read: what the answers told. *ranges: the last answer was a range; *whole: what was
 * read goes to the end of the object. */
void source__download_facts(source__download *self, source__facts *out, bool *ranges, bool *whole);
/* Gives it up, wherever it is. NULL is allowed. */
void source__download_end(source__download *self);

#endif
