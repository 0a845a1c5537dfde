/* Places tensors in a slab and lists them; see layout.h. */
#include "models/learner/layout.h"

#include <stdlib.h>

void *peal_layout_scratch(peal_layout *layout, size_t count, size_t size) {
    const size_t offset = peal_slab_plan_take(&layout->plan, count, size);
    return layout->base ? layout->base + offset : NULL;
}

static void list_tensor(peal_layout *layout, const peal_shared_tensor *tensor) {
    if (layout->count == layout->room) {
        const size_t room = layout->room ? 2 * layout->room : 64;
        peal_shared_tensor *grown = realloc(layout->tensors, room * sizeof *grown);
        layout->has_failed = layout->has_failed || !grown;
        if (!grown) return;
        layout->tensors = grown;
        layout->room = room;
    }
    layout->tensors[layout->count++] = *tensor;
}

void *peal_layout_take(peal_layout *layout, peal_owner owner, size_t index, const char *name, peal_tensor_type type,
                       size_t count) {
    void *data = peal_layout_scratch(layout, count, peal_tensor_item(type));
    uint64_t *bytes = owner == PEAL_OWNER_SLOT ? &layout->slot_bytes : &layout->state_bytes;
    *bytes += (uint64_t)count * peal_tensor_item(type);
    if (layout->base) {
        list_tensor(layout,
                    &(peal_shared_tensor){.owner = owner,
                                          .index = index,
                                          .tensor = {.name = name, .type = type, .data = data, .width = count}});
    }
    return data;
}

void peal_layout_clear(peal_layout *layout) {
    free(layout->tensors);
    *layout = (peal_layout){0};
}
