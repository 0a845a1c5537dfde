/* SQLite databases: what the kind's files share. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_SQLITE_H
#define PEAL_ETL_SOURCE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "etl/source/kind.h"

/* One connection, in a transaction that lasts as long as the list. Streams share it, step by step. */
typedef struct source__sqlite_connection {
    sqlite3 *handle;
    pthread_mutex_t lock;
    size_t streams; /* guarded by the database's lock */
} source__sqlite_connection;

/* One database: connections whose transactions see the same snapshot. */
typedef struct source__sqlite_database {
    struct source__sqlite_database *next;
    char *path;
    /* The descriptors that the version was read through. SQLite's locks are the process's: they would be gone if one of
     * these were closed before SQLite closes its own. */
    int fd, index_fd;
    bool logged; /* it has a write-ahead log, so that others may write meanwhile */
    peal_identity identity;
    char *version;
    const atomic_int *stop;
    pthread_mutex_t lock;
    source__sqlite_connection *connections;
    size_t count;
} source__sqlite_database;

/* A table, a range of one, or a query. */
typedef struct source__sqlite_object {
    source__sqlite_database *database;
    char *sql;      /* with two parameters, the range's bounds, if there is one */
    bool has_range; /* of rowids first .. last */
    int64_t first, last;
} source__sqlite_object;

/* Opens the database and its connections. PEAL_E_DATA if it is none, or is never at rest. */
peal_status source__sqlite_open(const char *path, const atomic_int *stop, source__sqlite_database **out,
                                peal_error *err);
void source__sqlite_close(source__sqlite_database *database);

/* Makes the statement, which must be one that only reads. `name` is the source's. */
peal_status source__sqlite_prepare(source__sqlite_connection *connection, const char *name, const char *sql,
                                   sqlite3_stmt **out, peal_error *err);
/* What SQLite says went wrong last. */
peal_status source__sqlite_fail(const source__sqlite_database *database, sqlite3 *handle, const char *name,
                                peal_error *err);
/* True of a column that was declared to hold BLOBs, which is left out. */
bool source__sqlite_is_blob(sqlite3_stmt *statement, int column);

peal_status source__sqlite_stream(const peal_source *source, peal_source_meter *meter, peal_stream **out,
                                  peal_error *err);

#endif
