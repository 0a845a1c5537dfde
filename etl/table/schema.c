/* Names and types of columns, found by name in constant time; see schema.h. */
#include "etl/table/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

void peal_schema_clear(peal_schema *schema) {
    for (size_t i = 0; i < schema->count; i++) free(schema->fields[i].name);
    free(schema->fields);
    peal_dictionary_clear(&schema->names);
    *schema = (peal_schema){0};
}

size_t peal_schema_find(const peal_schema *schema, const char *name, size_t name_length) {
    const int64_t code = peal_dictionary_find(&schema->names, name, name_length);
    return code < 0 ? SIZE_MAX : (size_t)code;
}

static peal_status fields_grow(peal_schema *schema, peal_error *err) {
    if (schema->count < schema->capacity) return PEAL_OK;
    const size_t capacity = schema->capacity * 2 + 16;
    peal_field *fields = realloc(schema->fields, capacity * sizeof *fields);
    if (!fields) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    schema->fields = fields;
    schema->capacity = capacity;
    return PEAL_OK;
}

peal_status peal_schema_add(peal_schema *schema, const char *name, size_t name_length, peal_type type,
                            peal_error *err) {
    uint32_t code;
    PEAL_TRY(fields_grow(schema, err));
    PEAL_TRY(peal_dictionary_put(&schema->names, name, name_length, &code, err));
    if (code < schema->count) {
        return peal_fail(err, PEAL_E_DATA, "two columns are called '%s'", schema->fields[code].name);
    }
    char *copy = peal_strndup(name, name_length);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    schema->fields[schema->count++] = (peal_field){.name = copy, .type = type};
    return PEAL_OK;
}

peal_status peal_schema_copy(const peal_schema *from, peal_schema *out, peal_error *err) {
    *out = (peal_schema){0};
    for (size_t i = 0; i < from->count; i++) {
        const peal_field *field = &from->fields[i];
        const peal_status status = peal_schema_add(out, field->name, strlen(field->name), field->type, err);
        if (status != PEAL_OK) {
            peal_schema_clear(out);
            return status;
        }
        char *name = out->fields[i].name;
        out->fields[i] = *field;
        out->fields[i].name = name;
    }
    return PEAL_OK;
}

const char *peal_schema_names(const peal_schema *schema, char text[PEAL_NAMES_TEXT]) {
    enum { LONGEST = 24, MOST = 8 };
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < schema->count; i++) {
        char name[LONGEST + PEAL_TEXT_CUT_EXTRA];
        peal_text_cut(schema->fields[i].name, LONGEST, name);
        const bool room = i < MOST && used + strlen(name) + 8 < PEAL_NAMES_TEXT;
        const int size = snprintf(text + used, PEAL_NAMES_TEXT - used, room ? "%s'%s'" : "%s...", i ? ", " : "", name);
        used += (size_t)size;
        if (!room) break;
    }
    return text;
}
