/* Memory: checked and aligned allocation, growable byte buffers, and arenas for what dies together. */
#ifndef PEAL_CORE_MEMORY_H
#define PEAL_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* Arrow asks for 64-byte aligned buffers; it is also a cache line and a full AVX-512 register. */
enum { PEAL_ALIGNMENT = 64 };

/* The number rounded up to a multiple of `multiple`, a power of two. */
static inline size_t peal_round_up(size_t number, size_t multiple) {
    return (number + multiple - 1) & ~(multiple - 1);
}

/* Zeroed memory for `count` items of `size` bytes, 64-byte aligned; NULL if there is none or the product overflows.
 * The caller frees it with free(). */
void *peal_alloc(size_t count, size_t size);

/* The same, with the error already said. `what` names the thing for the message. */
peal_status peal_alloc_checked(void *pointer_out, size_t count, size_t size, const char *what, peal_error *err);

/* The same for what needs no alignment, such as many small things of which few are ever touched: of a large piece the
 * system gives no page before it is. */
peal_status peal_zeroed_checked(void *pointer_out, size_t count, size_t size, const char *what, peal_error *err);

/* A copy of `length` bytes with a NUL behind them. The caller frees it. */
char *peal_strndup(const char *text, size_t length);
char *peal_strdup(const char *text);
/* A formatted string that the caller frees; NULL if there is no memory. */
char *peal_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* snprintf, with a point in numbers whatever the locale. */
int peal_snprintf(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A growable run of bytes. Zero-initialise it; `peal_buffer_clear` frees. `data` is 64-byte aligned. */
typedef struct peal_buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
} peal_buffer;

/* Makes room for `extra` more bytes behind `size`. PEAL_E_MEMORY if there is none. */
peal_status peal_buffer_reserve(peal_buffer *buffer, size_t extra, peal_error *err);
peal_status peal_buffer_append(peal_buffer *buffer, const void *bytes, size_t size, peal_error *err);
void peal_buffer_clear(peal_buffer *buffer);

/* An arena: many small allocations freed at once. Not thread-safe. */
typedef struct peal_arena peal_arena;
peal_arena *peal_arena_new(size_t chunk_size);
/* `size` bytes, 16-byte aligned, not zeroed; NULL if there is no memory. Lives until the arena is freed or reset. */
void *peal_arena_alloc(peal_arena *arena, size_t size);
/* Forgets all allocations but keeps the first chunk for reuse. */
void peal_arena_reset(peal_arena *arena);
void peal_arena_free(peal_arena *arena);
/* Bytes that the arena holds from the system. */
size_t peal_arena_size(const peal_arena *arena);

#endif
