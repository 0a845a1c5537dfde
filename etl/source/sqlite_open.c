/* An SQLite database is opened to be read: several connections that see one snapshot, and what tells it from others.
 *
 * A snapshot is what a transaction sees. Another connection that only watches tells by PRAGMA data_version whether
 * somebody has committed between two looks: if nobody has while all transactions began, they see the same. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "etl/source/sqlite.h"

enum {
    CONNECTIONS_MOST = 16,
    TRIES = 200,       /* to begin all transactions while nobody commits */
    BUSY_TRIES = 3000, /* of 10 ms, for a lock */
    BUSY_MS = 10,
    STEPS = 20000, /* of SQLite's machine between two looks at the wish to stop */
    COUNTER_AT = 24,
    INDEX_HEADER = 48, /* bytes of the header of the log's index */
    FRAMES_AT = 16,    /* in it: number of frames, pages, checksum of the last frame, salts */
    FRAMES_SIZE = 24,
};

peal_status source__sqlite_fail(const source__sqlite_database *database, sqlite3 *handle, const char *name,
                                peal_error *err) {
    const int code = sqlite3_errcode(handle) & 0xFF;
    if (peal_is_stopped(database->stop))
        return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while reading %s", name);
    if (code == SQLITE_NOMEM) return peal_fail(err, PEAL_E_MEMORY, "no memory to read %s", name);
    if (code == SQLITE_AUTH) {
        return peal_fail(err, PEAL_E_DATA, "%s: SQLite: %s; one SELECT was expected, which only reads", name,
                         sqlite3_errmsg(handle));
    }
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return peal_fail(err, PEAL_E_DATA, "%s: another program has locked it for more than %d s", name,
                         BUSY_TRIES * BUSY_MS / 1000);
    }
    return peal_fail(err, PEAL_E_DATA, "%s: SQLite: %s", name, sqlite3_errmsg(handle));
}

bool source__sqlite_is_blob(sqlite3_stmt *statement, int column) {
    const char *declared = sqlite3_column_decltype(statement, column);
    return declared && sqlite3_strlike("%blob%", declared, 0) == 0;
}

/* ---- one connection ---- */

static int on_busy(void *opaque, int tries) {
    const source__sqlite_database *database = opaque;
    if (tries >= BUSY_TRIES || peal_is_stopped(database->stop)) return 0;
    nanosleep(&(struct timespec){.tv_nsec = BUSY_MS * 1000000L}, NULL);
    return 1;
}

static int on_progress(void *opaque) {
    const source__sqlite_database *database = opaque;
    return peal_is_stopped(database->stop);
}

/* What a statement of a user may do: read tables and call functions. */
static int authorize(void *opaque, int action, const char *a, const char *b, const char *c, const char *d) {
    (void)opaque;
    (void)c;
    (void)d;
    if (action == SQLITE_FUNCTION) return b && sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    if (action == SQLITE_PRAGMA)
        return a && sqlite3_stricmp(a, "data_version") == 0 ? SQLITE_OK : SQLITE_DENY; /* of FTS5 */
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static peal_status run(source__sqlite_database *self, sqlite3 *handle, const char *sql, peal_error *err) {
    if (sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK) return PEAL_OK;
    return source__sqlite_fail(self, handle, self->path, err);
}

/* As a URI, so that a database of a folder that cannot be written to is read, too. */
static char *uri_of(const char *path, bool immutable) {
    char *uri = malloc(3 * strlen(path) + 32), *to = uri;
    if (!uri) return NULL;
    while (path[0] == '/' && path[1] == '/') path++; /* behind two would stand a host */
    to += sprintf(to, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path)) {
            to += sprintf(to, "%%%02X", (unsigned)(unsigned char)*path);
        } else {
            *to++ = *path;
        }
    }
    strcpy(to, immutable ? "?mode=ro&immutable=1" : "?mode=ro");
    return uri;
}

static peal_status connect_to(source__sqlite_database *self, bool immutable, sqlite3 **out, peal_error *err) {
    char *uri = uri_of(self->path, immutable);
    *out = NULL;
    if (!uri) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    const int code = sqlite3_open_v2(
        uri, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    free(uri);
    if (!*out) return peal_fail(err, PEAL_E_MEMORY, "no memory to read %s", self->path);
    if (code != SQLITE_OK) return source__sqlite_fail(self, *out, self->path, err);
    sqlite3_busy_handler(*out, on_busy, self);
    sqlite3_progress_handler(*out, STEPS, on_progress, self);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return PEAL_OK;
}

static peal_status number_of(source__sqlite_database *self, sqlite3 *handle, const char *sql, int64_t *out,
                             peal_error *err) {
    sqlite3_stmt *statement = NULL;
    const bool done =
        sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    if (done) *out = sqlite3_column_int64(statement, 0);
    const peal_status status = done ? PEAL_OK : source__sqlite_fail(self, handle, self->path, err);
    sqlite3_finalize(statement);
    return status;
}

peal_status source__sqlite_prepare(source__sqlite_connection *connection, const char *name, const char *sql,
                                   sqlite3_stmt **out, peal_error *err) {
    static const source__sqlite_database nobody = {0};
    const char *tail = NULL;
    *out = NULL;
    if (sqlite3_prepare_v2(connection->handle, sql, -1, out, &tail) != SQLITE_OK) {
        return source__sqlite_fail(&nobody, connection->handle, name, err);
    }
    sqlite3_stmt *second = NULL;
    const int code = sqlite3_prepare_v2(connection->handle, tail, -1, &second, NULL);
    const bool alone = code == SQLITE_OK && !second;
    sqlite3_finalize(second);
    if (*out && alone && sqlite3_stmt_readonly(*out) && sqlite3_column_count(*out) > 0) return PEAL_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return peal_fail(err, PEAL_E_DATA, "%s: one SELECT was expected, and nothing behind it", name);
}

/* ---- one snapshot ---- */

static peal_status begin_all(source__sqlite_database *self, peal_error *err) {
    int64_t tables;
    for (size_t i = 0; i < self->count; i++) {
        sqlite3 *handle = self->connections[i].handle;
        if (!sqlite3_get_autocommit(handle)) PEAL_TRY(run(self, handle, "rollback", err));
        PEAL_TRY(run(self, handle, "begin", err));
        /* A transaction begins to see when it first reads. */
        PEAL_TRY(number_of(self, handle, "select count(*) from sqlite_schema", &tables, err));
    }
    return PEAL_OK;
}

/* The counter of the file's changes, and of a log how far it goes, by the checksum over all of it. */
static peal_status describe(source__sqlite_database *self, peal_error *err) {
    struct stat info;
    uint8_t counter[4] = {0}, index[INDEX_HEADER] = {0};
    uint64_t frames = 0;
    size_t got = 0;
    if (fstat(self->fd, &info) != 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot look at %s", self->path);
    PEAL_TRY(peal_file_read_at(self->fd, self->path, counter, sizeof counter, COUNTER_AT, &got, err));
    if (self->index_fd >= 0) {
        PEAL_TRY(peal_file_read_at(self->index_fd, self->path, index, sizeof index, 0, &got, err));
        static const uint8_t none[4] = {0};
        const bool has = got == sizeof index && memcmp(index + FRAMES_AT, none, sizeof none) != 0;
        if (has) frames = peal_hash(index + FRAMES_AT, FRAMES_SIZE, 0);
    }
    self->identity = peal_identity_of(&info);
    free(self->version);
    self->version = peal_sprintf("inode %llu, %llu bytes, of %lld, change %02x%02x%02x%02x, log %016llx",
                                 (unsigned long long)info.st_ino, (unsigned long long)info.st_size,
                                 (long long)self->identity.mtime_ns, counter[0], counter[1], counter[2], counter[3],
                                 (unsigned long long)frames);
    return self->version ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a version");
}

static void open_index(source__sqlite_database *self) {
    char *path = peal_sprintf("%s-shm", self->path);
    self->index_fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    free(path);
}

static peal_status begin_together(source__sqlite_database *self, sqlite3 *watcher, peal_error *err) {
    int64_t before = 0, after = 0;
    for (int i = 0; i < TRIES; i++) {
        PEAL_TRY(number_of(self, watcher, "pragma data_version", &before, err));
        PEAL_TRY(begin_all(self, err));
        if (self->logged && self->index_fd < 0) open_index(self);
        PEAL_TRY(describe(self, err));
        PEAL_TRY(number_of(self, watcher, "pragma data_version", &after, err));
        if (before == after) return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_DATA,
                     "%s: others write to it so often that no moment between two of their changes "
                     "was found in %d tries",
                     self->path, TRIES);
}

static peal_status is_logged(source__sqlite_database *self, sqlite3 *handle, bool *out, peal_error *err) {
    sqlite3_stmt *statement = NULL;
    const bool done = sqlite3_prepare_v2(handle, "pragma journal_mode", -1, &statement, NULL) == SQLITE_OK &&
                      sqlite3_step(statement) == SQLITE_ROW;
    *out = done && sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    const peal_status status = done ? PEAL_OK : source__sqlite_fail(self, handle, self->path, err);
    sqlite3_finalize(statement);
    return status;
}

/* A closed database with a log, in a folder in which the log's index cannot be made: nobody writes to it. */
static peal_status open_watcher(source__sqlite_database *self, bool *immutable, sqlite3 **out, peal_error *err) {
    int64_t version;
    *immutable = false;
    PEAL_TRY(connect_to(self, false, out, err));
    if (number_of(self, *out, "pragma schema_version", &version, NULL) == PEAL_OK) return PEAL_OK;
    const int code = sqlite3_errcode(*out) & 0xFF;
    char *log = peal_sprintf("%s-wal", self->path);
    *immutable = log && access(log, F_OK) != 0 && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY);
    free(log);
    if (!*immutable) return source__sqlite_fail(self, *out, self->path, err);
    sqlite3_close(*out);
    PEAL_TRY(connect_to(self, true, out, err));
    return number_of(self, *out, "pragma schema_version", &version, err);
}

static peal_status open_all(source__sqlite_database *self, sqlite3 **watcher, peal_error *err) {
    bool immutable;
    self->fd = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (self->fd < 0) return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot open %s", self->path);
    PEAL_TRY(open_watcher(self, &immutable, watcher, err));
    PEAL_TRY(is_logged(self, *watcher, &self->logged, err));
    self->logged = self->logged && !immutable;
    size_t count = peal_machine_cpus();
    if (count > CONNECTIONS_MOST) count = CONNECTIONS_MOST;
    PEAL_TRY(peal_zeroed_checked(&self->connections, count, sizeof *self->connections, "connections", err));
    for (; self->count < count; self->count++) {
        source__sqlite_connection *one = &self->connections[self->count];
        const peal_status status = connect_to(self, immutable, &one->handle, err);
        if (status != PEAL_OK) {
            sqlite3_close(one->handle);
            return status;
        }
        pthread_mutex_init(&one->lock, NULL);
    }
    PEAL_TRY(begin_together(self, *watcher, err));
    for (size_t i = 0; i < self->count; i++) sqlite3_set_authorizer(self->connections[i].handle, authorize, NULL);
    return PEAL_OK;
}

peal_status source__sqlite_open(const char *path, const atomic_int *stop, source__sqlite_database **out,
                                peal_error *err) {
    sqlite3 *watcher = NULL;
    source__sqlite_database *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    self->fd = self->index_fd = -1;
    self->stop = stop;
    self->path = peal_strdup(path);
    pthread_mutex_init(&self->lock, NULL);
    const peal_status status =
        self->path ? open_all(self, &watcher, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    sqlite3_close(watcher);
    if (status == PEAL_OK) {
        *out = self;
    } else {
        source__sqlite_close(self);
    }
    return status;
}

void source__sqlite_close(source__sqlite_database *self) {
    for (size_t i = 0; i < self->count; i++) {
        sqlite3_close(self->connections[i].handle);
        pthread_mutex_destroy(&self->connections[i].lock);
    }
    if (self->fd >= 0) close(self->fd);
    if (self->index_fd >= 0) close(self->index_fd);
    pthread_mutex_destroy(&self->lock);
    free(self->connections);
    free(self->version);
    free(self->path);
    free(self);
}
