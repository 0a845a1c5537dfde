/* Checks options against their table, and hands their values out; see option.h. */
#include "core/base/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/number.h"
#include "core/base/spelling.h"

enum { OPTIONS_MOST = 64 }; /* that a message can choose among */

static const peal_option *find(const peal_option *table, const char *name) {
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0) return table;
    }
    return NULL;
}

static peal_status unknown(const char *owner, const peal_option *table, const char *name, peal_error *err) {
    const char *names[OPTIONS_MOST];
    size_t count = 0;
    for (; table[count].name && count < OPTIONS_MOST; count++) names[count] = table[count].name;
    if (count == 0) return peal_fail(err, PEAL_E_USAGE, "%s has no option '%s': it has none", owner, name);
    char hint[PEAL_HINT_SIZE];
    return peal_fail(err, PEAL_E_USAGE, "%s has no option '%s'%s", owner, name,
                     peal_did_you_mean(name, names, count, hint));
}

static bool is_choice(const peal_option *option, const char *text) {
    for (const char *const *choice = option->choices; choice && *choice; choice++) {
        if (strcmp(*choice, text) == 0) return true;
    }
    return false;
}

/* "auto, yes or no"; without the "or" if something else follows. */
static const char *choices_text(const peal_option *option, bool others, char text[160]) {
    size_t used = 0;
    text[0] = '\0';
    for (const char *const *choice = option->choices; choice && *choice && used < 140; choice++) {
        const char *between = choice == option->choices ? "" : choice[1] || others ? ", " : " or ";
        used += (size_t)snprintf(text + used, 160 - used, "%s%s", between, *choice);
    }
    return text;
}

static bool parse_count(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool parse_flag(const char *text, bool *out) {
    *out = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "no") == 0;
}

static bool is_number(const json_t *value) {
    double number;
    const char *text = json_string_value(value);
    return json_is_number(value) || (text && peal_number_parse(text, json_string_length(value), &number));
}

static peal_status check_number(const peal_option *option, const json_t *value, peal_error *err) {
    const char *text = json_string_value(value);
    char choices[160];
    if (option->kind == PEAL_OPTION_NUMBERS) {
        bool right = json_array_size(value) > 0;
        for (size_t i = 0; right && i < json_array_size(value); i++) right = is_number(json_array_get(value, i));
        return right ? PEAL_OK : peal_fail(err, PEAL_E_USAGE, "'%s' must be a list of numbers", option->name);
    }
    if (is_number(value) || (text && is_choice(option, text))) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "'%s' must be %s%sa number, not '%s'", option->name,
                     choices_text(option, true, choices), option->choices ? " or " : "", text ? text : "?");
}

static peal_status check(const peal_option *option, const json_t *value, peal_error *err) {
    char choices[160];
    uint64_t number;
    bool flag;
    const char *text = json_string_value(value);
    if (option->kind == PEAL_OPTION_FLAG) {
        if (json_is_boolean(value) || (text && parse_flag(text, &flag))) return PEAL_OK;
        return peal_fail(err, PEAL_E_USAGE, "'%s' must be true or false", option->name);
    }
    if (option->kind == PEAL_OPTION_COUNT) {
        const bool there = json_is_integer(value) && json_integer_value(value) >= 0;
        if (there) number = (uint64_t)json_integer_value(value);
        if ((there || (text && parse_count(text, &number))) && number >= option->least && number <= option->most) {
            return PEAL_OK;
        }
        return peal_fail(err, PEAL_E_USAGE, "'%s' must be a whole number from %llu to %llu", option->name,
                         (unsigned long long)option->least, (unsigned long long)option->most);
    }
    if (option->kind == PEAL_OPTION_NUMBER || option->kind == PEAL_OPTION_NUMBERS) {
        return check_number(option, value, err);
    }
    if (option->kind == PEAL_OPTION_WORDS && (text || json_is_number(value))) return PEAL_OK;
    if (!text || !*text) return peal_fail(err, PEAL_E_USAGE, "'%s' must be a text", option->name);
    if (option->kind == PEAL_OPTION_TEXT || is_choice(option, text)) return PEAL_OK;
    if (option->kind == PEAL_OPTION_CHOICE) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' must be %s, not '%s'", option->name,
                         choices_text(option, false, choices), text);
    }
    if (strcmp(text, "tab") == 0 || (strlen(text) == 1 && (unsigned char)*text < 0x7F && !strchr("\r\n", *text))) {
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "'%s' must be one ASCII character, or 'tab'%s%s, not '%s'", option->name,
                     option->choices ? ", or " : "", choices_text(option, false, choices), text);
}

peal_status peal_option_check(const peal_option *option, const json_t *values, peal_error *err) {
    const json_t *value = json_object_get(values, option->name);
    return value ? check(option, value, err) : PEAL_OK;
}

peal_status peal_options_check(const char *owner, const peal_option *table, const json_t *values, peal_error *err) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)values, name, value) {
        const peal_option *option = find(table, name);
        if (!option) return unknown(owner, table, name, err);
        PEAL_TRY(check(option, value, err));
    }
    return PEAL_OK;
}

const char *peal_option_text(const json_t *values, const char *name, const char *otherwise) {
    const char *text = json_string_value(json_object_get(values, name));
    return text ? text : otherwise;
}

bool peal_option_flag(const json_t *values, const char *name, bool otherwise) {
    const json_t *value = json_object_get(values, name);
    bool flag = otherwise;
    if (json_is_boolean(value)) return json_is_true(value);
    if (json_is_string(value)) (void)parse_flag(json_string_value(value), &flag);
    return flag;
}

uint64_t peal_option_count(const json_t *values, const char *name, uint64_t otherwise) {
    const json_t *value = json_object_get(values, name);
    uint64_t number = otherwise;
    if (json_is_integer(value)) return (uint64_t)json_integer_value(value);
    if (json_is_string(value)) (void)parse_count(json_string_value(value), &number);
    return number;
}

char peal_option_character(const json_t *values, const char *name, char otherwise) {
    const char *text = peal_option_text(values, name, NULL);
    if (!text) return otherwise;
    if (strcmp(text, "tab") == 0) return '\t';
    return strlen(text) == 1 ? *text : otherwise;
}
