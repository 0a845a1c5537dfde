/* From XML to keys and errors; see s3_answer.h. */
#include "etl/source/s3_answer.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/utf8.h"
#include "etl/source/http_text.h"
#include "etl/source/libexpat.h"
#include "etl/source/s3_names.h"

/* LEVELS: the names of so many elements within each other are known; deeper ones are passed over. */
enum { LEVELS = 3, NAME_SIZE = 32, DEPTH_MOST = 64, TEXT_MOST = 1 << 14 };

static const char list_root[] = "ListBucketResult";

/* A walk through a document. Each element is handed on when it ends, with the text behind its last child. */
typedef struct reader {
    XML_Parser parser;
    unsigned depth;
    char names[LEVELS][NAME_SIZE]; /* of the elements that are open */
    peal_buffer text;
    void (*take)(struct reader *self, const char *text);
    peal_status status;
    peal_error error;

    /* a list */
    source__s3_listing *listing;
    source__s3_key key; /* the one that is open */
    bool has_size, has_truncated, truncated, is_encoded;
    /* an error */
    source__s3_error *said;
} reader;

__attribute__((format(printf, 3, 4))) static void stop(reader *self, peal_status status, const char *format, ...) {
    char why[512];
    va_list arguments;
    if (self->status != PEAL_OK) return;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    self->status =
        peal_fail(&self->error, status, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(self->parser), why);
    XML_StopParser(self->parser, XML_FALSE);
}

/* ---- the walk ---- */

static void XMLCALL on_begin(void *user, const XML_Char *name, const XML_Char **attributes) {
    reader *self = user;
    (void)attributes;
    if (self->depth == DEPTH_MOST) {
        stop(self, PEAL_E_DATA, "more than %d elements within each other", DEPTH_MOST);
        return;
    }
    if (self->depth == 0 && self->listing && strcmp(name, list_root) != 0) {
        stop(self, PEAL_E_DATA, "'%s' where a list of objects (%s) is expected", name, list_root);
        return;
    }
    if (self->depth < LEVELS) {
        const bool fits = strlen(name) < NAME_SIZE;
        snprintf(self->names[self->depth], NAME_SIZE, "%s", fits ? name : "");
    }
    self->depth++;
    self->text.size = 0;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int size) {
    reader *self = user;
    if (self->depth > LEVELS) return;
    if (self->text.size + (size_t)size > TEXT_MOST) {
        stop(self, PEAL_E_DATA, "a text of more than %d bytes", TEXT_MOST);
    } else if (peal_buffer_append(&self->text, text, (size_t)size, NULL) != PEAL_OK) {
        stop(self, PEAL_E_MEMORY, "no memory for a text");
    }
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
    reader *self = user;
    (void)name;
    if (self->status != PEAL_OK) return;
    if (self->depth <= LEVELS) {
        if (peal_buffer_append(&self->text, "", 1, NULL) == PEAL_OK) {
            self->take(self, (const char *)self->text.data);
        } else {
            stop(self, PEAL_E_MEMORY, "no memory for a text");
        }
    }
    self->depth--;
    self->text.size = 0;
}

/* No answer has one, and what it declares (entities) would have to be read. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                               int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    stop(user, PEAL_E_DATA, "a document type, which no answer of S3 has");
}

static void walk(reader *self, const void *xml, size_t size) {
    self->status = source__expat_load(&self->error);
    if (self->status != PEAL_OK) return;
    self->parser = XML_ParserCreate(NULL);
    if (!self->parser || size > INT_MAX) {
        self->status = peal_fail(&self->error, PEAL_E_MEMORY, "no memory for an answer");
    } else {
        XML_SetUserData(self->parser, self);
        XML_SetElementHandler(self->parser, on_begin, on_end);
        XML_SetCharacterDataHandler(self->parser, on_text);
        XML_SetStartDoctypeDeclHandler(self->parser, on_doctype);
        if (XML_Parse(self->parser, xml, (int)size, XML_TRUE) != XML_STATUS_OK) {
            stop(self, PEAL_E_DATA, "%s", XML_ErrorString(XML_GetErrorCode(self->parser)));
        }
    }
    if (self->parser) XML_ParserFree(self->parser);
    peal_buffer_clear(&self->text);
}

static bool is_in(const reader *self, unsigned depth, const char *parent, const char *name) {
    return self->depth == depth && strcmp(self->names[depth - 1], name) == 0 &&
           strcmp(self->names[depth - 2], parent) == 0;
}

/* ---- a page of a list ---- */

static bool read_size(const char *text, uint64_t *out) {
    uint64_t size = 0;
    if (!*text) return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        if (size > (INT64_MAX - digit) / 10) return false;
        size = size * 10 + digit;
    }
    *out = size;
    return *text == '\0';
}

/* A list may have etags without the quotes that they have in heads. NULL if it is none. */
static char *etag_of(const char *text) {
    char *etag = strchr(text, '"') ? peal_strdup(text) : peal_sprintf("\"%s\"", text);
    if (etag && source__is_etag(etag)) return etag;
    free(etag);
    return NULL;
}

static void set_text(reader *self, char **place, char *text) {
    if (!text) stop(self, PEAL_E_MEMORY, "no memory for a list of objects");
    free(*place);
    *place = text;
}

static void add_key(reader *self) {
    source__s3_listing *listing = self->listing;
    if (!self->key.key || !self->has_size) {
        stop(self, PEAL_E_DATA, "an object without %s", self->key.key ? "a size" : "a key");
        return;
    }
    if (listing->count == SOURCE__S3_KEYS_MOST) {
        stop(self, PEAL_E_DATA, "more than %d objects", SOURCE__S3_KEYS_MOST);
        return;
    }
    if (listing->count == listing->capacity) {
        const size_t capacity = listing->capacity * 2 + 64;
        source__s3_key *longer = realloc(listing->keys, capacity * sizeof *longer);
        if (!longer) {
            stop(self, PEAL_E_MEMORY, "no memory for a list of objects");
            return;
        }
        listing->keys = longer;
        listing->capacity = capacity;
    }
    listing->keys[listing->count++] = self->key;
    self->key = (source__s3_key){0};
    self->has_size = false;
}

static void take_of_list(reader *self, const char *text) {
    static const char entry[] = "Contents";
    const char *root = list_root;
    if (is_in(self, 2, root, "IsTruncated")) {
        self->truncated = strcmp(text, "true") == 0;
        self->has_truncated = self->truncated || strcmp(text, "false") == 0;
    } else if (is_in(self, 2, root, "NextContinuationToken")) {
        if (*text) set_text(self, &self->listing->next, peal_strdup(text));
    } else if (is_in(self, 2, root, "EncodingType")) {
        self->is_encoded = strcmp(text, "url") == 0;
    } else if (is_in(self, 2, root, entry)) {
        add_key(self);
    } else if (is_in(self, 3, entry, "Key")) {
        set_text(self, &self->key.key, peal_strdup(text));
    } else if (is_in(self, 3, entry, "Size")) {
        self->has_size = read_size(text, &self->key.size);
        if (!self->has_size) stop(self, PEAL_E_DATA, "'%s' where a size in bytes is expected", text);
    } else if (is_in(self, 3, entry, "ETag") && *text) {
        char *etag = etag_of(text);
        if (etag) set_text(self, &self->key.etag, etag);
    }
}

/* Keys are text in UTF-8, which XML cannot say of all: lists are asked for with keys as they stand in URLs. */
static peal_status finish_key(const reader *self, char *key, peal_error *err) {
    if (self->is_encoded && !source__s3_decode(key)) {
        return peal_fail(err, PEAL_E_DATA, "the key '%s' is not encoded as in a URL", key);
    }
    const size_t size = strlen(key);
    if (size > 0 && size <= SOURCE__KEY_MOST && peal_utf8_error(key, size) == size) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "a key that is not 1 to %d bytes of UTF-8", SOURCE__KEY_MOST);
}

peal_status source__s3_listing_add(source__s3_listing *listing, const char *what, const void *xml, size_t size,
                                   peal_error *err) {
    reader self = {.take = take_of_list, .listing = listing};
    const size_t before = listing->count;
    free(listing->next);
    listing->next = NULL;
    walk(&self, xml, size);
    free(self.key.key);
    free(self.key.etag);
    peal_error *why = &self.error;
    if (self.status == PEAL_OK && !self.has_truncated) {
        self.status = peal_fail(why, PEAL_E_DATA, "no IsTruncated that says whether there is more");
    } else if (self.status == PEAL_OK && self.truncated && !listing->next) {
        self.status = peal_fail(why, PEAL_E_DATA,
                                "there is more, but no NextContinuationToken: the store does not know ListObjectsV2");
    }
    for (size_t i = before; self.status == PEAL_OK && i < listing->count; i++) {
        self.status = finish_key(&self, listing->keys[i].key, why);
    }
    if (self.status == PEAL_OK && !self.truncated) {
        free(listing->next);
        listing->next = NULL;
    }
    if (self.status == PEAL_OK) return PEAL_OK;
    if (self.status != PEAL_E_DATA) return peal_fail(err, self.status, "%s: %s", what, why->message);
    return peal_fail(err, self.status, "%s: the list that the store answered: %s", what, why->message);
}

void source__s3_listing_clear(source__s3_listing *listing) {
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->keys[i].key);
        free(listing->keys[i].etag);
    }
    free(listing->keys);
    free(listing->next);
    *listing = (source__s3_listing){0};
}

/* ---- an error ---- */

static void copy_line(char *out, size_t capacity, const char *text) {
    size_t size = strlen(text) < capacity ? strlen(text) : capacity - 1;
    size = peal_utf8_error(text, size); /* what is cut within a letter ends before it */
    for (size_t i = 0; i < size; i++) out[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? ' ' : text[i];
    out[size] = '\0';
}

static void take_of_error(reader *self, const char *text) {
    static const char root[] = "Error";
    source__s3_error *said = self->said;
    if (is_in(self, 2, root, "Code")) copy_line(said->code, sizeof said->code, text);
    if (is_in(self, 2, root, "Message")) copy_line(said->message, sizeof said->message, text);
    if (is_in(self, 2, root, "Region")) copy_line(said->region, sizeof said->region, text);
    if (is_in(self, 2, root, "Endpoint")) copy_line(said->endpoint, sizeof said->endpoint, text);
}

void source__s3_error_read(const void *xml, size_t size, source__s3_error *out) {
    *out = (source__s3_error){0};
    reader self = {.take = take_of_error, .said = out};
    walk(&self, xml, size);
}
