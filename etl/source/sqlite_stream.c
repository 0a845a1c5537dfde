/* The rows of an SQLite table, range or query as a stream. See rows.h for its layout. */
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "etl/source/rows.h"
#include "etl/source/sqlite.h"

enum { AT_ONCE = 256 << 10 /* bytes of rows that are made while the connection is held */ };

typedef struct sqlite_stream {
    peal_stream base;
    const peal_source *source;
    source__sqlite_object *object;
    source__sqlite_connection *connection;
    peal_source_meter *meter;
    sqlite3_stmt *statement;
    int *columns;    /* [count] those that are given */
    uint32_t *types; /* [count] */
    size_t count;
    peal_buffer bytes; /* made, of which `used` were given */
    size_t used;
    bool ended;
} sqlite_stream;

/* ---- the beginning ---- */

/* The one that fewest streams use. */
static source__sqlite_connection *take_connection(source__sqlite_database *database) {
    pthread_mutex_lock(&database->lock);
    source__sqlite_connection *best = &database->connections[0];
    for (size_t i = 1; i < database->count; i++) {
        if (database->connections[i].streams < best->streams) best = &database->connections[i];
    }
    best->streams++;
    pthread_mutex_unlock(&database->lock);
    return best;
}

/* Text for columns that were declared so; in all others each value tells. Source: "Datatypes In SQLite", 3.1. */
static uint32_t type_of(sqlite3_stmt *statement, int column) {
    static const char *const texts[] = {"%char%", "%clob%", "%text%"};
    const char *declared = sqlite3_column_decltype(statement, column);
    if (!declared || sqlite3_strlike("%int%", declared, 0) == 0) return ROWS_ANY;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (sqlite3_strlike(texts[i], declared, 0) == 0) return ROWS_TEXT;
    }
    return ROWS_ANY;
}

static peal_status begin(sqlite_stream *self, peal_error *err) {
    const source__sqlite_object *object = self->object;
    PEAL_TRY(source__sqlite_prepare(self->connection, self->source->path, object->sql, &self->statement, err));
    if (object->has_range) {
        sqlite3_bind_int64(self->statement, 1, object->first);
        sqlite3_bind_int64(self->statement, 2, object->last);
    }
    const int all = sqlite3_column_count(self->statement);
    source__row_column *columns = NULL;
    PEAL_TRY(peal_alloc_checked(&self->columns, (size_t)all, sizeof *self->columns, "columns", err));
    PEAL_TRY(peal_alloc_checked(&self->types, (size_t)all, sizeof *self->types, "columns", err));
    PEAL_TRY(peal_alloc_checked(&columns, (size_t)all, sizeof *columns, "columns", err));
    peal_status status = PEAL_OK;
    for (int i = 0; i < all && status == PEAL_OK; i++) {
        if (source__sqlite_is_blob(self->statement, i)) continue;
        const char *name = sqlite3_column_name(self->statement, i);
        if (!name) status = peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
        self->types[self->count] = type_of(self->statement, i);
        columns[self->count] = (source__row_column){name, self->types[self->count]};
        self->columns[self->count++] = i;
    }
    if (status == PEAL_OK) status = source__rows_begin(columns, self->count, &self->bytes, err);
    free(columns);
    return status;
}

/* ---- rows ---- */

static peal_status put_text(sqlite_stream *self, sqlite3_value *value, bool tagged, peal_error *err) {
    const unsigned char *text = sqlite3_value_text(value);
    const size_t size = (size_t)sqlite3_value_bytes(value);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory to read %s", self->source->path);
    PEAL_TRY(peal_buffer_reserve(&self->bytes, 5 + size, err));
    uint8_t *to = source__put32(self->bytes.data + self->bytes.size, (uint32_t)(size + tagged));
    if (tagged) *to++ = 't';
    memcpy(to, text, size);
    self->bytes.size += 4 + tagged + size;
    return PEAL_OK;
}

static peal_status put_number(sqlite_stream *self, char tag, uint64_t bits, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(&self->bytes, 13, err));
    uint8_t *to = source__put32(self->bytes.data + self->bytes.size, 9);
    *to++ = (uint8_t)tag;
    source__put64(to, bits);
    self->bytes.size += 13;
    return PEAL_OK;
}

/* A field without bytes. */
static peal_status put_none(sqlite_stream *self, int size, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(&self->bytes, 4, err));
    source__put32(self->bytes.data + self->bytes.size, (uint32_t)size);
    self->bytes.size += 4;
    return PEAL_OK;
}

static peal_status put_value(sqlite_stream *self, size_t index, peal_error *err) {
    const int column = self->columns[index];
    sqlite3_value *value = sqlite3_column_value(self->statement, column);
    const int kind = sqlite3_value_type(value);
    if (kind == SQLITE_NULL) return put_none(self, ROWS_MISSING, err);
    if (kind == SQLITE_BLOB) return put_none(self, ROWS_BLOB, err);
    if (self->types[index] == ROWS_TEXT) return put_text(self, value, false, err);
    if (kind == SQLITE_TEXT) return put_text(self, value, true, err);
    if (kind == SQLITE_INTEGER) return put_number(self, 'i', (uint64_t)sqlite3_value_int64(value), err);
    const double number = sqlite3_value_double(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return put_number(self, 'd', bits, err);
}

static peal_status put_row(sqlite_stream *self, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(&self->bytes, 2, err));
    source__put16(self->bytes.data + self->bytes.size, (uint16_t)self->count);
    self->bytes.size += 2;
    for (size_t i = 0; i < self->count; i++) PEAL_TRY(put_value(self, i, err));
    return PEAL_OK;
}

/* Nobody can write while we read, unless there is a log, or it is one who knows nothing of SQLite's locks. */
static peal_status end(sqlite_stream *self, peal_error *err) {
    const source__sqlite_database *database = self->object->database;
    self->ended = true;
    if (!database->logged) {
        PEAL_TRY(peal_identity_check(database->fd, database->path, &database->identity, "read", err));
    }
    PEAL_TRY(peal_buffer_reserve(&self->bytes, 2, err));
    source__put16(self->bytes.data + self->bytes.size, (uint16_t)ROWS_END);
    self->bytes.size += 2;
    return PEAL_OK;
}

/* Makes some rows; with the connection held. */
static peal_status make(sqlite_stream *self, peal_error *err) {
    self->used = self->bytes.size = 0;
    if (!self->statement) PEAL_TRY(begin(self, err));
    while (self->bytes.size < AT_ONCE && !self->ended) {
        const int code = sqlite3_step(self->statement);
        if (code == SQLITE_ROW) {
            PEAL_TRY(put_row(self, err));
        } else if (code == SQLITE_DONE) {
            PEAL_TRY(end(self, err));
        } else {
            return source__sqlite_fail(self->object->database, self->connection->handle, self->source->path, err);
        }
    }
    return PEAL_OK;
}

/* ---- the stream ---- */

static peal_status sqlite_read(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    sqlite_stream *self = (sqlite_stream *)base;
    *got = 0;
    if (self->used == self->bytes.size && !self->ended) {
        pthread_mutex_lock(&self->connection->lock);
        const peal_status status = make(self, err);
        pthread_mutex_unlock(&self->connection->lock);
        PEAL_TRY(status);
    }
    *got = source__rows_give(&self->bytes, &self->used, self->meter, out, capacity);
    return PEAL_OK;
}

static void sqlite_close_stream(peal_stream *base) {
    sqlite_stream *self = (sqlite_stream *)base;
    source__sqlite_database *database = self->object->database;
    pthread_mutex_lock(&self->connection->lock);
    sqlite3_finalize(self->statement);
    pthread_mutex_unlock(&self->connection->lock);
    pthread_mutex_lock(&database->lock);
    self->connection->streams--;
    pthread_mutex_unlock(&database->lock);
    peal_buffer_clear(&self->bytes);
    free(self->columns);
    free(self->types);
    free(self);
}

peal_status source__sqlite_stream(const peal_source *source, peal_source_meter *meter, peal_stream **out,
                                  peal_error *err) {
    sqlite_stream *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    self->base = (peal_stream){.read = sqlite_read, .close = sqlite_close_stream, .size = UINT64_MAX};
    self->source = source;
    self->object = source->own;
    self->meter = meter;
    self->connection = take_connection(self->object->database);
    *out = &self->base;
    return PEAL_OK;
}
