/* Names and types of columns, found by name in constant time; see schema.h. */
#include "etl/table/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

void peal_schema_clear(peal_schema *schema) {
    free(schema->fields);
    peal_arena_free(schema->texts);
    peal_dictionary_clear(&schema->names);
    *schema = (peal_schema){0};
}

size_t peal_schema_find(const peal_schema *schema, const char *name, size_t name_length) {
    const int64_t code = peal_dictionary_find(&schema->names, name, name_length);
    return code < 0 ? SIZE_MAX : (size_t)code;
}

/* Room for `capacity` columns in all. */
static peal_status fields_grow(peal_schema *schema, size_t capacity, peal_error *err) {
    peal_field *fields = realloc(schema->fields, capacity * sizeof *fields);
    if (!fields) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    schema->fields = fields;
    schema->capacity = capacity;
    return PEAL_OK;
}

peal_status peal_schema_reserve(peal_schema *schema, size_t more, peal_error *err) {
    const size_t wanted = schema->count + more;
    PEAL_TRY(peal_dictionary_reserve(&schema->names, wanted, err));
    return wanted > schema->capacity ? fields_grow(schema, wanted, err) : PEAL_OK;
}

static const char *keep_name(peal_schema *schema, const char *name, size_t length) {
    enum { CHUNK = 4096 };
    if (!schema->texts) schema->texts = peal_arena_new(CHUNK);
    char *copy = schema->texts ? peal_arena_alloc(schema->texts, length + 1) : NULL;
    if (!copy) return NULL;
    memcpy(copy, name, length);
    copy[length] = '\0';
    return copy;
}

peal_status peal_schema_add(peal_schema *schema, const char *name, size_t name_length, peal_type type,
                            peal_error *err) {
    uint32_t code;
    if (schema->count == schema->capacity) PEAL_TRY(fields_grow(schema, schema->capacity * 2 + 16, err));
    PEAL_TRY(peal_dictionary_put(&schema->names, name, name_length, &code, err));
    if (code < schema->count) {
        return peal_fail(err, PEAL_E_DATA, "two columns are called '%s'", schema->fields[code].name);
    }
    const char *copy = keep_name(schema, name, name_length);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    schema->fields[schema->count++] = (peal_field){.name = copy, .type = type};
    return PEAL_OK;
}

peal_status peal_schema_add_like(peal_schema *schema, const char *name, size_t name_length, const peal_field *like,
                                 peal_error *err) {
    const peal_field copy = *like; /* it may be one of the schema's own, which move */
    PEAL_TRY(peal_schema_add(schema, name, name_length, copy.type, err));
    peal_field *field = &schema->fields[schema->count - 1];
    const char *own = field->name;
    *field = copy;
    field->name = own;
    return PEAL_OK;
}

peal_status peal_schema_copy(const peal_schema *from, peal_schema *out, peal_error *err) {
    *out = (peal_schema){0};
    peal_status status = peal_schema_reserve(out, from->count, err);
    for (size_t i = 0; status == PEAL_OK && i < from->count; i++) {
        status = peal_schema_add_like(out, from->fields[i].name, strlen(from->fields[i].name), &from->fields[i], err);
    }
    if (status != PEAL_OK) peal_schema_clear(out);
    return status;
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
