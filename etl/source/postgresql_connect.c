/* Connections to PostgreSQL that share a snapshot, and statements on them; nothing waits without looking at the wish to
 * stop. See postgresql.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "etl/source/postgresql.h"

enum { WAIT_MS = 100, CONNECT_MS = 30000 };

/* In one line, without a last line end. */
peal_status source__pg_fail(const char *name, const char *message, peal_error *err) {
    char text[PEAL_ERROR_MESSAGE_SIZE / 2];
    size_t size = 0;
    for (; *message && size + 1 < sizeof text; message++) text[size++] = *message == '\n' ? ' ' : *message;
    while (size > 0 && text[size - 1] == ' ') size--;
    text[size] = '\0';
    return peal_fail(err, PEAL_E_DATA, "%s: PostgreSQL: %s", name, size ? text : "the connection was lost");
}

/* *came: something is there. */
static peal_status wait_for(const source__pg_database *database, PGconn *connection, short events, const char *name,
                            bool *came, peal_error *err) {
    if (peal_is_stopped(database->stop)) {
        return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", name);
    }
    struct pollfd ready = {.fd = PQsocket(connection), .events = events};
    if (ready.fd < 0) return source__pg_fail(name, PQerrorMessage(connection), err);
    const int count = poll(&ready, 1, WAIT_MS);
    *came = count > 0;
    if (count >= 0 || errno == EINTR) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot wait for %s", name);
}

/* Has the server end what it does for us, now: it would notice our leaving a second later, and before version 14 when
 * it sends the first row. A server whose machine is gone is tried for a minute at most (tcp_user_timeout). */
static void cancel(PGconn *connection) {
    char why[256];
    PGcancel *request = PQgetCancel(connection);
    if (request) (void)PQcancel(request, why, sizeof why);
    PQfreeCancel(request);
}

peal_status source__pg_wait(const source__pg_database *database, PGconn *connection, const char *name,
                            int64_t *silent_since, peal_error *err) {
    bool came = false;
    const int64_t begin = peal_now_ns();
    PEAL_TRY(wait_for(database, connection, POLLIN, name, &came, err));
    if (came) {
        *silent_since = 0;
    } else if (*silent_since == 0) {
        *silent_since = begin;
    } else if (database->stall_ns > 0 && peal_now_ns() - *silent_since > database->stall_ns) {
        cancel(connection);
        return peal_fail(err, PEAL_E_DATA, "%s: the server sent nothing for %lld s (sql-stall-seconds)", name,
                         (long long)(database->stall_ns / 1000000000));
    }
    return PQconsumeInput(connection) ? PEAL_OK : source__pg_fail(name, PQerrorMessage(connection), err);
}

/* ---- statements ---- */

peal_status source__pg_finish(const source__pg_database *database, PGconn *connection, const char *name, PGresult **out,
                              peal_error *err) {
    PGresult *last = NULL, *result;
    peal_status status = PEAL_OK;
    int64_t silent = 0;
    for (;;) {
        while (status == PEAL_OK && PQisBusy(connection)) {
            status = source__pg_wait(database, connection, name, &silent, err);
        }
        if (status != PEAL_OK || !(result = PQgetResult(connection))) break;
        PQclear(last);
        last = result;
        const ExecStatusType kind = PQresultStatus(result);
        if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK && kind != PGRES_COPY_OUT) {
            status = source__pg_fail(name, PQresultErrorMessage(result), err);
        }
        if (kind == PGRES_COPY_OUT) break;
    }
    if (status == PEAL_OK && out) {
        *out = last;
        last = NULL;
    }
    PQclear(last);
    return status;
}

peal_status source__pg_run(const source__pg_database *database, PGconn *connection, const char *name, const char *sql,
                           PGresult **out, peal_error *err) {
    if (!PQsendQuery(connection, sql)) return source__pg_fail(name, PQerrorMessage(connection), err);
    return source__pg_finish(database, connection, name, out, err);
}

peal_status source__pg_describe(const source__pg_database *database, const char *name, const char *sql, PGresult **out,
                                peal_error *err) {
    PGconn *leader = database->leader;
    if (!PQsendPrepare(leader, "", sql, 0, NULL)) return source__pg_fail(name, PQerrorMessage(leader), err);
    PEAL_TRY(source__pg_finish(database, leader, name, NULL, err));
    if (!PQsendDescribePrepared(leader, "")) return source__pg_fail(name, PQerrorMessage(leader), err);
    return source__pg_finish(database, leader, name, out, err);
}

/* ---- connections ---- */

/* A server whose machine is gone is noticed after a minute of silence, unless the URL says otherwise: what it says
 * stands behind. Source: PostgreSQL 15, libpq, PQconnectPoll. */
static peal_status connect_to(const source__pg_database *database, const char *name, PGconn **out, peal_error *err) {
    static const char *const keys[] = {
        "keepalives_idle", "keepalives_interval", "keepalives_count",          "tcp_user_timeout",
        "dbname",          "client_encoding",     "fallback_application_name", NULL};
    const char *const values[] = {"30", "10", "3", "60000", database->url, "UTF8", "peal", NULL};
    bool came = false;
    const int64_t begin = peal_now_ns();
    PGconn *connection = *out = PQconnectStartParams(keys, values, 1);
    if (!connection) return peal_fail(err, PEAL_E_MEMORY, "no memory for a connection");
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (PQstatus(connection) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
        const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        struct pollfd ready = {.fd = PQsocket(connection), .events = events};
        PEAL_TRY(wait_for(database, connection, events, name, &came, err));
        if (poll(&ready, 1, 0) > 0) state = PQconnectPoll(connection);
        if (state == PGRES_POLLING_FAILED) break;
        if (peal_now_ns() - begin > (int64_t)CONNECT_MS * 1000000) {
            return peal_fail(err, PEAL_E_DATA, "%s: the server did not answer for %d s", name, CONNECT_MS / 1000);
        }
    }
    if (PQstatus(connection) != CONNECTION_OK) return source__pg_fail(name, PQerrorMessage(connection), err);
    PQsetnonblocking(connection, 1);
    return PEAL_OK;
}

static void ignore_notice(void *opaque, const PGresult *result) {
    (void)opaque;
    (void)result;
}

/* Rows come in the order in which they lie, whoever else reads and however many helpers there could be; a server that
 * has lost us ends what it does. */
static peal_status begin(const source__pg_database *database, const char *name, PGconn **out, peal_error *err) {
    PEAL_TRY(connect_to(database, name, out, err));
    PQsetNoticeReceiver(*out, ignore_notice, NULL);
    PEAL_TRY(source__pg_run(database, *out, name,
                            "set synchronize_seqscans = off; set max_parallel_workers_per_gather = 0; "
                            "set extra_float_digits = 3",
                            NULL, err));
    if (PQserverVersion(*out) >= 140000) {
        /* Not every system that the server runs on can. */
        (void)source__pg_run(database, *out, name, "set client_connection_check_interval = 1000", NULL, NULL);
    }
    return source__pg_run(database, *out, name, "begin transaction isolation level repeatable read read only", NULL,
                          err);
}

/* libpq receives as much at once as its buffer holds, which is 16 kB until a message needs more, and never less
 * again: here is such a message. */
static peal_status widen(const source__pg_database *database, const char *name, PGconn *connection, peal_error *err) {
    return source__pg_run(database, connection, name, "select repeat('x', 250000)", NULL, err);
}

peal_status source__pg_take(source__pg_database *database, const char *name, PGconn **out, peal_error *err) {
    *out = NULL;
    pthread_mutex_lock(&database->lock);
    if (database->idle_count > 0) *out = database->idle[--database->idle_count];
    pthread_mutex_unlock(&database->lock);
    if (*out) return PEAL_OK;
    char sql[sizeof database->snapshot + 64];
    snprintf(sql, sizeof sql, "set transaction snapshot '%s'", database->snapshot);
    peal_status status = begin(database, name, out, err);
    if (status == PEAL_OK) status = source__pg_run(database, *out, name, sql, NULL, err);
    if (status == PEAL_OK) status = widen(database, name, *out, err);
    if (status == PEAL_OK) return PEAL_OK;
    PQfinish(*out);
    *out = NULL;
    return status;
}

void source__pg_give(source__pg_database *database, PGconn *connection) {
    pthread_mutex_lock(&database->lock);
    if (database->idle_count == database->idle_capacity) {
        const size_t capacity = database->idle_capacity * 2 + 4;
        PGconn **longer = realloc(database->idle, capacity * sizeof(PGconn *));
        if (longer) {
            database->idle = longer;
            database->idle_capacity = capacity;
        }
    }
    if (database->idle_count < database->idle_capacity) {
        database->idle[database->idle_count++] = connection;
        connection = NULL;
    }
    pthread_mutex_unlock(&database->lock);
    PQfinish(connection);
}

/* What the server could tell of its contents' identity ends with a restart or a restored backup: each list is new. */
static peal_status begin_leader(source__pg_database *self, peal_error *err) {
    PGresult *result = NULL;
    PEAL_TRY(begin(self, self->url, &self->leader, err));
    PEAL_TRY(source__pg_run(self, self->leader, self->url,
                            "select pg_export_snapshot(), clock_timestamp()::text, pg_backend_pid()", &result, err));
    const char *snapshot = PQgetvalue(result, 0, 0);
    const bool fits = strlen(snapshot) < sizeof self->snapshot && !strpbrk(snapshot, "'\\");
    if (fits) strcpy(self->snapshot, snapshot);
    self->version =
        peal_sprintf("snapshot %s of %s by %s", snapshot, PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
    PQclear(result);
    if (!fits) return source__pg_fail(self->url, "a snapshot of an odd name", err);
    return self->version ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a version");
}

peal_status source__pg_open(const char *url, const atomic_int *stop, uint64_t stall_s, source__pg_database **out,
                            peal_error *err) {
    source__pg_database *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    self->stop = stop;
    self->stall_ns = (int64_t)stall_s * 1000000000;
    self->url = peal_strdup(url);
    pthread_mutex_init(&self->lock, NULL);
    const peal_status status =
        self->url ? begin_leader(self, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    if (status == PEAL_OK) {
        *out = self;
    } else {
        source__pg_close(self);
    }
    return status;
}

void source__pg_close(source__pg_database *self) {
    for (size_t i = 0; i < self->idle_count; i++) PQfinish(self->idle[i]);
    PQfinish(self->leader);
    pthread_mutex_destroy(&self->lock);
    free(self->idle);
    free(self->version);
    free(self->url);
    free(self);
}
