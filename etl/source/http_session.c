/* Sessions of web servers and of stores: objects, and a first look at all of them; see http.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/http.h"

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

/* ---- the session ---- */

void source__http_session_free(source__http_session *self) {
    if (!self) return;
    source__transfers_free(self->transfers);
    source__http_blocks_free(self->blocks);
    if (self->pieces >= 0) close(self->pieces);
    free(self->objects);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

peal_status source__http_session_new(const peal_source_options *wishes, const source__http_way *way,
                                     source__http_session **out, peal_error *err) {
    const json_t *access = wishes->access;
    source__http_session *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    pthread_mutex_init(&self->lock, NULL);
    self->connections = peal_option_count(access, "connections", CONNECTIONS);
    self->buffer = MEMORY / self->connections < PIECE_MOST ? MEMORY / self->connections : PIECE_MOST;
    if (self->buffer < BUFFER_LEAST) self->buffer = BUFFER_LEAST;
    self->pieces = source__open_unnamed();
    peal_status status = PEAL_OK;
    if (self->pieces < 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a file in %s", peal_temporary_folder());
    }
    const source__transfer_options transfer = {
        .connections = self->connections,
        .retries = (unsigned)peal_option_count(access, "http-retries", RETRIES),
        .stall_ms = (int64_t)peal_option_count(access, "http-stall-seconds", STALL_SECONDS) * 1000,
        .most_bytes = peal_option_count(access, "http-most-bytes", SOURCE__UNKNOWN),
        .allow_private = way->any_address || peal_option_flag(access, "allow-private", false),
        .bearer = way->bearer,
        .store = way->store,
        .stop = wishes->stop,
    };
    if (status == PEAL_OK) status = source__http_blocks_new(&self->blocks, err);
    if (status == PEAL_OK) status = source__transfers_new(&transfer, &self->transfers, err);
    if (status != PEAL_OK) {
        source__http_session_free(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

/* ---- objects ---- */

static void object_free(source__http_object *object) {
    free(object->name);
    free(object->url);
    free(object);
}

void source__http_forget(peal_source *source) {
    source__http_object *object = source->own;
    object->session->objects[object->index] = NULL;
    source__download_end(object->ahead);
    source__http_blocks_forget(object);
    object_free(object);
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

peal_status source__http_add(source__http_session *session, source__making *making, const source__http_named *named,
                             peal_error *err) {
    source__http_object *object = calloc(1, sizeof *object);
    if (!object) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    object->url = peal_strdup(named->url);
    object->name = peal_strdup(named->name);
    object->has_sha256 = named->sha256 != NULL;
    if (named->sha256) memcpy(object->sha256, named->sha256, sizeof object->sha256);
    object->listed = named->facts != NULL;
    if (named->facts) object->facts = *named->facts;
    const peal_status status = object->url && object->name
                                   ? keep_object(session, object, err)
                                   : peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    if (status != PEAL_OK) {
        object_free(object);
        return status;
    }
    return source__add(
        making,
        &(peal_source){.path = peal_strdup(named->name), .fd = -1, .own = object, .is_summed = object->has_sha256},
        err);
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

/* Of an object that a list tells to be empty there is no byte to ask for. */
static bool is_known_empty(const source__http_object *object) {
    return object->listed && object->facts.size == 0;
}

static peal_status begin_looks(looking *self, size_t done, peal_error *err) {
    for (; self->begun < self->count && self->begun < done + self->window; self->begun++) {
        const source__http_object *object = self->sources[self->begun]->own;
        const size_t size = piece_size(self);
        const source__wanted wanted = {.url = object->url,
                                       .name = object->name,
                                       .end = size,
                                       .facts = object->listed ? &object->facts : NULL,
                                       .buffer = size < BUFFER_LEAST ? BUFFER_LEAST : size};
        if (is_known_empty(object)) continue;
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

/* Takes the first bytes of one source, and what the server told. */
static peal_status take_piece(looking *self, source__http_object *object, source__download *download, peal_error *err) {
    size_t size = 0;
    for (size_t got = 1; got > 0 && size < self->piece_most; size += got) {
        PEAL_TRY(source__download_read(download, self->bytes + size, self->piece_most - size, &got, err));
    }
    source__download_facts(download, &object->facts, &object->ranges, &object->whole);
    return keep_piece(self, object, size, err);
}

static peal_status look_at(looking *self, peal_source *source, source__download *download, peal_error *err) {
    source__http_object *object = source->own;
    const peal_source_options *wishes = self->making->options;
    if (is_known_empty(object)) {
        object->ranges = object->whole = true;
        object->piece_hash = peal_hash("", 0, 0);
    } else {
        PEAL_TRY(take_piece(self, object, download, err));
    }
    pthread_mutex_lock(&self->session->lock);
    object->looked_at = true;
    pthread_mutex_unlock(&self->session->lock);
    source->size = object->whole ? object->piece_size : object->facts.size == SOURCE__UNKNOWN ? 0 : object->facts.size;
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

peal_status source__http_look(source__http_session *session, source__making *making, peal_error *err) {
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
