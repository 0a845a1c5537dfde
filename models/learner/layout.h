/* The tensors of a training, in memory that all workers share, each with a name, a type and an owner. Checkpoints are
 * made of them, and know nothing else of a learner.
 *
 * One layout is walked twice by whoever declares the tensors: once to sum up, when every call returns NULL, once to
 * place. */
#ifndef PEAL_MODELS_LAYOUT_H
#define PEAL_MODELS_LAYOUT_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/process/slab.h"
#include "models/net/tensor.h"

typedef enum peal_owner {
    PEAL_OWNER_STATE, /* one of the two states, by `index`: the committed one and the one being made */
    PEAL_OWNER_SLOT,  /* partition `index` */
    PEAL_OWNER_POOL   /* both states: the committed one says which parts of it are in use, a round writes the others */
} peal_owner;

typedef struct peal_shared_tensor {
    peal_owner owner;
    size_t index;
    peal_tensor tensor; /* a vector; `data` may be written */
} peal_shared_tensor;

typedef struct peal_layout {
    uint8_t *base; /* NULL: sums up */
    peal_slab_plan plan;
    peal_shared_tensor *tensors; /* [count] in the order in which they were placed */
    size_t count, room;
    uint64_t state_bytes, slot_bytes; /* of both states and the pool; of all slots */
    bool has_failed;                  /* there was no memory for the list */
} peal_layout;

/* `name` lasts as long as the layout. Zeroed at the beginning, and 64-byte aligned. */
void *peal_layout_take(peal_layout *layout, peal_owner owner, size_t index, const char *name, peal_tensor_type type,
                       size_t count);
/* Memory that is no tensor: nothing in it outlives a round. */
void *peal_layout_scratch(peal_layout *layout, size_t count, size_t size);
void peal_layout_clear(peal_layout *layout);

#endif
