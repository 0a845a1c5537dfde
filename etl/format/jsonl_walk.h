/* A walk over one object: its values, in their order, go to whoever walks, without a tree of them. Private to JSON
 * Lines.
 *
 * Keys are known by where they stand: a key is its bytes and the key of the object around it. Rows mostly repeat the
 * keys of the row before, so a key remembers which one came after it, and the bytes of that one are compared before
 * anything is looked up. What a key means to the walker (a column, mostly) is asked once, when it is new. */
#ifndef PEAL_ETL_FORMAT_JSONL_WALK_H
#define PEAL_ETL_FORMAT_JSONL_WALK_H

#include <string.h>

#include "core/base/memory.h"
#include "core/base/status.h"
#include "etl/format/jsonl_scan.h"
#include "etl/format/row.h"

enum {
    JSONL_DEPTH_MOST = 64,  /* objects and arrays within one another */
    JSONL_PATH_MOST = 4096, /* bytes of a key with those around it */
    JSONL_KEYS_MOST = 1 << 16,
    JSONL_TOP = 0 /* the key of the outermost object, which has none */
};

typedef struct jsonl__key {
    uint64_t first, mask; /* its first 8 bytes with the closing quote, and which of them are its own */
    const char *raw;      /* in the text, as it stands between its quotes */
    uint32_t size;        /* of `raw` with the closing quote */
    uint32_t parent;
    uint32_t follower; /* the key that came after it last time */
    uint32_t hash;
    uint64_t seen; /* the record that had it last */
    size_t place;  /* what `place` said */
} jsonl__key;

typedef enum jsonl__kind { JSONL_NUMBER, JSONL_TEXT, JSONL_WORD, JSONL_NULL, JSONL_OBJECT, JSONL_ARRAY } jsonl__kind;

typedef struct jsonl__walker {
    /* What a new key means. `path` is the keys from the outermost on, each but the last with a NUL behind it. */
    size_t (*place)(void *user, const char *path, size_t size);
    void *user;
    const char *end; /* of the text */
    bool newline_is_blank;
    uint64_t record; /* how many were begun */
    jsonl__key *keys;
    uint32_t key_count, key_capacity;
    uint32_t *slots; /* by hash: index of a key + 1; 0: free */
    uint32_t slot_mask;
    char *decoded; /* the record's texts that had escapes; room for the whole text */
    size_t decoded_size;
    size_t text_size;
    const char *fault_at; /* what is wrong with the record */
    char fault[ROW_WHY_SIZE];
    peal_status status; /* of what failed for the machine's sake */
    peal_error error;
} jsonl__walker;

/* A walker over records in `text`, which stays as it is and has PEAL_BLOCK_PADDING bytes of zero behind. */
peal_status jsonl__walker_init(jsonl__walker *walker, const char *text, size_t size, bool newline_is_blank,
                               peal_error *err);
void jsonl__walker_clear(jsonl__walker *walker);

/* Says what is wrong with the record. Both return false. */
bool jsonl__expected(jsonl__walker *walker, const char *at, const char *what);
/* The same of a value that begins at `begin`; of what other programs write in the place of one it says what JSON has.
 */
bool jsonl__no_value(jsonl__walker *walker, const char *begin, const char *at, const char *what);
bool jsonl__refuse(jsonl__walker *walker, const char *at, const char *reason, ...)
    __attribute__((format(printf, 3, 4), cold));

/* The rest of the walk. */
bool jsonl__key_find(jsonl__walker *walker, const uint32_t *around, size_t depth, const char *at, uint32_t *out);
/* The text from `raw` to its quote at `end`, which is not plain: checked, and without its escapes. */
bool jsonl__text_decode(jsonl__walker *walker, const char *raw, const char *end, unsigned holds, const char **text,
                        size_t *length);
/* What is wrong with a text that ends at `at`, which is no quote. Returns false. */
bool jsonl__string_fault(jsonl__walker *walker, const char *at);
/* Behind the value at `at`, which stands within `depth` objects and arrays; NULL if it is bad. What it holds is checked
 * and passed over. */
const char *jsonl__skip_value(jsonl__walker *walker, const char *at, size_t depth);
/* The key's path with points between, as far as there is room. */
void jsonl__key_name(jsonl__walker *walker, uint32_t key, char text[JSONL_PATH_MOST + 1]);
/* What is too deep within others; a key that stands twice in its object. Both return false. */
bool jsonl__too_deep(jsonl__walker *walker, const char *at);
bool jsonl__repeated(jsonl__walker *walker, const char *at, uint32_t key);

/* Begins a record. */
static inline void jsonl__begin(jsonl__walker *walker) {
    if (walker->key_count > JSONL_KEYS_MOST) {
        /* Keys that are values in truth (numbers of users...) would fill the memory: all are learnt anew. */
        walker->key_count = 1;
        walker->keys[JSONL_TOP].follower = JSONL_TOP;
        memset(walker->slots, 0, ((size_t)walker->slot_mask + 1) * sizeof *walker->slots);
    }
    walker->record++;
    walker->decoded_size = 0;
    walker->fault_at = NULL;
}

/* Whether the text at `at`, behind a quote, is this key. */
static inline bool jsonl__is_key(const jsonl__walker *walker, const jsonl__key *key, const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    if ((word & key->mask) != key->first) return false;
    if (key->size <= sizeof word) return true;
    return key->size <= (size_t)(walker->end - at) &&
           memcmp(at + sizeof word, key->raw + sizeof word, key->size - sizeof word) == 0;
}

/* The key at `at`, behind its quote, in the object of around[depth - 1]; `before` was the one before. */
static inline __attribute__((always_inline)) bool jsonl__key_at(jsonl__walker *walker, const uint32_t *around,
                                                                size_t depth, uint32_t before, const char **at,
                                                                uint32_t *out) {
    const uint32_t parent = around[depth - 1];
    uint32_t index = walker->keys[before].follower;
    const jsonl__key *key = &walker->keys[index];
    if (index == JSONL_TOP || key->parent != parent || !jsonl__is_key(walker, key, *at)) {
        if (!jsonl__key_find(walker, around, depth, *at, &index)) return false;
        walker->keys[before].follower = index;
    }
    jsonl__key *found = &walker->keys[index];
    if (found->seen == walker->record) return jsonl__repeated(walker, *at - 1, index);
    found->seen = walker->record;
    *at += found->size;
    *out = index;
    return true;
}

/* One value; OBJECT and ARRAY come without their contents. False refuses the record. */
typedef bool (*jsonl__take)(void *user, uint32_t key, jsonl__kind kind, const char *text, size_t length,
                            const char *at);

/* Apart, so that `text` and `length` of plain texts stay in registers. */
static inline bool jsonl__take_decoded(jsonl__walker *walker, const char *begin, const char *end, unsigned holds,
                                       uint32_t key, jsonl__take take) {
    const char *text = begin + 1;
    size_t length = (size_t)(end - text);
    return jsonl__text_decode(walker, text, end, holds, &text, &length) &&
           take(walker->user, key, JSONL_TEXT, text, length, begin);
}

/* A number, text or word at `*at`, which moves behind it. */
static inline __attribute__((always_inline)) bool jsonl__scalar(jsonl__walker *walker, const char **at, uint32_t key,
                                                                jsonl__take take) {
    const char *begin = *at, *fault;
    if (*begin == '"') {
        unsigned holds = 0;
        const char *text = begin + 1, *end = jsonl__string_end(text, &holds);
        if (*end != '"') return jsonl__string_fault(walker, end);
        *at = end + 1;
        if (holds) return jsonl__take_decoded(walker, begin, end, holds, key, take);
        return take(walker->user, key, JSONL_TEXT, text, (size_t)(end - text), begin);
    }
    if (*begin == '-' || jsonl__is_digit(*begin)) {
        *at = jsonl__behind_number(begin, &fault);
        if (!*at) return jsonl__no_value(walker, begin, fault, "a digit");
        return take(walker->user, key, JSONL_NUMBER, begin, (size_t)(*at - begin), begin);
    }
    const size_t length = *begin == 'f' ? 5 : 4;
    const char *word = *begin == 't' ? "true" : *begin == 'f' ? "false" : *begin == 'n' ? "null" : NULL;
    if (!word || memcmp(begin, word, length) != 0) return jsonl__no_value(walker, begin, begin, "a value");
    *at += length;
    return take(walker->user, key, *word == 'n' ? JSONL_NULL : JSONL_WORD, begin, length, begin);
}

/* Behind the brackets that close objects, and blanks; *depth is how many objects are still open. */
static inline const char *jsonl__behind_closed(const char *at, size_t *depth, bool newline_is_blank) {
    for (;;) {
        if (*at != ',') at = jsonl__behind_blanks(at, newline_is_blank);
        if (*at != '}') return at;
        at++;
        if (--*depth == 0) return at;
    }
}

/* Walks over the object at `*begin`, which moves behind it. False: the record is bad (walker->fault), or walker->status
 * says what failed. Written to be inlined with `take`, of which there is one in each file that walks. */
static inline __attribute__((always_inline)) bool jsonl__walk(jsonl__walker *walker, const char **begin,
                                                              jsonl__take take) {
    const bool newline_is_blank = walker->newline_is_blank;
    const char *at = *begin;
    uint32_t around[JSONL_DEPTH_MOST], key = JSONL_TOP; /* the keys of the objects that are open */
    size_t depth = 1;
    around[0] = JSONL_TOP;
    jsonl__begin(walker);
    if (*at != '{') return jsonl__expected(walker, at, "an object ('{')");
    at = jsonl__behind_blanks(at + 1, newline_is_blank);
    if (*at == '}') {
        *begin = at + 1;
        return true;
    }
    for (;;) {
        if (*at != '"') return jsonl__expected(walker, at, "a key in double quotes");
        at++;
        if (!jsonl__key_at(walker, around, depth, key, &at, &key)) return false;
        if (*at != ':') at = jsonl__behind_blanks(at, newline_is_blank);
        if (*at != ':') return jsonl__expected(walker, at, "':'");
        at = jsonl__behind_blanks(at + 1, newline_is_blank);
        if (*at == '{') {
            if (!take(walker->user, key, JSONL_OBJECT, at, 1, at)) return false;
            if (depth == JSONL_DEPTH_MOST) return jsonl__too_deep(walker, at);
            around[depth++] = key;
            at = jsonl__behind_blanks(at + 1, newline_is_blank);
            if (*at != '}') continue;
        } else if (*at == '[') {
            if (!take(walker->user, key, JSONL_ARRAY, at, 1, at)) return false;
            at = jsonl__skip_value(walker, at, depth);
            if (!at) return false;
        } else if (!jsonl__scalar(walker, &at, key, take)) {
            return false;
        }
        at = jsonl__behind_closed(at, &depth, newline_is_blank);
        if (depth == 0) break;
        if (*at != ',') return jsonl__expected(walker, at, "',' or '}'");
        at = jsonl__behind_blanks(at + 1, newline_is_blank);
    }
    *begin = at;
    return true;
}

#endif
