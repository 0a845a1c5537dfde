/* replace: in a text, every `find` becomes `with`; or only one at the text's start or end. */
#include <stdlib.h>
#include <string.h>

#include "etl/transform/transform.h"

typedef struct replace {
    char *find, *with, *at;
} replace;

static const char *const places[] = {"anywhere", "start", "end", NULL};
static const peal_option replace_options[] = {
    {"find", PEAL_OPTION_WORDS, NULL, 0, 0, "TEXT", "what is looked for"},
    {"with", PEAL_OPTION_WORDS, NULL, 0, 0, "TEXT", "what it becomes (nothing)"},
    {"at", PEAL_OPTION_CHOICE, places, 0, 0, "anywhere|start|end", "where it is looked for (anywhere)"},
    {.name = NULL},
};

static void replace_free(void *state) {
    replace *self = state;
    if (!self) return;
    free(self->find);
    free(self->with);
    free(self->at);
    free(self);
}

static char *option_text(const json_t *options, const char *key, const char *otherwise) {
    const json_t *value = json_object_get(options, key);
    if (!value) return otherwise ? peal_strdup(otherwise) : NULL;
    if (json_is_string(value)) return peal_strdup(json_string_value(value));
    return json_dumps(value, JSON_ENCODE_ANY); /* YAML may have read a number */
}

static bool holds_nul(const json_t *options, const char *key) {
    const json_t *value = json_object_get(options, key);
    return json_is_string(value) && strlen(json_string_value(value)) != json_string_length(value);
}

static peal_status replace_load(const json_t *options, void **state, peal_error *err) {
    replace *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    self->find = option_text(options, "find", NULL);
    self->with = option_text(options, "with", "");
    self->at = option_text(options, "at", "anywhere");
    if (holds_nul(options, "find") || holds_nul(options, "with")) {
        return peal_fail(err, PEAL_E_USAGE, "replace: 'find' and 'with' cannot hold a NUL character");
    }
    const bool lacks = !json_object_get(options, "find");
    if (lacks || (self->find && !*self->find)) {
        return peal_fail(err, PEAL_E_USAGE, "replace: 'find' is missing or empty");
    }
    if (!self->find || !self->with || !self->at) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    if (strcmp(self->at, "anywhere") != 0 && strcmp(self->at, "start") != 0 && strcmp(self->at, "end") != 0) {
        return peal_fail(err, PEAL_E_USAGE, "replace: 'at' must be anywhere, start or end, not '%s'", self->at);
    }
    return PEAL_OK;
}

static json_t *replace_save(const void *state) {
    const replace *self = state;
    return json_pack("{s:s, s:s, s:s}", "find", self->find, "with", self->with, "at", self->at);
}

static bool matches_at(const replace *self, peal_text text, size_t at, size_t find_length) {
    if (at + find_length > text.length || memcmp(text.data + at, self->find, find_length) != 0) return false;
    if (self->at[0] == 's') return at == 0;
    if (self->at[0] == 'e') return at + find_length == text.length;
    return true;
}

static peal_status replace_text(const void *state, peal_text text, peal_buffer *scratch, peal_text *out,
                                peal_error *err) {
    const replace *self = state;
    *out = text;
    size_t find_length = strlen(self->find), with_length = strlen(self->with);
    if (!text.data || !memmem(text.data, text.length, self->find, find_length)) return PEAL_OK;
    peal_buffer made = {0};
    for (size_t at = 0; at < text.length;) {
        bool match = matches_at(self, text, at, find_length);
        PEAL_TRY(peal_buffer_append(&made, match ? self->with : text.data + at, match ? with_length : 1, err));
        at += match ? find_length : 1;
    }
    scratch->size = 0;
    peal_status status = peal_buffer_append(scratch, made.data ? made.data : (const uint8_t *)"", made.size, err);
    if (status == PEAL_OK) status = peal_buffer_reserve(scratch, 8, err);
    *out = (peal_text){(const char *)scratch->data, (uint32_t)made.size};
    peal_buffer_clear(&made);
    return status;
}

const peal_transform peal_transform_replace = {
    .name = "replace",
    .documentation = "texts: a part of them becomes another",
    .role = PEAL_TRANSFORM_TEXT,
    .options = replace_options,
    .load = replace_load,
    .save = replace_save,
    .free = replace_free,
    .text = replace_text,
};
