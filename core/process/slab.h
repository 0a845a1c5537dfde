/* Shared memory that cannot leak: an anonymous shared mapping, seen by this process and those it forks, and gone with
 * the last of them. There is no name in /dev/shm. */
#ifndef PEAL_CORE_SLAB_H
#define PEAL_CORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct peal_slab {
    uint8_t *data; /* zeroed, page-aligned */
    size_t size;
} peal_slab;

/* `what` names the purpose for the error. PEAL_E_MEMORY, with the arithmetic, if machine and cgroup cannot give it. */
peal_status peal_slab_new(size_t size, const char *what, peal_slab *out, peal_error *err);
void peal_slab_free(peal_slab *slab);

/* Lays out one slab for many parts: each take returns the offset of `size` bytes, 64-byte aligned. */
typedef struct peal_slab_plan {
    size_t size;
} peal_slab_plan;
/* SIZE_MAX once the sum has overflowed. */
size_t peal_slab_plan_take(peal_slab_plan *plan, size_t count, size_t size);

#endif
