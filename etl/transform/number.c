/* number: reads texts as numbers, as the column's text steps leave them. What is no number is missing. */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "etl/format/measure.h"
#include "etl/transform/transform.h"

static const peal_option number_options[] = {
    {"decimal", PEAL_OPTION_CHARACTER, NULL, 0, 0, "CHAR", "the decimal mark (.)"},
    {"thousands", PEAL_OPTION_CHARACTER, NULL, 0, 0, "CHAR", "what stands between groups of three digits (nothing)"},
    {"loose", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "pass over signs of currency and percent (no)"},
    {"unit", PEAL_OPTION_TEXT, NULL, 0, 0, "TEXT", "what may stand before or behind it, as $ or kg (nothing)"},
    {"scaled", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no",
     "K, M, B (G) and T, thousand, million, billion and trillion behind it scale it (no)"},
    {"measure", PEAL_OPTION_CHOICE, measure__names, 0, 0, "KIND",
     "units of one kind, turned into each other: time, mass, length, area, volume, bytes, rate, frequency, power, "
     "concentration (no)"},
    {"clock", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "9:05, 9:05:30, 9:05 PM are numbers of hours (no)"},
    {"laps", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no", "with clock: 58:30 is minutes and seconds, beside 1:02:11 (no)"},
    {"fractions", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no",
     "with unit %: numbers without it are parts of 1, as 0.125 beside 12.5% (no)"},
    {"marked", PEAL_OPTION_FLAG, NULL, 0, 0, "yes|no",
     "pass over marks and remarks, as in ~5, <0.1, 33.1*, 12 (est.) (no)"},
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

static peal_status load_unit(const json_t *options, char unit[PEAL_UNIT_SIZE], peal_error *err) {
    const json_t *value = json_object_get(options, "unit");
    const char *text = json_string_value(value);
    if (!value) return PEAL_OK;
    if (!text || json_string_length(value) == 0 || json_string_length(value) >= PEAL_UNIT_SIZE) {
        return peal_fail(err, PEAL_E_USAGE, "number: 'unit' must be a text of 1 to %d bytes", PEAL_UNIT_SIZE - 1);
    }
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c > ' ' && !(*c >= '0' && *c <= '9')) continue;
        return peal_fail(err, PEAL_E_USAGE, "number: 'unit' must be one word without digits, not '%s'", text);
    }
    memcpy(unit, text, json_string_length(value));
    return PEAL_OK;
}

static peal_status load_measure(const json_t *options, peal_spelling *out, peal_error *err) {
    unsigned kind;
    PEAL_TRY(peal_transform_choice(options, "measure", measure__names, &kind, err));
    out->measure = (uint8_t)kind;
    if (!kind || !(out->loose || out->scaled || out->clock || out->unit[0] || out->decimal || out->thousands)) {
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "number: 'measure' stands alone, or with 'marked'");
}

peal_status peal_number_spelling(const json_t *options, peal_spelling *out, peal_error *err) {
    *out = (peal_spelling){0};
    PEAL_TRY(load_character(options, "decimal", &out->decimal, err));
    PEAL_TRY(load_character(options, "thousands", &out->thousands, err));
    PEAL_TRY(peal_transform_flag(options, "loose", false, &out->loose, err));
    PEAL_TRY(peal_transform_flag(options, "scaled", false, &out->scaled, err));
    PEAL_TRY(peal_transform_flag(options, "clock", false, &out->clock, err));
    PEAL_TRY(peal_transform_flag(options, "laps", false, &out->laps, err));
    PEAL_TRY(peal_transform_flag(options, "fractions", false, &out->fractions, err));
    PEAL_TRY(peal_transform_flag(options, "marked", false, &out->marked, err));
    PEAL_TRY(load_unit(options, out->unit, err));
    PEAL_TRY(load_measure(options, out, err));
    if (out->loose && (out->scaled || out->unit[0])) {
        return peal_fail(err, PEAL_E_USAGE, "number: 'loose' stands alone, without 'unit' and 'scaled'");
    }
    if (out->fractions && strcmp(out->unit, "%") != 0) {
        return peal_fail(err, PEAL_E_USAGE, "number: 'fractions' is of the unit %%");
    }
    if (out->clock && (out->loose || out->scaled || out->unit[0] || out->decimal || out->thousands || out->marked)) {
        return peal_fail(err, PEAL_E_USAGE, "number: 'clock' stands alone");
    }
    if (out->laps && !out->clock) return peal_fail(err, PEAL_E_USAGE, "number: 'laps' is of times, with 'clock'");
    if ((out->decimal ? out->decimal : '.') != out->thousands) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "number: '%c' cannot be both the decimal mark and what parts thousands",
                     out->thousands);
}

static peal_status number_load(const json_t *options, void **state, peal_error *err) {
    *state = calloc(1, sizeof(peal_spelling));
    if (!*state) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    return peal_number_spelling(options, *state, err);
}

/* What was not named is not saved, so that it is the usual way again. */
json_t *peal_number_options(const peal_spelling *spelling) {
    json_t *saved = json_pack("{s:s}", "loose", spelling->loose ? "yes" : "no");
    if (spelling->decimal) saved = peal_json_set(saved, "decimal", json_stringn(&spelling->decimal, 1));
    if (spelling->thousands) saved = peal_json_set(saved, "thousands", json_stringn(&spelling->thousands, 1));
    if (spelling->unit[0]) saved = peal_json_set(saved, "unit", json_string(spelling->unit));
    if (spelling->scaled) saved = peal_json_set(saved, "scaled", json_string("yes"));
    if (spelling->measure) saved = peal_json_set(saved, "measure", json_string(measure__names[spelling->measure]));
    if (spelling->fractions) saved = peal_json_set(saved, "fractions", json_string("yes"));
    if (spelling->marked) saved = peal_json_set(saved, "marked", json_string("yes"));
    if (spelling->laps) saved = peal_json_set(saved, "laps", json_string("yes"));
    return spelling->clock ? peal_json_set(saved, "clock", json_string("yes")) : saved;
}

static json_t *number_save(const void *state) {
    return peal_number_options(state);
}

/* What is not written as the column's numbers are may be a number in the usual way: of another format, or file. */
static peal_cell number_read(const void *state, const peal_nulls *nulls, peal_text text, double *out) {
    const peal_cell cell = peal_cell_number(nulls, state, text.data, text.length, out);
    if (cell != PEAL_CELL_OTHER || !peal_spelling_read_usual(state, text.data, text.length, out)) return cell;
    static const peal_spelling usual = {0};
    return peal_cell_number(nulls, &usual, text.data, text.length, out);
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
