/* Names of tables and queries of databases: what stands behind the "?" of `sqlite:FILE?table=T`. In it and before it
 * %XX is the byte of that number. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_SQL_NAMES_H
#define PEAL_ETL_SOURCE_SQL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

typedef struct source__sql_name {
    char *place;         /* before the "?", without the scheme */
    char *table, *query; /* NULL: not given; never both. A query is trimmed (source__sql_trim_end) */
    char *rest;          /* "key=value&key=value" of what else there is, as it stands; NULL: nothing */
} source__sql_name;

/* Takes a name apart behind its first `skip` bytes. `is_url`: the place is left as it stands, and so is the rest, which
 * otherwise there may not be. PEAL_E_USAGE if it cannot be right. */
peal_status source__sql_name_parse(const char *name, size_t skip, bool is_url, source__sql_name *out, peal_error *err);
void source__sql_name_clear(source__sql_name *name);

/* Cuts a query behind what counts of it: it is put in brackets, where no semicolon can end it. Blanks, semicolons and
 * comments at its end go; what stands in quotes is looked at in none. `is_postgresql`: quotes and comments are
 * PostgreSQL's, else SQLite's. */
void source__sql_trim_end(char *query, bool is_postgresql);

/* A name within an SQL statement: in double quotes. Freed by the caller; NULL if there is no memory. */
char *source__sql_quote(const char *name);

#endif
