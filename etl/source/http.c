/* The kind of source that reads web servers: names to objects, and a first look at all of them.
 *
 * The look fetches the beginning of each object, many at once: its answer tells size and version, and what is small
 * is whole thereby. */
#include "etl/source/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "etl/source/http_names.h"

enum {
    CONNECTIONS = 16,
    RETRIES = 5,
    STALL_SECONDS = 30,
    MEMORY = 64 << 20, /* of all buffers together */
    PIECE_MOST = 1 << 20,
    PIECE_LEAST = 1 << 12,  /* of an object that may never be read, and of all when the pieces fill PIECES_MOST */
    BUFFER_LEAST = 1 << 18, /* holds what libcurl hands over at once */
};
#define PIECES_MOST ((uint64_t)1 << 30)

static const peal_option options[] = {
    {"connections", PEAL_OPTION_COUNT, NULL, 1, 256, "N", "connections to web servers at once, at most (16)"},
    {"http-retries", PEAL_OPTION_COUNT, NULL, 0, 100, "N",
     "tries after a cut, a stall, 408, 429 or 5xx, if nothing comes between them (5)"},
    {"http-stall-seconds", PEAL_OPTION_COUNT, NULL, 1, 3600, "S",
     "give a connection up on which nothing has come for so long (30)"},
    {"http-most-bytes", PEAL_OPTION_COUNT, NULL, 1, INT64_MAX, "N", "refuse an object of more bytes (none is refused)"},
    {"allow-private", PEAL_OPTION_FLAG, NULL, 0, 0, NULL,
     "read web servers at private and loopback addresses, too (they are refused, after redirects as well)"},
    {.name = NULL},
};

/* ---- the session ---- */

/* The token of the environment, or of the file that it names; NULL: none. Freed by the caller. */
static peal_status find_bearer(char **out, peal_error *err) {
    const char *token = getenv("PEAL_HTTP_BEARER"), *file = getenv("PEAL_HTTP_BEARER_FILE");
    peal_buffer text = {0};
    *out = NULL;
    if (token && *token) {
        *out = peal_strdup(token);
    } else if (file && *file) {
        PEAL_TRY(peal_file_read(file, &text, err));
        while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r')) text.size--;
        *out = peal_strndup((const char *)text.data, text.size);
        explicit_bzero(text.data, text.size);
        peal_buffer_clear(&text);
    } else {
        return PEAL_OK;
    }
    if (!*out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a token");
    for (const char *at = *out; *at; at++) {
        if (*at > ' ' && *at < 127) continue;
        free(*out);
        *out = NULL;
        return peal_fail(err, PEAL_E_USAGE, "the token for web servers has a character that no token has");
    }
    return PEAL_OK;
}

static void http_end(void *opaque) {
    source__http_session *self = opaque;
    source__transfers_free(self->transfers);
    if (self->pieces >= 0) close(self->pieces);
    free(self->objects);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static peal_status http_begin(const peal_source_options *wishes, void **out, peal_error *err) {
    const json_t *access = wishes->access;
    source__http_session *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    pthread_mutex_init(&self->lock, NULL);
    self->connections = peal_option_count(access, "connections", CONNECTIONS);
    self->buffer = MEMORY / self->connections < PIECE_MOST ? MEMORY / self->connections : PIECE_MOST;
    if (self->buffer < BUFFER_LEAST) self->buffer = BUFFER_LEAST;
    self->pieces = source__open_unnamed();
    char *bearer = NULL;
    peal_status status = find_bearer(&bearer, err);
    if (status == PEAL_OK && self->pieces < 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a file in %s", peal_temporary_folder());
    }
    const source__transfer_options transfer = {
        .connections = self->connections,
        .retries = (unsigned)peal_option_count(access, "http-retries", RETRIES),
        .stall_ms = (int64_t)peal_option_count(access, "http-stall-seconds", STALL_SECONDS) * 1000,
        .most_bytes = peal_option_count(access, "http-most-bytes", SOURCE__UNKNOWN),
        .allow_private = peal_option_flag(access, "allow-private", false),
        .bearer = bearer,
        .stop = wishes->stop,
    };
    if (status == PEAL_OK) status = source__transfers_new(&transfer, &self->transfers, err);
    if (bearer) explicit_bzero(bearer, strlen(bearer));
    free(bearer);
    if (status == PEAL_OK) {
        *out = self;
    } else {
        http_end(self);
    }
    return status;
}

/* ---- the list ---- */

static void http_forget(peal_source *source) {
    source__http_object *object = source->own;
    source__http_session *session = object->session;
    session->objects[object->index] = NULL;
    source__download_end(object->ahead);
    free(object->url);
    free(object);
}

static peal_status keep_object(source__http_session *session, source__http_object *object, peal_error *err) {
    if (session->count == session->capacity) {
        const size_t capacity = session->capacity * 2 + 16;
        source__http_object **longer = realloc(session->objects, capacity * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
        session->objects = longer;
        session->capacity = capacity;
    }
    object->session = session;
    object->index = session->count;
    session->objects[session->count++] = object;
    return PEAL_OK;
}

static peal_status add_url(void *opaque, const char *url, const uint8_t *sha256, peal_error *err) {
    source__making *making = opaque;
    source__http_object *object = calloc(1, sizeof *object);
    if (!object) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    object->url = peal_strdup(url);
    object->has_sha256 = sha256 != NULL;
    if (sha256) memcpy(object->sha256, sha256, sizeof object->sha256);
    const peal_status status = object->url ? keep_object(making->session, object, err)
                                           : peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    if (status != PEAL_OK) {
        free(object->url);
        free(object);
        return status;
    }
    return source__add(making, &(peal_source){.path = peal_strdup(url), .fd = -1, .own = object}, err);
}

static peal_status http_list(source__making *making, const char *name, peal_error *err) {
    return source__http_expand(name, add_url, making, err);
}

/* ---- the look ---- */

typedef struct looking {
    source__making *making;
    source__http_session *session;
    peal_source **sources;        /* [count] of this kind, in the order of the list */
    source__download **downloads; /* [window], of the next ones */
    size_t count, window, begun;
    size_t piece_most; /* bytes */
    uint8_t *bytes;    /* [piece_most] */
} looking;

static size_t piece_size(const looking *self) {
    const bool sparing = self->making->options->sparing || self->session->pieces_size >= PIECES_MOST;
    return sparing ? PIECE_LEAST : self->piece_most;
}

static peal_status begin_looks(looking *self, size_t done, peal_error *err) {
    for (; self->begun < self->count && self->begun < done + self->window; self->begun++) {
        const source__http_object *object = self->sources[self->begun]->own;
        const size_t size = piece_size(self);
        const source__wanted wanted = {
            .url = object->url, .end = size, .buffer = size < BUFFER_LEAST ? BUFFER_LEAST : size};
        PEAL_TRY(source__download_begin(self->session->transfers, &wanted, &self->downloads[self->begun % self->window],
                                        err));
    }
    return PEAL_OK;
}

static peal_status keep_piece(looking *self, source__http_object *object, size_t size, peal_error *err) {
    source__http_session *session = self->session;
    object->piece_at = session->pieces_size;
    object->piece_size = size;
    object->piece_hash = peal_hash(self->bytes, size, 0);
    for (size_t done = 0; done < size;) {
        const ssize_t n =
            pwrite(session->pieces, self->bytes + done, size - done, (off_t)(session->pieces_size + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write to a file in %s", peal_temporary_folder());
        done += (size_t)n;
    }
    session->pieces_size += size;
    return PEAL_OK;
}

/* What tells this content from another without its bytes: a strong etag, else date and size; NULL if the server tells
 * neither. Freed by the caller. */
static peal_status describe_version(const source__facts *facts, char **out, peal_error *err) {
    *out = NULL;
    if (source__is_strong(facts->etag)) {
        *out = peal_sprintf("etag %s", facts->etag);
    } else if (facts->modified[0] && facts->size != SOURCE__UNKNOWN) {
        *out = peal_sprintf("of %s, %llu bytes", facts->modified, (unsigned long long)facts->size);
    } else {
        return PEAL_OK;
    }
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a version");
}

/* Nothing tells what it is: its bytes do, all of which are taken now, as of a pipe. */
static peal_status take_whole(looking *self, peal_source *source, peal_error *err) {
    const source__http_object *object = source->own;
    if (object->whole) {
        source->hashed = true;
        source->hash = object->piece_hash;
        return PEAL_OK;
    }
    peal_stream *stream;
    PEAL_TRY(source__http_open(source, NULL, &stream, err));
    return peal_source_unpack(source, stream, self->making->options, err);
}

/* The first bytes of one source, and what the server told. */
static peal_status look_at(looking *self, peal_source *source, source__download *download, peal_error *err) {
    source__http_object *object = source->own;
    const peal_source_options *wishes = self->making->options;
    size_t size = 0;
    for (size_t got = 1; got > 0; size += got) {
        PEAL_TRY(source__download_read(download, self->bytes + size, self->piece_most - size, &got, err));
        if (size + got == self->piece_most) {
            size += got;
            break;
        }
    }
    source__download_facts(download, &object->facts, &object->ranges, &object->whole);
    PEAL_TRY(keep_piece(self, object, size, err));
    pthread_mutex_lock(&self->session->lock);
    object->looked_at = true;
    pthread_mutex_unlock(&self->session->lock);
    source->size = object->whole ? size : object->facts.size == SOURCE__UNKNOWN ? 0 : object->facts.size;
    PEAL_TRY(describe_version(&object->facts, &source->version, err));
    return source->version || !wishes->identify ? PEAL_OK : take_whole(self, source, err);
}

static peal_status look_at_all(looking *self, peal_error *err) {
    const peal_source_options *wishes = self->making->options;
    for (size_t i = 0; i < self->count; i++) {
        peal_error why = {0};
        PEAL_TRY(begin_looks(self, i, err));
        source__download **place = &self->downloads[i % self->window];
        const peal_status status = look_at(self, self->sources[i], *place, &why);
        source__download_end(*place);
        *place = NULL;
        peal_report_progress(wishes->reporter, "looking", "objects", i + 1, self->count);
        if (status == PEAL_E_DATA) {
            self->sources[i]->bad = peal_strdup(why.message);
            if (!self->sources[i]->bad) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
            if (!wishes->go_on) return PEAL_OK; /* the caller sees it */
        } else if (status != PEAL_OK) {
            if (err) *err = why;
            return status;
        }
    }
    return PEAL_OK;
}

static peal_status http_look(source__making *making, peal_error *err) {
    source__http_session *session = making->session;
    peal_source_list *list = making->list;
    looking self = {.making = making, .session = session, .window = 2 * session->connections};
    self.piece_most = MEMORY / self.window < PIECE_MOST ? MEMORY / self.window : PIECE_MOST;
    peal_status status = peal_alloc_checked(&self.sources, list->count + 1, sizeof *self.sources, "sources", err);
    if (status == PEAL_OK) {
        status = peal_zeroed_checked(&self.downloads, self.window, sizeof *self.downloads, "sources", err);
    }
    if (status == PEAL_OK) status = peal_alloc_checked(&self.bytes, self.piece_most, 1, "sources", err);
    for (size_t i = 0; status == PEAL_OK && i < list->count; i++) {
        if (list->sources[i].kind == making->kind) self.sources[self.count++] = &list->sources[i];
    }
    if (status == PEAL_OK) status = look_at_all(&self, err);
    for (size_t i = 0; self.downloads && i < self.window; i++) source__download_end(self.downloads[i]);
    free(self.downloads);
    free(self.sources);
    free(self.bytes);
    return status;
}

const peal_source_kind peal_source_http = {
    .name = "http",
    .documentation = "https://host/path and http://: an object of a web server, read while it arrives. {000..999} and "
                     "{a,b} stand for many, #sha256=DIGITS behind one for what its bytes must be. Names and passwords "
                     "come from ~/.netrc, a token from PEAL_HTTP_BEARER or the file PEAL_HTTP_BEARER_FILE.",
    .options = options,
    .recognise = source__is_http,
    .check = source__http_check,
    .begin = http_begin,
    .end = http_end,
    .list = http_list,
    .look = http_look,
    .open = source__http_open,
    .forget = http_forget,
};
