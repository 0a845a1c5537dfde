/* PostgreSQL databases: what the kind's files share. Private to this folder.
 *
 * The first connection exports the snapshot that its transaction sees, and holds it as long as the list is there; each
 * stream reads on a connection whose transaction takes that snapshot over. */
#ifndef PEAL_ETL_SOURCE_POSTGRESQL_H
#define PEAL_ETL_SOURCE_POSTGRESQL_H

#include <pthread.h>

#include "etl/source/kind.h"
#include "etl/source/libpq.h"
#include "etl/source/rows.h"

typedef struct source__pg_database {
    struct source__pg_database *next;
    char *url; /* without table and query; there is no password in it */
    const atomic_int *stop;
    int64_t stall_ns; /* a statement that is silent for so long is given up; 0: it may take what it takes */
    PGconn *leader;
    char snapshot[128];
    char *version; /* another one each time */
    pthread_mutex_t lock;
    PGconn **idle; /* [idle_count] in a transaction of that snapshot, with nothing under way */
    size_t idle_count, idle_capacity;
} source__pg_database;

/* What a table's or query's columns are; shared by its ranges. */
typedef struct source__pg_columns {
    size_t users;
    size_t count;
    source__row_column *columns;
} source__pg_columns;

typedef struct source__pg_object {
    source__pg_database *database;
    source__pg_columns *columns;
    char *copy; /* the statement */
} source__pg_object;

/* stall_s: seconds that a statement may be silent; 0: any. */
peal_status source__pg_open(const char *url, const atomic_int *stop, uint64_t stall_s, source__pg_database **out,
                            peal_error *err);
void source__pg_close(source__pg_database *database);
/* A connection of the snapshot; given back, or finished by the caller. */
peal_status source__pg_take(source__pg_database *database, const char *name, PGconn **out, peal_error *err);
void source__pg_give(source__pg_database *database, PGconn *connection);

/* Waits a moment for more of what is under way; `name` is the source's. *silent_since is 0 at first, and keeps from
 * call to call since when nothing has come. */
peal_status source__pg_wait(const source__pg_database *database, PGconn *connection, const char *name,
                            int64_t *silent_since, peal_error *err);
/* Waits until all that is under way has ended, or a COPY begins; the last result, as of source__pg_run. */
peal_status source__pg_finish(const source__pg_database *database, PGconn *connection, const char *name, PGresult **out,
                              peal_error *err);
/* Runs a statement; *out, if it is not NULL, is its result, which the caller clears. */
peal_status source__pg_run(const source__pg_database *database, PGconn *connection, const char *name, const char *sql,
                           PGresult **out, peal_error *err);
/* Of a statement that is not run: its columns. */
peal_status source__pg_describe(const source__pg_database *database, const char *name, const char *sql, PGresult **out,
                                peal_error *err);
/* What the server, or the library, says. */
peal_status source__pg_fail(const char *name, const char *message, peal_error *err);

peal_status source__pg_stream(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err);

#endif
