/* The engine of edit.h. */
#include "tests/fuzz/edit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/seal.h"

enum { PLACES_MOST = 4096, HEADER_ALIGNMENT = 64 };

static uint32_t choose(edit_choices *choices, uint32_t below) {
    uint32_t value = 0;
    for (size_t i = 0; i < 2 && choices->size; i++, choices->size--) value = value << 8 | *choices->bytes++;
    return value % below;
}

/* ---- texts that hold JSON ---- */

static json_t *inner_document(const json_t *value) {
    const char *text = json_string_value(value);
    return text && (*text == '{' || *text == '[') ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
}

/* Makes of each such text what it holds, or of each such value a text again. */
static void unfold(json_t *metadata) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(metadata, next, key, value) {
        json_t *inner = inner_document(value);
        if (inner) json_object_set_new(metadata, key, inner);
    }
}

static void fold(json_t *metadata) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(metadata, next, key, value) {
        if (!json_is_object(value) && !json_is_array(value)) continue;
        char *text = json_dumps(value, JSON_COMPACT);
        json_object_set_new(metadata, key, text ? json_string(text) : json_null());
        free(text);
    }
}

/* ---- places ---- */

/* A value in its parent. */
typedef struct place {
    json_t *parent, *value;
    const char *key; /* in an object */
    size_t index;    /* in an array */
} place;

typedef struct place_list {
    place places[PLACES_MOST];
    size_t count;
} place_list;

static void list_places(json_t *parent, place_list *list) {
    const char *key;
    json_t *value;
    size_t index;
    json_object_foreach(parent, key, value) {
        if (list->count == PLACES_MOST) return;
        list->places[list->count++] = (place){.parent = parent, .value = value, .key = key};
        list_places(value, list);
    }
    json_array_foreach(parent, index, value) {
        if (list->count == PLACES_MOST) return;
        list->places[list->count++] = (place){.parent = parent, .value = value, .index = index};
        list_places(value, list);
    }
}

static void put(const place *at, json_t *value) {
    if (!value) return;
    if (at->key) {
        json_object_set_new(at->parent, at->key, value);
    } else {
        json_array_set_new(at->parent, at->index, value);
    }
}

/* ---- edits ---- */

static json_t *extreme(edit_choices *choices) {
    static const json_int_t whole[] = {0, 1, -1, 2, 127, 128, 255, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    static const double real[] = {0, -0.0, 1, -1, 0.5, 1e300, -1e300, 5e-324, 1e38, 4294967296.0};
    switch (choose(choices, 9)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(choose(choices, 2));
    case 2:
        return json_array();
    case 3:
        return json_object();
    case 4:
        return json_string("");
    case 5:
        return json_real(real[choose(choices, sizeof real / sizeof *real)]);
    case 6:
        return json_stringn("a\0b", 3);
    default:
        return json_integer(whole[choose(choices, sizeof whole / sizeof *whole)]);
    }
}

/* A little more or less: what passes as the same kind of value. */
static json_t *nudged(const json_t *value, edit_choices *choices) {
    json_int_t whole = json_integer_value(value);
    if (json_is_integer(value)) {
        const bool full = __builtin_add_overflow(whole, choose(choices, 2) ? 1 : -1, &whole);
        return json_integer(full ? 0 : whole);
    }
    if (json_is_real(value)) return json_real(json_real_value(value) * (choose(choices, 2) ? 2 : -0.5));
    if (json_is_boolean(value)) return json_boolean(!json_is_true(value));
    if (!json_is_string(value)) return json_deep_copy(value);
    const char *text = json_string_value(value);
    size_t length = strlen(text);
    if (length == 0 || choose(choices, 2) == 0) return json_sprintf("%sx", text);
    do {
        length--; /* a whole character: jansson writes no half ones */
    } while (length && ((unsigned char)text[length] & 0xc0) == 0x80);
    return json_stringn(text, length);
}

static void remove_place(const place *at) {
    if (at->key) {
        json_object_del(at->parent, at->key);
    } else {
        json_array_remove(at->parent, at->index);
    }
}

static void double_place(const place *at) {
    json_t *copy = json_deep_copy(at->value);
    if (at->key) {
        json_t *key = json_sprintf("%s2", at->key);
        json_object_set_new(at->parent, json_string_value(key), copy);
        json_decref(key);
    } else {
        json_array_insert_new(at->parent, at->index, copy);
    }
}

static void rename_place(const place *at, const place *other) {
    if (!at->key || !other->key) return;
    json_t *value = json_incref(at->value), *name = json_string(other->key);
    json_object_del(at->parent, at->key);
    json_object_set_new(at->parent, json_string_value(name), value);
    json_decref(name);
}

/* True if `parent` is `value` or stands in it. */
static bool is_within(const json_t *value, const json_t *parent) {
    const char *key;
    json_t *item;
    size_t index;
    if (value == parent) return true;
    json_object_foreach((json_t *)value, key, item) {
        if (is_within(item, parent)) return true;
    }
    json_array_foreach(value, index, item) {
        if (is_within(item, parent)) return true;
    }
    return false;
}

static void swap_places(const place *at, const place *other) {
    json_t *copy = json_deep_copy(at->value);
    const bool apart = !is_within(at->value, other->parent); /* else `other` is gone when `at` is written */
    put(at, json_deep_copy(other->value));
    if (apart) {
        put(other, copy);
    } else {
        json_decref(copy);
    }
}

static void edit_once(json_t *document, edit_choices *choices) {
    static place_list list; /* large; the targets have one thread */
    list.count = 0;
    list_places(document, &list);
    if (list.count == 0) return;
    const place at = list.places[choose(choices, (uint32_t)list.count)];
    const place other = list.places[choose(choices, (uint32_t)list.count)];
    switch (choose(choices, 8)) {
    case 0:
        put(&at, extreme(choices));
        return;
    case 1:
        remove_place(&at);
        return;
    case 2:
        double_place(&at);
        return;
    case 3:
        swap_places(&at, &other);
        return;
    case 4:
        rename_place(&at, &other);
        return;
    case 5: /* the value of another place */
        put(&at, json_deep_copy(other.value));
        return;
    default:
        put(&at, nudged(at.value, choices));
    }
}

void edit_document(json_t *document, edit_choices *choices) {
    const uint32_t edits = 1 + choose(choices, 4);
    for (uint32_t i = 0; i < edits; i++) edit_once(document, choices);
}

/* ---- files ---- */

static void seal(uint8_t *bytes, size_t size) {
    const size_t at = peal_seal_find((const char *)bytes, size);
    if (at == SIZE_MAX) return;
    memcpy(bytes + at, PEAL_SEAL_BLANK, PEAL_SEAL_SIZE);
    peal_seal_close((char *)bytes, size);
}

size_t edit_safetensors_key(const uint8_t *bytes, size_t size, const char *key, edit_choices *choices, uint8_t **out) {
    uint64_t header_size;
    memcpy(&header_size, bytes, sizeof header_size);
    json_t *header = json_loadb((const char *)bytes + 8, header_size, 0, NULL);
    json_t *metadata = json_object_get(header, "__metadata__");
    unfold(metadata);
    edit_document(key ? json_object_get(metadata, key) : header, choices);
    fold(json_object_get(header, "__metadata__")); /* perhaps another one */
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    const size_t length = text ? strlen(text) : 0, data = size - 8 - header_size;
    const uint64_t padded = (length + 8 + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT - 8;
    *out =
        aligned_alloc(HEADER_ALIGNMENT, (8 + padded + data + HEADER_ALIGNMENT) / HEADER_ALIGNMENT * HEADER_ALIGNMENT);
    if (!text || !*out) abort();
    memcpy(*out, &padded, sizeof padded);
    memset(*out + 8, ' ', padded);
    memcpy(*out + 8, text, length);
    memcpy(*out + 8 + padded, bytes + 8 + header_size, data);
    free(text);
    seal(*out, 8 + padded + data);
    return 8 + padded + data;
}

size_t edit_safetensors(const uint8_t *bytes, size_t size, edit_choices *choices, uint8_t **out) {
    return edit_safetensors_key(bytes, size, NULL, choices, out);
}

size_t edit_sealed_text(const uint8_t *bytes, size_t size, edit_choices *choices, uint8_t **out) {
    json_t *document = json_loadb((const char *)bytes, size, 0, NULL);
    edit_document(document, choices);
    char *text = json_dumps(document, JSON_INDENT(1));
    json_decref(document);
    if (!text) abort();
    *out = (uint8_t *)text;
    seal(*out, strlen(text));
    return strlen(text);
}

/* ---- comparing ---- */

static bool is_one_of(const char *key, const char *const *keys) {
    for (; *keys; keys++) {
        if (strcmp(key, *keys) == 0) return true;
    }
    return false;
}

static int differs_inside(const json_t *a, const json_t *b, const char *const *keys) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)a, key, value) {
        const json_t *other = json_object_get(b, key);
        if (json_equal(value, other)) continue;
        if (is_one_of(key, keys) || edit_differs_at(value, other, keys)) return 1;
    }
    json_object_foreach((json_t *)b, key, value) {
        if (!json_object_get(a, key) && is_one_of(key, keys)) return 1;
    }
    return 0;
}

int edit_differs_at(const json_t *a, const json_t *b, const char *const *keys) {
    json_t *inner_a = inner_document(a), *inner_b = inner_document(b);
    int differs = 0;
    if (inner_a && inner_b) {
        differs = edit_differs_at(inner_a, inner_b, keys);
    } else if (json_is_array(a) && json_is_array(b)) {
        const size_t most = json_array_size(a) > json_array_size(b) ? json_array_size(a) : json_array_size(b);
        for (size_t i = 0; i < most && !differs; i++) {
            differs = edit_differs_at(json_array_get(a, i), json_array_get(b, i), keys);
        }
    } else {
        differs = differs_inside(a, b, keys);
    }
    json_decref(inner_a);
    json_decref(inner_b);
    return differs;
}
