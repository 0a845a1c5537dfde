/* Objects of web servers: what the kind's files share. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_HTTP_H
#define PEAL_ETL_SOURCE_HTTP_H

#include <pthread.h>

#include "etl/source/kind.h"
#include "etl/source/transfer.h"

typedef struct source__http_session source__http_session;

/* One object. All but the second group is fixed once it was looked at. */
typedef struct source__http_object {
    source__http_session *session;
    char *url;
    size_t index;        /* in the session, in the order of the list */
    source__facts facts; /* as the first answer told */
    bool ranges;         /* the server answers ranges */
    bool whole;          /* the first piece is all of it */
    uint64_t piece_at;   /* where in the session's file its first piece stands */
    uint64_t piece_size; /* bytes */
    uint64_t piece_hash; /* XXH3 */
    bool has_sha256;     /* that its bytes must have */
    uint8_t sha256[32];

    /* guarded by the session's lock */
    bool looked_at;          /* all above is known */
    source__download *ahead; /* of the bytes behind the piece, begun before a reader asked */
    unsigned begun;          /* how often a reader asked */
} source__http_object;

/* Of one list of sources. The first piece of each object stands in one file without a name: what is small is read from
 * there as often as is wanted, and fetched once. */
struct source__http_session {
    source__transfers *transfers;
    size_t connections, buffer;
    int pieces; /* the file */
    uint64_t pieces_size;
    source__http_object **objects; /* [count]; each is its source's */
    size_t count, capacity;
    pthread_mutex_t lock;
    size_t ahead;      /* downloads that were begun ahead and have no reader yet */
    size_t ahead_from; /* no object before this one has such a download */
};

peal_status source__http_open(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err);

#endif
