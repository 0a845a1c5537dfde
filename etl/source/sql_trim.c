/* Where a query ends: the few things of SQL in which a semicolon or the beginning of a comment is none. See
 * sql_names.h. Sources: PostgreSQL 15, "Lexical Structure"; SQLite, "SQL Language Expressions", "SQL Comments". */
#include <stdlib.h>
#include <string.h>

#include "etl/source/sql_names.h"

/* Part of a name or of a number, or of a letter that is no ASCII. */
static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

/* Each of these returns what is behind a thing that begins at `at`: the query's end, if the thing has none. */

static const char *behind_line(const char *at) {
    return at + strcspn(at, "\n\r");
}

/* PostgreSQL's comments stand within each other. */
static const char *behind_comment(const char *at, bool nested) {
    int depth = 0;
    for (; *at; at++) {
        if (at[0] == '/' && at[1] == '*' && (nested || depth == 0)) {
            depth++;
            at++;
        } else if (at[0] == '*' && at[1] == '/') {
            at++;
            if (--depth == 0) return at + 1;
        }
    }
    return at;
}

/* A quote within is written twice, which looks like two things in a row; or, where `escapes`, behind a backslash. */
static const char *behind_quote(const char *at, char quote, bool escapes) {
    for (at++; *at && *at != quote; at++) at += escapes && at[0] == '\\' && at[1];
    return *at ? at + 1 : at;
}

/* $$text$$ and $tag$text$tag$; a dollar that begins none counts alone. */
static const char *behind_dollars(const char *at) {
    size_t length = 1;
    while (is_word(at[length]) && !(length == 1 && at[length] >= '0' && at[length] <= '9')) length++;
    if (at[length++] != '$') return at + 1;
    for (const char *end = at + length; *end; end++) {
        if (strncmp(end, at, length) == 0) return end + length;
    }
    return at + strlen(at);
}

/* Behind the next thing, which is no blank, semicolon or comment. `before`: the letter before it. */
static const char *behind_thing(const char *at, const char *begin, bool is_postgresql) {
    const char before = at > begin ? at[-1] : ' ';
    const bool is_escape = is_postgresql && (before == 'e' || before == 'E') && (at - 1 == begin || !is_word(at[-2]));
    if (*at == '\'' || *at == '"') return behind_quote(at, *at, *at == '\'' && is_escape);
    if (is_postgresql && *at == '$' && !is_word(before)) return behind_dollars(at);
    if (!is_postgresql && *at == '`') return behind_quote(at, '`', false);
    if (!is_postgresql && *at == '[') return behind_quote(at, ']', false);
    return at + 1;
}

void source__sql_trim_end(char *query, bool is_postgresql) {
    const char *at = query, *end = query;
    while (*at) {
        if (strchr("; \t\n\v\f\r", *at)) {
            at++;
        } else if (at[0] == '-' && at[1] == '-') {
            at = behind_line(at);
        } else if (at[0] == '/' && at[1] == '*') {
            at = behind_comment(at, is_postgresql);
        } else {
            at = end = behind_thing(at, query, is_postgresql);
        }
    }
    query[end - query] = '\0';
}
