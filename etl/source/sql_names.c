/* Names of tables and queries are taken apart. See sql_names.h. */
#include "etl/source/sql_names.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "core/base/text.h"

/* NULL in *out is no memory, which is told. */
static peal_status unescape(const char *name, const char *text, size_t length, char **out, peal_error *err) {
    char *to = *out = peal_strndup(text, length);
    if (!to) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '%') {
            *to++ = text[i];
            continue;
        }
        const int high = length - i > 2 ? peal_hex_digit(text[i + 1]) : -1;
        const int low = length - i > 2 ? peal_hex_digit(text[i + 2]) : -1;
        if (low < 0 || high < 0 || high * 16 + low == 0) {
            return peal_fail(err, PEAL_E_USAGE,
                             "%s: %%XX with two hexadecimal digits was expected at byte %zu; a %% is "
                             "%%25",
                             name, (size_t)(text - name) + i + 1);
        }
        *to++ = (char)(high * 16 + low);
        i += 2;
    }
    *to = '\0';
    return PEAL_OK;
}

static peal_status keep_rest(const char *at, size_t length, source__sql_name *out, peal_error *err) {
    char *longer = peal_sprintf("%s%s%.*s", out->rest ? out->rest : "", out->rest ? "&" : "", (int)length, at);
    if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    free(out->rest);
    out->rest = longer;
    return PEAL_OK;
}

static peal_status take_value(const char *name, const char *at, size_t length, bool is_url, source__sql_name *out,
                              peal_error *err) {
    static const char *const keys[] = {"table", "query"};
    const char *equals = memchr(at, '=', length);
    const size_t size = equals ? (size_t)(equals - at) : length;
    char key[32], hint[PEAL_HINT_SIZE];
    const size_t shown = size < sizeof key ? size : sizeof key - 1;
    memcpy(key, at, shown);
    key[shown] = '\0';
    const bool table = strcmp(key, keys[0]) == 0;
    if (!table && strcmp(key, keys[1]) != 0) {
        if (is_url) return keep_rest(at, length, out, err);
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: behind the ? there is nothing called '%s'%s (an & within a value is %%26)", name, key,
                         peal_did_you_mean(key, keys, 2, hint));
    }
    if (!equals || equals + 1 == at + length) {
        return peal_fail(err, PEAL_E_USAGE, "%s: '%s' has no value (?table=NAME or ?query=SELECT...)", name, key);
    }
    if (out->table || out->query) {
        return peal_fail(err, PEAL_E_USAGE, "%s: one table or one query is read at a time; name the source again",
                         name);
    }
    PEAL_TRY(unescape(name, equals + 1, (size_t)(at + length - equals - 1), table ? &out->table : &out->query, err));
    if (out->query) source__sql_trim_end(out->query, is_url);
    return PEAL_OK;
}

static peal_status parse(const char *name, size_t skip, bool is_url, source__sql_name *out, peal_error *err) {
    const char *place = name + skip, *at = strchr(place, '?');
    const size_t length = at ? (size_t)(at - place) : strlen(place);
    if (is_url) {
        out->place = peal_strndup(place, length);
        if (!out->place) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
    } else {
        PEAL_TRY(unescape(name, place, length, &out->place, err));
    }
    while (at && at[1]) {
        const char *begin = at + 1, *end = strchr(begin, '&');
        PEAL_TRY(take_value(name, begin, end ? (size_t)(end - begin) : strlen(begin), is_url, out, err));
        at = end;
    }
    return PEAL_OK;
}

peal_status source__sql_name_parse(const char *name, size_t skip, bool is_url, source__sql_name *out, peal_error *err) {
    *out = (source__sql_name){0};
    const peal_status status = parse(name, skip, is_url, out, err);
    if (status != PEAL_OK) source__sql_name_clear(out);
    return status;
}

void source__sql_name_clear(source__sql_name *name) {
    free(name->place);
    free(name->table);
    free(name->query);
    free(name->rest);
    *name = (source__sql_name){0};
}

char *source__sql_quote(const char *name) {
    char *quoted = malloc(2 * strlen(name) + 3), *to = quoted;
    if (!quoted) return NULL;
    *to++ = '"';
    for (; *name; name++) {
        if (*name == '"') *to++ = '"';
        *to++ = *name;
    }
    *to++ = '"';
    *to = '\0';
    return quoted;
}
