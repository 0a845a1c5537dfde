/* Allocation whose sizes are checked, texts, byte buffers and arenas; see memory.h. */
#include "core/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/locale.h"

enum { LARGE_PAGE = 2 << 20 };

void *peal_alloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - PEAL_ALIGNMENT) return NULL;
    bytes = peal_round_up(bytes ? bytes : 1, PEAL_ALIGNMENT);
    /* Large pages for large tables: fewer misses of the TLB where access is random. A last page that would be less than
     * half full is not made a large one. */
    bool large = bytes >= LARGE_PAGE / 2;
    void *memory = aligned_alloc(large ? LARGE_PAGE : PEAL_ALIGNMENT, large ? peal_round_up(bytes, LARGE_PAGE) : bytes);
    if (large && memory) madvise(memory, (bytes + LARGE_PAGE / 2) & ~(size_t)(LARGE_PAGE - 1), MADV_HUGEPAGE);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

/* Hands `memory` out, or says that there is none. */
static peal_status hand_out(void *memory, void *pointer_out, size_t count, size_t size, const char *what,
                            peal_error *err) {
    memcpy(pointer_out, &memory, sizeof memory);
    if (memory) return PEAL_OK;
    return peal_fail(err, PEAL_E_MEMORY, "no memory for %s (%zu x %zu bytes)", what, count, size);
}

peal_status peal_alloc_checked(void *pointer_out, size_t count, size_t size, const char *what, peal_error *err) {
    return hand_out(peal_alloc(count, size), pointer_out, count, size, what, err);
}

peal_status peal_zeroed_checked(void *pointer_out, size_t count, size_t size, const char *what, peal_error *err) {
    return hand_out(calloc(count ? count : 1, size ? size : 1), pointer_out, count, size, what, err);
}

char *peal_strndup(const char *text, size_t length) {
    char *copy = malloc(length + 1);
    if (!copy) return NULL;
    if (length) memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *peal_strdup(const char *text) {
    return peal_strndup(text, strlen(text));
}

char *peal_sprintf(const char *format, ...) {
    const locale_t before = peal_locale_enter();
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) text = NULL;
    va_end(args);
    peal_locale_leave(before);
    return text;
}

int peal_snprintf(char *text, size_t size, const char *format, ...) {
    const locale_t before = peal_locale_enter();
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, size, format, args);
    va_end(args);
    peal_locale_leave(before);
    return length;
}

peal_status peal_buffer_reserve(peal_buffer *buffer, size_t extra, peal_error *err) {
    size_t needed;
    if (__builtin_add_overflow(buffer->size, extra, &needed) || needed > SIZE_MAX / 2) {
        return peal_fail(err, PEAL_E_MEMORY, "a buffer of %zu + %zu bytes is too large", buffer->size, extra);
    }
    if (needed <= buffer->capacity) return PEAL_OK;
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
    if (capacity < needed) capacity = needed;
    capacity = peal_round_up(capacity, PEAL_ALIGNMENT);
    uint8_t *data = aligned_alloc(PEAL_ALIGNMENT, capacity);
    if (!data) return peal_fail(err, PEAL_E_MEMORY, "no memory for a buffer of %zu bytes", capacity);
    if (buffer->size) memcpy(data, buffer->data, buffer->size);
    free(buffer->data);
    buffer->data = data;
    buffer->capacity = capacity;
    return PEAL_OK;
}

peal_status peal_buffer_append(peal_buffer *buffer, const void *bytes, size_t size, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(buffer, size, err));
    if (size) memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return PEAL_OK;
}

void peal_buffer_clear(peal_buffer *buffer) {
    free(buffer->data);
    *buffer = (peal_buffer){0};
}

typedef struct arena_chunk arena_chunk;
struct arena_chunk {
    arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(16) uint8_t bytes[];
};

struct peal_arena {
    arena_chunk *chunks; /* newest first */
    size_t chunk_size;
    size_t held;
};

peal_arena *peal_arena_new(size_t chunk_size) {
    peal_arena *arena = calloc(1, sizeof *arena);
    if (arena) arena->chunk_size = chunk_size;
    return arena;
}

static arena_chunk *arena_grow(peal_arena *arena, size_t size) {
    size_t chunk_size = size > arena->chunk_size ? size : arena->chunk_size;
    arena_chunk *chunk = malloc(sizeof *chunk + chunk_size);
    if (!chunk) return NULL;
    chunk->next = arena->chunks;
    chunk->size = chunk_size;
    chunk->used = 0;
    arena->chunks = chunk;
    arena->held += chunk_size;
    return chunk;
}

void *peal_arena_alloc(peal_arena *arena, size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    size = peal_round_up(size, 16);
    arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) chunk = arena_grow(arena, size);
    if (!chunk) return NULL;
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

void peal_arena_reset(peal_arena *arena) {
    while (arena->chunks && arena->chunks->next) {
        arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        arena->held -= chunk->size;
        free(chunk);
    }
    if (arena->chunks) arena->chunks->used = 0;
}

void peal_arena_free(peal_arena *arena) {
    if (!arena) return;
    peal_arena_reset(arena);
    free(arena->chunks);
    free(arena);
}

size_t peal_arena_size(const peal_arena *arena) {
    return arena->held;
}
