/* Objects of web servers and of stores: what the kinds of sources share that read them. Private to this folder.
 *
 * A session is that of one list of sources: objects are added to it, looked at all together, and opened. */
#ifndef PEAL_ETL_SOURCE_HTTP_H
#define PEAL_ETL_SOURCE_HTTP_H

#include <pthread.h>

#include "etl/source/http_blocks.h"
#include "etl/source/kind.h"
#include "etl/source/transfer.h"

typedef struct source__http_session source__http_session;

/* One object. All but the second group is fixed once it was looked at. */
typedef struct source__http_object {
    source__http_session *session;
    char *url, *name;    /* name: for messages */
    size_t index;        /* in the session, in the order of the list */
    bool listed;         /* `facts` were told by a list of the store's, before any answer */
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

/* The first piece of each object stands in one file without a name: what is small is read from there as often as is
 * wanted, and fetched once. */
struct source__http_session {
    source__transfers *transfers;
    size_t connections, buffer;
    int pieces; /* the file */
    uint64_t pieces_size;
    source__http_blocks *blocks;   /* what is read at offsets */
    source__http_object **objects; /* [count]; each is its source's */
    size_t count, capacity;
    pthread_mutex_t lock;
    size_t ahead;      /* downloads that were begun ahead and have no reader yet */
    size_t ahead_from; /* no object before this one has such a download */
};

/* Who is asked, and how. */
typedef struct source__http_way {
    const char *bearer;         /* a token, or NULL; copied */
    const source__store *store; /* NULL: web servers; outlives the session */
    bool any_address;           /* private ones, too, whatever the options say */
} source__http_way;

/* Begins a session with the options of the kind http among those of `wishes`, which outlives it. */
peal_status source__http_session_new(const peal_source_options *wishes, const source__http_way *way,
                                     source__http_session **out, peal_error *err);
/* When its sources are gone. NULL is allowed. */
void source__http_session_free(source__http_session *session);

typedef struct source__http_named {
    const char *name, *url;     /* copied, as the rest; name: the source's path */
    const uint8_t *sha256;      /* [32] that its bytes must have; NULL: any */
    const source__facts *facts; /* with a size and an etag, of an object that a list told; NULL: nothing is known */
} source__http_named;
/* Adds an object to the session, and its source to the list. */
peal_status source__http_add(source__http_session *session, source__making *making, const source__http_named *named,
                             peal_error *err);

/* As peal_source_kind's. The look fetches the beginning of each object, many at once: its answer tells size and
 * version, and what is small is whole thereby. */
peal_status source__http_look(source__http_session *session, source__making *making, peal_error *err);
peal_status source__http_open(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err);
void source__http_forget(peal_source *source);

#endif
