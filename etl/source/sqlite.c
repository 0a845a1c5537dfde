/* The kind of source that reads SQLite databases: a table becomes ranges of rows that are read at the same time, a
 * query is one object. */
#include "etl/source/sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "etl/source/sql_names.h"

enum { RANGE_ROWS = 250000, RANGES_MOST = 64 };
#define SCHEME "sqlite:"

static const peal_option no_options[] = {{.name = NULL}};

static bool is_sqlite(const char *name) {
    return strncmp(name, SCHEME, strlen(SCHEME)) == 0;
}

static peal_status sqlite_check(const char *name, peal_error *err) {
    source__sql_name parsed;
    PEAL_TRY(source__sql_name_parse(name, strlen(SCHEME), false, &parsed, err));
    const bool named = *parsed.place != '\0';
    source__sql_name_clear(&parsed);
    if (named) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s: a file was expected behind the colon: sqlite:FILE?table=NAME", name);
}

/* ---- the session: the databases ---- */

typedef struct sqlite_session {
    const atomic_int *stop;
    source__sqlite_database *databases; /* a list */
} sqlite_session;

static peal_status sqlite_begin(const peal_source_options *options, void **out, peal_error *err) {
    sqlite_session *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    self->stop = options->stop;
    *out = self;
    return PEAL_OK;
}

static void sqlite_end(void *opaque) {
    sqlite_session *self = opaque;
    for (source__sqlite_database *one = self->databases, *next; one; one = next) {
        next = one->next;
        source__sqlite_close(one);
    }
    free(self);
}

/* All tables of one file are of one snapshot. */
static peal_status find_database(sqlite_session *self, const char *path, source__sqlite_database **out,
                                 peal_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno == ENOENT) return peal_fail(err, PEAL_E_DATA, "no such file: %s", path);
        return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot look at %s", path);
    }
    if (!S_ISREG(info.st_mode))
        return peal_fail(err, PEAL_E_DATA, "%s is no file that can be an SQLite database", path);
    for (*out = self->databases; *out; *out = (*out)->next) {
        if ((*out)->identity.inode == (uint64_t)info.st_ino && (*out)->identity.device == (uint64_t)info.st_dev) {
            return PEAL_OK;
        }
    }
    PEAL_TRY(source__sqlite_open(path, self->stop, out, err));
    (*out)->next = self->databases;
    self->databases = *out;
    return PEAL_OK;
}

/* ---- the table ---- */

typedef struct names {
    char **names;
    size_t count;
} names;

static void names_clear(names *self) {
    for (size_t i = 0; i < self->count; i++) free(self->names[i]);
    free(self->names);
}

static peal_status read_names(source__sqlite_database *database, const char *name, const char *sql, names *out,
                              peal_error *err) {
    sqlite3_stmt *statement;
    int code;
    PEAL_TRY(source__sqlite_prepare(&database->connections[0], name, sql, &statement, err));
    peal_status status = PEAL_OK;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && status == PEAL_OK) {
        char **longer = realloc(out->names, (out->count + 1) * sizeof *longer);
        if (longer) out->names = longer;
        char *copy = longer ? peal_strdup((const char *)sqlite3_column_text(statement, 0)) : NULL;
        if (copy) out->names[out->count++] = copy;
        if (!copy) status = peal_fail(err, PEAL_E_MEMORY, "no memory for names");
    }
    if (status == PEAL_OK && code != SQLITE_DONE) {
        status = source__sqlite_fail(database, database->connections[0].handle, name, err);
    }
    sqlite3_finalize(statement);
    return status;
}

/* The table or view as the database spells it; the only one if none was named. Freed by the caller. */
static peal_status choose_table(const names *tables, const char *name, const char *typed, char **out, peal_error *err) {
    char hint[PEAL_HINT_SIZE];
    const char *found = !typed && tables->count == 1 ? tables->names[0] : NULL;
    for (size_t i = 0; typed && i < tables->count; i++) {
        if (sqlite3_stricmp(typed, tables->names[i]) == 0) found = tables->names[i];
    }
    if (tables->count == 0) return peal_fail(err, PEAL_E_DATA, "%s: the database has no tables", name);
    if (!found && typed) {
        return peal_fail(err, PEAL_E_DATA, "%s: there is no table '%s'%s", name, typed,
                         peal_did_you_mean(typed, (const char *const *)tables->names, tables->count, hint));
    }
    if (!found) {
        return peal_fail(err, PEAL_E_USAGE, "%s: the database has several tables: add ?table=NAME%s", name,
                         peal_did_you_mean("", (const char *const *)tables->names, tables->count, hint));
    }
    *out = peal_strdup(found);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for names");
}

static peal_status find_table(source__sqlite_database *database, const char *name, const char *typed, char **out,
                              peal_error *err) {
    names tables = {0};
    peal_status status = read_names(database, name,
                                    "select name from sqlite_schema where type in ('table', 'view') and name not like "
                                    "'sqlite\\_%' escape '\\' order by name",
                                    &tables, err);
    if (status == PEAL_OK) status = choose_table(&tables, name, typed, out, err);
    names_clear(&tables);
    return status;
}

/* What rowids are called in a table; NULL: nothing, for it is a view or a virtual table, has none, or its columns have
 * taken all names. */
static const char *name_of_rowids(sqlite3 *handle, const char *table, const char *quoted) {
    static const char *const spellings[] = {"rowid", "_rowid_", "oid"};
    sqlite3_stmt *all = NULL, *statement = NULL;
    char *sql =
        sqlite3_mprintf("select 1 from sqlite_schema where type = 'table' and name = %Q and sql not like 'create "
                        "virtual%%'",
                        table);
    const bool is_table = sql && sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK &&
                          sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    sql = is_table ? sqlite3_mprintf("select * from %s", quoted) : NULL;
    if (sql) (void)sqlite3_prepare_v2(handle, sql, -1, &all, NULL);
    sqlite3_free(sql);
    const char *found = NULL;
    for (size_t i = 0; all && !found && i < sizeof spellings / sizeof *spellings; i++) {
        bool taken = false;
        for (int c = 0; c < sqlite3_column_count(all); c++) {
            taken = taken || sqlite3_stricmp(sqlite3_column_name(all, c), spellings[i]) == 0;
        }
        sql = taken ? NULL : sqlite3_mprintf("select %s from %s", spellings[i], quoted);
        if (sql && sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK) {
            found = spellings[i];
            sqlite3_finalize(statement);
        }
        sqlite3_free(sql);
    }
    sqlite3_finalize(all);
    return found;
}

/* ---- the objects ---- */

static void sqlite_forget(peal_source *source) {
    source__sqlite_object *object = source->own;
    free(object->sql);
    free(object);
}

static peal_status add(source__making *making, const char *name, const source__sqlite_object *like, const char *sql,
                       peal_error *err) {
    source__sqlite_object *object = calloc(1, sizeof *object);
    if (!object) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    *object = *like;
    object->sql = peal_strdup(sql);
    peal_source source = {.fd = -1, .own = object, .version = peal_strdup(like->database->version)};
    source.path = like->has_range
                      ? peal_sprintf("%s (rowid %lld to %lld)", name, (long long)like->first, (long long)like->last)
                      : peal_strdup(name);
    if (object->sql && source.version) return source__add(making, &source, err);
    free(source.path);
    free(source.version);
    free(object->sql);
    free(object);
    return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
}

/* Looks at what the objects will do: what is wrong is told before anything is read, and which columns are left out. */
static peal_status check_statement(const source__making *making, source__sqlite_database *database, const char *name,
                                   const char *sql, int parameters, peal_error *err) {
    sqlite3_stmt *statement;
    PEAL_TRY(source__sqlite_prepare(&database->connections[0], name, sql, &statement, err));
    const int count = sqlite3_column_count(statement), has = sqlite3_bind_parameter_count(statement);
    int read = 0;
    for (int i = 0; i < count; i++) {
        const bool blob = source__sqlite_is_blob(statement, i);
        read += !blob;
        if (!blob) continue;
        peal_report(making->options->reporter, PEAL_EVENT_NOTE,
                    "%s: column %s is left out: it was declared to hold BLOBs", name,
                    sqlite3_column_name(statement, i));
    }
    sqlite3_finalize(statement);
    if (has != parameters) return peal_fail(err, PEAL_E_DATA, "%s: the query has a parameter that has no value", name);
    return read ? PEAL_OK : peal_fail(err, PEAL_E_DATA, "%s has no columns but of BLOBs", name);
}

static peal_status add_checked(source__making *making, const source__sqlite_object *one, const char *name,
                               const char *sql, peal_error *err) {
    PEAL_TRY(check_statement(making, one->database, name, sql, 0, err));
    return add(making, name, one, sql, err);
}

/* The least and the largest rowid; *last < *first of an empty table. */
static peal_status find_bounds(source__sqlite_database *database, const char *name, const char *table,
                               const char *rowid, int64_t *first, int64_t *last, peal_error *err) {
    source__sqlite_connection *connection = &database->connections[0];
    sqlite3_stmt *statement = NULL;
    char *sql = peal_sprintf("select (select min(%s) from %s), (select max(%s) from %s)", rowid, table, rowid, table);
    if (!sql) return peal_fail(err, PEAL_E_MEMORY, "no memory for a statement");
    peal_status status = source__sqlite_prepare(connection, name, sql, &statement, err);
    free(sql);
    PEAL_TRY(status);
    *first = 1;
    *last = 0;
    if (sqlite3_step(statement) != SQLITE_ROW) {
        status = source__sqlite_fail(database, connection->handle, name, err);
    } else if (sqlite3_column_type(statement, 0) == SQLITE_INTEGER) {
        *first = sqlite3_column_int64(statement, 0);
        *last = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    return status;
}

/* Ranges of as many rowids each; how many depends on the table alone. */
static peal_status add_ranges(source__making *making, source__sqlite_database *database, const char *name,
                              const char *table, const char *rowid, peal_error *err) {
    source__sqlite_object one = {.database = database, .has_range = true};
    int64_t end;
    PEAL_TRY(find_bounds(database, name, table, rowid, &one.first, &end, err));
    if (end < one.first) end = one.first; /* no row is there */
    char *sql = peal_sprintf("select * from %s not indexed where %s between ? and ? order by %s", table, rowid, rowid);
    if (!sql) return peal_fail(err, PEAL_E_MEMORY, "no memory for a statement");
    const uint64_t span = (uint64_t)end - (uint64_t)one.first;
    const uint64_t step = span / (span / RANGE_ROWS < RANGES_MOST ? span / RANGE_ROWS + 1 : RANGES_MOST);
    peal_status status = check_statement(making, database, name, sql, 2, err);
    for (bool more = true; more && status == PEAL_OK;) {
        more = step < (uint64_t)end - (uint64_t)one.first;
        one.last = more ? (int64_t)((uint64_t)one.first + step) : end;
        status = add(making, name, &one, sql, err);
        if (more) one.first = one.last + 1;
    }
    free(sql);
    return status;
}

static peal_status add_table(source__making *making, source__sqlite_database *database, const char *name,
                             const char *typed, peal_error *err) {
    char *table = NULL;
    PEAL_TRY(find_table(database, name, typed, &table, err));
    char *quoted = source__sql_quote(table);
    const char *rowid = quoted ? name_of_rowids(database->connections[0].handle, table, quoted) : NULL;
    char *sql = quoted ? peal_sprintf("select * from %s", quoted) : NULL;
    const source__sqlite_object one = {.database = database};
    const peal_status status = !sql    ? peal_fail(err, PEAL_E_MEMORY, "no memory for a statement")
                               : rowid ? add_ranges(making, database, name, quoted, rowid, err)
                                       : add_checked(making, &one, name, sql, err);
    free(sql);
    free(quoted);
    free(table);
    return status;
}

static peal_status list_parsed(source__making *making, const char *name, const source__sql_name *parsed,
                               peal_error *err) {
    source__sqlite_object one = {0};
    PEAL_TRY(find_database(making->session, parsed->place, &one.database, err));
    if (parsed->query) return add_checked(making, &one, name, parsed->query, err);
    return add_table(making, one.database, name, parsed->table, err);
}

static peal_status sqlite_list(source__making *making, const char *name, peal_error *err) {
    source__sql_name parsed;
    PEAL_TRY(source__sql_name_parse(name, strlen(SCHEME), false, &parsed, err));
    const peal_status status = list_parsed(making, name, &parsed, err);
    source__sql_name_clear(&parsed);
    return status;
}

static char *sqlite_file(const char *name) {
    source__sql_name parsed;
    if (source__sql_name_parse(name, strlen(SCHEME), false, &parsed, NULL) != PEAL_OK) return NULL;
    char *file = parsed.place;
    parsed.place = NULL;
    source__sql_name_clear(&parsed);
    return file;
}

const peal_source_kind peal_source_sqlite = {
    .name = "sqlite",
    .documentation =
        "sqlite:FILE?table=NAME or ?query=SELECT...: a table, view or query of an SQLite database, read as "
        "of one moment; % is written %25, & in a value %26",
    .options = no_options,
    .recognise = is_sqlite,
    .check = sqlite_check,
    .begin = sqlite_begin,
    .end = sqlite_end,
    .list = sqlite_list,
    .open = source__sqlite_stream,
    .forget = sqlite_forget,
    .file = sqlite_file,
};
