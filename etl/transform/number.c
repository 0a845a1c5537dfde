/* number: reads texts as numbers, as the column's text steps leave them. What is no number is missing. */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "etl/transform/transform.h"

static const peal_option number_options[] = {
    {"decimal", PEAL_OPTION_CHARACTER, NULL, 0, 0, "CHAR", "the decimal mark (.)"},
    {"thousands", PEAL_OPTION_CHARACTER, NULL, 0, 0, "CHAR", "what stands between groups of three digits (nothing)"},
    {"loose", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "pass over signs of currency and percent (no)"},
    {.name = NULL},
};

static bool stands_in_numbers(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+';
}

/* The character that `key` names; 0: none was named. */
static peal_status load_character(const json_t *options, const char *key, char *out, peal_error *err) {
    const json_t *value = json_object_get(options, key);
    const char *text = json_string_value(value);
    *out = '\0';
    if (!value) return PEAL_OK;
    if (text && json_string_length(value) == 1 && *text >= ' ' && *text < 127 && !stands_in_numbers(*text)) {
        *out = *text;
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "number: '%s' must be one character, no digit, letter or sign, not '%s'", key,
                     text ? text : "?");
}

static peal_status number_load(const json_t *options, void **state, peal_error *err) {
    peal_spelling *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(load_character(options, "decimal", &self->decimal, err));
    PEAL_TRY(load_character(options, "thousands", &self->thousands, err));
    PEAL_TRY(peal_transform_flag(options, "loose", false, &self->loose, err));
    if ((self->decimal ? self->decimal : '.') != self->thousands) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "number: '%c' cannot be both the decimal mark and what parts thousands",
                     self->thousands);
}

/* What was not named is not saved, so that it is the usual way again. */
static json_t *number_save(const void *state) {
    const peal_spelling *self = state;
    json_t *saved = json_pack("{s:s}", "loose", self->loose ? "yes" : "no");
    if (self->decimal) saved = peal_json_set(saved, "decimal", json_stringn(&self->decimal, 1));
    return self->thousands ? peal_json_set(saved, "thousands", json_stringn(&self->thousands, 1)) : saved;
}

static peal_cell number_read(const void *state, const peal_nulls *nulls, peal_text text, double *out) {
    return peal_cell_number(nulls, state, text.data, text.length, out);
}

const peal_transform peal_transform_read_number = {
    .name = "number",
    .documentation = "texts to numbers; what is no number is missing",
    .role = PEAL_TRANSFORM_READ,
    .options = number_options,
    .load = number_load,
    .save = number_save,
    .free = free,
    .read = number_read,
    .wants_text = true,
};
