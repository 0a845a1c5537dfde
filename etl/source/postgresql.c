/* The kind of source that reads PostgreSQL databases: a table becomes ranges of its pages, which are read at the same
 * time, a query is one object. */
#include "etl/source/postgresql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "etl/source/sql_names.h"

enum { RANGE_PAGES = 4096, RANGES_MOST = 64, RANGES_SINCE = 140000 /* the version that seeks to a ctid */ };

static const peal_option pg_options[] = {
    {"sql-stall-seconds", PEAL_OPTION_COUNT, NULL, 1, 1000000, "S",
     "give a statement up for which a PostgreSQL server sends nothing for so long (it may take what it takes)"},
    {.name = NULL},
};

static bool is_postgresql(const char *name) {
    return strncmp(name, "postgresql://", 13) == 0 || strncmp(name, "postgres://", 11) == 0;
}

/* ---- names ---- */

/* What libpq gets. Freed by the caller. */
static char *url_of(const source__sql_name *parsed) {
    return peal_sprintf("%s%s%s", parsed->place, parsed->rest ? "?" : "", parsed->rest ? parsed->rest : "");
}

/* Nothing of the name is repeated where it may hold a password. */
static peal_status check_url(const char *url, peal_error *err) {
    char *why = NULL;
    PEAL_TRY(source__pq_load(err));
    PQconninfoOption *options = PQconninfoParse(url, &why);
    bool secret = false;
    for (const PQconninfoOption *one = options; one && one->keyword; one++) {
        secret = secret || (one->val && strstr(one->keyword, "password"));
    }
    const bool right = options != NULL;
    PQconninfoFree(options);
    PQfreemem(why);
    if (secret) {
        return peal_fail(err, PEAL_E_USAGE,
                         "a PostgreSQL source has a password in its name, which would be seen by others; "
                         "it belongs in PGPASSWORD, ~/.pgpass or a service file");
    }
    if (right) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "a PostgreSQL source's name is none: postgresql://HOST/DATABASE?table=NAME was "
                     "expected, with %% written as %%25");
}

static peal_status pg_check(const char *name, peal_error *err) {
    source__sql_name parsed;
    const char *at = strchr(name, '?');
    /* Who is before the place is looked at first: a wrong name is not shown with a password in it. */
    char *place = peal_strndup(name, at ? (size_t)(at - name) : strlen(name));
    if (!place) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    peal_status status = check_url(place, err);
    free(place);
    PEAL_TRY(status);
    if (strstr(name, "password=")) return check_url("postgresql://?password=x", err);
    PEAL_TRY(source__sql_name_parse(name, 0, true, &parsed, err));
    char *url = url_of(&parsed);
    status = url ? check_url(url, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    if (status == PEAL_OK && !parsed.table && !parsed.query) {
        status = peal_fail(err, PEAL_E_USAGE, "%s: ?table=NAME or ?query=SELECT... was expected", name);
    }
    free(url);
    source__sql_name_clear(&parsed);
    return status;
}

/* ---- the session: the databases ---- */

typedef struct pg_session {
    const atomic_int *stop;
    uint64_t stall_s;               /* 0: none */
    source__pg_database *databases; /* a list */
} pg_session;

static peal_status pg_begin(const peal_source_options *options, void **out, peal_error *err) {
    PEAL_TRY(source__pq_load(err));
    pg_session *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    self->stop = options->stop;
    self->stall_s = peal_option_count(options->access, "sql-stall-seconds", 0);
    *out = self;
    return PEAL_OK;
}

static void pg_end(void *opaque) {
    pg_session *self = opaque;
    for (source__pg_database *one = self->databases, *next; one; one = next) {
        next = one->next;
        source__pg_close(one);
    }
    free(self);
}

static peal_status find_database(pg_session *self, const source__sql_name *parsed, source__pg_database **out,
                                 peal_error *err) {
    char *url = url_of(parsed);
    if (!url) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    for (*out = self->databases; *out && strcmp((*out)->url, url) != 0;) *out = (*out)->next;
    peal_status status = PEAL_OK;
    if (!*out) {
        status = source__pg_open(url, self->stop, self->stall_s, out, err);
        if (status == PEAL_OK) {
            (*out)->next = self->databases;
            self->databases = *out;
        }
    }
    free(url);
    return status;
}

/* ---- the table ---- */

typedef struct pg_table {
    char *quoted;   /* "schema"."name" */
    uint64_t pages; /* 0: it has none of its own that could be read in ranges */
} pg_table;

static const char tables_sql[] =
    "select c.relname, n.nspname, pg_table_is_visible(c.oid), c.relkind in ('r', 'm') and a.amname = 'heap' and not "
    "c.relhassubclass, "
    "case when c.relkind in ('r', 'm') then pg_relation_size(c.oid) / current_setting('block_size')::int else 0 end "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am a on a.oid = c.relam "
    "where c.relkind in ('r', 'm', 'v', 'p', 'f') and n.nspname not in ('pg_catalog', 'information_schema') and "
    "n.nspname not like 'pg\\_toast%' order by 2, 1";

static bool is_named(const PGresult *tables, int row, const char *typed) {
    const char *name = PQgetvalue(tables, row, 0), *schema = PQgetvalue(tables, row, 1);
    const size_t length = strlen(schema);
    if (*PQgetvalue(tables, row, 2) == 't' && strcmp(typed, name) == 0) return true;
    return strncmp(typed, schema, length) == 0 && typed[length] == '.' && strcmp(typed + length + 1, name) == 0;
}

static peal_status no_table(const PGresult *tables, const char *name, const char *typed, peal_error *err) {
    const int count = PQntuples(tables);
    const char **names = calloc((size_t)count + 1, sizeof *names);
    char hint[PEAL_HINT_SIZE];
    if (!names) return peal_fail(err, PEAL_E_MEMORY, "no memory for names");
    for (int i = 0; i < count; i++) names[i] = PQgetvalue(tables, i, 0);
    const peal_status status = peal_fail(err, PEAL_E_DATA, "%s: there is no table '%s'%s", name, typed,
                                         count ? peal_did_you_mean(typed, names, (size_t)count, hint) : "");
    free(names);
    return status;
}

static peal_status find_table(source__pg_database *database, const char *name, const char *typed, pg_table *out,
                              peal_error *err) {
    PGresult *tables;
    PEAL_TRY(source__pg_run(database, database->leader, name, tables_sql, &tables, err));
    const int count = PQntuples(tables);
    int row = 0;
    while (row < count && !is_named(tables, row, typed)) row++;
    peal_status status = row < count ? PEAL_OK : no_table(tables, name, typed, err);
    if (status == PEAL_OK) {
        char *table = source__sql_quote(PQgetvalue(tables, row, 0)),
             *schema = source__sql_quote(PQgetvalue(tables, row, 1));
        out->quoted = table && schema ? peal_sprintf("%s.%s", schema, table) : NULL;
        free(table);
        free(schema);
        const bool ranges = *PQgetvalue(tables, row, 3) == 't' && PQserverVersion(database->leader) >= RANGES_SINCE;
        out->pages = ranges ? strtoull(PQgetvalue(tables, row, 4), NULL, 10) : 0;
        if (!out->quoted) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    }
    PQclear(tables);
    return status;
}

/* ---- the columns ---- */

static void columns_release(source__pg_columns *columns) {
    if (!columns || --columns->users > 0) return;
    for (size_t i = 0; i < columns->count; i++) free((char *)(uintptr_t)columns->columns[i].name);
    free(columns->columns);
    free(columns);
}

/* What is said of a type that is left out; NULL: it is read, as text if it is none of ours. */
static peal_status why_left_out(source__pg_database *database, const char *name, Oid type, const char **out,
                                peal_error *err) {
    enum { BYTEA = 17 };
    char sql[96];
    PGresult *result;
    *out = type == BYTEA ? "binary data" : NULL;
    if (type < 1000 && type != BYTEA) return PEAL_OK;
    snprintf(sql, sizeof sql, "select typcategory, typtype from pg_type where oid = %u", type);
    PEAL_TRY(source__pg_run(database, database->leader, name, sql, &result, err));
    if (PQntuples(result) == 1 && *PQgetvalue(result, 0, 0) == 'A') *out = "a list";
    if (PQntuples(result) == 1 && *PQgetvalue(result, 0, 0) == 'C') *out = "a row of its own";
    PQclear(result);
    return PEAL_OK;
}

static uint32_t type_of(Oid type) {
    static const uint32_t same[] = {ROWS_BOOL,   ROWS_INT8, ROWS_INT2,      ROWS_INT4,        ROWS_TEXT,    ROWS_FLOAT4,
                                    ROWS_FLOAT8, ROWS_DATE, ROWS_TIMESTAMP, ROWS_TIMESTAMPTZ, ROWS_NUMERIC, ROWS_UUID};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (same[i] == type) return type;
    }
    return ROWS_TEXT;
}

/* "a", "b"::text: appends one more, and notes it. */
static peal_status add_column(source__pg_columns *columns, const char *column, Oid type, char **list, peal_error *err) {
    const uint32_t as = type_of(type);
    char *quoted = source__sql_quote(column), *copy = peal_strdup(column);
    char *longer =
        quoted ? peal_sprintf("%s%s%s%s", *list ? *list : "", *list ? ", " : "", quoted, as == type ? "" : "::text")
               : NULL;
    free(quoted);
    if (!longer || !copy) {
        free(longer);
        free(copy);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    }
    free(*list);
    *list = longer;
    columns->columns[columns->count++] = (source__row_column){copy, as};
    return PEAL_OK;
}

/* Describes what `from` gives, a table or a query in brackets; *list is what is to be selected of it. */
static peal_status find_columns(source__making *making, source__pg_database *database, const char *name,
                                const char *sql, source__pg_columns *columns, char **list, peal_error *err) {
    PGresult *result;
    PEAL_TRY(source__pg_describe(database, name, sql, &result, err));
    const int count = PQnfields(result);
    peal_status status =
        peal_alloc_checked(&columns->columns, (size_t)count + 1, sizeof *columns->columns, "columns", err);
    for (int i = 0; i < count && status == PEAL_OK; i++) {
        const char *why = NULL;
        status = why_left_out(database, name, PQftype(result, i), &why, err);
        if (status != PEAL_OK) break;
        if (!why) {
            status = add_column(columns, PQfname(result, i), PQftype(result, i), list, err);
        } else {
            peal_report(making->options->reporter, PEAL_EVENT_NOTE, "%s: column %s is left out: it is %s", name,
                        PQfname(result, i), why);
        }
    }
    PQclear(result);
    if (status != PEAL_OK || columns->count > 0) return status;
    return peal_fail(err, PEAL_E_DATA, count ? "%s has no columns that can be read" : "%s: one SELECT was expected",
                     name);
}

/* ---- the objects ---- */

static void pg_forget(peal_source *source) {
    source__pg_object *object = source->own;
    columns_release(object->columns);
    free(object->copy);
    free(object);
}

/* Takes `path` and `copy` over. */
static peal_status add(source__making *making, source__pg_database *database, source__pg_columns *columns, char *path,
                       char *copy, peal_error *err) {
    source__pg_object *object = calloc(1, sizeof *object);
    peal_source source = {.path = path, .fd = -1, .own = object, .version = peal_strdup(database->version)};
    if (!object || !path || !copy || !source.version) {
        free(object);
        free(path);
        free(copy);
        free(source.version);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    }
    *object = (source__pg_object){.database = database, .columns = columns, .copy = copy};
    columns->users++;
    return source__add(making, &source, err);
}

/* The last range has no end: what others add meanwhile is none of the snapshot's. */
static peal_status add_ranges(source__making *making, source__pg_database *database, source__pg_columns *columns,
                              const char *name, const char *list, const pg_table *table, peal_error *err) {
    const uint64_t by_count = table->pages / RANGES_MOST + 1;
    const uint64_t step = by_count > RANGE_PAGES ? by_count : RANGE_PAGES;
    peal_status status = PEAL_OK;
    for (uint64_t page = 0; status == PEAL_OK && page < table->pages; page += step) {
        const bool last = table->pages - page <= step;
        char end[64] = "";
        if (!last) snprintf(end, sizeof end, " and ctid < '(%llu,0)'", (unsigned long long)(page + step));
        char *copy = peal_sprintf("copy (select %s from only %s where ctid >= '(%llu,0)'%s) to stdout (format binary)",
                                  list, table->quoted, (unsigned long long)page, end);
        char *path =
            last && page == 0 ? peal_strdup(name) : peal_sprintf("%s (from page %llu)", name, (unsigned long long)page);
        status = add(making, database, columns, path, copy, err);
    }
    return status;
}

static peal_status list_columns(source__making *making, source__pg_database *database, const char *name,
                                const source__sql_name *parsed, const pg_table *table, peal_error *err) {
    char *list = NULL;
    source__pg_columns *columns = calloc(1, sizeof *columns);
    if (!columns) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    columns->users = 1;
    /* A line end ends a comment at the query's end. */
    char *sql = parsed->query ? peal_sprintf("%s\n", parsed->query) : peal_sprintf("select * from %s", table->quoted);
    char *from = parsed->query ? peal_sprintf("(%s\n) as q", parsed->query) : peal_strdup(table->quoted);
    peal_status status = sql && from ? find_columns(making, database, name, sql, columns, &list, err)
                                     : peal_fail(err, PEAL_E_MEMORY, "no memory for a statement");
    if (status == PEAL_OK && table->pages > 0) {
        status = add_ranges(making, database, columns, name, list, table, err);
    } else if (status == PEAL_OK) {
        char *copy = peal_sprintf("copy (select %s from %s) to stdout (format binary)", list, from);
        status = add(making, database, columns, peal_strdup(name), copy, err);
    }
    columns_release(columns);
    free(list);
    free(from);
    free(sql);
    return status;
}

/* What a statement did wrong ends the leader's transaction, and with it the snapshot: it is tried within a savepoint.
 */
static peal_status list_parsed(source__making *making, const char *name, const source__sql_name *parsed,
                               peal_error *err) {
    source__pg_database *database;
    pg_table table = {0};
    PEAL_TRY(find_database(making->session, parsed, &database, err));
    PEAL_TRY(source__pg_run(database, database->leader, name, "savepoint listing", NULL, err));
    peal_status status = parsed->query ? PEAL_OK : find_table(database, name, parsed->table, &table, err);
    if (status == PEAL_OK) status = list_columns(making, database, name, parsed, &table, err);
    free(table.quoted);
    if (status != PEAL_OK) (void)source__pg_run(database, database->leader, name, "rollback to listing", NULL, NULL);
    return status;
}

static peal_status pg_list(source__making *making, const char *name, peal_error *err) {
    source__sql_name parsed;
    PEAL_TRY(source__sql_name_parse(name, 0, true, &parsed, err));
    const peal_status status = list_parsed(making, name, &parsed, err);
    source__sql_name_clear(&parsed);
    return status;
}

const peal_source_kind peal_source_postgresql = {
    .name = "postgresql",
    .documentation =
        "postgresql://[USER@]HOST/DATABASE?table=[SCHEMA.]NAME or ?query=SELECT...: a table, view or query of a "
        "PostgreSQL database, read as of one moment. Passwords come from PGPASSWORD, ~/.pgpass or a service "
        "file (?service=NAME); ?host=FOLDER is a Unix socket.",
    .options = pg_options,
    .recognise = is_postgresql,
    .check = pg_check,
    .begin = pg_begin,
    .end = pg_end,
    .list = pg_list,
    .open = source__pg_stream,
    .forget = pg_forget,
};
