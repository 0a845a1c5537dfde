/* Blocks of objects of web servers: fetched once, kept for a while, begun ahead; see http_blocks.h. */
#include "etl/source/http_blocks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/http.h"

enum { BLOCK = 1 << 20, BLOCKS = 1024, AHEAD_MOST = 4, BEGUN_MOST = 16 };
_Static_assert(AHEAD_MOST < BLOCKS / 2, "what is begun ahead does not drive out what is read");

/* A block is begun (it has a download), being taken (a reader is at the download), or there. Its place in the file is
 * that among the blocks. */
typedef struct block {
    const source__http_object *object; /* NULL: the place is free */
    uint64_t index;                    /* in the object */
    source__download *download;
    bool being_taken, is_there;
    size_t readers; /* of its bytes in the file, right now */
    uint64_t used;  /* the higher, the later */
} block;

struct source__http_blocks {
    int file;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a block is no longer being taken, or read */
    uint64_t uses;
    block blocks[BLOCKS];
};

peal_status source__http_blocks_new(source__http_blocks **out, peal_error *err) {
    source__http_blocks *self = calloc(1, sizeof *self);
    *out = self;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->file = source__open_unnamed();
    if (self->file >= 0) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a file in %s", peal_temporary_folder());
}

void source__http_blocks_free(source__http_blocks *self) {
    if (!self) return;
    if (self->file >= 0) close(self->file);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

/* ---- places; all with the lock held ---- */

static void let_go(block *one) {
    source__download_end(one->download);
    *one = (block){.object = NULL};
}

static block *find(source__http_blocks *self, const source__http_object *object, uint64_t index) {
    for (size_t i = 0; i < BLOCKS; i++) {
        if (self->blocks[i].object == object && self->blocks[i].index == index) return &self->blocks[i];
    }
    return NULL;
}

/* A free place, or that of what was used longest ago; NULL: all are being taken or read. */
static block *find_place(source__http_blocks *self) {
    block *oldest = NULL;
    for (size_t i = 0; i < BLOCKS; i++) {
        block *one = &self->blocks[i];
        if (!one->object) return one;
        if (!one->being_taken && one->readers == 0 && (!oldest || one->used < oldest->used)) oldest = one;
    }
    if (oldest) let_go(oldest);
    return oldest;
}

/* Lets the oldest go of those that were begun ahead and that nobody came for, if they are many: each has a buffer in
 * memory. */
static void drop_begun(source__http_blocks *self) {
    block *oldest = NULL;
    size_t count = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        block *one = &self->blocks[i];
        if (!one->object || one->is_there || one->being_taken) continue;
        count++;
        if (!oldest || one->used < oldest->used) oldest = one;
    }
    if (count >= BEGUN_MOST) let_go(oldest);
}

static size_t size_of(const source__http_object *object, uint64_t index) {
    const uint64_t left = object->facts.size - index * BLOCK;
    return left < BLOCK ? (size_t)left : BLOCK;
}

/* Begins to fetch a block into a place that is free. */
static peal_status begin(source__http_blocks *self, block *place, source__http_object *object, uint64_t index,
                         peal_error *err) {
    const size_t size = size_of(object, index);
    const source__wanted wanted = {.url = object->url,
                                   .name = object->name,
                                   .begin = index * BLOCK,
                                   .end = index * BLOCK + size,
                                   .facts = &object->facts,
                                   .exact = true,
                                   .buffer = size};
    source__download *download;
    PEAL_TRY(source__download_begin(object->session->transfers, &wanted, &download, err));
    *place = (block){.object = object, .index = index, .download = download, .used = ++self->uses};
    return PEAL_OK;
}

/* How many blocks right before this one are there, of those that count. */
static uint64_t count_before(source__http_blocks *self, const source__http_object *object, uint64_t index) {
    uint64_t count = 0;
    while (count < AHEAD_MOST && count < index) {
        const uint64_t before = index - count - 1;
        const block *one = find(self, object, before);
        if (!(one && one->is_there) && (before + 1) * BLOCK > object->piece_size) break;
        count++;
    }
    return count;
}

/* The last block that is begun ahead: the last one that is wanted, or, where all is read that lies in front of it, the
 * one behind, which a neighbour will want. */
static uint64_t last_ahead(const source__http_object *object, uint64_t read_to, uint64_t before) {
    const uint64_t last = (object->facts.size - 1) / BLOCK;
    const uint64_t wanted = read_to ? (read_to - 1) / BLOCK + (before == AHEAD_MOST) : last;
    return wanted < last ? wanted : last;
}

/* Begins the blocks behind one that is read first. What cannot be begun is begun by its reader, who will tell why not.
 */
static void begin_ahead(source__http_blocks *self, source__http_object *object, uint64_t index, uint64_t read_to) {
    const uint64_t count = count_before(self, object, index), last = last_ahead(object, read_to, count);
    for (uint64_t next = index + 1; next <= index + count && next <= last; next++) {
        if (find(self, object, next)) continue;
        drop_begun(self);
        block *place = find_place(self);
        if (!place || begin(self, place, object, next, NULL) != PEAL_OK) return;
    }
}

/* ---- reading ---- */

static uint64_t place_in_file(const source__http_blocks *self, const block *one) {
    return (uint64_t)(one - self->blocks) * BLOCK;
}

/* All bytes of a block that was begun. */
static peal_status receive(const block *one, uint8_t *out, size_t size, peal_error *err) {
    for (size_t done = 0, got; done < size; done += got) {
        PEAL_TRY(source__download_read(one->download, out + done, size - done, &got, err));
        if (got > 0) continue;
        return peal_fail(err, PEAL_E_DATA, "%s: of bytes %llu to %llu the server gives the first %zu only",
                         one->object->name, (unsigned long long)one->index * BLOCK,
                         (unsigned long long)(one->index * BLOCK + size), done);
    }
    return PEAL_OK;
}

static peal_status receive_into_file(const source__http_blocks *self, const block *one, peal_error *err) {
    const size_t size = size_of(one->object, one->index);
    uint8_t *bytes = NULL;
    PEAL_TRY(peal_alloc_checked(&bytes, size, 1, "a source", err));
    peal_status status = receive(one, bytes, size, err);
    if (status == PEAL_OK) {
        status = peal_file_write_at(self->file, peal_temporary_folder(), bytes, size, place_in_file(self, one), err);
    }
    free(bytes);
    return status;
}

/* Takes the bytes of a block that was begun, and begins those behind it. The lock is let go meanwhile; nobody else
 * takes the place of a block that is being taken. */
static peal_status take(source__http_blocks *self, source__http_object *object, block *one, uint64_t read_to,
                        peal_error *err) {
    one->being_taken = true;
    begin_ahead(self, object, one->index, read_to);
    pthread_mutex_unlock(&self->lock);
    const peal_status status = receive_into_file(self, one, err);
    pthread_mutex_lock(&self->lock);
    one->being_taken = false;
    source__download_end(one->download);
    one->download = NULL;
    one->is_there = status == PEAL_OK;
    if (status != PEAL_OK) let_go(one);
    pthread_cond_broadcast(&self->changed);
    return status;
}

/* Makes a block be there. With the lock held. */
static peal_status need(source__http_blocks *self, source__http_object *object, uint64_t index, uint64_t read_to,
                        block **out, peal_error *err) {
    for (;;) {
        block *one = find(self, object, index), *place = one ? one : find_place(self);
        if (one && one->is_there) {
            *out = one;
            return PEAL_OK;
        }
        if (!place || (one && one->being_taken)) {
            pthread_cond_wait(&self->changed, &self->lock); /* bounded: whoever takes ends at a stall or at a stop */
            continue;
        }
        if (!one) PEAL_TRY(begin(self, place, object, index, err));
        PEAL_TRY(take(self, object, place, read_to, err));
    }
}

peal_status source__http_blocks_read(source__http_object *object, uint64_t read_to, uint64_t offset, uint8_t *out,
                                     size_t capacity, size_t *got, peal_error *err) {
    source__http_blocks *self = object->session->blocks;
    const size_t from = (size_t)(offset % BLOCK), left = size_of(object, offset / BLOCK) - from;
    block *one;
    *got = 0;
    pthread_mutex_lock(&self->lock);
    peal_status status = need(self, object, offset / BLOCK, read_to, &one, err);
    if (status == PEAL_OK) {
        one->used = ++self->uses;
        one->readers++;
        pthread_mutex_unlock(&self->lock);
        status = peal_file_read_at(self->file, object->name, out, left < capacity ? left : capacity,
                                   place_in_file(self, one) + from, got, err);
        pthread_mutex_lock(&self->lock);
        one->readers--;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

void source__http_blocks_forget(const source__http_object *object) {
    source__http_blocks *self = object->session->blocks;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (self->blocks[i].object == object) let_go(&self->blocks[i]);
    }
    pthread_mutex_unlock(&self->lock);
}
