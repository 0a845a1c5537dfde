/* Maps memory that forked processes share; see slab.h. */
#include "core/process/slab.h"

#include <errno.h>
#include <sys/mman.h>

#include "core/base/machine.h"
#include "core/base/memory.h"

peal_status peal_slab_new(size_t size, const char *what, peal_slab *out, peal_error *err) {
    *out = (peal_slab){0};
    if (size == 0) size = PEAL_ALIGNMENT;
    PEAL_TRY(peal_machine_memory_check(size, what, err));
    PEAL_TRY(peal_machine_address_space_check(size, what, err));
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return peal_fail_errno(err, PEAL_E_MEMORY, errno, "cannot map %zu bytes of shared memory for %s", size, what);
    }
    madvise(memory, size, MADV_HUGEPAGE); /* where the system gives large pages to shared memory that asks */
    *out = (peal_slab){.data = memory, .size = size};
    return PEAL_OK;
}

void peal_slab_free(peal_slab *slab) {
    if (slab->data) munmap(slab->data, slab->size);
    *slab = (peal_slab){0};
}

size_t peal_slab_plan_take(peal_slab_plan *plan, size_t count, size_t size) {
    size_t bytes, end, offset = plan->size;
    if (offset == SIZE_MAX || __builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(offset, bytes, &end) || end > SIZE_MAX - PEAL_ALIGNMENT) {
        plan->size = SIZE_MAX;
        return SIZE_MAX;
    }
    plan->size = peal_round_up(end, PEAL_ALIGNMENT);
    return offset;
}
