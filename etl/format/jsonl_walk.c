/* The parts of the walk over an object that are seldom needed: keys that are new or come in another order, texts with
 * escapes, arrays, and what is wrong with a record. See jsonl_walk.h. */
#include "etl/format/jsonl_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/digest.h"
#include "core/base/text.h"
#include "core/base/utf8.h"

/* ---- the walker ---- */

enum { FIRST_KEYS = 64 };

static bool no_memory(jsonl__walker *walker) {
    if (walker->status == PEAL_OK) {
        walker->status = peal_fail(&walker->error, PEAL_E_MEMORY, "no memory for the keys of JSON objects");
    }
    return false;
}

peal_status jsonl__walker_init(jsonl__walker *walker, const char *text, size_t size, bool newline_is_blank,
                               peal_error *err) {
    *walker = (jsonl__walker){.end = text + size,
                              .text_size = size,
                              .newline_is_blank = newline_is_blank,
                              .key_count = 1,
                              .key_capacity = FIRST_KEYS,
                              .slot_mask = 2 * FIRST_KEYS - 1};
    PEAL_TRY(peal_alloc_checked(&walker->keys, FIRST_KEYS, sizeof *walker->keys, "keys", err));
    PEAL_TRY(peal_alloc_checked(&walker->slots, 2 * FIRST_KEYS, sizeof *walker->slots, "keys", err));
    walker->keys[JSONL_TOP] = (jsonl__key){.raw = "\"", .size = 1};
    return PEAL_OK;
}

void jsonl__walker_clear(jsonl__walker *walker) {
    free(walker->keys);
    free(walker->slots);
    free(walker->decoded);
    *walker = (jsonl__walker){0};
}

/* ---- what is wrong ---- */

bool jsonl__refuse(jsonl__walker *walker, const char *at, const char *reason, ...) {
    if (walker->fault_at) return false;
    va_list args;
    va_start(args, reason);
    vsnprintf(walker->fault, sizeof walker->fault, reason, args);
    va_end(args);
    walker->fault_at = at;
    return false;
}

bool jsonl__expected(jsonl__walker *walker, const char *at, const char *what) {
    const unsigned char c = (unsigned char)*at;
    if (at >= walker->end || (c == '\n' && !walker->newline_is_blank)) {
        return jsonl__refuse(walker, at, "%s was expected, but the record ends", what);
    }
    if (c > ' ' && c < 0x7F) return jsonl__refuse(walker, at, "%s was expected, not '%c'", what, c);
    return jsonl__refuse(walker, at, "%s was expected, not byte 0x%02x", what, c);
}

bool jsonl__no_value(jsonl__walker *walker, const char *begin, const char *at, const char *what) {
    static const char *const numbers[] = {"NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const size_t length = strlen(numbers[i]);
        if ((size_t)(walker->end - begin) < length || memcmp(begin, numbers[i], length) != 0) continue;
        return jsonl__refuse(walker, begin, "a value was expected, not '%c': JSON has no %s (null is what is missing)",
                             *begin, numbers[i]);
    }
    return jsonl__expected(walker, at, what);
}

bool jsonl__string_fault(jsonl__walker *walker, const char *at) {
    if (*at == '\\') at++; /* what it escapes is cut off or a control character */
    const unsigned char c = (unsigned char)*at;
    if (at >= walker->end || (c == '\n' && !walker->newline_is_blank)) {
        return jsonl__refuse(walker, at, "a text is not closed before the record ends");
    }
    return jsonl__refuse(walker, at, "a control character (0x%02x) in a text; JSON writes it as \\u%04x", c, c);
}

bool jsonl__too_deep(jsonl__walker *walker, const char *at) {
    return jsonl__refuse(walker, at, "arrays and objects nest deeper than %d", JSONL_DEPTH_MOST);
}

/* ---- texts ---- */

/* Four hexadecimal digits, or -1. */
static int hex4(const char *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const char c = at[i];
        int digit;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if (c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = c - 'A' + 10;
        } else {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *to, uint32_t code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *to++ = (char)(0xF0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    }
    return to;
}

/* The character of the escape \uHHHH at `at`, which moves behind it, or behind the second one of a pair. */
static bool unicode_escape(jsonl__walker *walker, const char **at, char **to) {
    const char *begin = *at;
    const int high = hex4(begin + 2);
    if (high < 0) return jsonl__refuse(walker, begin, "four hexadecimal digits were expected behind \\u");
    if (high == 0) return jsonl__refuse(walker, begin, "NUL (\\u0000), which no text of a column may hold");
    *at += 6;
    if (high < 0xD800 || high > 0xDFFF) {
        *to = put_utf8(*to, (uint32_t)high);
        return true;
    }
    const int low = high < 0xDC00 && begin[6] == '\\' && begin[7] == 'u' ? hex4(begin + 8) : -1;
    if (low < 0xDC00 || low > 0xDFFF) {
        return jsonl__refuse(walker, begin, "half of a surrogate pair (\\u%04x), which is no character",
                             (unsigned)high);
    }
    *at += 6;
    *to = put_utf8(*to, 0x10000 + (((uint32_t)high - 0xD800) << 10) + ((uint32_t)low - 0xDC00));
    return true;
}

/* Writes what stands between quotes to `to` without its escapes: never more bytes than there were. */
static bool unescape(jsonl__walker *walker, const char *at, const char *end, char *to, size_t *length) {
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char *begin = to;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        if (at[1] == 'u') {
            if (!unicode_escape(walker, &at, &to)) return false;
            continue;
        }
        const char *name = strchr(names, at[1]);
        if (!name) {
            return at[1] > ' ' && at[1] < 0x7F
                       ? jsonl__refuse(walker, at, "an escape that JSON does not have: '\\%c'", at[1])
                       : jsonl__refuse(walker, at, "an escape that JSON does not have: a backslash and byte 0x%02x",
                                       (unsigned char)at[1]);
        }
        *to++ = meanings[name - names];
        at += 2;
    }
    *length = (size_t)(to - begin);
    return true;
}

static bool check_utf8(jsonl__walker *walker, const char *raw, const char *end) {
    const size_t size = (size_t)(end - raw), bad = peal_utf8_error(raw, size);
    if (bad == size) return true;
    return jsonl__refuse(walker, raw + bad, "byte 0x%02x of a text is not UTF-8", (unsigned char)raw[bad]);
}

bool jsonl__text_decode(jsonl__walker *walker, const char *raw, const char *end, unsigned holds, const char **text,
                        size_t *length) {
    if ((holds & JSONL_HIGH) && !check_utf8(walker, raw, end)) return false;
    if (!(holds & JSONL_ESCAPED)) return true;
    /* All texts of a record together are no longer than the record. */
    if (!walker->decoded) walker->decoded = malloc(walker->text_size + PEAL_BLOCK_PADDING);
    if (!walker->decoded) return no_memory(walker);
    char *to = walker->decoded + walker->decoded_size;
    if (!unescape(walker, raw, end, to, length)) return false;
    walker->decoded_size += *length;
    *text = to;
    return true;
}

/* ---- keys ---- */

static bool grow_keys(jsonl__walker *walker) {
    const size_t capacity = (size_t)walker->key_capacity * 2, slots = capacity * 2;
    if (capacity > UINT32_MAX / 4) return no_memory(walker);
    jsonl__key *keys = realloc(walker->keys, capacity * sizeof *keys);
    if (keys) walker->keys = keys;
    uint32_t *fresh = calloc(slots, sizeof *fresh);
    if (!keys || !fresh) {
        free(fresh);
        return no_memory(walker);
    }
    free(walker->slots);
    walker->slots = fresh;
    walker->slot_mask = (uint32_t)slots - 1;
    walker->key_capacity = (uint32_t)capacity;
    for (uint32_t i = 1; i < walker->key_count; i++) {
        uint32_t slot = keys[i].hash & walker->slot_mask;
        while (fresh[slot]) slot = (slot + 1) & walker->slot_mask;
        fresh[slot] = i + 1;
    }
    return true;
}

/* Appends a key, without its escapes, to a path. */
static bool append_key(jsonl__walker *walker, const char *raw, size_t size, char *path, size_t *used) {
    size_t length;
    if (size > JSONL_PATH_MOST - *used) {
        return jsonl__refuse(walker, raw, "a key of more than %d bytes, with those around it", JSONL_PATH_MOST);
    }
    if (!unescape(walker, raw, raw + size, path + *used, &length)) return false;
    *used += length;
    return true;
}

/* Asks what a key means that is new. */
static bool place_key(jsonl__walker *walker, const uint32_t *around, size_t depth, const char *raw, size_t size,
                      size_t *out) {
    char path[JSONL_PATH_MOST + PEAL_BLOCK_PADDING];
    size_t used = 0;
    for (size_t i = 1; i < depth; i++) {
        const jsonl__key *key = &walker->keys[around[i]];
        if (!append_key(walker, key->raw, key->size - 1, path, &used)) return false;
        if (used == JSONL_PATH_MOST) return append_key(walker, raw, 1, path, &used);
        path[used++] = '\0';
    }
    if (!append_key(walker, raw, size, path, &used)) return false;
    *out = walker->place(walker->user, path, used);
    return walker->status == PEAL_OK;
}

static bool add_key(jsonl__walker *walker, const uint32_t *around, size_t depth, const char *raw, size_t size,
                    uint32_t hash, uint32_t *out) {
    jsonl__key key = {.raw = raw, .size = (uint32_t)size + 1, .parent = around[depth - 1], .hash = hash};
    if (!place_key(walker, around, depth, raw, size, &key.place)) return false;
    const size_t own = key.size < sizeof key.mask ? key.size : sizeof key.mask;
    memset(&key.mask, 0xFF, own);
    memcpy(&key.first, raw, own);
    if (walker->key_count == walker->key_capacity && !grow_keys(walker)) return false;
    *out = walker->key_count++;
    walker->keys[*out] = key;
    uint32_t slot = hash & walker->slot_mask;
    while (walker->slots[slot]) slot = (slot + 1) & walker->slot_mask;
    walker->slots[slot] = *out + 1;
    return true;
}

bool jsonl__key_find(jsonl__walker *walker, const uint32_t *around, size_t depth, const char *at, uint32_t *out) {
    unsigned holds = 0;
    const char *end = jsonl__string_end(at, &holds);
    const size_t size = (size_t)(end - at);
    const uint32_t parent = around[depth - 1];
    if (*end != '"') return jsonl__string_fault(walker, end);
    if ((holds & JSONL_HIGH) && !check_utf8(walker, at, end)) return false;
    const uint32_t hash = (uint32_t)peal_hash(at, size, parent);
    for (uint32_t slot = hash & walker->slot_mask; walker->slots[slot]; slot = (slot + 1) & walker->slot_mask) {
        const jsonl__key *key = &walker->keys[walker->slots[slot] - 1];
        if (key->hash == hash && key->parent == parent && key->size == size + 1 && memcmp(key->raw, at, size) == 0) {
            *out = walker->slots[slot] - 1;
            return true;
        }
    }
    return add_key(walker, around, depth, at, size, hash, out);
}

/* "a.b": a key with those around it, as far as there is room for them. */
void jsonl__key_name(jsonl__walker *walker, uint32_t key, char text[JSONL_PATH_MOST + 1]) {
    uint32_t around[JSONL_DEPTH_MOST];
    size_t depth = 0, used = 0;
    for (; key != JSONL_TOP && depth < JSONL_DEPTH_MOST; key = walker->keys[key].parent) around[depth++] = key;
    while (depth > 0) {
        const jsonl__key *one = &walker->keys[around[--depth]];
        if (!append_key(walker, one->raw, one->size - 1, text, &used) || used == JSONL_PATH_MOST) break;
        if (depth > 0) text[used++] = '.';
    }
    text[used] = '\0';
}

bool jsonl__repeated(jsonl__walker *walker, const char *at, uint32_t key) {
    char name[JSONL_PATH_MOST + 1], shown[ROW_WHY_SIZE];
    jsonl__key_name(walker, key, name);
    return jsonl__refuse(walker, at, "the key '%s' stands twice", peal_text_cut(name, ROW_WHY_SIZE / 2, shown));
}

/* ---- what is passed over ---- */

static bool take_nothing(void *user, uint32_t key, jsonl__kind kind, const char *text, size_t length, const char *at) {
    (void)user;
    (void)key;
    (void)kind;
    (void)text;
    (void)length;
    (void)at;
    return true;
}

/* Behind the key and the colon of a member; NULL if they are none. */
static const char *skip_key(jsonl__walker *walker, const char *at) {
    if (*at != '"') {
        jsonl__expected(walker, at, "a key in double quotes");
        return NULL;
    }
    if (!jsonl__scalar(walker, &at, JSONL_TOP, take_nothing)) return NULL;
    at = jsonl__behind_blanks(at, walker->newline_is_blank);
    if (*at != ':') {
        jsonl__expected(walker, at, "':'");
        return NULL;
    }
    return jsonl__behind_blanks(at + 1, walker->newline_is_blank);
}

const char *jsonl__skip_value(jsonl__walker *walker, const char *at, size_t depth) {
    const char open = *at;
    if (open != '[' && open != '{') {
        return jsonl__scalar(walker, &at, JSONL_TOP, take_nothing) ? at : NULL;
    }
    const char close = open == '[' ? ']' : '}';
    if (depth == JSONL_DEPTH_MOST) {
        jsonl__too_deep(walker, at);
        return NULL;
    }
    at = jsonl__behind_blanks(at + 1, walker->newline_is_blank);
    if (*at == close) return at + 1;
    for (;;) {
        if (open == '{') at = skip_key(walker, at);
        if (at) at = jsonl__skip_value(walker, at, depth + 1);
        if (!at) return NULL;
        at = jsonl__behind_blanks(at, walker->newline_is_blank);
        if (*at == close) return at + 1;
        if (*at != ',') {
            jsonl__expected(walker, at, open == '[' ? "',' or ']'" : "',' or '}'");
            return NULL;
        }
        at = jsonl__behind_blanks(at + 1, walker->newline_is_blank);
    }
}
